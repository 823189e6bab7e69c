"""The KPI ledger: events post signed lines; a figure on any day, known at any position, is a sum of lines.

Pure. Whatever an event changes (a service, a report, a membership, the life of a cluster, or how an earlier
record reads after a correction), the ledger posts the difference between what its scope counted before and
what it counts now. So a correction posts the negated lines of what it corrects, the lines of what replaces it,
and nothing else.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import date
from typing import Any, NamedTuple
from uuid import UUID

from msgspec import Struct

from ckr_es.aggregates import cluster, participant, service_case
from ckr_es.aggregates.amend import understood
from ckr_es.aggregates.facts import Correction, Entry, Void
from ckr_es.projections.counting import (
    Counted,
    Key,
    Life,
    Membership,
    cluster_on,
    memberships,
    of_cluster,
    of_products,
    of_reports,
    quarter,
    reports_by_year,
)
from ckr_es.projections.log import Heard


class Line(Struct, frozen=True):
    """`event_id` is the event that made the line known (its cause), `fact_id` the one that is counted."""

    position: int
    event_id: UUID
    fact_id: UUID
    kpi: str
    day: date
    cluster: str | None
    participant_id: UUID | None
    case_id: UUID | None
    n: int


class _Cluster(Struct):
    entries: list[Entry] = []
    counted: Counted = {}
    life: Life | None = None


class _Acceptance(NamedTuple):
    """In the order in which "the first of the year" is chosen."""

    accepted_on: date
    position: int
    event_id: UUID
    cluster: str
    case_id: UUID


class _Case(Struct):
    entries: list[Entry] = []
    positions: dict[UUID, int] = {}
    counted: Counted = {}
    acceptances: dict[UUID, _Acceptance] = {}
    payments: dict[int, int] = {}  # of its components, by their numbers


class _Participant(Struct):
    entries: list[Entry] = []
    standing: list[Entry] = []
    memberships: list[Membership] = []
    reports: dict[int, list[Entry]] = {}  # by the year of their quarter
    counted: dict[int, Counted] = {}  # by year; products are kept under 0
    served: dict[int, dict[UUID, _Acceptance]] = {}
    supported: dict[int, Counted] = {}


_PRODUCTS = 0


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
        self._clusters: defaultdict[UUID, _Cluster] = defaultdict(_Cluster)
        self._lives: dict[str, Life] = {}
        self._cases: defaultdict[UUID, _Case] = defaultdict(_Case)
        self._participants: defaultdict[UUID, _Participant] = defaultdict(_Participant)
        self._members: defaultdict[str, set[UUID]] = defaultdict(set)

    def apply(self, recorded: Heard) -> list[Line]:
        """The lines this event posts; none for an event that counts nowhere."""
        match HEARD.get(type(recorded.event)):
            case "cluster":
                moved = self._hear_cluster(recorded)
            case "case":
                moved = self._hear_case(recorded)
            case "participant":
                moved = self._hear_participant(recorded)
            case _:
                return []
        return [Line(recorded.position, recorded.event_id, *key, n) for key, n in moved]

    def member_from(self, who: UUID, year: int) -> tuple[date, str] | None:
        """The first day of the year on which a cluster that was there that day had this member, and which."""
        known = self._participants[who]
        first: tuple[date, str] | None = None
        for code, joined_on, left_on in known.memberships:
            if (life := self._lives.get(code)) is None:
                continue
            start = max(joined_on, life.formed_on, date(year, 1, 1))
            ends = [day for day in (left_on, life.dissolved_on) if day is not None]
            lasts = start.year == year and all(start < end for end in ends)
            if lasts and (first is None or start < first[0]):
                first = start, code
        return first

    def cluster_of(self, who: UUID, day: date) -> str | None:
        """The cluster that the participant was a member of on that day."""
        return cluster_on(self._participants[who].memberships, day)

    def _hear_cluster(self, recorded: Heard) -> Iterator[tuple[Key, int]]:
        known = self._clusters[recorded.originator_id]
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

    def _hear_case(self, recorded: Heard) -> Iterator[tuple[Key, int]]:
        case = self._cases[recorded.originator_id]
        entry = Entry(recorded.event_id, recorded.event)
        case.entries.append(entry)
        case.positions[recorded.event_id] = recorded.position
        if isinstance(recorded.event, Void | Correction):
            yield from self._count_anew(recorded.originator_id, case)
        else:  # nothing recorded before counts otherwise for it
            counted, first = _of_case(recorded.originator_id, case, entry)
            case.counted |= counted
            yield from counted.items()
            if first is not None:
                case.acceptances[entry.event_id] = first
                who, year = entry.event.participant_id, first.accepted_on.year
                self._participants[who].served.setdefault(year, {})[entry.event_id] = first
                yield from self._count_supported(who, year)

    def _count_anew(self, case_id: UUID, case: _Case) -> Iterator[tuple[Key, int]]:
        counted: Counted = {}
        acceptances: dict[UUID, _Acceptance] = {}
        changed: defaultdict[UUID, set[int]] = defaultdict(set)
        case.payments.clear()
        for entry in understood(case.entries):
            lines, first = _of_case(case_id, case, entry)
            counted |= lines
            if first is None:
                continue
            acceptances[entry.event_id] = first
            if case.acceptances.get(entry.event_id) != first:
                who, year = entry.event.participant_id, first.accepted_on.year
                changed[who].add(year)
                self._participants[who].served.setdefault(year, {})[entry.event_id] = first
        whose = {key.fact_id: key.participant_id for key in case.counted}
        for fact_id, gone in case.acceptances.items():
            now = acceptances.get(fact_id)
            if now is None or now.accepted_on.year != gone.accepted_on.year:
                owner = whose[fact_id]
                assert owner is not None
                del self._participants[owner].served[gone.accepted_on.year][fact_id]
                changed[owner].add(gone.accepted_on.year)
        yield from _difference(case.counted, counted)
        case.counted, case.acceptances = counted, acceptances
        for who, years in changed.items():
            for year in sorted(years):
                yield from self._count_supported(who, year)

    def _count_supported(self, who: UUID, year: int) -> Iterator[tuple[Key, int]]:
        """A participant counts once a year, on the first day it was served (architecture, section 5)."""
        known = self._participants[who]
        counted: Counted = {}
        if served := known.served.get(year):
            first = min(served.values())
            day, _, fact_id, code, case_id = first
            counted[Key(fact_id, "supported_smes", day, code, who, case_id)] = 1
        yield from _difference(known.supported.get(year, {}), counted)
        known.supported[year] = counted

    def _hear_participant(self, recorded: Heard) -> Iterator[tuple[Key, int]]:
        who = recorded.originator_id
        known = self._participants[who]
        entry = Entry(recorded.event_id, recorded.event)
        known.entries.append(entry)
        match recorded.event:
            case participant.JobsReported() | participant.SalesReported() as report:
                known.standing.append(entry)
                year = quarter(report.quarter).last.year
                known.reports.setdefault(year, []).append(entry)
                # The fourth quarter is the next year's base for growth.
                yield from self._count_reports(who, known, (year, year + 1))
            case Void() | Correction():
                known.standing = understood(known.entries)
                years = set(known.reports)
                known.reports = reports_by_year(known.standing)
                yield from self._count_all(who, known, years | known.reports.keys())
            case _:
                known.standing.append(entry)
                yield from self._count_all(who, known, known.reports)

    def _count_all(self, who: UUID, known: _Participant, years: Iterable[int]) -> Iterator[tuple[Key, int]]:
        known.memberships = memberships(known.standing)
        for membership in known.memberships:
            self._members[membership.cluster].add(who)
        products = of_products(who, known.standing, known.memberships)
        yield from _difference(known.counted.get(_PRODUCTS, {}), products)
        known.counted[_PRODUCTS] = products
        yield from self._count_reports(who, known, {y for year in years for y in (year, year + 1)})

    def _count_reports(
        self, who: UUID, known: _Participant, years: Iterable[int]
    ) -> Iterator[tuple[Key, int]]:
        for year in sorted(years):
            counted: Counted = {}
            if year in known.reports and (member := self.member_from(who, year)):
                counted = of_reports(who, known.reports, year, *member)
            yield from _difference(known.counted.get(year, {}), counted)
            known.counted[year] = counted


def _of_case(case_id: UUID, case: _Case, entry: Entry) -> tuple[Counted, _Acceptance | None]:
    """What one fact of a case counts, and the acceptance it is; a component only says what will be paid for it."""
    fact_id, event = entry
    match event:
        case service_case.ComponentAdded():
            case.payments[event.component_no] = event.participant_payment_kopecks
            return {}, None
        case service_case.Completed(participant_id=who, cluster=code, completed_on=day):
            return {Key(fact_id, "complex_services", day, code, who, case_id): 1}, None
    who, code, day = event.participant_id, event.cluster, event.accepted_on
    key = Key(fact_id, "service_component" if event.complex else "service_plain", day, code, who, case_id)
    counted: Counted = {key: 1}
    if paid := case.payments.get(event.component_no, 0):
        counted[key._replace(kpi="paid_services")] = paid
    return counted, _Acceptance(day, case.positions[fact_id], fact_id, code, case_id)


def _difference(before: Counted, after: Counted) -> Iterator[tuple[Key, int]]:
    for key, n in before.items():
        if key not in after:
            yield key, -n
    for key, n in after.items():
        if n != (was := before.get(key, 0)):
            yield key, n - was
