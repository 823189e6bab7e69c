"""The parts of a report out of the projections and the log, all as known at one position; three statements in all."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from itertools import groupby
from typing import Any, NamedTuple
from uuid import UUID

from ckr_es.aggregates import participant, service_case
from ckr_es.aggregates.amend import fold, understood
from ckr_es.aggregates.facts import Entry
from ckr_es.projections.log import Record, Session, records, tags
from ckr_es.reports.report import Act, Cluster, KpiRow, Member, Service, Services, Supported, Who, exact
from ckr_es.reports.statements import CLUSTERS, COUNTED, SAID
from ckr_es.rules.eligibility import RegistryCheck
from ckr_es.rules.kpi_sets import Policy
from ckr_es.rules.verdicts import HINTS

# What is said of an act and of a firm; the rest of their records (verdicts, evidence) is long and not read.
SAYING = (
    service_case.ComponentAdded,
    service_case.ServiceAccepted,
    service_case.Voided,
    service_case.Corrected,
    participant.Registered,
    participant.IdentityChanged,
    participant.RegistryChecked,
    participant.Voided,
    participant.Corrected,
)


class Served(NamedTuple):
    """An act, whom it served, and what it counts in KPI 2. Sorts by day and then as recorded."""

    accepted_on: date
    position: int
    who: UUID
    act: Act
    n: int


class Year(NamedTuple):
    """Every act of the year up to the day, in order, and the firms they served."""

    acts: list[Served]
    firms: dict[UUID, participant.Participant | None]


def kpi(table: Iterable[Mapping[str, Any]], deviations: Mapping[str, str]) -> tuple[KpiRow, ...]:
    """The rows as a closing pinned them, or as GET /kpi has them."""
    return tuple(
        KpiRow(
            no=row["no"],
            kpi=row["kpi"],
            title=row.get("title", row["kpi"]),
            unit=row.get("unit", "unit"),
            plan=exact(row["plan"]),
            actual=exact(row["actual"]),
            percent=exact(row["percent"]),
            deviation=deviations.get(row["kpi"]),
        )
        for row in table
    )


def year(conn: Session, as_of: date, position: int, policy: Policy) -> Year:
    """What the ledger counts, in the words of the records that it counts."""
    asked = {"since": date(as_of.year, 1, 1), "as_of": as_of, "position": position}
    facts: defaultdict[UUID, list[UUID]] = defaultdict(list)
    completed: dict[UUID, date] = {}
    served: set[UUID] = set()
    for measure, fact_id, day, who, case_id in conn.execute(COUNTED, asked):
        if measure == "complex_services":
            completed[case_id] = day
        else:
            facts[case_id].append(fact_id)
            served.add(who)
    said: defaultdict[UUID, list[Record]] = defaultdict(list)
    wanted = {"streams": [*facts, *served], "types": tags(SAYING), "position": position}
    for record in records(conn.execute(SAID, wanted)):
        said[record.originator_id].append(record)
    acts: list[Served] = []
    for case_id, fact_ids in facts.items():
        of_case = sorted(_acts(case_id, said[case_id], fact_ids))
        ended_on = completed.get(case_id)
        # Between a correction and the completion that follows from it, no act may be of the day of the completion.
        ends = [one for one in of_case if ended_on and one.accepted_on <= ended_on] or of_case[:1]
        acts += (
            one._replace(n=_counts(one, policy, ended_on is not None and one is ends[-1])) for one in of_case
        )
    return Year(sorted(acts), {who: fold(participant.KIND, _entries(said[who])) for who in served})


def _acts(case_id: UUID, said: list[Record], fact_ids: list[UUID]) -> Iterator[Served]:
    happened = dict(understood(_entries(said)))
    positions = {record.event_id: record.position for record in said}
    added = {e.component_no: e for e in happened.values() if isinstance(e, service_case.ComponentAdded)}
    for fact_id in fact_ids:
        event = happened[fact_id]
        assert isinstance(event, service_case.ServiceAccepted)
        component = added.get(event.component_no)
        act = Act(
            event_id=fact_id,
            case_id=case_id,
            accepted_on=event.accepted_on,
            act_number=event.act_number,
            service=event.service,
            cluster=event.cluster,
            complex=event.complex,
            quantity=event.quantity,
            unit=event.unit,
            cost_kopecks=component.cost_kopecks if component else None,
            provider_id=component.provider_id if component else None,
        )
        yield Served(event.accepted_on, positions[fact_id], event.participant_id, act, 1)


def _counts(one: Served, policy: Policy, ends: bool) -> int:
    """As `rules.kpi_sets.measures`: a complex service counts as its acts, once (by the act that ends it), or not."""
    match policy.complex_in_services:
        case "once" if one.act.complex:
            return int(ends)
        case "none" if one.act.complex:
            return 0
    return 1


def supported(year: Year) -> tuple[Supported, ...]:
    """The distinct participants behind KPI 4, firms by name and then persons."""
    acts: defaultdict[UUID, list[Act]] = defaultdict(list)
    for one in year.acts:
        acts[one.who].append(one.act)
    found = []
    for no, who in enumerate(sorted((_who(id, year.firms[id]) for id in acts), key=_by_name), 1):
        check = _register(year.firms[who.id], acts[who.id][0].accepted_on)
        found.append(
            Supported(
                no=no,
                participant=who,
                category=check.category if check else None,
                okved=check.okved_main if check else None,
                acts=tuple(acts[who.id]),
            )
        )
    return tuple(found)


def services(year: Year, first_day: date) -> Services:
    """The acts from `first_day` on, and what counted in KPI 2 before it."""
    listed = [one for one in year.acts if one.accepted_on >= first_day]
    return Services(
        before=sum(one.n for one in year.acts if one.accepted_on < first_day),
        items=tuple(
            Service(no=no, participant=_who(one.who, year.firms[one.who]), act=one.act, n=one.n)
            for no, one in enumerate(listed, 1)
        ),
    )


def clusters(conn: Session, as_of: date, position: int) -> tuple[Cluster, ...]:
    """The clusters that stand on the day, each with its members."""
    rows = conn.execute(CLUSTERS, {"as_of": as_of, "position": position}).fetchall()
    found = []
    for no, (cluster, joined) in enumerate(groupby(rows, key=lambda row: row[:5]), 1):
        code, title, production, specialisation, formed_on = cluster
        members = sorted(
            ((Who(id=id, kind=kind, name=name, inn=inn), on) for *_, id, kind, name, inn, on in joined if id),
            key=lambda member: _by_name(member[0]),
        )
        found.append(
            Cluster(
                no=no,
                code=code,
                title=title,
                production=production,
                specialisation=specialisation,
                formed_on=formed_on,
                members=tuple(
                    Member(no=n, participant=who, joined_on=on) for n, (who, on) in enumerate(members, 1)
                ),
            )
        )
    return tuple(found)


def _entries(said: Iterable[Record]) -> list[Entry]:
    return [Entry(record.event_id, record.event) for record in said]


def _who(id: UUID, firm: participant.Participant | None) -> Who:
    if firm is None:
        return Who(id=id, kind="unknown", name=None, inn=None)
    # A person's are not in the log, so there is nothing here to leave out.
    return Who(id=id, kind=firm.registered.kind, name=firm.name, inn=firm.registered.inn)


def _by_name(who: Who) -> tuple[bool, str, str, UUID]:
    return who.name is None, (who.name or "").casefold().replace("ё", "е"), who.name or "", who.id


def _register(firm: participant.Participant | None, day: date) -> RegistryCheck | None:
    """What the register of SMEs last said of the firm by that day; a look-up service says nothing that proves."""
    checks = [
        check
        for check in (firm.checks if firm else ())
        if check.category is not None and check.as_of <= day and check.via not in HINTS
    ]
    return max(enumerate(checks), key=lambda pair: (pair[1].as_of, pair[0]))[1] if checks else None
