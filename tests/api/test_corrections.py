"""An error of ours is voided or replaced, never rewritten: what was submitted stays, and what moved is shown."""

from typing import Any
from uuid import uuid4

import pytest
from api.centre import (
    Body,
    Centre,
    Client,
    accept,
    application,
    cluster,
    complex_application,
    complex_case,
    file_all,
    firm,
    person_inn,
    plain_case,
    pointers,
    problem,
    ready_firm,
    receipt,
)


@pytest.fixture(scope="module")
def organic(operator: Client) -> str:
    return cluster(operator, "organic", production=True)


@pytest.fixture(scope="module")
def tourism(operator: Client) -> str:
    return cluster(operator, "tourism", "2021-01-15")


def void(client: Client, path: str, event_id: str, **other: Any) -> Body:
    return client.done(f"{path}/corrections", event_id=event_id, reason="ошибка", void=True, **other)


def correct(
    client: Client, path: str, event_id: str, *, late_reason: str | None = None, **fields: Any
) -> Body:
    other = {"late_reason": late_reason} if late_reason else {}
    return client.done(f"{path}/corrections", event_id=event_id, reason="ошибка", replacement=fields, **other)


def event_of(client: Client, path: str, type: str) -> str:
    """The last event of that type on the timeline."""
    return [str(e["event_id"]) for e in client.read(f"{path}/timeline")["items"] if e["type"] == type][-1]


# --- plans


def test_a_plan_is_corrected_and_voided_and_the_table_follows(
    operator: Client, manager: Client, auditor: Client
) -> None:
    def planned(**query: Any) -> Any:
        rows = auditor.read("/kpi", as_of="2019-12-31", **query)["rows"]
        return next(row["plan"] for row in rows if row["kpi"] == "services")

    body: Body = {"kpi_set": "2021", "values": {"services": 545}, "policy": {}, "document": {"title": "План"}}
    [plan] = receipt(manager.put("/plans/2019", **body))["events"]
    moved = correct(manager, "/plans/2019", plan["event_id"], values={"services": 540})
    assert [event["type"] for event in moved["events"]] == ["plan.corrected"]
    assert (planned(), planned(known_position=moved["position"] - 1)) == (540, 545)
    assert auditor.read("/plans/2019")["values"] == {"services": 540}
    body = {"event_id": plan["event_id"], "reason": "ошибка", "replacement": {"values": {"servces": 1}}}
    problem(manager.post("/plans/2019/corrections", **body), 422, "unknown-kpi")
    problem(operator.post("/plans/2019/corrections", **body), 403, "role-not-allowed")
    voided = void(manager, "/plans/2019", plan["event_id"])
    assert (planned(), planned(known_position=voided["position"] - 1)) == (None, 540)


# --- clusters


def test_a_formation_is_corrected_and_voided(operator: Client) -> None:
    cluster(operator, "shape")
    formed = event_of(operator, "/clusters/shape", "cluster.formed")
    before = operator.figures(as_of="2020-02-15")["clusters"]
    moved = correct(operator, "/clusters/shape", formed, formed_on="2020-03-01")
    assert [event["type"] for event in moved["events"]] == ["cluster.corrected"]
    assert operator.read("/clusters/shape")["formed_on"] == "2020-03-01"
    assert operator.figures(as_of="2020-02-15")["clusters"] == before - 1
    assert operator.figures(as_of="2020-02-15", known_position=moved["position"] - 1)["clusters"] == before
    void(operator, "/clusters/shape", formed)
    assert operator.read("/clusters/shape")["status"] == "proposed"
    assert operator.read("/clusters/shape", known_position=moved["position"])["status"] == "formed"


def test_a_correction_that_changes_nothing_is_no_news(operator: Client, organic: str) -> None:
    proposed = event_of(operator, f"/clusters/{organic}", "cluster.proposed")
    assert correct(operator, f"/clusters/{organic}", proposed, production=True)["events"] == []


