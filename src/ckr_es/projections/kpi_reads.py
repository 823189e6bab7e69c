"""What people ask of the KPI ledger: the table, what makes a figure, what moved it, how it went. One statement each.

`conn` may be any role that reads projections. `position` is what is known; it must have been reached.
"""

from calendar import monthrange
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Final, Literal
from uuid import UUID

import msgspec
from msgspec import Struct

from ckr_es.projections.kpi_statements import COUNTED, DIFF, EVIDENCE, POSITION_AT, SERIES, TABLE
from ckr_es.projections.log import Session
from ckr_es.projections.plans import DEFAULT_SET, counts
from ckr_es.rules import Invalid, Problem, Unknown
from ckr_es.rules.kpi_sets import KPI_SETS, Policy, Row
from ckr_es.rules.money import thousand_roubles

MOST_POINTS = 1_500
ROWS: Final = {row.kpi: row for rows in KPI_SETS.values() for row in rows}
DEFAULT = msgspec.json.encode(counts(DEFAULT_SET, Policy(), 1)).decode()

Step = Literal["day", "month", "quarter"]
Figure = int | Decimal


class Table(Struct, frozen=True, kw_only=True):
    """Rows as in GET /kpi: no, kpi, title, unit, plan, actual, percent."""

    kpi_set: str
    policy: Policy
    rows: tuple[dict[str, Any], ...]


class Evidence(Struct, frozen=True, kw_only=True):
    """A counted fact; `position` is where it was recorded and the key of the next page."""

    event_id: UUID
    type: str
    position: int
    effective_on: date
    cluster: str | None
    participant_id: UUID | None
    case_id: UUID | None
    n: Figure
    voided_by: UUID | None


class Cause(Struct, frozen=True, kw_only=True):
    """An event that moved a figure by `n`."""

    event_id: UUID
    type: str
    position: int
    effective_on: date
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


class Point(Struct, frozen=True):
    as_of: date
    actual: Figure | None


def table(conn: Session, as_of: date, position: int) -> Table:
    """The KPI table of the year of `as_of`, on that day, as known at `position`."""
    found = conn.execute(TABLE, _sides((as_of, position))).fetchone()
    assert found is not None
    kpi_set, policy, values, figures = found
    kpi_set = kpi_set or DEFAULT_SET
    rows = (_row(row, (values or {}).get(row.kpi), figures.get(row.kpi)) for row in KPI_SETS[kpi_set])
    return Table(kpi_set=kpi_set, policy=msgspec.convert(policy or {}, Policy), rows=tuple(rows))


def counted(conn: Session, as_of: date, position: int) -> tuple[str, Policy]:
    """The KPI set and policy that count the year of `as_of`, as known at `position`."""
    found = conn.execute(COUNTED, {"year": as_of.year, "position": position}).fetchone()
    kpi_set, policy = found or (DEFAULT_SET, {})
    return kpi_set, msgspec.convert(policy, Policy)


def evidence(
    conn: Session, kpi: str, as_of: date, position: int, after: int | None = None, limit: int = 100
) -> list[Evidence]:
    """The facts that make the figure, in the order recorded; `after` is the position of the last one seen.

    Their `n` sum to the figure. Unknown("unknown-kpi") for a row that no KPI set has.
    """
    row = _known(kpi)
    asked = {**_sides((as_of, position)), "kpi": kpi, "after": after or 0, "limit": limit}
    return [
        Evidence(
            event_id=event_id,
            type=type_,
            position=at,
            effective_on=day,
            cluster=cluster,
            participant_id=participant_id,
            case_id=case_id,
            n=_figure(row, n),
            voided_by=voided_by,
        )
        for event_id, type_, at, day, cluster, participant_id, case_id, n, voided_by in conn.execute(
            EVIDENCE, asked
        )
    ]


