"""What can't be right is refused as a problem with every reason at once, and leaves nothing behind."""

import json
import socket
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from api.centre import (
    Centre,
    Client,
    act,
    application,
    cluster,
    firm_inn,
    found,
    ogrn,
    ogrnip,
    person_inn,
    plain_case,
    pointers,
    problem,
    ready_firm,
)
from api.conftest import serving, settings_for
from litestar import get

from ckr_es.api.app import create_app
from ckr_es.api.auth import READ, roles
from ckr_es.store.database import Database

FUTURE = "2999-12-31"
PROPOSED = {"code": "media", "title": "Медиа", "production": False, "proposed_on": "2021-01-15"}
LEGAL = {"kind": "legal_entity", "inn": firm_inn(900), "name": "Фирма", "registered_on": "2021-01-15"}
PERSON = {"kind": "entrepreneur", "inn": person_inn(900), "name": "Иван", "registered_on": "2021-01-15"}


@pytest.fixture(scope="module")
def organic(operator: Client) -> str:
    return cluster(operator, "organic")


@pytest.fixture(scope="module")
def alpha(operator: Client, organic: str) -> str:
    return ready_firm(operator, 1, organic)


@pytest.fixture(scope="module")
def case(operator: Client, alpha: str, organic: str) -> str:
    return plain_case(operator, alpha, organic)


@pytest.fixture
def still(centre: Centre, case: str) -> Iterator[None]:
    """Nothing is recorded, and no key is used up, while the test runs."""
    before = centre.kept()
    yield
    assert centre.kept() == before


pytestmark = pytest.mark.usefixtures("still")


# --- bodies that can't be read


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b'{"code": }',
        b"\xff\xfe",
        b'{"code": "\xc3\x28"}',
        b'{"code": "\\ud800"}',
        b"[" * 100_000,
        b"[" * 100_000 + b"]" * 100_000,
        b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
        b'{"a": NaN}',
        b'{"a": Infinity}',
        b'{"a": 1} {"b": 2}',
        b"\x00",
    ],
    ids=lambda body: repr(body[:12]),
)
def test_a_body_that_is_not_json_is_malformed(operator: Client, body: bytes) -> None:
    problem(operator.send("POST", "/clusters", body, uuid4().hex), 400, "malformed-json")


@pytest.mark.parametrize("body", [b"[]", b'"text"', b"1", b"null", b"true"])
def test_a_body_is_an_object(operator: Client, body: bytes) -> None:
    answer = problem(operator.send("POST", "/clusters", body, uuid4().hex), 422, "wrong-type")
    assert pointers(answer) == {("", "wrong-type")}


@pytest.mark.parametrize(
    "kind", ["application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/plain"]
)
def test_a_body_of_another_type_is_refused(operator: Client, kind: str) -> None:
    body = json.dumps({**PROPOSED, "code": "typed"}).encode()
    problem(
        operator.send("POST", "/clusters", body, uuid4().hex, {"Content-Type": kind}), 415, "json-required"
    )


def test_a_body_of_ten_megabytes_is_too_large(operator: Client, centre: Centre) -> None:
    body = b'{"code": "' + b"a" * 10_000_000 + b'"}'
    problem(operator.send("POST", "/clusters", body, uuid4().hex), 413, "body-too-large")
    problem(
        operator.send("POST", "/clusters", b"{" + b" " * 1_000_001 + b"}", uuid4().hex), 413, "body-too-large"
    )

    def chunks() -> Iterator[bytes]:
        yield from [b"a" * 100_000] * 20

    answer = operator.http.post(
        "/api/v1/clusters", content=chunks(), headers={"Idempotency-Key": uuid4().hex}
    )
    problem(answer, 413, "body-too-large")


# --- every wrong field at once


def test_all_that_is_wrong_is_told_at_once(operator: Client) -> None:
    answer = operator.post(
        "/clusters", code="Органика", title="", production="да", proposed_on="2021-02-30", colour=1
    )
    assert pointers(problem(answer, 422, "text-invalid")) == {
        ("/code", "text-invalid"),
        ("/title", "text-invalid"),
        ("/production", "wrong-type"),
        ("/proposed_on", "date-invalid"),
        ("/colour", "unknown-field"),
    }


