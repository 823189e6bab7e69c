"""Two KPI tables side by side, and the events that made the difference. One statement.

The amounts of a row's events sum to its delta.
"""

from datetime import date, datetime
from typing import Any, Literal
from uuid import UUID

import msgspec
from msgspec import Struct

from ckr_es.projections.kpi_reads import Counted, Figure, figure, how_counted, sides
from ckr_es.projections.kpi_statements import DIFF
from ckr_es.projections.log import Session
from ckr_es.rules.kpi_sets import Row, kpi_sets

ChangeKind = Literal[
    "added", "removed", "voided", "restored", "moved", "corrected", "superseded", "recounted"
]


class Cause(Struct, frozen=True, kw_only=True):
    """An event that moved a figure by `n`.

    `moved` and `corrected` are corrections with and without a change of day, `superseded` a later report of the same
    quarter, `restored` a void that was itself voided, `recounted` a fact that the other side's policy counts
    otherwise; `removed` is what happened in the world (a cluster dissolved, a member left), no error of ours.
    """

    event_id: UUID
    type: str
    kind: ChangeKind
    position: int
    effective_on: date
    recorded_at: datetime
    actor: str
    stream: UUID
    participant_id: UUID | None
    reason: str | None
    late_reason: str | None
    n: Figure


class Change(Struct, frozen=True, kw_only=True, rename={"from_": "from"}):
    """A row on both sides. `delta` is null, and no event is named, when one side has no figure."""

    no: str
    kpi: str
    title: str
    unit: str
    from_: Figure | None
    to: Figure | None
    delta: Figure | None
    events: tuple[Cause, ...]


class Difference(Struct, frozen=True, kw_only=True):
    """How each side is counted (KPI set and policy), and every row of both tables in the order of the second.

    Rows that only the first has come last.
    """

    before: Counted
    after: Counted
    rows: tuple[Change, ...]


def diff(
    conn: Session,
    from_as_of: date,
    from_position: int,
    to_as_of: date,
    to_position: int,
    cluster: str | None = None,
) -> Difference:
    """Two tables side by side; in each row the events whose `n` sum to its `delta`."""
    found = conn.execute(
        DIFF, sides((from_as_of, from_position), (to_as_of, to_position), cluster=cluster)
    ).fetchone()
    assert found is not None
    ((*from_counted, before), (*to_counted, after)), figures, events = found
    one, other = how_counted(*from_counted), how_counted(*to_counted)
    rows = list(kpi_sets()[other[0]].rows)
    rows += [row for row in kpi_sets()[one[0]].rows if row.kpi not in after]
    both_know = min(from_position, to_position)
    changes = tuple(
        _change(
            row,
            before.get(row.kpi),
            after.get(row.kpi),
            figures.get(row.kpi, (0, 0)),
            events.get(row.kpi, ()),
            both_know,
        )
        for row in rows
    )
    return Difference(before=one, after=other, rows=changes)


def _change(
    row: Row,
    before: dict[str, Any] | None,
    after: dict[str, Any] | None,
    figures: tuple[int, int],
    events: list[dict[str, Any]],
    both_know: int,
) -> Change:
    from_ = figure(row, figures[0]) if before and before["measures"] else None
    to = figure(row, figures[1]) if after and after["measures"] else None
    comparable = from_ is not None and to is not None
    # What both sides knew and count differently was counted by another policy.
    recounted = both_know if before != after else 0
    return Change(
        no=row.no,
        kpi=row.kpi,
        title=row.title,
        unit=row.unit,
        from_=from_,
        to=to,
        delta=figure(row, figures[1] - figures[0]) if comparable else None,
        events=tuple(
            _cause(row, said, said["position"] <= recounted) for said in (events if comparable else ())
        ),
    )


def _cause(row: Row, said: dict[str, Any], recounted: bool) -> Cause:
    fields = {name: said[name] for name in Cause.__struct_fields__ if name not in ("n", "kind")}
    kind = "recounted" if recounted else said["kind"]
    return msgspec.convert({**fields, "kind": kind, "n": figure(row, said["n"])}, Cause)
