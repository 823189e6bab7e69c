"""Snapshots of registers: which file was read, how far, and what became of it.

Every function takes an autocommit connection as ckr_app.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from typing import Any, Final, Literal, cast
from uuid import UUID, uuid4

import msgspec
from msgspec import Struct
from psycopg import Connection
from psycopg.rows import class_row, tuple_row
from psycopg.types.json import Jsonb

from ckr_es.registry import rows
from ckr_es.registry.archive import Source
from ckr_es.registry.reading import Register
from ckr_es.rules import Refused

Conn = Connection[Any]
State = Literal["reading", "recording", "interrupted", "read", "recorded", "failed"]

LOCKS: Final[dict[str, int]] = {"sme": 7161934518202121, "support": 7161934518202122}
KEPT_COMPLETE: Final = 2  # snapshots of a register whose rows stay

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
INSERT: Final = """
    insert into registry.snapshot (id, register, sha256, file_name, kind, bytes, members, region, complete_said,
                                   known_position, state, backend, actor)
    values (%(id)s, %(register)s, %(sha256)s, %(file_name)s, %(kind)s, %(bytes)s, %(members)s, %(region)s,
            %(complete)s, (select coalesce(max(position), 0) from ckr.event), 'reading', pg_backend_pid(), %(actor)s)
"""
ANEW: Final = """
    update registry.snapshot
    set region = %(region)s, complete_said = %(complete)s, complete = null, staged = true, state = 'reading',
        known_position = (select coalesce(max(position), 0) from ckr.event), notes = '{}', actor = %(actor)s,
        started_at = clock_timestamp(), records = null, kept = null, first_as_of = null, last_as_of = null
    where id = %(id)s
"""
TAKEN_UP: Final = """
    update registry.snapshot
    set backend = pg_backend_pid(), error = null, finished_at = null,
        complete_said = coalesce(%(complete)s, complete_said)
    where id = %(id)s
"""
# Absence means something only where every record is there and all are of one day.
READ: Final = """
    update registry.snapshot s
    set state = case s.state when 'reading' then 'read' else s.state end,
        records = m.records, kept = m.kept, first_as_of = m.first_as_of, last_as_of = m.last_as_of,
        complete = coalesce(s.complete_said, s.kind = 'zip') and m.records > 0 and m.first_as_of = m.last_as_of,
        notes = %(notes)s
    from (select coalesce(sum(records), 0) as records, coalesce(sum(kept), 0) as kept,
                 min(first_as_of) as first_as_of, max(last_as_of) as last_as_of
          from registry.member where snapshot_id = %(id)s) m
    where s.id = %(id)s
"""
COUNTED: Final = """
    select coalesce(sum(records), 0), min(first_as_of), max(last_as_of),
           count(*) filter (where said is distinct from records)
    from registry.member where snapshot_id = %s
"""
COUNT: Final = "update registry.snapshot set found = found + %s, absent = absent + %s where id = %s"
RECORDED: Final = """
    update registry.snapshot
    set state = 'recorded', finished_at = clock_timestamp(), unchanged = %s, notes = notes || %s::text[]
    where id = %s
"""
FAILED: Final = """
    update registry.snapshot set state = 'failed', error = %s, finished_at = clock_timestamp() where id = %s
"""
KEEP_UPLOAD: Final = """
    insert into registry.upload (key, request_hash, snapshot_id) values (%s, %s, %s) on conflict (key) do nothing
"""
# Rows that no later look-up will ask for: the log keeps what was recorded of them.
SUPERSEDED: Final = """
    with latest as (
        select last_as_of from registry.snapshot
        where register = %(register)s and state in ('read', 'recorded') and complete and staged
        order by last_as_of desc, started_at desc limit %(kept)s)
    update registry.snapshot set staged = false
    where register = %(register)s and state = 'recorded' and staged
      and (select count(*) from latest) = %(kept)s and last_as_of < (select min(last_as_of) from latest)
    returning id
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


@contextmanager
def at_work(conn: Conn, register: Register) -> Iterator[None]:
    """One load of a register at a time; Refused("load-in-progress") for the second."""
    key = (LOCKS[register],)
    if not _value(conn, "select pg_try_advisory_lock(%s)", key):
        raise Refused("load-in-progress", "Этот реестр уже загружают: дождитесь окончания")
    try:
        yield
    finally:
        if not conn.closed and not conn.broken:
            conn.execute("select pg_advisory_unlock(%s)", key)


