"""The append door, called: commands go in as binary columns, an outcome for each comes back."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from select import POLLIN, POLLOUT, poll
from struct import Struct as Packing
from time import monotonic
from typing import Any, Literal
from uuid import UUID
from weakref import WeakSet

import msgspec
import psycopg
from msgspec import Struct
from psycopg.adapt import Dumper, PyFormat, Transformer
from psycopg.errors import error_from_result
from psycopg.pq import ExecStatus, Format
from psycopg.pq.abc import PGconn, PGresult

from ckr_es.store.envelope import StoredRow

Connection = psycopg.Connection[Any]

DOOR = b"ckr_append"
CALL = b"""
    select outcome, first_position, last_position, recorded_at, leaves, conflict_stream, actual_version
    from ckr.append($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13,
                    $14, $15, $16,
                    $17, $18, $19, $20, $21, $22, $23, $24, $25)
"""
FORMATS = [Format.BINARY] * 25
_ready: WeakSet[Connection] = WeakSet()  # the call is prepared on these
POSTGRES_EPOCH = date(2000, 1, 1).toordinal()
SMALLINT, INT, BIGINT = Packing(">ih").pack, Packing(">ii").pack, Packing(">iq").pack  # each after its size
SIZE = Packing(">i").pack
NULL, UUID_SIZE = SIZE(-1), SIZE(16)
ARRAY, EMPTY_ARRAY = Packing(">iiIii").pack, Packing(">iiI").pack


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


def append(conn: Connection, commands: Sequence[Command], timeout: float | None = None) -> list[Outcome]:
    """One call of the door on an autocommit connection (or within `conn.transaction()`).

    Raises psycopg.Error; TimeoutError after `timeout` seconds: then the call is still under way, and `outcomes` waits on.
    """
    if conn not in _ready:
        _prepare(conn)
    conn.pgconn.send_query_prepared(DOOR, [c.data for c in _columns(commands)], FORMATS, Format.BINARY)
    return outcomes(conn, timeout)


def outcomes(conn: Connection, timeout: float | None = None) -> list[Outcome]:
    """What the call under way says, in the order of its commands; raises as `append` does."""
    result = _result(conn.pgconn, timeout)
    if result.status != ExecStatus.TUPLES_OK:
        raise error_from_result(result, conn.info.encoding)
    rows = Transformer(conn)
    rows.set_pgresult(result)
    return [
        Outcome(kind, first, last, recorded_at, tuple(leaves) if leaves else (), stream, version)
        for kind, first, last, recorded_at, leaves, stream, version in rows.load_rows(0, result.ntuples, tuple)
    ]


def _prepare(conn: Connection) -> None:
    conn.execute("select set_config('timezone', 'UTC', false)")
    result = conn.pgconn.prepare(DOOR, CALL)
    if result.status != ExecStatus.COMMAND_OK:
        raise error_from_result(result, conn.info.encoding)
    _ready.add(conn)


def _result(server: PGconn, timeout: float | None) -> PGresult:
    """Straight from libpq: psycopg's own wait can't be left at a deadline."""
    until = None if timeout is None else monotonic() + timeout
    news = poll()
    unsent = server.flush()
    news.register(server.socket, POLLIN | POLLOUT if unsent else POLLIN)
    while unsent or server.is_busy():
        left = None if until is None else 1_000 * max(0.0, until - monotonic())
        if not news.poll(left):
            raise TimeoutError
        server.consume_input()
        if unsent and not (unsent := server.flush()):
            news.modify(server.socket, POLLIN)
    result = server.get_result()
    while server.get_result():
        pass  # the end of the answer, or of a connection that is lost
    assert result is not None
    return result


class Column:
    """A binary array for the server; psycopg's own list dumper would guess the type from the values."""

    __slots__ = ("array_oid", "data")

    def __init__(self, array_oid: int, element_oid: int, parts: Sequence[bytes]) -> None:
        # One dimension, may hold nulls, its length, numbered from 1; an empty array has no dimension.
        head = ARRAY(1, 1, element_oid, len(parts), 1) if parts else EMPTY_ARRAY(0, 0, element_oid)
        self.array_oid = array_oid
        self.data = head + b"".join(parts)


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
    expected = [(n, stream, version) for n, c in enumerate(commands, 1) for stream, version in c.expected]
    rows = [(n, row) for n, c in enumerate(commands, 1) for row in c.rows]
    guards = [c.guard for c in commands]
    return [
        texts([c.key for c in commands]),
        _bytes(1001, 17, [c.request_hash for c in commands]),
        texts([c.actor for c in commands]),
        texts([c.role for c in commands]),
        uuids([c.correlation_id for c in commands]),
        Column(1005, 21, [SMALLINT(2, c.status) for c in commands]),
        texts([c.subject for c in commands]),
        _ints([c.version for c in commands]),
        texts([c.answer for c in commands]),
        Column(1016, 20, [BIGINT(8, g.after) if g else NULL for g in guards]),
        texts([",".join(g.types) if g and g.types else None for g in guards]),
        uuids([g.participant_id if g else None for g in guards]),
        _bytes(1009, 25, [_identity(c.identity) if c.identity else None for c in commands]),
        _ints([n for n, _, _ in expected]),
        uuids([stream for _, stream, _ in expected]),
        _ints([version for _, _, version in expected]),
        _ints([n for n, _ in rows]),
        uuids([r.event_id for _, r in rows]),
        uuids([r.originator_id for _, r in rows]),
        _ints([r.originator_version for _, r in rows]),
        texts([r.topic for _, r in rows]),
        _bytes(1009, 25, [r.state for _, r in rows]),
        uuids([r.causation_id for _, r in rows]),
        Column(1182, 1082, [INT(4, r.effective_on.toordinal() - POSTGRES_EPOCH) for _, r in rows]),
        uuids([r.participant_id for _, r in rows]),
    ]


def texts(values: Iterable[str | None]) -> Column:
    return _bytes(1009, 25, [None if v is None else v.encode() for v in values])


def uuids(values: Iterable[UUID | None]) -> Column:
    return Column(2951, 2950, [UUID_SIZE + v.bytes if v else NULL for v in values])


def _ints(values: Iterable[int]) -> Column:
    return Column(1007, 23, [INT(4, v) for v in values])


def _bytes(array_oid: int, element_oid: int, values: Iterable[bytes | None]) -> Column:
    return Column(array_oid, element_oid, [NULL if v is None else SIZE(len(v)) + v for v in values])


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
