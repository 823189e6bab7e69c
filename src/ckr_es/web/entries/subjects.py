"""Whom a form is about, in words, and what there is to choose from: as the API answers it."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from msgspec.structs import replace

from ckr_es.aggregates import cluster, participant, service_case
from ckr_es.application import stream_id
from ckr_es.commands.group_services import resolved
from ckr_es.rules import Invalid, Problem, identifiers
from ckr_es.web import shown
from ckr_es.web.fields import Asked, Options
from ckr_es.web.page import told
from ckr_es.web.words import KINDS

ALL = 500  # as many as a list of the API holds


def firm(asked: Asked, id: UUID | None = None) -> dict[str, Any]:
    """The participant of the path, or of this id; Unknown for one that is not there or not to be seen."""
    id = id or asked.id
    found: dict[str, Any] = told(asked.reading.entity(participant.KIND, id, str(id), asked.page.when, None))
    return found


def about_firm(asked: Asked) -> str:
    return called(firm(asked))


def called(one: dict[str, Any]) -> str:
    return str(one["name"] or KINDS[one["kind"]])


def case(asked: Asked) -> dict[str, Any]:
    """The case of the path."""
    found: dict[str, Any] = told(
        asked.reading.entity(service_case.KIND, asked.id, str(asked.id), asked.page.when, None)
    )
    return found


def about_case(asked: Asked) -> str:
    known = case(asked)
    who = firm(asked, UUID(known["participant_id"]))
    return f"{called(who)}: {named(known)[0].lower()}{named(known)[1:]}"


def named(one: dict[str, Any]) -> str:
    """A case by its number, its day and what it is for."""
    what = "комплексная услуга" if one["complex"] else "услуга"
    number = f" {one['external_id']}" if one["external_id"] else ""
    return f"Заявка{number} от {shown.day(one['applied_on'])}, {what}"


def provider(asked: Asked) -> dict[str, Any]:
    """The provider of the path."""
    found: dict[str, Any] = told(asked.reading.provider(asked.id, asked.page.when))
    return found


def providers(asked: Asked) -> Options:
    """Who may be given a service, each with the letters of what is offered."""
    listed = told(asked.reading.providers(asked.page.when, ALL, None, blocked=False))["items"]
    named = [(one["id"], one["name"], map(shown.letter, one["services"])) for one in listed]
    return [(id, f"{name} ({', '.join(letters)})") for id, name, letters in named if name]


def about_cluster(asked: Asked) -> str:
    code = str(asked.steps["code"])
    known = told(asked.reading.entity(cluster.KIND, stream_id("cluster", code), code, asked.page.when, code))
    return str(known["title"])


def clusters(asked: Asked) -> Options:
    listed = told(asked.reading.clusters(asked.page.when, ALL, None, None))["items"]
    return [(one["code"], one["title"]) for one in listed if one["status"] != "dissolved"]


def cases_of_firm(asked: Asked, *, complex: bool | None = None) -> Options:
    listed = told(
        asked.reading.cases(
            asked.page.when,
            ALL,
            None,
            participant_id=asked.id,
            cluster=None,
            status=None,
            complex=complex,
            eligibility=None,
        )
    )["items"]
    return [(one["id"], named(one)) for one in listed]


def by_inn(asked: Asked, lines: Sequence[str]) -> list[UUID | Problem]:
    """The participant of each INN (or id), or what is wrong with it, in the words of INNs."""
    return [
        _of_inn(line, who) if isinstance(who, Problem) else who
        for line, who in zip(lines, resolved(asked.tracking, lines), strict=True)
    ]


def found_by_inn(asked: Asked, field: str, inns: Sequence[str]) -> list[str]:
    """The ids of participants by their INNs. Raises Invalid naming each line that is nobody."""
    whom = by_inn(asked, inns)
    strangers = [
        Problem(f"/{field}/{no}", who.code, who.detail)
        for no, who in enumerate(whom)
        if isinstance(who, Problem)
    ]
    if strangers:
        raise Invalid(strangers[0].code, strangers[0].detail, strangers)
    return [str(who) for who in whom]


def _of_inn(line: str, problem: Problem) -> Problem:
    try:
        identifiers.inn(line)
    except Invalid as wrong:
        return replace(problem, detail=wrong.detail)
    return problem


def service_title(code: str) -> str:
    return f"{shown.letter(code)} · {shown.service(code)}"
