"""A case is applied for, decided, agreed and accepted; a complex one completes with its last mandatory act."""

from datetime import date
from typing import Any
from uuid import UUID

import pytest
from aggregates.cases import (
    AGREED,
    APPLIED_ON,
    CANCELLED,
    COMPLEX,
    DECIDED_ON,
    ELIGIBLE,
    NOT_ELIGIBLE,
    PACKAGE,
    PLAIN,
    SCORED,
    SERVED,
    accepting,
    act,
    completed,
    component,
    reported,
)
from aggregates.given import asked_twice_is_no_news, given, history, refused
from msgspec.structs import replace

from ckr_es.aggregates.amend import amend, fold
from ckr_es.aggregates.facts import Entry, Fact
from ckr_es.aggregates.service_case import (
    KIND,
    Completed,
    Corrected,
    EligibilityDecided,
    Override,
    Voided,
    check,
    decide,
    open_case,
    settle,
)
from ckr_es.rules import eligibility

BEFORE = date(2021, 2, 28)
NEW_COMPONENT: dict[str, Any] = {
    "service": "SVC.в",
    "added_on": APPLIED_ON,
    "cost_kopecks": 100_00,
    "participant_payment_kopecks": 0,
    "mandatory": True,
    "provider_id": None,
    "funding": None,
    "late_reason": None,
}


def verdicts(**other: str) -> tuple[eligibility.Check, ...]:
    return tuple(
        eligibility.Check(
            condition=c, verdict=other.get(c, "pass"), explanation="…", inputs={"n": 1}, event_id=UUID(int=4)
        )
        for c in eligibility.CONDITIONS
    )


def deciding(decision: str = "eligible", day: date = DECIDED_ON, **other: Any) -> dict[str, Any]:
    return {
        "decision": decision,
        "decided_on": day,
        "overrides": (),
        "role": "operator",
        "late_reason": None,
        **other,
    }


# --- opening and its components


def test_a_plain_case_opens_with_its_component() -> None:
    assert open_case(None, PLAIN, component(1)) == (PLAIN, component(1))
    assert open_case(None, COMPLEX, None) == (COMPLEX,)


def test_the_same_application_again_is_no_news() -> None:
    assert open_case(given(KIND, PLAIN, component(1)), PLAIN, component(1)) == ()


def test_a_case_opens_once_and_first() -> None:
    with refused("already-opened"):
        check(given(KIND, PLAIN), PLAIN)
    for event in (SCORED, ELIGIBLE, component(1), AGREED, act(1, 1), CANCELLED, reported(1)):
        with refused("not-opened"):
            check(None, event)


def test_components_are_numbered_in_turn() -> None:
    case = given(KIND, COMPLEX, component(1), component(2))
    assert case.add_component(**NEW_COMPONENT) == (component(3),)


def test_a_component_added_twice_is_no_news() -> None:
    asked_twice_is_no_news(KIND, [COMPLEX], lambda case: case.add_component(**NEW_COMPONENT))


def test_a_service_is_in_a_case_once() -> None:
    with refused("duplicate-service"):
        given(KIND, COMPLEX, component(1), component(3)).add_component(**NEW_COMPONENT | {"mandatory": False})


def test_a_component_number_is_used_once() -> None:
    with refused("duplicate-component"):
        check(given(KIND, COMPLEX, component(1)), component(1, service="SVC.б"))


def test_a_plain_case_has_one_component() -> None:
    with refused("plain-case"):
        given(KIND, *SERVED).add_component(**NEW_COMPONENT)


def test_a_complete_case_grows_no_more() -> None:
    with refused("case-completed"):
        given(KIND, *PACKAGE, act(1, 1), act(2, 2), completed(2)).add_component(**NEW_COMPONENT)


# --- scoring, decision, agreement


@pytest.mark.parametrize(
    ("before", "event"),
    [
        ([COMPLEX], SCORED),
        (PACKAGE, replace(SCORED, score=71)),
        (SERVED, AGREED),
        (PACKAGE, AGREED),
        (SERVED, CANCELLED),
        ([*PACKAGE, act(1, 1)], replace(CANCELLED, cancelled_on=date(2021, 4, 2))),
        ([*SERVED, act(1, 1, complex=False)], reported(1)),
        ([*PACKAGE, act(1, 1), CANCELLED], reported(1)),
        ([*PACKAGE, act(1, 1), act(2, 2), completed(2), reported(1)], reported(2)),
    ],
)
def test_what_is_decided_is_recorded_and_asked_twice_is_no_news(before: list[Any], event: Any) -> None:
    assert decide(given(KIND, *before), event) == (event,)
    asked_twice_is_no_news(KIND, before, lambda case: decide(case, event))


