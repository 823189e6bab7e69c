"""What a case holds of a year's money: an agreement reserves, an act spends, a cancellation frees (concept, section 3).

The subsidy pays what a component costs beyond the firm's own payment, which is kept apart. All of a case's money is of
the year of its agreement, also what is accepted later; without an agreement an act is of its own year.
"""

from calendar import isleap
from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from typing import Final, Literal, get_args
from uuid import UUID

from msgspec import Struct

from ckr_es.aggregates import plan, service_case
from ckr_es.aggregates.plan import FundingSet
from ckr_es.aggregates.service_case import ServiceCase
from ckr_es.rules import Problem, Refused

Source = Literal["federal", "regional", "other"]
SOURCES: Final[tuple[Source, ...]] = get_args(Source)
_MOVING: Final = (
    service_case.ComponentAdded,
    service_case.AgreementSigned,
    service_case.ServiceAccepted,
    service_case.Cancelled,
    service_case.Voided,
    service_case.Corrected,
)
MOVING: Final = frozenset(str(kind.__struct_config__.tag) for kind in _MOVING)
"""Types of the events that may move money of a case."""
SETTING: Final = frozenset(
    str(kind.__struct_config__.tag) for kind in (plan.FundingSet, plan.Voided, plan.Corrected)
)
"""Types of the events that may set a limit."""
TAKING: Final = SETTING | frozenset(
    str(kind.__struct_config__.tag)
    for kind in (service_case.AgreementSigned, service_case.Voided, service_case.Corrected)
)
"""Those that may leave less of a limit than there was: where there is one, money is taken by agreements alone."""
_WORDS: Final = {"federal": "федерального бюджета", "regional": "краевого бюджета", "": "субсидии"}

Held = Mapping[tuple[int, Source], int]
"""Kopecks that are reserved or spent, by year and source."""


class Line(Struct, frozen=True, kw_only=True):
    """The money of one component: reserved until it is spent or released; `kopecks` is the subsidy's part."""

    component_no: int
    service: str
    provider_id: UUID | None
    year: int
    source: Source
    kopecks: int
    own_kopecks: int
    reserved_on: date | None
    spent_on: date | None
    released_on: date | None
    grade: int | None


def source(funding: str | None) -> Source:
    """The budget that a component names; what names neither counts against both together."""
    return "federal" if funding == "federal" else "regional" if funding == "regional" else "other"


def lines(case: ServiceCase | None) -> tuple[Line, ...]:
    """One line for each component that is agreed or accepted."""
    if case is None or (case.agreement is None and not case.accepted):
        return ()
    acts = {act.component_no: act for act in case.accepted}
    signed_on = case.agreement.signed_on if case.agreement else None
    found = []
    for component in case.components:
        act = acts.get(component.component_no)
        spent_on = act.accepted_on if act else None
        since = signed_on or spent_on
        if since is None:
            continue
        found.append(
            Line(
                component_no=component.component_no,
                service=component.service,
                provider_id=component.provider_id,
                year=since.year,
                source=source(component.funding),
                kopecks=max(component.cost_kopecks - component.participant_payment_kopecks, 0),
                own_kopecks=component.participant_payment_kopecks,
                reserved_on=signed_on,
                spent_on=spent_on,
                released_on=case.cancelled.cancelled_on if case.cancelled and act is None else None,
                grade=act.grade if act else None,
            )
        )
    return tuple(found)


def held(found: Iterable[Line]) -> dict[tuple[int, Source], int]:
    sums: dict[tuple[int, Source], int] = {}
    for line in found:
        if line.released_on is None and line.kopecks:
            at = line.year, line.source
            sums[at] = sums.get(at, 0) + line.kopecks
    return sums


def raised(before: Held, after: Held) -> dict[tuple[int, Source], int]:
    """How much more is held than before, by year and source; what is freed is left out."""
    more = {at: kopecks - before.get(at, 0) for at, kopecks in after.items()}
    return {at: kopecks for at, kopecks in more.items() if kopecks > 0}


def check_limit(limit: FundingSet, used: Mapping[Source, int], more: Iterable[Source]) -> None:
    """Refused when `used`, the year's money with what is asked for, goes beyond what there is.

    A budget that this asks nothing of (`more`) may be overdrawn by a cut; both together never.
    """
    limits: dict[Source, int] = {"federal": limit.federal_kopecks, "regional": limit.regional_kopecks}
    over: dict[str, int] = {name: used.get(name, 0) - limits[name] for name in more if name in limits}
    over[""] = sum(used.values()) - sum(limits.values())
    problems = [
        Problem(
            f"/{name}" if name else "",
            "funding-exceeded",
            f"Лимит {_WORDS[name]} на {limit.year} год превышен на {kopecks} коп.",
            kopecks,
        )
        for name, kopecks in over.items()
        if kopecks > 0
    ]
    if problems:
        raise Refused("funding-exceeded", problems[0].detail, problems)


def forecast(kopecks: int, limit: int | None, year: int, as_of: date) -> tuple[int, date | None]:
    """What will be reserved and spent by 31 December if the year goes on as it went, and the day the limit is used up.

    The day is null where the limit lasts the year, or is not known.
    """
    first = date(year, 1, 1)
    days = 366 if isleap(year) else 365
    passed = min((as_of - first).days + 1, days)
    if passed <= 0:
        return kopecks, None
    expected = kopecks * days // passed
    if limit is None or expected <= limit or not kopecks:
        return expected, None
    return expected, min(first + timedelta(days=limit * passed // kopecks), date(year, 12, 31))
