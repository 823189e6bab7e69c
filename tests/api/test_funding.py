"""The money of a year over HTTP: limits, what agreements reserve and acts spend, and what is left."""

from typing import Any

import pytest
from api.centre import DOCUMENT, Centre, Client, accept, application, cluster, pointers, problem, ready_firm
from api.test_imports import commit, looked

MILLION = 1_000_000_00


@pytest.fixture(scope="module")
def firm(centre: Centre) -> str:
    cluster(centre.operator, "organic")
    who = ready_firm(centre.operator, 1, "organic")
    limits(centre.manager, 3 * MILLION, MILLION)
    return who


@pytest.fixture(scope="module")
def analyst(centre: Centre) -> Client:
    return centre.analyst


def limits(manager: Client, federal: int, regional: int, year: int = 2021) -> dict[str, Any]:
    answer = manager.put(
        f"/plans/{year}/funding", federal_kopecks=federal, regional_kopecks=regional, document=DOCUMENT
    )
    assert answer.status_code in (200, 201), answer.text
    return dict(answer.json())


def case(operator: Client, who: str, cost: int, **other: Any) -> str:
    asked = application(who, "organic", cost_kopecks=cost, **{"funding": "federal", **other})
    made = operator.done("/cases", **asked)["id"]
    operator.done(f"/cases/{made}/eligibility-decision", decision="eligible", decided_on="2021-03-11")
    return str(made)


def signed(operator: Client, case: str, on: str = "2021-03-12") -> Any:
    return operator.post(f"/cases/{case}/agreement", number="Д-7", signed_on=on)


def rows(client: Client, **query: Any) -> dict[str, dict[str, Any]]:
    found = client.read("/plans/2021/funding", **{"as_of": "2021-04-01", **query})["rows"]
    return {row["source"]: row for row in found}


def taken(client: Client, source: str = "federal", **query: Any) -> tuple[int, int]:
    row = rows(client, **query)[source]
    return row["reserved_kopecks"], row["spent_kopecks"]


def test_agreements_reserve_acts_spend_and_cancellations_free(
    operator: Client, analyst: Client, firm: str
) -> None:
    first, second = (case(operator, firm, MILLION, participant_payment_kopecks=100_00) for _ in range(2))
    for one in (first, second):
        assert signed(operator, one).status_code == 200
    part = MILLION - 100_00
    assert taken(analyst) == (2 * part, 0)
    act = accept(operator, first)
    assert taken(analyst) == (part, part)
    assert taken(analyst, as_of="2021-03-19") == (2 * part, 0)
    assert taken(analyst, known_position=act["position"] - 1) == (2 * part, 0)
    operator.done(f"/cases/{second}/cancellation", cancelled_on="2021-03-21", reason="Отказ")
    assert taken(analyst) == (0, part)
    row = rows(analyst)["federal"]
    assert (row["limit_kopecks"], row["free_kopecks"]) == (3 * MILLION, 3 * MILLION - part)
    assert (row["own_reserved_kopecks"], row["own_spent_kopecks"]) == (0, 100_00)
    assert row["forecast_kopecks"] == part * 365 // 91
    assert rows(analyst)["total"]["limit_kopecks"] == 4 * MILLION
    states = {line["case_id"]: line["state"] for line in analyst.read("/plans/2021/funding/lines")["items"]}
    assert (states[first], states[second]) == ("spent", "released")


def test_no_agreement_goes_beyond_a_limit(operator: Client, analyst: Client, firm: str) -> None:
    left = rows(analyst)["federal"]["free_kopecks"]
    beyond = case(operator, firm, left + 1)
    before = rows(analyst)
    refused = problem(signed(operator, beyond), 409, "funding-exceeded")
    assert refused["errors"] == [
        {"pointer": "/federal", "code": "funding-exceeded", "detail": refused["detail"], "given": 1}
    ]
    assert rows(analyst) == before
    anywhere = case(operator, firm, 4 * MILLION, funding=None)
    assert pointers(problem(signed(operator, anywhere), 409, "funding-exceeded")) == {
        ("", "funding-exceeded")
    }
    exact = case(operator, firm, left)
    assert signed(operator, exact).status_code == 200
    assert rows(analyst)["federal"]["free_kopecks"] == 0
    regional = case(operator, firm, MILLION, funding="regional")
    assert signed(operator, regional).status_code == 200
    operator.done(f"/cases/{exact}/cancellation", cancelled_on="2021-03-21", reason="Отказ")
    operator.done(f"/cases/{regional}/cancellation", cancelled_on="2021-03-21", reason="Отказ")


