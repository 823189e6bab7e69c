"""Group commit as its callers see it: no waiting for company, nobody starved, and who gave up harms no neighbour."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from store.commands import begin

from ckr_es.store.database import Database
from ckr_es.store.door import Command, Outcome, append
from ckr_es.store.writer import OutcomeUnknown, Overloaded, Writer

Conn = psycopg.Connection[Any]
LOCK = 7161934518202111  # the door's
LINGER = 0.003  # seconds; a writer that waits for company waits longer than this


@pytest.fixture
def admin(database: Database) -> Iterator[Conn]:
    with psycopg.connect(database.admin_conninfo(), autocommit=True) as conn:
        yield conn


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(64) as pool:
        yield pool


@contextmanager
def door_held(admin: Conn) -> Iterator[None]:
    admin.execute("select pg_advisory_lock(%s)", (LOCK,))
    try:
        yield
    finally:
        admin.execute("select pg_advisory_unlock(%s)", (LOCK,))


def wait_until_at_the_door(admin: Conn, count: int) -> None:
    query = """
        select count(*) from pg_locks where locktype = 'advisory' and not granted
        and database = (select oid from pg_database where datname = current_database())
    """
    deadline = time.monotonic() + 10
    while admin.execute(query).fetchone() != (count,):
        assert time.monotonic() < deadline
        time.sleep(0.005)


def connecting(database: Database) -> Callable[[], Conn]:
    return lambda: psycopg.connect(database.conninfo("ckr_app"))


def test_a_lone_command_is_not_delayed_for_company(database: Database) -> None:
    """The quickest of many, by turns: what the machine does besides is in neither of them."""
    bare = connecting(database)()
    bare.autocommit = True

    def took(act: Callable[[Command], object]) -> float:
        command = begin()
        began = time.perf_counter()
        act(command)
        return time.perf_counter() - began

    with bare, Writer(connecting(database)) as writer:
        turns = [(took(lambda c: append(bare, [c])), took(writer.submit)) for _ in range(60)]
    assert min(ours for _, ours in turns) - min(direct for direct, _ in turns) < LINGER


def test_a_process_with_a_long_queue_does_not_starve_another(
    database: Database, admin: Conn, threads: ThreadPoolExecutor
) -> None:
    """The door is given in the order of asking, so a writer waits for one batch of the other, not for its queue."""

    def submit(writer: Writer) -> "Future[Outcome]":
        return threads.submit(writer.submit, begin(), 20)

    with (
        Writer(connecting(database), max_batch=4) as greedy,
        Writer(connecting(database), max_batch=4) as modest,
    ):
        with door_held(admin):
            many = [submit(greedy)]
            wait_until_at_the_door(admin, 1)
            many += [submit(greedy) for _ in range(40)]
            few = [submit(modest)]
            wait_until_at_the_door(admin, 2)
        positions = [[f.result().first_position for f in futures] for futures in (many, few)]
    assert positions[1] == [positions[0][0] + 1]
    assert sorted(positions[0] + positions[1]) == list(range(positions[0][0], positions[0][0] + 42))


def test_who_gave_up_waiting_is_not_recorded_and_its_neighbours_are(
    database: Database, admin: Conn, threads: ThreadPoolExecutor
) -> None:
    impatient, patient = [begin() for _ in range(6)], [begin() for _ in range(6)]
    with Writer(connecting(database)) as writer:
        with door_held(admin):
            first = threads.submit(writer.submit, begin(), 20)
            wait_until_at_the_door(admin, 1)
            gone, kept = [], []
            for quick, slow in zip(impatient, patient, strict=True):
                gone.append(threads.submit(writer.submit, quick, 0.05))
                kept.append(threads.submit(writer.submit, slow, 20))
            for future in gone:
                with pytest.raises(Overloaded):
                    future.result()
        positions = sorted(f.result().first_position for f in (first, *kept))
    assert positions == list(range(positions[0], positions[0] + 7))
    keys = [c.key for c in impatient]
    assert admin.execute(
        "select count(*) from ckr.event where command_key = any (%s)", (keys,)
    ).fetchone() == (0,)


def test_a_full_queue_refuses_and_takes_commands_again_when_it_has_room(
    database: Database, admin: Conn, threads: ThreadPoolExecutor
) -> None:
    with Writer(connecting(database), queue=3) as writer:
        with door_held(admin):
            first = threads.submit(writer.submit, begin(), 20)
            wait_until_at_the_door(admin, 1)
            rest = [threads.submit(writer.submit, begin(), 20) for _ in range(20)]
            refused = [f for f in rest if _refused(f)]
            assert len(refused) == 17
        assert first.result().kind == "recorded"
        assert {f.result().kind for f in rest if f not in refused} == {"recorded"}
        assert writer.submit(begin(), 20).kind == "recorded"


def _refused(future: "Future[Outcome]") -> bool:
    """At once, or it waits in the queue: nothing leaves the queue while the door is held."""
    try:
        return isinstance(future.exception(1), Overloaded)
    except TimeoutError:
        return False


def test_a_caller_that_gave_up_at_the_door_learns_the_outcome_under_its_key(
    database: Database, admin: Conn, threads: ThreadPoolExecutor
) -> None:
    command = begin()
    with Writer(connecting(database)) as writer:
        with door_held(admin):
            future = threads.submit(writer.submit, command, 0.2)
            wait_until_at_the_door(admin, 1)
            with pytest.raises(OutcomeUnknown):
                future.result()
        repeated = writer.submit(begin(key=command.key), 20)
    assert repeated.kind == "known"
