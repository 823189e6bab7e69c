"""Registers over HTTP: a file is taken as it comes, loaded once, and answered for when it is recorded."""

import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import date
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from api.centre import Centre, Client, firm, firm_inn, found, person_inn, problem
from api.conftest import serving, settings_for
from api.test_slow_clients import connected, head
from msgspec.structs import replace
from registry import dadata_server
from registry.dadata_server import DaDataServer, party, suggestions
from registry.generator import Received, Sme, sme, write_sme, write_support, xml

from ckr_es.api import spool
from ckr_es.api.app import create_app
from ckr_es.store.database import Database

SME, SUPPORT = "/registry/sme-snapshots", "/registry/support-snapshots"


def send(client: Client, path: str, body: Any, key: str | None = None, **headers: str) -> httpx.Response:
    said = {"Idempotency-Key": key or uuid4().hex, "Content-Type": "application/zip", **headers}
    return client.http.post(f"/api/v1{path}", content=body, headers=said)


@pytest.fixture(scope="module")
def who(operator: Client) -> list[str]:
    return [firm(operator, n) for n in (1, 2)]


@pytest.fixture(scope="module")
def march(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("files") / "march.zip"
    return write_sme(path, 100, members=3, given=[Sme(inn=firm_inn(1)), Sme(inn=person_inn(9))]).read_bytes()


def test_a_file_is_loaded_and_the_same_file_is_the_same_snapshot(
    centre: Centre, operator: Client, auditor: Client, who: list[str], march: bytes
) -> None:
    made = send(operator, SME, march, key="march")
    assert made.status_code == 201, made.text
    told = made.json()
    assert (told["state"], told["complete"], told["found"], told["absent"]) == ("recorded", True, 1, 1)
    assert made.headers["location"] == f"/api/v1{SME}/{told['id']}"
    head = centre.head()
    again = send(operator, SME, march, key="march")
    assert (again.status_code, again.headers["idempotent-replayed"]) == (200, "true")
    other = send(operator, SME, march)
    assert (other.status_code, other.json()["id"], other.json()["unchanged"]) == (200, told["id"], 2)
    assert centre.head() == head
    assert auditor.read(f"{SME}/{told['id']}")["found"] == 1
    problem(send(operator, SME + "?complete=false", march, key="march"), 422, "idempotency-key-reused")


def test_both_registers_are_listed_the_latest_first(
    operator: Client, auditor: Client, who: list[str], march: bytes, tmp_path: Path
) -> None:
    send(operator, SME, march)
    april = write_sme(tmp_path / "april.xml", given=[Sme(inn=firm_inn(2))], as_of=date(2021, 4, 10))
    made = send(operator, SME, april.read_bytes(), **{"Content-Type": "text/xml"})
    assert (made.status_code, made.json()["complete"]) == (201, False)
    days = [page[0]["as_of"] for page in auditor.walk(SME, limit=1) if page]
    assert days == ["2021-04-10", "2021-03-10"]
    path = write_support(tmp_path / "pp.zip", [Received(inn=firm_inn(1))])
    told = send(operator, SUPPORT, path.read_bytes())
    assert (told.status_code, told.json()["found"], told.json()["absent"]) == (201, 1, 1)
    assert [item["id"] for item in auditor.read(SUPPORT)["items"]] == [told.json()["id"]]
    problem(auditor.get(f"{SME}/{told.json()['id']}"), 404, "not-found")
    problem(send(operator, SME, path.read_bytes()), 422, "register-wrong-kind")


def test_a_bad_file_is_refused_with_member_and_line_and_records_nothing(
    centre: Centre, operator: Client, auditor: Client, who: list[str], tmp_path: Path
) -> None:
    bad = xml([sme(Sme(inn=firm_inn(1))), sme(Sme(inn=firm_inn(2)), date(2999, 1, 1))])
    before = centre.kept()
    for _ in range(2):
        refused = send(operator, SME, bad, key="bad")
        (error,) = problem(refused, 422, "date-in-future")["errors"]
        assert error["pointer"].count("/") == 2
    assert refused.headers["idempotent-replayed"] == "true"
    failed = auditor.read(SME)["items"][0]
    assert (failed["state"], failed["error"]["code"]) == ("failed", "date-in-future")
    assert centre.kept() == before
    assert centre.rows("select count(*) from registry.sme where snapshot_id = %s", failed["id"]) == [(0,)]
    for body in (b"", b"PK\x03\x04", b"no register"):
        problem(send(operator, SME, body), 422, "file-unknown" if body[:1] != b"P" else "archive-damaged")
    assert centre.kept() == before


@pytest.mark.parametrize("kind", ["application/json", "application/x-www-form-urlencoded", ""])
def test_a_file_is_taken_whatever_the_client_calls_it(
    operator: Client, who: list[str], march: bytes, kind: str
) -> None:
    told = send(operator, SME, march, **{"Content-Type": kind})
    assert (told.status_code, told.json()["state"]) in ((200, "recorded"), (201, "recorded"))


def test_an_error_does_not_name_the_file_as_it_lies_with_us(operator: Client, who: list[str]) -> None:
    bad = problem(
        send(operator, SME, xml([sme(Sme(inn=firm_inn(1)), date(2999, 2, 1))])), 422, "date-in-future"
    )
    assert bad["errors"][0]["pointer"] == "/файл/2"
    assert "«файл»" in problem(send(operator, SME, b"PK\x03\x04"), 422, "archive-damaged")["detail"]


def test_who_does_not_wait_is_told_where_to_look(
    operator: Client, auditor: Client, who: list[str], tmp_path: Path
) -> None:
    path = write_sme(tmp_path / "may.zip", 3_000, members=6, as_of=date(2021, 5, 10))
    taken = send(operator, SME, path.read_bytes(), key="may", Prefer="respond-async, wait=0")
    assert taken.status_code == 202
    assert taken.json()["state"] in ("reading", "recording")
    busy = send(operator, SME, write_sme(tmp_path / "b.zip", 1).read_bytes())
    if busy.status_code != 201:
        problem(busy, 409, "load-in-progress")
    deadline = time.monotonic() + 20
    while (told := auditor.http.get(taken.headers["location"]).json())["state"] != "recorded":
        assert time.monotonic() < deadline, told
        time.sleep(0.05)
    assert told["records"] == 3_000
    again = send(operator, SME, path.read_bytes(), key="may")
    assert (again.status_code, again.headers["idempotent-replayed"]) == (200, "true")


def test_a_closed_period_needs_a_reason(
    centre: Centre, operator: Client, manager: Client, who: list[str], tmp_path: Path
) -> None:
    manager.done("/periods/2020-Q4/closing", approved_by="Глава")
    path = write_sme(tmp_path / "late.zip", 5, as_of=date(2020, 11, 10))
    for _ in range(2):
        problem(send(operator, SME, path.read_bytes(), key="late"), 409, "period-closed")
    done = send(operator, f"{SME}?late_reason=поздно", path.read_bytes())
    assert (done.status_code, done.json()["absent"]) == (201, 2)


def test_what_is_no_file_is_refused_before_it_is_taken(
    centre: Centre, operator: Client, auditor: Client, march: bytes
) -> None:
    problem(send(centre.nobody, SME, march), 401, "key-required")
    problem(send(auditor, SME, march), 403, "role-not-allowed")
    problem(send(centre.client("operator", "organic"), SME, march), 403, "cluster-key")
    form = {"Content-Type": "multipart/form-data; boundary=x"}
    problem(send(operator, SME, march, **form), 415, "register-file-required")
    problem(send(operator, SME, march, **{"Idempotency-Key": ""}), 400, "idempotency-key-required")
    problem(send(operator, f"{SME}?region=abc", march), 422, "query-invalid")
    problem(send(operator, f"{SUPPORT}?region=24", march), 422, "unknown-query")
    with ExitStack() as stack:
        connection = connected(stack, operator)
        lines = (
            "Content-Type: application/zip",
            "Idempotency-Key: x",
            f"Content-Length: {2**33}",
            "Connection: close",
        )
        connection.sendall(head(operator, "POST", SME, *lines))
        assert connection.recv(65536).startswith(b"HTTP/1.1 413")


def test_a_large_body_that_comes_slowly_takes_nobodys_turn(
    centre: Centre, database: Database, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(spool, "PATIENCE", 2.0)
    path = write_sme(tmp_path / "slow.zip", 20_000, as_of=date(2021, 6, 10))
    body = path.read_bytes()
    assert len(body) > 12 * spool.PROGRESS
    settings = replace(settings_for(database, 2), data_dir=tmp_path)
    with serving(create_app(settings)) as base, ExitStack() as stack:
        client = Client(base, centre.operator.key)
        stack.callback(client.http.close)
        lines = ("Content-Type: application/zip", f"Content-Length: {len(body)}", "Connection: close")
        slow = [connected(stack, client) for _ in range(spool.AT_ONCE)]
        for n, connection in enumerate(slow):
            connection.sendall(head(client, "POST", SME, *lines, f"Idempotency-Key: slow-{n}"))
        for connection in slow[1:]:
            connection.sendall(body[:100])
        deadline = time.monotonic() + 1
        while len(list(tmp_path.glob("spool/*"))) < spool.AT_ONCE:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        assert client.get("/clusters").status_code == 200
        problem(send(client, SME, b"PK"), 503, "overloaded")
        for start in range(0, len(body), 70_000):  # in all slower than the patience
            slow[0].sendall(body[start : start + 70_000])
            time.sleep(0.15)
        heard = b""
        while chunk := slow[0].recv(65536):
            heard += chunk
        assert heard.startswith(b"HTTP/1.1 201")
        assert all(connection.recv(65536).startswith(b"HTTP/1.1 408") for connection in slow[1:])
        assert list((tmp_path / "spool").iterdir()) == []


def test_a_server_that_stops_leaves_a_load_that_goes_on(
    centre: Centre, database: Database, operator: Client, auditor: Client, tmp_path: Path
) -> None:
    path = write_sme(
        tmp_path / "long.zip", 60_000, members=40, as_of=date(2021, 7, 10), share_of_region_24=0.5
    )
    with serving(create_app(settings_for(database))) as base:
        client = Client(base, centre.operator.key)
        taken = send(client, SME, path.read_bytes(), key="long", Prefer="wait=0")
        client.http.close()
    assert taken.status_code == 202
    stopped = auditor.read(f"{SME}/{taken.json()['id']}")
    assert stopped["state"] == "interrupted"
    assert stopped["file"]["members_read"] < 40
    again = send(operator, SME, path.read_bytes(), key="long", Prefer="wait=30")
    assert (again.status_code, again.json()["id"], again.json()["records"]) == (201, stopped["id"], 60_000)


@pytest.fixture(scope="module")
def outside() -> Iterator[DaDataServer]:
    with dadata_server.serving() as server:
        yield server


@pytest.fixture(scope="module")
def asking(centre: Centre, database: Database, outside: DaDataServer) -> Iterator[Client]:
    """An operator of a server that may ask outside."""
    settings = replace(settings_for(database), dadata_token="t", dadata_url=outside.url)
    with serving(create_app(settings)) as base:
        client = Client(base, centre.operator.key)
        yield client
        client.http.close()


def test_a_look_up_without_a_record(
    centre: Centre, asking: Client, outside: DaDataServer, who: list[str]
) -> None:
    head = centre.head()
    outside.answers(suggestions(party(firm_inn(1))), suggestions())
    answer = asking.post("/registry/lookups", key=None, inn=firm_inn(1), source="dadata")
    assert (answer.status_code, answer.json()["result"]) == (200, "found")
    assert (answer.json()["company"]["status"], answer.json()["via"]) == ("active", "dadata")
    answer = asking.post("/registry/lookups", key=None, inn=firm_inn(8), source="dadata")
    assert (answer.status_code, answer.json()["result"]) == (200, "absent")
    answer = asking.post("/registry/lookups", key=None, inn=firm_inn(8), source="snapshot")
    assert (answer.status_code, answer.json()["result"]) == (200, "unavailable")
    assert answer.json()["reason"]
    problem(
        asking.post("/registry/lookups", key=None, inn=person_inn(8)[:-1], source="dadata"),
        422,
        "inn-invalid",
    )
    assert centre.head() == head


def test_a_look_up_is_recorded_once_and_asks_outside_once(
    asking: Client, auditor: Client, outside: DaDataServer, who: list[str]
) -> None:
    outside.answers(suggestions(party(firm_inn(1))))
    first = asking.post(f"/participants/{who[0]}/registry-lookups", key="ask", source="dadata")
    assert [event["type"] for event in first.json()["events"]] == ["participant.registry-checked"]
    again = asking.post(f"/participants/{who[0]}/registry-lookups", key="ask", source="dadata")
    assert again.headers["idempotent-replayed"] == "true"
    assert again.json() == first.json()
    assert len(outside.asked) == 1
    reused = asking.post(f"/participants/{who[0]}/registry-lookups", key="ask", source="snapshot")
    problem(reused, 422, "idempotency-key-reused")
    event = auditor.read(f"/events/{first.json()['events'][0]['event_id']}")
    assert (event["body"]["via"], event["body"]["result"]) == ("dadata", "found")


def test_no_answer_is_recorded_as_such(
    asking: Client, auditor: Client, outside: DaDataServer, who: list[str]
) -> None:
    outside.answers((403, b"{}"))
    done = asking.done(f"/participants/{who[1]}/registry-lookups", source="dadata")
    event = auditor.read(f"/events/{done['events'][0]['event_id']}")
    assert event["body"]["result"] == "unavailable"


def test_what_is_not_configured_is_refused(operator: Client, who: list[str]) -> None:
    problem(
        operator.post("/registry/lookups", key=None, inn=firm_inn(1), source="dadata"),
        409,
        "lookup-not-configured",
    )
    asked = operator.post(f"/participants/{who[0]}/registry-lookups", source="dadata")
    problem(asked, 409, "lookup-not-configured")


def test_nobody_enters_what_only_the_system_reads(operator: Client, who: list[str]) -> None:
    for via in ("snapshot", "dadata"):
        body = {**found(), "via": via, "answer_sha256": "a" * 64}
        problem(operator.post(f"/participants/{who[0]}/registry-checks", **body), 422, "not-applicable")
