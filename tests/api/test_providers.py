"""Providers over HTTP: entered, changed, blocked, named by components, in conflict, rated."""

from typing import Any
from uuid import uuid4

import pytest
from api.centre import (
    Centre,
    Client,
    accept,
    application,
    cluster,
    firm_inn,
    ogrnip,
    person_inn,
    pointers,
    problem,
    ready_firm,
)

OFFER: dict[str, Any] = {
    "services": ["SVC.е", "SVC.ж"],
    "prices_kopecks": {"SVC.е": 5_000_00},
    "selection_basis": "Запрос котировок, протокол № 4",
    "contract": {"number": "И-1", "date": "2021-01-11"},
    "registered_on": "2021-01-11",
}


@pytest.fixture(scope="module")
def firm(centre: Centre) -> str:
    cluster(centre.operator, "organic")
    return ready_firm(centre.operator, 1, "organic")


def provider(operator: Client, n: int, **other: Any) -> str:
    made = operator.done("/providers", inn=firm_inn(n), name=f"ООО «Эксперт {n}»", **{**OFFER, **other})
    return str(made["id"])


def case(operator: Client, who: str, giver: str, cost: int = 5_000_00) -> str:
    asked = application(who, "organic", provider_id=giver, cost_kopecks=cost)
    made = operator.done("/cases", **asked)["id"]
    operator.done(f"/cases/{made}/eligibility-decision", decision="eligible", decided_on="2021-03-11")
    return str(made)


SIGNED = {"number": "Д-7", "signed_on": "2021-03-12"}


def test_a_provider_is_entered_once_and_shown_with_its_offer(operator: Client, auditor: Client) -> None:
    body = {**OFFER, "inn": firm_inn(100), "name": "ООО «Эксперт»"}
    receipt = operator.done("/providers", **body)
    assert [event["type"] for event in receipt["events"]] == ["provider.registered"]
    again = operator.post("/providers", **{**body, "name": "Иначе"})
    assert (again.status_code, again.json()["id"], again.json()["events"]) == (200, receipt["id"], [])
    shown = auditor.read(f"/providers/{receipt['id']}")
    assert (shown["inn"], shown["services"], shown["blocked"]) == (body["inn"], OFFER["services"], False)
    assert (shown["prices_kopecks"], shown["contract"]["number"]) == (OFFER["prices_kopecks"], "И-1")
    assert shown["rating"] == {
        "grade": None,
        "graded": 0,
        "accepted": 0,
        "in_work": 0,
        "cancelled": 0,
        "participants": 0,
        "paid_kopecks": 0,
    }
    assert auditor.get(f"/providers/{receipt['id']}", as_of="2021-01-10").status_code == 404
    assert auditor.get(f"/providers/{receipt['id']}").headers["etag"] == '"1"'


def test_services_change_from_a_day_on(operator: Client, auditor: Client) -> None:
    id = provider(operator, 101)
    operator.done(f"/providers/{id}/services", services=["SVC.з"], changed_on="2021-06-01")
    assert auditor.read(f"/providers/{id}", as_of="2021-05-31")["services"] == OFFER["services"]
    after = auditor.read(f"/providers/{id}", as_of="2021-06-01")
    assert (after["services"], after["prices_kopecks"], after["contract"]["number"]) == (["SVC.з"], {}, "И-1")
    found = auditor.read("/providers", service="SVC.з", as_of="2021-06-01")["items"]
    assert [item["id"] for item in found] == [id]
    assert auditor.read("/providers", service="SVC.з", as_of="2021-05-31")["items"] == []


def test_lists_are_filtered_and_paged(operator: Client, auditor: Client) -> None:
    for n in (110, 111, 112):
        provider(operator, n)
    paged = [item["id"] for page in auditor.walk("/providers", limit=1) for item in page]
    assert len(paged) == len(set(paged)) == len(auditor.read("/providers")["items"])
    assert [item["inn"] for item in auditor.read("/providers", q="эксперт 111")["items"]] == [firm_inn(111)]
    assert [item["inn"] for item in auditor.read("/providers", inn=firm_inn(112))["items"]] == [firm_inn(112)]


def test_a_component_names_who_may_give_it(operator: Client, firm: str) -> None:
    id = provider(operator, 120)
    other = application(firm, "organic", service="SVC.а", provider_id=id)
    problem(operator.post("/cases", **other), 409, "service-not-offered")
    dear = application(firm, "organic", provider_id=id, cost_kopecks=5_000_01)
    problem(operator.post("/cases", **dear), 409, "above-price")
    unknown = application(firm, "organic", provider_id=firm)
    assert pointers(problem(operator.post("/cases", **unknown), 422, "not-found")) == {
        ("/provider_id", "not-found")
    }