def test_each_missing_field_is_named(operator: Client) -> None:
    answer = problem(operator.post("/clusters"), 422, "required")
    assert {pointer for pointer, _ in pointers(answer)} == {"/code", "/title", "/production", "/proposed_on"}


def test_problems_lie_where_the_value_lies(operator: Client, alpha: str) -> None:
    answer = operator.post(
        f"/participants/{alpha}/registry-checks",
        **found(okved_additional=["10.39", "brewery"], headcount=-1, region_code="024", licences=["ok", ""]),
    )
    assert {pointer for pointer, _ in pointers(problem(answer, 422, answer.json()["code"]))} == {
        "/okved_additional/1",
        "/headcount",
        "/region_code",
        "/licences/1",
    }


# --- values


@pytest.mark.parametrize(
    ("change", "pointer", "code"),
    [
        ({"title": "а\x00б"}, "/title", "control-character"),
        ({"title": "а\x1bб"}, "/title", "control-character"),
        ({"title": " "}, "/title", "blank"),
        ({"title": "а" * 2001}, "/title", "text-invalid"),
        ({"title": None}, "/title", "wrong-type"),
        ({"title": 5}, "/title", "wrong-type"),
        ({"title": ["Медиа"]}, "/title", "wrong-type"),
        ({"code": "media\n"}, "/code", "text-invalid"),
        ({"code": "медиа"}, "/code", "text-invalid"),
        ({"code": "a" * 64}, "/code", "text-invalid"),
        ({"production": 1}, "/production", "wrong-type"),
        ({"proposed_on": "2021-02-30"}, "/proposed_on", "date-invalid"),
        ({"proposed_on": "2021-2-3"}, "/proposed_on", "date-invalid"),
        ({"proposed_on": "2021-02-03T10:00:00"}, "/proposed_on", "date-invalid"),
        ({"proposed_on": "0000-01-01"}, "/proposed_on", "date-invalid"),
        ({"proposed_on": 20210203}, "/proposed_on", "date-invalid"),
        ({"proposed_on": FUTURE}, "/proposed_on", "date-in-future"),
        ({"type": "cluster.formed"}, "/type", "unknown-field"),
        ({"a/b~c": 1}, "/a~1b~0c", "unknown-field"),
    ],
    ids=str,
)
def test_a_cluster_with_a_wrong_value(
    operator: Client, change: dict[str, Any], pointer: str, code: str
) -> None:
    answer = operator.send("POST", "/clusters", {**PROPOSED, **change}, uuid4().hex)
    assert pointers(problem(answer, 422, code)) == {(pointer, code)}


@pytest.mark.parametrize(
    ("kind", "inn"),
    [
        ("legal_entity", firm_inn(901)[:-1] + str((int(firm_inn(901)[-1]) + 1) % 10)),
        ("legal_entity", "0000000000"),
        ("legal_entity", person_inn(901)),
        ("legal_entity", firm_inn(901)[:-1]),
        ("legal_entity", "٢٤٦٦٠٠٠٠١٠"),
        ("organisation", person_inn(901)),
        ("entrepreneur", "000000000000"),
        ("entrepreneur", firm_inn(901)),
        ("entrepreneur", person_inn(901)[:-1] + str((int(person_inn(901)[-1]) + 1) % 10)),
        ("entrepreneur", person_inn(901)[:-2]),
    ],
)
def test_a_wrong_inn_is_refused_and_not_repeated(operator: Client, kind: str, inn: str) -> None:
    answer = operator.post("/participants", **{**LEGAL, "kind": kind, "inn": inn})
    assert pointers(problem(answer, 422, "inn-invalid")) == {("/inn", "inn-invalid")}
    assert inn not in answer.text


@pytest.mark.parametrize(
    "inn", [int(person_inn(902)), [person_inn(902)], "9" * 2001, person_inn(902) + "\x00"]
)
def test_an_inn_of_the_wrong_type_is_not_repeated_either(operator: Client, inn: Any) -> None:
    answer = operator.post("/participants", **{**PERSON, "inn": inn})
    assert answer.status_code == 422
    assert person_inn(902) not in answer.text
    assert "9999999" not in answer.text


