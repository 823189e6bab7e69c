"""Scoring over HTTP: by hand, by answers, put right later; and no complex case decided without one."""

import json
from itertools import count
from typing import Any

import pytest
from api.centre import Body, Client, cluster, complex_application, pointers, problem, ready_firm

from ckr_es.rules import scoring
from ckr_es.store.envelope import decode

ANSWERS: Body = {
    "years_operating": 5,
    "headcount_change": 0,
    "revenue_change": 25,
    "own_products_share": 100,
    "export_share": 0,
    "cluster_partners": 2,
    "planned_investment_kopecks": 0,
    "digital_maturity": "integrated",
    "document_readiness": "complete",
    "request_clarity": "goal",
}
SCORE = 8 + 6 + 12 + 8 + 0 + 5 + 0 + 12 + 13 + 7
SUGGESTED = "Рекомендована комплексная услуга ЦКР"
DECISION = {"decision": "eligible", "decided_on": "2021-03-11"}
numbers = count(1)


@pytest.fixture(scope="module")
def organic(operator: Client) -> str:
    return cluster(operator, "organic")


@pytest.fixture
def case(operator: Client, organic: str) -> str:
    """A complex case that only a scoring stands in the way of."""
    return new_case(operator, organic)


@pytest.fixture(scope="module")
def unscored(operator: Client, organic: str) -> str:
    return new_case(operator, organic)


def new_case(operator: Client, code: str, **other: Any) -> str:
    who = ready_firm(operator, next(numbers), code)
    return str(operator.done("/cases", **complex_application(who, code, **other))["id"])


def scored(operator: Client, case: str, **body: Any) -> Any:
    return operator.post(f"/cases/{case}/scoring", **{"scored_on": "2021-03-10", **body})


# --- questionnaires


def test_the_questionnaires_and_one_of_them_whole(auditor: Client) -> None:
    listed = auditor.read("/scoring/questionnaires")["items"]
    assert listed[0] == {
        "version": "2021.1",
        "title": "Расширенная оценка (скоринг) субъекта МСП",
        "valid_from": "2021-01-01",
        "status": "proposal",
    }
    assert [item["version"] for item in listed] == [q.version for q in scoring.questionnaires()]
    whole = auditor.read("/scoring/questionnaires/2021.1")
    assert whole["source"]
    assert [indicator["key"] for indicator in whole["indicators"]] == list(ANSWERS)
    assert whole["indicators"][0]["kind"] == "quantitative"
    assert whole["indicators"][0]["bands"][1] == {"from": 1, "points": 3}
    assert whole["indicators"][-1]["kind"] == "qualitative"
    assert whole["indicators"][-1]["choices"][0]["key"] == "unclear"
    assert whole["conclusions"][0]["from"] == 0
    problem(auditor.get("/scoring/questionnaires/2020.9"), 404, "questionnaire-unknown")


# --- by answers


def test_a_complex_case_is_decided_only_when_it_is_scored(
    operator: Client, auditor: Client, case: str
) -> None:
    problem(operator.post(f"/cases/{case}/eligibility-decision", **DECISION), 409, "not-scored")
    assert auditor.read(f"/cases/{case}")["scoring"] is None
    done = scored(operator, case, answers=ANSWERS).json()
    assert [event["type"] for event in done["events"]] == ["service-case.scored"]
    operator.done(f"/cases/{case}/eligibility-decision", **DECISION)
    assert auditor.read(f"/cases/{case}")["status"] == "eligible"
    void = {"event_id": done["events"][0]["event_id"], "reason": "не тот субъект", "void": True}
    problem(operator.post(f"/cases/{case}/corrections", **void), 409, "not-scored")


def test_a_scoring_without_its_record_decides_nothing(operator: Client, case: str) -> None:
    made = scored(operator, case, answers=ANSWERS).json()["events"][0]["event_id"]
    operator.done(f"/cases/{case}/corrections", event_id=made, reason="не тот субъект", void=True)
    problem(operator.post(f"/cases/{case}/eligibility-decision", **DECISION), 409, "not-scored")


