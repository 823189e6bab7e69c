"""Figures and the periods they were submitted for: tables, evidence, differences, reports. For the whole centre."""

from collections.abc import Collection
from datetime import date
from typing import Any, Literal

import msgspec
from litestar import Response

from ckr_es.aggregates import reporting_period
from ckr_es.aggregates.roadmap import MeasureReported, Row, Status
from ckr_es.api.asked import Travel, instant
from ckr_es.api.moments import FIGURES, Moment, decoded, encoded, moment_of, paged, plain_numbers
from ckr_es.application import ServiceTracking, Streams, stream_id
from ckr_es.commands import Snapshot
from ckr_es.projections import kpi_changes, kpi_evidence, kpi_reads, ledger
from ckr_es.projections import roadmap as measures
from ckr_es.projections.follower import await_position
from ckr_es.reports import making
from ckr_es.reports.report import Part, Report, Restatement, RoadmapReport
from ckr_es.rules import calendar
from ckr_es.rules.roadmap import measures as document
from ckr_es.store import log
from ckr_es.store.database import Pool


class Figures:
    """What is asked of the KPI ledger and of reporting periods, for one call."""

    def __init__(self, pool: Pool, tracking: ServiceTracking) -> None:
        self._pool = pool
        self._tracking = tracking

    def table(self, when: Travel, cluster: str | None) -> Response[Any]:
        moment = self._moment(when)
        with self._pool.connection() as conn:
            table = kpi_reads.table(conn, moment.as_of, moment.position, cluster)
        return plain_numbers({"meta": moment.meta(table.kpi_set, table.policy), "rows": table.rows})

    def snapshot(self, as_of: date, position: int) -> Snapshot:
        """The table and the root as a closing pins them."""
        with self._pool.connection() as conn:
            await_position(conn, ["kpi", "ledger"], position)
            table = kpi_reads.table(conn, as_of, position)
            root = ledger.root(conn, position)
        rows = msgspec.json.decode(FIGURES.encode(table.rows), type=tuple[dict[str, Any], ...])
        return Snapshot(
            known_position=position,
            kpi_set=table.kpi_set,
            policy=table.policy,
            table=rows,
            ledger_root=root.hex(),
        )

    def outlook(self, when: Travel, cluster: str | None) -> Response[Any]:
        moment = self._moment(when)
        with self._pool.connection() as conn:
            table, forecasts = kpi_reads.outlook(conn, moment.as_of, moment.position, cluster)
        rows = [row | msgspec.structs.asdict(f) for row, f in zip(table.rows, forecasts, strict=True)]
        return plain_numbers({"meta": moment.meta(table.kpi_set, table.policy), "rows": rows})

    def evidence(
        self, kpi: str, when: Travel, about: kpi_evidence.About, limit: int, cursor: str | None
    ) -> Response[Any]:
        moment = self._moment(when)
        after = decoded(cursor, int) if cursor else None
        with self._pool.connection() as conn:
            counted = kpi_reads.counted(conn, moment.as_of, moment.position)
            found = kpi_evidence.evidence(conn, kpi, moment.as_of, moment.position, after, limit + 1, about)
        page = paged(found, limit, lambda last: last.position)
        return plain_numbers({"meta": moment.meta(*counted), "kpi": kpi, "counted": True, **page})

    def uncounted(
        self, kpi: str, when: Travel, about: kpi_evidence.About, limit: int, cursor: str | None
    ) -> Response[Any]:
        moment = self._moment(when)
        after = decoded(cursor, int) if cursor else None
        with self._pool.connection() as conn:
            kpi_set, policy = kpi_reads.counted(conn, moment.as_of, moment.position)
            found, following = kpi_evidence.uncounted(
                conn, kpi, moment.as_of, moment.position, after, limit, about, kpi_set=kpi_set, policy=policy
            )
        page = {"items": found, "next_cursor": encoded(following) if following else None}
        return plain_numbers({"meta": moment.meta(kpi_set, policy), "kpi": kpi, "counted": False, **page})

    def diff(
        self,
        when: Travel,
        to_as_of: date | None,
        to_position: int | None,
        to_known_at: str | None,
        cluster: str | None,
    ) -> Response[Any]:
        start = self._moment(when)
        to = Travel(to_as_of or when.as_of, instant(to_known_at, "to_known_at"), to_position, None)
        end = self._moment(to)
        with self._pool.connection() as conn:
            found = kpi_changes.diff(conn, start.as_of, start.position, end.as_of, end.position, cluster)
        sides = {"meta": start.meta(*found.before), "to": end.meta(*found.after)}
        return plain_numbers({**sides, "rows": found.rows})

    def series(
        self,
        when: Travel,
        kpi: str,
        start: date,
        end: date,
        step: Literal["day", "month", "quarter"],
        cluster: str | None,
    ) -> Response[Any]:
        moment = self._moment(when)
        with self._pool.connection() as conn:
            counted = kpi_reads.counted(conn, end, moment.position)
            points = kpi_reads.series(conn, kpi, start, end, step, moment.position, cluster)
        return plain_numbers({"meta": moment.meta(*counted), "kpi": kpi, "step": step, "points": points})

    def courses(self, when: Travel, cluster: str | None) -> Response[Any]:
        """Every row of the table by the ends of the year's months, up to the day."""
        moment = self._moment(when)
        with self._pool.connection() as conn:
            tables = kpi_reads.by_months(conn, moment.as_of, moment.position, cluster)
        kpi_set, policy, last = tables[-1][1].kpi_set, tables[-1][1].policy, tables[-1][1].rows
        rows = [
            {
                "kpi": row["kpi"],
                "plan": row["plan"],
                "points": [{"as_of": on, "actual": table.rows[n]["actual"]} for on, table in tables],
            }
            for n, row in enumerate(last)
        ]
        return plain_numbers({"meta": moment.meta(kpi_set, policy), "rows": rows})

    def periods(self, when: Travel) -> dict[str, Any]:
        moment = moment_of(self._pool, self._tracking, when)
        with self._pool.connection() as conn:
            labels = log.closed_periods(conn, moment.position)
        streams = self._tracking.streams([stream_id("period", label) for label in labels], moment.position)
        items = [self._submitted(label, _period(streams, label)) for label in labels]
        return {"meta": moment.meta(), "items": items, "next_cursor": None}

    def period(self, label: str, when: Travel) -> dict[str, Any]:
        calendar.period(label)
        moment = moment_of(self._pool, self._tracking, when)
        state = self._known_period(label, moment)
        tables = [msgspec.to_builtins(closing) for closing in state.closings]
        return {"meta": moment.meta(), **self._submitted(label, state), "closings": tables}

    def restatement(self, label: str, when: Travel, version: int | None) -> Response[Any]:
        """`from` is what was submitted (pinned in the log), `to` the same day as known now."""
        moment = self._moment(when)
        submitted = self._known_period(label, moment).closed_as(label, version)
        with self._pool.connection() as conn:
            found = kpi_changes.diff(
                conn, submitted.as_of, submitted.known_position, submitted.as_of, moment.position
            )
        return plain_numbers(
            {
                "meta": moment.meta(submitted.kpi_set, submitted.policy),
                "label": label,
                "version": submitted.version,
                "submitted_position": submitted.known_position,
                "rows": found.rows,
            }
        )

    def report(
        self, label: str, when: Travel, version: int | None, draft: bool, parts: Collection[Part]
    ) -> Report:
        moment = moment_of(self._pool, self._tracking, when)
        with self._pool.connection() as conn:
            return making.report(conn, label, moment.position, version=version, draft=draft, parts=parts)

    def restated(self, label: str, when: Travel, version: int | None) -> Restatement:
        moment = moment_of(self._pool, self._tracking, when)
        with self._pool.connection() as conn:
            return making.restatement(conn, label, moment.position, version=version)

    def roadmap(self, when: Travel, status: Status | None) -> dict[str, Any]:
        moment, rows = self._roadmap(when)
        items = [_measure(row) for row in rows if status in (None, row.status)]
        return {"meta": moment.meta(), "items": items, "next_cursor": None}

    def measure(self, no: str, when: Travel) -> dict[str, Any]:
        moment, rows = self._roadmap(when)
        return {"meta": moment.meta(), **_measure(next(row for row in rows if row.no == no))}

    def roadmap_report(self, when: Travel) -> RoadmapReport:
        moment = moment_of(self._pool, self._tracking, when)
        with self._pool.connection() as conn:
            return making.roadmap(conn, moment.as_of, moment.position)

    def _roadmap(self, when: Travel) -> tuple[Moment, tuple[Row, ...]]:
        moment = moment_of(self._pool, self._tracking, when)
        with self._pool.connection() as conn:
            return moment, measures.rows(conn, moment.as_of, moment.position)

    def _known_period(self, label: str, moment: Moment) -> reporting_period.ReportingPeriod:
        return _period(self._tracking.streams([stream_id("period", label)], moment.position), label)

    def _submitted(self, label: str, state: reporting_period.ReportingPeriod) -> dict[str, Any]:
        period, last = calendar.period(label), state.submitted
        return {
            "label": label,
            "first_day": period.first,
            "last_day": period.last,
            "status": "open" if state.open else "closed",
            "version": last.version if last else 0,
            "closed_on": last and last.closed_on,
            "approved_by": last and last.approved_by,
            "known_position": last and last.known_position,
            "ledger_root": last and last.ledger_root,
        }

    def _moment(self, when: Travel) -> Moment:
        return moment_of(self._pool, self._tracking, when, "kpi")


def _period(streams: Streams, label: str) -> reporting_period.ReportingPeriod:
    return (
        reporting_period.fold(streams.history(stream_id("period", label)))
        or reporting_period.ReportingPeriod()
    )


def _measure(row: Row) -> dict[str, Any]:
    said = document()[row.no]
    return {
        "no": row.no,
        "parent": said.parent,
        "title": said.title,
        "expected": said.expected,
        "status": row.status,
        "terms": [
            {
                "period": standing.term.label,
                "first_day": standing.term.first,
                "last_day": standing.term.last,
                "due_on": standing.term.due_on,
                "status": standing.status,
                "completed_on": standing.completed_on,
                "late": standing.late,
                "reports": [
                    {"event_id": known.event_id, **_said(known.report)} for known in standing.reports
                ],
            }
            for standing in row.terms
        ],
    }


def _said(report: MeasureReported) -> dict[str, Any]:
    shown = ("period", "done_on", "result", "complete", "document")
    return {name: getattr(report, name) for name in shown}
