"""The command line as people and scripts use it: help, JSON, keys, errors in one line, a server that stops cleanly."""

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

import psycopg
import pytest
import rich_click as click
from click.testing import CliRunner

from ckr_es.cli import ckr
from ckr_es.store import keys
from ckr_es.store.database import Database
from ckr_es.store.embedded import EmbeddedServer

CKR = (sys.executable, "-m", "ckr_es.cli")
KEY = re.compile(r"ckr_[a-z0-9]{10}_[A-Za-z0-9_-]{43}")
HEAVY = (
    "ckr_es.application",
    "ckr_es.store",
    "eventsourcing",
    "litestar",
    "msgspec",
    "psycopg",
    "structlog",
    "uvicorn",
)


def run(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*CKR, *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, **environ},
        check=False,
    )


@pytest.fixture(scope="module")
def home() -> Iterator[str]:
    """A fresh data folder. Not in tmp_path: pytest closes that to the user root runs the server as."""
    with tempfile.TemporaryDirectory(prefix="ckr-es-") as folder:
        Path(folder).chmod(0o711)
        yield str(Path(folder, "data"))


def test_every_command_explains_itself_in_russian_and_speaks_json() -> None:
    for path, command in commands(ckr, ()):
        shown = CliRunner().invoke(ckr, [*path, "--help"])
        assert shown.exit_code == 0, shown.output
        assert command.help, path
        assert re.search("[а-я]", command.help), path
        assert all(option.help for option in command.params if isinstance(option, click.core.Option)), path
        if not isinstance(command, click.Group):
            assert "--json" in shown.output, path


def commands(group: click.Group, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    yield path, group
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))
        else:
            yield (*path, name), command


def test_help_comes_at_once_because_it_imports_nothing_heavy() -> None:
    program = (
        "import sys; sys.argv = ['ckr', 'serve', '--help']\n"
        "from ckr_es.cli import main\n"
        "try: main()\n"
        f"except SystemExit: print(sorted(set({HEAVY!r}) & set(sys.modules)), file=sys.stderr)"
    )
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "--workers" in shown.stdout
    assert shown.stderr.strip() == "[]"


def test_a_key_is_made_in_a_fresh_folder_and_stands_alone_on_the_last_line(home: str) -> None:
    made = run("key", "create", "--role", "admin", "--name", "первый", CKR_DATA_DIR=home)
    assert made.returncode == 0, made.stderr
    assert KEY.fullmatch(made.stdout.splitlines()[-1])


@pytest.mark.parametrize(
    ("workers", "number"), [(1, signal.SIGTERM), (2, signal.SIGINT)], ids=["1-term", "2-int"]
)
def test_a_server_answers_and_stops_cleanly(home: str, workers: int, number: signal.Signals) -> None:
    with serving(home, workers) as (process, address):
        if workers == 1:
            keys_work_beside_a_running_server(home, address)
        assert status(f"{address}health/live") == 200
        process.send_signal(number)
        assert process.wait(30) == 0
    assert not Path(home, "postgres", "pgdata", "postmaster.pid").exists()


def keys_work_beside_a_running_server(home: str, address: str) -> None:
    made = run("key", "create", "--role", "auditor", "--name", "проверка", "--json", CKR_DATA_DIR=home)
    said = json.loads(made.stdout)
    kpi = f"{address}api/v1/kpi"
    assert status(kpi, said["key"]) == 200
    assert status(kpi, said["key"][:-1]) == 401
    listed = json.loads(run("key", "list", "--json", CKR_DATA_DIR=home).stdout)["items"]
    assert [(k["role"], k["name"], k["revoked_at"]) for k in listed] == [
        ("admin", "первый", None),
        ("auditor", "проверка", None),
    ]
    assert said["key"].split("_", 2)[2] not in str(listed)
    assert run("key", "revoke", said["id"], CKR_DATA_DIR=home).returncode == 0
    assert status(kpi, said["key"]) == 401


