"""What a figure will be on 31 December if the year goes on as it went, and whether the plan will be met. Pure.

No source prescribes a method; these two are what heads of centres work out by hand (reference.md, section 5).
"""

from calendar import isleap
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Literal

from msgspec import Struct

from ckr_es.rules.calendar import periods_of, quarter
from ckr_es.rules.kpi_sets import Row

Light = Literal["green", "yellow", "red"]
YELLOW_FROM = Decimal("0.9")  # of the plan

Number = int | float | Decimal


class Forecast(Struct, frozen=True, kw_only=True):
    """`linear`: the year so far, drawn out. `seasonal`: the year before from this day on, in proportion; null when
    unknown. `expected` is the seasonal one where there is one."""

    linear: Decimal | None
    seasonal: Decimal | None
    expected: Decimal | None
    light: Light | None


def forecast(
    row: Row,
    as_of: date,
    actual: Number | None,
    year_before: tuple[Number | None, Number | None],
    planned: Number | None,
) -> Forecast:
    """`year_before` is the row on the same day of the year before, and on its last day."""
    if actual is None:
        return Forecast(linear=None, seasonal=None, expected=None, light=None)
    figure = Decimal(str(actual))
    linear: Decimal | None = figure
    seasonal: Decimal | None = None
    if not (row.stock or row.accrues == "latest"):
        linear, seasonal = _linear(row, as_of, figure), _seasonal(figure, *year_before)
    expected = linear if seasonal is None else seasonal
    return Forecast(
        linear=_rounded(linear),
        seasonal=_rounded(seasonal),
        expected=_rounded(expected),
        light=light(expected, planned),
    )


def light(expected: Decimal | None, planned: Number | None) -> Light | None:
    """Green when the plan is met, yellow from 90 % of it, red below; none without a plan."""
    if expected is None or planned is None:
        return None
    plan = Decimal(str(planned))
    if expected >= plan:
        return "green"
    return "yellow" if expected >= plan * YELLOW_FROM else "red"


def same_day_a_year_before(day: date) -> date:
    """29 February has the 28th before it, and the first year of the calendar itself."""
    year = max(day.year - 1, date.min.year)
    return date(year, 2, 28) if (day.month, day.day) == (2, 29) else day.replace(year=year)


def _linear(row: Row, as_of: date, figure: Decimal) -> Decimal | None:
    first = date(as_of.year, 1, 1)
    passed = (as_of - first).days + 1
    if row.accrues == "quarterly" and as_of != (present := quarter(periods_of(as_of)[0])).last:
        passed = (present.first - first).days
    return figure * (366 if isleap(as_of.year) else 365) / passed if passed else None


def _seasonal(figure: Decimal, then: Number | None, at_the_end: Number | None) -> Decimal | None:
    if not then or at_the_end is None:
        return None
    return figure * Decimal(str(at_the_end)) / Decimal(str(then))


def _rounded(value: Decimal | None) -> Decimal | None:
    return None if value is None else value.quantize(Decimal("0.1"), ROUND_HALF_UP)