def test_a_component_of_a_complex_case_too(operator: Client, firm: str) -> None:
    id = provider(operator, 121)
    made = operator.done(
        "/cases", participant_id=firm, cluster="organic", complex=True, applied_on="2021-03-10"
    )["id"]
    component = {"service": "SVC.з", "cost_kopecks": 1, "provider_id": id}
    problem(operator.post(f"/cases/{made}/components", **component), 409, "service-not-offered")
    operator.done(f"/cases/{made}/components", **{**component, "service": "SVC.ж"})


def test_who_is_blocked_gets_no_agreement_until_it_is_lifted(operator: Client, firm: str) -> None:
    id = provider(operator, 130)
    made = case(operator, firm, id)
    blocked = {"reason": "Срыв сроков", "blocked_on": "2021-03-01"}
    operator.done(f"/providers/{id}/blocking", **blocked)
    problem(operator.post(f"/cases/{made}/agreement", **SIGNED), 409, "provider-blocked")
    named = application(firm, "organic", provider_id=id)
    problem(operator.post("/cases", **named), 409, "provider-blocked")
    assert [item["id"] for item in operator.read("/providers", blocked=True)["items"]] == [id]
    operator.done(f"/providers/{id}/unblocking", reason="Исправлено", unblocked_on="2021-03-05")
    operator.done(f"/cases/{made}/agreement", **SIGNED)
    assert operator.read(f"/providers/{id}", as_of="2021-03-04")["blocked"] is True
    assert operator.read(f"/providers/{id}", as_of="2021-03-05")["blocked"] is False


def test_what_was_agreed_before_a_block_is_carried_out(operator: Client, firm: str) -> None:
    id = provider(operator, 131)
    made = case(operator, firm, id)
    operator.done(f"/cases/{made}/agreement", **SIGNED)
    operator.done(f"/providers/{id}/blocking", reason="Срыв сроков", blocked_on="2021-03-15")
    accept(operator, made)


def test_a_conflict_of_interest_is_answered_in_the_agreement(operator: Client, firm: str) -> None:
    own = provider(operator, 140, group=[firm_inn(1)])
    centres = provider(operator, 141, of_centre=True)
    for giver, kind in ((own, "firm"), (centres, "centre")):
        made = case(operator, firm, giver)
        (warned,) = operator.read(f"/cases/{made}/conflicts")["items"]
        assert (warned["component_no"], warned["kind"], warned["answer"]) == (1, kind, None)
        refused = problem(operator.post(f"/cases/{made}/agreement", **SIGNED), 409, "conflict-not-answered")
        assert pointers(refused) == {("/conflicts_answered", kind)}
        answer = {"component_no": 1, "answer": "Единственный исполнитель в крае"}
        wrong = {**answer, "component_no": 2}
        other = operator.post(f"/cases/{made}/agreement", **SIGNED, conflicts_answered=[wrong])
        problem(other, 409, "no-such-component")
        operator.done(f"/cases/{made}/agreement", **SIGNED, conflicts_answered=[answer])
        (answered,) = operator.read(f"/cases/{made}/conflicts")["items"]
        assert answered["answer"] == answer["answer"]
        assert operator.read(f"/cases/{made}")["agreement"]["conflicts_answered"] == [answer]


def test_a_conflict_can_not_be_gone_round_by_an_act(operator: Client, firm: str) -> None:
    made = case(operator, firm, provider(operator, 142, of_centre=True))
    sent = {"component_no": 1, "act_number": "А", "accepted_on": "2021-03-20", "quantity": 1, "unit": "час"}
    problem(operator.post(f"/cases/{made}/acceptances", **sent), 409, "conflict-not-answered")


def test_a_rating_comes_of_acceptances(operator: Client, auditor: Client, firm: str) -> None:
    id = provider(operator, 150)
    acts = []
    for grade in (5, 4, None):
        made = case(operator, firm, id)
        operator.done(f"/cases/{made}/agreement", **SIGNED)
        acts.append((made, accept(operator, made, **({} if grade is None else {"grade": grade}))))
    made = case(operator, firm, id)
    operator.done(f"/cases/{made}/agreement", **SIGNED)
    rating = auditor.read(f"/providers/{id}")["rating"]
    assert (rating["grade"], rating["graded"], rating["accepted"], rating["in_work"]) == (4.5, 2, 3, 1)
    assert (rating["participants"], rating["paid_kopecks"]) == (1, 3 * 5_000_00)
    wrong, receipt = acts[0]
    operator.done(
        f"/cases/{wrong}/corrections",
        event_id=receipt["events"][0]["event_id"],
        reason="Оценка другая",
        replacement={"grade": 2},
    )
    assert auditor.read(f"/providers/{id}")["rating"]["grade"] == 3.0
    before = auditor.read(f"/providers/{id}", known_position=receipt["position"])["rating"]
    assert (before["grade"], before["in_work"]) == (5.0, 0)


