"""To put a record right: void it, or say how it should read. Each kind of record has the form of its command."""

import re
from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

import msgspec
from litestar import get
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect

from ckr_es.aggregates import (
    amend,
    cluster,
    group_service,
    participant,
    plan,
    provider,
    roadmap,
    service_case,
)
from ckr_es.aggregates.facts import Correction, Fact, History, Kind, Void
from ckr_es.api.auth import RECORD, roles
from ckr_es.api.corrections import Correction as Correcting
from ckr_es.api.reads import Reader
from ckr_es.application import Receipt, ServiceTracking, stream_id
from ckr_es.rules import Invalid, Problem, Refused, Unknown
from ckr_es.rules.kpi_sets import kpi_sets
from ckr_es.web import shown
from ckr_es.web.entries.subjects import cases_of_firm, clusters, providers
from ckr_es.web.fields import Asked, Body, Field, Typed, asked_for, found, put, shown_in
from ckr_es.web.forms import RECORD_PATH, Form
from ckr_es.web.page import Page, Shown, address, told

PREFIX: Final = "replacement."

KINDS: Final[dict[str, tuple[Kind[Any], str]]] = {
    "participant": (participant.KIND, "/participants/{id}"),
    "service-case": (service_case.KIND, "/cases/{id}"),
    "group-service": (group_service.KIND, "/group-services/{id}"),
    "cluster": (cluster.KIND, "/clusters/{code}"),
    "provider": (provider.KIND, "/providers/{id}"),
    "plan": (plan.KIND, "/plans/{year}"),
    "roadmap": (roadmap.KIND, "/roadmap/{item}"),
}
LEADS: Final = {
    "plan": "/kpi",
    "roadmap": "/roadmap",
}  # where the subject has no page of its own


@get(
    "/record/corrections/{event_id:uuid}",
    sync_to_thread=True,
    include_in_schema=False,
    **roles(RECORD, whole_centre=True),
)
def begin(
    event_id: FromPath[UUID],
    page: Shown,
    reading: NamedDependency[Reader],
    tracking: NamedDependency[ServiceTracking],
) -> Redirect:
    """To the form of the record: it stands under what the record is of."""
    event = told(reading.event(event_id, page.when, 1, None))
    noun = event["type"].partition(".")[0]
    if noun not in KINDS:
        raise Refused("not-correctable", "Такую запись не исправляют")
    id = UUID(event["stream_id"])
    first = tracking.streams([id]).history(id)[0].event
    names = {name: getattr(first, name, None) for name in ("code", "year", "item")}
    path = KINDS[noun][1].format_map({**names, "id": id})
    return Redirect(
        address(f"{RECORD_PATH}{path}/corrections", {"of": event_id, **page.moment}), status_code=303
    )


def may_correct(page: Page, type: str) -> bool:
    """Whether this role puts records right, and records of this type are, rather than those that it follows from."""
    noun = type.partition(".")[0]
    return (
        page.caller.role in RECORD
        and noun in KINDS
        and all(_tag(one) != type for one in KINDS[noun][0].derived)
    )


def _tag(type: type[Fact]) -> str:
    return str(type.__struct_config__.tag)


def _record(asked: Asked, kind: Kind[Any]) -> tuple[type[Fact], Any]:
    """The type of the fact that is put right, and what it says now (None: nothing any more)."""
    history = asked.tracking.streams([id := _stream(asked, kind)]).history(id)
    target = next((entry for entry in history if entry.event_id == asked.of), None)
    if target is None:
        raise Unknown("not-found", "Такой записи нет")
    fact = amend.fact(history, target)
    if isinstance(fact, kind.derived):
        raise Refused("not-correctable", "Эта запись выводится из других: исправляйте их")
    return type(fact), _now(history, target.event_id)


def _now(history: History, event_id: UUID) -> Any:
    content = amend.standing(history, event_id).content
    return content.replacement if isinstance(content, Correction) else content


