"""One key, one effect, one answer: whoever repeats it, however many at once, and whatever the answer was."""

from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Barrier, Event
from typing import Any, TypeVar
from uuid import uuid4

import httpx
import pytest
from api.centre import (
    Body,
    Centre,
    Client,
    act,
    application,
    cluster,
    complex_application,
    complex_case,
    firm,
    firm_inn,
    found,
    migrator,
    person_inn,
    plain_case,
    problem,
    ready_firm,
    receipt,
)

from ckr_es.store import keys

MANY = 32
T = TypeVar("T")


@pytest.fixture(scope="module")
def organic(operator: Client) -> str:
    return cluster(operator, "organic")


def at_once(calls: Sequence[Callable[[], T]]) -> list[T]:
    """What each call answers, all of them begun together."""
    begin = Barrier(len(calls))

    def called(call: Callable[[], T]) -> T:
        begin.wait(10)
        return call()

    with ThreadPoolExecutor(len(calls)) as threads:
        return list(threads.map(called, calls))


def proposal(code: str, title: str = "Раз") -> Body:
    return {"code": code, "title": title, "production": False, "proposed_on": "2021-01-10"}


def test_a_key_used_by_many_at_once_has_one_effect_and_one_answer(centre: Centre, operator: Client) -> None:
    before = centre.head()
    answers = at_once([partial(operator.post, "/clusters", key="once", **proposal("once"))] * MANY)
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.text for answer in answers}) == 1
    assert sum("idempotent-replayed" not in answer.headers for answer in answers) == 1
    assert centre.head() == before + 1


