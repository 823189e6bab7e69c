"""The KPI ledger: events post signed lines; a figure on any day, known at any position, is a sum of lines.

Pure. Whatever an event changes (a service, a report, a membership, the life of a cluster, or how an earlier
record reads after a correction), the ledger posts the difference between what its scope counted before and
what it counts now. So a correction posts the negated lines of what it corrects, the lines of what replaces it,
and nothing else.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import date
from typing import Any

from msgspec import Struct

from ckr_es.aggregates import cluster, participant, service_case
from ckr_es.aggregates.amend import understood
from ckr_es.aggregates.facts import Correction, Entry, Void
from ckr_es.projections.counting import (
    Counted,
    Key,
    Life,
    Membership,
    Reports,
    cluster_on,
    memberships,
    of_cluster,
    of_jobs,
    of_product,
    of_sales,
    quarter,
    reports_by_year,
    reports_of,
)
from ckr_es.projections.log import Heard


class Line(Struct, frozen=True):
    """As `kpi_evidence.Line`, but ids are the integers of UUIDs, as in a `Key`."""

    position: int
    event_id: int
    fact_id: int
    kpi: str
    day: date
    cluster: str | None
    participant_id: int | None
    case_id: int | None
    n: int


class _Cluster(Struct):
    entries: list[Entry] = []
    counted: Counted = {}
    life: Life | None = None


# Day, position, fact, cluster, participant, case: in the order in which "the first of the year" is chosen.
_Acceptance = tuple[date, int, int, str, int, int]


class _Served(Struct):
    """The acceptances of a participant in a year, by fact, and the first of them, which is counted."""

    acceptances: dict[int, _Acceptance] = {}
    first: _Acceptance | None = None


class _Participant(Struct):
    entries: list[Entry] = []
    standing: list[Entry] = []
    memberships: list[Membership] = []
    reports: dict[int, Reports] = {}  # by the year of their quarter
    products: Counted = {}
    jobs: dict[int, Counted] = {}  # by year
    sales: dict[int, Counted] = {}
    served: dict[int, _Served] = {}


_AMENDS = (Void, Correction)
HEARD: dict[type[Any], str] = {
    cluster.Proposed: "cluster",
    cluster.Formed: "cluster",
    cluster.Dissolved: "cluster",
    cluster.Voided: "cluster",
    cluster.Corrected: "cluster",
    service_case.ComponentAdded: "case",
    service_case.ServiceAccepted: "case",
    service_case.Completed: "case",
    service_case.Voided: "case",
    service_case.Corrected: "case",
    participant.JoinedCluster: "participant",
    participant.LeftCluster: "participant",
    participant.JobsReported: "participant",
    participant.SalesReported: "participant",
    participant.ProductLaunched: "participant",
    participant.Voided: "participant",
    participant.Corrected: "participant",
}


class Ledger:
    """All the counting there is. The same events in the same order always give the same lines."""

    def __init__(self) -> None:
        self._clusters: defaultdict[int, _Cluster] = defaultdict(_Cluster)
        self._lives: dict[str, Life] = {}
        self._cases: dict[int, list[Heard]] = {}
        self._participants: defaultdict[int, _Participant] = defaultdict(_Participant)
        self._members: defaultdict[str, set[int]] = defaultdict(set)

    def apply(self, recorded: Heard) -> list[Line]:
        """The lines this event posts; none for an event that counts nowhere."""
        match HEARD.get(type(recorded.event)):
            case "case":
                moved = self._hear_case(recorded)
            case "participant":
                moved = self._hear_participant(recorded)
            case "cluster":
                moved = self._hear_cluster(recorded)
            case _:
                return []
        position, event_id = recorded.position, recorded.event_id.int
        return [Line(position, event_id, *key, n) for key, n in moved]

    def member_from(self, who: int, year: int) -> tuple[date, str] | None:
        """The first day of the year on which a cluster that was there that day had this member, and which."""
        first: tuple[date, str] | None = None
        for code, joined_on, left_on in self._participants[who].memberships:
            if (life := self._lives.get(code)) is None:
                continue
            start = max(joined_on, life.formed_on, date(year, 1, 1))
            lasts = (
                start.year == year
                and (left_on is None or start < left_on)
                and (life.dissolved_on is None or start < life.dissolved_on)
            )
            if lasts and (first is None or start < first[0]):
                first = start, code
        return first

    def cluster_of(self, who: int, day: date) -> str | None:
        """The cluster that the participant was a member of on that day."""
        return cluster_on(self._participants[who].memberships, day)

    def _hear_cluster(self, recorded: Heard) -> Iterator[tuple[Key, int]]:
        known = self._clusters[recorded.originator_id.int]
        known.entries.append(Entry(recorded.event_id, recorded.event))
        code, life, counted = of_cluster(known.entries)
        yield from _difference(known.counted, counted)
        known.counted = counted
        if code is None or life == known.life:
            return
        known.life = life
        if life is None:
            self._lives.pop(code, None)
        else:
            self._lives[code] = life
        for member_id in sorted(self._members[code]):
            member = self._participants[member_id]
            yield from self._count_reports(member_id, member, member.reports)

    def _hear_case(self, recorded: Heard) -> Iterable[tuple[Key, int]]:
        event = recorded.event
        case = self._cases.setdefault(recorded.originator_id.int, [])
        case.append(recorded)
        if isinstance(event, _AMENDS):
            return self._count_anew(case)
        # Nothing recorded before counts otherwise for it.
        if isinstance(event, service_case.ComponentAdded):
            return ()
        payments = {}
        if len(case) > 1:
            for _, fact in _standing(case):
                if isinstance(fact, service_case.ComponentAdded):
                    payments[fact.component_no] = fact.participant_payment_kopecks
        moved, acceptance = _of_fact(recorded, event, payments)
        if acceptance is not None:
            served = self._served(acceptance)
            served.acceptances[acceptance[2]] = acceptance
            if served.first is None or acceptance < served.first:
                moved += _count_supported(served, acceptance)
        return moved

    def _count_anew(self, case: list[Heard]) -> Iterator[tuple[Key, int]]:
        """The last record of the case puts an earlier one right."""
        before, gone = _of_case(case[:-1])
        after, acceptances = _of_case(case)
        yield from _difference(before, after)
        for acceptance in gone:
            del self._served(acceptance).acceptances[acceptance[2]]
        for acceptance in acceptances:
            self._served(acceptance).acceptances[acceptance[2]] = acceptance
        for acceptance in (*gone, *acceptances):
            served = self._served(acceptance)
            yield from _count_supported(served, min(served.acceptances.values(), default=None))

    def _served(self, acceptance: _Acceptance) -> _Served:
        day, _, _, _, who, _ = acceptance
        served = self._participants[who].served
        if (found := served.get(day.year)) is None:
            found = served[day.year] = _Served()
        return found

    def _hear_participant(self, recorded: Heard) -> Iterator[tuple[Key, int]]:
        who = recorded.originator_id.int
        known = self._participants[who]
        entry = Entry(recorded.event_id, recorded.event)
        known.entries.append(entry)
        match recorded.event:
            case participant.JobsReported(quarter=label):
                known.standing.append(entry)
                year = quarter(label).last.year
                reports_of(known.reports, year).jobs[label] = entry
                yield from self._count_jobs(who, known, year)
                if label.endswith("Q4"):  # the next year's base for growth
                    yield from self._count_jobs(who, known, year + 1)
            case participant.SalesReported(quarter=label):
                known.standing.append(entry)
                year = quarter(label).last.year
                reports_of(known.reports, year).sales[label] = entry
                yield from self._count_sales(who, known, year)
            case participant.ProductLaunched():
                known.standing.append(entry)
                counted = of_product(who, entry, known.memberships)
                known.products |= counted
                yield from counted.items()
            case Void() | Correction():
                known.standing = understood(known.entries)
                years = set(known.reports)
                known.reports = reports_by_year(known.standing)
                yield from self._count_all(who, known, years | known.reports.keys())
            case _:
                known.standing.append(entry)
                yield from self._count_all(who, known, known.reports)

    def _count_all(self, who: int, known: _Participant, years: Iterable[int]) -> Iterator[tuple[Key, int]]:
        known.memberships = memberships(known.standing)
        for membership in known.memberships:
            self._members[membership.cluster].add(who)
        products: Counted = {}
        for entry in known.standing:
            if isinstance(entry.event, participant.ProductLaunched):
                products |= of_product(who, entry, known.memberships)
        yield from _difference(known.products, products)
        known.products = products
        yield from self._count_reports(who, known, {y for year in years for y in (year, year + 1)})

    def _count_reports(
        self, who: int, known: _Participant, years: Iterable[int]
    ) -> Iterator[tuple[Key, int]]:
        for year in sorted(years):
            yield from self._count_jobs(who, known, year)
            yield from self._count_sales(who, known, year)

    def _count_jobs(self, who: int, known: _Participant, year: int) -> Iterator[tuple[Key, int]]:
        counted: Counted = {}
        if year in known.reports and (member := self.member_from(who, year)):
            counted = of_jobs(who, known.reports, year, *member)
        yield from _difference(known.jobs.get(year, {}), counted)
        known.jobs[year] = counted

    def _count_sales(self, who: int, known: _Participant, year: int) -> Iterator[tuple[Key, int]]:
        counted: Counted = {}
        if year in known.reports and (member := self.member_from(who, year)):
            counted = of_sales(who, known.reports[year], *member)
        yield from _difference(known.sales.get(year, {}), counted)
        known.sales[year] = counted


def _standing(case: list[Heard]) -> list[Entry]:
    return understood([Entry(r.event_id, r.event) for r in case])


def _of_case(case: list[Heard]) -> tuple[Counted, list[_Acceptance]]:
    """What the facts of a case count as now understood, and the acceptances among them."""
    by_id = {r.event_id: r for r in case}
    counted: Counted = {}
    acceptances: list[_Acceptance] = []
    payments: dict[int, int] = {}
    for event_id, fact in _standing(case):
        if isinstance(fact, service_case.ComponentAdded):
            payments[fact.component_no] = fact.participant_payment_kopecks
            continue
        lines, acceptance = _of_fact(by_id[event_id], fact, payments)
        counted.update(lines)
        if acceptance is not None:
            acceptances.append(acceptance)
    return counted, acceptances


def _of_fact(
    recorded: Heard, fact: Any, payments: dict[int, int]
) -> tuple[list[tuple[Key, int]], _Acceptance | None]:
    """What a fact of a case counts by itself, and the acceptance it is."""
    fact_id, case_id = recorded.event_id.int, recorded.originator_id.int
    who, code = fact.participant_id.int, fact.cluster
    if isinstance(fact, service_case.Completed):
        return [((fact_id, "complex_services", fact.completed_on, code, who, case_id), 1)], None
    day = fact.accepted_on
    kpi = "service_component" if fact.complex else "service_plain"
    counted: list[tuple[Key, int]] = [((fact_id, kpi, day, code, who, case_id), 1)]
    if paid := payments.get(fact.component_no):
        counted.append(((fact_id, "paid_services", day, code, who, case_id), paid))
    return counted, (day, recorded.position, fact_id, code, who, case_id)


def _count_supported(served: _Served, first: _Acceptance | None) -> list[tuple[Key, int]]:
    """A participant counts once a year, on the first day it was served (architecture, section 5)."""
    moved: list[tuple[Key, int]] = []
    if first != served.first:
        for acceptance, n in ((served.first, -1), (first, 1)):
            if acceptance is not None:
                day, _, fact_id, code, who, case_id = acceptance
                moved.append(((fact_id, "supported_smes", day, code, who, case_id), n))
        served.first = first
    return moved


def _difference(before: Counted, after: Counted) -> Iterator[tuple[Key, int]]:
    for key, n in before.items():
        if key not in after:
            yield key, -n
    for key, n in after.items():
        if n != (was := before.get(key, 0)):
            yield key, n - was