@pytest.mark.parametrize("event", [replace(SCORED, scored_on=BEFORE), replace(AGREED, signed_on=BEFORE)])
def test_nothing_happens_before_the_application(event: Any) -> None:
    with refused("before-application"):
        decide(given(KIND, *PACKAGE), event)


def test_only_a_complex_service_is_scored() -> None:
    with refused("not-complex"):
        decide(given(KIND, PLAIN), SCORED)


@pytest.mark.parametrize("decision", ["eligible", "refused"])
def test_a_decision_keeps_all_it_rests_on(decision: str) -> None:
    found = verdicts(E9="fail") if decision == "refused" else verdicts()
    [event] = given(KIND, PLAIN, component(1)).decide_eligibility(found, **deciding(decision))
    assert isinstance(event, EligibilityDecided)
    assert (event.decision, event.rule_set, event.overrides) == (decision, "2021.1", ())
    assert [(c.condition, c.verdict, c.inputs, c.event_id) for c in event.checks] == [
        (c.condition, c.verdict, {"n": 1}, UUID(int=4)) for c in found
    ]


def test_a_decision_asked_twice_is_no_news_even_from_one_who_could_not_take_it() -> None:
    found, ground = verdicts(E4="fail"), (Override(condition="E4", ground="Не подакцизное"),)
    before = (PLAIN, component(1))
    asked_twice_is_no_news(
        KIND,
        before,
        lambda case: case.decide_eligibility(found, **deciding(overrides=ground, role="manager")),
    )
    taken = given(KIND, *before).decide_eligibility(found, **deciding(overrides=ground, role="manager"))
    again = given(KIND, *before, *taken)
    assert again.decide_eligibility(found, **deciding(overrides=ground, late_reason="Повтор")) == ()
    with refused("override-not-allowed"):
        given(KIND, *before).decide_eligibility(found, **deciding(overrides=ground))


@pytest.mark.parametrize(
    ("found", "decision", "code"),
    [
        (verdicts(E1="fail"), "eligible", "condition-failed"),
        (verdicts(E5="not_checked"), "eligible", "condition-not-checked"),
        (verdicts(), "refused", "all-conditions-pass"),
    ],
)
def test_a_decision_follows_the_conditions(found: Any, decision: str, code: str) -> None:
    with refused(code):
        given(KIND, PLAIN, component(1)).decide_eligibility(found, **deciding(decision))


def test_a_complex_service_is_decided_after_its_scoring() -> None:
    with refused("not-scored"):
        given(KIND, COMPLEX).decide_eligibility(verdicts(), **deciding())
    assert given(KIND, COMPLEX).decide_eligibility(verdicts(E1="fail"), **deciding("refused"))
    assert given(KIND, COMPLEX, SCORED).decide_eligibility(verdicts(), **deciding())


def test_a_case_already_served_is_decided_neither_otherwise_nor_later() -> None:
    served = given(KIND, *SERVED, act(1, 5, complex=False))
    with refused("already-served"):
        served.decide_eligibility(verdicts(E1="fail"), **deciding("refused"))
    with refused("already-served"):
        served.decide_eligibility(verdicts(), **deciding(day=date(2021, 4, 6)))
    assert served.decide_eligibility(verdicts(), **deciding(day=date(2021, 4, 5)))


@pytest.mark.parametrize("before", [[PLAIN, component(1)], [PLAIN, component(1), NOT_ELIGIBLE]])
def test_nothing_is_agreed_or_accepted_without_a_decision_in_favour(before: list[Fact]) -> None:
    with refused("not-eligible"):
        decide(given(KIND, *before), AGREED)
    with refused("not-eligible"):
        given(KIND, *before).accept(**accepting(1, 1))


def test_an_agreement_comes_after_the_decision_once_and_over_two_services() -> None:
    with refused("before-decision"):
        decide(given(KIND, *SERVED), replace(AGREED, signed_on=date(2021, 3, 9)))
    with refused("too-few-components"):
        decide(given(KIND, COMPLEX, SCORED, component(1), ELIGIBLE), AGREED)
    with refused("already-signed"):
        decide(given(KIND, *SERVED, AGREED), replace(AGREED, number="Д-2"))


# --- acceptance and completion


def test_a_plain_case_is_accepted_and_never_completed() -> None:
    assert given(KIND, *SERVED).accept(**accepting(1, 5)) == (act(1, 5, complex=False),)


def test_an_act_accepted_twice_is_no_news() -> None:
    asked_twice_is_no_news(KIND, SERVED, lambda case: case.accept(**accepting(1, 5)))
    asked_twice_is_no_news(KIND, [*PACKAGE, act(1, 1)], lambda case: case.accept(**accepting(2, 5)))


