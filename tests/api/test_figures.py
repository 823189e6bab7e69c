"""Figures over HTTP: the tables of two years, forecasts, why a fact does not count, and plans with their history."""

from typing import Any

import pytest
from api.centre import (
    Client,
    accept,
    cluster,
    complex_case,
    firm,
    plain_case,
    plan_of_2021,
    problem,
    ready_firm,
)

LATER: dict[str, Any] = {
    "kpi_set": "2023",
    "values": {"clusters": 5, "employees": 10, "paid_services": 200},
    "policy": {},
    "document": {"title": "Соглашение", "date": "2022-12-20"},
}


@pytest.fixture(scope="module")
def organic(operator: Client) -> str:
    return cluster(operator, "organic", production=True)


def rows(client: Client, path: str = "/kpi", **query: Any) -> dict[str, dict[str, Any]]:
    return {row["kpi"]: row for row in client.read(path, **query)["rows"]}


def test_two_tables_live_in_one_database(operator: Client, manager: Client, organic: str) -> None:
    who = ready_firm(operator, 301, organic)
    case = complex_case(operator, who, organic)
    for no in (1, 2):
        accept(operator, case, no)
    assert manager.put("/plans/2023", **LATER).status_code in (200, 201)
    for quarter, headcount in (("2023-Q1", 7), ("2023-Q2", 9)):
        operator.done(
            f"/participants/{who}/jobs-reports",
            quarter=quarter,
            headcount=headcount,
            jobs_created=1,
            evidence="РСВ",
        )
    of_2021, of_2023 = rows(operator, as_of="2021-12-31"), rows(operator, as_of="2023-12-31")
    assert "services" in of_2021
    assert "services" not in of_2023
    assert list(of_2023) == [
        "clusters", "clusters_production", "employees", "sales", "new_products", "new_products_russian",
        "new_products_foreign", "paid_services",
    ]  # fmt: skip
    assert (of_2023["employees"]["actual"], of_2023["employees"]["percent"]) == (9, 90.0)
    assert rows(operator, as_of="2023-06-29")["employees"]["actual"] == 7
    assert operator.read("/kpi", as_of="2023-06-30")["meta"]["kpi_set"] == "2023"
    evidence = operator.read("/kpi/employees/evidence", as_of="2023-12-31")["items"]
    assert [line["n"] for line in evidence] == [9]
    across = {
        c["kpi"]: c for c in operator.read("/kpi/diff", as_of="2021-12-31", to_as_of="2023-12-31")["rows"]
    }
    assert (across["services"]["to"], across["services"]["delta"]) == (None, None)
    assert (across["employees"]["from"], across["employees"]["to"]) == (None, 9)


def test_what_a_participant_pays_is_counted_to_the_kopeck(
    operator: Client, manager: Client, organic: str
) -> None:
    manager.put("/plans/2022", **{**LATER, "values": {}, "document": {"title": "x", "date": "2021-12-20"}})
    who = ready_firm(operator, 302, organic)
    case = plain_case(operator, who, organic, participant_payment_kopecks=1_234_567)
    done = accept(operator, case, on="2022-02-01")
    assert rows(operator, as_of="2022-02-01")["paid_services"]["actual"] == 12.34567
    (line,) = operator.read("/kpi/paid_services/evidence", as_of="2022-12-31")["items"]
    assert (line["event_id"], line["n"]) == (done["events"][0]["event_id"], 12.34567)


def test_kpi_sets_can_be_read(operator: Client) -> None:
    known = operator.read("/kpi-sets")["items"]
    assert [one["id"] for one in known] == ["2021", "2023"]
    assert operator.read("/kpi-sets/2023") == known[1]
    assert all(one["citation"] for one in known)
    problem(operator.get("/kpi-sets/1999"), 404, "not-found")


def test_a_forecast_stands_beside_the_table(operator: Client, manager: Client) -> None:
    manager.put("/plans/2021", **plan_of_2021())
    shown, table = rows(operator, "/kpi/forecast", as_of="2021-06-30"), rows(operator, as_of="2021-06-30")
    for kpi, row in table.items():
        assert {name: shown[kpi][name] for name in row} == row
        assert set(shown[kpi]) - set(row) == {"linear", "seasonal", "expected", "light"}
    services = shown["services"]
    assert services["linear"] == pytest.approx(services["actual"] * 365 / 181, abs=0.06)
    assert services["light"] == "red"
    assert shown["clusters_production"]["light"] is None