def test_what_others_rest_on_is_not_taken_away(operator: Client, organic: str) -> None:
    path = f"/clusters/{organic}"
    proposed = event_of(operator, path, "cluster.proposed")
    body = {"event_id": proposed, "reason": "x"}
    answer = operator.post(f"{path}/corrections", **body, void=True)
    assert problem(answer, 409, "cluster-not-proposed")["errors"]
    late = operator.post(f"{path}/corrections", **body, replacement={"proposed_on": "2020-05-01"})
    problem(late, 409, "before-proposal")
    fixed = operator.post(f"{path}/corrections", **body, replacement={"code": "other"})
    assert fixed.status_code in (409, 422), fixed.text


def test_a_void_is_undone_by_voiding_it(operator: Client) -> None:
    cluster(operator, "undone")
    formed = event_of(operator, "/clusters/undone", "cluster.formed")
    voided = void(operator, "/clusters/undone", formed)["events"][0]["event_id"]
    assert operator.read("/clusters/undone")["status"] == "proposed"
    assert {line["struck"] for line in _lines(operator, "/clusters/undone", formed)} == {True}
    again = operator.post("/clusters/undone/corrections", event_id=formed, reason="x", void=True)
    problem(again, 409, "already-voided")
    replaced = operator.post(
        "/clusters/undone/corrections", event_id=formed, reason="x", replacement={"formed_on": "2020-02-02"}
    )
    problem(replaced, 409, "already-voided")
    void(operator, "/clusters/undone", voided)
    assert operator.read("/clusters/undone")["status"] == "formed"
    assert {line["struck"] for line in _lines(operator, "/clusters/undone", formed)} == {False}
    answer = operator.post(
        "/clusters/undone/corrections", event_id=voided, reason="x", replacement={"reason": "другая"}
    )
    assert answer.status_code in (409, 422)


def test_corrections_go_in_no_circle(operator: Client) -> None:
    cluster(operator, "circle")
    formed = event_of(operator, "/clusters/circle", "cluster.formed")
    first = correct(operator, "/clusters/circle", formed, formed_on="2020-03-01")["events"][0]["event_id"]
    second = correct(operator, "/clusters/circle", first, formed_on="2020-04-01")["events"][0]["event_id"]
    assert operator.read("/clusters/circle")["formed_on"] == "2020-04-01"
    for replacement in ({"corrects": second}, {"corrects": first}, {"voids": formed}):
        answer = operator.post(
            "/clusters/circle/corrections", event_id=first, reason="x", replacement=replacement
        )
        assert pointers(problem(answer, 422, "unknown-field"))
    third = correct(operator, "/clusters/circle", formed, formed_on="2020-05-01")["events"][0]["event_id"]
    assert operator.read("/clusters/circle")["formed_on"] == "2020-05-01"
    void(operator, "/clusters/circle", third)
    assert operator.read("/clusters/circle")["formed_on"] == "2020-04-01"
    void(operator, "/clusters/circle", second)
    assert operator.read("/clusters/circle")["formed_on"] == "2020-03-01"
    void(operator, "/clusters/circle", first)
    assert operator.read("/clusters/circle")["formed_on"] == "2020-02-01"


def test_only_records_of_this_stream_are_corrected_here(operator: Client, organic: str, tourism: str) -> None:
    theirs = event_of(operator, f"/clusters/{tourism}", "cluster.formed")
    for event_id in (theirs, str(uuid4())):
        answer = operator.post(f"/clusters/{organic}/corrections", event_id=event_id, reason="x", void=True)
        problem(answer, 409, "not-in-this-stream")


def test_a_correction_says_what_it_wants(operator: Client, organic: str) -> None:
    path = f"/clusters/{organic}/corrections"
    event_id = event_of(operator, f"/clusters/{organic}", "cluster.formed")
    body = {"event_id": event_id, "reason": "x"}
    for other in (
        {},
        {"void": True, "replacement": {"formed_on": "2020-02-03"}},
        {"void": False},
        {"replacement": {}},
    ):
        problem(operator.post(path, **body, **other), 422, "void-or-replacement")
    problem(operator.post(path, event_id=event_id, void=True), 422, "required")
    wrong = {"formed_on": "2021-02-30", "agreement": {"number": ""}, "colour": 1}
    answer = operator.post(path, **body, replacement=wrong)
    assert {p.split("/")[1] for p, _ in pointers(problem(answer, 422, answer.json()["code"]))} == {
        "replacement"
    }
    answer = operator.post(path, **body, replacement={"formed_on": "2999-01-01"})
    problem(answer, 422, "date-in-future")


