"""What identifies a natural person lies in the vault and nowhere else: in no event, no stored answer, no file."""

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import psycopg
import pytest
from api.centre import Centre, cluster, file_all, ogrnip, person_inn, plain_case, problem
from psycopg import sql

from ckr_es.store.database import Database
from ckr_es.store.settings import Settings

NAME, RENAMED = "Марципанова Аглая Тихоновна", "Пряникова Аглая Тихоновна"
MAIL, PHONE = "aglaya-marker@example.org", "+7 391 555-77-33"
INN, OGRNIP, OTHER_INN = person_inn(424_242), ogrnip(515_151), person_inn(434_343)
MARKERS = ("Марципанов", "Пряников", "Аглая", MAIL, PHONE, INN, OGRNIP, OTHER_INN)
# As JSON with escapes would have them.
ESCAPED = tuple(json.dumps(marker)[1:-1] for marker in MARKERS)
TABLES = """
    select n.nspname, c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where c.relkind in ('r', 'm', 'p') and n.nspname not in ('pg_catalog', 'information_schema')
    order by 1, 2
"""


@contextmanager
def served(home: Path, log: Path, **environ: str) -> Iterator[str]:
    command = [sys.executable, "-m", "ckr_es.cli", "serve", "--port", "0", "--json"]
    with log.open("w") as stderr:
        process = subprocess.Popen(
            command,
            env={**os.environ, "CKR_DATA_DIR": str(home), **environ},
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
        )
        try:
            assert process.stdout is not None
            yield json.loads(process.stdout.readline())["address"].rstrip("/")
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.wait(60) == 0
            said, _ = process.communicate()
            with log.open("a") as more:
                more.write(said)


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="ckr-es-") as folder:
        Path(folder).chmod(0o711)
        yield Path(folder, "data")


@pytest.fixture(scope="module")
def answers(home: Path) -> Iterator[tuple[Database, list[httpx.Response]]]:
    """A person's life in the centre, well and badly told; what commands answered, and the database after it."""
    log = home.parent / "server.log"
    with served(home, log) as base, Database.open(Settings(data_dir=home)) as database:
        centre = Centre(base, database)
        told = list(_live(centre))
        centre.auditor.read("/kpi", min_position=centre.head())
        centre.auditor.read("/participants", min_position=centre.head())
        centre.close()
        yield database, told


def _live(centre: Centre) -> Iterator[httpx.Response]:
    operator = centre.operator
    cluster(operator, "sweet")
    person: dict[str, Any] = {
        "kind": "entrepreneur",
        "inn": INN,
        "ogrn": OGRNIP,
        "name": NAME,
        "registered_on": "2021-01-15",
        "contacts": f"{MAIL}, {PHONE}",
    }
    made = operator.post("/participants", key="person", **person)
    yield made
    who = made.json()["id"]
    yield operator.post("/participants", key="person", **person)
    yield operator.post("/participants", **person)
    yield operator.post("/participants", key="person", **{**person, "name": RENAMED})
    yield operator.post(f"/participants/{who}/memberships", cluster="sweet", joined_on="2021-01-20")
    file_all(operator, who)
    case = plain_case(operator, who, "sweet")
    yield operator.post(f"/participants/{who}/identity", changed_on="2021-05-01", name=RENAMED, contacts=MAIL)
    yield operator.post(f"/participants/{who}/identity", changed_on="2021-05-01", name=RENAMED, contacts=MAIL)
    event = made.json()["events"][0]["event_id"]
    for wrong in (
        {"name": RENAMED}, {"inn": INN}, {"ogrn": OGRNIP}, {"contacts": MAIL}, {"registered_on": "2021-01-16"},
    ):  # fmt: skip
        yield operator.post(
            f"/participants/{who}/corrections", event_id=event, reason="ошибка", replacement=wrong
        )
    yield operator.post("/participants", **{**person, "inn": INN[:-1]})
    yield operator.post("/participants", **{**person, "inn": int(INN)})
    yield operator.post("/participants", **{**person, "inn": OTHER_INN, "name": NAME + "\0"})
    yield operator.post("/participants", **{**person, "inn": OTHER_INN, "contacts": [MAIL]})
    yield operator.post("/participants", **{**person, "ogrn": OGRNIP[:-1]})
    yield operator.send("POST", "/participants", f'{{"name": "{NAME}", "inn": "{INN}"'.encode(), uuid4().hex)
    # Asked for, these come from the vault and so are not among the answers that must not know them.
    assert operator.read(f"/participants/{who}")["name"] == RENAMED
    search = operator.post("/participants/search", key=None, q="пряник").json()
    assert [item["inn"] for item in search["items"]] == [INN]
    problem(operator.get("/participants", inn=INN), 422, "query-invalid")
    operator.get("/participants", q="Пряников")
    operator.http.get(f"{operator.base}/{INN}")
    operator.http.get(f"{operator.base}/api/v1/clusters/{INN}?{INN}={MAIL}")
    yield operator.get(f"/participants/{who}/timeline")
    yield operator.get(f"/cases/{case}")
    yield centre.auditor.get("/events", participant=who)
    yield centre.auditor.get("/events.ndjson")
    yield centre.auditor.get(f"/events/{event}")
    yield centre.auditor.get("/kpi/services/evidence", as_of="2021-12-31")


def known_in(text: str) -> set[str]:
    folded = text.casefold()
    return {marker for marker in (*MARKERS, *ESCAPED) if marker.casefold() in folded}


def test_no_answer_of_a_command_or_of_the_log_names_a_person(
    answers: tuple[Database, list[httpx.Response]],
) -> None:
    _, told = answers
    assert {answer.status_code for answer in told} >= {200, 201, 400, 422}
    for answer in told:
        assert answer.status_code < 500
        assert not known_in(answer.text), answer.text
        assert not known_in(str(answer.headers))


def test_only_the_vault_knows_a_person(answers: tuple[Database, list[httpx.Response]]) -> None:
    database, _ = answers
    with psycopg.connect(database.admin_conninfo(), autocommit=True) as conn:
        knowing = {}
        tables = conn.execute(TABLES).fetchall()
        assert len(tables) > 10
        for schema, table in tables:
            rows = conn.execute(
                sql.SQL("select t::text from {} t").format(sql.Identifier(schema, table))
            ).fetchall()
            if found := known_in("\n".join(row for (row,) in rows)):
                knowing[f"{schema}.{table}"] = found
        assert set(knowing) == {"ckr.identity"}
        assert {INN, OGRNIP, MAIL} <= knowing["ckr.identity"]
        assert "Марципанов" not in knowing["ckr.identity"]  # the old name is not kept either


def test_readers_and_projections_may_not_look_into_the_vault(
    answers: tuple[Database, list[httpx.Response]],
) -> None:
    database, _ = answers
    for role in ("ckr_reader", "ckr_projector"):
        with (
            psycopg.connect(database.conninfo(role), autocommit=True) as conn,
            pytest.raises(psycopg.errors.InsufficientPrivilege),
        ):
            conn.execute("select fields from ckr.identity")


def test_no_file_of_the_server_but_the_databases_own_names_a_person(
    answers: tuple[Database, list[httpx.Response]], home: Path
) -> None:
    log = home.parent / "server.log"
    texts = [log, *(path for path in home.rglob("*.log") if path.is_file())]
    assert any(path != log for path in texts), "where does PostgreSQL log?"
    for path in texts:
        assert not known_in(path.read_text(errors="replace")), path
