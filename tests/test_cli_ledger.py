"""The notary as a process of its own, and what an auditor runs: proofs, the export, the whole log, the attacks."""

import json
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest
from test_cli import run, serving

from ckr_es.audit.battery import sales
from ckr_es.audit.folder import Folder
from ckr_es.store.database import Database
from ckr_es.store.door import append
from ckr_es.store.embedded import EmbeddedServer


@pytest.fixture(scope="module")
def home() -> Iterator[str]:
    """A log of some real events, whose server stays up. Not in tmp_path: the server's user could not enter it."""
    with tempfile.TemporaryDirectory(prefix="ckr-es-") as folder:
        Path(folder).chmod(0o711)
        data = Path(folder, "data")
        with EmbeddedServer.open(data):
            made = run("key", "create", "--role", "auditor", "--name", "a", CKR_DATA_DIR=str(data))
            assert made.returncode == 0, made.stderr
            with opened(data) as database:
                record(database)
            yield str(data)


@contextmanager
def opened(data: Path) -> Iterator[Database]:
    with EmbeddedServer.open(data) as server, Database.on(server) as database:
        yield database


def record(database: Database) -> None:
    with psycopg.connect(database.conninfo("ckr_app"), autocommit=True) as door:
        (n,) = door.execute("select count(*) from ckr.event").fetchone() or (0,)
        append(door, [sales(n + i) for i in range(1, 21)])


def said(home: str, *arguments: str, code: int = 0) -> Any:
    shown = run(*arguments, "--json", CKR_DATA_DIR=home)
    assert shown.returncode == code, shown.stderr
    return json.loads(shown.stdout)


def test_it_signs_and_an_auditor_checks_it_all(home: str, tmp_path: Path) -> None:
    assert said(home, "notary", "--once") == {"size": 20, "ok": True, "findings": []}
    assert said(home, "ledger", "checkpoint")["size"] == 20
    proof = said(home, "ledger", "inclusion", "7")
    assert (proof["size"], proof["proven"], proof["signed"], len(proof["hashes"])) == (20, True, True, 5)
    assert said(home, "ledger", "consistency", "3", "20")["proven"] is True
    verified = said(home, "audit", "verify")
    assert (verified["ok"], verified["size"], verified["signed"]) == (True, 20, 20)
    export = said(home, "export", "events", "--out", str(tmp_path / "events.ndjson"))
    assert (export["events"], export["last_position"]) == (20, 20)
    assert said(home, "ledger", "verifier", "--out", str(tmp_path / "v.py"))
    notary = Path(home, "notary")
    program = [sys.executable, "-I", "v.py", "events.ndjson", "--key", notary / "key.pub", "--checkpoint"]
    assert subprocess.run([*program, notary / "checkpoint"], cwd=tmp_path, check=False).returncode == 0
    checks = examined(home)
    assert (checks["Нотариус"]["ok"], checks["Самопроверка"]["ok"]) == (True, True)


def test_the_notary_lives_beside_the_server_and_ends_with_it(home: str) -> None:
    folder = Folder(Path(home, "notary"))
    with serving(home, 1) as (process, address):
        until(lambda: folder.status().state == "running")
        (beside,) = psutil.Process(process.pid).children()
        assert "notary" in beside.cmdline()
        with opened(Path(home)) as database:
            record(database)
        key = run("key", "create", "--role", "auditor", "--name", "b", CKR_DATA_DIR=home).stdout.splitlines()[
            -1
        ]
        asked = urllib.request.Request(
            f"{address}api/v1/ledger/checkpoint?min_position=40", headers={"Authorization": f"Bearer {key}"}
        )
        with urllib.request.urlopen(asked, timeout=30) as answer:
            assert answer.read().decode().split("\n")[1] == "40"
        busy = run("notary", "--once", CKR_DATA_DIR=home)
        assert (busy.returncode, "Нотариус уже работает" in busy.stderr) == (1, True)
        process.terminate()
        assert process.wait(30) == 0
        assert not beside.is_running()
    assert folder.status().state == "stopped"


def test_it_ends_with_a_server_that_is_killed(home: str) -> None:
    with serving(home, 1) as (process, _):
        until(lambda: Folder(Path(home, "notary")).status().state == "running")
        (beside,) = psutil.Process(process.pid).children()
        process.kill()
        assert beside.wait(30) is not None or not beside.is_running()


def examined(home: str) -> dict[str, Any]:
    """By name; reports of firms that never registered may have stopped a projection, so the code says nothing here."""
    shown = run("doctor", "--json", CKR_DATA_DIR=home)
    return {check["check"]: check for check in json.loads(shown.stdout)["checks"]}


def until(true: Any) -> None:
    deadline = time.monotonic() + 30
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_log_that_was_rewritten_is_named_and_signed_by_nobody(home: str) -> None:
    """The last of this module: what is rewritten stays so."""
    with opened(Path(home)) as database, psycopg.connect(database.admin_conninfo(), autocommit=True) as conn:
        conn.execute("alter table ckr.event disable trigger refuse_change")
        conn.execute("update ckr.event set actor = 'nobody' where position = 5")
        record(database)
    verified = said(home, "audit", "verify", code=1)
    assert (verified["ok"], verified["faults"][0]["first"], verified["faults"][0]["last"]) == (False, 5, 5)
    refused = run("notary", "--once", CKR_DATA_DIR=home)
    assert refused.returncode == 4
    assert "отказывается подписывать: позиция 5: не та запись, что подписана" in refused.stderr
    assert said(home, "ledger", "checkpoint")["size"] == 40
    checks = examined(home)
    assert "позиция 5" in checks["Нотариус"]["detail"]
    assert not checks["Самопроверка"]["ok"]


def test_it_needs_no_more_than_its_own_role(database: Database, tmp_path: Path) -> None:
    """So another user of the machine can run it, whose key the server's user can't read."""
    record(database)
    alone = {"DATABASE_URL": database.conninfo("ckr_notary"), "CKR_NOTARY_DIR": str(tmp_path)}
    shown = run("notary", "--once", "--json", **alone)
    assert (shown.returncode, json.loads(shown.stdout)["size"]) == (0, 20), shown.stderr


def test_the_attacks_have_a_server_of_their_own() -> None:
    shown = run("audit", "attacks", "--bits", "5", "--seed", "1", "--json", CKR_DATA_DIR="/nonexistent/ckr")
    done = json.loads(shown.stdout)
    assert (shown.returncode, done["ok"], done["bits"], len(done["attacks"])) == (0, True, 5, 18)