@pytest.mark.parametrize("field", ["name", "contacts", "ogrn", "inn"])
def test_what_identifies_a_person_is_never_repeated(operator: Client, field: str, organic: str) -> None:
    for value in (7_734_563_218_901, "Тайный\x00Человек", "Тайный " * 400):
        answer = operator.post("/participants", **{**PERSON, field: value})
        assert answer.status_code == 422, answer.text
        assert "Тайный" not in answer.text
        assert "7734563218901" not in answer.text


@pytest.mark.parametrize(
    ("kind", "number", "code"),
    [
        ("legal_entity", ogrn(1)[:-1] + str((int(ogrn(1)[-1]) + 1) % 10), "ogrn-invalid"),
        ("legal_entity", ogrnip(1), "ogrn-invalid"),
        ("legal_entity", "0" * 13, "ogrn-invalid"),
        ("entrepreneur", ogrnip(1)[:-1] + str((int(ogrnip(1)[-1]) + 1) % 10), "ogrnip-invalid"),
        ("entrepreneur", ogrn(1), "ogrnip-invalid"),
        ("entrepreneur", "0" * 15, "ogrnip-invalid"),
    ],
)
def test_a_wrong_registration_number_is_refused(operator: Client, kind: str, number: str, code: str) -> None:
    whose = PERSON if kind == "entrepreneur" else LEGAL
    answer = operator.post("/participants", **{**whose, "ogrn": number})
    assert pointers(problem(answer, 422, code)) == {("/ogrn", code)}
    assert number not in answer.text


def test_both_numbers_are_judged_at_once(operator: Client) -> None:
    answer = operator.post("/participants", **{**LEGAL, "inn": person_inn(903), "ogrn": "2"})
    assert pointers(problem(answer, 422, "inn-invalid")) == {
        ("/inn", "inn-invalid"),
        ("/ogrn", "ogrn-invalid"),
    }


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"cost_kopecks": -1}, "out-of-range"),
        ({"cost_kopecks": 1.5}, "wrong-type"),
        ({"cost_kopecks": 10**16}, "out-of-range"),
        ({"cost_kopecks": 10**400}, "out-of-range"),
        ({"cost_kopecks": "100"}, "wrong-type"),
        ({"service": "SVC.a"}, "unknown-service"),  # Latin
        ({"service": "SVC.e"}, "unknown-service"),
        ({"service": "SVC.ё"}, "unknown-service"),
        ({"service": "SVC.й"}, "unknown-service"),
        ({"service": "FN.а"}, "unknown-service"),
        ({"service": "svc.а"}, "unknown-service"),
        ({"participant_id": "not-an-id"}, "wrong-type"),
        ({"applied_on": FUTURE}, "date-in-future"),
        ({"complex": "true"}, "wrong-type"),
    ],
    ids=lambda change: str(change)[:40],
)
def test_a_case_with_a_wrong_value(
    operator: Client, alpha: str, organic: str, change: dict[str, Any], code: str
) -> None:
    answer = operator.post("/cases", **application(alpha, organic, **change))
    ((pointer, said),) = pointers(problem(answer, 422, answer.json()["code"]))
    assert pointer == f"/{next(iter(change))}"
    assert said in (code, "text-invalid")


@pytest.mark.parametrize(
    "number", ["NaN", "1e400", "-1e400", "Infinity", "1" * 5000, "-0.5", "1e2", "0x10", "01"]
)
def test_a_number_that_no_figure_can_be(operator: Client, alpha: str, organic: str, number: str) -> None:
    body = json.dumps(application(alpha, organic, cost_kopecks=0)).replace(
        '"cost_kopecks": 0', f'"cost_kopecks": {number}'
    )
    answer = operator.send("POST", "/cases", body.encode(), uuid4().hex)
    if number == "1e2":
        assert answer.status_code in (201, 422)
    assert answer.status_code in (400, 422), answer.text
    problem(answer, answer.status_code, answer.json()["code"])


