"""A group service as it is recorded, and the case that a participant of it gets."""

from datetime import date
from uuid import UUID

import pytest
from aggregates.cases import APPLIED_ON, ELIGIBLE, PLAIN, WHO, accepting, component
from aggregates.given import asked_twice_is_no_news, given, history, refused
from msgspec.structs import replace

from ckr_es.aggregates import group_service, service_case
from ckr_es.aggregates.amend import amend, fold
from ckr_es.aggregates.facts import Entry
from ckr_es.aggregates.group_service import KIND, Held, hold
from ckr_es.rules import Invalid

ONE, TWO = UUID(int=1), UUID(int=2)
HELD = Held(
    service="SVC.и",
    cluster="organic",
    title="Тренинг",
    held_on=date(2021, 3, 20),
    participants=(ONE, TWO),
)


def test_an_event_is_held_once() -> None:
    assert hold(None, HELD) == (HELD,)
    asked_twice_is_no_news(KIND, (), lambda state: hold(state, HELD))
    assert hold(given(KIND, HELD), replace(HELD, participants=(TWO, ONE), late_reason="x")) == ()
    with refused("already-held"):
        hold(given(KIND, HELD), replace(HELD, participants=(ONE,)))


def test_what_it_is_called_may_be_put_right_and_nothing_its_cases_rest_on() -> None:
    past = history(HELD)
    (event,) = amend(KIND, past, past[0].event_id, "Опечатка", {"title": "Семинар"}, HELD.held_on, None)
    state = fold(KIND, [*past, Entry(UUID(int=9), event)])
    assert state is not None
    assert state.held.title == "Семинар"
    for field, value in (("service", "SVC.д"), ("held_on", "2021-03-21"), ("participants", [str(ONE)])):
        with pytest.raises(Invalid, match="field-fixed"):
            amend(KIND, past, past[0].event_id, "x", {field: value}, date(2021, 12, 31), None)


def test_one_that_is_void_may_be_held_again() -> None:
    past = history(HELD)
    (event,) = amend(KIND, past, past[0].event_id, "Ошибка", None, HELD.held_on, None)
    assert isinstance(event, group_service.Voided)
    assert hold(fold(KIND, [*past, Entry(UUID(int=9), event)]), HELD) == (HELD,)


def test_the_act_of_a_case_counts_people_and_is_one_service() -> None:
    opened = replace(PLAIN, group_service_id=UUID(int=7))
    case = service_case.after(None, (opened, component(1), ELIGIBLE))
    (act,) = case.accept(**accepting(1, 1, attendees=3))
    assert isinstance(act, service_case.ServiceAccepted)
    assert (act.attendees, act.participant_id, act.quantity) == (3, WHO, 1)
    past = history(opened, component(1), ELIGIBLE, act)
    (event,) = amend(
        service_case.KIND, past, past[3].event_id, "Пересчитали", {"attendees": 2}, act.accepted_on, None
    )
    after = fold(service_case.KIND, [*past, Entry(UUID(int=9), event)])
    assert after is not None
    assert [a.attendees for a in after.accepted] == [2]
    with pytest.raises(Invalid, match="field-fixed"):
        amend(service_case.KIND, past, past[0].event_id, "x", {"group_service_id": None}, APPLIED_ON, None)
