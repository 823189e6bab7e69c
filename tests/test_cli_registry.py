"""`ckr registry` as people run it: a load that is killed goes on, what it says is true, errors are one line."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest
from api.centre import firm_inn, person_inn
from registry.generator import Sme, write_sme
from registry.test_loading import registered

from ckr_es.application import ServiceTracking
from ckr_es.store.database import Database
from ckr_es.store.schema import migrate
from ckr_es.store.settings import Settings

CKR = (sys.executable, "-m", "ckr_es.cli", "registry")
MEMBERS, EACH = 30, 6_000


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
        [*CKR, *arguments], capture_output=True, text=True, env=environ, timeout=60, check=False
    )


def said(home: Path, *arguments: str) -> Any:
    done = run(home, *arguments, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def count(database: Database, query: str) -> int:
    with psycopg.connect(database.admin_conninfo(), autocommit=True) as conn:
        row = conn.execute(query.encode()).fetchone()
    assert row is not None
    return int(row[0])


def test_a_load_that_is_killed_goes_on_where_it_was(home: Path, database: Database, tmp_path: Path) -> None:
    tracking = ServiceTracking(database)
    for inn in (firm_inn(1), person_inn(2), firm_inn(3)):
        registered(tracking, inn)
    tracking.close()
    path = write_sme(
        tmp_path / "big.zip",
        MEMBERS * EACH,
        members=MEMBERS,
        given=[Sme(inn=firm_inn(1)), Sme(inn=person_inn(2))],
        share_of_region_24=0.5,  # rows enough to be put in long before the end
    )
    events = count(database, "select count(*) from ckr.event")
    done = "select count(*) from registry.member"
    with subprocess.Popen(
        [*CKR, "load", str(path), "--processes", "1"],
        env={**os.environ, "CKR_DATA_DIR": str(home)},
        stderr=subprocess.PIPE,
    ) as load:
        deadline = time.monotonic() + 30
        while not 3 <= (read := count(database, done)) < MEMBERS:
            assert load.poll() is None, load.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.02)
        readers = psutil.Process(load.pid).children(recursive=True)
        load.kill()
    assert count(database, "select count(*) from ckr.event") == events
    listed = said(home, "list")["items"]
    assert [(one["state"], one["file"]["members"]) for one in listed] == [("interrupted", MEMBERS)]
    assert read <= listed[0]["file"]["members_read"] < MEMBERS
    again = said(home, "load", str(path))
    assert (again["id"], again["state"]) == (listed[0]["id"], "recorded")
    assert (again["records"], again["found"], again["absent"]) == (MEMBERS * EACH + 2, 2, 1)
    assert datetime.fromisoformat(again["finished_at"]).isoformat() == again["finished_at"]
    assert again["kept"] == count(database, "select count(*) from registry.sme")
    _, alive = psutil.wait_procs(readers, 10)
    assert not alive, "a killed load leaves its readers behind"


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("load", "nothing.zip"), "Нет файла"),
        (("load", "bad.xml"), "bad.xml"),
        (("load", "bad.xml", "--region", "Krasnoyarsk"), "--region"),
        (("lookup", "1234567890"), "ИНН"),
        (("lookup", "246500000001", "--source", "dadata"), "ИНН"),
        (("lookup", firm_inn(1), "--source", "dadata"), "CKR_DADATA_TOKEN"),
    ],
)
def test_what_is_wrong_is_one_line(
    home: Path, database: Database, tmp_path: Path, arguments: tuple[str, ...], line: str
) -> None:
    (tmp_path / "bad.xml").write_text("<Файл ТипИнф='РЕЕСТРМСП'><Документ></Файл>")
    done = run(home, *(str(tmp_path / a) if "." in a else a for a in arguments))
    assert (done.returncode, done.stdout) == (1 if line != "--region" else 2, "")
    told = done.stderr.splitlines()[-1]
    assert told.startswith("ckr: ")
    assert line in told
    assert "246500000001" not in told


def test_a_look_up_tells_what_the_snapshot_holds(home: Path, database: Database) -> None:
    """The snapshot is of 2021, and today is not: nothing is known."""
    done = run(home, "lookup", firm_inn(1), "--json")
    assert (done.returncode, json.loads(done.stdout)["result"]) == (1, "unavailable")
    assert "слишком старый" in json.loads(done.stdout)["reason"]
