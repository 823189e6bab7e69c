"""Periods are calendar years and quarters; the day is Krasnoyarsk's."""

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ckr_es.rules import Invalid
from ckr_es.rules.calendar import Period, month_end, period, periods_of, quarter, today


@pytest.mark.parametrize(
    ("label", "first", "last"),
    [
        ("2021", date(2021, 1, 1), date(2021, 12, 31)),
        ("2021-Q1", date(2021, 1, 1), date(2021, 3, 31)),
        ("2021-Q2", date(2021, 4, 1), date(2021, 6, 30)),
        ("2021-Q3", date(2021, 7, 1), date(2021, 9, 30)),
        ("2021-Q4", date(2021, 10, 1), date(2021, 12, 31)),
        ("9999-Q4", date(9999, 10, 1), date(9999, 12, 31)),
        ("9999", date(9999, 1, 1), date(9999, 12, 31)),
    ],
)
def test_a_label_names_its_first_and_last_day(label: str, first: date, last: date) -> None:
    assert period(label) == Period(label, first, last)


@pytest.mark.parametrize(
    "label",
    [
        "",
        "21",
        "2021-Q0",
        "2021-Q5",
        "2021-q2",
        "2021Q2",
        "2021-Q2\n",
        " 2021",
        "0000",
        "0000-Q1",
        "٢٠٢١",
        "2021-06",
    ],
)
def test_anything_else_is_no_period(label: str) -> None:
    for read in (period, quarter):
        with pytest.raises(Invalid) as refusal:
            read(label)
        assert refusal.value.code == "period-invalid"


def test_a_year_is_no_quarter() -> None:
    assert quarter("2021-Q2") == period("2021-Q2")
    with pytest.raises(Invalid, match="period-invalid"):
        quarter("2021")


def test_a_month_ends_on_its_last_day() -> None:
    assert [month_end(m) for m in ("2021-02", "2024-02", "2021-12", "9999-12")] == [
        date(2021, 2, 28),
        date(2024, 2, 29),
        date(2021, 12, 31),
        date(9999, 12, 31),
    ]


@pytest.mark.parametrize(
    "label", ["2021", "2021-00", "2021-13", "2021-6", "0000-01", "2021-06-01", "2021-Q2"]
)
def test_anything_else_is_no_month(label: str) -> None:
    with pytest.raises(Invalid, match="period-invalid"):
        month_end(label)


@given(st.dates())
def test_every_day_lies_in_its_quarter_and_in_its_year(day: date) -> None:
    in_quarter, in_year = map(period, periods_of(day))
    assert in_year.first <= in_quarter.first <= day <= in_quarter.last <= in_year.last
    assert quarter(in_quarter.label) == in_quarter


def test_the_periods_of_a_day_are_the_quarter_then_the_year() -> None:
    assert periods_of(date(2021, 6, 30)) == ("2021-Q2", "2021")
    assert periods_of(date(2021, 7, 1)) == ("2021-Q3", "2021")


def test_a_new_day_begins_in_krasnoyarsk_seven_hours_before_greenwich() -> None:
    assert today(datetime(2021, 6, 30, 16, 59, 59, tzinfo=UTC)) == date(2021, 6, 30)
    assert today(datetime(2021, 6, 30, 17, 0, tzinfo=UTC)) == date(2021, 7, 1)


def test_an_instant_without_offset_is_refused() -> None:
    with pytest.raises(ValueError, match="offset"):
        today(datetime(2021, 6, 30))
