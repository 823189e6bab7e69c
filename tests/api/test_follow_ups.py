"""Follow-up of complex services over HTTP: due and overdue, as known then, for one cluster, and the effect."""

from typing import Any

import pytest
from api.centre import Centre, Client, accept, cluster, complex_case, plain_case, problem, ready_firm


@pytest.fixture(scope="module")
def served(operator: Client) -> dict[str, str]:
    """Two complex services completed on 20 March 2021 in two clusters, and a plain one."""
    ids = {}
    for n, code in enumerate(("organic", "digital"), start=1):
        cluster(operator, code)
        who = ids[code] = ready_firm(operator, n, code)
        ids[f"{code} case"] = case = complex_case(operator, who, code)
        for no in (1, 2):
            accept(operator, case, no)
    accept(operator, plain_case(operator, ids["organic"], "organic"))
    operator.done(
        f"/participants/{ids['organic']}/jobs-reports",
        quarter="2020-Q4",
        headcount=5,
        jobs_created=0,
        evidence="РСВ",
    )
    return ids


def by_case(client: Client, **query: Any) -> dict[str, dict[str, Any]]:
    return {item["case_id"]: item for item in client.read("/follow-ups", **query)["items"]}


def test_what_is_due_is_done_by_a_report_and_overdue_without(
    operator: Client, auditor: Client, served: dict[str, str]
) -> None:
    done, silent = served["organic case"], served["digital case"]
    before = auditor.read("/follow-ups", as_of="2021-07-01")["meta"]["head_position"]
    assert {item["status"] for item in by_case(auditor, as_of="2021-07-01").values()} == {"due"}
    operator.done(
        f"/participants/{served['organic']}/follow-ups",
        case_id=done,
        month="2021-06",
        headcount=8,
        sales_kopecks=100_00,
        satisfaction=5,
    )
    found = by_case(auditor, as_of="2021-07-16")
    assert set(found) == {done, silent}
    assert [p["status"] for p in found[done]["points"]] == ["done", "upcoming", "upcoming"]
    assert [p["month"] for p in found[done]["points"]] == ["2021-06", "2021-09", "2022-03"]
    assert (found[done]["baseline"]["headcount"], found[done]["points"][0]["headcount_change"]) == (5, 3)
    assert found[silent]["status"] == "overdue"
    assert set(by_case(auditor, as_of="2021-07-16", status="overdue")) == {silent}
    known_then = by_case(auditor, as_of="2021-07-16", known_position=before)
    assert {item["status"] for item in known_then.values()} == {"overdue"}
    assert by_case(auditor, as_of="2021-03-19") == {}
    effect = auditor.read("/follow-ups/effect", as_of="2021-07-16")["items"][0]
    assert (effect["services"], effect["done"], effect["overdue"], effect["headcount_change"]) == (2, 1, 1, 3)
    assert effect["satisfaction_mean"] == 5.0


def test_pages_and_filters_lose_nothing(auditor: Client, served: dict[str, str]) -> None:
    pages = list(auditor.walk("/follow-ups", as_of="2021-07-16", limit=1))
    assert [len(page) for page in pages] == [1, 1]
    assert {page[0]["case_id"] for page in pages} == {served["organic case"], served["digital case"]}
    of_one = by_case(auditor, as_of="2021-07-16", participant_id=served["digital"])
    assert set(of_one) == set(by_case(auditor, as_of="2021-07-16", cluster="digital"))
    problem(auditor.get("/follow-ups", status="missing"), 422, "query-invalid")


def test_a_key_of_a_cluster_sees_its_own(centre: Centre, served: dict[str, str]) -> None:
    own = centre.client("auditor", cluster="organic")
    assert set(by_case(own, as_of="2021-07-16")) == {served["organic case"]}
    assert own.read("/follow-ups/effect", as_of="2021-07-16")["items"][0]["services"] == 1
    problem(own.get("/follow-ups", cluster="digital"), 404, "not-found")