def test_the_others_work_without_a_running_server(
    home: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def said(*arguments: str) -> Any:
        code, out, err = run_here((*arguments, "--json"), {"CKR_DATA_DIR": home}, monkeypatch, capsys)
        assert code == 0, err
        return json.loads(out)

    with EmbeddedServer.open(Path(home)):  # so that not each of them starts and stops it
        assert said("key", "list")["items"][1]["revoked_at"]
        assert said("migrate", "--check") == {"pending": []}
        assert all(check["ok"] for check in said("doctor")["checks"])
        rows = said("kpi", "--as-of", "2021-12-31")["rows"]
        assert {row["kpi"]: row["actual"] for row in rows}["services"] == 0
        assert {p["name"] for p in said("projections", "status")["items"]} == {
            "kpi",
            "directory",
            "ledger",
            "funding",
        }


@pytest.mark.parametrize(
    ("arguments", "environ", "said"),
    [
        (("sevre",), {}, "нет команды sevre"),
        (("serve", "--prot", "1"), {}, "нет параметра --prot"),
        (("serve", "--port", "eighty"), {}, "целое число"),
        (("key", "create", "--name", "x"), {}, "не указано '--role'"),
        (
            ("key", "create", "--role", "boss", "--name", "x"),
            {},
            "operator, manager, auditor, analyst, admin",
        ),
        (("kpi", "--as-of", "31.12.2021"), {}, "ГГГГ-ММ-ДД"),
        (("kpi", "--known-at", "2021-12-31T00:00:00"), {}, "смещение"),
        (("doctor",), {"CKR_POOL_SIZE": "много"}, "CKR_POOL_SIZE"),
        (("kpi",), {"CKR_DATA_DIR": "/nonexistent/ckr"}, "ещё нет данных"),
        (("doctor",), {"DATABASE_URL": "postgresql://u:secret@127.0.0.1:1/x"}, "недоступна"),
        (("doctor",), {"DATABASE_URL": "postgresql//u:secret@h"}, "записан неверно"),
    ],
)
def test_an_error_is_one_line(
    arguments: tuple[str, ...], environ: dict[str, str], said: str, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    code, out, err = run_here(arguments, environ, monkeypatch, capsys)
    assert (code != 0, out, err.count("\n")) == (True, "", 1)
    assert said in err
    assert "secret" not in err


def test_a_port_in_use_is_said_before_anything_is_started(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as taken:
        arguments = ("serve", "--port", str(taken.getsockname()[1]))
        code, out, err = run_here(arguments, {"CKR_DATA_DIR": "/nonexistent/ckr"}, monkeypatch, capsys)
    assert (code, out) == (1, "")
    assert "Не удалось занять" in err


def test_a_key_that_can_not_be_made_or_found_is_refused(database: Database) -> None:
    with psycopg.connect(database.conninfo("ckr_migrator"), autocommit=True) as conn:
        for wrong in ({"role": "boss"}, {"name": " "}, {"name": "a\nb"}, {"cluster": "Органика"}):
            with pytest.raises(keys.KeyRefused):
                keys.create(conn, **{"role": "operator", "name": "x", **wrong})
        with pytest.raises(keys.KeyRefused):
            keys.revoke(conn, "nobody")


def test_only_the_hash_of_a_secret_is_kept_and_a_revoked_key_stays_revoked(database: Database) -> None:
    with psycopg.connect(database.conninfo("ckr_migrator"), autocommit=True) as conn:
        made = keys.create(conn, role="operator", name="касса", cluster="organic")
        _, id, secret = made.split("_", 2)
        first, second = keys.revoke(conn, id), keys.revoke(conn, id)
    with psycopg.connect(database.conninfo("ckr_app"), autocommit=True) as conn:
        found = keys.find(conn, id)
        assert keys.find(conn, "nobody") is None
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            keys.create(conn, role="admin", name="чужой")
    assert found == first == second
    assert (found.role, found.name, found.cluster) == ("operator", "касса", "organic")
    assert found.secret_hash == sha256(secret.encode()).digest()


def test_logs_are_json_lines_without_personal_data() -> None:
    program = """
import logging, structlog
from ckr_es import logs
logs.configure()
structlog.get_logger("one").info("recorded", position=7, inn="246500000152", query="q=1")
try:
    raise ValueError("no\\nDETAIL: Key (inn)=(246500000152) already exists.")
except ValueError:
    logging.getLogger("uvicorn.error").exception("failed")
logging.getLogger("uvicorn.access").info("GET /participants?q=246500000152")
"""
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert shown.stdout == ""
    first, second = (json.loads(line) for line in shown.stderr.splitlines())
    assert (first["event"], first["position"], first["level"], first["logger"]) == (
        "recorded",
        7,
        "info",
        "one",
    )
    assert "ValueError" in second["exception"]
    assert "246500000152" not in shown.stderr


def run_here(
    arguments: tuple[str, ...],
    environ: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> tuple[object, str, str]:
    """In this process: an error before any server is needed takes no time."""
    from ckr_es.cli import main

    monkeypatch.setattr(sys, "argv", ["ckr", *arguments])
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        with pytest.raises(SystemExit) as left:
            main()
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    shown = capsys.readouterr()
    return left.value.code, shown.out, shown.err


@contextmanager
def serving(home: str, workers: int) -> Iterator[tuple[subprocess.Popen[str], str]]:
    environ = {**os.environ, "CKR_DATA_DIR": home}
    arguments = ("serve", "--port", "0", "--workers", str(workers), "--json")
    with tempfile.TemporaryFile() as log, subprocess.Popen(
        [*CKR, *arguments], stdout=subprocess.PIPE, stderr=log, text=True, env=environ, start_new_session=True
    ) as process:  # fmt: skip
        try:
            assert process.stdout is not None
            said = json.loads(process.stdout.readline())
            assert said["workers"] == workers
            yield process, said["address"]
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait(30)
            log.seek(0)
            print(log.read().decode())


def status(url: str, key: str | None = None) -> int:
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {key}"} if key else {})
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code
