"""Search over HTTP: who finds what, what is refused, and that no address names a person."""

import pytest
from api.centre import (
    Centre,
    Client,
    accept,
    cluster,
    firm_inn,
    person_inn,
    plain_case,
    pointers,
    problem,
    ready_firm,
)

PERSON = {
    "kind": "entrepreneur",
    "inn": person_inn(77),
    "name": "Облепихина Прасковья",
    "registered_on": "2020-05-01",
}


@pytest.fixture(scope="module")
def ids(operator: Client) -> dict[str, str]:
    """A firm in each of two clusters, a person in the first, a case of each firm."""
    made = {}
    for n, code in enumerate(("organic", "digital"), 1):
        cluster(operator, code)
        made[code] = ready_firm(operator, n, code)
        made[f"{code} case"] = case = plain_case(
            operator, made[code], code, source="crm", external_id=f"crm-{n}"
        )
        accept(operator, case, act_number=f"АКТ-10{n}")
    made["person"] = operator.done("/participants", **PERSON)["id"]
    operator.done(f"/participants/{made['person']}/memberships", cluster="organic", joined_on="2020-06-01")
    return made


def test_hits_are_typed_linked_and_say_why(auditor: Client, ids: dict[str, str]) -> None:
    found = auditor.read("/search", q="акт-101")
    assert found["items"] == [
        {
            "kind": "case",
            "id": ids["organic case"],
            "title": "Заявка от 10.03.2021: Фирма 1",
            "link": f"/api/v1/cases/{ids['organic case']}",
            "participant_id": ids["organic"],
            "cluster": "organic",
            "matched": {"field": "act_number", "value": "АКТ-101", "how": "number"},
        }
    ]
    assert found["meta"]["known_position"] == found["meta"]["head_position"]
    for hit in auditor.read("/search", q="фирма 1")["items"] + auditor.read("/search", q="organic")["items"]:
        assert auditor.http.get(hit["link"]).status_code == 200


def test_what_is_recorded_is_found_and_was_not_before(operator: Client, ids: dict[str, str]) -> None:
    receipt = operator.done(
        f"/participants/{ids['digital']}/identity", changed_on="2021-04-01", name="ООО Пихтач"
    )
    after = operator.read("/search", q="пихтачи", min_position=receipt["position"])
    assert [hit["id"] for hit in after["items"]] == [ids["digital"]]
    assert operator.read("/search", q="пихтачи", known_position=receipt["position"] - 1)["items"] == []


def test_a_provider_is_found_as_soon_as_it_is_listed(operator: Client) -> None:
    offer = {
        "inn": firm_inn(99),
        "name": "ООО «Хмелевик»",
        "services": ["SVC.е"],
        "registered_on": "2021-02-01",
    }
    receipt = operator.done("/providers", **offer)
    (hit,) = operator.read("/search", q="хмелевики", min_position=receipt["position"])["items"]
    assert (hit["kind"], hit["id"], hit["title"]) == ("provider", receipt["id"], offer["name"])
    assert operator.http.get(hit["link"]).json()["id"] == receipt["id"]
    assert [h["id"] for h in operator.read("/search", q=offer["inn"][:6], kind="provider")["items"]] == [
        receipt["id"]
    ]


def test_persons_are_searched_by_post(operator: Client, ids: dict[str, str]) -> None:
    for q in ("облепихина", "облепихиной", PERSON["inn"]):
        assert operator.read("/search", q=q)["items"] == []
        (hit,) = operator.post("/search", key=None, q=q).json()["items"]
        assert (hit["kind"], hit["id"], hit["title"]) == ("participant", ids["person"], PERSON["name"])


def test_a_page_goes_on_and_its_cursor_names_nobody(operator: Client, ids: dict[str, str]) -> None:
    pages = list(operator.walk("/search", q="crm", limit=1))
    assert [hit["matched"]["value"] for page in pages for hit in page] == ["crm-1", "crm-2"]
    assert operator.read("/search", q="crm", kind="cluster")["items"] == []
    problem(operator.get("/search", q="crm", cursor="x"), 422, "cursor-invalid")


def test_a_key_of_a_cluster_finds_its_own(centre: Centre, ids: dict[str, str]) -> None:
    one = centre.client("auditor", cluster="organic")

    def found(q: str) -> set[str]:
        return {hit["id"] for hit in one.post("/search", key=None, q=q).json()["items"]}

    assert found("crm") == {ids["organic case"]}
    assert found("фирма") == {ids["organic"]}
    assert found("кластер") == {"organic"}
    assert found("облепихина") == {ids["person"]}


@pytest.mark.parametrize("q", ["", "   ", "\t"])
def test_nothing_asked_is_refused(operator: Client, q: str) -> None:
    assert pointers(problem(operator.get("/search", q=q), 422, "required")) == {("/q", "required")}
    assert operator.post("/search", key=None, q=q).status_code == 422


def test_what_is_asked_wrongly_is_named(centre: Centre, operator: Client) -> None:
    assert operator.get("/search").status_code in (400, 422)
    assert operator.get("/search", q="а", kind="firm").status_code == 422
    assert operator.get("/search", q="а", typo="1").status_code == 422
    problem(centre.analyst.get("/search", q="а"), 403, "role-not-allowed")
