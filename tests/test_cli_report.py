"""`ckr report`: a file that is whole or not there, a line that describes it, an error that is one line."""

import hashlib
import json
import os
import stat
import tempfile
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from test_cli import run, run_here

from ckr_es.application import Request, ServiceTracking
from ckr_es.commands import Snapshot, close_period
from ckr_es.reports.report import digest
from ckr_es.rules.kpi_sets import Policy
from ckr_es.store.database import Database
from ckr_es.store.schema import migrate
from ckr_es.store.settings import Settings

ROW = {
    "no": "1",
    "kpi": "clusters",
    "title": "Кластеры",
    "unit": "unit",
    "plan": 5,
    "actual": 0,
    "percent": 0.0,
}


@pytest.fixture(scope="module")
def home() -> Iterator[str]:
    """A data folder whose first quarter of 2021 is closed, with its server kept running."""
    with tempfile.TemporaryDirectory(prefix="ckr-es-") as folder:
        Path(folder).chmod(0o711)
        data = Path(folder, "data")
        with Database.open(Settings(data_dir=data)) as database:
            migrate(database.admin_conninfo())
            close(database)
            yield str(data)


def close(database: Database) -> None:
    tracking = ServiceTracking(database)
    request = Request(
        key="k",
        request_hash=b"h",
        actor="s-1",
        role="manager",
        correlation_id=UUID(int=1),
        today=date(2021, 7, 1),
    )
    table = Snapshot(known_position=0, kpi_set="2021", policy=Policy(), table=(ROW,), ledger_root="00" * 32)
    try:
        close_period(tracking, request, "2021-Q1", approved_by="Глава", note=None, table=lambda *_: table)
    finally:
        tracking.close()


def said(*arguments: str, home: str) -> dict[str, Any]:
    shown = run("report", *arguments, "--json", CKR_DATA_DIR=home)
    assert shown.returncode == 0, shown.stderr
    found: dict[str, Any] = json.loads(shown.stdout)
    return found


def test_a_report_is_written_and_described(home: str, tmp_path: Path) -> None:
    out = tmp_path / "отчёт.json"
    told = said("quarter", "2021-Q1", "--format", "json", "--out", str(out), home=home)
    content = out.read_bytes()
    assert told == {
        "path": str(out),
        "bytes": len(content),
        "version": 1,
        "digest": digest(content),
    }
    assert json.loads(content)["approved_by"] == "Глава"
    umask = os.umask(0)
    os.umask(umask)
    assert stat.S_IMODE(out.stat().st_mode) == 0o666 & ~umask


def test_the_same_report_is_the_same_file_and_replaces_what_was_there(home: str, tmp_path: Path) -> None:
    hashes = set()
    for name in ("a.pdf", "b.pdf"):
        out = tmp_path / name
        out.write_bytes(b"what was there")
        arguments = ("quarter", "2021-Q1", "--version", "1", "--format", "pdf", "--out", str(out))
        shown = run("report", *arguments, CKR_DATA_DIR=home, TZ="America/Lima", LC_ALL="C.UTF-8")
        assert shown.returncode == 0, shown.stderr
        assert "редакция № 1" in shown.stdout
        hashes.add(hashlib.sha256(out.read_bytes()).hexdigest())
    assert len(hashes) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.pdf", "b.pdf"]


def test_a_year_a_part_a_draft_and_a_restatement(home: str, tmp_path: Path) -> None:
    out = str(tmp_path / "out")
    assert (
        said("year", "2021", "--format", "xlsx", "--out", out, "--part", "kpi", home=home)["version"] is None
    )
    draft = said("quarter", "2021-Q1", "--draft", "--format", "json", "--out", out, home=home)
    assert draft["version"] is None
    assert json.loads(Path(out).read_bytes())["status"] == "draft"
    assert said("restatement", "2021-Q1", "--format", "pdf", "--out", out, home=home)["version"] == 1


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("quarter", "2021", "--format", "pdf", "--out", "x"), "Квартал записывается как"),
        (("year", "2021-Q1", "--format", "pdf", "--out", "x"), "Год записывается как"),
        (("quarter", "2021-Q1", "--out", "x"), "не указано '--format'"),
        (("quarter", "2021-Q1", "--format", "doc", "--out", "x"), "xlsx, pdf, json"),
        (("quarter", "2021-Q1", "--format", "pdf", "--out", "/nowhere/x"), "папки /nowhere нет"),
        (("quarter", "2021-Q1", "--format", "pdf", "--out", "x", "--draft", "--version", "1"), "не оба"),
        (("quarter", "2021-Q1", "--format", "pdf", "--out", "x", "--version", "7"), "нет версии 7"),
        (("restatement", "2019", "--format", "pdf", "--out", "x"), "не закрывали"),
    ],
)
def test_what_can_not_be_reported_is_one_line_and_no_file(
    arguments: tuple[str, ...],
    why: str,
    home: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, err = run_here(("report", *arguments), {"CKR_DATA_DIR": home}, monkeypatch, capsys)
    assert (code != 0, out) == (True, "")
    assert why in err.splitlines()[-1]
    assert list(tmp_path.iterdir()) == []
