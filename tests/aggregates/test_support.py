"""Files to the register of support, and where a service stands between the case, the files and the answers."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any
from uuid import UUID

import pytest
from aggregates.cases import PACKAGE, SERVED, WHO, act, reported
from aggregates.given import given, history, invalid, refused
from msgspec.structs import replace

from ckr_es.aggregates import service_case, support_codes, support_file
from ckr_es.aggregates.amend import amend, fold
from ckr_es.aggregates.facts import Entry, Fact
from ckr_es.aggregates.service_case import Corrected, ServiceCase, Voided
from ckr_es.aggregates.support_codes import CodesSet
from ckr_es.aggregates.support_file import FileAnswered, FileMade, Files, Result, Sent, Service
from ckr_es.aggregates.support_register import Support, supports, totals
from ckr_es.rules import Invalid, Unknown
from ckr_es.rules.support_codes import Operation, default_codes

CASE = UUID(int=77)
MADE_ON, ANSWERED_ON = date(2021, 5, 4), date(2021, 5, 11)
LATER = date(2021, 12, 31)
ACT = act(1, 9, complex=False)
TOLD = Service(
    service="SVC.а",
    decided_on=date(2021, 3, 10),
    accepted_on=date(2021, 4, 9),
    quantity=1,
    unit="услуга",
    cost_kopecks=100_00,
)


def named(case_id: UUID, no: int) -> UUID:
    return UUID(int=case_id.int + no)


def sent(n: int, no: int = 1, operation: Operation = "report", **other: Any) -> Sent:
    return Sent(
        document_id=UUID(int=1000 + n),
        support_id=named(CASE, no),
        case_id=CASE,
        component_no=no,
        participant_id=WHO,
        cluster="organic",
        operation=operation,
        service=replace(TOLD, **other) if other else TOLD,
    )


def made(n: int, *documents: Sent, on: date = MADE_ON) -> FileMade:
    return FileMade(
        file_id=UUID(int=n), made_on=on, name=f"VO_{n}", codes=default_codes(), documents=documents
    )


def answered(n: int, *results: tuple[int, bool], on: date = ANSWERED_ON) -> FileAnswered:
    return FileAnswered(
        file_id=UUID(int=n),
        answered_on=on,
        results=tuple(Result(document_id=UUID(int=1000 + id), accepted=ok) for id, ok in results),
    )


def register(case: Sequence[Fact], *files: Fact, as_of: date = LATER, **more: Any) -> Mapping[int, Support]:
    """By component."""
    state: Files = given(support_file.KIND, *files) or Files(files={})
    return {
        one.component_no: one
        for one in supports(
            {CASE: fold(service_case.KIND, history(*case))},
            state.files.values(),
            named=named,
            as_of=as_of,
            report_day=5,
            **more,
        )
    }


def one(case: Sequence[Fact], *files: Fact, as_of: date = LATER, **more: Any) -> Support:
    (found,) = register(case, *files, as_of=as_of, **more).values()
    return found


# --- codes


def test_the_same_table_again_is_no_news_and_another_is() -> None:
    codes = default_codes()
    first = CodesSet(set_on=date(2021, 1, 11), codes=codes)
    assert support_codes.decide(None, first) == (first,)
    assert support_codes.decide(first, replace(first, set_on=LATER, late_reason="Поздно")) == ()
    other = replace(first, set_on=LATER, codes=replace(codes, report_day=10))
    assert support_codes.decide(first, other) == (other,)
    assert support_codes.in_force(history(first, other)).report_day == 10
    assert support_codes.in_force([]) == codes
    with pytest.raises(Invalid):
        support_codes.decide(None, replace(first, codes=replace(codes, services=())))


# --- files and answers


FILE = made(1, sent(1), sent(2, 2))


def test_an_answer_says_what_is_new_and_nothing_twice() -> None:
    files = given(support_file.KIND, FILE)
    ok, no = (Result(document_id=UUID(int=1000 + n), accepted=n == 1) for n in (1, 2))
    (first,) = support_file.answer(files, UUID(int=1), ANSWERED_ON, [ok], None)
    assert first == answered(1, (1, True))
    files = given(support_file.KIND, FILE, first)
    (second,) = support_file.answer(files, UUID(int=1), ANSWERED_ON, [ok, no], None)
    assert second == answered(1, (2, False))
    files = given(support_file.KIND, FILE, first, second)
    assert support_file.answer(files, UUID(int=1), LATER, [no, ok], None) == ()
    with refused("already-answered"):
        support_file.answer(files, UUID(int=1), LATER, [replace(ok, accepted=False)], None)


def test_our_own_id_said_back_is_no_other_id() -> None:
    files = given(support_file.KIND, FILE)
    said = [
        Result(document_id=UUID(int=1001), accepted=True, registered_as=str(named(CASE, 1))),
        Result(document_id=UUID(int=1002), accepted=True, registered_as="4711"),
    ]
    (event,) = support_file.answer(files, UUID(int=1), ANSWERED_ON, said, None)
    assert isinstance(event, FileAnswered)
    assert [result.registered_as for result in event.results] == [None, "4711"]


def test_an_answer_to_nothing_or_before_its_file_is_refused() -> None:
    files = given(support_file.KIND, FILE)
    with pytest.raises(Unknown):
        support_file.answer(files, UUID(int=2), ANSWERED_ON, [], None)
    with pytest.raises(Unknown):
        support_file.answer(None, UUID(int=1), ANSWERED_ON, [], None)
    with refused("before-file"):
        support_file.check(files, answered(1, (1, True), on=date(2021, 5, 3)))
    with invalid("document-unknown", ""):
        support_file.check(files, answered(1, (9, True)))
    with refused("already-made"):
        support_file.check(files, FILE)


def test_a_file_is_voided_after_its_answers() -> None:
    entries = history(FILE, answered(1, (1, True)))
    with refused("not-found"):
        amend(support_file.KIND, entries, UUID(int=1), "Не отправляли", None, LATER, None)
    entries += [
        Entry(UUID(int=3), event)
        for event in amend(support_file.KIND, entries, UUID(int=2), "Чужой ответ", None, LATER, None)
    ]
    (void,) = amend(support_file.KIND, entries, UUID(int=1), "Не отправляли", None, LATER, None)
    assert fold(support_file.KIND, [*entries, Entry(UUID(int=4), void)]) is None
    with invalid("field-fixed", "/replacement/documents"):
        amend(support_file.KIND, history(FILE), UUID(int=1), "Иначе", {"documents": []}, LATER, None)


# --- where a service stands


def test_an_accepted_service_is_due_until_the_fifth_of_the_next_month() -> None:
    served = (*SERVED, ACT)
    due = one(served, as_of=date(2021, 5, 5))
    assert (due.state, due.due, due.due_on, due.overdue) == ("to_report", "report", date(2021, 5, 5), False)
    assert due.support_id == named(CASE, 1)
    assert due.service == TOLD
    assert one(served, as_of=date(2021, 5, 6)).overdue
    assert register(served, as_of=date(2021, 4, 8)) == {}


def test_a_file_makes_it_in_file_and_an_answer_accepted_or_rejected() -> None:
    served, file = (*SERVED, ACT), made(1, sent(1))
    before = one(served, file, as_of=date(2021, 5, 3))
    assert (before.state, before.file_id) == ("to_report", None)
    waiting = one(served, file)
    assert (waiting.state, waiting.due, waiting.overdue, waiting.late) == ("in_file", None, False, False)
    assert (waiting.file_id, waiting.document_id) == (UUID(int=1), UUID(int=1001))
    accepted = one(served, file, answered(1, (1, True)))
    assert (accepted.state, accepted.due) == ("accepted", None)
    assert one(served, file, answered(1, (1, True)), as_of=date(2021, 5, 10)).state == "in_file"
    rejected = one(served, file, answered(1, (1, False)))
    assert (rejected.state, rejected.due, rejected.overdue) == ("rejected", "report", True)
    again = made(2, sent(2), on=date(2021, 6, 3))
    assert one(served, file, answered(1, (1, False)), again).state == "in_file"
    assert not one(served, file, answered(1, (1, False)), again).late


def test_what_came_after_its_day_is_late() -> None:
    assert one((*SERVED, ACT), made(1, sent(1), on=date(2021, 5, 6))).late


ACCEPTED = (made(1, sent(1)), answered(1, (1, True)))


def test_a_corrected_act_is_to_be_corrected_and_then_is() -> None:
    corrected = Corrected(
        corrects=UUID(int=4), reason="Ошибка в объёме", replacement=replace(ACT, quantity=3)
    )
    case = (*SERVED, ACT, corrected)
    days = {CASE: [date(2021, 4, 20), date(2021, 7, 14)]}
    due = one(case, *ACCEPTED, amended=days)
    assert (due.state, due.due, due.due_on) == ("to_correct", "correct", date(2021, 8, 5))
    assert due.overdue
    assert not one(case, *ACCEPTED, amended=days, as_of=date(2021, 8, 5)).overdue
    second = made(2, sent(2, operation="correct", quantity=3), on=date(2021, 8, 3))
    assert one(case, *ACCEPTED, second).state == "in_file"
    said = answered(2, (2, True), on=date(2021, 8, 9))
    assert one(case, *ACCEPTED, second, said).state == "corrected"
    undone = Voided(voids=UUID(int=5), reason="Было верно", effective_on=ACT.accepted_on)
    assert one((*case, undone), *ACCEPTED, second, said).due == "correct"
    refusal = answered(2, (2, False), on=date(2021, 8, 9))
    assert (one(case, *ACCEPTED, second, refusal).state, one(case, *ACCEPTED, second, refusal).due) == (
        "rejected",
        "correct",
    )


def test_a_decision_of_another_day_is_to_be_corrected_too() -> None:
    decided = SERVED[2]
    moved = Corrected(
        corrects=UUID(int=3), reason="Опечатка", replacement=replace(decided, decided_on=date(2021, 3, 9))
    )
    assert one((*SERVED, ACT, moved), *ACCEPTED).due == "correct"


def test_a_void_act_is_to_be_annulled_and_then_is() -> None:
    void = Voided(voids=UUID(int=4), reason="Акта не было", effective_on=ACT.accepted_on)
    case = (*SERVED, ACT, void)
    due = one(case, *ACCEPTED)
    assert (due.state, due.due, due.service, due.cluster) == ("to_annul", "annul", TOLD, "organic")
    second = made(2, sent(2, operation="annul"), on=date(2021, 8, 3))
    done = one(case, *ACCEPTED, second, answered(2, (2, True), on=date(2021, 8, 9)))
    assert (done.state, done.due) == ("annulled", None)
    restored = Voided(voids=UUID(int=5), reason="Акт нашёлся", effective_on=ACT.accepted_on)
    back = one((*case, restored), *ACCEPTED, second, answered(2, (2, True), on=date(2021, 8, 9)))
    assert (back.state, back.due) == ("to_report", "report")


def test_what_was_void_before_anybody_told_of_it_is_not_listed() -> None:
    void = Voided(voids=UUID(int=4), reason="Акта не было", effective_on=ACT.accepted_on)
    assert register((*SERVED, ACT, void)) == {}
    rejected = one((*SERVED, ACT, void), made(1, sent(1)), answered(1, (1, False)))
    assert (rejected.state, rejected.due) == ("annulled", None)


def test_a_case_of_which_nothing_stands_is_annulled_by_its_documents() -> None:
    state: ServiceCase | None = None
    (due,) = supports(
        {CASE: state},
        given(support_file.KIND, *ACCEPTED).files.values(),
        named=named,
        as_of=LATER,
        report_day=5,
    )
    assert (due.state, due.due, due.participant_id) == ("to_annul", "annul", WHO)


def test_a_voided_file_was_never_sent() -> None:
    void = support_file.Voided(voids=UUID(int=1), reason="Не отправляли", effective_on=MADE_ON)
    assert one((*SERVED, ACT), made(1, sent(1)), void).state == "to_report"


def test_whoever_was_erased_can_be_told_of_no_more() -> None:
    assert one((*SERVED, ACT), erased={WHO}).state == "erased"
    assert one((*SERVED, ACT), *ACCEPTED, erased={WHO}).state == "accepted"


def test_components_of_a_complex_service_are_one_support_each() -> None:
    case = (*PACKAGE, act(1, 5), act(2, 20))
    found = register(case, made(1, sent(1, accepted_on=date(2021, 4, 5))))
    assert [found[no].state for no in (1, 2)] == ["in_file", "to_report"]
    assert len({one.support_id for one in found.values()}) == 2
    assert totals(list(found.values())) == {"in_file": 1, "to_report": 1, "overdue": 1}


def test_what_was_told_otherwise_than_by_our_files_is_accepted_under_its_own_id() -> None:
    told = reported(1)
    found = one((*SERVED, ACT, told))
    assert (found.state, found.support_id) == ("accepted", told.support_id)
    assert one((*SERVED, ACT, told), as_of=date(2021, 4, 30)).state == "to_report"
