"""Measures of the roadmap: what may be reported, and where a row stands on a day."""

from datetime import date
from uuid import UUID

import pytest

from ckr_es.aggregates import roadmap
from ckr_es.aggregates.roadmap import Measure, MeasureReported, Row
from ckr_es.rules import Invalid, Refused


def reported(item: str, period: str, done_on: date, *, complete: bool = True) -> MeasureReported:
    return MeasureReported(item=item, period=period, done_on=done_on, result="Сделано", complete=complete)


def given(*reports: MeasureReported) -> dict[str, Measure]:
    known: dict[str, Measure] = {}
    for n, report in enumerate(reports):
        known[report.item] = roadmap.evolve(known.get(report.item), report, UUID(int=n))
    return known


def row(no: str, as_of: date, *reports: MeasureReported) -> Row:
    return next(found for found in roadmap.rows(given(*reports), as_of) if found.no == no)


def statuses(found: Row) -> list[str]:
    return [standing.status for standing in found.terms]


def test_the_same_report_again_is_no_news() -> None:
    first = reported("11", "2021-Q1", date(2021, 4, 14))
    assert roadmap.decide(None, first) == (first,)
    state = given(first)["11"]
    assert roadmap.decide(state, first) == ()
    other = reported("11", "2021-Q2", date(2021, 7, 14))
    assert roadmap.decide(state, other) == (other,)


def test_a_report_before_its_period_or_of_none_is_refused() -> None:
    with pytest.raises(Refused) as refused:
        roadmap.decide(None, reported("11", "2021-Q2", date(2021, 3, 31)))
    assert refused.value.code == "before-period"
    with pytest.raises(Invalid) as wrong:
        roadmap.decide(None, reported("6", "2021-Q2", date(2021, 6, 1)))
    assert wrong.value.code == "not-in-roadmap"
    assert wrong.value.problems[0].pointer == "/period"


def test_a_term_is_upcoming_due_under_way_done_or_overdue() -> None:
    assert statuses(row("1", date(2020, 12, 31))) == ["upcoming"]
    assert statuses(row("1", date(2021, 6, 30))) == ["due"]
    assert statuses(row("1", date(2021, 7, 1))) == ["overdue"]
    begun = reported("1", "2021-Q1", date(2021, 3, 1), complete=False)
    assert statuses(row("1", date(2021, 2, 28), begun)) == ["due"]
    assert statuses(row("1", date(2021, 3, 1), begun)) == ["under_way"]
    assert statuses(row("1", date(2021, 7, 1), begun)) == ["overdue"]
    done = reported("1", "2021-Q2", date(2021, 7, 5))
    found = row("1", date(2021, 7, 5), begun, done)
    assert statuses(found) == ["done"]
    assert (found.terms[0].late, found.terms[0].completed_on) == (True, date(2021, 7, 5))
    assert len(found.terms[0].reports) == 2


def test_a_quarterly_report_has_its_days_after_the_quarter() -> None:
    assert row("11", date(2021, 4, 15)).terms[0].status == "due"
    assert row("11", date(2021, 4, 16)).terms[0].status == "overdue"
    in_time = row("11", date(2021, 4, 16), reported("11", "2021-Q1", date(2021, 4, 14)))
    assert (in_time.terms[0].status, in_time.terms[0].late, in_time.status) == ("done", False, "due")


def test_a_row_stands_as_its_worst_term_those_ahead_aside() -> None:
    found = row("6", date(2022, 6, 1), reported("6", "2021-Q4", date(2021, 12, 8)))
    assert statuses(found) == ["done", "upcoming", "upcoming"]
    assert found.status == "done"
    assert row("6", date(2022, 6, 1)).status == "overdue"
    assert row("6", date(2021, 1, 1)).status == "upcoming"


def test_what_all_parts_have_done_the_parent_has_done() -> None:
    parts = [reported(no, "2021", date(2021, 9, n)) for n, no in enumerate(("3.1", "3.2", "3.3"), start=1)]
    assert row("3", date(2021, 12, 1), *parts[:2]).terms[0].status == "under_way"
    whole = row("3", date(2021, 12, 1), *parts).terms[0]
    assert (whole.status, whole.completed_on, whole.late) == ("done", date(2021, 9, 3), False)
    assert row("3", date(2022, 1, 1), *parts[:2]).terms[0].status == "overdue"
    own = reported("3", "2021", date(2021, 12, 20))
    assert row("3", date(2022, 1, 1), own).terms[0].status == "done"
    assert row("3.3", date(2022, 1, 1), own).terms[0].status == "overdue"
