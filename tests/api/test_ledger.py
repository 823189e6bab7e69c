"""What an auditor gets over HTTP: a signed checkpoint, proofs against it, the export, the script that checks them."""

import base64
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import psycopg
import pytest
from api.centre import Centre, Client, cluster, firm, problem
from api.conftest import settings_for
from litestar import Litestar

from ckr_es.api.app import create_app
from ckr_es.audit.folder import Folder
from ckr_es.audit.notary import ROLE, Notary
from ckr_es.store.database import Database
from ckr_es.store.ledger import continued, included


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    return Folder(tmp_path_factory.mktemp("notary"))


@pytest.fixture(scope="module")
def app(database: Database, folder: Folder) -> Litestar:
    return create_app(msgspec.structs.replace(settings_for(database), notary_dir=folder.path))


@pytest.fixture(scope="module")
def world(centre: Centre, folder: Folder) -> int:
    """A log that is signed up to its last position but two."""
    cluster(centre.operator, "organic")
    for n in range(1, 6):
        firm(centre.operator, n)
    sign(centre, folder)
    size = centre.head()
    for n in range(6, 8):
        firm(centre.operator, n)
    return size


def sign(centre: Centre, folder: Folder) -> None:
    with Notary(folder) as notary, psycopg.connect(centre.database.conninfo(ROLE), autocommit=True) as conn:
        notary.sign(conn)


@pytest.fixture
def following(centre: Centre, folder: Folder) -> Iterator[None]:
    """A notary that signs when it is asked; its connection ends it."""
    notary = Notary(folder)
    conn = psycopg.connect(centre.database.conninfo(ROLE), autocommit=True)

    def connect() -> psycopg.Connection[Any]:
        if conn.closed:
            raise SystemExit
        return conn

    def run() -> None:
        with suppress(SystemExit):
            notary.run(connect)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    yield
    centre.rows("select pg_terminate_backend(%s)", conn.info.backend_pid)
    thread.join(10)
    assert not thread.is_alive()
    notary.close()


def test_before_anything_is_signed_there_is_no_checkpoint(auditor: Client, folder: Folder) -> None:
    if not folder.last.exists():
        problem(auditor.get("/ledger/checkpoint"), 404, "no-checkpoint")
        problem(auditor.get("/ledger/key"), 404, "no-checkpoint")
        assert auditor.http.get("/health/ready").json()["ledger"]["notary"] == "absent"


def test_the_checkpoint_is_the_note_that_the_notary_signed(
    auditor: Client, folder: Folder, world: int
) -> None:
    answer = auditor.get("/ledger/checkpoint")
    assert answer.headers["content-type"].startswith("text/plain")
    assert answer.text == folder.last.read_text()
    assert auditor.get("/ledger/checkpoint", min_position=world).text == answer.text
    assert auditor.get("/ledger/key").text == folder.public.read_text()


def test_a_receipt_is_proved_by_its_leaf(centre: Centre, auditor: Client, world: int) -> None:
    cluster(centre.operator, "tourism")
    receipt = centre.operator.done("/clusters/tourism/dissolution", dissolved_on="2021-02-01", reason="итоги")
    (event,) = receipt["events"]
    proof = auditor.read("/ledger/inclusion", position=event["position"])
    assert proof["leaf"] == event["leaf"]
    assert proof["size"] >= event["position"]
    assert proved(proof)
    signed = auditor.read("/ledger/inclusion", position=2)
    assert signed["size"] == world
    assert signed["root"] == auditor.get("/ledger/checkpoint").text.split("\n")[2]
    assert proved(signed)
    assert not proved(signed | {"position": 3})


def proved(proof: dict[str, Any]) -> bool:
    hashes = [base64.b64decode(hash) for hash in proof["hashes"]]
    leaf, root = bytes.fromhex(proof["leaf"]), base64.b64decode(proof["root"])
    return included(leaf, proof["position"] - 1, proof["size"], hashes, root)


