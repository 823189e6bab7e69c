"""What people ask of the KPI ledger: the table, how it will be on 31 December, how a figure went. One statement each.

`conn` may be any role that reads projections. `position` is what is known; it must have been reached.
"""

from calendar import monthrange
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from functools import cache
from typing import Any, Final, Literal

import msgspec
from msgspec import Struct

from ckr_es.projections.kpi_statements import COUNTED, POSITION_AT, SERIES, TABLE
from ckr_es.projections.log import Session
from ckr_es.projections.plans import counts
from ckr_es.rules import Invalid, Problem, Unknown
from ckr_es.rules.forecast import Forecast, forecast, same_day_a_year_before
from ckr_es.rules.kpi_sets import DEFAULT_SET, Policy, Row, known_rows, kpi_sets
from ckr_es.rules.money import thousand_roubles

MOST_POINTS: Final = 1_500

Step = Literal["day", "month", "quarter"]
Figure = int | Decimal
Counted = tuple[str, Policy]
"""The KPI set and policy that count a year."""


class Table(Struct, frozen=True, kw_only=True):
    """Rows as in GET /kpi: no, kpi, title, unit, plan, actual, percent."""

    kpi_set: str
    policy: Policy
    rows: tuple[dict[str, Any], ...]


class Point(Struct, frozen=True):
    as_of: date
    actual: Figure | None


def table(conn: Session, as_of: date, position: int, cluster: str | None = None) -> Table:
    """The KPI table of the year of `as_of`, on that day, as known at `position`; of one cluster, or of the centre.

    A firm that several clusters served counts in the cluster that served it first, so clusters sum to the centre.
    """
    return _table(*conn.execute(TABLE, sides((as_of, position), cluster=cluster)).fetchall()[0])


def outlook(
    conn: Session, as_of: date, position: int, cluster: str | None = None
) -> tuple[Table, tuple[Forecast, ...]]:
    """The table, and for each of its rows what is to be expected on 31 December."""
    then = same_day_a_year_before(as_of)
    asked = ((day, position) for day in (as_of, then, then.replace(month=12, day=31)))
    found = conn.execute(TABLE, sides(*asked, cluster=cluster)).fetchall()
    now, *earlier = (_table(*columns) for columns in found)
    by_then, at_the_end = ({row["kpi"]: row["actual"] for row in t.rows} for t in earlier)
    rows = kpi_sets()[now.kpi_set].rows
    return now, tuple(
        forecast(row, as_of, shown["actual"], (by_then.get(row.kpi), at_the_end.get(row.kpi)), shown["plan"])
        for row, shown in zip(rows, now.rows, strict=True)
    )


def by_months(
    conn: Session, as_of: date, position: int, cluster: str | None = None
) -> list[tuple[date, Table]]:
    """The table on the last day of each month of the year that is over by `as_of`, and on that day."""
    days = [*_days(date(as_of.year, 1, 1), as_of, "month")]
    found = conn.execute(TABLE, sides(*((day, position) for day in days), cluster=cluster)).fetchall()
    return [(day, _table(*columns)) for day, columns in zip(days, found, strict=True)]


def counted(conn: Session, as_of: date, position: int) -> Counted:
    """The KPI set and policy that count the year of `as_of`, as known at `position`."""
    return how_counted(
        *(conn.execute(COUNTED, {"year": as_of.year, "position": position}).fetchone() or (None, {}))
    )


def how_counted(kpi_set: str | None, policy: Any) -> Counted:
    """As a plan says it; the default where there is none."""
    return kpi_set or DEFAULT_SET, msgspec.convert(policy or {}, Policy)


def series(
    conn: Session,
    kpi: str,
    start: date,
    end: date,
    step: Step,
    position: int,
    cluster: str | None = None,
) -> list[Point]:
    """The figure on each day, or on the last day of each month or quarter, and on `end`."""
    row = known(kpi)
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
    asked = sides(*((day, position) for day in days), kpi=kpi, cluster=cluster)
    return [
        Point(day, None if n is None else figure(row, n)) for day, n in conn.execute(SERIES, asked).fetchall()
    ]


def position_at(conn: Session, instant: datetime) -> int:
    """The last position recorded by this instant; 0 before the first."""
    found = conn.execute(POSITION_AT, (instant,)).fetchone()
    assert found is not None
    return int(found[0])


def sides(*asked: tuple[date, int], kpi: str | None = None, cluster: str | None = None) -> dict[str, Any]:
    """Parameters of SIDES: days, each with the position at which it is looked at; of one row and cluster, or of all."""
    days, positions = [day for day, _ in asked], [position for _, position in asked]
    return {"days": days, "positions": positions, "kpi": kpi, "cluster": cluster, "default": _default()}


def known(kpi: str) -> Row:
    """The row, or Unknown("unknown-kpi") for one that no KPI set has."""
    if (row := known_rows().get(kpi)) is None:
        raise Unknown(
            "unknown-kpi", f"Нет показателя «{kpi}»", [Problem("", "unknown-kpi", "Нет показателя", kpi)]
        )
    return row


def figure(row: Row, n: int) -> Figure:
    """A sum of lines as people read it."""
    return thousand_roubles(n) if row.unit == "thousand_roubles" else n


@cache
def _default() -> str:
    return msgspec.json.encode(counts(DEFAULT_SET, Policy(), 1)).decode()


def _table(
    kpi_set: str | None, policy: Any, values: dict[str, int | float] | None, figures: dict[str, int]
) -> Table:
    kpi_set, how = how_counted(kpi_set, policy)
    rows = (_row(row, (values or {}).get(row.kpi), figures.get(row.kpi)) for row in kpi_sets()[kpi_set].rows)
    return Table(kpi_set=kpi_set, policy=how, rows=tuple(rows))


def _row(row: Row, planned: int | float | None, n: int | None) -> dict[str, Any]:
    actual = None if n is None else figure(row, n)
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
