"""A quarter or a year of reporting: what was submitted when, and by whom it was opened again.

A closing pins the position, the KPI set, the policy, the table and the ledger's root. Later facts never change it.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, assert_never
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from ckr_es.aggregates.facts import Fact, History
from ckr_es.rules import Forbidden, Invalid, Problem, Refused, Unknown
from ckr_es.rules.calendar import period
from ckr_es.rules.kpi_sets import Policy
from ckr_es.rules.validation import escape
from ckr_es.rules.values import Text


class Closed(Fact, frozen=True, kw_only=True, tag="period.closed"):
    """`table` are the rows of GET /kpi at `known_position`; `ledger_root` is hex, over positions 1..known_position.

    `deviations` say, by row of the table, why the figure is not the planned one.
    """

    label: str
    version: int
    closed_on: date
    closed_by: str
    approved_by: Text
    as_of: date
    known_position: int
    kpi_set: str
    policy: Policy
    table: tuple[dict[str, Any], ...]
    ledger_root: str
    note: Text | None = None
    deviations: dict[str, Text] = {}

    @property
    def effective_on(self) -> date:
        return self.closed_on


class Reopened(Fact, frozen=True, kw_only=True, tag="period.reopened"):
    """A second person opened the closed `version`; the next closing is another one."""

    label: str
    version: int
    reopened_on: date
    reason: Text

    @property
    def effective_on(self) -> date:
        return self.reopened_on


Event = Closed | Reopened


class ReportingPeriod(Struct, frozen=True, kw_only=True):
    closings: tuple[Closed, ...] = ()
    open: bool = True

    @property
    def submitted(self) -> Closed | None:
        return self.closings[-1] if self.closings else None

    def closed_as(self, label: str, version: int | None) -> Closed:
        """The closing of that number, or the latest; Unknown("version-unknown"), Unknown("not-closed")."""
        found = [closed for closed in self.closings if version in (None, closed.version)]
        if not found and version is None:
            raise Unknown("not-closed", f"Период {label} не закрывали")
        if not found:
            raise Unknown("version-unknown", f"У периода {label} нет версии {version}")
        return found[-1]


def may_close(state: ReportingPeriod | None, label: str, today: date) -> int:
    """The version the next closing will have; Refused while the period lasts or stands closed."""
    if period(label).last >= today:
        raise Refused("period-not-over", f"Период {label} ещё не закончился")
    if state is not None and not state.open:
        raise Refused("already-closed", f"Период {label} уже закрыт")
    return len(state.closings) + 1 if state else 1


def check_deviations(deviations: Mapping[str, str], table: Sequence[Mapping[str, Any]]) -> None:
    """Invalid("unknown-kpi") naming each explanation of a row that the table has not."""
    rows = {row["kpi"] for row in table}
    problems = [
        Problem(f"/deviations/{escape(kpi)}", "unknown-kpi", f"В таблице нет показателя «{kpi}»", kpi)
        for kpi in deviations
        if kpi not in rows
    ]
    if problems:
        raise Invalid(problems[0].code, problems[0].detail, problems)


def reopen(
    state: ReportingPeriod | None, *, label: str, reason: str, reopened_on: date, actor: str
) -> tuple[Event, ...]:
    """A second person opens what the first has closed."""
    if state is None or state.open:
        raise Refused("not-closed", f"Период {label} не закрыт")
    submitted = state.closings[-1]
    if submitted.closed_by == actor:
        raise Forbidden("same-person", "Открыть период может только другой сотрудник, не тот, кто его закрыл")
    return (Reopened(label=label, version=submitted.version, reopened_on=reopened_on, reason=reason),)


def evolve(state: ReportingPeriod | None, event: Event, _: UUID) -> ReportingPeriod:
    state = state or ReportingPeriod()
    match event:
        case Closed():
            return replace(state, closings=(*state.closings, event), open=False)
        case Reopened():
            return replace(state, open=True)
        case _:
            assert_never(event)


def fold(history: History) -> ReportingPeriod | None:
    """Periods are not corrected but opened again, so their history is understood as it stands."""
    state: ReportingPeriod | None = None
    for event_id, event in history:
        state = evolve(state, event, event_id)
    return state
