"""Registers over HTTP: a file is taken as it comes, loaded once, and answered for when it is recorded."""

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import httpx
import pytest
from api.centre import Centre, Client, firm, firm_inn, found, person_inn, problem
from api.conftest import serving, settings_for
from msgspec.structs import replace
from registry import dadata_server
from registry.dadata_server import DaDataServer, party, suggestions
from registry.generator import Sme, write_sme

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
