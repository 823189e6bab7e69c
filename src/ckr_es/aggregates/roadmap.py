"""A measure of the roadmap: what was reported on it, and where it stands on a day (concept, section 8)."""

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Literal, assert_never
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from ckr_es.aggregates.facts import Correction, Fact, Kind, Void
from ckr_es.rules import Invalid, Problem, Refused
from ckr_es.rules.roadmap import Term, measure, measures, term, terms
from ckr_es.rules.validation import Rule
from ckr_es.rules.values import Day, Document, FunctionCode, Number, Text

MeasureNumber = Annotated[str, Rule(measure)]
Status = Literal["done", "overdue", "under_way", "due", "upcoming"]


class MeasureReported(Fact, frozen=True, kw_only=True, tag="roadmap.measure-reported"):
    """Something was done for measure `item` in `period`; `complete` when nothing of that period is left to do.

    `function` names what it was done for, where that was for no single cluster: the centre's own training or promotion.
    """

    item: MeasureNumber
    period: Number
    done_on: Day
    result: Text
    complete: bool = True
    document: Document | None = None
    function: FunctionCode | None = None

    @property
    def effective_on(self) -> date:
        return self.done_on


class Voided(Void, frozen=True, kw_only=True, tag="roadmap.voided"):
    pass


class Corrected(Correction, frozen=True, kw_only=True, tag="roadmap.corrected"):
    replacement: MeasureReported

    @property
    def effective_on(self) -> date:
        return self.replacement.effective_on


Event = MeasureReported | Voided | Corrected


class Reported(Struct, frozen=True, kw_only=True):
    """A report and the event that brought it."""

    event_id: UUID
    report: MeasureReported


class Measure(Struct, frozen=True, kw_only=True):
    reports: tuple[Reported, ...] = ()


class Standing(Struct, frozen=True, kw_only=True):
    """A measure in one of its terms, as of a day: `completed_on` is the first report that left nothing to do."""

    term: Term
    status: Status
    completed_on: date | None
    late: bool
    reports: tuple[Reported, ...]


class Row(Struct, frozen=True, kw_only=True):
    """A measure as of a day: in the worst standing of its terms, those that lie ahead aside."""

    no: str
    status: Status
    terms: tuple[Standing, ...]


def decide(state: Measure | None, event: MeasureReported) -> tuple[MeasureReported, ...]:
    """The event to record, or nothing when the very same was reported."""
    check(state, event)
    said = replace(event, late_reason=None)
    return () if state is not None and said in (known.report for known in state.reports) else (event,)


def check(_: Measure | None, event: MeasureReported) -> None:
    """Invalid when the period is none of the measure's, Refused when it had not begun."""
    try:
        meant = term(event.item, event.period)
    except Invalid as wrong:
        raise Invalid(
            wrong.code, wrong.detail, [Problem("/period", wrong.code, wrong.detail, event.period)]
        ) from wrong
    if event.done_on < meant.first:
        raise Refused("before-period", f"Срок {meant.label} начинается {meant.first}, позже этой даты")


def evolve(state: Measure | None, event: MeasureReported, event_id: UUID) -> Measure:
    state = state or Measure()
    match event:
        case MeasureReported():
            known = Reported(event_id=event_id, report=replace(event, late_reason=None))
            return replace(state, reports=(*state.reports, known))
        case _:
            assert_never(event)


KIND = Kind("roadmap", evolve, check, Voided, Corrected, fixed=frozenset({"item"}))


def rows(known: Mapping[str, Measure], as_of: date) -> tuple[Row, ...]:
    """The whole roadmap on that day. What its parts have all done, a parent has done; what they owe, it owes."""
    made: dict[str, tuple[Standing, ...]] = {}
    for no in reversed(tuple(measures())):  # parts come after their parent
        parts = [made[part.no] for part in measures().values() if part.parent == no]
        own = (_standing(no, at, known.get(no, Measure()), as_of) for at in terms(no))
        made[no] = tuple(_with_parts(standing, [p[n] for p in parts]) for n, standing in enumerate(own))
    return tuple(Row(no=no, status=_worst(made[no]), terms=made[no]) for no in measures())


def _standing(no: str, at: Term, state: Measure, as_of: date) -> Standing:
    reports = tuple(
        known
        for known in state.reports
        if known.report.done_on <= as_of and term(no, known.report.period) == at
    )
    completed_on = min((r.report.done_on for r in reports if r.report.complete), default=None)
    status: Status
    if completed_on is not None:
        status = "done"
    elif as_of > at.due_on:
        status = "overdue"
    elif as_of < at.first:
        status = "upcoming"
    else:
        status = "under_way" if reports else "due"
    late = completed_on is not None and completed_on > at.due_on
    return Standing(term=at, status=status, completed_on=completed_on, late=late, reports=reports)


def _with_parts(own: Standing, parts: list[Standing]) -> Standing:
    if not parts or own.status == "done":
        return own
    days = [part.completed_on for part in parts if part.completed_on is not None]
    if len(days) == len(parts):
        return replace(own, status="done", completed_on=max(days), late=max(days) > own.term.due_on)
    if own.status == "due" and any(part.status in ("done", "under_way") for part in parts):
        return replace(own, status="under_way")
    return own


_WORST_FIRST: tuple[Status, ...] = ("overdue", "due", "under_way", "done", "upcoming")


def _worst(standings: tuple[Standing, ...]) -> Status:
    return min((standing.status for standing in standings), key=_WORST_FIRST.index)
