"""Group services over HTTP: everybody in the list is served, or nobody is and each is told why."""

from functools import partial
from typing import Any
from uuid import uuid4

import pytest
from api.centre import (
    DOCUMENT,
    Body,
    Centre,
    Client,
    cluster,
    file_all,
    firm,
    firm_inn,
    person_inn,
    pointers,
    problem,
    ready_firm,
    receipt,
)
from api.test_once import at_once

TYPES = [
    "service-case.opened",
    "service-case.component-added",
    "service-case.eligibility-decided",
    "service-case.service-accepted",
]


@pytest.fixture(scope="module")
def organic(operator: Client) -> str:
    return cluster(operator, "organic")


def training(code: str, *whom: str, **other: Any) -> Body:
    """The body of an event of March; another one for each title."""
    return {
        "service": "SVC.и",
        "cluster": code,
        "held_on": "2021-03-20",
        "title": f"Тренинг {uuid4()}",
        "participants": list(whom),
        **other,
    }


def person(operator: Client, n: int, code: str) -> str:
    made = operator.done(
        "/participants", kind="entrepreneur", inn=person_inn(n), name=f"Лицо {n}", registered_on="2020-03-01"
    )
    operator.done(f"/participants/{made['id']}/memberships", cluster=code, joined_on="2020-03-01")
    file_all(operator, made["id"])
    return str(made["id"])


@pytest.fixture(scope="module")
def firms(operator: Client, organic: str) -> list[str]:
    """Two firms and a person with all that section 5 asks for."""
    return [ready_firm(operator, 1, organic), ready_firm(operator, 2, organic), person(operator, 3, organic)]


def counted(client: Client, **query: Any) -> tuple[Any, Any]:
    rows = client.figures(as_of="2021-12-31", **query)
    return rows["services"], rows["supported_smes"]


def test_one_command_serves_everybody_and_a_firm_is_one_service_however_many_came(
    operator: Client, auditor: Client, organic: str, firms: list[str]
) -> None:
    services, firms_served = counted(auditor)
    said = training(
        organic,
        *firms,
        act_number="Т-5",
        unit="тренинг",
        document=DOCUMENT,
        attendance=[
            {"participant_id": firms[0], "attendees": 4},
            {"participant_id": firms[1], "attendees": 1},
        ],
    )
    answer = operator.post("/group-services", key="training", **said)
    assert answer.status_code == 201
    done = receipt(answer)
    assert [event["type"] for event in done["events"]] == ["group-service.held", *TYPES * 3]
    positions = [event["position"] for event in done["events"]]
    assert positions == list(range(positions[0], positions[0] + 13))
    assert counted(auditor) == (services + 3, firms_served + 3)

    held = done["events"][0]["event_id"]
    told = auditor.read("/events", correlation_id=held)["items"]
    assert [event["event_id"] for event in told] == [event["event_id"] for event in done["events"]]
    assert {event["causation_id"] for event in told} == {None, held}
    assert "Лицо" not in str(told)

    shown = auditor.read(f"/group-services/{done['id']}")
    assert (shown["participants"], shown["served"], shown["attendees"]) == (3, 3, 5)
    assert shown["document"]["title"] == DOCUMENT["title"]
    assert [came["participant_id"] for came in shown["items"]] == firms
    assert [came["name"] for came in shown["items"]] == ["Фирма 1", "Фирма 2", "Лицо 3"]
    assert [came["act_number"] for came in shown["items"]] == ["Т-5/1", "Т-5/2", "Т-5/3"]
    assert [came["attendees"] for came in shown["items"]] == [4, 1, None]
    case = auditor.read(f"/cases/{shown['items'][0]['case_id']}")
    assert (case["status"], case["group_service_id"]) == ("completed", done["id"])
    assert case["components"][0]["attendees"] == 4
    assert [e["type"] for e in auditor.read(f"/group-services/{done['id']}/timeline")["items"]] == [
        "group-service.held"
    ]

    again = operator.post("/group-services", key="training", **said)
    assert (again.json(), again.headers["Idempotent-Replayed"]) == (answer.json(), "true")


