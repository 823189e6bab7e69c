"""The roadmap over HTTP: reported, corrected, asked for any day and position, printed."""

from io import BytesIO
from typing import Any

import pytest
from api.centre import DOCUMENT, Client, problem
from python_calamine import load_workbook


@pytest.fixture(scope="module")
def first_quarter(operator: Client) -> dict[str, Any]:
    return operator.done(
        "/roadmap/11/reports", period="2021-Q1", done_on="2021-04-14", result="Отчёт сдан", document=DOCUMENT
    )


def term(client: Client, no: str, label: str, **query: Any) -> dict[str, Any]:
    found: dict[str, Any] = next(
        t for t in client.read(f"/roadmap/{no}", **query)["terms"] if t["period"] == label
    )
    return found


def test_a_report_is_recorded_and_stands_in_the_roadmap(
    operator: Client, auditor: Client, first_quarter: dict[str, Any]
) -> None:
    assert [event["type"] for event in first_quarter["events"]] == ["roadmap.measure-reported"]
    rows = {row["no"]: row for row in auditor.read("/roadmap", as_of="2021-04-20")["items"]}
    assert len(rows) == 16
    assert rows["3.1"]["parent"] == "3"
    assert (rows["11"]["status"], rows["1"]["status"], rows["6"]["status"]) == ("due", "due", "upcoming")
    done = term(auditor, "11", "2021-Q1", as_of="2021-04-20")
    assert (done["status"], done["completed_on"], done["late"]) == ("done", "2021-04-14", False)
    assert done["reports"][0]["event_id"] == first_quarter["events"][0]["event_id"]
    assert done["reports"][0]["document"]["title"] == DOCUMENT["title"]
    assert term(auditor, "11", "2021-Q1", as_of="2021-04-13")["status"] == "due"
    before = first_quarter["position"] - 1
    unknown = term(auditor, "11", "2021-Q1", as_of="2021-04-20", known_position=before)
    assert (unknown["status"], unknown["reports"]) == ("overdue", [])
    overdue = auditor.read("/roadmap", as_of="2021-07-01", status="overdue")["items"]
    assert [row["no"] for row in overdue] == ["1"]


def test_the_same_report_again_is_no_news(operator: Client, first_quarter: dict[str, Any]) -> None:
    again = operator.done(
        "/roadmap/11/reports", period="2021-Q1", done_on="2021-04-14", result="Отчёт сдан", document=DOCUMENT
    )
    assert again["events"] == []


def test_a_report_is_put_right(operator: Client, auditor: Client) -> None:
    receipt = operator.done("/roadmap/6/reports", period="2021", done_on="2021-12-08", result="Сессия")
    wrong = {"event_id": receipt["events"][0]["event_id"], "reason": "Не та дата"}
    operator.done("/roadmap/6/corrections", **wrong, replacement={"done_on": "2021-12-09"})
    assert term(auditor, "6", "2021-Q4", as_of="2021-12-31")["completed_on"] == "2021-12-09"
    fixed = operator.post("/roadmap/6/corrections", **wrong, replacement={"item": "7"})
    problem(fixed, 422, "field-fixed")
    operator.done("/roadmap/6/corrections", **wrong, void=True)
    assert term(auditor, "6", "2021-Q4", as_of="2022-01-01")["status"] == "overdue"
    told = operator.read("/roadmap/6/timeline")["items"]
    assert [entry["type"] for entry in told] == [
        "roadmap.measure-reported",
        "roadmap.corrected",
        "roadmap.voided",
    ]


def test_what_is_wrong_is_named(operator: Client) -> None:
    sent = {"period": "2021-Q2", "done_on": "2021-06-01", "result": "Сделано"}
    problem(operator.post("/roadmap/13/reports", **sent), 404, "not-found")
    assert operator.get("/roadmap/13").status_code == 404
    outside = operator.post("/roadmap/6/reports", **sent)
    problem(outside, 422, "not-in-roadmap")
    assert outside.json()["errors"][0]["pointer"] == "/period"
    early = operator.post("/roadmap/11/reports", **{**sent, "done_on": "2021-03-01"})
    problem(early, 409, "before-period")
    assert operator.post("/roadmap/11/reports", **{**sent, "done_on": "2121-03-01"}).status_code == 422


def test_the_report_is_a_workbook_a_page_and_the_same_bytes_again(
    auditor: Client, first_quarter: dict[str, Any]
) -> None:
    asked = {"as_of": "2021-04-20", "known_position": first_quarter["position"]}
    book = auditor.get("/roadmap/report.xlsx", **asked)
    assert book.status_code == 200
    assert "ckr-roadmap-2021-04-20" in book.headers["content-disposition"]
    rows = load_workbook(BytesIO(book.content)).get_sheet_by_name("Дорожная карта").to_python()
    marks = {(row[0], row[2].split(",")[0]): row[3] for row in rows[2:] if row[2]}
    assert marks["11", "2021-Q1"] == "выполнено 14.04.2021"
    assert marks["11", "2021-Q2"] == "ожидается"
    assert auditor.get("/roadmap/report.xlsx", **asked).content == book.content
    assert auditor.get("/roadmap/report.pdf", **asked).content[:5] == b"%PDF-"
    said = auditor.read("/roadmap/report.json", **asked)
    assert said["rows"][0]["no"] == "1"
    assert len(said["digest"]) == 64
