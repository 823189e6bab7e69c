"""The plan of a year: which KPI set and policy count it, which values are promised, which money there is."""

from datetime import date
from typing import Annotated, assert_never
from uuid import UUID

from msgspec import Meta, Struct
from msgspec.structs import replace

from ckr_es.aggregates.facts import Correction, Fact, Kind, Void
from ckr_es.rules import Invalid, Problem, Refused
from ckr_es.rules.kpi_sets import Policy, kpi_sets
from ckr_es.rules.money import Kopecks
from ckr_es.rules.values import Document

Year = Annotated[int, Meta(ge=2000, le=2100)]
PlanValue = Annotated[int, Meta(ge=0, le=10**12)] | Annotated[float, Meta(ge=0, le=10**12)]


class PlanSet(Fact, frozen=True, kw_only=True, tag="plan.set"):
    """Plan values by KPI; `sales` in thousand roubles, everything else in units (concept, section 7)."""

    year: Year
    kpi_set: str
    values: dict[str, PlanValue]
    policy: Policy
    document: Document

    @property
    def effective_on(self) -> date:
        return self.document.date or date(self.year, 1, 1)


class FundingSet(Fact, frozen=True, kw_only=True, tag="plan.funding-set"):
    """Limits of the subsidy in the year, federal and regional (concept, sections 3 and 6)."""

    year: Year
    federal_kopecks: Kopecks
    regional_kopecks: Kopecks
    document: Document

    @property
    def effective_on(self) -> date:
        return self.document.date or date(self.year, 1, 1)


Happening = PlanSet | FundingSet


class Voided(Void, frozen=True, kw_only=True, tag="plan.voided"):
    pass


class Corrected(Correction, frozen=True, kw_only=True, tag="plan.corrected"):
    replacement: Happening

    @property
    def effective_on(self) -> date:
        return self.replacement.effective_on


Event = Happening | Voided | Corrected


class Plan(Struct, frozen=True, kw_only=True):
    plan: PlanSet | None = None
    funding: FundingSet | None = None

    @property
    def policy(self) -> Policy:
        return self.plan.policy if self.plan else Policy()


def decide(plan: Plan | None, event: Happening) -> tuple[Happening, ...]:
    """The event to record, or nothing when the plan says so already."""
    if plan is not None and replace(event, late_reason=None) in (plan.plan, plan.funding):
        return ()
    check(plan, event)
    return (event,)


def check(_: Plan | None, event: Happening) -> None:
    if isinstance(event, FundingSet):
        return
    if event.kpi_set not in kpi_sets():
        known = ", ".join(sorted(kpi_sets()))
        raise Invalid(
            "unknown-kpi-set",
            f"Неизвестный набор показателей, есть: {known}",
            [Problem("/kpi_set", "unknown-kpi-set", f"Есть: {known}", event.kpi_set)],
        )
    rows = {row.kpi for row in kpi_sets()[event.kpi_set].rows}
    problems = [
        Problem(f"/values/{kpi}", "unknown-kpi", f"В наборе нет показателя «{kpi}»", kpi)
        for kpi in event.values
        if kpi not in rows
    ]
    if problems:
        raise Invalid("unknown-kpi", problems[0].detail, problems)
    if event.document.date is not None and event.document.date.year > event.year:
        raise Refused("plan-after-year", f"Документ датирован после {event.year} года")


def evolve(plan: Plan | None, event: Happening, _: UUID) -> Plan:
    event = replace(event, late_reason=None)
    plan = plan or Plan()
    match event:
        case PlanSet():
            return replace(plan, plan=event)
        case FundingSet():
            return replace(plan, funding=event)
        case _:
            assert_never(event)


KIND = Kind("plan", evolve, check, Voided, Corrected, fixed=frozenset({"year"}))