# --- participants


def test_a_membership_is_corrected(operator: Client, organic: str, tourism: str) -> None:
    who = firm(operator, 1, organic)
    path = f"/participants/{who}"
    joined = event_of(operator, path, "participant.joined-cluster")
    correct(operator, path, joined, joined_on="2020-05-01")
    assert operator.read(path)["memberships"][0]["joined_on"] == "2020-05-01"
    correct(operator, path, joined, cluster=tourism, joined_on="2021-02-01")
    assert operator.read(path)["memberships"][0]["cluster"] == tourism
    correct(operator, path, joined, joined_on="2021-02-02")  # of the cluster that a correction named
    assert operator.read(path)["memberships"][0]["joined_on"] == "2021-02-02"
    early = operator.post(
        f"{path}/corrections", event_id=joined, reason="x", replacement={"joined_on": "2021-01-14"}
    )
    problem(early, 409, "cluster-not-formed")
    nowhere = operator.post(
        f"{path}/corrections", event_id=joined, reason="x", replacement={"cluster": "nowhere"}
    )
    problem(nowhere, 422, "not-found")
    void(operator, path, joined)
    assert operator.read(path)["memberships"] == []


def test_a_report_is_corrected_and_the_figure_follows(operator: Client, organic: str) -> None:
    who = firm(operator, 2, organic)
    path = f"/participants/{who}"
    before = operator.figures(as_of="2022-03-31")
    report = {"quarter": "2022-Q1", "headcount": 5, "evidence": "РСВ"}
    first = operator.done(f"{path}/jobs-reports", jobs_created=2, **report)["events"][0]["event_id"]
    later = operator.done(f"{path}/jobs-reports", jobs_created=7, **report)["events"][0]["event_id"]

    def jobs() -> int:
        return int(operator.figures(as_of="2022-03-31")["jobs_created"] - before["jobs_created"])

    assert jobs() == 7
    correct(operator, path, later, jobs_created=4)
    assert jobs() == 4
    void(operator, path, later)
    assert jobs() == 2
    correct(operator, path, first, quarter="2022-Q2")
    assert jobs() == 0


def test_a_product_moves_only_to_a_case_of_its_own_firm(operator: Client, organic: str) -> None:
    who, other = ready_firm(operator, 3, organic), ready_firm(operator, 4, organic)
    own, second, foreign = (plain_case(operator, firm, organic) for firm in (who, who, other))
    body = {"title": "Сироп", "markets": ["russian"], "launched_on": "2021-05-01", "evidence": "x"}
    launched = operator.done(f"/participants/{who}/products", case_id=own, **body)["events"][0]["event_id"]
    problem(operator.post(f"/participants/{who}/products", case_id=foreign, **body), 409, "foreign-case")
    path = f"/participants/{who}"
    answer = operator.post(
        f"{path}/corrections", event_id=launched, reason="x", replacement={"case_id": foreign}
    )
    problem(answer, 409, "foreign-case")
    answer = operator.post(
        f"{path}/corrections", event_id=launched, reason="x", replacement={"case_id": str(uuid4())}
    )
    problem(answer, 422, "not-found")
    correct(operator, path, launched, case_id=second)
    assert operator.read(path)["products"][0]["case_id"] == second


def test_a_person_does_not_enter_the_log_by_a_correction(operator: Client) -> None:
    body = {
        "kind": "entrepreneur",
        "inn": person_inn(5),
        "name": "Тайна Мария",
        "registered_on": "2021-01-15",
    }
    made = operator.done("/participants", **body)
    for field, value in (("name", "Тайна Мария"), ("name", 5), ("ogrn", "x"), ("inn", person_inn(5))):
        answer = operator.post(
            f"/participants/{made['id']}/corrections",
            event_id=made["events"][0]["event_id"], reason="x", replacement={field: value},
        )  # fmt: skip
        assert answer.status_code == 422, answer.text
        assert "Тайна" not in answer.text
        assert person_inn(5) not in answer.text
    assert not [
        line
        for line in operator.read(f"/participants/{made['id']}/timeline")["items"]
        if "Тайна" in str(line)
    ]


