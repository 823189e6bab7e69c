"""A group service with the list of who came, pasted as it stands in somebody's table."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from ckr_es.api.group_services import told as told_of
from ckr_es.application import Receipt
from ckr_es.commands.group_services import Draft, GroupService, look
from ckr_es.rules import Invalid, Problem, Refused
from ckr_es.rules.calendar import today
from ckr_es.rules.validation import parse
from ckr_es.web.entries.subjects import by_inn, clusters
from ckr_es.web.fields import Asked, Body, Field, Typed, asked_for, body_of
from ckr_es.web.forms import Form, requested
from ckr_es.web.page import told

LIST: Final = "participants"
MOST_DIGITS: Final = 6  # of how many came
Line = tuple[str, int | None]  # an INN (or an id), and how many people came, where that is said


def _lines(said: Body) -> list[Line]:
    """Raises Invalid naming each line whose number of people is none."""
    lines: list[Line] = []
    problems = []
    for no, line in enumerate(said.get(LIST, ())):
        who, *others = line.replace(";", "\t").split() or [line]
        heads = others[-1] if others else None
        if heads is not None and not (heads.isascii() and heads.isdigit() and len(heads) <= MOST_DIGITS):
            problems.append(Problem(f"/{LIST}/{no}", "number-invalid", "После ИНН — сколько человек пришло"))
        else:
            lines.append((who, None if heads is None else int(heads)))
    if problems:
        raise Invalid(problems[0].code, problems[0].detail, problems)
    return lines


def _beside(said: Body, lines: Sequence[Line], whom: Sequence[UUID | Problem]) -> Body:
    """How many came, and what is decided away, of whom."""
    came = [
        {"participant_id": str(who), "attendees": heads}
        for (_, heads), who in zip(lines, whom, strict=True)
        if heads is not None and isinstance(who, UUID)
    ]
    overrides = [
        {"participant_id": who, "condition": condition, "ground": ground}
        for who, grounds in said.get("overrides", {}).items()
        for condition, ground in grounds.items()
    ]
    return {name: value for name, value in (("attendance", came), ("overrides", overrides)) if value}


def _as_list(asked: Asked, said: Body) -> Body:
    """Participants by their ids, in the order pasted. Raises Invalid naming each line that is nobody."""
    lines = _lines(said)
    whom = by_inn(asked, [who for who, _ in lines])
    strangers = [who for who in whom if isinstance(who, Problem)]
    if strangers:
        raise Invalid(strangers[0].code, "В списке есть те, кого не нашли", strangers)
    others = {name: value for name, value in said.items() if name not in (LIST, "overrides")}
    return {**others, **_beside(said, lines, whom), **({LIST: [str(who) for who in whom]} if lines else {})}


def _checked(asked: Asked, said: Body) -> Mapping[str, Any] | None:
    """The verdict on each line; None while there is no list."""
    lines = _lines(said)
    if not lines:
        return None
    whom = by_inn(asked, [who for who, _ in lines])
    others = {name: value for name, value in said.items() if name != "overrides"}
    known = {**others, **_beside(said, lines, whom), LIST: [who for who, _ in lines]}
    draft = parse(Draft, known, today(datetime.now(UTC)))
    found: dict[str, Any] = told(told_of(look(asked.tracking, requested(asked), draft)))
    return {
        "others": [one for one in found["errors"] if not one["pointer"].startswith(f"/{LIST}/")],
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


def _overrides(asked: Asked, typed: Typed) -> Sequence[Field]:
    """A ground for each condition of a line that this role may decide away, where nothing else bars the line."""
    try:
        checked = _checked(asked, body_of(FIELDS, typed))
    except Refused:
        return ()
    mine = [
        (no, line, check)
        for no, line in enumerate(checked["lines"] if checked else (), 1)
        if all(asked.page.caller.role in check["overridable_by"] for check in line["checks"])
        for check in line["checks"]
    ]
    return [
        Field(
            name=f"overrides.{line['participant_id']}.{check['condition']}",
            label=f"Строка {no}, {line['name']}, {check['condition']}: основание",
            kind="area",
            help=check["explanation"],
            optional=True,
            group="" if n else "Решить самому, хотя условие не выполнено",
        )
        for n, (no, line, check) in enumerate(mine)
    ]


def _to_group_service(receipt: Receipt, _: Any) -> str:
    return f"/group-services/{receipt.id}"


FIELDS: Final = (
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
        about="attendance",
        help="Вставьте из таблицы: ИНН и, через табуляцию, сколько человек пришло. По одному в строке.",
        private=True,
    ),
    *asked_for(GroupService, only=("document",)),
)

FORMS: Final = (
    Form(
        path="/group-services",
        title="Групповая услуга",
        lead="Тренинг, выставка, бизнес-миссия или круглый стол: услуга запишется всем из списка или никому.",
        then=_to_group_service,
        look=_checked,
        shows="looked/lines.html",
        told=LIST,
        check="Проверить список",
        submit="Записать всем",
        body=_as_list,
        more=_overrides,
        fields=FIELDS,
    ),
)
