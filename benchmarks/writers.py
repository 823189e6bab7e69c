"""The contenders of `append`: what each writer of them does, and a process of its own for so many of them.

Every commit records one event of a new stream with the same body. `recording` is what people meet: streams loaded, a
decision, a receipt. `door` is the same without load and decision.
"""

import gc
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from hashlib import sha256
from multiprocessing.connection import Connection
from threading import Barrier, Thread
from typing import Any
from uuid import UUID, uuid4

import psycopg
from eventsourcing.application import Application
from eventsourcing.domain import Aggregate, event
from psycopg.conninfo import make_conninfo

from ckr_es.aggregates import cluster
from ckr_es.application import Request, ServiceTracking
from ckr_es.commands import on_cluster
from ckr_es.store.database import Database
from ckr_es.store.door import Command
from ckr_es.store.envelope import EventMapper, Proposed
from ckr_es.store.recorder import Recorder

TITLE = "Кластер органических продуктов, " + "x" * 100
DAY = date(2021, 4, 5)
WARM_UP = 0.5  # seconds that nobody counts: connections, prepared statements
Write = Callable[[], object]

BARE_TABLE = """
    create table bare (
        stream_id uuid not null, stream_version int not null, type text not null, state bytea not null,
        position bigserial primary key, unique (stream_id, stream_version))
"""
BARE = "insert into bare (stream_id, stream_version, type, state) values (%s, %s, %s, %s)"
TABLES = {
    "stock": ("stock", "stock_events", "notification_id"),
    "bare": ("bare", "bare", "position"),
    "door": ("ours", "ckr.event", "position"),
    "recording": ("ours", "ckr.event", "position"),
    "message_db": ("message_db", "message_store.messages", "global_position"),
    "castore": ("castore", "event", "id"),
}


def fact(code: str) -> cluster.Proposed:
    return cluster.Proposed(code=code, title=TITLE, production=True, proposed_on=DAY)


class Stock(Aggregate):
    """The same event as the library's own users write it."""

    class Proposed(Aggregate.Created):
        code: str
        title: str
        production: bool
        proposed_on: str

    @event(Proposed)
    def __init__(self, code: str, title: str, production: bool, proposed_on: str) -> None:
        self.code = code


class StockApplication(Application[UUID]):
    name = "stock"


def stock_environment(host: str, dbname: str, user: str, pool: int, create: bool = False) -> dict[str, str]:
    return {
        "PERSISTENCE_MODULE": "eventsourcing.postgres",
        "POSTGRES_DBNAME": dbname,
        "POSTGRES_HOST": host,
        "POSTGRES_PORT": "5432",
        "POSTGRES_USER": user,
        "POSTGRES_PASSWORD": "none",
        "POSTGRES_POOL_SIZE": str(pool),
        "CREATE_TABLE": "yes" if create else "no",  # two processes that make it at once fail
    }


@contextmanager
def stock(host: str, user: str, writers: int) -> Iterator[Callable[[], Write]]:
    """`Application.save` of a new aggregate over `PostgresApplicationRecorder`; a connection for every writer."""
    application = StockApplication(stock_environment(host, TABLES["stock"][0], user, writers))

    def writer() -> Write:
        return lambda: application.save(Stock(uuid4().hex, TITLE, True, DAY.isoformat()))

    yield writer
    application.close()


@contextmanager
def bare(host: str, user: str, _: int) -> Iterator[Callable[[], Write]]:
    """One INSERT and its commit, prepared, on a connection for every writer; the body is made once."""
    opened: list[psycopg.Connection[Any]] = []
    body = b"x" * 260

    def writer() -> Write:
        conn = psycopg.connect(make_conninfo(host=host, user=user, dbname=TABLES["bare"][0]), autocommit=True)
        opened.append(conn)
        return lambda: conn.execute(BARE, (uuid4(), 1, "cluster.proposed", body), prepare=True)

    yield writer
    for conn in opened:
        conn.close()


@contextmanager
def door(host: str, user: str, _: int) -> Iterator[Callable[[], Write]]:
    """A command with its key, its expected version and its encoded event, through group commit and the door."""
    with Recorder(_database(host, user)) as recorder:
        mapper = EventMapper()

        def write() -> object:
            code, stream = uuid4().hex, uuid4()
            proposed = Proposed(
                originator_id=stream, originator_version=1, event_id=uuid4(), event=fact(code)
            )
            return recorder.append(
                Command(
                    key=f"bench:{code}",
                    request_hash=sha256(code.encode()).digest(),
                    actor="bench",
                    role="operator",
                    correlation_id=uuid4(),
                    status=201,
                    subject=code,
                    version=1,
                    expected=((stream, 0),),
                    rows=(mapper.to_stored_event(proposed),),
                ),
                60,
            )

        yield lambda: write


@contextmanager
def recording(host: str, user: str, _: int) -> Iterator[Callable[[], Write]]:
    """`on_cluster`, as POST /clusters calls it: key and streams loaded, decided, appended, a receipt made."""
    tracking = ServiceTracking(_database(host, user))

    def write() -> object:
        code = uuid4().hex
        request = Request(
            key=f"bench:{code}",
            request_hash=sha256(code.encode()).digest(),
            actor="bench",
            role="operator",
            correlation_id=uuid4(),
            today=datetime.now(UTC).date(),
        )
        return on_cluster(tracking, request, code, fact(code))

    yield lambda: write
    tracking.close()


CONTENDERS: dict[str, Callable[[str, str, int], Any]] = {
    "stock": stock,
    "bare": bare,
    "door": door,
    "recording": recording,
}


def work(
    contender: Callable[[str, str, int], Any],
    host: str,
    user: str,
    writers: int,
    seconds: float,
    parent: Connection,
) -> None:
    """A process of `writers` threads: says when it is warm, begins when told, sends the seconds each write took."""
    ready, begin = Barrier(writers + 1), Barrier(writers + 1)
    taken: list[list[float]] = [[] for _ in range(writers)]
    failed: list[BaseException] = []

    def write(one: Write, mine: list[float]) -> None:
        try:
            ready.wait()
            warm = time.perf_counter() + WARM_UP
            while time.perf_counter() < warm:
                one()
            begin.wait()
            began = time.perf_counter()
            end = began + seconds
            while began < end:
                one()
                now = time.perf_counter()
                mine.append(now - began)
                began = now
        except BaseException as e:
            failed.append(e)
            ready.abort()
            begin.abort()
            raise

    with contender(host, user, writers) as writer:
        threads = [Thread(target=write, args=(writer(), mine)) for mine in taken]
        for thread in threads:
            thread.start()
        ready.wait()
        time.sleep(WARM_UP)
        gc.collect()
        parent.send("warm")
        parent.recv()
        begin.wait()
        for thread in threads:
            thread.join()
    if failed:
        sys.exit(f"{contender.__name__}: {failed[0]!r}")
    parent.send([one for mine in taken for one in mine])


def _database(host: str, user: str) -> Database:
    def conninfo(role: str) -> str:
        return make_conninfo(host=host, port=5432, user=role, dbname=TABLES["door"][0])

    return Database(conninfo, lambda: conninfo(user))