def test_a_corrected_check_changes_the_verdicts(operator: Client, organic: str) -> None:
    who = firm(operator, 6, organic)
    file_all(operator, who, status="liquidating")
    case = operator.done("/cases", **application(who, organic))["id"]
    decision = {"decision": "eligible", "decided_on": "2021-03-11"}
    problem(operator.post(f"/cases/{case}/eligibility-decision", **decision), 409, "condition-failed")
    check = event_of(operator, f"/participants/{who}", "participant.registry-checked")
    correct(operator, f"/participants/{who}", check, status="active")
    operator.done(f"/cases/{case}/eligibility-decision", **decision)


# --- cases


def test_a_complex_case_is_completed_moved_and_opened_again_by_corrections(
    operator: Client, organic: str
) -> None:
    case = complex_case(operator, ready_firm(operator, 10, organic), organic)
    path = f"/cases/{case}"
    accept(operator, case, 1, "2021-03-20")
    last = accept(operator, case, 2, "2021-04-10")["events"][0]["event_id"]
    assert operator.read(path)["completed_on"] == "2021-04-10"

    moved = correct(operator, path, last, accepted_on="2021-05-05")
    assert [event["type"] for event in moved["events"]] == [
        "service-case.corrected",
        "service-case.corrected",
    ]
    assert operator.read(path)["completed_on"] == "2021-05-05"

    gone = void(operator, path, last)
    assert [event["type"] for event in gone["events"]] == ["service-case.voided", "service-case.voided"]
    now = operator.read(path)
    assert (now["completed_on"], now["status"]) == (None, "in_progress")

    again = accept(operator, case, 2, "2021-06-01")
    assert [event["type"] for event in again["events"]] == [
        "service-case.service-accepted",
        "service-case.completed",
    ]
    assert operator.read(path)["completed_on"] == "2021-06-01"

    completed = again["events"][1]["event_id"]
    answer = operator.post(f"{path}/corrections", event_id=completed, reason="x", void=True)
    problem(answer, 409, "not-correctable")


def test_an_act_is_not_corrected_to_before_its_decision(operator: Client, organic: str) -> None:
    case = plain_case(operator, ready_firm(operator, 11, organic), organic)
    accepted = accept(operator, case)["events"][0]["event_id"]
    path = f"/cases/{case}"
    answer = operator.post(
        f"{path}/corrections", event_id=accepted, reason="x", replacement={"accepted_on": "2021-03-10"}
    )
    problem(answer, 409, "before-decision")
    decided = event_of(operator, path, "service-case.eligibility-decided")
    answer = operator.post(f"{path}/corrections", event_id=decided, reason="x", void=True)
    problem(answer, 409, "not-eligible")
    answer = operator.post(
        f"{path}/corrections", event_id=decided, reason="x", replacement={"decision": "refused"}
    )
    problem(answer, 422, "field-fixed")


def test_no_correction_brings_a_second_complex_case_back(operator: Client, organic: str) -> None:
    who = ready_firm(operator, 12, organic)
    first = complex_case(operator, who, organic)
    operator.done(f"/cases/{first}/cancellation", cancelled_on="2021-03-15", reason="передумали")
    second = operator.done("/cases", **complex_application(who, organic, applied_on="2021-03-16"))["id"]
    next_year = operator.done("/cases", **complex_application(who, organic, applied_on="2022-03-16"))["id"]
    cancelled = event_of(operator, f"/cases/{first}", "service-case.cancelled")
    answer = operator.post(f"/cases/{first}/corrections", event_id=cancelled, reason="x", void=True)
    problem(answer, 409, "complex-limit")
    opened = event_of(operator, f"/cases/{next_year}", "service-case.opened")
    answer = operator.post(
        f"/cases/{next_year}/corrections",
        event_id=opened,
        reason="x",
        replacement={"applied_on": "2021-05-01"},
    )
    problem(answer, 409, "complex-limit")
    operator.done(f"/cases/{second}/cancellation", cancelled_on="2021-03-17", reason="передумали")
    void(operator, f"/cases/{first}", cancelled)
    assert operator.read(f"/cases/{first}")["status"] == "agreed"


