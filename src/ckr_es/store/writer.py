"""Group commit: one thread gathers the commands of a process into calls of the append door.

A call is one transaction: one lock, one round trip and one flush for all the commands that came while the
call before it was under way. Each is judged for itself, and a lone one waits for nobody.
"""

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from datetime import UTC, date, datetime
from struct import Struct as Packing
from threading import Condition, Event, Thread
from typing import Any, Literal, Self
from uuid import UUID

import msgspec
import psycopg
from msgspec import Struct
from psycopg.adapt import Dumper, PyFormat
from psycopg.pq import Format
from psycopg.rows import tuple_row

from ckr_es.store.envelope import StoredRow

Connection = psycopg.Connection[Any]

LOST_AT_MOST = 3  # connections that one call may lose before its commands are tried one by one
LOST = ("08", "57P")  # SQLSTATE classes of a connection or a server that went away
FIRST_PAUSE, LONGEST_PAUSE = 0.05, 1.0  # seconds between attempts to connect

DOOR = """
    select outcome, first_position, last_position, recorded_at, leaves, conflict_stream, actual_version
    from ckr.append(%b, %b, %b, %b, %b, %b, %b, %b, %b, %b, %b, %b, %b,
                    %b, %b, %b,
                    %b, %b, %b, %b, %b, %b, %b, %b, %b)
"""
POSTGRES_EPOCH = date(2000, 1, 1).toordinal()
SMALLINT, INT, BIGINT = Packing(">h").pack, Packing(">i").pack, Packing(">q").pack
ARRAY, EMPTY_ARRAY = Packing(">iiIii").pack, Packing(">iiI").pack
SIZE, NULL = INT, INT(-1)


class Overloaded(Exception):
    """The command was certainly not recorded: there was no time or no room for it."""


class OutcomeUnknown(Exception):
    """The command may have been recorded or may be yet. Repeating it under the same key tells."""


class Guard(Struct, frozen=True):
    """The decision holds unless an event after this position has one of these types (none: any) and this
    participant.
    """

    after: int
    types: tuple[str, ...] = ()
    participant_id: UUID | None = None


class Identity(Struct, frozen=True, kw_only=True):
    """Personal data to keep beside the log; `fields` is JSON text. An INN of another is a conflict."""

    participant_id: UUID
    inn: str | None
    fields: bytes
    salt: bytes
    commitment: bytes


class Erasure(Struct, frozen=True):
    """The identity row of this participant is deleted, with its salt."""

    participant_id: UUID


class Command(Struct, frozen=True, kw_only=True):
    """One command: its key, what it expects of streams (0 and -1: no such stream) and what it records.

    With no rows the door keeps `answer` (the stored body) under the key.
    """

    key: str
    request_hash: bytes
    actor: str
    role: str
    correlation_id: UUID
    status: int
    subject: str
    version: int
    expected: tuple[tuple[UUID, int], ...] = ()
    rows: tuple[StoredRow, ...] = ()
    answer: str | None = None
    guard: Guard | None = None
    identity: Identity | Erasure | None = None


class Outcome(Struct, frozen=True):
    """What the door said.

    `recorded`: by this very submission. `known`: an earlier submission of the same request recorded it, and
    what is here is of that one. `reused`: the key belongs to another request. `conflict`: `conflict_stream`
    stands at `actual_version` (None: no such stream); or, for an INN, is the participant that holds it.
    """

    kind: Literal["recorded", "known", "reused", "conflict"]
    first_position: int | None = None
    last_position: int | None = None
    recorded_at: datetime | None = None  # of the last event
    leaves: tuple[bytes, ...] = ()
    conflict_stream: UUID | None = None
    actual_version: int | None = None


Entry = tuple[Command, "Future[Outcome]"]