def diff(
    conn: Session, from_as_of: date, from_position: int, to_as_of: date, to_position: int
) -> tuple[Change, ...]:
    """Every row of both tables, and the events whose `n` sum to its `delta`."""
    found = conn.execute(DIFF, _sides((from_as_of, from_position), (to_as_of, to_position))).fetchone()
    assert found is not None
    sides, figures = found
    (_, before), (to_set, after) = sides
    of_to = KPI_SETS[to_set or DEFAULT_SET]
    rows = [*of_to, *(ROWS[kpi] for kpi in before if kpi not in after)]
    return tuple(_change(row, before.get(row.kpi), after.get(row.kpi), figures.get(row.kpi)) for row in rows)


def series(conn: Session, kpi: str, start: date, end: date, step: Step, position: int) -> list[Point]:
    """The figure on each day, or on the last day of each month or quarter, and on `end`."""
    row = _known(kpi)
    if start > end:
        raise Invalid(
            "range-empty", "Начало позже конца", [Problem("/from", "range-empty", "Начало позже конца")]
        )
    days = []
    for day in _days(start, end, step):
        days.append(day)
        if len(days) > MOST_POINTS:
            detail = f"Больше {MOST_POINTS} точек: возьмите крупнее шаг или короче отрезок"
            raise Invalid("too-many-points", detail, [Problem("/step", "too-many-points", detail, step)])
    asked = {"days": days, "start": start, "end": end, "position": position, "kpi": kpi, "default": DEFAULT}
    return [
        Point(day, None if n is None else _figure(row, n))
        for day, n in conn.execute(SERIES, asked).fetchall()
    ]


def position_at(conn: Session, instant: datetime) -> int:
    """The last position recorded by this instant; 0 before the first."""
    found = conn.execute(POSITION_AT, (instant,)).fetchone()
    assert found is not None
    return int(found[0])


def _sides(*sides: tuple[date, int]) -> dict[str, Any]:
    return {"days": [day for day, _ in sides], "positions": [p for _, p in sides], "default": DEFAULT}


def _known(kpi: str) -> Row:
    if kpi not in ROWS:
        raise Unknown(
            "unknown-kpi", f"Нет показателя «{kpi}»", [Problem("", "unknown-kpi", "Нет показателя", kpi)]
        )
    return ROWS[kpi]


def _figure(row: Row, n: int) -> Figure:
    return thousand_roubles(n) if row.unit == "thousand_roubles" else n


def _row(row: Row, planned: int | float | None, n: int | None) -> dict[str, Any]:
    actual = None if n is None else _figure(row, n)
    percent = None
    if actual is not None and planned:
        ratio = Decimal(100) * actual / Decimal(str(planned))
        percent = float(ratio.quantize(Decimal("0.1"), ROUND_HALF_UP))
    return {
        "no": row.no,
        "kpi": row.kpi,
        "title": row.title,
        "unit": row.unit,
        "plan": planned,
        "actual": actual,
        "percent": percent,
    }


def _change(
    row: Row, before: dict[str, Any] | None, after: dict[str, Any] | None, moved: dict[str, Any] | None
) -> Change:
    moved = moved or {"from": 0, "to": 0, "events": ()}
    from_ = _figure(row, moved["from"]) if before and before["measures"] else None
    to = _figure(row, moved["to"]) if after and after["measures"] else None
    comparable = from_ is not None and to is not None
    return Change(
        no=row.no,
        kpi=row.kpi,
        title=row.title,
        unit=row.unit,
        from_=from_,
        to=to,
        delta=_figure(row, moved["to"] - moved["from"]) if comparable else None,
        events=tuple(
            Cause(
                event_id=UUID(event_id),
                type=type_,
                position=position,
                effective_on=date.fromisoformat(day),
                n=_figure(row, n),
            )
            for event_id, type_, position, day, n in (moved["events"] if comparable else ())
        ),
    )


def _days(start: date, end: date, step: Step) -> Iterator[date]:
    if step == "day":
        yield from (start + timedelta(days=n) for n in range((end - start).days + 1))
        return
    year, month = start.year, start.month
    last = start
    while (year, month) <= (end.year, end.month):
        last = date(year, month, monthrange(year, month)[1])
        if last <= end and (step == "month" or month % 3 == 0):
            yield last
        year, month = year + month // 12, month % 12 + 1
    if last != end or (step == "quarter" and end.month % 3):
        yield end
