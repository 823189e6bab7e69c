"""The plan of a year: what is promised and which money there is."""

from datetime import date

import pytest
from aggregates.given import asked_twice_is_no_news, given, invalid, refused
from msgspec.structs import replace

from ckr_es.aggregates.plan import KIND, FundingSet, PlanSet, decide
from ckr_es.rules.kpi_sets import Policy
from ckr_es.rules.values import Document

DOCUMENT = Document(title="Соглашение", number="12", date=date(2021, 2, 10))
PLAN = PlanSet(
    year=2021,
    kpi_set="2021",
    values={"clusters": 5, "services": 545, "sales": 200000.5},
    policy=Policy(complex_limit=2),
    document=DOCUMENT,
)
FUNDING = FundingSet(year=2021, federal_kopecks=100, regional_kopecks=5, document=DOCUMENT)


@pytest.mark.parametrize("event", [PLAN, FUNDING])
def test_what_is_decided_is_recorded_and_asked_twice_is_no_news(event: PlanSet | FundingSet) -> None:
    assert decide(None, event) == (event,)
    asked_twice_is_no_news(KIND, [], lambda plan: decide(plan, event))
    asked_twice_is_no_news(
        KIND,
        [PLAN, FUNDING],
        lambda plan: decide(plan, replace(event, document=replace(DOCUMENT, number="13"))),
    )


def test_a_later_plan_replaces_the_earlier_one_and_leaves_the_funding() -> None:
    later = replace(PLAN, values={"clusters": 6}, late_reason="Допсоглашение")
    state = given(KIND, PLAN, FUNDING, later)
    assert (state.plan, state.funding) == (replace(later, late_reason=None), FUNDING)
    assert decide(state, PLAN) == (PLAN,)


def test_without_a_plan_the_policy_is_the_default_one() -> None:
    assert given(KIND, FUNDING).policy == Policy()
    assert given(KIND, FUNDING, PLAN).policy == Policy(complex_limit=2)


def test_a_plan_names_a_known_set_of_kpis() -> None:
    with invalid("unknown-kpi-set", "/kpi_set"):
        decide(None, replace(PLAN, kpi_set="1999"))


def test_every_unknown_kpi_is_named() -> None:
    with invalid("unknown-kpi", "/values/luck", "/values/joy"):
        decide(None, replace(PLAN, values={"luck": 1, "clusters": 5, "joy": 2}))


def test_a_plan_is_not_made_after_its_year() -> None:
    with refused("plan-after-year"):
        decide(None, replace(PLAN, document=replace(DOCUMENT, date=date(2022, 1, 1))))
    assert decide(None, replace(PLAN, document=replace(DOCUMENT, date=date(2021, 12, 31))))


@pytest.mark.parametrize("event", [PLAN, FUNDING])
def test_a_plan_is_effective_on_the_day_of_its_document_or_else_when_its_year_begins(
    event: PlanSet | FundingSet,
) -> None:
    assert event.effective_on == date(2021, 2, 10)
    assert replace(event, document=Document(title="Соглашение")).effective_on == date(2021, 1, 1)
