"""Providers: what they may give on a day, and whom no agreement may name."""

from datetime import date
from uuid import UUID

import pytest
from aggregates.given import asked_twice_is_no_news, given, history, invalid, refused
from msgspec.structs import replace

from ckr_es.aggregates.amend import amend
from ckr_es.aggregates.provider import (
    KIND,
    Blocked,
    Happening,
    Registered,
    ServicesChanged,
    Unblocked,
    decide,
)
from ckr_es.rules.values import Agreement

CONTRACT = Agreement(number="И-1", date=date(2021, 1, 11))
REGISTERED = Registered(
    registered_on=date(2021, 1, 11),
    services=("SVC.а", "SVC.б"),
    inn="2460066195",
    name="ООО «Эксперт»",
    prices_kopecks={"SVC.а": 100_00},
    selection_basis="Котировки",
    contract=CONTRACT,
    group=("7707083893",),
)
CHANGED = ServicesChanged(changed_on=date(2021, 3, 1), services=("SVC.б", "SVC.в"))
BLOCKED = Blocked(blocked_on=date(2021, 5, 1), reason="Срыв сроков")
UNBLOCKED = Unblocked(unblocked_on=date(2021, 6, 1), reason="Исправлено")
TODAY = date(2021, 12, 31)


@pytest.mark.parametrize(
    ("before", "event"),
    [
        ([], REGISTERED),
        ([REGISTERED], CHANGED),
        ([REGISTERED], BLOCKED),
        ([REGISTERED, BLOCKED], UNBLOCKED),
    ],
)
def test_what_is_decided_is_recorded_and_asked_twice_is_no_news(
    before: list[Happening], event: Happening
) -> None:
    assert decide(given(KIND, *before), event) == (event,)
    asked_twice_is_no_news(KIND, before, lambda provider: decide(provider, event))


def test_the_same_organisation_again_is_no_news_whatever_else_is_said() -> None:
    assert decide(given(KIND, REGISTERED), replace(REGISTERED, services=("SVC.в",))) == ()
    with refused("already-registered"):
        KIND.check(given(KIND, REGISTERED), REGISTERED)


def test_an_offer_holds_from_its_day_and_keeps_what_it_does_not_name() -> None:
    state = given(KIND, REGISTERED, CHANGED)
    assert state.offer_on(date(2021, 1, 10)) is None
    assert state.offer_on(date(2021, 2, 28)).services == ("SVC.а", "SVC.б")
    later = state.offer_on(date(2021, 3, 1))
    assert (later.services, later.prices_kopecks) == (("SVC.б", "SVC.в"), {})
    assert (later.contract, later.group) == (CONTRACT, ("7707083893",))
    assert given(KIND, REGISTERED, replace(CHANGED, group=())).offer_on(TODAY).group == ()


def test_of_two_offers_of_a_day_the_one_recorded_last_holds() -> None:
    state = given(KIND, REGISTERED, replace(CHANGED, changed_on=REGISTERED.registered_on))
    assert state.offer_on(REGISTERED.registered_on).services == CHANGED.services


def test_an_offer_entered_late_goes_on_from_the_one_before_its_day() -> None:
    other = Agreement(number="И-2", date=date(2021, 4, 1))
    state = given(KIND, REGISTERED, replace(CHANGED, changed_on=date(2021, 4, 1), contract=other), CHANGED)
    assert state.offer_on(date(2021, 3, 15)).contract == CONTRACT
    assert state.offer_on(date(2021, 4, 1)).contract == other


def test_a_service_is_admitted_within_offer_and_price() -> None:
    state = given(KIND, REGISTERED, CHANGED)
    state.admit(date(2021, 2, 1), "SVC.а", 100_00)
    state.admit(date(2021, 2, 1), "SVC.б", 10**9)
    with refused("above-price"):
        state.admit(date(2021, 2, 1), "SVC.а", 100_01)
    for day, service in (
        (date(2021, 2, 1), "SVC.в"),
        (date(2021, 3, 1), "SVC.а"),
        (date(2021, 1, 10), "SVC.а"),
    ):
        with refused("service-not-offered"):
            state.admit(day, service, 0)


def test_who_is_blocked_is_admitted_before_and_after() -> None:
    state = given(KIND, REGISTERED, BLOCKED, UNBLOCKED)
    for day in (date(2021, 4, 30), date(2021, 6, 1)):
        state.admit(day, "SVC.б", 0)
    for day in (date(2021, 5, 1), date(2021, 5, 31)):
        with refused("provider-blocked"):
            state.admit(day, "SVC.б", 0)
    with refused("provider-blocked"):
        given(KIND, REGISTERED, BLOCKED).admit(TODAY, "SVC.б", 0)


def test_blocks_follow_each_other() -> None:
    with refused("already-blocked"):
        decide(given(KIND, REGISTERED, BLOCKED), replace(BLOCKED, blocked_on=date(2021, 7, 1)))
    with refused("already-blocked"):
        decide(given(KIND, REGISTERED, BLOCKED, UNBLOCKED), replace(BLOCKED, blocked_on=date(2021, 5, 31)))
    with refused("not-blocked"):
        decide(given(KIND, REGISTERED), UNBLOCKED)
    with refused("before-blocking"):
        decide(given(KIND, REGISTERED, BLOCKED), replace(UNBLOCKED, unblocked_on=date(2021, 4, 30)))
    again = replace(BLOCKED, blocked_on=UNBLOCKED.unblocked_on)
    assert decide(given(KIND, REGISTERED, BLOCKED, UNBLOCKED), again) == (again,)


def test_nothing_happens_to_who_is_not_there_yet() -> None:
    with refused("not-registered"):
        decide(None, BLOCKED)
    with refused("before-registration"):
        decide(given(KIND, REGISTERED), replace(CHANGED, changed_on=date(2021, 1, 10)))


def test_an_offer_names_services_once_and_prices_of_them_alone() -> None:
    for services in ((), ("SVC.а", "SVC.а")):
        with invalid("services-invalid", "/services"):
            decide(None, replace(REGISTERED, services=services, prices_kopecks={}))
    with invalid("price-without-service", "/prices_kopecks/SVC.а"):
        decide(given(KIND, REGISTERED), replace(CHANGED, prices_kopecks={"SVC.а": 1}))


def test_a_provider_is_an_organisation_or_a_participant() -> None:
    person = replace(REGISTERED, inn=None, name=None, participant_id=UUID(int=7))
    assert decide(None, person) == (person,)
    for wrong in (replace(person, participant_id=None), replace(REGISTERED, participant_id=UUID(int=7))):
        with invalid("inn-or-participant", "/inn"):
            decide(None, wrong)
    with invalid("name-with-inn", "/name"):
        decide(None, replace(REGISTERED, name=None))


def test_a_correction_is_judged_with_all_that_follows() -> None:
    recorded = history(REGISTERED, BLOCKED, UNBLOCKED)
    id = recorded[1].event_id
    with refused("not-blocked"):
        amend(KIND, recorded, id, "Ошибка", None, TODAY, None)
    with invalid("field-fixed", "/replacement/inn"):
        amend(KIND, recorded, recorded[0].event_id, "Ошибка", {"inn": "7707083893"}, TODAY, None)
    (event,) = amend(KIND, recorded, id, "Ошибка", {"blocked_on": "2021-05-02"}, TODAY, None)
    assert given(KIND, REGISTERED, BLOCKED, UNBLOCKED, event).block_on(date(2021, 5, 1)) is None