def test_the_same_event_again_is_no_news_and_another_list_of_it_is_refused(
    centre: Centre, operator: Client, organic: str, firms: list[str]
) -> None:
    said = training(organic, firms[0], firms[1], title="Выставка  Сибири")
    done = operator.done("/group-services", **said)
    head = centre.head()
    again = operator.done("/group-services", **{**said, "title": "выставка сибири"})
    assert (again["id"], again["events"]) == (done["id"], [])
    problem(operator.post("/group-services", **{**said, "participants": firms}), 409, "already-held")
    assert centre.head() == head


def test_every_participant_that_is_wrong_is_named_at_its_place(
    centre: Centre, operator: Client, organic: str, firms: list[str]
) -> None:
    bare, debtor, stranger = firm(operator, 10, organic), firm(operator, 11, organic), str(uuid4())
    file_all(operator, debtor)
    operator.done(
        f"/participants/{debtor}/evidence", kind="tax_certificate", as_of="2021-03-01", debt_kopecks=7
    )
    head = centre.head()

    refused = operator.post("/group-services", **training(organic, firms[0], bare, firms[1], debtor))
    body = problem(refused, 409, "participants-refused")
    assert pointers(body) == {
        ("/participants/1", "condition-not-checked"),
        ("/participants/3", "condition-failed"),
    }
    assert "задолженность" in body["errors"][1]["detail"].lower()
    assert body["errors"][1]["given"] == debtor

    wrong = operator.post(
        "/group-services",
        **training(
            organic,
            *(firms[0], stranger, bare, firms[0]),
            attendance=[
                {"participant_id": firms[0], "attendees": 2},
                {"participant_id": firms[1], "attendees": 2},
                {"participant_id": firms[0], "attendees": 2},
            ],
            overrides=[{"participant_id": firms[2], "condition": "E4", "ground": "x"}],
        ),
    )
    assert pointers(problem(wrong, 422, "not-in-list")) == {
        ("/attendance/1/participant_id", "not-in-list"),
        ("/attendance/2/participant_id", "duplicate-participant"),
        ("/overrides/0/participant_id", "not-in-list"),
        ("/participants/1", "not-found"),
        ("/participants/2", "condition-not-checked"),
        ("/participants/3", "duplicate-participant"),
    }
    assert centre.head() == head


def test_a_refusal_is_kept_under_its_key_and_a_new_key_is_a_new_try(
    operator: Client, organic: str, firms: list[str]
) -> None:
    late = firm(operator, 12, organic)
    said = training(organic, firms[0], late)
    first = operator.post("/group-services", key="early", **said)
    problem(first, 409, "participants-refused")
    file_all(operator, late)
    again = operator.post("/group-services", key="early", **said)
    assert (again.json(), again.headers["Idempotent-Replayed"]) == (first.json(), "true")
    assert operator.done("/group-services", **said)["version"] == 1


def test_days_are_in_order_and_none_lies_ahead(operator: Client, organic: str, firms: list[str]) -> None:
    for said, code, at in (
        ({"applied_on": "2021-03-21"}, "dates-disordered", "/applied_on"),
        ({"applied_on": "2021-03-18", "decided_on": "2021-03-17"}, "dates-disordered", "/decided_on"),
        ({"decided_on": "2021-03-21"}, "dates-disordered", "/decided_on"),
        ({"held_on": "2999-01-01"}, "date-in-future", "/held_on"),
        ({"cluster": "nowhere"}, "not-found", "/cluster"),
        ({"service": "SVC.a"}, "unknown-service", "/service"),
        ({"participants": []}, "wrong-length", "/participants"),
        (
            {"attendance": [{"participant_id": firms[0], "attendees": 0}]},
            "out-of-range",
            "/attendance/0/attendees",
        ),
    ):
        body = problem(operator.post("/group-services", **training(organic, firms[0], **said)), 422, code)
        assert pointers(body) == {(at, code)}
    done = operator.done(
        "/group-services", **training(organic, firms[0], applied_on="2021-03-10", decided_on="2021-03-11")
    )
    (came,) = operator.read(f"/group-services/{done['id']}")["items"]
    case = operator.read(f"/cases/{came['case_id']}")
    assert (case["applied_on"], case["decision"]["decided_on"]) == ("2021-03-10", "2021-03-11")
    assert came["accepted_on"] == "2021-03-20"


