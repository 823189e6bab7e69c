"""Imports over HTTP: previewed, committed, examined and taken back, by who may and once."""

import io
import json
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from api.centre import Body, Centre, Client, firm_inn, person_inn, problem
from api.conftest import serving, settings_for
from imports.commands import Line, cluster, firm, line
from litestar import Litestar
from python_calamine import load_workbook

from ckr_es.api.app import create_app
from ckr_es.imports import importing
from ckr_es.store.database import Database

IMPORTS = "/imports"


def ndjson(lines: Iterable[Line]) -> bytes:
    return b"".join(json.dumps(each, ensure_ascii=False).encode() + b"\n" for each in lines)


def send(client: Client, body: Any, key: str | None = None, **headers: str) -> httpx.Response:
    said = {"Idempotency-Key": key or uuid4().hex, "Content-Type": "application/x-ndjson", **headers}
    return client.http.post(f"/api/v1{IMPORTS}", content=body, headers=said)


def looked(client: Client, lines: Iterable[Line]) -> Body:
    answer = send(client, ndjson(lines))
    assert answer.status_code in (200, 201), answer.text
    told: Body = answer.json()
    return told


def commit(client: Client, id: str, key: str | None = None, **headers: str) -> httpx.Response:
    said = {"Idempotency-Key": key or uuid4().hex, **headers}
    return client.http.post(f"/api/v1{IMPORTS}/{id}/commit", headers=said)


def test_a_file_is_previewed_committed_and_taken_back(
    centre: Centre, operator: Client, auditor: Client
) -> None:
    before = centre.kept()
    lines = [*cluster("one"), *firm(1, "one"), line("/clusters", "bad", code="two", title=5)]
    made = send(operator, ndjson(lines), key="look")
    assert made.status_code == 201, made.text
    told = made.json()
    assert made.headers["location"] == f"/api/v1{IMPORTS}/{told['id']}"
    assert (told["state"], told["rows"], told["recorded"]) == ("previewed", 12, None)
    assert told["preview"]["rows"] == {"recorded": 11, "unchanged": 0, "replayed": 0, "refused": 1}
    assert centre.kept() == before
    again = send(operator, ndjson(lines), key="look")
    assert (again.status_code, again.headers["idempotent-replayed"]) == (200, "true")
    problem(send(operator, ndjson(lines[:3]), key="look"), 422, "idempotency-key-reused")

    refused = auditor.read(f"{IMPORTS}/{told['id']}/rows", outcome="refused")["items"]
    assert [(row["line"], row["error"]["code"]) for row in refused] == [(12, "wrong-type")]
    pages = [len(page) for page in auditor.walk(f"{IMPORTS}/{told['id']}/rows", limit=5)]
    assert pages == [5, 5, 2]

    done = commit(operator, told["id"], key="commit")
    assert (done.status_code, done.json()["state"]) == (200, "committed")
    assert done.json()["recorded"] == told["preview"]
    head = centre.head()
    twice = commit(operator, told["id"], key="commit")
    assert (twice.status_code, twice.json()) == (200, done.json())
    assert commit(operator, told["id"]).json() == done.json()
    assert send(operator, ndjson(lines)).json() == done.json()
    assert centre.head() == head
    events = auditor.read("/events", correlation_id=told["id"], limit=500)["items"]
    assert len(events) == sum(done.json()["recorded"]["events"].values())
    assert {event["actor"] for event in events} == {operator.actor}
    assert auditor.read("/clusters/one")["status"] == "formed"

    taken = operator.post(f"{IMPORTS}/{told['id']}/revert", key="back", reason="не тот файл")
    assert (taken.status_code, taken.json()["state"], taken.json()["reverted"]) == (
        200,
        "reverted",
        len(events),
    )
    head = centre.head()
    again = operator.post(f"{IMPORTS}/{told['id']}/revert", key="back", reason="не тот файл")
    assert (again.json(), centre.head()) == (taken.json(), head)
    problem(
        operator.post(f"{IMPORTS}/{told['id']}/revert", key="back", reason="иначе"),
        422,
        "idempotency-key-reused",
    )
    problem(auditor.get("/clusters/one"), 404, "not-found")
    listed = auditor.read(IMPORTS)["items"]
    assert (listed[0]["id"], listed[0]["state"]) == (told["id"], "reverted")


