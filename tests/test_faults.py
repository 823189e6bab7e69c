"""Whoever is killed while people record: what was acknowledged is there, once; what was not can be asked again."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import psycopg
import pytest

from ckr_es.store import keys
from ckr_es.store.database import Database
from ckr_es.store.settings import Settings

WRITERS = 8
NEVER = {409, 500}  # an unknown outcome is never a conflict and never a surprise


@pytest.fixture
def home() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="ckr-es-") as folder:
        Path(folder).chmod(0o711)
        yield Path(folder, "data")


@contextmanager
def serving(home: Path, port: int, workers: int = 1, **environ: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "ckr_es.cli", "serve", "--port", str(port), "--json"]
    command += ["--workers", str(workers)]
    process = subprocess.Popen(
        command,
        env={**os.environ, "CKR_DATA_DIR": str(home), **environ},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
    try:
        ready(port)
        yield process
    finally:
        process.terminate()
        process.wait(30)


def ready(port: int) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            if (
                httpx.get(f"http://127.0.0.1:{port}/health/ready", timeout=5, trust_env=False).status_code
                == 200
            ):
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.05)
    raise AssertionError("the server is not ready")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


class Load:
    """Writers that propose clusters, each under a key of its own, until told to stop."""

    def __init__(self, port: int, key: str) -> None:
        self.base = f"http://127.0.0.1:{port}/api/v1"
        self.headers = {"Authorization": f"Bearer {key}"}
        self.acknowledged: dict[str, int] = {}
        self.unknown: set[str] = set()
        self.statuses: Counter[int] = Counter()
        self.slowest = 0.0
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._write, args=(n,)) for n in range(WRITERS)]

    def __enter__(self) -> "Load":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(60)

    def wait_for(self, acknowledged: int) -> None:
        deadline = time.monotonic() + 60
        while len(self.acknowledged) < acknowledged:
            assert time.monotonic() < deadline, self.statuses
            time.sleep(0.01)

    def _write(self, n: int) -> None:
        number = 0
        with httpx.Client(headers=self.headers, timeout=20, trust_env=False) as http:
            while not self._stop.is_set():
                number += 1
                self.ask(http, f"c{n}-{number}")

    def ask(self, http: httpx.Client, code: str) -> int | None:
        body = {"code": code, "title": code, "production": False, "proposed_on": "2021-01-10"}
        began = time.monotonic()
        try:
            answer = http.post(f"{self.base}/clusters", json=body, headers={"Idempotency-Key": code})
        except httpx.HTTPError:
            with self._lock:
                self.unknown.add(code)
            time.sleep(0.02)
            return None
        with self._lock:
            self.statuses[answer.status_code] += 1
            self.slowest = max(self.slowest, time.monotonic() - began)
            if answer.status_code == 201:
                self.acknowledged[code] = answer.json()["position"]
                self.unknown.discard(code)
            else:
                self.unknown.add(code)
        return answer.status_code

    def ask_again(self) -> None:
        """Every command without an answer, under its own key: now each is recorded, once."""
        with httpx.Client(headers=self.headers, timeout=20, trust_env=False) as http:
            for code in sorted(self.unknown):
                assert self.ask(http, code) == 201


def recorded(home: Path) -> list[tuple[int, str]]:
    with (
        Database.open(Settings(data_dir=home)) as database,
        psycopg.connect(database.conninfo("ckr_reader"), autocommit=True) as conn,
    ):
        return [
            (position, code)
            for position, code in conn.execute("select position, body ->> 'code' from ckr.event order by 1")
        ]


def operator_key(home: Path) -> str:
    with (
        Database.open(Settings(data_dir=home)) as database,
        psycopg.connect(database.conninfo("ckr_migrator"), autocommit=True) as conn,
    ):
        return keys.create(conn, role="operator", name="load")


def assert_exact(load: Load, home: Path) -> None:
    log = recorded(home)
    assert [position for position, _ in log] == list(range(1, len(log) + 1))
    assert sorted(code for _, code in log) == sorted(load.acknowledged)
    assert {code: position for position, code in log} == load.acknowledged


def test_the_api_killed_during_load_loses_and_doubles_nothing(home: Path) -> None:
    port = free_port()
    with serving(home, port) as process:
        load = Load(port, operator_key(home))
        with load:
            load.wait_for(100)
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(10)
        assert load.unknown
        assert not NEVER & set(load.statuses)
    with serving(home, port):
        load.ask_again()
    assert_exact(load, home)


def test_the_database_killed_during_load_loses_and_doubles_nothing(home: Path) -> None:
    port = free_port()
    with serving(home, port):
        load = Load(port, operator_key(home))
        with load:
            load.wait_for(100)
            postmaster = int((home / "postgres" / "pgdata" / "postmaster.pid").read_text().splitlines()[0])
            os.kill(postmaster, signal.SIGKILL)
            load.wait_for(len(load.acknowledged) + 100)
        assert not NEVER & set(load.statuses), load.statuses
        load.ask_again()
    assert_exact(load, home)


def test_a_server_told_to_stop_under_load_ends_what_it_began(home: Path) -> None:
    port = free_port()
    with serving(home, port) as process:
        load = Load(port, operator_key(home))
        with load:
            load.wait_for(100)
            process.send_signal(signal.SIGTERM)
            assert process.wait(20) == 0
        assert not NEVER & set(load.statuses), load.statuses
    assert not (home / "postgres" / "pgdata" / "postmaster.pid").exists()
    with serving(home, port):
        load.ask_again()
    assert_exact(load, home)


def test_overload_is_answered_within_two_seconds(home: Path) -> None:
    """One thread and a log that somebody holds shut: whoever can't be served soon is told so."""
    port = free_port()
    with serving(home, port, CKR_POOL_SIZE="2"):
        key = operator_key(home)
        with (
            Database.open(Settings(data_dir=home)) as database,
            psycopg.connect(database.admin_conninfo()) as holder,
            httpx.Client(timeout=20, trust_env=False, limits=httpx.Limits(max_connections=24)) as client,
        ):
            holder.execute("select pg_advisory_xact_lock(7161934518202111)")
            answers: list[tuple[float, int, str | None]] = []

            def ask(n: int) -> None:
                began = time.monotonic()
                answer = client.post(
                    f"http://127.0.0.1:{port}/api/v1/clusters",
                    json={"code": f"o{n}", "title": "o", "production": False, "proposed_on": "2021-01-10"},
                    headers={"Authorization": f"Bearer {key}", "Idempotency-Key": f"o{n}"},
                )
                took = time.monotonic() - began
                answers.append((took, answer.status_code, answer.headers.get("retry-after")))

            threads = [threading.Thread(target=ask, args=(n,)) for n in range(24)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(30)
            holder.rollback()
    assert Counter((status, after) for _, status, after in answers) == {(503, "1"): 24}
    slowest = max(took for took, *_ in answers)
    assert slowest < 2.5, slowest  # two seconds, and what a busy machine adds
