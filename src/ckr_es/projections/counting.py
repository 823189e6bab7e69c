"""What a stream counts, as now understood: the KPI lines of a cluster, of reports, of products. Pure.

Sources: concept, section 7; what it leaves open is decided in architecture, section 7, and reference.md, 1.3.
"""

from collections.abc import Mapping
from datetime import date
from functools import cache
from typing import NamedTuple
from uuid import UUID

from ckr_es.aggregates import cluster, participant
from ckr_es.aggregates.amend import understood
from ckr_es.aggregates.facts import Entry
from ckr_es.rules import calendar

# A line without its number: the recorded fact, the measure it counts in, on which day, and for whom: cluster,
# participant, case. A plain tuple, and ids as integers: a named one is made, and a UUID hashed, by Python code.
Key = tuple[int, str, date, str | None, int | None, int | None]
Counted = dict[Key, int]


class Life(NamedTuple):
    """The days of a cluster: formed on the first, no longer there on the second."""

    formed_on: date
    dissolved_on: date | None


class Membership(NamedTuple):
    """A member from the first day, no longer on the second."""

    cluster: str
    joined_on: date
    left_on: date | None


class Reports(NamedTuple):
    """The last report of each quarter of a year."""

    jobs: dict[str, Entry]
    sales: dict[str, Entry]


quarter = cache(calendar.quarter)


def of_cluster(entries: list[Entry]) -> tuple[str | None, Life | None, Counted]:
    """Its code, its life and its lines: +1 on the day it was formed, -1 on the day it was dissolved.

    One that the centre does not curate has neither.
    """
    proposed: cluster.Proposed | None = None
    formed: tuple[UUID, date] | None = None
    dissolved: tuple[UUID, date] | None = None
    for event_id, event in understood(entries):
        match event:
            case cluster.Proposed():
                proposed = event
            case cluster.Formed(formed_on=day):
                formed = event_id, day
            case cluster.Dissolved(dissolved_on=day):
                dissolved = event_id, day
    if proposed is None:
        return None, None, {}
    if formed is None or not proposed.curated:
        return proposed.code, None, {}
    kpis = ("clusters", "clusters_production") if proposed.production else ("clusters",)
    counted: Counted = {(formed[0].int, kpi, formed[1], proposed.code, None, None): 1 for kpi in kpis}
    if dissolved is not None:
        counted |= {(dissolved[0].int, kpi, dissolved[1], proposed.code, None, None): -1 for kpi in kpis}
    return proposed.code, Life(formed[1], dissolved and dissolved[1]), counted


def memberships(standing: list[Entry]) -> list[Membership]:
    found: list[Membership] = []
    for _, event in standing:
        match event:
            case participant.JoinedCluster(cluster=code, joined_on=day):
                found.append(Membership(code, day, None))
            case participant.LeftCluster(cluster=code, left_on=day):
                found = [m._replace(left_on=day) if m[::2] == (code, None) else m for m in found]
    return found


def cluster_on(member: list[Membership], day: date) -> str | None:
    """The first of the clusters with this member on that day."""
    return next(
        (m.cluster for m in member if m.joined_on <= day and (m.left_on is None or day < m.left_on)), None
    )


def reports_of(reports: dict[int, Reports], year: int) -> Reports:
    if (found := reports.get(year)) is None:
        found = reports[year] = Reports({}, {})
    return found


def reports_by_year(standing: list[Entry]) -> dict[int, Reports]:
    found: dict[int, Reports] = {}
    for entry in standing:
        match entry.event:
            case participant.JobsReported(quarter=label):
                reports_of(found, quarter(label).last.year).jobs[label] = entry
            case participant.SalesReported(quarter=label):
                reports_of(found, quarter(label).last.year).sales[label] = entry
    return found


def of_jobs(who: int, reports: Mapping[int, Reports], year: int, member_from: date, code: str) -> Counted:
    """What the latest report of each quarter counts, from its last day or the first day of membership."""
    jobs = reports[year].jobs
    before = reports[year - 1].jobs if year - 1 in reports else {}
    counted: Counted = {}

    def count(fact_id: UUID, kpi: str, label: str, n: int) -> None:
        key = (fact_id.int, kpi, max(quarter(label).last, member_from), code, who, None)
        if total := counted.pop(key, 0) + n:
            counted[key] = total

    base = before.get(f"{year - 1:04}-Q4")
    grown = 0
    last: Entry | None = None
    for label, (fact_id, report) in sorted(jobs.items()):
        base = base or jobs[label]
        growth = max(0, report.headcount - base.event.headcount)
        count(fact_id, "jobs_declared", label, report.jobs_created)
        count(fact_id, "jobs_growth", label, growth - grown)
        grown = growth
        # The figure is the latest headcount alone, so each report takes back the one before it.
        count(fact_id, "headcount", label, report.headcount)
        if last is not None:
            count(last.event_id, "headcount", label, -last.event.headcount)
        last = jobs[label]
    return counted


def of_sales(who: int, reports: Reports, member_from: date, code: str) -> Counted:
    """As `of_jobs`."""
    return {
        (fact_id.int, "sales", max(quarter(label).last, member_from), code, who, None): report.amount_kopecks
        for label, (fact_id, report) in reports.sales.items()
        if report.amount_kopecks
    }


def of_product(who: int, product: Entry, member: list[Membership]) -> Counted:
    event = product.event
    day, code = event.launched_on, cluster_on(member, event.launched_on)
    kpis = ("new_products", *(f"new_products_{market}" for market in event.markets))
    return {(product.event_id.int, kpi, day, code, who, event.case_id.int): 1 for kpi in kpis}