@pytest.mark.parametrize("number", [2**63, 2**64, 10**30, -(10**30)])
def test_a_huge_integer_anywhere_is_no_server_error(operator: Client, case: str, number: int) -> None:
    opening = operator.read(f"/cases/{case}/timeline")["items"][0]["event_id"]
    for path, body in (
        ("/clusters", {**PROPOSED, "title": number}),
        (f"/cases/{case}/scoring", {"scored_on": "2021-03-10", "score": number, "conclusion": "x"}),
        (
            f"/cases/{case}/corrections",
            {"event_id": opening, "reason": "x", "replacement": {"unit": number}},
        ),
    ):
        answer = operator.post(path, **body)
        assert answer.status_code in (400, 409, 422), answer.text


def test_money_is_never_negative(operator: Client, manager: Client, alpha: str) -> None:
    for path, name, rest in (
        (f"/participants/{alpha}/sales-reports", "amount_kopecks", {"quarter": "2021-Q1", "evidence": "x"}),
        (
            f"/participants/{alpha}/evidence",
            "debt_kopecks",
            {"kind": "tax_certificate", "as_of": "2021-03-01"},
        ),
    ):
        answer = operator.post(path, **{name: -1, **rest})
        assert pointers(problem(answer, 422, "out-of-range")) == {(f"/{name}", "out-of-range")}


@pytest.mark.parametrize("label", ["2021-Q5", "2021", "2021-q1", "Q1", "2021-Q1\n", "0000-Q1"])
def test_a_quarter_that_is_none(operator: Client, alpha: str, label: str) -> None:
    body = {"quarter": label, "amount_kopecks": 1, "evidence": "x"}
    problem(operator.post(f"/participants/{alpha}/sales-reports", **body), 422, "period-invalid")


def test_an_unknown_function_is_refused(operator: Client, organic: str) -> None:
    for code in ("FN.a", "FN.о ", "SVC.а", "FN.й"):  # the first is Latin
        answer = operator.post(
            f"/clusters/{organic}/activities",
            title="Вебинар",
            held_on="2021-02-01",
            function=code,
            document={"title": "x"},
        )
        assert pointers(problem(answer, 422, "unknown-function")) == {("/function", "unknown-function")}


def test_a_quarter_that_has_not_ended_is_in_the_future(operator: Client, alpha: str) -> None:
    body = {"quarter": "2999-Q1", "headcount": 1, "jobs_created": 1, "evidence": "x"}
    problem(operator.post(f"/participants/{alpha}/jobs-reports", **body), 422, "date-in-future")


@pytest.mark.parametrize(
    "change",
    [
        {"result": "absent"},
        {"status": None},
        {"okved_main": None},
        {"okved_main": "10.39.99.99"},
        {"okved_main": "Пиво"},
        {"category": "large"},
        {"status": "fine"},
    ],
    ids=str,
)
def test_a_registry_check_is_whole_or_empty(operator: Client, alpha: str, change: dict[str, Any]) -> None:
    answer = operator.post(f"/participants/{alpha}/registry-checks", **found(**change))
    assert problem(answer, 422, answer.json()["code"])["errors"]


@pytest.mark.parametrize(
    "body",
    [
        {"kind": "tax_certificate", "as_of": "2021-03-01"},
        {"kind": "declaration", "as_of": "2021-03-01"},
        {"kind": "declaration", "as_of": "2021-03-01", "covers": ["E11"]},
        {"kind": "declaration", "as_of": "2021-03-01", "covers": ["E5"], "debt_kopecks": 1},
        {"kind": "document", "as_of": "2021-03-01"},
        {"kind": "document", "as_of": "2021-03-01", "document": {"title": "x", "sha256": "ABC"}},
        {"kind": "document", "as_of": "2021-03-01", "document": {"title": "x", "path": "/etc/passwd"}},
    ],
    ids=str,
)
def test_evidence_brings_what_its_kind_needs(operator: Client, alpha: str, body: dict[str, Any]) -> None:
    answer = operator.post(f"/participants/{alpha}/evidence", **body)
    assert problem(answer, 422, answer.json()["code"])["errors"]


def test_a_case_names_what_exists(operator: Client, alpha: str, organic: str) -> None:
    answer = operator.post("/cases", **application(str(uuid4()), organic))
    assert pointers(problem(answer, 422, "not-found")) == {("/participant_id", "not-found")}
    answer = operator.post("/cases", **application(alpha, "nowhere"))
    assert pointers(problem(answer, 422, "not-found")) == {("/cluster", "not-found")}


