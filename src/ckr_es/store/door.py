"""The append door, called: commands go in as binary columns, an outcome for each comes back."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Literal
from uuid import UUID

import msgspec
from msgspec import Struct

from ckr_es.store.envelope import StoredRow
from ckr_es.store.prepared import (
    BIGINT,
    INT,
    NULL,
    SMALLINT,
    Connection,
    Prepared,
    array,
    bytea,
    ints,
    texts,
    uuids,
)

CALL = Prepared(
    "ckr_append",
    """
    select outcome, first_position, last_position, recorded_at, leaves, conflict_stream, actual_version
    from ckr.append($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13,
                    $14, $15, $16,
                    $17, $18, $19, $20, $21, $22, $23, $24, $25)
    """,
    25,
)
POSTGRES_EPOCH = date(2000, 1, 1).toordinal()


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

    Raises psycopg.Error; TimeoutError after `timeout` seconds: then the call is under way, and `outcomes` waits on.
    """
    CALL.send(conn, _columns(commands))
    return outcomes(conn, timeout)


def outcomes(conn: Connection, timeout: float | None = None) -> list[Outcome]:
    """What the call under way says, in the order of its commands; raises as `append` does."""
    return [
        Outcome(kind, first, last, recorded_at, tuple(leaves) if leaves else (), stream, version)
        for kind, first, last, recorded_at, leaves, stream, version in CALL.rows(conn, timeout)
    ]


def _columns(commands: Sequence[Command]) -> list[bytes]:
    expected = [(n, stream, version) for n, c in enumerate(commands, 1) for stream, version in c.expected]
    rows = [(n, row) for n, c in enumerate(commands, 1) for row in c.rows]
    guards = [c.guard for c in commands]
    return [
        texts([c.key for c in commands]),
        bytea(17, [c.request_hash for c in commands]),
        texts([c.actor for c in commands]),
        texts([c.role for c in commands]),
        uuids([c.correlation_id for c in commands]),
        array(21, [SMALLINT(2, c.status) for c in commands]),
        texts([c.subject for c in commands]),
        ints([c.version for c in commands]),
        texts([c.answer for c in commands]),
        array(20, [BIGINT(8, g.after) if g else NULL for g in guards]),
        texts([",".join(g.types) if g and g.types else None for g in guards]),
        uuids([g.participant_id if g else None for g in guards]),
        bytea(25, [_identity(c.identity) if c.identity else None for c in commands]),
        ints([n for n, _, _ in expected]),
        uuids([stream for _, stream, _ in expected]),
        ints([version for _, _, version in expected]),
        ints([n for n, _ in rows]),
        uuids([r.event_id for _, r in rows]),
        uuids([r.originator_id for _, r in rows]),
        ints([r.originator_version for _, r in rows]),
        texts([r.topic for _, r in rows]),
        bytea(25, [r.state for _, r in rows]),
        uuids([r.causation_id for _, r in rows]),
        array(1082, [INT(4, r.effective_on.toordinal() - POSTGRES_EPOCH) for _, r in rows]),
        uuids([r.participant_id for _, r in rows]),
    ]


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
