"""Group commit under faults: every caller hears the truth about its own command, and nobody suffers for another's."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from store.commands import begin, command, row

from ckr_es.store import writer as module
from ckr_es.store.database import Database
from ckr_es.store.door import Command, Guard, Outcome
from ckr_es.store.writer import OutcomeUnknown, Overloaded, Writer

Conn = psycopg.Connection[Any]
LOCK = 7161934518202111  # the door's


class Rig:
    """A writer, the pids of its connections, the sizes of its calls, and the power to hold the door or cut the line."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.admin: Conn = psycopg.connect(database.admin_conninfo(), autocommit=True)
        self.pids: list[int] = []
        self.sizes: list[int] = []
        self.threads = ThreadPoolExecutor(32)
        self.writer = Writer(self.connect)

    def connect(self) -> Conn:
        conn = psycopg.connect(self.database.conninfo("ckr_app"))
        self.pids.append(conn.info.backend_pid)
        return conn

    def submit(self, command: Command, timeout: float = 20) -> "Future[Outcome]":
        return self.threads.submit(self.writer.submit, command, timeout)

    @contextmanager
    def door_held(self) -> Iterator[None]:
        self.admin.execute("select pg_advisory_lock(%s)", (LOCK,))
        try:
            yield
        finally:
            self.admin.execute("select pg_advisory_unlock(%s)", (LOCK,))

    def wait(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 10
        while not condition():
            assert time.monotonic() < deadline
            time.sleep(0.005)

    def wait_until_queued(self, count: int) -> None:
        self.wait(lambda: len(self.writer._queue) == count)

    def wait_until_at_the_door(self) -> None:
        query = "select count(*) from pg_locks where locktype = 'advisory' and not granted and pid = any (%s)"
        self.wait(lambda: self.admin.execute(query, (self.pids,)).fetchone()[0] == 1)

    def batch(self, commands: Sequence[Command]) -> list["Future[Outcome]"]:
        """Submit so that all but the first go in one call."""
        with self.door_held():
            futures = [self.submit(commands[0])]
            self.wait_until_at_the_door()
            for n, one in enumerate(commands[1:], 1):
                futures.append(self.submit(one))
                self.wait_until_queued(n)
        return futures

    def kill(self, pid: int) -> None:
        self.admin.execute("select pg_terminate_backend(%s, 5000)", (pid,))

    def count(self, command: Command) -> int:
        query = "select count(*) from ckr.event where command_key = %s"
        return self.admin.execute(query, (command.key,)).fetchone()[0]


@pytest.fixture
def rig(database: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[Rig]:
    rig = Rig(database)

    def counted(conn: Conn, commands: Sequence[Command], timeout: float | None = None) -> list[Outcome]:
        rig.sizes.append(len(commands))
        return append(conn, commands, timeout)

    append = module.append
    rig.writer.submit(begin())  # connected: from here on a lone command goes on its caller's thread
    monkeypatch.setattr(module, "append", counted)
    yield rig
    rig.writer.close()
    rig.threads.shutdown()
    rig.admin.close()


def test_a_lone_command_waits_for_nobody(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    threads, counted = [], module.append

    def seen(conn: Conn, commands: Sequence[Command], timeout: float | None = None) -> list[Outcome]:
        threads.append(threading.current_thread())
        return counted(conn, commands, timeout)

    monkeypatch.setattr(module, "append", seen)
    assert [rig.writer.submit(begin()).kind for _ in range(3)] == ["recorded"] * 3
    assert rig.sizes == [1, 1, 1]
    assert threads == [threading.current_thread()] * 3


def test_what_comes_during_a_call_goes_together_in_the_next(rig: Rig) -> None:
    futures = rig.batch([begin() for _ in range(9)])
    positions = [f.result().first_position for f in futures]
    assert rig.sizes == [1, 8]
    assert positions == list(range(positions[0], positions[0] + 9))


def test_a_batch_is_bounded(rig: Rig) -> None:
    rig.writer._max_batch = 3
    futures = rig.batch([begin() for _ in range(8)])
    assert {f.result().kind for f in futures} == {"recorded"}
    assert rig.sizes == [1, 3, 3, 1]


def test_a_conflict_and_a_reused_key_harm_no_neighbour(rig: Rig) -> None:
    stream = uuid4()
    rig.writer.submit(begin(stream, key="taken"))
    futures = rig.batch(
        [
            begin(),
            begin(),
            begin(stream),
            begin(key="taken", request_hash=b"another"),
            begin(key="taken"),
            begin(guard=Guard(0)),
            begin(),
        ]
    )
    kinds = [f.result().kind for f in futures]
    assert kinds == ["recorded", "recorded", "conflict", "reused", "known", "conflict", "recorded"]
    assert rig.sizes == [1, 1, 6]


POISON: dict[str, tuple[Command, type[Exception]]] = {
    "not JSON": (command(row(uuid4(), 1, b"{")), psycopg.DataError),
    "not UTF-8": (command(row(uuid4(), 1, b'"\xff"')), psycopg.DataError),
    "an escaped NUL in the body": (command(row(uuid4(), 1, b'{"voids":"\\u0000"}')), psycopg.DataError),
    "a NUL in the body": (command(row(uuid4(), 1, b'"\0"')), psycopg.DataError),
    "a NUL in the actor": (begin(actor="a\0b"), psycopg.DataError),
    "a newline in the actor": (begin(actor="a\nb"), psycopg.IntegrityError),
    "a lone surrogate in the key": (begin(key="\ud800"), ValueError),
    "a number too large": (begin(status=70_000), Exception),
}


@pytest.mark.parametrize("name", POISON)
def test_a_poisoned_command_harms_no_neighbour(rig: Rig, name: str) -> None:
    poison, error = POISON[name]
    first, before, poisoned, after = rig.batch([begin(), begin(), poison, begin()])
    assert {f.result().kind for f in (first, before, after)} == {"recorded"}
    with pytest.raises(error) as caught:
        poisoned.result()
    assert not isinstance(caught.value, Overloaded | OutcomeUnknown)
    with pytest.raises(type(caught.value)):
        rig.writer.submit(poison)
    assert rig.writer.submit(begin()).kind == "recorded"
    assert rig.count(begin(key=poison.key.replace("\ud800", "?"))) == 0


def test_a_backend_killed_before_the_commit_costs_nothing(rig: Rig) -> None:
    commands = [begin(), begin()]
    with rig.door_held():
        futures = [rig.submit(c) for c in commands]
        rig.wait_until_at_the_door()
        rig.kill(rig.pids[0])
    assert [f.result().kind for f in futures] == ["recorded"] * 2
    assert [rig.count(c) for c in commands] == [1, 1]
    assert len(rig.pids) == 2


def test_a_reply_lost_after_the_commit_is_found_again_by_the_key(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    answered = []
    counted = module.append

    def cut_off(conn: Conn, commands: Sequence[Command], timeout: float | None = None) -> list[Outcome]:
        answered.append(counted(conn, commands, timeout))
        if len(answered) == 1:
            rig.kill(conn.info.backend_pid)
            conn.execute("select 1")
        return answered[-1]

    monkeypatch.setattr(module, "append", cut_off)
    c = command(row(stream := uuid4(), 1), row(stream, 2), expected=((stream, 0),))

    outcome = rig.writer.submit(c)

    assert len(answered) == 2
    assert [outcome] == answered[0]
    assert outcome.kind == "recorded"
    assert rig.count(c) == 2


def test_after_a_lost_reply_an_earlier_recording_is_not_taken_for_ones_own(rig: Rig) -> None:
    """Two submissions of one request decided apart: the second must answer with the first one's events."""
    first, second = begin(key="decided twice"), begin(key="decided twice")
    with rig.door_held():
        future = rig.submit(second)
        rig.wait_until_at_the_door()
        rig.kill(rig.pids[0])
        other = psycopg.connect(rig.database.conninfo("ckr_app"), autocommit=True)
        rig.admin.execute("select pg_advisory_unlock(%s)", (LOCK,))
        [recorded] = module.append(other, [first])
        other.close()
        rig.admin.execute("select pg_advisory_lock(%s)", (LOCK,))
    outcome = future.result()
    assert outcome.kind in ("known", "recorded")
    assert (outcome.kind == "recorded") == (recorded.kind == "known")  # exactly one of them recorded it
    assert outcome.first_position == recorded.first_position
    assert rig.count(first) == 1


def test_a_command_that_kills_its_server_process_is_unknown_and_its_neighbour_recorded(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted = module.append

    def deadly(conn: Conn, commands: Sequence[Command], timeout: float | None = None) -> list[Outcome]:
        if any(c.key == "deadly" for c in commands):
            rig.kill(conn.info.backend_pid)
        return counted(conn, commands, timeout)

    monkeypatch.setattr(module, "append", deadly)
    first, deadly_one, neighbour = rig.batch([begin(), begin(key="deadly"), begin()])
    assert (first.result().kind, neighbour.result().kind) == ("recorded", "recorded")
    with pytest.raises(OutcomeUnknown):
        deadly_one.result()


def test_past_its_deadline_a_taken_command_is_unknown_and_a_waiting_one_certainly_not_recorded(
    rig: Rig,
) -> None:
    taken, waiting = begin(), begin()
    with rig.door_held():
        future = rig.submit(taken, timeout=0.3)
        rig.wait_until_at_the_door()
        with pytest.raises(Overloaded):
            rig.writer.submit(waiting, timeout=0.05)
        with pytest.raises(OutcomeUnknown):
            future.result()
    assert rig.writer.submit(begin()).kind == "recorded"
    assert (rig.count(taken), rig.count(waiting)) == (1, 0)
    assert rig.writer.submit(taken).kind == "recorded"
    assert rig.count(taken) == 1


def test_whoever_leaves_at_his_deadline_holds_up_nobody_behind_him(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Callers of one call are woken one by the other."""
    counted = module.append

    def slow(conn: Conn, commands: Sequence[Command], timeout: float | None = None) -> list[Outcome]:
        outcomes = counted(conn, commands, timeout)
        time.sleep(0.5 * (len(commands) > 1))
        return outcomes

    monkeypatch.setattr(module, "append", slow)
    with rig.door_held():
        futures = [rig.submit(begin())]
        rig.wait_until_at_the_door()
        for n in range(1, 9):
            futures.append(rig.submit(begin(), timeout=20 if n in (1, 4, 7, 8) else 0.3))
            rig.wait_until_queued(n)
    heard = [type(f.exception()) if f.exception(5) else f.result().kind for f in futures]
    left = OutcomeUnknown
    assert heard == ["recorded", "recorded", left, left, "recorded", left, left, "recorded", "recorded"]


def test_a_connection_lost_while_nobody_waits_any_more_is_made_again(rig: Rig) -> None:
    with rig.door_held():
        future = rig.submit(begin(), timeout=0.2)
        with pytest.raises(OutcomeUnknown):
            future.result()
        rig.kill(rig.pids[0])
    assert rig.writer.submit(begin(), timeout=5).kind == "recorded"
    assert len(rig.pids) == 2


def test_a_full_queue_refuses_at_once(rig: Rig) -> None:
    rig.writer._queue_limit = 2
    with rig.door_held():
        futures = [rig.submit(begin())]
        rig.wait_until_at_the_door()
        futures += [rig.submit(begin()), rig.submit(begin())]
        rig.wait_until_queued(2)
        refused = begin()
        with pytest.raises(Overloaded):
            rig.writer.submit(refused)
    assert {f.result().kind for f in futures} == {"recorded"}
    assert rig.count(refused) == 0


def test_a_refusal_of_the_server_that_is_nobodys_fault_is_overload(rig: Rig) -> None:
    """A statement the server cancelled was rolled back: certainly not recorded."""
    c = begin()
    with rig.door_held():
        future = rig.submit(c)
        rig.wait_until_at_the_door()
        rig.admin.execute("select pg_cancel_backend(%s)", (rig.pids[0],))
        with pytest.raises(Overloaded):
            future.result()
    assert rig.count(c) == 0
    assert rig.writer.submit(c).kind == "recorded"


def test_with_no_server_a_command_is_certainly_not_recorded(database: Database) -> None:
    def refuse() -> Conn:
        raise psycopg.OperationalError("no server")

    with Writer(refuse) as writer, pytest.raises(Overloaded):
        writer.submit(begin(), timeout=0.2)


def test_a_server_that_comes_late_is_waited_for(rig: Rig) -> None:
    attempts = []

    def late() -> Conn:
        attempts.append(1)
        if len(attempts) < 3:
            raise psycopg.OperationalError("the database system is starting up")
        return rig.connect()

    with Writer(late) as writer:
        assert writer.submit(begin(), timeout=10).kind == "recorded"


def test_whoever_came_first_is_served_first_however_long_the_queue(rig: Rig) -> None:
    rig.writer._max_batch = 4
    positions = [f.result().first_position for f in rig.batch([begin() for _ in range(20)])]
    assert rig.sizes == [1, 4, 4, 4, 4, 3]
    assert positions == list(range(positions[0], positions[0] + 20))


ANOTHER = """
import sys
from concurrent.futures import ThreadPoolExecutor
import psycopg
from store.commands import begin
from ckr_es.store.writer import Writer
with Writer(lambda: psycopg.connect(sys.argv[1])) as writer, ThreadPoolExecutor(16) as threads:
    outcomes = list(threads.map(lambda n: writer.submit(begin(key=f"shared {n}"), 20).kind, range(400)))
print(outcomes.count("recorded"), outcomes.count("known"))
"""


def test_two_processes_give_each_command_to_one_of_them_and_leave_no_gap(rig: Rig) -> None:
    before = rig.admin.execute("select coalesce(max(position), 0) from ckr.event").fetchone()[0]
    other = subprocess.Popen(
        [sys.executable, "-c", ANOTHER, rig.database.conninfo("ckr_app")],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)},
        stdout=subprocess.PIPE,
        text=True,
    )
    rig.wait(lambda: rig.admin.execute("select max(position) > %s from ckr.event", (before,)).fetchone()[0])
    ours = list(
        rig.threads.map(lambda n: rig.writer.submit(begin(key=f"shared {399 - n}"), 20).kind, range(400))
    )
    told, _ = other.communicate(timeout=60)
    recorded, known = map(int, told.split())
    assert (recorded + ours.count("recorded"), known + ours.count("known")) == (400, 400)
    positions = [
        p
        for (p,) in rig.admin.execute(
            "select position from ckr.event where position > %s order by 1", (before,)
        )
    ]
    assert positions == list(range(before + 1, before + 401))


def test_closing_records_what_is_waiting_and_takes_no_more(rig: Rig) -> None:
    with rig.door_held():
        futures = [rig.submit(begin())]
        rig.wait_until_at_the_door()
        futures += [rig.submit(begin()) for _ in range(5)]
        rig.wait_until_queued(5)
        closing = rig.threads.submit(rig.writer.close)
        rig.wait(rig.writer._closing.is_set)
        with pytest.raises(Overloaded):
            rig.writer.submit(begin())
    closing.result()
    assert {f.result().kind for f in futures} == {"recorded"}


def test_closing_without_a_server_leaves_nobody_waiting(rig: Rig) -> None:
    def refuse() -> Conn:
        raise psycopg.OperationalError("no server")

    writer = Writer(refuse)
    futures = [rig.threads.submit(writer.submit, begin()) for _ in range(3)]
    rig.wait(lambda: len(writer._queue) == 3)
    writer.close()
    for future in futures:
        with pytest.raises(Overloaded):
            future.result(5)


def test_sixty_four_callers_each_hear_of_their_own_command(rig: Rig) -> None:
    def record(n: int) -> list[tuple[str, int]]:
        stream, heard = uuid4(), []
        for version in range(1, 6):
            c = command(row(stream, version), expected=((stream, version - 1),))
            outcome = rig.writer.submit(c, timeout=20)
            [[position]] = rig.admin.execute(
                "select position from ckr.event where command_key = %s", (c.key,)
            ).fetchall()
            assert (outcome.kind, outcome.first_position) == ("recorded", position)
            heard.append((c.key, position))
        return heard

    with ThreadPoolExecutor(64) as callers:
        heard = [h for found in callers.map(record, range(64)) for h in found]
    assert len({position for _, position in heard}) == 320
