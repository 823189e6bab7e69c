"""The plan of a year as understood after each event: KPI set, policy, values, and what its rows count."""

from collections import defaultdict
from typing import Any
from uuid import UUID

import msgspec

from ckr_es.aggregates import plan
from ckr_es.aggregates.amend import fold
from ckr_es.aggregates.facts import Entry
from ckr_es.projections.log import Heard
from ckr_es.projections.sheet import Row, Sheet
from ckr_es.rules.kpi_sets import Policy, applicable, kpi_sets, measures

HEARD = (plan.PlanSet, plan.Voided, plan.Corrected)


class Plans:
    """Pure: versions of the table `plan`, one row a year."""

    def __init__(self) -> None:
        self._entries: defaultdict[UUID, list[Entry]] = defaultdict(list)
        self._rows: dict[UUID, Row | None] = {}

    def post(self, recorded: Heard, sheet: Sheet) -> None:
        stream_id = recorded.originator_id
        entries = self._entries[stream_id]
        entries.append(Entry(recorded.event_id, recorded.event))
        understood = fold(plan.KIND, entries)
        before, after = self._rows.get(stream_id), _row(understood.plan if understood else None)
        self._rows[stream_id] = after
        sheet.replace("plan", stream_id, recorded.position, before, after)


def counts(kpi_set: str, policy: Policy, year: int) -> dict[str, Any]:
    """For each row of the table: the measures whose lines it sums (none: not applicable), and if of all time.

    It is kept with the plan, so that a read finds figure, evidence and difference in one statement.
    """
    return {
        row.kpi: {
            "measures": measures(row, policy) if applicable(row, policy, year) else (),
            "stock": row.stock,
        }
        for row in kpi_sets()[kpi_set].rows
    }


def _row(event: plan.PlanSet | None) -> Row | None:
    if event is None:
        return None
    rows = counts(event.kpi_set, event.policy, event.year)
    return event.year, event.kpi_set, _json(event.values), _json(event.policy), _json(rows)


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()
