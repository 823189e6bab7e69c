"""What is done for clusters, over HTTP: recorded whole, told by function, refused where it contradicts itself."""

from typing import Any

import pytest
from api.centre import Centre, Client, accept, cluster, complex_case, firm, pointers, problem, ready_firm

PAPER = {"title": "Протокол"}


@pytest.fixture(scope="module")
def firms(operator: Client) -> tuple[str, str]:
    cluster(operator, "organic")
    return firm(operator, 1, "organic"), firm(operator, 2, "organic")


def project(firms: tuple[str, str], **other: Any) -> dict[str, Any]:
    mill, kiln = firms
    return {
        "title": "Линия розлива",
        "launched_on": "2021-03-01",
        "function": "FN.ж",
        "document": PAPER,
        "kind": "interregional",
        "participants": [mill, kiln],
        "partners": [{"name": "Завод тары", "region": "Томская область"}],
        "chain": [{"supplier": "Завод тары", "consumer": mill, "what": "бутыль"}],
    } | other


def held(**other: Any) -> dict[str, Any]:
    return {"title": "Вебинар", "held_on": "2021-04-01", "function": "FN.л", "document": PAPER} | other


def test_a_project_is_told_whole_with_its_end(
    operator: Client, auditor: Client, firms: tuple[str, str]
) -> None:
    operator.done("/clusters/organic/projects", **project(firms))
    end = operator.done(
        "/clusters/organic/projects/end",
        title="Линия розлива",
        finished_on="2021-09-01",
        result="Запущена",
    )
    (told,) = auditor.read("/clusters/organic/life", as_of="2021-12-31", kind="project")["items"]
    assert {name: told["record"][name] for name in project(firms)} == project(firms)
    assert told["finished"]["result"] == "Запущена"
    (told,) = auditor.read("/clusters/organic/life", as_of="2021-08-31", kind="project")["items"]
    assert told["finished"] is None
    before = end["position"] - 1
    (told,) = auditor.read(
        "/clusters/organic/life", as_of="2021-12-31", kind="project", known_position=before
    )["items"]
    assert told["finished"] is None


def test_who_takes_part_must_be_known(operator: Client, firms: tuple[str, str]) -> None:
    nobody = "00000000-0000-4000-8000-000000000099"
    for path, body in (
        ("/clusters/organic/projects", project(firms, participants=[firms[0], nobody], chain=[])),
        ("/clusters/organic/activities", held(participants=[firms[0], nobody])),
    ):
        wrong = problem(operator.post(path, **body), 422, "not-found")
        assert pointers(wrong) == {("/participants/1", "not-found")}
    seminar = operator.done("/clusters/organic/activities", **held(title="Семинар", participants=[firms[0]]))
    amending = {"event_id": seminar["events"][0]["event_id"], "reason": "Пришёл и второй"}
    wrong = problem(
        operator.post("/clusters/organic/corrections", **amending, replacement={"participants": [nobody]}),
        422,
        "not-found",
    )
    assert pointers(wrong) == {("/participants/0", "not-found")}
    operator.done("/clusters/organic/corrections", **amending, replacement={"participants": list(firms)})


def test_a_key_of_a_cluster_names_only_whom_it_sees(
    centre: Centre, operator: Client, firms: tuple[str, str]
) -> None:
    cluster(operator, "digital")
    stranger = firm(operator, 3, "digital")
    own = centre.client("operator", cluster="organic")
    problem(
        own.post("/clusters/organic/activities", **held(participants=[firms[0], stranger])), 404, "not-found"
    )
    problem(own.get("/clusters/digital/life"), 404, "not-found")
    problem(own.get("/functions"), 403, "cluster-key")
    own.http.close()


def test_a_chain_names_who_takes_part(operator: Client, firms: tuple[str, str]) -> None:
    chain = [{"supplier": "Чужой завод", "consumer": firms[0], "what": "тара"}]
    wrong = problem(
        operator.post("/clusters/organic/projects", **project(firms, chain=chain)), 422, "not-in-project"
    )
    assert pointers(wrong) == {("/chain/0/supplier", "not-in-project")}


def test_a_version_is_approved_once(operator: Client, auditor: Client, firms: tuple[str, str]) -> None:
    programme = {
        "title": "Программа развития",
        "approved_on": "2021-05-01",
        "function": "FN.б",
        "document": PAPER,
        "kind": "programme",
        "version": 1,
        "approved_by": "Совет кластера",
        "first_year": 2021,
        "last_year": 2023,
    }
    operator.done("/clusters/organic/programmes", **programme)
    again = operator.done("/clusters/organic/programmes", **programme)
    assert again["events"] == []
    operator.done("/clusters/organic/programmes", **programme | {"approved_on": "2021-11-01", "version": 2})
    problem(
        operator.post("/clusters/organic/programmes", **programme | {"approved_by": "Собрание"}),
        409,
        "version-taken",
    )
    wrong = problem(
        operator.post("/clusters/organic/programmes", **programme | {"version": 3, "last_year": 2020}),
        422,
        "years-reversed",
    )
    assert pointers(wrong) == {("/last_year", "years-reversed")}
    told = auditor.read("/clusters/organic/life", as_of="2021-12-31", function="FN.б")["items"]
    assert [one["record"]["version"] for one in told] == [1, 2]


def test_life_is_paged_and_its_filters_are_checked(auditor: Client, firms: tuple[str, str]) -> None:
    whole = auditor.read("/clusters/organic/life", as_of="2021-12-31")["items"]
    pages = list(auditor.walk("/clusters/organic/life", as_of="2021-12-31", limit=2))
    assert [one for page in pages for one in page] == whole
    assert [one["effective_on"] for one in whole] == sorted(one["effective_on"] for one in whole)
    problem(auditor.get("/clusters/organic/life", function="FN.a"), 422, "unknown-function")
    problem(auditor.get("/clusters/organic/life", kind="webinar"), 422, "query-invalid")
    problem(auditor.get("/clusters/nowhere/life"), 404, "not-found")
    problem(auditor.get("/clusters/organic/life", as_of="2018-01-01"), 404, "not-found")