class Writer:
    """`connect` gives a connection that may call the door; the writer makes it autocommit and keeps it."""

    def __init__(self, connect: Callable[[], Connection], max_batch: int = 256, queue: int = 1024) -> None:
        self._connect = connect
        self._max_batch = max_batch
        self._queue_limit = queue
        self._queue: deque[Entry] = deque()
        self._news = Condition()
        self._closing = Event()
        self._conn: Connection | None = None
        self._thread = Thread(target=self._run, name="ckr-writer", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def submit(self, command: Command, timeout: float | None = None) -> Outcome:
        """Record a command; `timeout` in seconds.

        Raises Overloaded, OutcomeUnknown, or what is wrong with the command itself (psycopg.Error,
        ValueError): then too it was not recorded.
        """
        future: Future[Outcome] = Future()
        with self._news:
            if self._closing.is_set():
                raise Overloaded("the writer is closed")
            if len(self._queue) >= self._queue_limit:
                raise Overloaded(f"{self._queue_limit} commands are waiting already")
            self._queue.append((command, future))
            self._news.notify()
        try:
            return future.result(timeout)
        except TimeoutError:
            if future.cancel():
                raise Overloaded(f"not taken within {timeout} s") from None
            if future.done():
                return future.result()
            raise OutcomeUnknown(f"no answer within {timeout} s") from None

    def close(self, timeout: float = 10.0) -> None:
        """Record what is waiting, then stop. What a dead server keeps waiting is given up."""
        with self._news:
            self._closing.set()
            self._news.notify()
        self._thread.join(timeout)

    def _run(self) -> None:
        try:
            while self._wait_for_work():
                if self._connected():
                    self._record(self._take())
                else:
                    for _, future in self._take():
                        future.set_exception(Overloaded("the writer was closed without a connection"))
        finally:
            if self._conn:
                self._conn.close()

    def _wait_for_work(self) -> bool:
        with self._news:
            while not self._queue:
                if self._closing.is_set():
                    return False
                self._news.wait()
            return True

    def _take(self) -> list[Entry]:
        with self._news:
            count = min(len(self._queue), self._max_batch)
            entries = [self._queue.popleft() for _ in range(count)]
        return [entry for entry in entries if entry[1].set_running_or_notify_cancel()]

    def _record(self, batch: Sequence[Entry]) -> None:
        if not batch:
            return
        try:
            outcomes = self._call([command for command, _ in batch])
        except Exception as e:  # noqa: BLE001 - whatever it is, it is for the caller; this thread serves all of them
            if len(batch) > 1:
                for entry in batch:
                    self._record([entry])
            elif isinstance(e, psycopg.OperationalError):
                batch[0][1].set_exception(Overloaded(f"the database refused: {e}"))
            else:
                batch[0][1].set_exception(e)
        else:
            for (_, future), outcome in zip(batch, outcomes, strict=True):
                future.set_result(outcome)

    def _call(self, commands: Sequence[Command]) -> list[Outcome]:
        """A call whose reply was lost is made again: the door knows by the keys what it has recorded."""
        for _ in range(LOST_AT_MOST):
            conn = self._connected()
            if conn is None:
                break
            try:
                return append(conn, commands)
            except psycopg.Error as e:
                if not conn.closed and not (e.sqlstate or "").startswith(LOST):
                    raise
                conn.close()
        raise OutcomeUnknown("the connection was lost")

    def _connected(self) -> Connection | None:
        """Tries until it succeeds or the writer is closed. Commands not yet taken can time out meanwhile."""
        pause = FIRST_PAUSE
        while self._conn is None or self._conn.closed:
            try:
                conn = self._connect()
                conn.autocommit = True
                conn.adapters.register_dumper(Column, ColumnDumper)
                self._conn = conn
            except Exception:  # noqa: BLE001 - a server that is down or starting fails in many ways; all mean "again"
                if self._closing.wait(pause):
                    return None
                pause = min(2 * pause, LONGEST_PAUSE)
        return self._conn


def append(conn: Connection, commands: Sequence[Command]) -> list[Outcome]:
    """One call of the door, with its parameters as binary arrays: one column each."""
    with conn.cursor(binary=True, row_factory=tuple_row) as cursor:
        answers = cursor.execute(DOOR, _columns(commands), prepare=True).fetchall()
    return [
        Outcome(
            kind,
            first,
            last,
            recorded_at and recorded_at.astimezone(UTC),
            tuple(leaves) if leaves else (),
            stream,
            version,
        )
        for kind, first, last, recorded_at, leaves, stream, version in answers
    ]


class Column:
    """A binary array for the server; psycopg's own list dumper would guess the type from the values."""

    __slots__ = ("array_oid", "data")

    def __init__(self, array_oid: int, element_oid: int, values: Iterable[bytes | None]) -> None:
        parts = [NULL if v is None else SIZE(len(v)) + v for v in values]
        # One dimension, may hold nulls, its length, numbered from 1; an empty array has no dimension.
        head = ARRAY(1, 1, element_oid, len(parts), 1) if parts else EMPTY_ARRAY(0, 0, element_oid)
        self.array_oid = array_oid
        self.data = b"".join((head, *parts))


class ColumnDumper(Dumper):
    format = Format.BINARY

    def dump(self, obj: Column) -> bytes:
        return obj.data

    def get_key(self, obj: Column, _: PyFormat) -> Any:
        return (self.cls, obj.array_oid)

    def upgrade(self, obj: Column, _: PyFormat) -> "ColumnDumper":
        dumper = ColumnDumper(self.cls)
        dumper.oid = obj.array_oid
        return dumper


def _columns(commands: Sequence[Command]) -> list[Column]:
    expected = [(n, *x) for n, c in enumerate(commands, 1) for x in c.expected]
    rows = [(n, r) for n, c in enumerate(commands, 1) for r in c.rows]
    return [
        _texts(c.key for c in commands),
        Column(1001, 17, (c.request_hash for c in commands)),
        _texts(c.actor for c in commands),
        _texts(c.role for c in commands),
        _uuids(c.correlation_id for c in commands),
        Column(1005, 21, (SMALLINT(c.status) for c in commands)),
        _texts(c.subject for c in commands),
        _ints(c.version for c in commands),
        _texts(c.answer for c in commands),
        Column(1016, 20, (BIGINT(c.guard.after) if c.guard else None for c in commands)),
        _texts(",".join(c.guard.types) if c.guard and c.guard.types else None for c in commands),
        _uuids(c.guard.participant_id if c.guard else None for c in commands),
        Column(1009, 25, (_identity(c.identity) if c.identity else None for c in commands)),
        _ints(n for n, _, _ in expected),
        _uuids(stream for _, stream, _ in expected),
        _ints(version for _, _, version in expected),
        _ints(n for n, _ in rows),
        _uuids(r.event_id for _, r in rows),
        _uuids(r.originator_id for _, r in rows),
        _ints(r.originator_version for _, r in rows),
        _texts(r.topic for _, r in rows),
        Column(1009, 25, (r.state for _, r in rows)),
        _uuids(r.causation_id for _, r in rows),
        Column(1182, 1082, (INT(r.effective_on.toordinal() - POSTGRES_EPOCH) for _, r in rows)),
        _uuids(r.participant_id for _, r in rows),
    ]


def _texts(values: Iterable[str | None]) -> Column:
    return Column(1009, 25, (None if v is None else v.encode() for v in values))


def _uuids(values: Iterable[UUID | None]) -> Column:
    return Column(2951, 2950, (v.bytes if v else None for v in values))


def _ints(values: Iterable[int]) -> Column:
    return Column(1007, 23, map(INT, values))


def _identity(identity: Identity | Erasure) -> bytes:
    if isinstance(identity, Erasure):
        return msgspec.json.encode({"participant_id": identity.participant_id})
    return msgspec.json.encode(
        {
            "participant_id": identity.participant_id,
            "inn": identity.inn,
            "fields": identity.fields.decode(),
            "salt": identity.salt.hex(),
            "commitment": identity.commitment.hex(),
        }
    )
