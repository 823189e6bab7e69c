"""Snapshots of registers: which file was read, how far, and what became of it.

Every function takes an autocommit connection as ckr_app.
"""

from datetime import date, datetime
from typing import Any, Final, Literal
from uuid import UUID

from msgspec import Struct
from psycopg import Connection
from psycopg.rows import class_row, tuple_row

from ckr_es.registry.reading import Register

Conn = Connection[Any]
State = Literal["reading", "recording", "interrupted", "read", "recorded", "failed"]

LOCKS: Final[dict[str, int]] = {"sme": 7161934518202121, "support": 7161934518202122}

# What is said to be going on is true while the lock is held by the very process of the server that wrote so.
SELECT: Final = """
    select s.id, s.register, s.sha256, s.file_name, s.kind, s.bytes, s.members, s.region, s.complete_said,
           coalesce(s.complete, false) as complete, s.known_position, s.staged, s.records, s.kept,
           s.first_as_of, s.last_as_of, s.found, s.absent, s.unchanged, s.notes, s.error, s.actor,
           s.started_at, s.finished_at, m.members_read, m.bytes_read,
           case when s.state in ('recorded', 'failed') then s.state
                when h.held then case s.state when 'reading' then 'reading' else 'recording' end
                when s.state = 'read' and s.error is not null then 'read'
                else 'interrupted' end as state,
           s.state as reached
    from registry.snapshot s
    cross join lateral (
        select count(*) as members_read, coalesce(sum(bytes), 0)::bigint as bytes_read
        from registry.member where snapshot_id = s.id) m
    cross join lateral (
        select exists (
            select from pg_locks l
            where l.locktype = 'advisory' and l.granted and l.pid = s.backend
              and l.database = (select oid from pg_database where datname = current_database())
              and (l.classid::bigint << 32 | l.objid::bigint)
                  = case s.register when 'sme' then %(sme)s else %(support)s end) as held) h
"""
PAGE: Final = """
    where s.register = %(register)s
      and (%(before)s::timestamptz is null or (s.started_at, s.id) < (%(before)s, %(id)s))
    order by s.started_at desc, s.id desc limit %(limit)s
"""
KEEP_UPLOAD: Final = """
    insert into registry.upload (key, request_hash, snapshot_id) values (%s, %s, %s) on conflict (key) do nothing
"""


class Snapshot(Struct, frozen=True, kw_only=True):
    """A file of a register. `state` is what goes on, `reached` what is done; `error` why it ended so.

    `found` and `absent` count the records made in all runs, `unchanged` the participants of whom the last run had
    nothing new to say. `bytes` is the size of the file, `bytes_read` that of the members read, unpacked.
    """

    id: UUID
    register: Register
    sha256: str
    file_name: str | None
    kind: Literal["zip", "xml", "dir"]
    bytes: int
    members: int
    region: str | None
    complete_said: bool | None
    complete: bool
    known_position: int
    staged: bool
    records: int | None
    kept: int | None
    first_as_of: date | None
    last_as_of: date | None
    found: int
    absent: int
    unchanged: int
    notes: list[str]
    error: dict[str, Any] | None
    actor: str
    started_at: datetime
    finished_at: datetime | None
    members_read: int
    bytes_read: int
    state: State
    reached: Literal["reading", "read", "recorded", "failed"]


def find(conn: Conn, id: UUID) -> Snapshot | None:
    return _one(conn, "where s.id = %(id)s", id=id)


def by_digest(conn: Conn, register: Register, sha256: str) -> Snapshot | None:
    return _one(
        conn, "where (s.register, s.sha256) = (%(register)s, %(digest)s)", register=register, digest=sha256
    )


def page(
    conn: Conn, register: Register, limit: int, after: tuple[datetime, UUID] | None = None
) -> list[Snapshot]:
    """The latest first, from behind the one that began at that instant with that id."""
    before, id = after or (None, None)
    with conn.cursor(row_factory=class_row(Snapshot)) as cursor:
        given = {"register": register, "before": before, "id": id, "limit": limit, **LOCKS}
        return cursor.execute((SELECT + PAGE).encode(), given).fetchall()


def uploaded(conn: Conn, key: str) -> tuple[bytes, UUID] | None:
    """The hash of the request that this key was used for, and the snapshot that it brought."""
    with conn.cursor(row_factory=tuple_row) as cursor:
        found = cursor.execute("select request_hash, snapshot_id from registry.upload where key = %s", (key,))
        return found.fetchone()


def keep_upload(conn: Conn, key: str, request_hash: bytes, id: UUID) -> None:
    conn.execute(KEEP_UPLOAD, (key, request_hash, id))


def existing(conn: Conn, id: UUID) -> Snapshot:
    found = find(conn, id)
    assert found is not None
    return found


def _one(conn: Conn, where: str, **given: Any) -> Snapshot | None:
    with conn.cursor(row_factory=class_row(Snapshot)) as cursor:
        return cursor.execute((SELECT + where).encode(), {**LOCKS, **given}).fetchone()


def told(snapshot: Snapshot) -> dict[str, Any]:
    """The snapshot as programs are told of it."""
    names = (
        "id", "register", "state", "complete", "region", "last_as_of", "first_as_of", "records", "kept", "found",
        "absent", "unchanged", "notes", "error", "known_position", "actor", "started_at", "finished_at",
    )  # fmt: skip
    said = {name: getattr(snapshot, name) for name in names}
    said["as_of"] = said.pop("last_as_of")
    said["file"] = {
        "name": snapshot.file_name,
        "sha256": snapshot.sha256,
        "kind": snapshot.kind,
        "bytes": snapshot.bytes,
        "members": snapshot.members,
        "members_read": snapshot.members_read,
    }
    return said
