"""Follow-up after a complex service: points, their standing, the baseline and the effect."""

from datetime import date
from uuid import UUID

from aggregates.given import given

from ckr_es.aggregates import participant
from ckr_es.aggregates.facts import Fact
from ckr_es.aggregates.follow_up import Effect, FollowUp, effects, follow_up
from ckr_es.aggregates.participant import FollowedUp, JobsReported, Registered, SalesReported

CASE, OTHER, WHO = UUID(int=1), UUID(int=2), UUID(int=3)
DONE_ON = date(2021, 5, 20)
REGISTERED = Registered(
    kind="legal_entity", inn="2466000017", name="ООО «Топинамбур»", registered_on=date(2020, 1, 9)
)


def said(
    month: str, headcount: int, *, case: UUID = CASE, sales: int = 0, mark: int | None = None
) -> FollowedUp:
    return FollowedUp(case_id=case, month=month, headcount=headcount, sales_kopecks=sales, satisfaction=mark)


def jobs(quarter: str, headcount: int) -> JobsReported:
    return JobsReported(quarter=quarter, headcount=headcount, jobs_created=0, evidence="РСВ")


def asked(as_of: date, *events: Fact) -> FollowUp:
    who = given(participant.KIND, REGISTERED, *events)
    return follow_up(CASE, WHO, "organic", DONE_ON, who, as_of)


def test_points_are_three_six_and_twelve_months_after() -> None:
    found = asked(date(2021, 6, 1))
    assert [(p.after_months, p.month, p.due_on) for p in found.points] == [
        (3, "2021-08", date(2021, 9, 15)),
        (6, "2021-11", date(2021, 12, 15)),
        (12, "2022-05", date(2022, 6, 15)),
    ]
    assert (found.status, {p.status for p in found.points}) == ("upcoming", {"upcoming"})


def test_a_point_is_due_when_its_month_is_over_and_overdue_after_its_days() -> None:
    assert asked(date(2021, 8, 31)).points[0].status == "upcoming"
    assert asked(date(2021, 9, 1)).status == asked(date(2021, 9, 15)).status == "due"
    assert asked(date(2021, 9, 16)).status == "overdue"
    answered = asked(date(2021, 9, 16), said("2021-08", 7))
    assert (answered.points[0].status, answered.status) == ("done", "done")


def test_a_report_belongs_to_the_point_before_which_it_does_not_lie() -> None:
    assert asked(date(2022, 1, 1), said("2021-07", 7)).points[0].report is None
    late = asked(date(2022, 1, 1), said("2021-10", 7))
    assert [p.status for p in late.points] == ["done", "overdue", "upcoming"]
    assert asked(date(2022, 1, 1), said("2021-08", 7, case=OTHER)).points[0].report is None
    assert asked(date(2021, 9, 29), said("2021-09", 7)).points[0].report is None


def test_of_a_point_the_earliest_month_counts_and_of_a_month_the_last_record() -> None:
    found = asked(date(2022, 1, 1), said("2021-09", 9), said("2021-08", 7), said("2021-08", 8))
    assert found.points[0].report == said("2021-08", 8)


def test_changes_are_against_the_last_quarter_before_the_service() -> None:
    events = (
        jobs("2020-Q4", 3),
        jobs("2021-Q1", 4),
        jobs("2021-Q1", 5),
        jobs("2021-Q2", 99),
        SalesReported(quarter="2021-Q1", amount_kopecks=300_00, evidence="Справка"),
        said("2021-08", 7, sales=150_00, mark=4),
    )
    found = asked(date(2021, 10, 1), *events)
    assert (found.baseline.quarter, found.baseline.headcount, found.baseline.sales_kopecks) == (
        "2021-Q1",
        5,
        100_00,
    )
    assert (found.points[0].headcount_change, found.points[0].sales_change_kopecks) == (2, 50_00)
    assert found.points[1].headcount_change is None
    without = asked(date(2021, 10, 1), said("2021-08", 7)).points[0]
    assert (without.headcount_change, without.sales_change_kopecks) == (None, None)


def test_the_effect_sums_what_can_be_compared() -> None:
    one = asked(date(2021, 10, 1), jobs("2021-Q1", 5), said("2021-08", 7, mark=4))
    other = asked(date(2021, 10, 1), said("2021-08", 1, mark=5))
    silent = asked(date(2021, 10, 1))
    first = effects([one, other, silent])[0]
    assert first == Effect(
        after_months=3,
        services=3,
        done=2,
        overdue=1,
        headcount_change=2,
        sales_change_kopecks=0,
        compared=1,
        satisfaction_mean=4.5,
    )
    assert effects([])[2].satisfaction_mean is None