def test_answers_give_the_score_the_conclusion_and_the_version(
    operator: Client, auditor: Client, case: str
) -> None:
    done = scored(operator, case, answers=ANSWERS).json()
    shown = auditor.read(f"/cases/{case}")["scoring"]
    assert shown == {
        "type": "service-case.scored",
        "scored_on": "2021-03-10",
        "score": SCORE,
        "conclusion": SUGGESTED,
        "questionnaire": "2021.1",
        "answers": ANSWERS,
    }
    assert auditor.read(f"/events/{done['events'][0]['event_id']}")["body"] == shown
    line = auditor.read(f"/cases/{case}/timeline")["items"][-1]
    assert line["body"] == shown


@pytest.mark.parametrize(
    "said",
    [
        {"score": SCORE},
        {"conclusion": SUGGESTED},
        {"questionnaire": "2021.1"},
        {"score": SCORE, "conclusion": SUGGESTED, "questionnaire": "2021.1"},
        {"answers": dict(reversed(ANSWERS.items()))},
    ],
    ids=", ".join,
)
def test_what_follows_from_the_answers_may_be_said_too_and_is_no_news(
    operator: Client, case: str, said: Body
) -> None:
    scored(operator, case, answers=ANSWERS)
    again = scored(operator, case, **{"answers": ANSWERS, **said})
    assert (again.status_code, again.json()["events"]) == (200, [])


def test_the_conclusion_is_the_persons(operator: Client, auditor: Client, case: str) -> None:
    scored(operator, case, answers=ANSWERS, conclusion="Сначала обучение")
    assert auditor.read(f"/cases/{case}")["scoring"]["conclusion"] == "Сначала обучение"


def test_a_later_scoring_stands(operator: Client, auditor: Client, case: str) -> None:
    scored(operator, case, answers=ANSWERS)
    scored(operator, case, answers={**ANSWERS, "export_share": 1}, scored_on="2021-03-12")
    assert auditor.read(f"/cases/{case}")["scoring"]["score"] == SCORE + 3
    assert auditor.read(f"/cases/{case}", as_of="2021-03-11")["scoring"]["score"] == SCORE


def test_what_was_recorded_is_scored_again_to_the_same(operator: Client, auditor: Client, case: str) -> None:
    scored(operator, case, answers=ANSWERS)
    lines = map(json.loads, auditor.get("/events.ndjson").text.splitlines())
    bodies = [line["body"].encode() for line in lines if line["type"] == "service-case.scored"]
    recorded = [decode("service-case.scored", body) for body in bodies]
    assert [scoring.difference(event) for event in recorded] == [None] * len(recorded)
    assert recorded[-1].answers == ANSWERS


# --- by hand


def test_a_scoring_by_hand_needs_no_answers(operator: Client, auditor: Client, case: str) -> None:
    scored(operator, case, score=70, conclusion="годен")
    shown = auditor.read(f"/cases/{case}")["scoring"]
    assert (shown["score"], shown["conclusion"]) == (70, "годен")
    assert not {"answers", "questionnaire"} & set(shown)
    operator.done(f"/cases/{case}/eligibility-decision", **DECISION)


# --- what is refused


@pytest.mark.parametrize(
    ("body", "code", "wrong"),
    [
        ({}, "required", {("/score", "required"), ("/conclusion", "required")}),
        ({"score": 70}, "required", {("/conclusion", "required")}),
        ({"conclusion": "годен"}, "required", {("/score", "required")}),
        (
            {"score": 70, "conclusion": "годен", "questionnaire": "2021.1"},
            "required",
            {("/answers", "required")},
        ),
        ({"score": 101, "conclusion": "годен"}, "out-of-range", {("/score", "out-of-range")}),
        ({"answers": ANSWERS, "score": SCORE - 1}, "score-differs", {("/score", "score-differs")}),
        (
            {"answers": ANSWERS, "questionnaire": "2020.9"},
            "questionnaire-unknown",
            {("/questionnaire", "questionnaire-unknown")},
        ),
        ({"answers": ANSWERS, "questionnaire": ""}, "text-invalid", {("/questionnaire", "text-invalid")}),
        ({"answers": {}}, "required", {(f"/answers/{key}", "required") for key in ANSWERS}),
        (
            {"answers": {**ANSWERS, "export_share": 101, "request_clarity": "мечта", "other": 1}},
            "out-of-range",
            {
                ("/answers/export_share", "out-of-range"),
                ("/answers/request_clarity", "unknown-value"),
                ("/answers/other", "unknown-indicator"),
            },
        ),
        (
            {"answers": {**ANSWERS, "export_share": 0.5, "years_operating": True, "other": []}},
            "wrong-type",
            {(f"/answers/{key}", "wrong-type") for key in ("export_share", "years_operating", "other")},
        ),
        (
            {"answers": {**ANSWERS, "years_operating": 10**25}},
            "out-of-range",
            {("/answers/years_operating", "out-of-range")},
        ),
        ({"answers": [1]}, "wrong-type", {("/answers", "wrong-type")}),
        ({"type": "service-case.scored", "answers": ANSWERS}, "unknown-field", {("/type", "unknown-field")}),
    ],
)
def test_a_scoring_that_can_not_be_right(
    operator: Client, auditor: Client, unscored: str, body: Body, code: str, wrong: set[tuple[str, str]]
) -> None:
    told = problem(scored(operator, unscored, **body), 422, code)
    assert pointers(told) == wrong
    assert auditor.read(f"/cases/{unscored}")["scoring"] is None
    if code == "score-differs":
        assert str(SCORE) in told["detail"]
        assert str(SCORE - 1) in told["detail"]


