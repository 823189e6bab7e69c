"""Earlier support and its violations ask for a look, and stop nobody."""

from datetime import date
from typing import Any
from uuid import UUID

import msgspec
import pytest

from ckr_es.rules.earlier_support import NOTES, Note, notes, weigh
from ckr_es.rules.eligibility import SupportCheck
from ckr_es.rules.support import Support, Violation
from ckr_es.rules.verdicts import Verdict

APPLIED, DECIDED = date(2021, 3, 10), date(2021, 3, 12)


def support(*violations: Violation, **changed: Any) -> Support:
    usual: dict[str, Any] = {
        "provider_inn": "2460066195",
        "form": "0400",
        "kind": "0402",
        "decided_on": date(2020, 11, 2),
        "until": date(2021, 6, 30),
    }
    return Support(**usual | changed, violations=violations)


def check(*supports: Support, as_of: date = date(2021, 2, 15), event_id: int = 1) -> SupportCheck:
    return SupportCheck(event_id=UUID(int=event_id), source="ЕРСМСП-ПП", as_of=as_of, supports=supports)


def noted(*checks: SupportCheck, forms: tuple[str, ...] = ("0400",)) -> dict[str, Note]:
    return {note.code: note for note in notes(APPLIED, DECIDED, forms, checks)}


def test_without_the_register_nothing_was_checked() -> None:
    assert {code: note.verdict for code, note in noted().items()} == dict.fromkeys(NOTES, "not_checked")
    later = check(support(), as_of=date(2021, 3, 13))
    assert {note.verdict for note in noted(later).values()} == {"not_checked"}


def test_a_firm_the_register_does_not_know_had_no_support() -> None:
    assert {note.verdict for note in noted(check()).values()} == {"pass"}


@pytest.mark.parametrize(
    ("changed", "verdict"),
    [
        ({}, "review"),
        ({"form": "0100"}, "pass"),
        ({"until": APPLIED}, "review"),
        ({"until": date(2021, 3, 9)}, "pass"),
        ({"ended_on": date(2021, 1, 1)}, "pass"),
        ({"ended_on": date(2021, 4, 1)}, "review"),
        ({"until": None}, "pass"),
        ({"until": None, "decided_on": date(2021, 1, 15)}, "review"),
        ({"decided_on": date(2021, 3, 11)}, "pass"),
    ],
)
def test_analogous_is_the_same_form_while_its_term_runs(changed: dict[str, Any], verdict: Verdict) -> None:
    assert noted(check(support(**changed)))["analogous-support"].verdict == verdict


def test_before_its_services_are_chosen_a_case_is_held_against_any_form() -> None:
    assert noted(check(support(form="0100")), forms=())["analogous-support"].verdict == "review"


@pytest.mark.parametrize(
    ("violation", "verdict"),
    [
        (Violation(kind="other", found_on=date(2020, 3, 11)), "review"),
        (Violation(kind="other", found_on=date(2020, 3, 10)), "pass"),
        (Violation(kind="misuse", found_on=date(2018, 3, 11)), "review"),
        (Violation(kind="misuse", found_on=date(2018, 3, 10)), "pass"),
        (Violation(kind="other"), "review"),
        (Violation(kind="other", found_on=date(2021, 3, 11)), "pass"),
        (
            Violation(
                kind="other",
                found_on=date(2021, 1, 10),
                remedy_by=date(2021, 2, 1),
                remedied_on=date(2021, 2, 1),
            ),
            "pass",
        ),
        (
            Violation(
                kind="other",
                found_on=date(2021, 1, 10),
                remedy_by=date(2021, 2, 1),
                remedied_on=date(2021, 2, 2),
            ),
            "review",
        ),
    ],
)
def test_a_violation_counts_a_year_or_three_unless_remedied_in_time(
    violation: Violation, verdict: Verdict
) -> None:
    assert noted(check(support(violation)))["support-violation"].verdict == verdict


def test_a_year_from_the_29th_of_february_ends_on_the_1st_of_march() -> None:
    seen = check(support(Violation(kind="other", found_on=date(2020, 2, 29))))
    for day, verdict in ((date(2021, 2, 28), "review"), (date(2021, 3, 1), "pass")):
        assert {n.code: n.verdict for n in notes(day, DECIDED, (), [seen])}["support-violation"] == verdict


def test_the_latest_answer_counts_and_of_one_day_the_one_recorded_last() -> None:
    newer, again = check(), check(support(), event_id=2)
    assert noted(check(support(), as_of=date(2021, 1, 15)), newer)["analogous-support"].verdict == "pass"
    assert noted(newer, again)["analogous-support"].event_id == UUID(int=2)


def test_the_recorded_inputs_give_the_note_again() -> None:
    for note in noted(check(support(Violation(kind="misuse", found_on=date(2020, 12, 1))))).values():
        read = msgspec.json.decode(msgspec.json.encode(note), type=Note)
        assert read == note
        assert weigh(read.code, read.inputs) == (note.verdict, note.explanation)