def test_the_services_given_are_listed_the_latest_first(centre: Centre, firm: str) -> None:
    operator, auditor = centre.operator, centre.auditor
    id = provider(operator, 151)
    made = [case(operator, firm, id, cost) for cost in (1_000_00, 2_000_00, 3_000_00)]
    for one, day in zip(made, ("2021-03-12", "2021-03-13", "2021-03-14"), strict=True):
        operator.done(f"/cases/{one}/agreement", number="Д-8", signed_on=day)
    accept(operator, made[0], grade=4)
    operator.done(f"/cases/{made[1]}/cancellation", cancelled_on="2021-04-01", reason="Отказ")
    first = auditor.read(f"/providers/{id}/components", limit=2)
    rest = auditor.read(f"/providers/{id}/components", limit=2, cursor=first["next_cursor"])
    told = [*first["items"], *rest["items"]]
    assert [one["case_id"] for one in told] == [made[1], made[0], made[2]]
    assert [one["state"] for one in told] == ["released", "spent", "reserved"]
    assert [one["cost_kopecks"] for one in told] == [2_000_00, 1_000_00, 3_000_00]
    assert [one["grade"] for one in told] == [None, 4, None]
    assert rest["next_cursor"] is None
    early = auditor.read(f"/providers/{id}/components", as_of="2021-03-12")["items"]
    assert [(one["case_id"], one["state"], one["grade"]) for one in early] == [(made[0], "reserved", None)]
    assert centre.client("operator", "tourism").read(f"/providers/{id}/components")["items"] == []
    assert len(centre.client("operator", "organic").read(f"/providers/{id}/components")["items"]) == 3
    problem(auditor.get(f"/providers/{uuid4()}/components"), 404, "not-found")


def test_a_record_is_put_right_and_the_timeline_tells(operator: Client, auditor: Client) -> None:
    id = provider(operator, 160)
    event = operator.done(f"/providers/{id}/blocking", reason="Ошибка", blocked_on="2021-03-01")["events"][0]
    operator.done(
        f"/providers/{id}/corrections", event_id=event["event_id"], reason="Не тот исполнитель", void=True
    )
    assert auditor.read(f"/providers/{id}")["blocked"] is False
    told = auditor.read(f"/providers/{id}/timeline")["items"]
    assert [item["type"] for item in told] == ["provider.registered", "provider.blocked", "provider.voided"]
    assert [item["struck"] for item in told] == [False, True, False]


def test_a_specialist_is_a_participant_whose_name_is_not_in_the_log(centre: Centre, auditor: Client) -> None:
    operator = centre.operator
    who = operator.done(
        "/participants",
        kind="entrepreneur",
        inn=person_inn(9),
        ogrn=ogrnip(9),
        name="Ильина Мария",
        registered_on="2021-01-10",
    )["id"]
    offer = {"participant_id": who, "services": ["SVC.е"], "registered_on": "2021-01-11"}
    id = operator.done("/providers", **offer)["id"]
    assert auditor.read(f"/providers/{id}")["name"] == "Ильина Мария"
    assert centre.rows("select count(*) from ckr.event where body::text like '%%Ильина%%'") == [(0,)]
    stranger = operator.post("/providers", **{**offer, "participant_id": id})
    assert pointers(problem(stranger, 422, "not-found")) == {("/participant_id", "not-found")}


def test_an_id_of_something_else_is_not_found_anywhere(operator: Client, auditor: Client, firm: str) -> None:
    id = provider(operator, 180)
    event = operator.done(f"/providers/{id}/blocking", reason="Ошибка", blocked_on="2021-03-01")["events"][0]
    problem(operator.post("/cases", **application(id, "organic")), 422, "not-found")
    for kind in ("participants", "cases"):
        assert auditor.get(f"/{kind}/{id}").status_code == 404
        wrong = {"event_id": event["event_id"], "reason": "x", "void": True}
        problem(operator.post(f"/{kind}/{id}/corrections", **wrong), 404, "not-found")
    assert auditor.get(f"/providers/{firm}").status_code == 404
    problem(operator.post(f"/providers/{firm}/blocking", reason="x"), 404, "not-found")


def test_what_is_wrong_is_named(operator: Client) -> None:
    body = {**OFFER, "inn": firm_inn(170), "name": "ООО «Эксперт»"}
    problem(operator.post("/providers", **{**body, "inn": "2466000010"}), 422, "inn-invalid")
    problem(operator.post("/providers", **{**body, "services": []}), 422, "services-invalid")
    problem(operator.post("/providers", **{**body, "services": ["SVC.e"]}), 422, "unknown-service")
    problem(operator.post("/providers", **OFFER), 422, "inn-or-participant")
    nobody = "/providers/00000000-0000-4000-8000-000000000000"
    problem(operator.post(f"{nobody}/blocking", reason="x"), 404, "not-found")
    assert operator.get(nobody).status_code == 404
