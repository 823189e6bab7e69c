"""A group service with the list of who came, pasted as it stands in somebody's table."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from ckr_es.api.group_services import told as told_of
from ckr_es.application import Receipt
from ckr_es.commands.group_services import Draft, GroupService, look
from ckr_es.rules import Invalid, Problem
from ckr_es.rules.calendar import today
from ckr_es.rules.validation import parse
from ckr_es.web.entries.subjects import by_inn, clusters
from ckr_es.web.fields import Asked, Body, Field, asked_for
from ckr_es.web.forms import Form, requested
from ckr_es.web.page import told

LIST: Final = "participants"
Line = tuple[str, int | None]  # an INN (or an id), and how many people came, where that is said


def _lines(said: Body) -> list[Line]:
    """Raises Invalid naming each line whose number of people is none."""
    lines: list[Line] = []
    problems = []
    for no, line in enumerate(said.get(LIST, ())):
        who, *others = line.replace(";", "\t").split()
        heads = others[-1] if others else ""
        if heads and not (heads.isascii() and heads.isdigit()):
            problems.append(Problem(f"/{LIST}/{no}", "number-invalid", "После ИНН — сколько человек пришло"))
        lines.append((who, int(heads) if heads.isascii() and heads.isdigit() else None))
    if problems:
        raise Invalid(problems[0].code, problems[0].detail, problems)
    return lines


def _came(lines: Sequence[Line], whom: Sequence[UUID | Problem]) -> Body:
    came = [
        {"participant_id": str(who), "attendees": heads}
        for (_, heads), who in zip(lines, whom, strict=True)
        if heads is not None and isinstance(who, UUID)
    ]
    return {"attendance": came} if came else {}


def _as_list(asked: Asked, said: Body) -> Body:
    """Participants by their ids, in the order pasted. Raises Invalid naming each line that is nobody."""
    lines = _lines(said)
    whom = by_inn(asked, [who for who, _ in lines])
    strangers = [who for who in whom if isinstance(who, Problem)]
    if strangers:
        raise Invalid(strangers[0].code, "В списке есть те, кого не нашли", strangers)
    return {**said, **_came(lines, whom), **({LIST: [str(who) for who in whom]} if lines else {})}


def _checked(asked: Asked, said: Body) -> Mapping[str, Any] | None:
    """The verdict on each line; None while there is no list."""
    lines = _lines(said)
    if not lines:
        return None
    whom = by_inn(asked, [who for who, _ in lines])
    known = {**said, **_came(lines, whom), LIST: [who for who, _ in lines]}
    draft = parse(Draft, known, today(datetime.now(UTC)))
    found: dict[str, Any] = told(told_of(look(asked.tracking, requested(asked), draft)))
    others = [one for one in found["errors"] if not one["pointer"].startswith(f"/{LIST}/")]
    return {
        "others": others,
        "possible": found["possible"],
        "lines": [
            {
                **verdict,
                "pasted": line,
                "heads": heads,
                **({"detail": who.detail} if isinstance(who, Problem) else {}),
            }
            for (line, heads), who, verdict in zip(lines, whom, found["participants"], strict=True)
        ],
    }


def _to_event(receipt: Receipt, _: Any) -> str:
    held = next((event for event in receipt.events if event.type == "group-service.held"), None)
    return f"/events/{held.event_id}" if held else "/kpi"


FORMS: Final = (
    Form(
        path="/group-services",
        title="Групповая услуга",
        lead="Тренинг, выставка, бизнес-миссия или круглый стол: услуга запишется всем из списка или никому.",
        then=_to_event,
        look=_checked,
        shows="looked/lines.html",
        told=LIST,
        check="Проверить список",
        submit="Записать всем",
        body=_as_list,
        fields=(
            *asked_for(
                GroupService,
                only=("title", "service", "cluster", "held_on", "act_number"),
                cluster={"kind": "choice", "options": clusters},
                title={"label": "Название мероприятия"},
                act_number={"help": "Акты получат номера «номер/1», «номер/2»…"},
            ),
            Field(
                name=LIST,
                label="Кто пришёл",
                kind="lines",
                help="Вставьте из таблицы: ИНН и, через табуляцию, сколько человек пришло. По одному в строке.",
                private=True,
            ),
            *asked_for(GroupService, only=("document",)),
        ),
    ),
)
