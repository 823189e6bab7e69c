"""A decision explains itself, and comes out again from what it recorded and from the log before it."""

from collections.abc import Iterator
from typing import Any

import msgspec
import psycopg
import pytest
from api.centre import (
    MARCH,
    Centre,
    Client,
    application,
    cluster,
    complex_application,
    file_all,
    firm,
    found,
    problem,
    ready_firm,
)
from psycopg import sql

from ckr_es.audit.replay import Replayed, replay_decisions

BREWERY = {"okved_main": "10.39", "okved_additional": ["11.05"], "licences": ["Производство пива; Л-1"]}
OVERRIDE = [{"condition": "E4", "ground": "Код не используется, лицензии сданы"}]


@pytest.fixture(scope="module")
def organic(operator: Client) -> str:
    return cluster(operator, "organic")


@pytest.fixture(scope="module")
def overridden(operator: Client, manager: Client, organic: str) -> str:
    """A case decided eligible by a manager over a failed E4."""
    who = firm(operator, 1, organic)
    file_all(operator, who, **BREWERY)
    case = str(operator.done("/cases", **application(who, organic))["id"])
    manager.done(
        f"/cases/{case}/eligibility-decision",
        decision="eligible",
        decided_on="2021-03-11",
        overrides=OVERRIDE,
    )
    return case


def told(client: Client, case: str, **query: Any) -> dict[str, Any]:
    return client.read(f"/cases/{case}/eligibility", as_of="2021-03-11", **query)