def uploaded(conn: Conn, key: str) -> tuple[bytes, UUID] | None:
    """The hash of the request that this key was used for, and the snapshot that it brought."""
    with conn.cursor(row_factory=tuple_row) as cursor:
        found = cursor.execute("select request_hash, snapshot_id from registry.upload where key = %s", (key,))
        return found.fetchone()


def keep_upload(conn: Conn, key: str, request_hash: bytes, id: UUID) -> None:
    conn.execute(KEEP_UPLOAD, (key, request_hash, id))


def begin(
    conn: Conn,
    register: Register,
    source: Source,
    *,
    region: str | None,
    complete: bool | None,
    actor: str,
    file_name: str | None,
) -> Snapshot:
    """The snapshot of this file: a new one, or the one there is, taken up where it was left.

    It is read anew (reached: "reading") when it failed, when its rows are gone, or for another region.
    """
    known = by_digest(conn, register, source.sha256)
    id = known.id if known else uuid4()
    given = {"id": id, "region": region, "complete": complete, "actor": actor}
    with conn.transaction():
        if known is None:
            more = {
                "register": register,
                "sha256": source.sha256,
                "file_name": file_name,
                "kind": source.kind,
            }
            sizes = {"bytes": source.size, "members": len(source.members)}
            conn.execute(INSERT, {**given, **more, **sizes})
        elif known.reached == "failed" or not known.staged or known.region != region:
            rows.forget(conn, id, register)
            rows.forget_members(conn, id)
            conn.execute(ANEW, given)
        elif known.reached == "reading":
            rows.forget_unfinished(conn, id, register)
        conn.execute(TAKEN_UP, given)
    return existing(conn, id)


def existing(conn: Conn, id: UUID) -> Snapshot:
    found = find(conn, id)
    assert found is not None
    return found


def read(conn: Conn, id: UUID) -> Snapshot:
    """All is read: what it amounts to, and whether absence from it means anything."""
    records, first, last, differing = _row_of(conn, COUNTED, (id,))
    notes = []
    if first != last:
        notes.append(f"ДатаСост в файле разная, от {first} до {last}: снимок не считается полным")
    if not records:
        notes.append("В файле нет ни одной записи: снимок не считается полным")
    if differing:
        notes.append(f"КолДок не совпадает с числом документов: файлов {differing}")
    conn.execute(READ, {"id": id, "notes": notes})
    return existing(conn, id)


def count(conn: Conn, id: UUID, found: int, absent: int) -> None:
    """So many records were made, whether or not that is all."""
    conn.execute(COUNT, (found, absent, id))


def recorded(conn: Conn, id: UUID, unchanged: int, notes: Sequence[str]) -> Snapshot:
    """All is recorded; rows that nobody will ask for any more are deleted."""
    conn.execute(RECORDED, (unchanged, list(notes), id))
    snapshot = existing(conn, id)
    with conn.transaction():
        given = {"register": snapshot.register, "kept": KEPT_COMPLETE}
        for (old,) in conn.execute(SUPERSEDED, given).fetchall():
            rows.forget(conn, old, snapshot.register)
    return existing(conn, id)


def refuse(conn: Conn, id: UUID, refusal: Refused) -> None:
    """The rules did not let it be recorded; its rows stay for the next attempt."""
    conn.execute("update registry.snapshot set error = %s where id = %s", (_error(refusal), id))


def fail(conn: Conn, snapshot: Snapshot, refusal: Refused) -> None:
    """The file is no good: nothing of it stays but the reason."""
    with conn.transaction():
        rows.forget(conn, snapshot.id, snapshot.register)
        rows.forget_members(conn, snapshot.id)
        conn.execute(FAILED, (_error(refusal), snapshot.id))


def _error(refusal: Refused) -> Jsonb:
    errors = msgspec.to_builtins(refusal.problems)
    return Jsonb({"code": refusal.code, "detail": refusal.detail, "errors": errors})


def _one(conn: Conn, where: str, **given: Any) -> Snapshot | None:
    with conn.cursor(row_factory=class_row(Snapshot)) as cursor:
        return cursor.execute((SELECT + where).encode(), {**LOCKS, **given}).fetchone()


def _row_of(conn: Conn, query: str, given: tuple[Any, ...]) -> tuple[Any, ...]:
    with conn.cursor(row_factory=tuple_row) as cursor:
        return cast("tuple[Any, ...]", cursor.execute(query.encode(), given).fetchone())


def _value(conn: Conn, query: str, given: tuple[Any, ...]) -> Any:
    return _row_of(conn, query, given)[0]


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