def test_people_are_counted_and_never_named(
    centre: Centre, operator: Client, organic: str, firms: list[str]
) -> None:
    named = [{"participant_id": firms[0], "attendees": 1, "name": "Иванов Иван"}]
    body = problem(
        operator.post("/group-services", **training(organic, firms[0], attendance=named)),
        422,
        "unknown-field",
    )
    assert pointers(body) == {("/attendance/0/name", "unknown-field")}
    titled = training(organic, firms[0], title=f"Тренинг для {person_inn(3)}")
    problem(operator.post("/group-services", **titled), 422, "personal-data")
    assert centre.rows("select count(*) from ckr.event where strpos(body::text, 'Иванов') > 0") == [(0,)]


def test_an_override_is_for_one_participant_and_for_who_may_give_it(
    operator: Client, manager: Client, organic: str, firms: list[str]
) -> None:
    brewer = firm(operator, 13, organic)
    file_all(operator, brewer, okved_main="11.05")
    override = {"participant_id": brewer, "condition": "E4", "ground": "Код не используется"}
    said = training(organic, firms[0], brewer)
    body = problem(operator.post("/group-services", **said), 409, "participants-refused")
    assert pointers(body) == {("/participants/1", "condition-failed")}
    body = problem(
        operator.post("/group-services", **said, overrides=[override]), 409, "participants-refused"
    )
    assert pointers(body) == {("/participants/1", "override-not-allowed")}
    done = manager.done("/group-services", **said, overrides=[override])
    came = manager.read(f"/group-services/{done['id']}")["items"][1]
    decision = manager.read(f"/cases/{came['case_id']}")["decision"]
    assert decision["overrides"] == [{"condition": "E4", "ground": "Код не используется"}]


def test_one_participant_is_put_right_in_its_case(
    operator: Client, auditor: Client, organic: str, firms: list[str]
) -> None:
    said = training(organic, *firms, attendance=[{"participant_id": firms[1], "attendees": 9}])
    done = operator.done("/group-services", **said)
    where = f"/group-services/{done['id']}"
    came = auditor.read(where)["items"]
    before = counted(auditor)
    acts = [e["event_id"] for e in done["events"] if e["type"] == "service-case.service-accepted"]
    voided = operator.done(
        f"/cases/{came[0]['case_id']}/corrections", event_id=acts[0], reason="Не пришли", void=True
    )
    operator.done(
        f"/cases/{came[1]['case_id']}/corrections",
        event_id=acts[1],
        reason="Пересчитали",
        replacement={"attendees": 2, "accepted_on": "2021-03-22"},
    )
    assert counted(auditor)[0] == before[0] - 1
    now = auditor.read(where)
    assert [came["accepted_on"] for came in now["items"]] == [None, "2021-03-22", "2021-03-20"]
    assert (now["participants"], now["served"], now["attendees"]) == (3, 2, 2)
    assert auditor.read(where, as_of="2021-03-21")["served"] == 1
    then = auditor.read(where, known_position=voided["position"] - 1)
    assert (then["served"], then["attendees"]) == (3, 9)
    problem(auditor.get(where, as_of="2021-03-19"), 404, "not-found")
    problem(auditor.get(where, known_position=done["events"][0]["position"] - 1), 404, "not-found")
    listed = {
        one["id"]: one["served"]
        for one in auditor.read("/group-services", as_of="2021-03-21", limit=500)["items"]
    }
    assert listed[done["id"]] == 1