def test_a_key_used_for_two_requests_at_once_belongs_to_one_of_them(centre: Centre, operator: Client) -> None:
    before = centre.head()
    bodies = [proposal("torn", f"Раз {n % 2}") for n in range(MANY)]
    answers = at_once([partial(operator.post, "/clusters", key="torn", **body) for body in bodies])
    kinds = Counter(answer.status_code for answer in answers)
    assert kinds == {201: MANY // 2, 422: MANY // 2}
    for answer in answers:
        if answer.status_code == 422:
            problem(answer, 422, "idempotency-key-reused")
    assert centre.head() == before + 1


def test_commands_on_one_stream_at_once_all_find_their_place(centre: Centre, operator: Client) -> None:
    operator.done("/clusters", **proposal("busy"))
    event = {"held_on": "2021-02-01", "function": "FN.л", "document": {"title": "П"}}
    answers = at_once(
        [
            partial(operator.post, "/clusters/busy/activities", title=f"Вебинар {n}", **event)
            for n in range(MANY)
        ]
    )
    assert {answer.status_code for answer in answers} == {200}
    assert sorted(answer.json()["version"] for answer in answers) == list(range(2, MANY + 2))
    assert len(operator.read("/clusters/busy")["life"]) == MANY


def test_the_same_news_under_many_keys_is_news_once(centre: Centre, operator: Client) -> None:
    operator.done("/clusters", **proposal("same"))
    before = centre.head()
    body = {"formed_on": "2021-02-01", "agreement": {"number": "1", "date": "2021-02-01"}}
    answers = at_once([partial(operator.post, "/clusters/same/formation", **body)] * MANY)
    assert {answer.status_code for answer in answers} == {200}
    assert Counter(len(receipt(answer)["events"]) for answer in answers) == {1: 1, 0: MANY - 1}
    assert centre.head() == before + 1


def test_a_code_wanted_by_many_at_once_is_taken_by_one(operator: Client) -> None:
    answers = at_once(
        [partial(operator.post, "/clusters", **proposal("wanted", f"Раз {n}")) for n in range(MANY)]
    )
    assert Counter(answer.status_code for answer in answers) == {201: 1, 409: MANY - 1}
    for answer in answers:
        if answer.status_code == 409:
            problem(answer, 409, "cluster-code-taken")


def test_of_many_complex_cases_at_once_only_one_is_opened(
    centre: Centre, operator: Client, organic: str
) -> None:
    who = ready_firm(operator, 1, organic)
    answers = at_once([partial(operator.post, "/cases", **complex_application(who, organic))] * 12)
    assert Counter(answer.status_code for answer in answers) == {201: 1, 409: 11}
    for answer in answers:
        if answer.status_code == 409:
            problem(answer, 409, "complex-limit")
    assert len(operator.read("/cases", participant_id=who)["items"]) == 1


def test_an_application_given_in_by_many_at_once_is_one_case(operator: Client, organic: str) -> None:
    who = ready_firm(operator, 2, organic)
    body = application(who, organic, source="crm", external_id="5")
    answers = at_once([partial(operator.post, "/cases", **body)] * MANY)
    assert Counter(answer.status_code for answer in answers) == {201: 1, 200: MANY - 1}
    assert len({answer.json()["id"] for answer in answers}) == 1


@pytest.mark.parametrize(
    ("kind", "inn"),
    [("entrepreneur", person_inn(10)), ("legal_entity", firm_inn(10)), ("organisation", firm_inn(11))],
)
def test_a_firm_registered_by_many_at_once_is_one_participant(
    centre: Centre, operator: Client, kind: str, inn: str
) -> None:
    before = centre.kept()
    body = {
        "kind": kind,
        "inn": inn,
        "name": "Один",
        "registered_on": "2021-01-10",
        "contacts": "x@example.org",
    }
    answers = at_once([partial(operator.post, "/participants", **body)] * MANY)
    assert Counter(answer.status_code for answer in answers) == {201: 1, 200: MANY - 1}
    assert len({answer.json()["id"] for answer in answers}) == 1
    after = centre.kept()
    assert (after[0] - before[0], after[2] - before[2]) == (1, 1)


def test_an_act_given_in_by_many_at_once_is_counted_once(operator: Client, organic: str) -> None:
    who = ready_firm(operator, 3, organic)
    case = plain_case(operator, who, organic)
    before = operator.figures(as_of="2021-12-31")["services"]
    answers = at_once([partial(operator.post, f"/cases/{case}/acceptances", **act())] * MANY)
    assert Counter(len(receipt(answer)["events"]) for answer in answers) == {1: 1, 0: MANY - 1}
    others = at_once(
        [partial(operator.post, f"/cases/{case}/acceptances", **act(act_number=str(n))) for n in range(8)]
    )
    assert {answer.json()["code"] for answer in others} == {"already-accepted"}
    assert operator.figures(as_of="2021-12-31")["services"] == before + 1


def test_the_two_last_acts_at_once_complete_a_case_once(
    centre: Centre, operator: Client, organic: str
) -> None:
    for n in range(4):
        case = complex_case(operator, ready_firm(operator, 20 + n, organic), organic)
        answers = at_once([partial(operator.post, f"/cases/{case}/acceptances", **act(no)) for no in (1, 2)])
        assert {answer.status_code for answer in answers} == {200}
        types = [item["type"] for item in operator.read(f"/cases/{case}/timeline")["items"]]
        assert types.count("service-case.completed") == 1
        assert types.count("service-case.service-accepted") == 2


def test_a_decision_and_a_check_at_once_never_disagree(operator: Client, organic: str) -> None:
    """The decision keeps the verdicts of the very checks that stand before it in the log."""
    for n in range(6):
        who = ready_firm(operator, 40 + n, organic)
        case = operator.done("/cases", **application(who, organic))["id"]
        decision = {"decision": "eligible", "decided_on": "2021-03-11"}
        check = found(as_of="2021-03-08", status="liquidating")
        decided, checked = at_once(
            [
                partial(operator.post, f"/cases/{case}/eligibility-decision", **decision),
                partial(operator.post, f"/participants/{who}/registry-checks", **check),
            ]
        )
        assert checked.status_code == 200
        if decided.status_code == 200:
            assert decided.json()["position"] < checked.json()["position"]
        else:
            problem(decided, 409, "condition-failed")


# --- what is answered again


def test_a_refusal_is_answered_again_even_when_it_would_now_be_granted(
    operator: Client, organic: str
) -> None:
    who = ready_firm(operator, 60, organic)
    case = operator.done("/cases", **application(who, organic))["id"]
    one = operator.post(f"/cases/{case}/acceptances", key="refused", **act())
    problem(one, 409, "not-eligible")
    operator.done(f"/cases/{case}/eligibility-decision", decision="eligible", decided_on="2021-03-11")
    two = operator.post(f"/cases/{case}/acceptances", key="refused", **act())
    assert (two.status_code, two.json()) == (409, one.json())
    assert two.headers["idempotent-replayed"] == "true"
    assert operator.post(f"/cases/{case}/acceptances", **act()).status_code == 200


def test_a_refusal_under_one_key_by_many_at_once_is_one_answer(operator: Client, organic: str) -> None:
    body = proposal(organic, "чужое имя")
    answers = at_once([partial(operator.post, "/clusters", key="refused-by-many", **body)] * MANY)
    assert {answer.status_code for answer in answers} == {409}
    assert len({answer.text for answer in answers}) == 1


def test_no_news_is_answered_again_as_it_was(operator: Client, organic: str) -> None:
    who = firm(operator, 61, organic)
    body = {"quarter": "2021-Q1", "headcount": 1, "jobs_created": 1, "evidence": "x"}
    path = f"/participants/{who}/jobs-reports"
    operator.done(path, **body)
    one = operator.post(path, key="no-news", **body)
    assert receipt(one)["events"] == []
    operator.done(path, **{**body, "jobs_created": 2})
    two = operator.post(path, key="no-news", **body)
    assert (two.json(), two.headers["idempotent-replayed"]) == (one.json(), "true")
    assert operator.read(f"/participants/{who}")["jobs_reports"][0]["jobs_created"] == 2


def test_an_invalid_request_does_not_use_its_key_up(operator: Client) -> None:
    problem(operator.post("/clusters", key="again", **proposal("Ошибка")), 422, "text-invalid")
    problem(
        operator.post("/clusters/again/title", key="again", title="x", retitled_on="2021-02-01"),
        404,
        "not-found",
    )
    assert operator.post("/clusters", key="again", **proposal("again")).status_code == 201


def test_a_replay_tells_the_version_of_then_whatever_if_match_says(operator: Client) -> None:
    one = operator.post("/clusters", key="then", **proposal("then"))
    operator.done("/clusters/then/title", title="Два", retitled_on="2021-02-01")
    two = operator.post("/clusters", key="then", headers={"If-Match": '"0"'}, **proposal("then"))
    assert (two.status_code, two.json(), two.headers["etag"]) == (201, one.json(), '"1"')


def test_two_callers_may_use_the_same_key(operator: Client, manager: Client, auditor: Client) -> None:
    one = operator.post("/clusters", key="shared", **proposal("shared-1"))
    two = manager.post("/clusters", key="shared", **proposal("shared-2"))
    assert (one.status_code, two.status_code) == (201, 201)
    assert "idempotent-replayed" not in two.headers
    event = auditor.read(f"/events/{two.json()['events'][0]['event_id']}")
    assert (event["actor"], event["role"]) == (manager.actor, "manager")


def test_a_key_of_anothers_does_not_read_the_answer(operator: Client, manager: Client) -> None:
    one = operator.post("/clusters", key="mine", **proposal("mine"))
    two = manager.post("/clusters", key="mine", **proposal("mine"))
    assert (two.status_code, receipt(two)["events"]) == (200, [])
    assert receipt(one)["events"]
    assert "idempotent-replayed" not in two.headers


# --- under load


def test_a_quarter_is_closed_while_others_record(centre: Centre, operator: Client, organic: str) -> None:
    done: list[httpx.Response] = []

    def work(n: int) -> None:
        for m in range(25):
            done.append(operator.post("/clusters", **proposal(f"load-{n}-{m}")))

    def close() -> httpx.Response:
        for _ in range(10):  # the log must stand still for a moment: 503 asks to repeat
            answer = centre.manager.post("/periods/2019-Q2/closing", key="close", approved_by="директор")
            if answer.status_code != 503:
                break
        return answer

    calls: list[Callable[[], Any]] = [partial(work, n) for n in range(6)]
    *_, closed = at_once([*calls, close])
    assert {answer.status_code for answer in done} == {201}
    assert closed.status_code == 201, closed.text
    shown = centre.analyst.read("/periods/2019-Q2")
    (closing,) = shown["closings"]
    rows = centre.analyst.read("/kpi", as_of="2019-06-30", known_position=closing["known_position"])["rows"]
    assert closing["table"] == rows
    assert closing["known_position"] == closed.json()["position"] - 1


def test_what_comes_while_a_quarter_is_being_closed_is_before_it_or_has_a_reason(
    centre: Centre, operator: Client
) -> None:
    """Nothing slips into a closed quarter without a reason, however close the race."""
    for n, label in enumerate(("2018-Q1", "2018-Q2", "2018-Q3", "2018-Q4")):
        day = f"2018-{3 * n + 2:02}-05"
        body = {"title": "x", "production": False, "proposed_on": day}
        calls: list[Callable[[], httpx.Response]] = [
            partial(operator.post, "/clusters", code=f"race-{n}-{m}", **body) for m in range(8)
        ]
        calls.append(partial(centre.manager.post, f"/periods/{label}/closing", approved_by="x"))
        *proposed, closed = at_once(calls)
        assert closed.status_code == 201, closed.text
        for answer in proposed:
            if answer.status_code == 201:
                assert answer.json()["position"] < closed.json()["position"]
            else:
                problem(answer, 409, "period-closed")


def test_a_key_revoked_under_load_is_refused_from_then_on(centre: Centre, operator: Client) -> None:
    """Keys of calls that come at once are looked up together, but never before the call came."""
    other, stop = centre.client("operator"), Event()

    def work(n: int) -> None:
        m = 0
        while not stop.is_set():
            m += 1
            assert operator.post("/clusters", **proposal(f"revoked-{n}-{m}")).status_code == 201

    with ThreadPoolExecutor(8) as threads:
        working = [threads.submit(work, n) for n in range(8)]
        try:
            for n in range(5):
                answer = other.post("/clusters", **proposal(f"other-{n}"))
                assert answer.status_code == 201
            with migrator(centre.database) as conn:
                keys.revoke(conn, other.actor)
            for n in range(5):
                problem(other.post("/clusters", **proposal(f"late-{n}")), 401, "key-unknown")
        finally:
            stop.set()
        for one in working:
            one.result(20)


def test_every_answer_names_events_that_are_there(centre: Centre, operator: Client) -> None:
    answers = at_once(
        [partial(operator.post, "/clusters", key=uuid4().hex, **proposal(f"there-{n}")) for n in range(MANY)]
    )
    for answer in answers:
        (event,) = receipt(answer)["events"]
        ((position, leaf),) = centre.rows(
            "select position, encode(leaf, 'hex') from ckr.event where event_id = %s", event["event_id"]
        )
        assert (position, leaf) == (event["position"], event["leaf"])