def test_the_same_events_as_by_the_api(centre: Centre, operator: Client, auditor: Client) -> None:
    """One firm by an import, one by calls: their bodies differ in nothing but what names them."""
    looked_at = looked(operator, [*cluster("twin"), *firm(101, "twin")])
    commit(operator, looked_at["id"])
    who = operator.done(
        "/participants", kind="legal_entity", inn=firm_inn(102), name="Фирма 102", registered_on="2020-03-01"
    )["id"]
    case = ""
    for each in firm(102, "twin")[1:]:
        path = each["path"].replace(f"inn:{firm_inn(102)}", who).replace("crm:102", case)
        body = dict(each["body"])
        if path == "/cases":
            body["participant_id"] = who
        answer = operator.done(path, **body)
        case = answer["id"] if path == "/cases" else case

    def bodies(inn: str) -> list[Any]:
        id = auditor.read("/participants", inn=inn)["items"][0]["id"]
        items = [e for page in auditor.walk("/events", participant=id) for e in page]
        text = json.dumps([(e["type"], e["body"]) for e in items])
        for item in items:
            text = text.replace(item["event_id"], "event").replace(item["stream_id"], "stream")
        found: list[Any] = json.loads(
            text.replace(inn, "inn").replace("Фирма 102", "Фирма 101").replace('"102"', '"101"')
        )
        return found

    text = json.dumps(bodies(firm_inn(102)), ensure_ascii=False).replace("Фирма 102", "Фирма 101")
    assert json.loads(text) == bodies(firm_inn(101))


def test_a_row_and_a_call_share_their_key(centre: Centre, operator: Client) -> None:
    body = {"kind": "legal_entity", "inn": firm_inn(201), "name": "Ф", "registered_on": "2020-03-01"}
    made = operator.post("/participants", key="shared", **body)
    told = looked(operator, [line("/participants", "shared", **body)])
    assert told["preview"]["rows"]["replayed"] == 1
    other = looked(operator, [line("/participants", "shared", **{**body, "name": "Иная"})])
    assert other["preview"]["rows"]["refused"] == 1
    commit(operator, looked(operator, cluster("shared"))["id"])
    again = operator.post("/clusters", key="shared-0", **cluster("shared")[0]["body"])
    assert (again.status_code, again.headers["idempotent-replayed"]) == (201, "true")
    assert made.status_code == 201


def test_errors_come_as_lines_and_as_a_workbook(operator: Client, auditor: Client) -> None:
    inn = person_inn(7)
    lines = [
        line("/clusters", None, code="ERR", title="x", production=True, proposed_on="2999-01-01"),
        line(
            "/participants", None, kind="entrepreneur", inn=inn[:-1], name="=Имя", registered_on="2020-01-01"
        ),
        line("/nowhere", None),
    ]
    told = looked(operator, lines)
    path = f"{IMPORTS}/{told['id']}/errors"
    answer = auditor.get(path)
    assert answer.headers["content-type"].startswith("application/x-ndjson")
    found = [json.loads(each) for each in answer.text.splitlines()]
    assert [(e["row"], e["column"], e["code"]) for e in found] == [
        (1, "/code", "text-invalid"),
        (1, "/proposed_on", "date-in-future"),
        (2, "/inn", "inn-invalid"),
        (3, "", "path-unknown"),
    ]
    assert found[1]["value"] == "2999-01-01"
    assert inn[:-1] not in answer.text
    sheet = auditor.get(path, format="xlsx")
    assert sheet.headers["content-type"].startswith("application/vnd.openxml")
    rows = load_workbook(io.BytesIO(sheet.content)).get_sheet_by_index(0).to_python()
    assert rows[0] == ["Лист", "Строка", "Столбец", "Значение", "Ошибка", "Код"]
    assert [row[1] for row in rows[1:]] == [1, 1, 2, 3]
    problem(auditor.get(path, format="pdf"), 422, "query-invalid")


def test_a_list_of_staff_as_csv(operator: Client, auditor: Client) -> None:
    content = "Вид;ИНН;Наименование;Дата регистрации\nИП;" + person_inn(301) + ";Имярек;01.03.2020\n"
    made = send(operator, content.encode("cp1251"), **{"Content-Type": "text/csv"})
    assert (made.status_code, made.json()["format"]) == (201, "csv")
    done = commit(operator, made.json()["id"])
    assert done.json()["recorded"]["events"] == {"participant.registered": 1}
    found = auditor.post("/participants/search", inn=person_inn(301)).json()["items"]
    assert [item["name"] for item in found] == ["Имярек"]


