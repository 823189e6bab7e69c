"""The money of a case: an agreement reserves, an act spends, a cancellation frees."""

from datetime import date

import pytest
from aggregates.cases import AGREED, CANCELLED, COMPLEX, ELIGIBLE, PACKAGE, PLAIN, SCORED, act, component
from aggregates.given import given, refused
from msgspec.structs import replace

from ckr_es.aggregates.facts import Fact
from ckr_es.aggregates.funding import check_limit, forecast, held, lines, raised
from ckr_es.aggregates.plan import FundingSet
from ckr_es.aggregates.service_case import KIND, ServiceAccepted
from ckr_es.rules import Refused
from ckr_es.rules.values import Document

FEDERAL = replace(component(1), cost_kopecks=1000, participant_payment_kopecks=100, funding="federal")
REGIONAL = replace(component(2), cost_kopecks=500, funding="regional")
LIMIT = FundingSet(year=2021, federal_kopecks=100, regional_kopecks=10, document=Document(title="Закон"))
CASE = (COMPLEX, SCORED, FEDERAL, REGIONAL, ELIGIBLE)


def states(*events: Fact) -> list[tuple[int, date | None, date | None, date | None]]:
    return [
        (line.kopecks, line.reserved_on, line.spent_on, line.released_on)
        for line in lines(given(KIND, *events))
    ]


def test_nothing_is_held_before_an_agreement() -> None:
    assert lines(None) == ()
    assert lines(given(KIND, *CASE)) == ()


def test_an_agreement_reserves_what_the_firm_does_not_pay_itself() -> None:
    found = lines(given(KIND, *CASE, AGREED))
    assert [(line.source, line.kopecks, line.own_kopecks) for line in found] == [
        ("federal", 900, 100),
        ("regional", 500, 0),
    ]
    assert held(found) == {(2021, "federal"): 900, (2021, "regional"): 500}


def test_an_act_spends_and_a_cancellation_frees_the_rest() -> None:
    first = act(1, 5)
    cancelled = replace(CANCELLED, cancelled_on=date(2021, 5, 1))
    assert states(*CASE, AGREED, first, cancelled) == [
        (900, AGREED.signed_on, first.accepted_on, None),
        (500, AGREED.signed_on, None, cancelled.cancelled_on),
    ]
    assert held(lines(given(KIND, *CASE, AGREED, first, cancelled))) == {(2021, "federal"): 900}


def test_an_act_without_an_agreement_is_money_of_its_own_year() -> None:
    served = replace(act(1, 5, complex=False), accepted_on=date(2022, 1, 5))
    assert held(lines(given(KIND, PLAIN, FEDERAL, ELIGIBLE, served))) == {(2022, "federal"): 900}
    later = given(KIND, PLAIN, FEDERAL, ELIGIBLE, AGREED, served)
    assert held(lines(later)) == {(2021, "federal"): 900}


def test_what_names_no_budget_counts_against_both_and_a_firm_may_pay_more_than_all() -> None:
    paid = replace(component(1), participant_payment_kopecks=100_01, funding="фонд")
    (line,) = lines(given(KIND, PLAIN, paid, ELIGIBLE, AGREED))
    assert (line.source, line.kopecks, line.own_kopecks) == ("other", 0, 100_01)
    assert held([line]) == {}


def test_more_is_asked_for_only_where_more_is_held() -> None:
    before, after = {(2021, "federal"): 5, (2020, "other"): 3}, {(2021, "federal"): 7, (2022, "federal"): 1}
    assert raised(before, after) == {(2021, "federal"): 2, (2022, "federal"): 1}  # type: ignore[arg-type]
    assert raised(after, before) == {(2020, "other"): 3}  # type: ignore[arg-type]


def test_each_budget_has_its_limit_and_both_have_one_together() -> None:
    check_limit(LIMIT, {"federal": 100, "regional": 10}, ["federal", "regional"])
    check_limit(LIMIT, {"federal": 50, "regional": 5, "other": 55}, ["other"])
    for used, more, pointers in (
        ({"federal": 101}, ["federal"], ["/federal"]),
        ({"federal": 90, "regional": 11}, ["regional"], ["/regional"]),
        ({"federal": 100, "regional": 10, "other": 1}, ["other"], [""]),
        ({"federal": 101, "regional": 11}, ["federal", "regional"], ["/federal", "/regional", ""]),
    ):
        with pytest.raises(Refused) as caught:
            check_limit(LIMIT, used, more)  # type: ignore[arg-type]
        assert caught.value.code == "funding-exceeded"
        assert [p.pointer for p in caught.value.problems] == pointers


def test_a_budget_overdrawn_by_a_cut_does_not_stop_the_other() -> None:
    check_limit(LIMIT, {"federal": 105, "regional": 5}, ["regional"])
    with refused("funding-exceeded"):
        check_limit(LIMIT, {"federal": 105, "regional": 6}, ["regional"])


def test_a_forecast_goes_on_as_the_year_went() -> None:
    assert forecast(100, 1000, 2021, date(2021, 12, 31)) == (100, None)
    assert forecast(100, None, 2021, date(2021, 7, 2)) == (199, None)
    expected, exhausted_on = forecast(100, 150, 2021, date(2021, 7, 2))
    assert (expected, exhausted_on) == (199, date(2021, 10, 2))
    assert forecast(100, 50, 2021, date(2020, 12, 31)) == (100, None)
    assert forecast(0, 0, 2021, date(2021, 3, 1)) == (0, None)


def test_a_whole_package_is_spent_when_all_of_it_is_accepted() -> None:
    acts: list[ServiceAccepted] = [act(1, 5), act(2, 6)]
    spent = [line.spent_on for line in lines(given(KIND, *PACKAGE, AGREED, *acts))]
    assert spent == [date(2021, 4, 5), date(2021, 4, 6)]