def test_an_event_is_renamed_and_voided_with_all_of_its_cases(
    operator: Client, auditor: Client, organic: str, firms: list[str]
) -> None:
    before = counted(auditor)
    said = training(organic, *firms)
    done = operator.done("/group-services", **said)
    where, held = f"/group-services/{done['id']}", done["events"][0]["event_id"]
    renamed = operator.done(
        f"{where}/corrections", event_id=held, reason="Опечатка", replacement={"title": "Семинар"}
    )
    assert auditor.read(where)["title"] == "Семинар"
    body = problem(
        operator.post(
            f"{where}/corrections", event_id=held, reason="x", replacement={"held_on": "2021-03-19"}
        ),
        422,
        "field-fixed",
    )
    assert pointers(body) == {("/replacement/held_on", "field-fixed")}
    assert counted(auditor)[0] == before[0] + 3
    voided = operator.done(f"{where}/corrections", event_id=held, reason="Не состоялось", void=True)
    assert [e["type"] for e in voided["events"]] == ["group-service.voided", *["service-case.voided"] * 12]
    assert counted(auditor) == before
    problem(auditor.get(where), 404, "not-found")
    assert auditor.read(where, known_position=renamed["position"])["served"] == 3
    problem(operator.post(f"{where}/corrections", event_id=held, reason="x", void=True), 404, "not-found")
    again = operator.done("/group-services", **said)
    assert (again["id"], again["version"]) == (done["id"], 4)
    assert counted(auditor)[0] == before[0] + 3


def test_a_list_is_looked_at_before_anything_is_recorded(
    centre: Centre, operator: Client, organic: str, firms: list[str]
) -> None:
    bare = firm(operator, 14, organic)
    kept = centre.kept()
    said = training(
        organic, firms[0], f" {firm_inn(2)} ", person_inn(3), firm_inn(14), "2466000010", firm_inn(99)
    )
    answer = operator.post("/group-services/check", key=None, **said, decided_on="2021-03-20")
    assert answer.status_code == 200, answer.text
    look = answer.json()
    assert look["possible"] is False
    lines = look["participants"]
    assert [line["participant_id"] for line in lines[:4]] == [*firms, bare]
    assert [line["name"] for line in lines] == ["Фирма 1", "Фирма 2", "Лицо 3", "Фирма 14", None, None]
    assert [line["allowed"] for line in lines] == [True, True, True, False, False, False]
    assert [line["code"] for line in lines[3:]] == ["condition-not-checked", "inn-invalid", "not-found"]
    checks = {check["condition"]: check["verdict"] for check in lines[3]["checks"]}
    assert set(checks.values()) == {"not_checked"}
    assert "E3" not in checks
    assert pointers(look) == {(f"/participants/{n}", lines[n]["code"]) for n in (3, 4, 5)}
    assert "2466000010" not in answer.text
    twice = operator.post(
        "/group-services/check", key=None, **training(organic, firms[0], firm_inn(1))
    ).json()
    assert pointers(twice) == {("/participants/1", "duplicate-participant")}
    fine = operator.post("/group-services/check", key=None, **training(organic, *firms)).json()
    assert (fine["possible"], fine["errors"]) == (True, [])
    assert centre.kept() == kept
    recorded = training(organic, *firms)
    operator.done("/group-services", **recorded)
    known = operator.post("/group-services/check", key=None, **recorded).json()
    assert pointers(known) == {("/title", "already-held")}


def test_events_are_listed_by_day_and_filtered(
    operator: Client, auditor: Client, organic: str, firms: list[str]
) -> None:
    digital = cluster(operator, "digital")
    who = ready_firm(operator, 20, digital)
    made = [
        operator.done(
            "/group-services", **training(digital, who, *firms[:1], held_on=f"2021-03-{day}", service=service)
        )["id"]
        for day, service in (("12", "SVC.и"), ("11", "SVC.д"), ("14", "SVC.д"))
    ]
    listed = [
        one["id"] for page in auditor.walk("/group-services", cluster="digital", limit=1) for one in page
    ]
    assert listed == [made[1], made[0], made[2]]
    whole = auditor.read("/group-services", cluster="digital", service="SVC.д", as_of="2021-03-13")
    assert [(one["id"], one["participants"], one["served"]) for one in whole["items"]] == [(made[1], 2, 2)]
    between = auditor.read("/group-services", held_from="2021-03-12", held_to="2021-03-13", cluster="digital")
    assert [one["id"] for one in between["items"]] == [made[0]]
    assert len(auditor.read("/group-services", participant_id=who)["items"]) == 3
    problem(auditor.get("/group-services", colour="red"), 422, "unknown-query")