def test_the_log_only_grew(auditor: Client, centre: Centre, world: int) -> None:
    proof = auditor.read("/ledger/consistency", from_=3, to=world)
    roots = (base64.b64decode(proof[name]) for name in ("from_root", "to_root"))
    assert continued(3, world, [base64.b64decode(hash) for hash in proof["hashes"]], *roots)
    assert auditor.read("/ledger/consistency", from_=world, to=world)["hashes"] == []


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("inclusion", {"position": 3, "size": 2}),
        ("inclusion", {"position": 10**6}),
        ("inclusion", {"position": 1, "size": 10**6}),
        ("consistency", {"from_": 5, "to": 4}),
        ("consistency", {"from_": 1, "to": 10**6}),
    ],
)
def test_a_size_that_the_log_does_not_have_is_refused(
    auditor: Client, world: int, path: str, query: dict[str, int]
) -> None:
    problem(auditor.get(f"/ledger/{path}", **query), 422, "size-invalid")


def test_a_checkpoint_that_nobody_makes_is_waited_for_and_then_refused(
    auditor: Client, centre: Centre, world: int
) -> None:
    answer = auditor.get("/ledger/checkpoint", min_position=centre.head())
    problem(answer, 503, "checkpoint-behind")
    assert answer.headers["retry-after"] == "1"


def test_one_that_is_asked_for_is_signed_at_once(
    auditor: Client, centre: Centre, world: int, following: None
) -> None:
    wanted = firm_position(centre, 8)
    answer = auditor.get("/ledger/checkpoint", min_position=wanted)
    assert (answer.status_code, int(answer.text.split("\n")[1])) == (200, centre.head())
    wanted = firm_position(centre, 9)  # well before a minute has gone by
    assert auditor.get("/ledger/checkpoint", min_position=wanted).status_code == 200
    ready = centre.nobody.http.get("/health/ready").json()["ledger"]
    assert (ready["notary"], ready["checkpoint_size"], ready["self_check"]["ok"]) == ("running", wanted, True)
    metrics = centre.nobody.http.get("/metrics").text.splitlines()
    assert {"ckr_notary_running 1", f"ckr_checkpoint_size {wanted}", "ckr_self_check_ok 1"} <= set(metrics)


def firm_position(centre: Centre, n: int) -> int:
    firm(centre.operator, n)
    return centre.head()


def test_the_export_the_checkpoint_and_the_script_are_enough_elsewhere(
    auditor: Client, centre: Centre, folder: Folder, world: int, tmp_path: Path
) -> None:
    sign(centre, folder)
    for name in ("checkpoint", "key", "verify_log.py"):
        (tmp_path / name).write_bytes(auditor.get(f"/ledger/{name}").content)
    export = tmp_path / "events.ndjson"
    export.write_bytes(auditor.get("/events.ndjson").content)
    program = [
        sys.executable,
        "-I",
        "verify_log.py",
        "events.ndjson",
        "--key",
        "key",
        "--checkpoint",
        "checkpoint",
    ]
    assert subprocess.run(program, cwd=tmp_path, check=False).returncode == 0
    export.write_bytes(export.read_bytes().replace("Фирма 3".encode(), "Фирма 4".encode()))
    assert subprocess.run(program, cwd=tmp_path, check=False).returncode == 1


def test_a_notary_that_refused_shows_and_stops_nobody(centre: Centre, folder: Folder, world: int) -> None:
    with Notary(folder) as notary, psycopg.connect(centre.database.admin_conninfo()) as conn:
        conn.execute("alter table ckr.event disable trigger all")
        conn.execute("update ckr.event set actor = 'x' where position = 2")
        with pytest.raises(Exception, match="позиция 2"):
            notary.self_check(conn)
        conn.rollback()
    answer = centre.nobody.http.get("/health/ready")
    assert answer.status_code == 200
    assert answer.json()["ledger"]["notary"] == "refused"
    assert answer.json()["ledger"]["self_check"]["ok"] is False