def _stream(asked: Asked, kind: Kind[Any]) -> UUID:
    (step,) = asked.steps.values()
    return step if isinstance(step, UUID) else stream_id(kind.noun, str(step))


def _promised(said: Body) -> Sequence[Field]:
    """The values of a plan, by the rows of its set."""
    if not isinstance(said.get("values"), dict):
        return ()
    rows = kpi_sets()[said["kpi_set"]].rows
    return [
        Field(name=f"{PREFIX}values.{row.kpi}", label=row.title, kind="number", optional=True) for row in rows
    ]


def _form(noun: str) -> Form:
    kind, path = KINDS[noun]

    def about(asked: Asked) -> str:
        type, now = _record(asked, kind)
        if now is None:
            raise Refused("already-voided", "Эта запись уже отменена")
        return f"{shown.event(_tag(type))}, {shown.day(now.effective_on)}"

    def then(receipt: Receipt, asked: Asked) -> str:
        """To the subject; to the correction itself where the subject is there no more."""
        id = _stream(asked, kind)
        if receipt.events and asked.tracking.streams([id]).state(kind, id) is None:
            return f"/events/{receipt.events[0].event_id}"
        return LEADS.get(noun) or re.sub("{.*}", receipt.id, path)

    def more(asked: Asked, _: Typed) -> Sequence[Field]:
        type, now = _record(asked, kind)
        if isinstance(now, Void):
            return ()
        said = msgspec.to_builtins(now) if now is not None else {}
        asks = asked_for(
            type,
            but=kind.fixed | {"group_service_id"},
            at=PREFIX,
            cluster={"kind": "choice", "options": clusters},
            provider_id={"kind": "choice", "options": providers},
            case_id={"kind": "choice", "options": cases_of_firm} if noun == "participant" else {},
        )
        return [
            msgspec.structs.replace(
                field,
                initial=shown_in(field, found(said, field.name.removeprefix(PREFIX))),
                group="" if n else "Как следует читать запись",
            )
            for n, field in enumerate((*asks, *_promised(said)))
        ]

    def body(asked: Asked, said: Body) -> Body:
        known = {name: value for name, value in said.items() if name != "replacement"} | {
            "event_id": str(asked.of)
        }
        return known if known["void"] else {**known, "replacement": _as_read(more(asked, {}), said)}

    return Form(
        path=f"{path}/corrections",
        title="Исправить запись",
        lead="Прежняя запись остаётся в журнале зачёркнутой, рядом — причина и кто исправил.",
        about=about,
        then=then,
        more=more,
        body=body,
        submit="Исправить",
        offered=False,
        fields=asked_for(
            Correcting,
            but=("event_id",),
            reason={"label": "Почему исправляется"},
            void={"label": "Отменить: этого не было", "help": "Тогда поля ниже ничего не значат."},
        ),
    )


def _as_read(fields: Sequence[Field], said: Body) -> Body:
    """All that the form shows of the record; what was emptied is said to be empty."""
    replacement: Body = {}
    problems = []
    for field in fields:
        value = found(said, field.name)
        if value is None and field.kind in ("lines", "rows", "choices") and field.initial:
            value = []
        if value is False and field.initial == "":
            value = None  # nobody ever said whether
        if value is None and not field.optional:
            detail = "Не указано обязательное поле"
            problems.append(Problem("/" + field.name.replace(".", "/"), "required", detail))
        put(replacement, field.name.removeprefix(PREFIX), value)
    if problems:
        raise Invalid(problems[0].code, problems[0].detail, problems)
    return {name: _whole(value) for name, value in replacement.items()}


def _whole(value: Any) -> Any:
    """An object of which nothing is said is none."""
    if not isinstance(value, dict):
        return value
    return {name: one for name, one in value.items() if one is not None} or None


FORMS: Final = tuple(_form(noun) for noun in KINDS)