def test_a_component_is_accepted_once() -> None:
    with refused("already-accepted"):
        given(KIND, *SERVED, act(1, 5, complex=False)).accept(**accepting(1, 6))


def test_an_act_names_a_component_of_the_case() -> None:
    with refused("no-such-component"):
        given(KIND, *SERVED).accept(**accepting(2, 5))


def test_no_act_is_older_than_the_decision() -> None:
    with refused("before-decision"):
        given(KIND, *SERVED).accept(**accepting(1, 5, accepted_on=date(2021, 3, 9)))
    assert given(KIND, *SERVED).accept(**accepting(1, 5, accepted_on=DECIDED_ON))


def test_a_decision_is_not_before_the_declaration_it_rests_on() -> None:
    declared = replace(ELIGIBLE.checks[0], condition="E6", inputs={"declared_as_of": DECIDED_ON.isoformat()})
    decided = replace(ELIGIBLE, checks=(*ELIGIBLE.checks, declared))
    check(given(KIND, PLAIN, component(1)), decided)
    with refused("before-declaration"):
        check(given(KIND, PLAIN, component(1)), replace(decided, decided_on=date(2021, 3, 9)))


@pytest.mark.parametrize("other", [{"service": "SVC.б"}, {"cluster": "digital"}])
def test_an_act_repeats_the_service_and_cluster_of_the_case(other: dict[str, str]) -> None:
    with refused("act-differs"):
        check(given(KIND, *SERVED), replace(act(1, 5, complex=False), **other))


def test_support_is_reported_of_what_was_accepted() -> None:
    with refused("not-accepted"):
        decide(given(KIND, *PACKAGE, act(1, 1)), reported(2))


def test_the_last_mandatory_act_completes_a_complex_case_in_the_same_command() -> None:
    assert given(KIND, *PACKAGE).accept(**accepting(1, 5)) == (act(1, 5),)
    assert given(KIND, *PACKAGE, act(1, 5)).accept(**accepting(2, 7)) == (act(2, 7), completed(7))


def test_a_case_completes_on_its_latest_act_whichever_is_recorded_last() -> None:
    recorded = given(KIND, *PACKAGE, act(2, 7)).accept(**accepting(1, 5, late_reason="Нашли акт"))
    assert recorded == (
        replace(act(1, 5), late_reason="Нашли акт"),
        replace(completed(7), late_reason="Нашли акт"),
    )


def test_an_optional_component_is_accepted_before_or_after_the_completion_and_does_not_move_it() -> None:
    package = (*PACKAGE[:-1], component(3, mandatory=False), ELIGIBLE)
    done = (*package, act(1, 1), act(2, 2), completed(2))
    assert given(KIND, *package, act(1, 1), act(3, 9)).accept(**accepting(2, 2)) == (act(2, 2), completed(2))
    assert given(KIND, *done).accept(**accepting(3, 9)) == (act(3, 9),)
    assert settle(history(*done, act(3, 9)), None) == ()


def test_one_service_is_no_complex_service_even_when_it_is_the_only_mandatory_one() -> None:
    package = (COMPLEX, SCORED, component(1), *(component(n, mandatory=False) for n in (2, 3)), ELIGIBLE)
    assert given(KIND, *package).accept(**accepting(1, 1)) == (act(1, 1),)
    second = given(KIND, *package, act(1, 1)).accept(**accepting(2, 9))
    assert second == (act(2, 9), completed(9))
    done = (*package, act(1, 1), *second)
    assert given(KIND, *done).accept(**accepting(3, 5)) == (act(3, 5),)
    assert settle(history(*done, act(3, 5)), None) == ()


def test_a_case_without_mandatory_components_never_completes() -> None:
    package = (
        COMPLEX,
        SCORED,
        component(1, mandatory=False),
        component(2, mandatory=False),
        ELIGIBLE,
        act(1, 1),
    )
    assert given(KIND, *package).accept(**accepting(2, 2)) == (act(2, 2),)


# --- cancellation


def test_what_was_served_is_not_cancelled() -> None:
    with refused("already-served"):
        decide(given(KIND, *SERVED, act(1, 1, complex=False)), CANCELLED)
    with refused("already-served"):
        decide(given(KIND, *PACKAGE, act(1, 1), act(2, 2), completed(2)), CANCELLED)


@pytest.mark.parametrize("event", [AGREED, ELIGIBLE, SCORED, component(3), replace(CANCELLED, reason="Иное")])
def test_nothing_happens_to_a_cancelled_case(event: Any) -> None:
    with refused("case-cancelled"):
        check(given(KIND, COMPLEX, component(1), CANCELLED), event)
    with refused("case-cancelled"):
        given(KIND, *PACKAGE, CANCELLED).accept(**accepting(1, 1))