def test_before_the_first_questionnaire_answers_are_of_none(operator: Client, organic: str) -> None:
    case = new_case(operator, organic, applied_on="2020-12-30")
    answer = scored(operator, case, answers=ANSWERS, scored_on="2020-12-31")
    assert pointers(problem(answer, 422, "questionnaire-unknown")) == {
        ("/questionnaire", "questionnaire-unknown")
    }
    answer = scored(operator, case, answers=ANSWERS, scored_on="2020-12-31", questionnaire="2021.1")
    problem(answer, 422, "questionnaire-not-in-force")


# --- corrections


@pytest.mark.parametrize(
    ("replacement", "code", "pointer"),
    [
        ({"score": SCORE + 1}, "score-differs", "/score"),
        ({"answers": {**ANSWERS, "export_share": 1}}, "score-differs", "/score"),
        ({"answers": {**ANSWERS, "export_share": 101}}, "out-of-range", "/answers/export_share"),
        ({"answers": {**ANSWERS, "export_share": True}}, "wrong-type", "/replacement/answers/export_share"),
        ({"answers": None}, "required", "/answers"),
        ({"questionnaire": None}, "required", "/questionnaire"),
        ({"questionnaire": "2020.9"}, "questionnaire-unknown", "/questionnaire"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_correction_keeps_score_and_answers_together(
    operator: Client, case: str, replacement: Body, code: str, pointer: str
) -> None:
    made = scored(operator, case, answers=ANSWERS).json()["events"][0]["event_id"]
    body = {"event_id": made, "reason": "опечатка", "replacement": replacement}
    told = problem(operator.post(f"/cases/{case}/corrections", **body), 422, code)
    assert pointers(told) == {(pointer, code)}


@pytest.mark.parametrize(
    ("before", "replacement", "shown"),
    [
        (
            {"answers": ANSWERS},
            {"answers": {**ANSWERS, "export_share": 1}, "score": SCORE + 3},
            {"score": SCORE + 3, "conclusion": SUGGESTED, "questionnaire": "2021.1"},
        ),
        (
            {"answers": ANSWERS},
            {"answers": None, "questionnaire": None, "score": 50},
            {"score": 50, "conclusion": SUGGESTED},
        ),
        (
            {"score": 70, "conclusion": "годен"},
            {"answers": ANSWERS, "questionnaire": "2021.1", "score": SCORE},
            {"score": SCORE, "conclusion": "годен", "answers": ANSWERS},
        ),
        ({"answers": ANSWERS}, {"scored_on": "2021-03-11"}, {"scored_on": "2021-03-11", "answers": ANSWERS}),
    ],
    ids=["answers with their score", "to one by hand", "answers found later", "the day"],
)
def test_a_scoring_is_put_right(
    operator: Client, auditor: Client, case: str, before: Body, replacement: Body, shown: Body
) -> None:
    made = scored(operator, case, **before).json()["events"][0]["event_id"]
    operator.done(f"/cases/{case}/corrections", event_id=made, reason="опечатка", replacement=replacement)
    now = auditor.read(f"/cases/{case}")["scoring"]
    assert now == now | shown
    assert ("answers" in now) == ("questionnaire" in now)
