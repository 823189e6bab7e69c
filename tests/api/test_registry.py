"""Registers over HTTP: a file is taken as it comes, loaded once, and answered for when it is recorded."""

from typing import Any
from uuid import uuid4

import httpx
import pytest
from api.centre import Centre, Client, firm, firm_inn, person_inn, problem
from registry.generator import Sme, write_sme

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