def test_no_later_decision_brings_a_second_complex_case_back(operator: Client, organic: str) -> None:
    who = firm(operator, 13, organic)
    file_all(operator, who, status="liquidating")
    first = operator.done("/cases", **complex_application(who, organic))["id"]
    operator.done(f"/cases/{first}/scoring", scored_on="2021-03-10", score=80, conclusion="годен")
    operator.done(f"/cases/{first}/eligibility-decision", decision="refused", decided_on="2021-03-11")
    operator.done("/cases", **complex_application(who, organic))
    check = event_of(operator, f"/participants/{who}", "participant.registry-checked")
    correct(operator, f"/participants/{who}", check, status="active")
    answer = operator.post(
        f"/cases/{first}/eligibility-decision", decision="eligible", decided_on="2021-03-12"
    )
    problem(answer, 409, "complex-limit")


def test_a_case_is_not_corrected_into_a_cluster_that_is_none(
    operator: Client, organic: str, tourism: str
) -> None:
    case = plain_case(operator, ready_firm(operator, 14, organic), organic)
    opened = event_of(operator, f"/cases/{case}", "service-case.opened")
    answer = operator.post(
        f"/cases/{case}/corrections", event_id=opened, reason="x", replacement={"cluster": "nowhere"}
    )
    problem(answer, 422, "not-found")
    correct(operator, f"/cases/{case}", opened, cluster=tourism)
    assert operator.read(f"/cases/{case}")["cluster"] == tourism


# --- timelines


def _lines(client: Client, path: str, event_id: str) -> list[Body]:
    return [line for line in client.read(f"{path}/timeline")["items"] if line["event_id"] == event_id]


def test_a_timeline_strikes_through_and_links(operator: Client, auditor: Client, organic: str) -> None:
    who = ready_firm(operator, 20, organic)
    case = plain_case(operator, who, organic)
    accepted = accept(operator, case)["events"][0]["event_id"]
    moved = correct(operator, f"/cases/{case}", accepted, accepted_on="2021-03-25")
    (line,) = _lines(auditor, f"/cases/{case}", accepted)
    assert line["struck"] is False
    assert line["corrections"] == [
        {
            "event_id": moved["events"][0]["event_id"],
            "position": moved["position"],
            "kind": "corrected_by",
            "amends": accepted,
            "reason": "ошибка",
        }
    ]
    voided = void(operator, f"/cases/{case}", accepted)
    for path in (f"/cases/{case}", f"/participants/{who}"):
        (line,) = _lines(auditor, path, accepted)
        assert line["struck"] is True
        assert [link["kind"] for link in line["corrections"]] == ["corrected_by", "voided_by"]
        (linked,) = _lines(auditor, path, voided["events"][0]["event_id"])
        assert linked["body"]["voids"] == accepted
        known = auditor.read(f"{path}/timeline", known_position=moved["position"] - 1)["items"]
        (line,) = [line for line in known if line["event_id"] == accepted]
        assert (line["struck"], line["corrections"]) == (False, [])


# --- closed periods