def test_evidence_says_why_not(operator: Client, organic: str) -> None:
    who, other = ready_firm(operator, 303, organic), firm(operator, 304)
    case = plain_case(operator, who, organic)
    accepted = accept(operator, case)["events"][0]["event_id"]
    assert (
        operator.read("/kpi/services/evidence", as_of="2021-12-31", counted="false", event=accepted)["items"]
        == []
    )
    (line,) = operator.read("/kpi/services/evidence", as_of="2021-12-31", event=accepted)["items"]
    assert line["case_id"] == case
    early = operator.read("/kpi/services/evidence", as_of="2021-03-19", counted="false", case=case)
    assert early["counted"] is False
    assert [(item["event_id"], item["reason"], item["n"]) for item in early["items"]] == [
        (accepted, "after-as-of", 0)
    ]
    void = operator.done(f"/cases/{case}/corrections", event_id=accepted, reason="не тот акт", void=True)
    (item,) = operator.read("/kpi/services/evidence", as_of="2021-12-31", counted="false", participant=who)[
        "items"
    ]
    assert (item["reason"], item["because_of"]) == ("voided", void["events"][0]["event_id"])
    assert "отменена" in item["detail"]
    report = {"quarter": "2021-Q1", "evidence": "отчёт"}
    operator.done(f"/participants/{other}/sales-reports", amount_kopecks=5, **report)
    (item,) = operator.read("/kpi/sales/evidence", as_of="2021-12-31", counted="false", participant=other)[
        "items"
    ]
    assert item["reason"] == "not-a-member"


def test_what_does_not_count_is_paged(operator: Client, organic: str) -> None:
    whole = operator.read("/kpi/services/evidence", as_of="2019-12-31", counted="false", limit=500)["items"]
    assert len(whole) > 3
    assert {item["reason"] for item in whole} >= {"wrong-year"}
    found: list[str] = []
    cursor: str | None = None
    while True:
        page = operator.read(
            "/kpi/services/evidence", as_of="2019-12-31", counted="false", limit=2, cursor=cursor
        )
        assert len(page["items"]) <= 2
        found += [item["event_id"] for item in page["items"]]
        if (cursor := page["next_cursor"]) is None:
            break
    assert found == [item["event_id"] for item in whole]


def test_clusters_sum_to_the_centre(operator: Client, organic: str) -> None:
    other = cluster(operator, "tourism", production=False)
    who = ready_firm(operator, 305, other)
    accept(operator, plain_case(operator, who, other))
    whole = rows(operator, as_of="2021-12-31")
    parts = [rows(operator, as_of="2021-12-31", cluster=code) for code in (organic, other)]
    for kpi in ("clusters", "clusters_production", "services", "complex_services", "supported_smes", "sales"):
        assert sum(part[kpi]["actual"] for part in parts) == whole[kpi]["actual"], kpi
    assert parts[1]["services"]["actual"] == 1
    (point,) = operator.read(
        "/kpi/series", kpi="services", from_="2021-12-31", to="2021-12-31", cluster=other
    )["points"]
    assert point["actual"] == 1
    of_other = operator.read("/kpi/diff", as_of="2021-01-01", to_as_of="2021-12-31", cluster=other)["rows"]
    assert {row["kpi"]: row["delta"] for row in of_other if row["delta"]} == {
        "services": 1,
        "supported_smes": 1,
    }
    assert rows(operator, as_of="2021-12-31", cluster="nowhere")["services"]["actual"] == 0


def test_a_plan_keeps_its_history(manager: Client, auditor: Client) -> None:
    first = manager.put("/plans/2030", **{**plan_of_2021(), "values": {"services": 100}}).json()
    second = manager.put("/plans/2030", **{**plan_of_2021(), "values": {"services": 120}}).json()
    lines = auditor.read("/plans/2030/timeline")["items"]
    assert [line["event_id"] for line in lines] == [r["events"][0]["event_id"] for r in (first, second)]
    known = {
        p: rows(auditor, as_of="2030-01-01", known_position=p)["services"]["plan"]
        for p in (first["position"], second["position"])
    }
    assert list(known.values()) == [100, 120]