def test_a_bad_file_is_the_same_refusal_again(centre: Centre, operator: Client, auditor: Client) -> None:
    before = centre.kept()
    for _ in range(2):
        refused = send(operator, "ИНН;Нечто\n1;2\n".encode(), key="bad")
        problem(refused, 422, "list-empty")
    assert refused.headers["idempotent-replayed"] == "true"
    assert auditor.read(IMPORTS)["items"][0]["state"] == "failed"
    for body, code in (
        (b"", "file-empty"),
        (b"PK\x03\x04", "archive-damaged"),
        (b"\xff\xfe{", "encoding-unknown"),
    ):
        assert "«файл»" in problem(send(operator, body), 422, code)["detail"]
    assert centre.kept() == before


def test_who_may_import(centre: Centre, operator: Client, manager: Client, auditor: Client) -> None:
    body = ndjson(cluster("may"))
    problem(send(centre.nobody, body), 401, "key-required")
    for client in (auditor, centre.analyst, centre.admin):
        problem(send(client, body), 403, "role-not-allowed")
    problem(send(centre.client("operator", "may"), body), 403, "cluster-key")
    problem(send(operator, body, **{"Idempotency-Key": ""}), 400, "idempotency-key-required")
    form = {"Content-Type": "multipart/form-data; boundary=x"}
    problem(send(operator, body, **form), 415, "import-file-required")
    told = send(operator, body).json()
    problem(commit(auditor, told["id"]), 403, "role-not-allowed")
    problem(commit(manager, told["id"]), 403, "foreign-import")
    problem(commit(operator, str(uuid4())), 404, "not-found")
    problem(operator.post(f"{IMPORTS}/{told['id']}/revert", reason="x"), 409, "not-committed")
    problem(operator.post(f"{IMPORTS}/{told['id']}/revert"), 422, "required")
    problem(centre.analyst.get(f"{IMPORTS}/{told['id']}"), 403, "role-not-allowed")
    problem(auditor.get(f"{IMPORTS}/{uuid4()}/errors"), 404, "not-found")


def test_what_stands_on_an_import_is_listed(operator: Client) -> None:
    told = looked(operator, cluster("base"))
    commit(operator, told["id"])
    who = operator.done(
        "/participants", kind="legal_entity", inn=firm_inn(401), name="Ф", registered_on="2020-03-01"
    )["id"]
    operator.done(f"/participants/{who}/memberships", cluster="base", joined_on="2020-03-01")
    body = problem(operator.post(f"{IMPORTS}/{told['id']}/revert", reason="x"), 409, "import-rests")
    assert {error["code"] for error in body["errors"]} == {"rests"}


def test_who_does_not_wait_is_told_where_to_look(
    operator: Client, auditor: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing, "BATCH", 20)
    lines = [*cluster("slow"), *(each for n in range(500, 560) for each in firm(n, "slow"))]
    taken = send(operator, ndjson(lines), Prefer="wait=0")
    assert taken.status_code in (201, 202)

    def until(state: str) -> Body:
        deadline = time.monotonic() + 30
        while (told := auditor.http.get(taken.headers["location"]).json())["state"] != state:
            assert time.monotonic() < deadline, told
            time.sleep(0.05)
        found: Body = told
        return found

    id = until("previewed")["id"]
    asked = commit(operator, id, Prefer="respond-async, wait=0")
    assert asked.status_code == 202
    assert until("committed")["recorded"]["rows"]["recorded"] == len(lines)


def test_a_server_that_stops_leaves_a_commit_that_goes_on(
    centre: Centre, database: Database, operator: Client, auditor: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing, "BATCH", 5)
    lines = [*cluster("stop"), *(each for n in range(600, 680) for each in firm(n, "stop"))]
    told = looked(operator, lines)
    stopping: Litestar = create_app(settings_for(database))
    with serving(stopping) as base:
        client = Client(base, operator.key)
        assert commit(client, told["id"], Prefer="wait=0").status_code == 202
        client.http.close()
    stopped = auditor.read(f"{IMPORTS}/{told['id']}")
    assert stopped["state"] == "interrupted"
    assert stopped["done"] < len(lines)
    done = commit(operator, told["id"], Prefer="wait=30")
    assert done.json()["recorded"] == told["preview"]


def test_a_large_file_takes_no_turn_and_leaves_no_file(operator: Client, tmp_path: Path) -> None:
    long = b'{"path": "/clusters", "body": {"title": "' + b"x" * 3_000_000 + b'"}}\n'
    told = send(operator, long + ndjson(cluster("large"))).json()
    assert told["preview"]["rows"] == {"recorded": 2, "unchanged": 0, "replayed": 0, "refused": 1}
