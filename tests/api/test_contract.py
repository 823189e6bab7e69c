"""Every command and question of the contract, over HTTP, answered as the contract says."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from api.centre import (
    DOCUMENT,
    Body,
    Centre,
    Client,
    accept,
    act,
    application,
    cluster,
    complex_application,
    complex_case,
    file_all,
    firm,
    firm_inn,
    found,
    ogrn,
    ogrnip,
    person_inn,
    plain_case,
    plan_of_2021,
    problem,
    ready_firm,
    receipt,
)

META = {"as_of", "known_at", "known_position", "head_position", "kpi_set", "policy"}


@pytest.fixture(scope="module")
def organic(operator: Client) -> str:
    return cluster(operator, "organic", production=True)


@pytest.fixture(scope="module")
def alpha(operator: Client, organic: str) -> str:
    return ready_firm(operator, 1, organic)


# --- clusters


def test_a_cluster_from_proposal_to_dissolution(operator: Client, auditor: Client) -> None:
    proposed = operator.post(
        "/clusters",
        code="life",
        title="Жизнь",
        production=True,
        proposed_on="2020-01-10",
        specialisation="всё",
    )
    assert proposed.status_code == 201
    first = receipt(proposed)
    assert (first["id"], first["version"]) == ("life", 1)
    assert [event["type"] for event in first["events"]] == ["cluster.proposed"]
    assert auditor.read("/clusters/life")["status"] == "proposed"

    formed = operator.post(
        "/clusters/life/formation", formed_on="2020-02-01", agreement={"number": "1", "date": "2020-02-01"}
    )
    assert formed.status_code == 200
    assert receipt(formed)["version"] == 2

    life = {
        "programmes": ("approved_on", "FN.б", "cluster.programme-approved"),
        "assessments": ("assessed_on", "FN.д", "cluster.potential-assessed"),
        "brands": ("registered_on", "FN.з", "cluster.brand-registered"),
        "projects": ("launched_on", "FN.и", "cluster.project-launched"),
        "equipment": ("approved_on", "FN.в", "cluster.equipment-approved"),
        "activities": ("held_on", "FN.л", "cluster.activity-held"),
    }
    for path, (day, function, kind) in life.items():
        done = operator.done(
            f"/clusters/life/{path}",
            **{day: "2021-02-05", "title": f"Дело {path}", "function": function, "document": DOCUMENT},
        )
        assert [event["type"] for event in done["events"]] == [kind]
    operator.done(
        "/clusters/life/projects/end", title="Дело projects", finished_on="2021-03-01", result="готово"
    )
    operator.done("/clusters/life/title", title="Новая жизнь", retitled_on="2021-03-02")
    operator.done(
        "/clusters/life/reorganisation",
        into="association",
        reorganised_on="2021-04-01",
        legal_inn=firm_inn(77),
    )
    assert auditor.read("/clusters/life")["status"] == "reorganised"
    operator.done("/clusters/life/dissolution", dissolved_on="2021-05-01", reason="решение участников")

    now = auditor.read("/clusters/life")
    assert (now["status"], now["active"], now["version"]) == ("dissolved", False, 12)
    assert len(now["life"]) == 7
    before = auditor.read("/clusters/life", as_of="2021-04-30")
    assert (before["status"], before["active"], before["legal_inn"]) == ("reorganised", True, firm_inn(77))
    assert auditor.read("/clusters/life", as_of="2021-02-28")["title"] == "Жизнь"
    problem(auditor.get("/clusters/life", as_of="2020-01-09"), 404, "not-found")

    late = operator.post("/clusters/life/title", title="После смерти", retitled_on="2021-05-01")
    problem(late, 409, "cluster-dissolved")


def test_a_taken_code_and_the_same_proposal_again(operator: Client, organic: str) -> None:
    body = {"code": organic, "title": f"Кластер {organic}", "production": True, "proposed_on": "2019-02-01"}
    again = operator.post("/clusters", **body)
    assert again.status_code == 200
    assert receipt(again)["events"] == []
    problem(operator.post("/clusters", **{**body, "title": "Иное"}), 409, "cluster-code-taken")


def test_refusals_about_clusters(operator: Client) -> None:
    operator.done("/clusters", code="shy", title="Робкий", production=False, proposed_on="2021-01-10")
    body: Body = {"dissolved_on": "2021-02-01", "reason": "x"}
    problem(operator.post("/clusters/shy/dissolution", **body), 409, "cluster-not-formed")
    early = {"formed_on": "2021-01-09", "agreement": {"number": "1", "date": "2021-01-09"}}
    problem(operator.post("/clusters/shy/formation", **early), 409, "before-proposal")
    end = {"title": "Нет такого", "finished_on": "2021-02-01", "result": "x"}
    problem(operator.post("/clusters/shy/projects/end", **end), 409, "project-not-launched")


# --- participants


def test_a_participant_and_all_it_reports(operator: Client, auditor: Client, organic: str) -> None:
    body = {
        "kind": "legal_entity",
        "inn": firm_inn(20),
        "ogrn": ogrn(20),
        "name": "ООО «Ёлка»",
        "registered_on": "2020-03-01",
        "contacts": "elka@example.org",
    }
    made = operator.post("/participants", **body)
    assert made.status_code == 201
    id = receipt(made)["id"]
    again = operator.post("/participants", **{**body, "name": "Другое имя"})
    assert (again.status_code, again.json()["id"]) == (200, id)
    assert receipt(again)["events"] == []

    operator.done(f"/participants/{id}/registry-checks", **found(headcount=12, licences=["лицензия"]))
    operator.done(
        f"/participants/{id}/registry-checks", source="fns", as_of="2021-03-04", result="unavailable"
    )
    operator.done(f"/participants/{id}/evidence", kind="tax_certificate", as_of="2021-03-01", debt_kopecks=0)
    operator.done(
        f"/participants/{id}/evidence",
        kind="document",
        as_of="2021-03-01",
        document={"title": "Устав", "sha256": "a" * 64},
    )
    operator.done(
        f"/participants/{id}/memberships",
        cluster=organic,
        joined_on="2020-06-01",
        agreement={"number": "1", "date": "2020-06-01"},
    )
    problem(
        operator.post(f"/participants/{id}/memberships", cluster=organic, joined_on="2020-07-01"),
        409,
        "already-member",
    )
    file_all(operator, id)
    case = plain_case(operator, id, organic)
    for jobs in (2, 3):
        operator.done(
            f"/participants/{id}/jobs-reports",
            quarter="2021-Q1",
            headcount=10,
            jobs_created=jobs,
            evidence="РСВ",
        )
    operator.done(
        f"/participants/{id}/sales-reports", quarter="2021-Q1", amount_kopecks=123_45, evidence="отчёт"
    )
    operator.done(
        f"/participants/{id}/products",
        title="Сироп",
        markets=["russian"],
        launched_on="2021-05-01",
        case_id=case,
        evidence="декларация",
    )
    operator.done(
        f"/participants/{id}/follow-ups",
        case_id=case,
        month="2021-04",
        headcount=9,
        sales_kopecks=5,
        satisfaction=5,
    )
    operator.done(
        f"/participants/{id}/identity", changed_on="2021-05-02", name="ООО «Ель»", contacts="el@example.org"
    )

    now = auditor.read(f"/participants/{id}")
    assert (now["inn"], now["ogrn"], now["name"], now["contacts"]) == (
        firm_inn(20),
        ogrn(20),
        "ООО «Ель»",
        "el@example.org",
    )
    assert [report["jobs_created"] for report in now["jobs_reports"]] == [3]
    assert [membership["active"] for membership in now["memberships"]] == [True]
    assert auditor.read(f"/participants/{id}", as_of="2021-05-01")["name"] == "ООО «Ёлка»"

    body = {"left_on": "2021-07-01", "reason": "вышел"}
    operator.done(f"/participants/{id}/memberships/{organic}/end", **body)
    problem(
        operator.post(f"/participants/{id}/memberships/{organic}/end", left_on="2021-08-01", reason="ещё"),
        409,
        "not-a-member",
    )
    members = {
        who["id"] for page in auditor.walk(f"/clusters/{organic}/members", as_of="2021-06-30") for who in page
    }
    after = {
        who["id"] for page in auditor.walk(f"/clusters/{organic}/members", as_of="2021-07-01") for who in page
    }
    assert id in members
    assert id not in after


def test_a_member_joins_only_a_cluster_that_is_formed(operator: Client, alpha: str) -> None:
    operator.done("/clusters", code="later", title="Потом", production=False, proposed_on="2021-01-10")
    join = {"cluster": "later", "joined_on": "2021-02-01"}
    problem(operator.post(f"/participants/{alpha}/memberships", **join), 409, "cluster-not-formed")
    problem(
        operator.post(f"/participants/{alpha}/memberships", cluster="never", joined_on="2021-02-01"),
        422,
        "not-found",
    )


def test_participants_are_found_by_part_of_a_name_and_by_inn(operator: Client, auditor: Client) -> None:
    id = operator.done(
        "/participants",
        kind="organisation",
        inn=firm_inn(21),
        name="Артель «Зелёный дом»",
        registered_on="2021-01-05",
    )["id"]
    person = operator.done(
        "/participants",
        kind="entrepreneur",
        inn=person_inn(21),
        ogrn=ogrnip(21),
        name="Зеленина Ася",
        registered_on="2021-01-05",
    )["id"]

    def ids(answer: Body) -> list[str]:
        return [item["id"] for item in answer["items"]]

    assert ids(auditor.read("/participants", q="зеленый")) == [id]
    assert ids(auditor.read("/participants", inn=firm_inn(21))) == [id]
    assert ids(auditor.read("/participants", inn=firm_inn(21), as_of="2021-01-04")) == []
    assert ids(auditor.read("/participants", q="зелен")) == [id]  # no natural person by a URL
    search = auditor.post("/participants/search", key=None, q="зелен")
    assert search.status_code == 200
    assert set(ids(search.json())) == {id, person}
    by_inn = auditor.post("/participants/search", key=None, inn=person_inn(21)).json()
    assert ids(by_inn) == [person]
    assert by_inn["items"][0]["name"] == "Зеленина Ася"
    assert person in ids(auditor.read("/participants", kind="entrepreneur"))


def test_an_entrepreneur_is_one_participant_whose_name_is_in_the_vault(
    operator: Client, auditor: Client
) -> None:
    body = {
        "kind": "entrepreneur",
        "inn": person_inn(22),
        "ogrn": ogrnip(22),
        "name": "Петров Пётр",
        "registered_on": "2021-02-01",
        "contacts": "+7 000",
    }
    made = operator.done("/participants", **body)
    again = operator.post("/participants", **{**body, "name": "Иное"})
    assert (again.status_code, again.json()["id"], receipt(again)["events"]) == (200, made["id"], [])
    operator.done(f"/participants/{made['id']}/identity", changed_on="2021-03-01", contacts="+7 111")
    now = auditor.read(f"/participants/{made['id']}")
    assert (now["name"], now["inn"], now["ogrn"], now["contacts"]) == (
        "Петров Пётр",
        person_inn(22),
        ogrnip(22),
        "+7 111",
    )
    event = auditor.read(f"/events/{made['events'][0]['event_id']}")
    assert set(event["body"]) == {"type", "kind", "registered_on", "identity_commitment"}


def test_changes_of_an_identity_at_the_same_time_are_all_kept(operator: Client) -> None:
    changes: list[Body] = [{"name": "Новое имя"}, {"contacts": "новый адрес"}, {"ogrn": ogrnip(23)}]

    def change(path: str, body: Body) -> Body:
        return operator.done(path, changed_on="2021-03-01", **body)

    with ThreadPoolExecutor(3) as threads:
        for n in range(10):
            body = {
                "kind": "entrepreneur",
                "inn": person_inn(700 + n),
                "name": "Имя",
                "registered_on": "2021-02-01",
            }
            who = operator.done("/participants", **body)["id"]
            list(threads.map(change, [f"/participants/{who}/identity"] * 3, changes))
            now = operator.read(f"/participants/{who}")
            assert (now["name"], now["contacts"], now["ogrn"]) == ("Новое имя", "новый адрес", ogrnip(23))


# --- cases


def test_a_plain_case_from_application_to_act(
    operator: Client, auditor: Client, alpha: str, organic: str
) -> None:
    opened = operator.post("/cases", **application(alpha, organic, cost_kopecks=100, funding="бюджет"))
    assert opened.status_code == 201
    case = receipt(opened)["id"]
    assert [event["type"] for event in opened.json()["events"]] == [
        "service-case.opened",
        "service-case.component-added",
    ]

    problem(operator.post(f"/cases/{case}/acceptances", **act()), 409, "not-eligible")
    agreement = {"number": "Д-1", "signed_on": "2021-03-12"}
    problem(operator.post(f"/cases/{case}/agreement", **agreement), 409, "not-eligible")
    decided = operator.done(
        f"/cases/{case}/eligibility-decision", decision="eligible", decided_on="2021-03-11"
    )
    assert [event["type"] for event in decided["events"]] == ["service-case.eligibility-decided"]
    operator.done(f"/cases/{case}/agreement", **agreement)
    problem(operator.post(f"/cases/{case}/acceptances", **act(on="2021-03-10")), 409, "before-decision")
    problem(operator.post(f"/cases/{case}/acceptances", **act(2)), 409, "no-such-component")
    accept(operator, case)
    assert operator.done(f"/cases/{case}/acceptances", **act())["events"] == []
    problem(operator.post(f"/cases/{case}/acceptances", **act(on="2021-03-21")), 409, "already-accepted")
    problem(
        operator.post(f"/cases/{case}/cancellation", cancelled_on="2021-03-22", reason="x"),
        409,
        "already-served",
    )

    now = auditor.read(f"/cases/{case}")
    assert (now["status"], now["components"][0]["accepted_on"]) == ("completed", "2021-03-20")
    assert auditor.read(f"/cases/{case}", as_of="2021-03-19")["status"] == "agreed"
    assert auditor.read(f"/cases/{case}", known_position=decided["position"])["status"] == "eligible"
    kept = auditor.read(f"/events/{decided['events'][0]['event_id']}")["body"]
    assert len(kept["checks"]) == 10
    assert kept["rule_set"]


def test_a_complex_case_is_completed_by_its_last_act(operator: Client, auditor: Client, organic: str) -> None:
    who = ready_firm(operator, 30, organic)
    case = operator.done("/cases", **complex_application(who, organic))["id"]
    decision = {"decision": "eligible", "decided_on": "2021-03-11"}
    problem(operator.post(f"/cases/{case}/eligibility-decision", **decision), 409, "not-scored")
    operator.done(f"/cases/{case}/scoring", scored_on="2021-03-10", score=80, conclusion="годен")
    for service in ("SVC.ж", "SVC.з"):
        operator.done(f"/cases/{case}/components", service=service, cost_kopecks=100)
    problem(
        operator.post(f"/cases/{case}/components", service="SVC.з", cost_kopecks=7), 409, "duplicate-service"
    )
    operator.done(f"/cases/{case}/eligibility-decision", **decision)
    first = accept(operator, case, 1, "2021-03-20")
    last = accept(operator, case, 2, "2021-04-02")
    assert [event["type"] for event in first["events"]] == ["service-case.service-accepted"]
    assert [event["type"] for event in last["events"]] == [
        "service-case.service-accepted",
        "service-case.completed",
    ]
    now = auditor.read(f"/cases/{case}")
    assert (now["status"], now["completed_on"]) == ("completed", "2021-04-02")
    answer = operator.post("/cases", **complex_application(who, organic, applied_on="2021-09-01"))
    problem(answer, 409, "complex-limit")
    assert (
        operator.post("/cases", **complex_application(who, organic, applied_on="2022-01-10")).status_code
        == 201
    )


def test_the_same_source_and_number_is_the_same_case(operator: Client, alpha: str, organic: str) -> None:
    body = application(alpha, organic, source="crm", external_id="17")
    one, two = operator.post("/cases", **body), operator.post("/cases", **body)
    assert (one.status_code, two.status_code) == (201, 200)
    assert two.json()["id"] == one.json()["id"]
    assert receipt(two)["events"] == []
    assert operator.done("/cases", **{**body, "external_id": "18"})["id"] != one.json()["id"]
    assert operator.done("/cases", **{**body, "source": "crm2"})["id"] != one.json()["id"]


def test_a_cancelled_case_goes_no_further(operator: Client, alpha: str, organic: str) -> None:
    case = plain_case(operator, alpha, organic)
    operator.done(f"/cases/{case}/cancellation", cancelled_on="2021-03-15", reason="заявитель передумал")
    problem(operator.post(f"/cases/{case}/acceptances", **act()), 409, "case-cancelled")
    assert operator.read(f"/cases/{case}")["status"] == "cancelled"


# --- eligibility


def test_the_ten_conditions_are_explained_without_recording(
    centre: Centre, operator: Client, auditor: Client, organic: str
) -> None:
    who = firm(operator, 40, organic)
    case = operator.done("/cases", **application(who, organic))["id"]
    head = centre.head()
    told = auditor.read(f"/cases/{case}/eligibility", as_of="2021-03-11")
    assert told["decision_possible"] is False
    assert [check["condition"] for check in told["checks"]] == [f"E{n}" for n in range(10)]
    assert {check["verdict"] for check in told["checks"]} == {"pass", "not_checked"}
    assert all(
        {"condition", "verdict", "explanation", "inputs", "event_id"} <= set(check)
        for check in told["checks"]
    )
    assert centre.head() == head
    file_all(operator, who)
    told = auditor.read(f"/cases/{case}/eligibility", as_of="2021-03-11")
    assert told["decision_possible"] is True
    assert {check["verdict"] for check in told["checks"]} == {"pass"}
    assert all(check["event_id"] for check in told["checks"])
    told = auditor.read(f"/cases/{case}/eligibility", as_of="2021-03-11", known_position=head)
    assert told["decision_possible"] is False


def test_a_refused_decision_tells_all_verdicts(operator: Client, organic: str) -> None:
    who = ready_firm(operator, 41, organic)
    operator.done(
        f"/participants/{who}/registry-checks",
        **found(as_of="2021-03-07", okved_main="11.05", region_code="19"),
    )
    case = operator.done("/cases", **application(who, organic))["id"]
    body = {"decision": "eligible", "decided_on": "2021-03-11"}
    answer = problem(operator.post(f"/cases/{case}/eligibility-decision", **body), 409, "condition-failed")
    assert len(answer["errors"]) == 10
    override = {"overrides": [{"condition": "E4", "ground": "код не используется"}]}
    answer = operator.post(f"/cases/{case}/eligibility-decision", **body, **override).json()
    assert answer["code"] in ("condition-failed", "override-not-allowed")


def test_only_a_manager_overrides_a_failed_condition(operator: Client, manager: Client, organic: str) -> None:
    who = firm(operator, 42, organic)
    file_all(operator, who, okved_main="11.05")
    case = operator.done("/cases", **application(who, organic))["id"]
    body = {
        "decision": "eligible",
        "decided_on": "2021-03-11",
        "overrides": [{"condition": "E4", "ground": "код не используется"}],
    }
    problem(operator.post(f"/cases/{case}/eligibility-decision", **body), 409, "override-not-allowed")
    manager.done(f"/cases/{case}/eligibility-decision", **body)
    assert operator.read(f"/cases/{case}")["decision"]["overrides"] == body["overrides"]


def test_a_refusal_needs_a_reason_in_the_conditions(operator: Client, alpha: str, organic: str) -> None:
    case = operator.done("/cases", **application(alpha, organic))["id"]
    body = {"decision": "refused", "decided_on": "2021-03-11"}
    answer = operator.post(f"/cases/{case}/eligibility-decision", **body)
    assert answer.status_code == 409, answer.text


# --- plans, figures


def test_a_plan_and_its_funding(manager: Client, auditor: Client) -> None:
    body = plan_of_2021()
    first = manager.put("/plans/2021", **body)
    assert first.status_code == 201
    assert receipt(manager.put("/plans/2021", **body))["events"] == []
    enough = 10**12  # other tests sign agreements in this year
    manager.put("/plans/2021/funding", federal_kopecks=enough, regional_kopecks=20, document=DOCUMENT)
    shown = auditor.read("/plans/2021")
    assert shown["values"] == body["values"]
    assert (shown["funding"]["federal_kopecks"], shown["funding"]["regional_kopecks"]) == (enough, 20)
    before = auditor.read("/plans/2021", known_position=first.json()["position"])
    assert before["funding"] is None
    problem(auditor.get("/plans/2031"), 404, "not-found")
    row = next(row for row in auditor.read("/kpi", as_of="2021-12-31")["rows"] if row["kpi"] == "services")
    assert row["plan"] == 545


def test_the_table_has_the_rows_of_the_concept(auditor: Client, organic: str) -> None:
    table = auditor.read("/kpi", as_of="2021-06-30")
    assert set(table["meta"]) == META
    assert [row["no"] for row in table["rows"]] == ["1", "1.1", "2", "3", "4", "5", "6", "7", "7.1", "7.2"]
    assert all(
        set(row) == {"no", "kpi", "title", "unit", "plan", "actual", "percent"} for row in table["rows"]
    )


def test_sales_are_thousand_roubles_as_a_number(operator: Client, auditor: Client, organic: str) -> None:
    who = firm(operator, 50, organic)
    before = auditor.figures(as_of="2018-03-31")["sales"]
    operator.done(
        f"/participants/{who}/sales-reports", quarter="2022-Q3", amount_kopecks=1_234_567_89, evidence="x"
    )
    assert before in (0, None)
    answer = auditor.get("/kpi", as_of="2022-09-30")
    assert '"actual":1234.56789' in answer.text


@pytest.mark.parametrize(
    "kpi", ["clusters", "services", "complex_services", "jobs_created", "sales", "new_products"]
)
def test_evidence_sums_to_the_figure(auditor: Client, operator: Client, organic: str, kpi: str) -> None:
    for day in ("2021-03-31", "2021-12-31"):
        lines = [line for page in auditor.walk(f"/kpi/{kpi}/evidence", as_of=day, limit=3) for line in page]
        assert len({(line["event_id"], line["position"]) for line in lines}) == len(lines)
        assert sum(line["n"] for line in lines) == pytest.approx(auditor.figures(as_of=day)[kpi])
        for line in lines:
            assert set(line) >= {
                "event_id", "type", "position", "effective_on", "cluster", "participant_id", "case_id", "n", "voided_by"
            }  # fmt: skip


def test_distinct_firms_are_the_evidence_of_supported_smes(auditor: Client, organic: str) -> None:
    lines = [
        line for page in auditor.walk("/kpi/supported_smes/evidence", as_of="2021-12-31") for line in page
    ]
    assert (
        len({line["participant_id"] for line in lines})
        == auditor.figures(as_of="2021-12-31")["supported_smes"]
    )


def test_the_difference_of_two_tables_is_made_of_events(
    auditor: Client, operator: Client, organic: str
) -> None:
    before = auditor.read("/kpi", as_of="2021-06-30")["meta"]["known_position"]
    who = ready_firm(operator, 51, organic)
    made = accept(operator, plain_case(operator, who, organic))
    diff = auditor.read("/kpi/diff", as_of="2021-06-30", known_position=before, to_as_of="2021-06-30")
    rows = {row["kpi"]: row for row in diff["rows"]}
    for row in diff["rows"]:
        if row["delta"] is not None:
            assert row["to"] - row["from"] == pytest.approx(row["delta"])
            assert sum(event["n"] for event in row["events"]) == pytest.approx(row["delta"])
    assert (rows["services"]["delta"], rows["supported_smes"]["delta"]) == (1, 1)
    assert [event["event_id"] for event in rows["services"]["events"]] == [made["events"][0]["event_id"]]
    assert diff["meta"]["known_position"] == before
    over_days = auditor.read("/kpi/diff", as_of="2021-03-19", to_as_of="2021-03-20")
    assert next(row for row in over_days["rows"] if row["kpi"] == "services")["delta"] >= 1
    late = auditor.read(
        "/kpi/diff", as_of="2021-06-30", known_position=before, to_known_position=made["position"]
    )
    assert [row["delta"] for row in late["rows"]] == [row["delta"] for row in diff["rows"]]


def test_a_series_tells_the_figure_of_each_day(auditor: Client, organic: str) -> None:
    for step, count in (("day", 90), ("month", 3), ("quarter", 1)):
        series = auditor.read(
            "/kpi/series", kpi="services", step=step, **{"from": "2021-01-01", "to": "2021-03-31"}
        )
        assert set(series["meta"]) == META
        assert len(series["points"]) == count
        for point in (series["points"][0], series["points"][-1]):
            assert auditor.figures(as_of=point["as_of"])["services"] == point["actual"]
    assert (
        auditor.get("/kpi/series", kpi="nothing", **{"from": "2021-01-01", "to": "2021-02-01"}).status_code
        == 404
    )


# --- time travel, own writes


def test_a_read_at_a_position_or_an_instant_does_not_see_what_came_later(
    operator: Client, auditor: Client
) -> None:
    first = operator.done(
        "/clusters", code="travel", title="Один", production=False, proposed_on="2021-01-10"
    )
    second = operator.done("/clusters/travel/title", title="Два", retitled_on="2021-01-11")
    then = datetime.fromisoformat(first["recorded_at"])
    just_before = (then - timedelta(microseconds=1)).isoformat()
    assert auditor.read("/clusters/travel")["title"] == "Два"
    assert auditor.read("/clusters/travel", known_position=first["position"])["title"] == "Один"
    assert auditor.read("/clusters/travel", known_at=first["recorded_at"])["title"] == "Один"
    assert auditor.read("/clusters/travel", known_at=then.astimezone().isoformat())["title"] == "Один"
    problem(auditor.get("/clusters/travel", known_at=just_before), 404, "not-found")
    problem(auditor.get("/clusters/travel", known_position=first["position"] - 1), 404, "not-found")
    meta = auditor.read("/clusters", known_at=first["recorded_at"], as_of="2021-01-31")["meta"]
    assert meta["as_of"] == "2021-01-31"
    assert datetime.fromisoformat(meta["known_at"]) == then
    assert meta["known_position"] == first["position"]
    assert meta["head_position"] >= second["position"]


@pytest.mark.parametrize(
    "path",
    ["/kpi", "/kpi/services/evidence", "/kpi/diff", "/clusters", "/clusters/organic", "/clusters/organic/members",
     "/clusters/organic/timeline", "/participants", "/cases", "/plans/2021", "/periods", "/periods/2019-Q1"],
)  # fmt: skip
def test_every_answer_says_what_it_knows(auditor: Client, manager: Client, organic: str, path: str) -> None:
    manager.put("/plans/2021", **plan_of_2021())
    meta = auditor.read(path)["meta"]
    assert set(meta) == META
    assert meta["known_position"] == meta["head_position"] > 0
    assert meta["known_at"] is None
    assert datetime.fromisoformat(meta["as_of"])
    assert (
        auditor.read(path, min_position=meta["head_position"])["meta"]["known_position"]
        >= meta["head_position"]
    )


def test_what_nobody_knows_yet_is_waited_for_and_then_refused(auditor: Client, organic: str) -> None:
    paths = ("/kpi", "/clusters", "/clusters/organic", "/clusters/organic/timeline", "/periods")
    asked = [(path, name) for path in paths for name in ("known_position", "min_position")]
    started = time.monotonic()
    with ThreadPoolExecutor(len(asked)) as threads:
        answers = list(threads.map(lambda one: auditor.get(one[0], **{one[1]: 10**12}), asked))
    assert 1.5 < time.monotonic() - started < 2.6
    for answer in answers:
        problem(answer, 503, "projection-behind")


def test_a_read_waits_for_what_is_being_written(operator: Client, auditor: Client, organic: str) -> None:
    head = auditor.read("/clusters")["meta"]["head_position"]
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(auditor.read, "/clusters", min_position=head + 1)
        time.sleep(0.2)
        operator.done(
            "/clusters", code="awaited", title="Жданный", production=False, proposed_on="2021-01-10"
        )
        assert "awaited" in {item["code"] for item in waiting.result()["items"]}


def test_own_writes_are_seen_at_once(operator: Client) -> None:
    for n in range(10):
        done = operator.done(
            "/clusters", code=f"own-{n}", title="Свой", production=False, proposed_on="2021-01-10"
        )
        seen = operator.read("/clusters", min_position=done["position"], limit=500)
        assert f"own-{n}" in {item["code"] for item in seen["items"]}


# --- manners


def test_a_command_moves_the_version_and_may_insist_on_it(operator: Client) -> None:
    made = operator.post("/clusters", code="etag", title="Раз", production=False, proposed_on="2021-01-10")
    assert made.headers["etag"] == '"1"'
    assert operator.get("/clusters/etag").headers["etag"] == '"1"'
    done = operator.post(
        "/clusters/etag/title", headers={"If-Match": '"1"'}, title="Два", retitled_on="2021-01-11"
    )
    assert (done.status_code, done.headers["etag"]) == (200, '"2"')
    stale = operator.post(
        "/clusters/etag/title", headers={"If-Match": '"1"'}, title="Три", retitled_on="2021-01-12"
    )
    assert problem(stale, 412, "stale-version")["actual_version"] == 2
    for etag in ('W/"2"', "*"):
        operator.post(
            "/clusters/etag/title", headers={"If-Match": etag}, title=etag, retitled_on="2021-01-13"
        )
    assert operator.read("/clusters/etag")["version"] == 4


def test_an_answer_is_kept_under_its_key(operator: Client) -> None:
    body = {"code": "keyed", "title": "Раз", "production": False, "proposed_on": "2021-01-10"}
    one, two = operator.post("/clusters", key="k-1", **body), operator.post("/clusters", key="k-1", **body)
    assert (two.status_code, two.json(), two.headers["etag"]) == (201, one.json(), one.headers["etag"])
    assert "idempotent-replayed" not in one.headers
    assert two.headers["idempotent-replayed"] == "true"
    reordered = json.dumps(dict(reversed(body.items())), indent=3).encode()
    assert operator.send("POST", "/clusters", reordered, "k-1").json() == one.json()
    problem(operator.post("/clusters", key="k-1", **{**body, "title": "Два"}), 422, "idempotency-key-reused")
    elsewhere = operator.post("/clusters/keyed/title", key="k-1", title="x", retitled_on="2021-01-11")
    problem(elsewhere, 422, "idempotency-key-reused")


def test_head_answers_where_get_does(centre: Centre, auditor: Client, organic: str, alpha: str) -> None:
    for path in (
        "/kpi", "/kpi/services/evidence", "/clusters", f"/clusters/{organic}", f"/participants/{alpha}", "/events",
        "/events.ndjson", "/periods", "/openapi.json", "/health/live", "/health/ready", "/metrics", "/api/docs",
    ):  # fmt: skip
        whole = path if path.startswith(("/health", "/metrics", "/api")) else f"/api/v1{path}"
        got, head = auditor.http.get(whole), auditor.http.head(whole)
        assert head.status_code == got.status_code == 200, whole
        assert head.content == b""
        assert head.headers["content-type"] == got.headers["content-type"]
        assert head.headers.get("etag") == got.headers.get("etag")
    assert auditor.http.head("/api/v1/clusters/nowhere").status_code == 404
    assert centre.nobody.http.head("/api/v1/kpi").status_code == 401
    assert auditor.http.get("/health/live").status_code == 200  # the connection is still in step


def test_lists_are_walked_to_the_end_without_loss_or_repetition(
    operator: Client, auditor: Client, organic: str
) -> None:
    who = ready_firm(operator, 60, organic)
    for n in range(7):
        operator.done("/clusters", code=f"walk-{n}", title="Шаг", production=False, proposed_on="2021-01-10")
        operator.done(
            "/participants",
            kind="entrepreneur" if n % 2 else "legal_entity",
            inn=person_inn(600 + n) if n % 2 else firm_inn(600 + n),
            name="Одноимённый",
            registered_on="2021-01-10",
        )
        operator.done("/cases", **application(who, organic, external_id=str(n), source="walk"))
    for path, key in (
        ("/clusters", "code"),
        ("/participants", "id"),
        ("/cases", "id"),
        ("/events", "position"),
        (f"/clusters/{organic}/members", "id"),
        (f"/clusters/{organic}/timeline", "position"),
        (f"/participants/{who}/timeline", "position"),
    ):
        whole = [item[key] for item in auditor.read(path, limit=500)["items"]]
        for limit in (1, 3):
            walked = list(auditor.walk(path, limit=limit))
            assert [item[key] for page in walked for item in page] == whole, path
            assert all(len(page) == limit for page in walked[:-1])
            assert walked[-1]
    assert len([c for page in auditor.walk("/cases", participant_id=who, limit=2) for c in page]) == 7
    assert auditor.read("/clusters", as_of="1990-01-01")["next_cursor"] is None


def test_cases_are_filtered(auditor: Client, operator: Client, organic: str) -> None:
    who = ready_firm(operator, 61, organic)
    plain, big = plain_case(operator, who, organic), complex_case(operator, who, organic)
    accept(operator, plain)

    def ids(**query: Any) -> set[str]:
        return {case["id"] for page in auditor.walk("/cases", participant_id=who, **query) for case in page}

    assert ids() == {plain, big}
    assert ids(complex="true") == {big}
    assert ids(complex="false") == {plain}
    assert ids(status="completed") == {plain}
    assert ids(status="agreed") == {big}
    assert ids(cluster=organic) == {plain, big}
    assert ids(cluster="walk-1") == set()
    assert ids(as_of="2021-03-09") == set()


# --- timelines


def test_a_timeline_holds_both_dates_of_all_that_happened(
    operator: Client, auditor: Client, organic: str
) -> None:
    who = ready_firm(operator, 70, organic)
    case = plain_case(operator, who, organic)
    done = accept(operator, case)
    lines = auditor.read(f"/participants/{who}/timeline")["items"]
    assert [line["position"] for line in lines] == sorted(line["position"] for line in lines)
    assert [line["type"] for line in lines] == [
        "participant.registered",
        "participant.joined-cluster",
        "participant.registry-checked",
        "participant.evidence-filed",
        "participant.evidence-filed",
        "service-case.opened",
        "service-case.component-added",
        "service-case.eligibility-decided",
        "service-case.service-accepted",
    ]
    last = lines[-1]
    assert (last["effective_on"], last["recorded_at"]) == ("2021-03-20", done["recorded_at"])
    assert last["event_id"] == done["events"][0]["event_id"]
    assert not any(line["struck"] or line["corrections"] for line in lines)
    of_case = auditor.read(f"/cases/{case}/timeline")["items"]
    assert [line["event_id"] for line in of_case] == [line["event_id"] for line in lines[-4:]]
    known = auditor.read(f"/participants/{who}/timeline", known_position=done["position"] - 1)["items"]
    assert len(known) == len(lines) - 1
    assert auditor.get(f"/participants/{uuid4()}/timeline").status_code == 404


# --- the log


def test_the_log_is_filtered(operator: Client, auditor: Client, organic: str) -> None:
    correlation = str(uuid4())
    who = firm(operator, 80, organic)
    file_all(operator, who)
    opened = operator.post(
        "/cases", headers={"X-Correlation-Id": correlation}, **application(who, organic)
    ).json()
    case, at = opened["id"], opened["recorded_at"]
    operator.done(f"/cases/{case}/eligibility-decision", decision="eligible", decided_on="2021-03-11")
    done = accept(operator, case)
    product = operator.done(
        f"/participants/{who}/products",
        title="Сироп", markets=["russian"], launched_on="2021-05-01", case_id=case, evidence="x",
    )  # fmt: skip

    def positions(**query: Any) -> list[int]:
        items = [item for page in auditor.walk("/events", limit=100, **query) for item in page]
        assert [item["position"] for item in items] == sorted({item["position"] for item in items})
        return [item["position"] for item in items]

    of_case = [event["position"] for event in opened["events"]]
    assert positions(stream=case)[:2] == of_case
    assert positions(case=case) == [*positions(stream=case), product["position"]]
    assert set(positions(participant=who)) > set(positions(case=case))
    assert positions(correlation_id=correlation) == of_case
    assert done["position"] in positions(type="service-case.service-accepted")
    assert set(positions(actor=operator.actor)) >= set(of_case)
    assert positions(actor="nobody") == []
    assert positions(participant=who, effective_from="2021-03-20", effective_to="2021-03-20") == [
        done["position"]
    ]
    assert positions(participant=who, recorded_from=at)[0] in of_case
    assert positions(participant=who, recorded_to=at)[-1] == of_case[-1]
    assert positions(after=done["position"])[0] == done["position"] + 1
    assert positions(stream="organic") == positions(
        stream=str(auditor.read("/events", stream="organic")["items"][0]["stream_id"])
    )
    problem(auditor.get("/events", recorded_to="2021-01-01T00:00:00"), 422, "instant-naive")


def test_one_event_tells_what_it_caused_and_what_corrected_it(
    operator: Client, auditor: Client, organic: str
) -> None:
    who = ready_firm(operator, 81, organic)
    case = complex_case(operator, who, organic)
    accept(operator, case, 1)
    last, completed = accept(operator, case, 2, "2021-04-01")["events"]
    event = auditor.read(f"/events/{last['event_id']}")
    assert event["caused"] == [completed["event_id"]]
    effect = auditor.read(f"/events/{completed['event_id']}")
    assert effect["causation_id"] == last["event_id"]
    voided = operator.done(
        f"/cases/{case}/corrections", event_id=last["event_id"], reason="ошибка", void=True
    )
    event = auditor.read(f"/events/{last['event_id']}")
    assert event["voided_by"] == [voided["events"][0]["event_id"]]
    assert event["body"]["act_number"] == "А-2"
    assert {"recorded_at", "actor", "role", "command_key", "leaf", "effective_on", "participant_id"} <= set(
        event
    )
    problem(auditor.get(f"/events/{uuid4()}"), 404, "not-found")


def test_the_export_is_whole_and_every_leaf_can_be_computed(
    centre: Centre, auditor: Client, organic: str
) -> None:
    lines = [json.loads(line) for line in auditor.get("/events.ndjson").text.splitlines()]
    assert [line["position"] for line in lines] == list(range(1, centre.head() + 1))
    for line in lines:
        assert set(line) == {
            "position", "event_id", "stream_id", "stream_version", "type", "recorded_at", "actor", "command_key",
            "body", "leaf",
        }  # fmt: skip
        said = (
            "v1", line["position"], line["stream_id"], line["stream_version"], line["type"], line["recorded_at"],
            line["actor"], line["command_key"], sha256(line["body"].encode()).hexdigest(),
        )  # fmt: skip
        text = "".join(f"{part}\n" for part in said)
        assert sha256(b"\x00" + text.encode()).hexdigest() == line["leaf"]
        assert UUID(line["event_id"])
        assert json.loads(line["body"])["type"] == line["type"]
    recorded = [line["recorded_at"] for line in lines]
    assert recorded == sorted(set(recorded))
    tail = auditor.get("/events.ndjson", after=centre.head() - 2)
    assert tail.headers["content-type"].startswith("application/x-ndjson")
    assert [json.loads(line)["position"] for line in tail.text.splitlines()] == [
        centre.head() - 1,
        centre.head(),
    ]
    assert auditor.get("/events.ndjson", after=centre.head()).text == ""


# --- health, documentation


def test_health_needs_no_key(centre: Centre, organic: str) -> None:
    assert centre.nobody.read("/health/live") == {"status": "live"}
    ready = centre.nobody.read("/health/ready")
    assert ready["status"] == "ready"
    assert {p["name"] for p in ready["projections"]} == {"kpi", "directory", "ledger", "funding"}
    metrics = centre.nobody.get("/metrics")
    assert metrics.headers["content-type"].startswith("text/plain")
    assert f"ckr_log_head {centre.head()}" in metrics.text
    shown = centre.admin.read("/projections")
    assert all(p["status"] == "running" for p in shown["projections"])


def test_the_document_describes_every_route(centre: Centre, app: Any) -> None:
    told = centre.nobody.get("/openapi.json").json()
    described = {
        (method, path.replace("{label}", "{}").rstrip("/"))
        for path, item in told["paths"].items()
        for method in item
        if method in ("get", "post", "put", "delete", "patch")
    }
    for path, item in told["paths"].items():
        for method, operation in item.items():
            if method in ("get", "post", "put"):
                assert " " in operation["summary"].strip(), (
                    method,
                    path,
                )  # a sentence, no name of a function
                assert operation["responses"], (method, path)
            if method in ("post", "put") and not path.endswith(("/search", "/lookups", "/check", "/rebuild")):
                keys = [p for p in operation["parameters"] if p["name"] == "Idempotency-Key"]
                assert [p["required"] for p in keys] == [True], (method, path)
                assert "409" in operation["responses"]
    count = sum(
        method in ("GET", "POST", "PUT")
        for route in app.routes
        if route.path.startswith("/api/v1") and route.path != "/api/v1/openapi.json"
        for method in route.methods - {"OPTIONS", "HEAD"}
    )
    assert len([path for _, path in described if path.startswith("/api/v1")]) == count


def test_no_body_has_the_stored_tag(centre: Centre) -> None:
    told = centre.nobody.get("/openapi.json").json()
    schemas = told["components"]["schemas"]

    def resolved(schema: Any) -> Any:
        while "$ref" in schema:
            schema = schemas[schema["$ref"].rsplit("/", 1)[1]]
        return schema

    bodies = [
        resolved(content["schema"])
        for item in told["paths"].values()
        for method, operation in item.items()
        if method in ("post", "put")
        for media, content in operation.get("requestBody", {"content": {}})["content"].items()
        if media == "application/json"
    ]
    assert bodies
    for body in bodies:
        assert "type" not in body["properties"], body
        assert "type" not in body.get("required", [])


def test_the_documentation_works_offline(centre: Centre) -> None:
    page = centre.nobody.get("/api/docs")
    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")
    assert "http" not in page.text.replace("http-equiv", "")
    assets = ["swagger-ui-bundle.js", "swagger-ui.css", "start.js"]
    for asset in assets:
        assert f"/api/docs/{asset}" in page.text
        got = centre.nobody.get(f"/api/docs/{asset}")
        assert got.status_code == 200
        assert got.headers["content-type"].split(";")[0] in ("text/javascript", "text/css")
    for path in ("/api/docs/nothing.js", "/api/docs/..%2fapp.py", "/api/docs/%2e%2e%2fauth.py"):
        assert centre.nobody.get(path).status_code == 404


def test_answers_are_not_kept_by_those_between(auditor: Client) -> None:
    answer = auditor.get("/kpi")
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert isinstance(answer, httpx.Response)