def test_a_key_of_one_cluster_serves_and_sees_its_own(
    centre: Centre, operator: Client, organic: str, firms: list[str]
) -> None:
    cluster(operator, "arctic")
    theirs = ready_firm(operator, 30, "arctic")
    one = centre.client("operator", cluster="arctic")
    done = operator.done("/group-services", **training(organic, firms[0]))
    problem(one.get(f"/group-services/{done['id']}"), 404, "not-found")
    assert one.read("/group-services")["items"] == []
    problem(one.get("/group-services", cluster=organic), 404, "not-found")
    problem(one.post("/group-services", **training(organic, theirs)), 404, "not-found")
    wrong = problem(one.post("/group-services", **training("arctic", theirs, firms[0])), 422, "not-found")
    assert pointers(wrong) == {("/participants/1", "not-found")}
    void = {"event_id": done["events"][0]["event_id"], "reason": "x", "void": True}
    problem(one.post(f"/group-services/{done['id']}/corrections", **void), 404, "not-found")
    own = one.done("/group-services", **training("arctic", theirs))
    assert [item["id"] for item in one.read("/group-services")["items"]] == [own["id"]]
    problem(centre.auditor.post("/group-services", **training(organic, firms[0])), 403, "role-not-allowed")


def test_of_many_that_enter_the_same_event_one_does(
    centre: Centre, operator: Client, organic: str, firms: list[str]
) -> None:
    said = training(organic, *firms)
    head = centre.head()
    answers = at_once([partial(operator.post, "/group-services", **said)] * 8)
    assert sorted(len(receipt(answer)["events"]) for answer in answers) == [0] * 7 + [13]
    assert centre.head() == head + 13


def test_whoever_overtakes_it_the_whole_list_stands_or_nothing_does(
    centre: Centre, operator: Client, organic: str
) -> None:
    """A debt of one firm comes in at the same moment, under other writers to all of the firms."""
    whom = [ready_firm(operator, 40 + n, organic) for n in range(6)]
    for n in range(6):
        debtor = whom[n]
        debt = {"kind": "tax_certificate", "as_of": "2021-03-01", "debt_kopecks": 100}
        paper = {"kind": "document", "as_of": "2021-03-02", "document": {"title": "Письмо"}}
        answers = at_once(
            [
                partial(operator.post, "/group-services", **training(organic, *whom)),
                partial(operator.post, f"/participants/{debtor}/evidence", **debt),
                *(partial(operator.post, f"/participants/{who}/evidence", **paper) for who in whom),
            ]
        )
        held, known = answers[0], answers[1].json()["events"][0]
        if held.status_code == 201:
            positions = [event["position"] for event in receipt(held)["events"]]
            assert positions == list(range(positions[0], positions[0] + 25))
            assert positions[-1] < known["position"]
        else:
            body = problem(held, 409, "participants-refused")
            assert pointers(body) == {(f"/participants/{n}", "condition-failed")}
        operator.done(
            f"/participants/{debtor}/corrections", event_id=known["event_id"], reason="Оплачено", void=True
        )


def test_a_closed_period_asks_for_a_reason(
    centre: Centre, operator: Client, manager: Client, organic: str, firms: list[str]
) -> None:
    manager.done("/periods/2021-Q1/closing", approved_by="директор")
    said = training(organic, *firms)
    problem(operator.post("/group-services", **said), 409, "period-closed")
    look = operator.post("/group-services/check", key=None, **said).json()
    assert pointers(look) == {("/late_reason", "period-closed")}
    done = operator.done("/group-services", **said, late_reason="Список пришёл поздно")
    moved = centre.auditor.read("/periods/2021-Q1/restatement")["rows"]
    services = next(row for row in moved if row["kpi"] == "services")
    assert services["to"] - services["from"] == 3
    held = {"event_id": done["events"][0]["event_id"], "reason": "Не та дата", "void": True}
    where = f"/group-services/{done['id']}/corrections"
    problem(operator.post(where, **held), 409, "period-closed")
    operator.done(where, **held, late_reason="Ошибка")