# --- what follows from a correction


class Stream:
    """A recorded case that is corrected the way the application does it: with what follows."""

    def __init__(self, *events: Fact) -> None:
        self.history = history(*events)

    def correct(self, n: int, late_reason: str | None = None, **fields: Any) -> tuple[Fact, ...]:
        """Correct the n-th record, or void it when no fields are given; returns what followed."""
        amended = amend(
            KIND, self.history, UUID(int=n), "Ошибка", fields or None, date(2022, 1, 1), late_reason
        )
        self.record(*amended)
        followed = settle(self.history, late_reason)
        self.record(*followed)
        assert settle(self.history, None) == ()
        return followed

    def record(self, *events: Fact) -> None:
        for event in events:
            self.history.append(Entry(UUID(int=len(self.history) + 1), event))

    @property
    def completed(self) -> Completed | None:
        case = fold(KIND, self.history)
        return case.completed if case else None


FIRST, SECOND, COMPLETION = 6, 7, 8


@pytest.fixture
def stream() -> Stream:
    return Stream(*PACKAGE, act(1, 5), act(2, 7), completed(7))


def test_the_completion_moves_with_the_act_it_rests_on(stream: Stream) -> None:
    moved = stream.correct(SECOND, "Проверка", accepted_on="2021-04-09")
    [correction] = moved
    assert isinstance(correction, Corrected)
    assert (correction.corrects, correction.replacement, correction.late_reason) == (
        UUID(int=COMPLETION),
        completed(9),
        "Проверка",
    )
    assert stream.completed == completed(9)
    assert stream.correct(SECOND, accepted_on="2021-04-01")
    assert stream.completed == completed(5)


def test_the_completion_stays_when_another_act_moves_below_it(stream: Stream) -> None:
    assert stream.correct(FIRST, accepted_on="2021-04-06") == ()
    assert stream.correct(FIRST, quantity=3) == ()
    assert stream.completed == completed(7)


def test_the_completion_goes_with_the_act_it_rests_on(stream: Stream) -> None:
    [voided] = stream.correct(FIRST)
    assert isinstance(voided, Voided)
    assert (voided.voids, voided.effective_on) == (UUID(int=COMPLETION), date(2021, 4, 7))
    assert stream.completed is None


def test_the_completion_comes_back_with_the_act_and_goes_again(stream: Stream) -> None:
    stream.correct(FIRST)
    void = len(stream.history) - 1
    assert stream.correct(void) == (completed(7),)
    assert stream.completed == completed(7)
    [voided] = stream.correct(FIRST)
    assert isinstance(voided, Voided)
    assert voided.voids == UUID(int=void + 3)
    assert stream.completed is None


def test_the_completion_comes_back_with_a_new_act(stream: Stream) -> None:
    stream.correct(FIRST)
    case = fold(KIND, stream.history)
    assert case is not None
    assert case.accept(**accepting(1, 8)) == (act(1, 8), completed(8))


def test_the_completion_follows_what_is_mandatory() -> None:
    stream = Stream(*PACKAGE[:-1], component(3), ELIGIBLE, act(1, 5), act(2, 7))
    assert stream.correct(5, mandatory=False) == (completed(7),)
    [voided] = stream.correct(5, mandatory=True)
    assert isinstance(voided, Voided)
    assert stream.completed is None


def test_a_moved_completion_that_goes_is_voided_on_the_day_it_had_moved_to(stream: Stream) -> None:
    stream.correct(SECOND, accepted_on="2021-04-09")
    [voided] = stream.correct(FIRST)
    assert voided.effective_on == date(2021, 4, 9)


def test_the_decision_is_not_voided_under_its_acts(stream: Stream) -> None:
    with refused("not-eligible"):
        stream.correct(5)
    assert stream.completed == completed(7)


def test_a_case_that_was_complete_at_its_cancellation_is_not_restored() -> None:
    stream = Stream(*PACKAGE, act(1, 5), act(2, 7), completed(7))
    stream.correct(SECOND)
    void = len(stream.history) - 1
    stream.record(CANCELLED)
    with refused("already-served"):
        stream.correct(void)


def test_the_cluster_of_a_case_is_corrected_before_its_acts_are_signed(stream: Stream) -> None:
    with refused("act-differs"):
        stream.correct(1, cluster="digital")
    with refused("act-differs"):
        stream.correct(3, service="SVC.г")
    stream.correct(SECOND)
    stream.correct(FIRST)
    assert stream.correct(1, cluster="digital") == ()


def test_nothing_follows_where_nothing_stands() -> None:
    assert settle([], None) == ()
    stream = Stream(COMPLEX)
    assert stream.correct(1) == ()
    assert fold(KIND, stream.history) is None
