"""`ckr import` as people run it: nothing is recorded unasked, a killed commit goes on, errors are one line."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from imports.commands import cluster, firm, firms, line, written

from ckr_es.store.database import Database
from ckr_es.store.schema import migrate
from ckr_es.store.settings import Settings

CKR = (sys.executable, "-m", "ckr_es.cli", "import")
FIRMS = 600


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    """Not in tmp_path: pytest closes that to the user root runs the server as."""
    with tempfile.TemporaryDirectory(prefix="ckr-es-") as folder:
        Path(folder).chmod(0o711)
        yield Path(folder, "data")


@pytest.fixture(scope="module")
def database(home: Path) -> Iterator[Database]:
    """A durable server, which commands insist on; it runs on while they come and go."""
    with Database.open(Settings(data_dir=home)) as database:
        migrate(database.admin_conninfo())
        yield database


def run(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environ = {**os.environ, "CKR_DATA_DIR": str(home)}
    return subprocess.run(
        [*CKR, *arguments], capture_output=True, text=True, env=environ, timeout=120, check=False
    )


def said(home: Path, *arguments: str, code: int = 0) -> Any:
    done = run(home, *arguments, "--json")
    assert done.returncode == code, done.stderr
    return json.loads(done.stdout)


def value(database: Database, query: str) -> Any:
    with psycopg.connect(database.admin_conninfo(), autocommit=True) as conn:
        row = conn.execute(query.encode()).fetchone()
    assert row is not None
    return row[0]


def test_a_commit_that_is_killed_goes_on_where_it_was(home: Path, database: Database, tmp_path: Path) -> None:
    path = written(tmp_path / "big.ndjson", firms(FIRMS))
    total = FIRMS * 9 + 2
    looked = said(home, str(path))
    assert (looked["state"], looked["preview"]["rows"]["recorded"]) == ("previewed", total)
    assert value(database, "select count(*) from ckr.event") == 0
    done = "select done from imports.import where state = 'committing'"
    with subprocess.Popen(
        [*CKR, "file", str(path), "--commit"],
        env={**os.environ, "CKR_DATA_DIR": str(home)},
        stderr=subprocess.PIPE,
    ) as load:
        deadline = time.monotonic() + 90
        while not value(database, f"select coalesce(max(done), 0) from ({done}) d") >= 2_000:
            assert load.poll() is None, load.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.01)
        load.kill()
    listed = said(home, "list")["items"]
    assert [(one["id"], one["state"]) for one in listed] == [(looked["id"], "interrupted")]
    assert 0 < value(database, "select count(*) from ckr.command") < total
    again = said(home, str(path), "--commit")
    assert (again["id"], again["state"]) == (looked["id"], "committed")
    assert again["recorded"] == looked["preview"]
    assert value(database, "select count(*) from ckr.command") == total
    assert value(database, "select count(*) from imports.verdict where outcome = 'recorded'") == total
    assert value(database, "select count(*) from imports.row") == 0
    assert said(home, str(path), "--commit") == again


def test_what_is_refused_goes_to_a_file_and_into_the_code(
    home: Path, database: Database, tmp_path: Path
) -> None:
    bad = line("/clusters", None, code="x", title=5, production=True, proposed_on="2019-01-10")
    path = written(tmp_path / "file.ndjson", [*cluster("cli"), *firm(90_000, "cli"), bad])
    out = tmp_path / "errors.ndjson"
    done = run(home, str(path), "--commit", "--errors", str(out))
    assert done.returncode == 1
    assert "Отклонено" in done.stdout
    assert [json.loads(text)["column"] for text in out.read_text().splitlines()] == ["/title"]
    workbook = tmp_path / "errors.xlsx"
    told = said(home, str(path), "--errors", str(workbook), code=1)
    assert workbook.read_bytes().startswith(b"PK")
    taken = said(home, "revert", told["id"], "--reason", "не тот файл")
    assert (taken["state"], taken["reverted"]) == ("reverted", sum(told["recorded"]["events"].values()))
    assert "отменён" in run(home, "list").stdout


def test_an_import_that_others_stand_on_says_what_does(
    home: Path, database: Database, tmp_path: Path
) -> None:
    base = said(home, str(written(tmp_path / "base.ndjson", cluster("stand"))), "--commit")
    said(home, str(written(tmp_path / "firm.ndjson", firm(91_000, "stand"))), "--commit")
    refused = run(home, "revert", base["id"], "--reason", "x")
    assert refused.returncode == 1
    assert "participant.joined-cluster" in refused.stderr
    assert refused.stderr.splitlines()[-1].startswith("ckr: Импорт не отменён")


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("nothing.ndjson",), "Нет файла"),
        (("bad.csv",), "заголов"),
        (("good.ndjson", "--errors", "out.txt"), "--errors"),
        (("revert", "5", "--reason", "x"), "ID"),
        (("revert", "6f2c7b4e-9a57-4a5e-8f3f-0d6c1f1c2a11", "--reason", "x"), "Такого импорта нет"),
        (("revert", "6f2c7b4e-9a57-4a5e-8f3f-0d6c1f1c2a11"), "--reason"),
    ],
)
def test_what_is_wrong_is_one_line(
    home: Path, database: Database, tmp_path: Path, arguments: tuple[str, ...], text: str
) -> None:
    (tmp_path / "bad.csv").write_text("а;б\n" * 20)
    written(tmp_path / "good.ndjson", cluster("good"))
    done = run(home, *(str(tmp_path / a) if "." in a and a[0] != "-" else a for a in arguments))
    assert done.returncode in (1, 2)
    last = done.stderr.splitlines()[-1]
    assert last.startswith("ckr: ")
    assert text in last
    assert "Traceback" not in done.stderr


def test_help_names_the_short_form(home: Path) -> None:
    assert "ckr import ФАЙЛ" in run(home, "--help").stdout
