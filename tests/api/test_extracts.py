"""The extract over HTTP: the firm's and the auditor's, of any day and position, for one cluster, the same bytes."""

import json
from typing import Any

import pytest
from api.centre import Centre, Client, accept, cluster, complex_case, plain_case, problem, ready_firm
from test_erasure import printed

INSIDE = ("годен", "Внутренняя ошибка", "operator")  # a scoring's conclusion, a correction's reason, a role


@pytest.fixture(scope="module")
def firm(operator: Client) -> dict[str, Any]:
    """In two clusters, served in both; an act that was voided, another that was moved."""
    for code in ("organic", "digital"):
        cluster(operator, code)
    who = ready_firm(operator, 1, "organic", "digital")
    plain = plain_case(operator, who, "organic")
    act = accept(operator, plain, act_number="А-ПРОСТОЙ")
    package = complex_case(operator, who, "digital")
    wrong = accept(operator, package, 1, act_number="А-ОТМЕНЁН")
    before = wrong["position"]
    fixed = {"reason": "Внутренняя ошибка"}
    operator.done(
        f"/cases/{package}/corrections", event_id=wrong["events"][0]["event_id"], void=True, **fixed
    )
    moved = operator.done(
        f"/cases/{plain}/corrections",
        event_id=act["events"][0]["event_id"],
        replacement={"accepted_on": "2021-03-25"},
        **fixed,
    )
    return {"who": who, "before": before, "head": moved["position"], "leaf": act["events"][0]["leaf"]}


def asked(client: Client, firm: dict[str, Any], form: str = "json", **query: Any) -> Any:
    answer = client.get(f"/participants/{firm['who']}/extract.{form}", **{"as_of": "2021-06-30", **query})
    assert answer.status_code == 200, answer.text
    return json.loads(answer.content) if form == "json" else answer


def test_the_firm_is_told_what_stands_and_nothing_from_inside(auditor: Client, firm: dict[str, Any]) -> None:
    told = asked(auditor, firm)
    assert (told["audience"], told["subject"]["name"], told["ledger_root"]) == ("firm", "Фирма 1", None)
    acts = [(given["act_number"], given["accepted_on"]) for given in told["services"]]
    assert acts == [("А-ПРОСТОЙ", "2021-03-25"), (None, None), (None, None)] or acts[0] == (None, None)
    assert {m["title"] for m in told["memberships"]} == {"Кластер organic", "Кластер digital"}
    text = json.dumps(told, ensure_ascii=False) + printed(asked(auditor, firm, "pdf"))
    assert [inside for inside in (*INSIDE, "А-ОТМЕНЁН", auditor.actor) if inside in text] == []


def test_an_audit_is_told_all_with_what_proves_it(auditor: Client, firm: dict[str, Any]) -> None:
    told = asked(auditor, firm, **{"for": "audit", "known_position": firm["head"]})
    lines = auditor.read(f"/participants/{firm['who']}/timeline", limit=500, known_position=firm["head"])[
        "items"
    ]
    assert [line["recorded"]["position"] for line in told["history"]] == [line["position"] for line in lines]
    struck = {line["body"].get("act_number") for line in told["history"] if line["recorded"]["struck"]}
    assert struck == {"А-ОТМЕНЁН"}
    proof = auditor.read("/ledger/inclusion", position=firm["head"], size=firm["head"])
    assert bytes.fromhex(told["ledger_root"]).hex() == told["ledger_root"]
    assert proof["leaf"] == told["history"][-1]["recorded"]["leaf"]
    assert firm["leaf"] in {line["recorded"]["leaf"] for line in told["history"]}
    paper = printed(asked(auditor, firm, "pdf", **{"for": "audit"}))
    for text in ("А-ОТМЕНЁН", "Внутренняя", "operator", "нотариус ещё не подписал"):
        assert text in paper, text


def test_it_is_of_its_day_and_position_and_the_same_bytes_again(
    operator: Client, auditor: Client, firm: dict[str, Any]
) -> None:
    query = {"for": "audit", "known_position": firm["head"]}
    once = {form: asked(auditor, firm, form, **query).content for form in ("pdf", "xlsx")}
    then = asked(auditor, firm, known_position=firm["before"])
    assert "А-ОТМЕНЁН" in {given["act_number"] for given in then["services"]}
    early = asked(auditor, firm, as_of="2021-03-09")
    assert early["services"] == []
    operator.done(
        f"/participants/{firm['who']}/sales-reports", quarter="2021-Q1", amount_kopecks=5, evidence="x"
    )
    assert {form: asked(auditor, firm, form, **query).content for form in ("pdf", "xlsx")} == once
    name = asked(auditor, firm, "pdf", **query).headers["content-disposition"]
    assert f"ckr-extract-audit-{firm['who'][:8]}-2021-06-30-{firm['head']}.pdf" in name


def test_a_key_of_a_cluster_is_told_of_its_own_cases(centre: Centre, firm: dict[str, Any]) -> None:
    one = centre.client("auditor", cluster="organic")
    for audience in ("firm", "audit"):
        told = asked(one, firm, **{"for": audience})
        assert {given["cluster"] for given in told["services"]} == {"organic"}
        assert "А-ОТМЕНЁН" not in json.dumps(told, ensure_ascii=False)
    other = ready_firm(centre.operator, 2, "digital")
    problem(one.get(f"/participants/{other}/extract.pdf"), 404, "not-found")


def test_what_is_asked_wrongly_is_named(centre: Centre, firm: dict[str, Any]) -> None:
    path = f"/participants/{firm['who']}/extract.pdf"
    problem(centre.auditor.http.get(f"/api/v1{path}?for=everybody"), 422, "query-invalid")
    problem(centre.auditor.get(path, as_of="2019-01-01"), 404, "not-found")
    problem(centre.analyst.get(path), 403, "role-not-allowed")
