"""The course of a load, as its snapshot keeps it: begun, read, recorded, or given up with the reason.

Every function takes an autocommit connection as ckr_app.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final
from uuid import UUID, uuid4

import msgspec
from psycopg import Connection
from psycopg.types.json import Jsonb

from ckr_es.registry import rows
from ckr_es.registry.archive import Source
from ckr_es.registry.reading import Register
from ckr_es.registry.snapshots import LOCKS, Snapshot, by_digest, existing
from ckr_es.rules import Refused

Conn = Connection[Any]

SHRUNK: Final = 2  # times fewer records than before are worth a note
KEPT_COMPLETE: Final = 2  # snapshots of a register whose rows stay

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
    select coalesce(sum(m.records), 0)::bigint, min(m.first_as_of), max(m.last_as_of),
           count(*) filter (where m.said is distinct from m.records),
           (select b.records from registry.snapshot b
            where b.register = s.register and b.id <> s.id and b.complete and b.last_as_of <= max(m.last_as_of)
            order by b.last_as_of desc limit 1)
    from registry.snapshot s left join registry.member m on m.snapshot_id = s.id
    where s.id = %s group by s.id
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


@contextmanager
def at_work(conn: Conn, register: Register) -> Iterator[None]:
    """One load of a register at a time; Refused("load-in-progress") for the second."""
    key = (LOCKS[register],)
    if conn.execute("select pg_try_advisory_lock(%s)", key).fetchone() != (True,):
        raise Refused("load-in-progress", "Этот реестр уже загружают: дождитесь окончания")
    try:
        yield
    finally:
        if not conn.closed and not conn.broken:
            conn.execute("select pg_advisory_unlock(%s)", key)


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


def read(conn: Conn, id: UUID) -> Snapshot:
    """All is read: what it amounts to, and whether absence from it means anything."""
    counted = conn.execute(COUNTED, (id,)).fetchone()
    assert counted is not None
    records, first, last, differing, before = counted
    notes = []
    if first != last:
        notes.append(f"ДатаСост в файле разная, от {first} до {last}: снимок не считается полным")
    if not records:
        notes.append("В файле нет ни одной записи: снимок не считается полным")
    if differing:
        notes.append(f"КолДок не совпадает с числом документов: файлов {differing}")
    if before is not None and records * SHRUNK < before:
        notes.append(f"Записей {records}, а в прошлом полном снимке было {before}: весь ли это файл?")
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