def by_condition(answer: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {check["condition"]: check for check in answer["checks"]}


def test_the_same_paper_again_counts_when_another_of_its_day_came_between(
    operator: Client, organic: str
) -> None:
    """Of one day's answers and certificates the one recorded last counts, and the first one may be it again."""
    who = ready_firm(operator, 40, organic)
    case = operator.done("/cases", **application(who, organic))["id"]
    papers: list[tuple[str, str, dict[str, Any]]] = [
        ("E1", "not_checked", {"source": "look-up", "as_of": found()["as_of"], "result": "unavailable"}),
        ("E1", "pass", found()),
        ("E9", "fail", {"kind": "tax_certificate", "as_of": MARCH, "debt_kopecks": 100}),
        ("E9", "pass", {"kind": "tax_certificate", "as_of": MARCH, "debt_kopecks": 0}),
    ]
    for condition, verdict, paper in papers:
        kind = "registry-checks" if "result" in paper else "evidence"
        assert len(operator.done(f"/participants/{who}/{kind}", **paper)["events"]) == 1
        assert by_condition(told(operator, case))[condition]["verdict"] == verdict
        assert operator.done(f"/participants/{who}/{kind}", **paper)["events"] == []


def test_each_condition_is_told_with_its_rule_its_data_and_who_may_override(
    auditor: Client, overridden: str
) -> None:
    answer = told(auditor, overridden)
    assert answer["rule_set"]["id"] == "2021.1"
    e4 = by_condition(answer)["E4"]
    assert e4["verdict"] == "fail"
    assert e4["overridable_by"] == ["manager"]
    assert e4["rule"].startswith("Не осуществляют, в качестве основного")
    assert "209-ФЗ" in e4["citation"]
    assert "11.05 (дополнительный, правило 11.05" in e4["explanation"]
    assert "Лицензии в записи реестра: Производство пива; Л-1." in e4["explanation"]
    assert e4["inputs"]["okved_additional"] == ["11.05"]
    assert by_condition(answer)["E0"]["overridable_by"] == []


def test_what_bars_a_decision_beside_the_conditions_is_told(operator: Client, organic: str) -> None:
    who = ready_firm(operator, 42, organic)
    case = str(operator.done("/cases", **complex_application(who, organic))["id"])
    for path, body, code in (
        ("scoring", {"scored_on": "2021-03-11", "score": 70, "conclusion": "x"}, "not-scored"),
        ("cancellation", {"cancelled_on": "2021-03-11", "reason": "x"}, None),
        ("", {}, "case-cancelled"),
    ):
        answer = told(operator, case)
        assert {check["verdict"] for check in answer["checks"]} == {"pass"}
        assert answer["decision_possible"] is (code is None)
        assert (answer["obstacle"] or {}).get("code") == code
        if path:
            operator.done(f"/cases/{case}/{path}", **body)


def test_a_case_is_explained_as_of_a_day_no_further_than_it_is_shown(
    operator: Client, auditor: Client, overridden: str
) -> None:
    path = f"/cases/{overridden}"
    for page in (path, f"{path}/eligibility"):
        problem(auditor.get(page, as_of="2021-03-09"), 404, "not-found")
        assert auditor.read(page, as_of="2021-03-10")["decision"] is None
        assert auditor.read(page, as_of="2021-03-11")["decision"] is not None


def test_a_decision_is_not_corrected_to_before_the_declaration_it_rests_on(
    operator: Client, organic: str
) -> None:
    who = ready_firm(operator, 41, organic)
    declared = {"kind": "declaration", "covers": ["E6"], "as_of": "2021-03-11"}
    operator.done(f"/participants/{who}/evidence", **declared)
    path = f"/cases/{operator.done('/cases', **application(who, organic))['id']}"
    decided = operator.done(f"{path}/eligibility-decision", decision="eligible", decided_on="2021-03-12")
    moved = {"event_id": decided["events"][0]["event_id"], "reason": "x"}
    for day, done in (("2021-03-10", False), ("2021-03-11", True)):
        answer = operator.post(f"{path}/corrections", **moved, replacement={"decided_on": day})
        assert answer.status_code == (200 if done else 409), answer.text
    assert operator.read(path)["decision"]["decided_on"] == "2021-03-11"


def test_earlier_support_is_a_note_and_stops_nobody(operator: Client, organic: str) -> None:
    who = ready_firm(operator, 2, organic)
    case = str(operator.done("/cases", **application(who, organic))["id"])
    answer = told(operator, case)
    assert {note["code"]: note["verdict"] for note in answer["notes"]} == {
        "analogous-support": "not_checked",
        "support-violation": "not_checked",
    }
    assert answer["decision_possible"] is True
    operator.done(f"/cases/{case}/eligibility-decision", decision="eligible", decided_on="2021-03-11")
    decided = operator.read(f"/cases/{case}")["decision"]
    assert [note["code"] for note in decided["notes"]] == ["analogous-support", "support-violation"]
    assert decided["rule_set"] == "2021.1"


def test_a_part_of_an_answer_is_taken_when_its_document_is_named(operator: Client, organic: str) -> None:
    who = firm(operator, 3, organic)
    part = {"source": "ЕГРЮЛ", "as_of": "2021-03-06", "result": "found", "status": "liquidating"}
    answer = operator.post(f"/participants/{who}/registry-checks", **part)
    assert answer.status_code == 422
    file_all(operator, who)
    operator.done(f"/participants/{who}/registry-checks", **part, answer_sha256="ab" * 32)
    case = str(operator.done("/cases", **application(who, organic))["id"])
    checks = by_condition(told(operator, case))
    assert (checks["E8"]["verdict"], checks["E8"]["inputs"]["source"]) == ("fail", "ЕГРЮЛ")
    assert (checks["E2"]["verdict"], checks["E2"]["inputs"]["source"]) == ("pass", "manual")


@pytest.mark.parametrize(("code", "member_of"), [("56.10", "tourism"), ("09.10", "resource")])
def test_firms_of_tourism_and_of_the_resource_cluster_end_in_review_not_in_refusal(
    operator: Client, organic: str, code: str, member_of: str
) -> None:
    cluster(operator, member_of)
    who = firm(operator, 10 + len(member_of), member_of)
    file_all(operator, who, okved_main=code)
    case = str(operator.done("/cases", **application(who, member_of))["id"])
    assert by_condition(told(operator, case))["E4"]["verdict"] == "review"
    operator.done(
        f"/cases/{case}/eligibility-decision",
        decision="eligible",
        decided_on="2021-03-11",
        overrides=OVERRIDE,
    )


def test_the_rules_a_decision_names_can_be_read(auditor: Client) -> None:
    sets = auditor.read("/rule-sets")["items"]
    assert [known["id"] for known in sets] == ["2021.1", "2026.1"]
    first, second = (auditor.read(f"/rule-sets/{known['id']}") for known in sets)
    assert [condition["condition"] for condition in first["conditions"]] == [f"E{n}" for n in range(10)]
    assert len(first["okved"]) == 101
    assert len(second["okved"]) > 101
    beer = next(rule for rule in first["okved"] if rule["prefix"] == "11.05")
    assert (beer["mode"], beer["condition"], beer["basis"]) == ("HARD", "E4", "NK 181")
    problem(auditor.get("/rule-sets/1999.1"), 404, "rule-set-unknown")


# --- again


def again(centre: Centre) -> Replayed:
    return replay_decisions(centre.database)


def test_every_decision_comes_out_again(
    centre: Centre, operator: Client, overridden: str, organic: str
) -> None:
    who = ready_firm(operator, 30, organic)
    case = operator.done("/cases", **application(who, organic))["id"]
    operator.done(f"/cases/{case}/eligibility-decision", decision="eligible", decided_on="2021-03-11")
    # What is learnt later changes no decision of the past.
    operator.done(f"/participants/{who}/registry-checks", **found(as_of="2021-03-09", status="liquidated"))
    done = again(centre)
    assert done.differences == ()
    assert done.decisions == len(centre.rows("select 1 from ckr.event where type = %s", DECIDED))
    assert done.decisions >= 2


DECIDED = "service-case.eligibility-decided"
CHECKED = "participant.registry-checked"
ALWAYS = "select tgname from pg_trigger where tgrelid = 'ckr.event'::regclass and tgenabled = 'A'"


@pytest.fixture
def tampering(centre: Centre) -> Iterator[psycopg.Connection[Any]]:
    """As a database superuser who switched the triggers off; what was changed is put back."""
    with psycopg.connect(centre.database.admin_conninfo()) as conn:
        always = [name for (name,) in conn.execute(ALWAYS)]
        conn.execute("alter table ckr.event disable trigger user")
        conn.execute("create temp table kept as select * from ckr.event")
        conn.commit()
        yield conn
        conn.execute(
            "update ckr.event e set body = k.body, role = k.role from kept k where k.position = e.position"
        )
        for name in always:
            conn.execute(
                sql.SQL("alter table ckr.event enable always trigger {}").format(sql.Identifier(name))
            )
        conn.commit()


def rewrite(conn: psycopg.Connection[Any], type_: str, old: str, new: str) -> int:
    changed = conn.execute(
        "update ckr.event set body = replace(body::text, %s, %s)::json where type = %s and body::text like %s",
        (old, new, type_, f"%{old}%"),
    ).rowcount
    conn.commit()
    return changed


@pytest.mark.parametrize(
    ("type_", "old", "new", "what", "subject"),
    [
        (DECIDED, '"condition":"E0","verdict":"pass"', '"condition":"E0","verdict":"fail"', "verdict", "E0"),
        (DECIDED, '"okved_additional":["11.05"]', '"okved_additional":[]', "verdict", "E4"),
        (DECIDED, '"region_code":"24"', '"region_code":"19"', "verdict", "E0"),
        (DECIDED, '"rule_set":"2021.1"', '"rule_set":"1999.1"', "rule-set", "decision"),
        (DECIDED, '"rule_set":"2021.1"', '"rule_set":"2026.1"', "rule-set", "decision"),
        (DECIDED, '"debt_kopecks":0', '"debt_kopecks":100', "verdict", "E9"),
        (
            DECIDED,
            '"not_checked","explanation":"Сведений',
            '"pass","explanation":"Сведений',
            "note",
            "analogous-support",
        ),
        (DECIDED, ',"region_code":"24"', "", "verdict", "E0"),
        (CHECKED, '"okved_additional":["11.05"]', '"okved_additional":[]', "log", "E4"),
        (CHECKED, '"category":"micro"', '"category":"small"', "inputs", "E1"),
        (CHECKED, '"status":"active"', '"status":"liquidated"', "log", "E8"),
    ],
)
def test_whoever_rewrites_a_decision_or_what_it_rests_on_is_seen(
    centre: Centre,
    overridden: str,
    tampering: psycopg.Connection[Any],
    type_: str,
    old: str,
    new: str,
    what: str,
    subject: str,
) -> None:
    assert rewrite(tampering, type_, old, new)
    assert (what, subject) in {(d.what, d.subject) for d in again(centre).differences}


def test_a_trace_shows_what_was_rewritten_beside_what_comes_out_again(
    centre: Centre, auditor: Client, overridden: str, tampering: psycopg.Connection[Any]
) -> None:
    decided = auditor.read("/events", stream=overridden, type=DECIDED)["items"][0]["event_id"]

    def verdicts() -> dict[str, tuple[str, str]]:
        checks = auditor.read(f"/events/{decided}")["decision"]["checks"]
        return {c["condition"]: (c["verdict"], c["again"]) for c in checks}

    assert verdicts()["E4"] == ("fail", "fail")
    assert rewrite(
        tampering, DECIDED, '"condition":"E4","verdict":"fail"', '"condition":"E4","verdict":"pass"'
    )
    assert verdicts()["E4"] == ("pass", "fail")
    assert rewrite(tampering, DECIDED, '"rule_set":"2021.1"', '"rule_set":"1999.1"')
    assert verdicts()["E4"] == ("pass", "rule-set-unknown")
    told = auditor.read(f"/events/{decided}")["decision"]
    assert told["rule_set"] == {"id": "1999.1", "valid_from": None, "citation": None}
    assert told["checks"][0]["title"] is None


def test_an_override_by_who_might_not_is_seen(
    centre: Centre, overridden: str, tampering: psycopg.Connection[Any]
) -> None:
    tampering.execute("update ckr.event set role = 'operator' where role = 'manager'")
    tampering.commit()
    [difference] = [d for d in again(centre).differences if str(d.case_id) == overridden]
    assert (difference.what, difference.subject, difference.again) == (
        "permission",
        "decision",
        "override-not-allowed",
    )
    assert msgspec.json.decode(msgspec.json.encode(difference))["position"] > 0
