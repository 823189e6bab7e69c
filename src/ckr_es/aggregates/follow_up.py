"""How firms fare that got a complex service: what is due to be asked, and the effect (concept, function т)."""

from collections.abc import Sequence
from datetime import date, timedelta
from fractions import Fraction
from typing import Final, Literal
from uuid import UUID

from msgspec import Struct

from ckr_es.aggregates.participant import FollowedUp, Participant, Report
from ckr_es.rules.calendar import month_end, quarter

AFTER: Final = (3, 6, 12)  # months after the service
DAYS_TO_REPORT: Final = 15  # after the month that is asked about: our reading, no document gives them

Status = Literal["done", "overdue", "due", "upcoming"]


class Baseline(Struct, frozen=True, kw_only=True):
    """The firm in the last quarter reported before the service; `sales_kopecks` are those of an average month."""

    quarter: str | None = None
    headcount: int | None = None
    sales_quarter: str | None = None
    sales_kopecks: int | None = None


class Point(Struct, frozen=True, kw_only=True):
    """What was, or is to be, asked so many months after the service. Changes are against the baseline."""

    after_months: int
    month: str
    due_on: date
    status: Status
    report: FollowedUp | None = None
    headcount_change: int | None = None
    sales_change_kopecks: int | None = None


class FollowUp(Struct, frozen=True, kw_only=True):
    """A completed complex case and what became of the firm; in the worst standing of its points."""

    case_id: UUID
    participant_id: UUID
    cluster: str
    completed_on: date
    status: Status
    baseline: Baseline
    points: tuple[Point, ...]


class Effect(Struct, frozen=True, kw_only=True):
    """All firms so many months after their services. Changes are summed over those with a baseline; `mean` of 1–5."""

    after_months: int
    services: int
    done: int
    overdue: int
    headcount_change: int
    sales_change_kopecks: int
    compared: int
    satisfaction_mean: float | None


def follow_up(
    case_id: UUID, participant_id: UUID, cluster: str, completed_on: date, who: Participant, as_of: date
) -> FollowUp:
    """Where the follow-up of that case stands on the day, on what is known of the firm."""
    baseline = _baseline(who, completed_on)
    months = [_month_after(completed_on, n) for n in AFTER]
    said = sorted(
        (r for r in who.followed if r.case_id == case_id and r.effective_on <= as_of), key=lambda r: r.month
    )
    points = tuple(
        _point(n, month, [r for r in said if month <= r.month < until], baseline, as_of)
        for n, month, until in zip(AFTER, months, (*months[1:], "9999-12"), strict=True)
    )
    status = min((point.status for point in points), key=_WORST_FIRST.index)
    return FollowUp(
        case_id=case_id,
        participant_id=participant_id,
        cluster=cluster,
        completed_on=completed_on,
        status=status,
        baseline=baseline,
        points=points,
    )


def effects(found: Sequence[FollowUp]) -> tuple[Effect, ...]:
    """The effect at each of the points, over all these services."""
    return tuple(_effect(n, [f.points[at] for f in found]) for at, n in enumerate(AFTER))


_WORST_FIRST: tuple[Status, ...] = ("overdue", "due", "done", "upcoming")


def _point(n: int, month: str, said: Sequence[FollowedUp], baseline: Baseline, as_of: date) -> Point:
    """Of what was said for the point the earliest month counts, and of that the record made last."""
    due_on = month_end(month) + timedelta(days=DAYS_TO_REPORT)
    report = [r for r in said if r.month == said[0].month][-1] if said else None
    if report is not None:
        status: Status = "done"
    elif as_of > due_on:
        status = "overdue"
    else:
        status = "due" if as_of > month_end(month) else "upcoming"
    return Point(
        after_months=n,
        month=month,
        due_on=due_on,
        status=status,
        report=report,
        headcount_change=_change(report.headcount, baseline.headcount) if report else None,
        sales_change_kopecks=_change(report.sales_kopecks, baseline.sales_kopecks) if report else None,
    )


def _baseline(who: Participant, completed_on: date) -> Baseline:
    jobs, sales = _before(who.jobs, completed_on), _before(who.sales, completed_on)
    return Baseline(
        quarter=jobs.quarter if jobs else None,
        headcount=jobs.headcount if jobs else None,
        sales_quarter=sales.quarter if sales else None,
        sales_kopecks=round(Fraction(sales.amount_kopecks, 3)) if sales else None,
    )


def _before(reports: Sequence[Report], day: date) -> Report | None:
    """The latest quarter that was over; of its reports the one recorded last."""
    over = [report for report in reports if quarter(report.quarter).last <= day]
    last = max((report.quarter for report in over), default=None)
    return [report for report in over if report.quarter == last][-1] if over else None


def _change(after: int, before: int | None) -> int | None:
    return None if before is None else after - before


def _month_after(day: date, months: int) -> str:
    month = day.month - 1 + months
    return f"{day.year + month // 12:04}-{month % 12 + 1:02}"


def _effect(n: int, points: Sequence[Point]) -> Effect:
    marks = [p.report.satisfaction for p in points if p.report and p.report.satisfaction is not None]
    changes = [p.headcount_change for p in points if p.headcount_change is not None]
    sales = [p.sales_change_kopecks for p in points if p.sales_change_kopecks is not None]
    return Effect(
        after_months=n,
        services=len(points),
        done=sum(p.status == "done" for p in points),
        overdue=sum(p.status == "overdue" for p in points),
        headcount_change=sum(changes),
        sales_change_kopecks=sum(sales),
        compared=len(changes),
        satisfaction_mean=round(sum(marks) / len(marks), 2) if marks else None,
    )