def test_a_plain_case_has_a_service_and_a_complex_one_has_none(
    operator: Client, alpha: str, organic: str
) -> None:
    answer = operator.post("/cases", **application(alpha, organic, service=None))
    assert pointers(problem(answer, 422, "required")) == {("/service", "required")}
    answer = operator.post("/cases", **application(alpha, organic, complex=True, cost_kopecks=5))
    assert pointers(problem(answer, 422, "not-applicable")) == {
        ("/service", "not-applicable"),
        ("/cost_kopecks", "not-applicable"),
    }
    answer = operator.post("/cases", **application(alpha, organic, source="crm"))
    assert pointers(problem(answer, 422, "required")) == {("/external_id", "required")}


def test_a_plan_of_unknown_rows_or_sets_or_years(manager: Client) -> None:
    plan: dict[str, Any] = {
        "kpi_set": "2021",
        "values": {"clusters": 5},
        "policy": {},
        "document": {"title": "П"},
    }
    for change, code in (
        ({"values": {"clusters": -1}}, "out-of-range"),
        ({"values": {"klusters": 1}}, "unknown-kpi"),
        ({"values": {"clusters": "5"}}, "wrong-type"),
        ({"kpi_set": "1999"}, "unknown-kpi-set"),
        ({"policy": {"complex_limit": 0}}, "out-of-range"),
        ({"policy": {"jobs": "guess"}}, "unknown-field"),
        ({"policy": {"jobs_method": "guess"}}, "unknown-value"),
    ):
        answer = manager.put("/plans/2021", **{**plan, **change})
        assert problem(answer, 422, code)["errors"], change
    problem(manager.put("/plans/1999", **plan), 422, "year-invalid")
    problem(manager.put("/plans/20211", **plan), 422, "year-invalid")


# --- headers of commands


def test_a_command_needs_a_key_of_printable_signs(operator: Client) -> None:
    problem(operator.post("/clusters", key=None, **PROPOSED), 400, "idempotency-key-required")
    answer = operator.send("POST", "/clusters", PROPOSED, "")
    problem(answer, 400, "idempotency-key-required")
    problem(operator.post("/clusters", key="k" * 201, **PROPOSED), 400, "idempotency-key-invalid")
    for sign in (b"\xa0", b"\x85", b"\xc2\xad"):
        headers = [(b"Idempotency-Key", b"k" + sign + b"k"), (b"Content-Type", b"application/json")]
        answer = operator.http.post("/api/v1/clusters", content=json.dumps(PROPOSED), headers=headers)
        problem(answer, 400, "idempotency-key-invalid")


def test_other_headers_are_checked_too(operator: Client) -> None:
    for etag in ("three", '"-1"', '"1.5"', '"1", "2"', '"' + "1" * 30 + '"'):
        problem(operator.post("/clusters", headers={"If-Match": etag}, **PROPOSED), 400, "if-match-invalid")
    answer = operator.post("/clusters", headers={"X-Correlation-Id": "abc"}, **PROPOSED)
    problem(answer, 400, "correlation-id-invalid")


@pytest.mark.parametrize(
    "header",
    ["", "Basic abc", "Bearer", "Bearer x", "Bearer ckr_", "Bearer ckr_a", "Bearer ckr__", "Bearer ckr_a_b"],
)
def test_a_key_that_is_none(centre: Centre, header: str) -> None:
    answer = centre.nobody.http.get("/api/v1/kpi", headers={"Authorization": header})
    assert answer.status_code == 401
    assert problem(answer, 401, answer.json()["code"])
    assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("token", [b"ckr_a\x00b_c", b"ckr_\xff_c", "ckr_ключ_c".encode()])
def test_bytes_that_no_key_holds(centre: Centre, token: bytes) -> None:
    answer = _raw(
        centre,
        b"GET /api/v1/kpi HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer "
        + token
        + b"\r\n\r\n",
    )
    assert answer.split()[1] in (b"400", b"401"), answer[:300]


# --- questions


