"""What an auditor reads is on record before it is answered, and nothing personal is in the record."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from api.centre import Centre, firm, firm_inn, person_inn, problem
from psycopg.errors import InsufficientPrivilege

ACCESSES = "/access-log"


def last(centre: Centre, **query: Any) -> dict[str, Any]:
    found: dict[str, Any] = centre.admin.read(ACCESSES, limit=1, **query)["items"][0]
    return found


def count(centre: Centre) -> int:
    return int(centre.rows("select count(*) from ckr.access")[0][0])


@contextmanager
def done_to(centre: Centre, statement: str, undone: str) -> Iterator[None]:
    with psycopg.connect(centre.database.admin_conninfo(), autocommit=True) as conn:
        conn.execute(statement.encode())
        try:
            yield
        finally:
            conn.execute(undone.encode())


@pytest.fixture(scope="module")
def who(centre: Centre) -> str:
    return firm(centre.operator, 1)


def test_a_read_of_an_auditor_is_one_row_and_others_leave_none(centre: Centre, who: str) -> None:
    before = count(centre)
    for client in (centre.operator, centre.manager):
        client.read(f"/participants/{who}")
    centre.analyst.read("/kpi")
    assert count(centre) == before
    head = centre.head()
    centre.auditor.read(f"/participants/{who}", as_of="2021-05-01", known_position=head)
    assert count(centre) == before + 1
    row = last(centre)
    assert row.pop("id") > 0
    assert datetime.fromisoformat(row.pop("at")) > datetime.now(UTC) - timedelta(minutes=1)
    assert row == {
        "actor": centre.auditor.actor, "role": "auditor", "route": "GET /api/v1/participants/{id}",
        "objects": {"id": who}, "as_of": "2021-05-01", "known_at": None, "known_position": head, "head_position": head,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("path", "query", "route", "objects"),
    [
        ("/kpi/services/evidence", {"limit": 5}, "/kpi/{kpi}/evidence", {"kpi": "services"}),
        ("/events", {"stream": "organic", "after": 3}, "/events", {"stream": "organic", "after": "3"}),
        ("/events.ndjson", {"after": 0}, "/events.ndjson", {"after": "0"}),
        ("/periods/2019-Q1/report.json", {}, "/periods/{label}/report.json", {"label": "2019-Q1"}),
        (ACCESSES, {}, ACCESSES, {}),
    ],
)
def test_every_kind_of_read_is_recorded(
    centre: Centre, path: str, query: dict[str, Any], route: str, objects: dict[str, str]
) -> None:
    assert centre.auditor.get(path, **query).status_code == 200
    row = last(centre)
    assert (row["route"], row["objects"]) == (f"GET /api/v1{route}", objects)


def test_a_look_at_the_head_of_an_answer_is_a_read_too(centre: Centre, who: str) -> None:
    before = count(centre)
    assert centre.auditor.http.head(f"/api/v1/participants/{who}").status_code == 200
    assert count(centre) == before + 1


def test_what_was_searched_for_is_not_in_the_record(centre: Centre, who: str) -> None:
    auditor, inn = centre.auditor, person_inn(7)
    auditor.post("/participants/search", key=None, q="Голубикина", inn=inn)
    auditor.get("/participants", q="Голубикина")
    auditor.get("/participants", inn=firm_inn(1))
    auditor.get(f"/clusters/{inn}")
    auditor.get("/clusters/Голубикина")
    auditor.get("/events", stream="goluba@example.org", type=inn)
    auditor.get("/participants", cluster="+73912223344", as_of="Голубикина")
    auditor.get("/participants", Голубикина="1")
    text = str(centre.rows("select a::text from ckr.access a"))
    for marker in ("Голубикина", inn, firm_inn(1), "example.org", "73912223344"):
        assert marker not in text
    assert "POST /api/v1/participants/search" in text
    assert last(centre, object="—")["objects"]["cluster"] == "—"


def test_the_record_is_paged_and_filtered(centre: Centre, who: str) -> None:
    other = centre.client("auditor")
    for _ in range(3):
        other.read(f"/participants/{who}/timeline")
    pages = list(centre.manager.walk(ACCESSES, limit=2, actor=other.actor))
    assert [len(page) for page in pages] == [2, 1]
    ids = [row["id"] for page in pages for row in page]
    assert ids == sorted(ids, reverse=True)
    assert {row["route"] for row in centre.admin.read(ACCESSES, object=who, actor=other.actor)["items"]} == {
        "GET /api/v1/participants/{id}/timeline"
    }
    soon = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    assert centre.admin.read(ACCESSES, since=soon)["items"] == []
    assert centre.admin.read(ACCESSES, until=soon)["items"]
    problem(centre.admin.get(ACCESSES, since="2021-01-01T00:00:00"), 422, "instant-naive")
    for client in (centre.operator, centre.analyst):
        problem(client.get(ACCESSES), 403, "role-not-allowed")


def test_a_read_that_cannot_be_recorded_is_refused(centre: Centre, who: str) -> None:
    with done_to(centre, "revoke insert on ckr.access from ckr_app", GRANT):
        problem(centre.auditor.get(f"/participants/{who}"), 503, "access-not-recorded")
        problem(centre.auditor.get("/events.ndjson"), 503, "access-not-recorded")
        problem(centre.auditor.post("/participants/search", key=None, q="x"), 503, "access-not-recorded")
        assert centre.operator.get(f"/participants/{who}").status_code == 200
    assert centre.auditor.get(f"/participants/{who}").status_code == 200


GRANT = """
    grant insert (actor, role, route, objects, as_of, known_at, known_position, head_position) on ckr.access to ckr_app
"""


@pytest.mark.parametrize("role", ["ckr_app", "ckr_reader", "ckr_projector", "ckr_owner", None])
@pytest.mark.parametrize(
    "statement", ["update ckr.access set actor = 'x'", "delete from ckr.access", "truncate ckr.access"]
)
def test_nobody_rewrites_the_record(centre: Centre, role: str | None, statement: str) -> None:
    with psycopg.connect(centre.database.admin_conninfo(), autocommit=True) as conn:
        if role:
            conn.execute(f"set role {role}".encode())
        with pytest.raises(InsufficientPrivilege):
            conn.execute(statement.encode())


def test_nobody_chooses_when_a_read_was(centre: Centre) -> None:
    insert = """insert into ckr.access (at, actor, role, route, objects, head_position)
        values (now(), 'x', 'x', 'x', '{}', 0)"""
    with (
        psycopg.connect(centre.database.conninfo("ckr_app"), autocommit=True) as conn,
        pytest.raises(InsufficientPrivilege),
    ):
        conn.execute(insert)


def test_the_command_line_shows_the_record(centre: Centre, who: str) -> None:
    centre.auditor.read(f"/participants/{who}/timeline")
    environ = {**os.environ, "DATABASE_URL": centre.database.admin_conninfo()}
    command = [sys.executable, "-m", "ckr_es.cli", "audit", "accesses", "--object", who, "--limit", "1"]
    told, shown = (
        subprocess.run([*command, *more], capture_output=True, text=True, env=environ, check=True).stdout
        for more in (["--json"], [])
    )
    (row,) = json.loads(told)["items"]
    assert (row["actor"], row["objects"]) == (centre.auditor.actor, {"id": who})
    assert "timeline" in shown
