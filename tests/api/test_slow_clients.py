"""A bad line is that client's own trouble: whoever sends or reads slowly takes nobody's turn."""

import json
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from api.centre import Centre, Client, cluster, problem
from api.conftest import serving, settings_for

from ckr_es.api.app import create_app
from ckr_es.store.database import Database

BODY = json.dumps(
    {"code": "slow", "title": "Медленно", "production": False, "proposed_on": "2021-01-10"}
).encode()


@pytest.fixture(scope="module")
def narrow(centre: Centre, database: Database) -> Iterator[Client]:
    """An operator of a server that answers two calls at a time."""
    with serving(create_app(settings_for(database, 2)), send_buffer=8192) as base:
        client = Client(base, centre.operator.key)
        yield client
        client.http.close()


def connected(stack: ExitStack, client: Client, receive_buffer: int | None = None) -> socket.socket:
    host, port = client.base.removeprefix("http://").split(":")
    connection = stack.enter_context(socket.socket())
    if receive_buffer is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    connection.settimeout(10)
    connection.connect((host, int(port)))
    return connection


def head(client: Client, method: str, path: str, *lines: str) -> bytes:
    said = (
        f"{method} /api/v1{path} HTTP/1.1",
        "Host: x",
        f"Authorization: Bearer {client.key}",
        *lines,
        "",
        "",
    )
    return "\r\n".join(said).encode()


def test_those_who_send_slowly_take_no_turn(narrow: Client) -> None:
    with ExitStack() as stack:
        lines = (
            "Content-Type: application/json",
            f"Content-Length: {len(BODY)}",
            "Idempotency-Key: slow",
            "Connection: close",
        )
        slow = [connected(stack, narrow) for _ in range(10)]
        for connection in slow:
            connection.sendall(head(narrow, "POST", "/clusters", *lines) + BODY[:20])
        assert narrow.get("/clusters").status_code == 200
        assert narrow.done("/clusters", **{**json.loads(BODY), "code": "quick"})["events"]
        slow[0].sendall(BODY[20:])
        slow[0].settimeout(10)
        heard = b""
        while chunk := slow[0].recv(65536):
            heard += chunk
        assert heard.startswith(b"HTTP/1.1 201")
    assert narrow.read("/clusters/slow")["version"] == 1
    assert narrow.get("/clusters").status_code == 200


def test_those_who_read_slowly_take_no_turn(centre: Centre, narrow: Client) -> None:
    code = cluster(narrow, "long")
    for n in range(80):
        narrow.done(f"/clusters/{code}/title", title=f"{n} " + "я" * 1900, retitled_on="2021-01-10")
    auditor = Client(narrow.base, centre.auditor.key)
    with ExitStack() as stack:
        for _ in range(10):
            connection = connected(stack, auditor, receive_buffer=4096)
            connection.sendall(head(auditor, "GET", "/events.ndjson"))
        time.sleep(0.3)
        assert narrow.get("/clusters").status_code == 200
    auditor.http.close()


def test_who_goes_away_in_the_middle_of_a_body_records_nothing(centre: Centre, narrow: Client) -> None:
    before = centre.kept()
    lines = ("Content-Type: application/json", "Content-Length: 1000", "Idempotency-Key: gone")
    for _ in range(5):
        with ExitStack() as stack:
            connected(stack, narrow).sendall(head(narrow, "POST", "/clusters", *lines) + BODY)
    assert narrow.get("/clusters").status_code == 200
    assert centre.kept() == before
    problem(narrow.get("/clusters/gone"), 404, "not-found")