def test_clusters_are_listed_by_status_with_what_they_are(operator: Client, auditor: Client) -> None:
    operator.done(
        "/clusters",
        code="creative",
        title="Креативный",
        production=False,
        proposed_on="2021-02-01",
        kind="creative",
    )
    (one,) = auditor.read("/clusters", as_of="2021-12-31", status="proposed")["items"]
    assert (one["code"], one["kind"], one["curated"]) == ("creative", "creative", True)
    shown = auditor.read("/clusters/creative", as_of="2021-12-31")
    assert (shown["kind"], shown["curated"]) == ("creative", True)
    problem(auditor.get("/clusters", status="unheard-of"), 422, "query-invalid")


def test_a_cluster_that_is_not_curated_counts_nowhere(operator: Client, auditor: Client) -> None:
    day = {"as_of": "2021-12-31"}
    before = auditor.figures(**day)
    proposed = operator.done(
        "/clusters",
        code="zato",
        title="Кластер инновационных технологий",
        production=True,
        proposed_on="2013-01-15",
        kind="innovation",
        curated=False,
    )
    formed = operator.done(
        "/clusters/zato/formation", formed_on="2013-06-01", agreement={"number": "1", "date": "2013-06-01"}
    )
    operator.done("/clusters/zato/reorganisation", into="association", reorganised_on="2013-06-02")
    member = firm(operator, 9, "zato")
    operator.done(
        f"/participants/{member}/jobs-reports",
        quarter="2021-Q1",
        headcount=9,
        jobs_created=9,
        evidence="РСВ",
    )
    assert auditor.figures(**day) == before
    formation, because_of = formed["events"][0]["event_id"], proposed["events"][0]["event_id"]
    (why,) = auditor.read("/kpi/clusters/evidence", **day, counted=False, event=formation)["items"]
    assert (why["reason"], why["because_of"]) == ("not-curated", because_of)
    (why,) = auditor.read("/kpi/jobs_created/evidence", **day, counted=False, participant=member)["items"]
    assert why["reason"] == "not-a-member"
    assert "zato" not in {one["code"] for one in auditor.read("/periods/2021/report.json")["clusters"]}
    assert auditor.read("/clusters/zato", **day)["status"] == "reorganised"
    # It turns out to be one of ours: the figure moves, and says why.
    corrected = operator.done(
        "/clusters/zato/corrections",
        event_id=proposed["events"][0]["event_id"],
        reason="Курируется",
        replacement={"curated": True},
    )
    after = auditor.figures(**day)
    assert after["clusters"] == before["clusters"] + 1
    assert after["jobs_created"] == before["jobs_created"] + 9
    moved = auditor.read(
        "/kpi/diff", **day, known_position=corrected["position"] - 1, to_known_position=corrected["position"]
    )["rows"]
    assert {row["kpi"] for row in moved if row["delta"]} >= {"clusters", "jobs_created"}


def test_functions_tell_what_was_recorded_for_each(
    centre: Centre, operator: Client, auditor: Client, firms: tuple[str, str]
) -> None:
    def total(code: str, **when: Any) -> int:
        items = auditor.read("/functions", **{"as_of": "2021-12-31"} | when)["items"]
        (one,) = (item for item in items if item["code"] == code)
        assert sum(one["years"].values()) == one["total"]
        found = [
            e
            for page in auditor.walk(f"/functions/{code}", **{"as_of": "2021-12-31"} | when, limit=2)
            for e in page
        ]
        assert len(found) == one["total"]
        assert [e["effective_on"] for e in found] == sorted(e["effective_on"] for e in found)
        return one["total"]

    assert total("FN.м") == 0
    done = operator.done(
        "/roadmap/10/reports", period="2021", done_on="2021-06-01", result="Двое обучены", function="FN.м"
    )
    assert total("FN.м") == 1
    assert total("FN.м", as_of="2021-05-31") == total("FN.м", known_position=done["position"] - 1) == 0
    (one,) = auditor.read("/functions/FN.м", as_of="2021-12-31")["items"]
    assert (one["item"], one["title"], one["cluster"]) == ("10", "Двое обучены", None)
    operator.done(
        "/roadmap/10/corrections", event_id=done["events"][0]["event_id"], reason="Не было", void=True
    )
    assert total("FN.м") == 0

    who = ready_firm(operator, 20, "organic")
    case = complex_case(operator, who, "organic", "SVC.в", "SVC.ж")
    assert total("FN.е") == 0
    accept(operator, case, 1, "2021-03-20")
    last = accept(operator, case, 2, "2021-03-21")
    operator.done("/clusters/organic/activities", **held(title="День услуг", function="FN.е"))
    assert total("FN.е") == 3
    services = auditor.read("/functions/FN.е", as_of="2021-12-31")["items"]
    assert [one["title"] for one in services] == ["SVC.в", "SVC.ж", "День услуг"]
    assert {one["case_id"] for one in services} == {case, None}
    operator.done(
        f"/participants/{who}/follow-ups", case_id=case, month="2021-06", headcount=5, sales_kopecks=1
    )
    assert total("FN.т") == 1
    operator.done(
        f"/cases/{case}/corrections", event_id=last["events"][0]["event_id"], reason="Не было", void=True
    )
    assert total("FN.е") == 2
    problem(auditor.get("/functions/FN.a"), 404, "not-found")
