"""Reporting periods: closed on a table pinned at a position, reopened by a second person."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any

from msgspec import Struct

from ckr_es.aggregates import reporting_period
from ckr_es.aggregates.facts import Fact
from ckr_es.application import Answer, Request, ServiceTracking, Streams, stream_id
from ckr_es.rules import calendar
from ckr_es.rules.kpi_sets import Policy


class Snapshot(Struct, frozen=True, kw_only=True):
    """The table of a period and the ledger's root (hex) at a position, as the read side worked them out."""

    known_position: int
    kpi_set: str
    policy: Policy
    table: tuple[dict[str, Any], ...]
    ledger_root: str


def close_period(
    tracking: ServiceTracking,
    request: Request,
    label: str,
    *,
    approved_by: str,
    note: str | None,
    deviations: Mapping[str, str] | None = None,
    table: Callable[[date, int], Snapshot],
) -> Answer:
    """Pins the table at the position it was worked out at; retried until nothing was recorded in between."""
    period = calendar.period(label)
    id = stream_id("period", label)

    def decide(streams: Streams) -> Sequence[Fact]:
        state = reporting_period.fold(streams.history(id))
        version = reporting_period.may_close(state, label, request.today)
        snapshot = table(period.last, streams.head)
        reporting_period.check_deviations(deviations or {}, snapshot.table)
        return (
            reporting_period.Closed(
                label=label,
                version=version,
                closed_on=request.today,
                closed_by=request.actor,
                approved_by=approved_by,
                as_of=period.last,
                known_position=snapshot.known_position,
                kpi_set=snapshot.kpi_set,
                policy=snapshot.policy,
                table=snapshot.table,
                ledger_root=snapshot.ledger_root,
                note=note,
                deviations=dict(deviations or {}),
            ),
        )

    return tracking.record(request, id, label, decide, still=True)


def reopen_period(tracking: ServiceTracking, request: Request, label: str, reason: str) -> Answer:
    calendar.period(label)
    id = stream_id("period", label)

    def decide(streams: Streams) -> Sequence[Fact]:
        return reporting_period.reopen(
            reporting_period.fold(streams.history(id)),
            label=label,
            reason=reason,
            reopened_on=request.today,
            actor=request.actor,
        )

    return tracking.record(request, id, label, decide)
