"""`ckr group-service` as people run it: a list pasted from Excel is looked at, recorded once, listed and shown."""

import json
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from api.centre import firm_inn, person_inn
from imports.commands import cluster, firm, written
from test_group_services import person, ready

from ckr_es.application import ServiceTracking, stream_id
from ckr_es.cli import main
from ckr_es.store.database import Database
from ckr_es.store.schema import migrate
from ckr_es.store.settings import Settings

Command = Callable[..., tuple[int, str, str]]
EVENT = ("--service", "SVC.и", "--cluster", "organic", "--held-on", "2021-03-20", "--title", "Тренинг")


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    """Not in tmp_path: pytest closes that to the user root runs the server as."""
    with tempfile.TemporaryDirectory(prefix="ckr-es-") as folder:
        Path(folder).chmod(0o711)
        yield Path(folder, "data")


@pytest.fixture(scope="module")
def tracking(home: Path) -> Iterator[ServiceTracking]:
    """Over a durable server, which commands insist on; it runs on while they come and go."""
    with Database.open(Settings(data_dir=home)) as database:
        migrate(database.admin_conninfo())
        running = ServiceTracking(database)
        yield running
        running.close()


@pytest.fixture
def ckr(
    home: Path,
    tracking: ServiceTracking,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Command:
    """`ckr` in this process: its exit code, what it answers, and what it says beside that."""
    monkeypatch.setenv("CKR_DATA_DIR", str(home))

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["ckr", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        return int(ended.value.code or 0), said.out, said.err

    return run


def test_a_list_is_looked_at_recorded_once_listed_and_shown(
    tracking: ServiceTracking, ckr: Command, tmp_path: Path
) -> None:
    lines = [*cluster("organic"), *ready(1, "organic"), *ready(2, "organic"), *person(3, "organic")]
    lines += firm(4, "organic")[:2]
    assert ckr("import", str(written(tmp_path / "firms.ndjson", lines)), "--commit")[0] == 0
    path = tmp_path / "список.txt"
    head = tracking.recorder.head()

    path.write_text(
        f"\ufeffИНН\tЧеловек\r\n{firm_inn(1)}\t3\r\n\r\n{firm_inn(4)}\r\nООО «Ромашка»\r\n", "utf-8"
    )
    code, out, err = ckr("group-service", "record", str(path), *EVENT, "--dry-run", "--json")
    assert code == 1, err
    look = json.loads(out)
    assert [line["code"] for line in look["participants"]] == [None, "condition-not-checked", "inn-invalid"]
    code, out, _ = ckr("group-service", "record", str(path), *EVENT)
    assert (code, "Фирма 4" in out, "E0" in out) == (1, True, True)
    assert tracking.recorder.head() == head

    second = stream_id("participant", firm_inn(2))
    path.write_text(f"ИНН\tЧеловек\n{firm_inn(1)}\t3\n{second}\t1\n{person_inn(3)}\n", "cp1251")
    code, out, err = ckr("group-service", "record", str(path), *EVENT, "--dry-run")
    assert (code, tracking.recorder.head()) == (0, head), err
    code, out, err = ckr("group-service", "record", str(path), *EVENT, "--act-number", "Т-9", "--json")
    assert code == 0, err
    done = json.loads(out)
    assert len(done["events"]) == 13
    code, _, err = ckr("group-service", "record", str(path), *EVENT)
    assert (code, "уже записано" in err) == (1, True)
    assert tracking.recorder.head() == head + 13

    sides = ("--as-of", "2021-12-31", "--json")
    code, out, err = ckr("group-service", "list", "--cluster", "organic", *sides)
    assert code == 0, err
    (listed,) = json.loads(out)["items"]
    assert (listed["id"], listed["participants"], listed["served"]) == (done["id"], 3, 3)
    code, out, err = ckr("group-service", "show", done["id"], *sides)
    assert code == 0, err
    shown = json.loads(out)
    assert [(came["act_number"], came["attendees"]) for came in shown["items"]] == [
        ("Т-9/1", 3),
        ("Т-9/2", 1),
        ("Т-9/3", None),
    ]
    code, out, _ = ckr("group-service", "list")
    assert (code, "Тренинг" in out) == (0, True)
    code, out, _ = ckr("group-service", "show", done["id"])
    assert (code, "Лицо 3" in out, "Т-9/3" in out) == (0, True, True)


def test_what_is_wrong_is_one_line(ckr: Command, tmp_path: Path) -> None:
    path = tmp_path / "empty"
    path.write_text("", "utf-8")
    for arguments, code in (
        ((str(path), *EVENT), 1),
        ((str(tmp_path / "nothing"), *EVENT), 1),
        ((str(path), *EVENT[2:]), 2),
        ((str(path), *EVENT, "--role", "auditor"), 2),
    ):
        said = ckr("group-service", "record", *arguments)
        assert said[0] == code
        assert said[2].count("\n") == 1, said