@pytest.mark.parametrize(
    ("path", "query", "pointer"),
    [
        ("/kpi", {"as_of": "2021-02-30"}, "/as_of"),
        ("/kpi", {"as_of": "yesterday"}, "/as_of"),
        ("/kpi", {"known_at": "2021-02-03T10:00:00"}, "/known_at"),
        ("/kpi", {"known_at": "2021-02-03"}, "/known_at"),
        ("/kpi", {"known_at": "now"}, "/known_at"),
        ("/kpi", {"known_at": "2021-02-03T10:00:00Z", "known_position": 1}, "/known_at"),
        ("/kpi", {"known_position": -1}, "/known_position"),
        ("/kpi", {"known_position": 2**63}, "/known_position"),
        ("/kpi", {"known_position": "head"}, "/known_position"),
        ("/kpi", {"min_position": -1}, "/min_position"),
        ("/kpi", {"asof": "2021-01-01"}, "/asof"),
        ("/kpi/series", {"from": "2021-01-01", "to": "2021-02-01"}, "/kpi"),
        ("/kpi/series", {"kpi": "services", "from": "2021-02-01", "to": "2021-01-01"}, "/from"),
        (
            "/kpi/series",
            {"kpi": "services", "from": "2021-02-01", "to": "2021-03-01", "step": "week"},
            "/step",
        ),
        (
            "/kpi/series",
            {"kpi": "services", "from": "1990-02-01", "to": "2021-03-01", "step": "day"},
            "/step",
        ),
        ("/kpi/diff", {"to_known_at": "2021-02-03T10:00:00"}, "/to_known_at"),
        ("/clusters", {"limit": 0}, "/limit"),
        ("/clusters", {"limit": 501}, "/limit"),
        ("/clusters", {"cursor": "!!!"}, "/cursor"),
        ("/clusters", {"cursor": "bnVsbA"}, "/cursor"),
        ("/cases", {"cursor": "WzFd"}, "/cursor"),
        ("/cases", {"status": "fine"}, "/status"),
        ("/cases", {"participant_id": "x"}, "/participant_id"),
        ("/participants", {"kind": "robot"}, "/kind"),
        ("/participants", {"name": "x"}, "/name"),
        ("/events", {"recorded_from": "2021-02-03T10:00:00"}, "/recorded_from"),
        ("/events", {"after": -1}, "/after"),
        ("/events", {"limit": "all"}, "/limit"),
        ("/events", {"participant": "x"}, "/participant"),
        ("/events.ndjson", {"afer": 5}, "/afer"),
    ],
    ids=str,
)
def test_a_question_that_is_not_understood(
    auditor: Client, path: str, query: dict[str, Any], pointer: str
) -> None:
    answer = auditor.get(path, **query)
    body = problem(answer, 422, answer.json()["code"])
    assert pointer in {error["pointer"] for error in body["errors"]}, body


def test_a_persons_inn_in_a_question_is_refused_and_not_repeated(auditor: Client) -> None:
    answer = auditor.get("/participants", inn=person_inn(5))
    assert answer.status_code == 422
    assert person_inn(5) not in answer.text


@pytest.mark.parametrize(
    "path",
    [
        "/events?actor=%00",
        "/events?type=%00",
        "/events?stream=%00",
        "/participants?q=%00",
        "/participants?cluster=%00",
        "/cases?cluster=%00",
        "/participants?q=%FF%FE",
        "/participants?q=%ED%A0%80",
        "/clusters/%00",
        "/clusters/%FF/members",
        "/clusters/%00/members",
        "/periods/%00",
        "/kpi/%00/evidence",
        "/clusters?cursor=WyJcdTAwMDAiXQ",
        "/events?cursor=OTk5OTk5OTk5OTk5OTk5OTk5OTk5OTk5OQ",
        "/kpi/services/evidence?cursor=OTk5OTk5OTk5OTk5OTk5OTk5OTk5OTk5OQ",
        "/kpi?known_at=0001-01-01T00:00:00%2B14:00",
        "/kpi?known_at=9999-12-31T23:59:59-14:00",
        "/kpi?as_of=0001-01-01",
        "/kpi?as_of=9999-12-31",
        "/kpi/series?kpi=services&from=9999-01-01&to=9999-12-31",
        "/clusters?limit=" + "1" * 5000,
    ],
)
def test_no_question_is_a_server_error(auditor: Client, path: str) -> None:
    answer = auditor.http.get(f"/api/v1{path}")
    assert answer.status_code in (200, 404, 422), f"{answer.status_code} {answer.text[:300]}"


