"""What a head of the centre would work out by hand for 31 December, and the light beside it."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from ckr_es.rules.forecast import Forecast, forecast, light, same_day_a_year_before
from ckr_es.rules.kpi_sets import Row

FLOW = Row(no="2", kpi="services", title="x", measures=("service_plain",))
QUARTERLY = Row(no="6", kpi="sales", title="x", measures=("sales",), accrues="quarterly")
LATEST = Row(no="2", kpi="employees", title="x", measures=("headcount",), accrues="latest")
STOCK = Row(no="1", kpi="clusters", title="x", measures=("clusters",), stock=True)
UNKNOWN = (None, None)


def D(text: str) -> Decimal:
    return Decimal(text)


@pytest.mark.parametrize(
    ("row", "as_of", "actual", "year_before", "linear", "seasonal"),
    [
        (FLOW, date(2021, 12, 31), 548, UNKNOWN, D("548.0"), None),
        (FLOW, date(2021, 1, 1), 2, UNKNOWN, D("730.0"), None),
        (FLOW, date(2024, 1, 1), 2, UNKNOWN, D("732.0"), None),
        (FLOW, date(2021, 6, 30), 245, UNKNOWN, D("494.1"), None),
        (FLOW, date(2021, 6, 30), 245, (100, 300), D("494.1"), D("735.0")),
        (FLOW, date(2021, 6, 30), 245, (0, 300), D("494.1"), None),
        (FLOW, date(2021, 6, 30), 0, (100, 300), D("0.0"), D("0.0")),
        (QUARTERLY, date(2021, 3, 30), 0, UNKNOWN, None, None),
        (QUARTERLY, date(2021, 3, 31), D("90.5"), UNKNOWN, D("367.0"), None),
        (QUARTERLY, date(2021, 6, 29), D("90.5"), UNKNOWN, D("367.0"), None),
        (QUARTERLY, date(2021, 12, 31), D("90.5"), UNKNOWN, D("90.5"), None),
        (LATEST, date(2021, 6, 29), 12, (5, 50), D("12.0"), None),
        (STOCK, date(2021, 6, 29), 5, (1, 2), D("5.0"), None),
    ],
)
def test_the_year_goes_on_as_it_went(
    row: Row, as_of: date, actual: Any, year_before: Any, linear: Decimal | None, seasonal: Decimal | None
) -> None:
    found = forecast(row, as_of, actual, year_before, None)
    assert (found.linear, found.seasonal) == (linear, seasonal)
    assert found.expected == (linear if seasonal is None else seasonal)


def test_a_row_that_is_not_applicable_has_no_forecast() -> None:
    assert forecast(FLOW, date(2021, 6, 30), None, (1, 2), 5) == Forecast(
        linear=None, seasonal=None, expected=None, light=None
    )


@pytest.mark.parametrize(
    ("expected", "planned", "shown"),
    [
        (D("545"), 545, "green"),
        (D("544.9"), 545, "yellow"),
        (D("490.5"), 545, "yellow"),
        (D("490.4"), 545, "red"),
        (D("0"), 0, "green"),
        (D("5"), None, None),
        (None, 5, None),
    ],
)
def test_the_light_holds_the_forecast_against_the_plan(
    expected: Decimal | None, planned: int | None, shown: str | None
) -> None:
    assert light(expected, planned) == shown


def test_the_day_a_year_before_is_always_a_day() -> None:
    assert same_day_a_year_before(date(2024, 2, 29)) == date(2023, 2, 28)
    assert same_day_a_year_before(date(2025, 2, 28)) == date(2024, 2, 28)
    assert same_day_a_year_before(date.min) == date.min