def test_a_correction_takes_no_more_than_there_is(operator: Client, analyst: Client, firm: str) -> None:
    left = rows(analyst)["federal"]["free_kopecks"]
    made = case(operator, firm, left)
    agreed = signed(operator, made).json()["events"][0]["event_id"]
    added = operator.read("/events", stream=made, type="service-case.component-added")["items"][0]["event_id"]
    wrong = {"event_id": added, "reason": "Цена другая"}
    dearer = operator.post(f"/cases/{made}/corrections", **wrong, replacement={"cost_kopecks": left + 1})
    problem(dearer, 409, "funding-exceeded")
    operator.done(f"/cases/{made}/corrections", **wrong, replacement={"cost_kopecks": left - 1})
    assert rows(analyst)["federal"]["free_kopecks"] == 1
    other = {"event_id": agreed, "reason": "Не подписан"}
    void = operator.done(f"/cases/{made}/corrections", **other, void=True)
    other_case = case(operator, firm, left)
    assert signed(operator, other_case).status_code == 200
    back = {"event_id": void["events"][0]["event_id"], "reason": "Подписан"}
    problem(operator.post(f"/cases/{made}/corrections", **back, void=True), 409, "funding-exceeded")
    operator.done(f"/cases/{other_case}/cancellation", cancelled_on="2021-03-21", reason="Отказ")
    operator.done(f"/cases/{made}/corrections", **back, void=True)
    moved = {
        "event_id": agreed,
        "reason": "Подписан в другом году",
        "replacement": {"signed_on": "2022-01-10"},
    }
    operator.done(f"/cases/{made}/corrections", **moved)
    assert rows(analyst)["federal"]["free_kopecks"] == left
    unlimited = analyst.read("/plans/2022/funding", as_of="2022-02-01")
    federal = unlimited["rows"][0]
    assert (federal["limit_kopecks"], federal["free_kopecks"]) == (None, None)
    assert (federal["reserved_kopecks"], unlimited["document"]) == (left - 1, None)


def test_where_there_is_a_limit_money_is_taken_by_agreements_alone(
    operator: Client, manager: Client, firm: str
) -> None:
    made = case(operator, firm, 1)
    body = {"component_no": 1, "act_number": "А", "accepted_on": "2021-03-20", "quantity": 1, "unit": "час"}
    problem(operator.post(f"/cases/{made}/acceptances", **body), 409, "not-agreed")
    free = case(operator, firm, 0)
    accept(operator, free)
    late = case(operator, firm, 5)
    accept(operator, late, on="2022-03-20")  # no limit is set for 2022


def test_a_cut_is_recorded_and_lets_nothing_more_be_signed(
    manager: Client, operator: Client, analyst: Client, firm: str
) -> None:
    made = case(operator, firm, 2_00)
    assert signed(operator, made).status_code == 200
    cut = limits(manager, 1_00, MILLION)
    assert rows(analyst)["federal"]["free_kopecks"] < 0
    problem(signed(operator, case(operator, firm, 1)), 409, "funding-exceeded")
    # The other budget is not stopped by it, as long as there is money in both together.
    assert signed(operator, case(operator, firm, 10_00, funding="regional")).status_code == 200
    void = {"event_id": cut["events"][0]["event_id"], "reason": "Не утверждено", "void": True}
    manager.done("/plans/2021/corrections", **void)
    assert rows(analyst)["federal"]["limit_kopecks"] == 3 * MILLION
    assert rows(analyst, known_position=cut["position"])["federal"]["limit_kopecks"] == 1_00


def test_a_preview_tells_what_the_commit_will_refuse(operator: Client, analyst: Client, firm: str) -> None:
    left = rows(analyst)["federal"]["free_kopecks"]
    cases = [case(operator, firm, left // 2) for _ in range(3)]
    lines = [
        {
            "path": f"/cases/{id}/agreement",
            "body": {"number": f"Д-{n}", "signed_on": "2021-03-12"},
            "key": f"f{n}",
        }
        for n, id in enumerate(cases)
    ]
    seen = looked(operator, lines)
    (refused,) = operator.read(f"/imports/{seen['id']}/rows", outcome="refused")["items"]
    assert (refused["line"], refused["error"]["code"]) == (3, "funding-exceeded")
    done = commit(operator, seen["id"]).json()
    assert done["recorded"] == seen["preview"]
    assert rows(analyst)["federal"]["free_kopecks"] == left - 2 * (left // 2)


def test_what_is_asked_wrongly_is_named(analyst: Client, auditor: Client) -> None:
    problem(analyst.get("/plans/1999/funding"), 422, "year-invalid")
    assert analyst.get("/plans/2021/funding/lines", source="none").status_code == 422
    paged = [line["id"] for page in auditor.walk("/plans/2021/funding/lines", limit=2) for line in page]
    assert len(paged) == len(set(paged)) == len(auditor.read("/plans/2021/funding/lines")["items"])