# --- what is not there, or not so called


def test_unknown_places_and_methods_are_problems_too(centre: Centre, operator: Client) -> None:
    problem(operator.get("/nowhere"), 404, "not-found")
    problem(centre.nobody.get("/api/v2/kpi"), 404, "not-found")
    problem(operator.get("/clusters/nowhere"), 404, "not-found")
    problem(operator.get(f"/cases/{uuid4()}"), 404, "not-found")
    problem(operator.get(f"/participants/{uuid4()}"), 404, "not-found")
    problem(operator.get("/participants/not-an-id"), 404, "not-found")
    problem(operator.get("/kpi/nothing/evidence"), 404, "unknown-kpi")
    answer = operator.http.delete("/api/v1/clusters")
    problem(answer, 405, "method-not-allowed")
    assert {method.strip() for method in answer.headers["allow"].split(",")} >= {"GET", "POST"}
    problem(operator.post("/kpi"), 405, "method-not-allowed")


def test_commands_about_what_is_not_there(operator: Client) -> None:
    body = {"formed_on": "2021-01-01", "agreement": {"number": "1", "date": "2021-01-01"}}
    problem(operator.post("/clusters/nowhere/formation", **body), 404, "not-found")
    problem(
        operator.post(f"/participants/{uuid4()}/memberships", cluster="organic", joined_on="2021-01-01"),
        404,
        "not-found",
    )
    problem(operator.post(f"/cases/{uuid4()}/acceptances", **act()), 404, "not-found")
    correction = {"event_id": str(uuid4()), "reason": "x", "void": True}
    problem(operator.post(f"/cases/{uuid4()}/corrections", **correction), 404, "not-found")
    problem(operator.post("/clusters/nowhere/corrections", **correction), 404, "not-found")


def test_a_stale_version_names_the_present_one(operator: Client, organic: str) -> None:
    version = operator.read(f"/clusters/{organic}")["version"]
    answer = operator.post(
        f"/clusters/{organic}/title", headers={"If-Match": '"1"'}, title="Другое", retitled_on="2021-01-20"
    )
    assert problem(answer, 412, "stale-version")["actual_version"] == version
    answer = operator.post("/clusters", headers={"If-Match": '"5"'}, **{**PROPOSED, "code": "fresh"})
    assert problem(answer, 412, "stale-version")["actual_version"] == 0


# --- what goes wrong on our side


def test_an_error_of_ours_is_a_problem_that_tells_nothing(
    centre: Centre, database: Database, capfd: pytest.CaptureFixture[str]
) -> None:
    @get("/api/v1/broken", sync_to_thread=True, **roles(READ))
    def broken() -> dict[str, str]:
        """A mistake of ours."""
        raise KeyError("secret-of-ours")

    app = create_app(settings_for(database, 2))
    app.register(broken)
    app.state.query_names[next(iter(app.route_handler_method_map["/api/v1/broken"].values())).handler_id] = (
        frozenset()
    )
    with serving(app) as base:
        client = Client(base, centre.operator.key)
        answer = client.get("/broken")
        problem(answer, 500, "server-error")
        assert "secret-of-ours" not in answer.text
        assert client.get("/kpi").status_code == 200
        client.http.close()


def test_bytes_that_are_no_request_do_not_disturb(centre: Centre) -> None:
    for said in (
        b"\x00\x01\x02\r\n\r\n",
        b"GET /api/v1/kpi HTTP/9.9\r\n\r\n",
        b"POST /api/v1/clusters HTTP/1.1\r\nContent-Length: -5\r\n\r\n",
    ):
        _raw(centre, said)
    assert centre.operator.get("/kpi").status_code == 200


def _raw(centre: Centre, said: bytes) -> bytes:
    host, port = centre.base.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), 5) as connection:
        connection.settimeout(5)
        connection.sendall(said)
        heard = b""
        while chunk := connection.recv(65536):
            heard += chunk
        return heard
