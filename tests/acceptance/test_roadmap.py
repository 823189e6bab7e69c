"""The roadmap of the concept (section 8) over its first year: in time, late, in parts, wrongly reported; on paper."""

from typing import Any

from api.centre import Client, problem


def standing(client: Client, as_of: str, **query: Any) -> dict[tuple[str, str], str]:
    """Each term of each measure: how it stands."""
    rows = client.read("/roadmap", as_of=as_of, **query)["items"]
    return {(row["no"], term["period"]): term["status"] for row in rows for term in row["terms"]}


def test_a_year_of_the_roadmap(operator: Client, analyst: Client, auditor: Client) -> None:
    # Nothing is done on the first of January, and nothing is overdue yet.
    assert set(standing(analyst, "2021-01-01").values()) <= {"due", "upcoming"}

    # The report of the first quarter is sent in time, that of the second is forgotten until August.
    operator.done(
        "/roadmap/11/reports", period="2021-Q1", done_on="2021-04-12", result="Отчёт за I квартал сдан"
    )
    assert standing(analyst, "2021-04-12")["11", "2021-Q1"] == "done"
    assert standing(analyst, "2021-07-15")["11", "2021-Q2"] == "due"
    assert standing(analyst, "2021-07-16")["11", "2021-Q2"] == "overdue"
    late = operator.done(
        "/roadmap/11/reports", period="2021-Q2", done_on="2021-08-02", result="Отчёт за II квартал"
    )
    (term,) = (
        t for t in analyst.read("/roadmap/11", as_of="2021-08-02")["terms"] if t["period"] == "2021-Q2"
    )
    assert (term["status"], term["late"]) == ("done", True)

    # What was known on the day of the meeting in July stays what it was.
    assert standing(analyst, "2021-08-02", known_position=late["position"] - 1)["11", "2021-Q2"] == "overdue"

    # The session of the year is half done, then done; the date of the first entry was wrong.
    first = operator.done(
        "/roadmap/6/reports",
        period="2021",
        done_on="2021-11-10",
        result="Сессия, первый день",
        complete=False,
    )
    assert standing(analyst, "2021-11-30")["6", "2021-Q4"] == "under_way"
    operator.done("/roadmap/6/reports", period="2021", done_on="2021-11-12", result="Сессия, второй день")
    operator.done(
        "/roadmap/6/corrections",
        event_id=first["events"][0]["event_id"],
        reason="Опечатка в дате",
        replacement={"done_on": "2021-11-11"},
    )
    assert standing(analyst, "2021-11-12")["6", "2021-Q4"] == "done"
    told = auditor.read("/roadmap/6/timeline")["items"]
    assert [entry["type"] for entry in told][-1] == "roadmap.corrected"
    assert told[0]["corrections"][0]["kind"] == "corrected_by"

    # On the last day of the year the head sees what is overdue, on paper; an analyst records nothing.
    overdue = {row["no"] for row in analyst.read("/roadmap", as_of="2022-01-01", status="overdue")["items"]}
    assert "6" not in overdue
    paper = analyst.get("/roadmap/report.pdf", as_of="2022-01-01")
    assert paper.content.startswith(b"%PDF-")
    problem(
        analyst.post("/roadmap/1/reports", period="2021", done_on="2021-12-01", result="x"),
        403,
        "role-not-allowed",
    )