def test_a_closed_quarter_is_changed_only_with_a_reason_and_shows_what_moved(
    centre: Centre, operator: Client, manager: Client, auditor: Client, organic: str
) -> None:
    cases = [plain_case(operator, ready_firm(operator, 30 + n, organic), organic) for n in range(3)]
    acts = [accept(operator, case)["events"][0]["event_id"] for case in cases]
    package = complex_case(operator, ready_firm(operator, 40, organic), organic)
    accept(operator, package, 1, "2021-03-20")
    last = accept(operator, package, 2, "2021-03-30")["events"][0]["event_id"]
    closed = manager.done("/periods/2021-Q1/closing", approved_by="директор")
    submitted = auditor.read("/periods/2021-Q1")["closings"][0]
    table = {row["kpi"]: row["actual"] for row in submitted["table"]}
    assert table == auditor.figures(as_of="2021-03-31", known_position=submitted["known_position"])
    assert auditor.read("/periods/2021-Q1/restatement")["rows"]
    assert not [row for row in auditor.read("/periods/2021-Q1/restatement")["rows"] if row["delta"]]

    late = "проверка министерства"
    body = {"event_id": acts[0], "reason": "x", "void": True}
    problem(operator.post(f"/cases/{cases[0]}/corrections", **body), 409, "period-closed")
    out = {"event_id": last, "reason": "x", "replacement": {"accepted_on": "2021-04-02"}}
    problem(operator.post(f"/cases/{package}/corrections", **out), 409, "period-closed")
    report = {"quarter": "2021-Q1", "headcount": 1, "jobs_created": 3, "evidence": "x"}
    who = firm(operator, 50, organic)
    problem(operator.post(f"/participants/{who}/jobs-reports", **report), 409, "period-closed")
    new = {"code": "late", "title": "x", "production": False, "proposed_on": "2021-02-01"}
    problem(operator.post("/clusters", **new), 409, "period-closed")
    blank = operator.post("/clusters", **new, late_reason=" ")
    problem(blank, 422, "blank")

    void(operator, f"/cases/{cases[0]}", acts[0], late_reason=late)
    void(operator, f"/cases/{cases[1]}", acts[1], late_reason=late)
    correct(operator, f"/cases/{cases[2]}", acts[2], accepted_on="2021-04-03", late_reason=late)
    correct(operator, f"/cases/{package}", last, accepted_on="2021-04-02", late_reason=late)
    operator.done(f"/participants/{who}/jobs-reports", **report, late_reason=late)

    told = auditor.read("/periods/2021-Q1/restatement")
    rows = {row["kpi"]: row for row in told["rows"]}
    assert {kpi: row["delta"] for kpi, row in rows.items() if row["delta"]} == {
        "services": -4,
        "complex_services": -1,
        "supported_smes": -3,
        "jobs_created": 3,
    }
    now = auditor.figures(as_of="2021-03-31")
    for kpi, row in rows.items():
        assert (row["from"], row["to"]) == (table[kpi], now[kpi])
        if row["delta"] is not None:
            assert sum(event["n"] for event in row["events"]) == row["delta"]
        for event in row["events"]:
            assert event["position"] > closed["position"]
            assert auditor.read(f"/events/{event['event_id']}")["body"]["late_reason"] == late
    lines = auditor.read("/kpi/services/evidence", as_of="2021-03-31")["items"]
    assert sum(line["n"] for line in lines) == now["services"]
    assert auditor.read("/periods/2021-Q1")["closings"][0] == submitted
    assert auditor.figures(as_of="2021-03-31", known_position=submitted["known_position"]) == table

    centre.deputy.done("/periods/2021-Q1/reopening", reason="уточнение")
    operator.done("/clusters", **new)
    centre.deputy.done("/periods/2021-Q1/closing", approved_by="директор")
    told = auditor.read("/periods/2021-Q1/restatement")
    assert told["version"] == 2
    assert not [row for row in told["rows"] if row["delta"]]


def test_a_closed_year_closes_its_quarters_too(centre: Centre, operator: Client, manager: Client) -> None:
    manager.done("/periods/2017/closing", approved_by="директор")
    body = {"code": "old", "title": "x", "production": False, "proposed_on": "2017-08-01"}
    problem(operator.post("/clusters", **body), 409, "period-closed")
    operator.done("/clusters", **body, late_reason="нашли в архиве")


def test_a_period_is_closed_only_when_it_is_over(manager: Client, auditor: Client) -> None:
    problem(manager.post("/periods/2999/closing", approved_by="x"), 409, "period-not-over")
    for label in ("2021-Q5", "2021-q1", "Q1", "20211"):
        problem(manager.post(f"/periods/{label}/closing", approved_by="x"), 422, "period-invalid")
    problem(auditor.get("/periods/2016-Q1/restatement"), 404, "not-closed")
