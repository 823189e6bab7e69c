"""Makes a report: finds the version, pins the position, and asks for the parts there.

`conn` may be any role that reads projections. Nothing here reads a clock or the log's head: the same version, or the
same position, always gives the same report.
"""

from collections.abc import Callable, Collection, Sequence
from datetime import UTC, date, datetime

from msgspec import UNSET

from ckr_es.aggregates.facts import Entry
from ckr_es.aggregates.reporting_period import Closed, ReportingPeriod, fold
from ckr_es.application import stream_id
from ckr_es.projections import kpi_changes, kpi_reads
from ckr_es.projections import roadmap as measures
from ckr_es.projections.follower import await_position
from ckr_es.projections.log import Session
from ckr_es.reports import parts as make
from ckr_es.reports import russian
from ckr_es.reports.report import (
    PARTS,
    MeasureRow,
    Moved,
    MovedBy,
    Part,
    Report,
    Restatement,
    RoadmapReport,
    exact,
    signed,
)
from ckr_es.reports.statements import PERIOD, RECORDED_AT
from ckr_es.rules import roadmap as document
from ckr_es.rules.calendar import period
from ckr_es.rules.values import Document
from ckr_es.store.envelope import decode

Waiting = Callable[[Session, Sequence[str], int], None]
NEEDED = ("kpi", "directory")


def report(
    conn: Session,
    label: str,
    position: int,
    *,
    version: int | None = None,
    draft: bool = False,
    parts: Collection[Part] = PARTS,
    wait: Waiting = await_position,
) -> Report:
    """A closed version (the latest known at `position`, or that number), else a draft as known at `position`.

    Unknown("version-unknown") when nothing was closed under that number.
    """
    days = period(label)
    state, closed_at = _closings(conn, label, position)
    drafted = draft or (version is None and not state.closings)
    closed = None if drafted else state.closed_as(label, version)
    known = closed.known_position if closed else position
    wait(conn, NEEDED, known)
    recorded_at = _recorded_at(conn, known)
    if closed:
        kpi_set, policy, table = closed.kpi_set, closed.policy, closed.table
    else:
        counted = kpi_reads.table(conn, days.last, known)
        kpi_set, policy, table = counted.kpi_set, counted.policy, counted.rows
    year = make.year(conn, days.last, known, policy) if {"supported", "services"} & set(parts) else None
    return signed(
        Report(
            period=label,
            first_day=days.first,
            last_day=days.last,
            as_of=days.last,
            status="closed" if closed else "draft",
            version=closed.version if closed else None,
            approved_by=closed.approved_by if closed else None,
            note=closed.note if closed else None,
            known_position=known,
            known_recorded_at=recorded_at,
            dated_at=closed_at[closed.version] if closed else recorded_at,
            ledger_root=closed.ledger_root if closed else None,
            kpi_set=kpi_set,
            policy=policy,
            parts=tuple(part for part in PARTS if part in parts),
            kpi=make.kpi(table, closed.deviations if closed else {}) if "kpi" in parts else UNSET,
            supported=make.supported(year) if year and "supported" in parts else UNSET,
            services=make.services(year, days.first) if year and "services" in parts else UNSET,
            clusters=make.clusters(conn, days.last, known) if "clusters" in parts else UNSET,
        )
    )


def restatement(
    conn: Session,
    label: str,
    position: int,
    *,
    version: int | None = None,
    wait: Waiting = await_position,
) -> Restatement:
    """From a submitted version (the latest known at `position`, or that number) to what is known at `position`.

    Unknown("not-closed") when there is none, Unknown("version-unknown") when none has that number.
    """
    days = period(label)
    state, closed_at = _closings(conn, label, position)
    closed = state.closed_as(label, version)
    wait(conn, NEEDED, position)
    changed = kpi_changes.diff(conn, closed.as_of, closed.known_position, closed.as_of, position)
    rows = (
        Moved(
            no=row.no,
            kpi=row.kpi,
            title=row.title,
            unit=row.unit,
            from_=exact(row.from_),
            to=exact(row.to),
            delta=exact(row.delta),
            events=tuple(
                MovedBy(
                    event_id=cause.event_id,
                    type=cause.type,
                    kind=cause.kind,
                    position=cause.position,
                    effective_on=cause.effective_on,
                    n=exact(cause.n) or 0,
                    actor=cause.actor,
                    reason=cause.reason,
                    late_reason=cause.late_reason,
                )
                for cause in row.events
            ),
        )
        for row in changed.rows
    )
    return signed(
        Restatement(
            period=label,
            first_day=days.first,
            last_day=days.last,
            as_of=closed.as_of,
            version=closed.version,
            approved_by=closed.approved_by,
            submitted_position=closed.known_position,
            submitted_at=closed_at[closed.version],
            known_position=position,
            known_recorded_at=_recorded_at(conn, position),
            kpi_set=closed.kpi_set,
            policy=closed.policy,
            rows=tuple(rows),
        )
    )


def roadmap(conn: Session, as_of: date, position: int) -> RoadmapReport:
    """Every measure of the roadmap in each of its terms, as of the day, as known at `position`."""
    return signed(
        RoadmapReport(
            as_of=as_of,
            known_position=position,
            known_recorded_at=_recorded_at(conn, position),
            rows=tuple(
                MeasureRow(
                    no=row.no,
                    title=document.measures()[row.no].title,
                    period=standing.term.label,
                    due_on=standing.term.due_on,
                    status=standing.status,
                    completed_on=standing.completed_on,
                    late=standing.late,
                    results=tuple(known.report.result for known in standing.reports),
                    documents=tuple(
                        _named(known.report.document) for known in standing.reports if known.report.document
                    ),
                )
                for row in measures.rows(conn, as_of, position)
                for standing in row.terms
            ),
        )
    )


def _named(paper: Document) -> str:
    """«Отчёт № 12-П от 2021-04-15», as far as it is known."""
    number = f" № {paper.number}" if paper.number else ""
    return f"{paper.title}{number}{f' от {russian.day(paper.date)}' if paper.date else ''}"


def _closings(conn: Session, label: str, position: int) -> tuple[ReportingPeriod, dict[int, datetime]]:
    """The period as known at the position, and when each version was recorded."""
    asked = {"stream": stream_id("period", label), "position": position}
    history: list[Entry] = []
    recorded: dict[int, datetime] = {}
    for event_id, recorded_at, type_, body in conn.execute(PERIOD, asked):
        event = decode(type_, body)
        history.append(Entry(event_id, event))
        if isinstance(event, Closed):
            recorded[event.version] = recorded_at.astimezone(UTC)
    return fold(history) or ReportingPeriod(), recorded


def _recorded_at(conn: Session, position: int) -> datetime | None:
    found = conn.execute(RECORDED_AT, {"position": position}).fetchone()
    return found[0].astimezone(UTC) if found else None
