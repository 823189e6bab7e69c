"""The course of an import, as its row keeps it: read, previewed, committed, reverted, or given up with the reason.

Every function takes an autocommit connection as ckr_app.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Final, Literal
from uuid import UUID, uuid4

import msgspec
from msgspec import Struct
from psycopg import Connection
from psycopg.rows import class_row, tuple_row
from psycopg.types.json import Json, Jsonb

from ckr_es.imports import rows
from ckr_es.rules import Refused, Unknown

Conn = Connection[Any]
Format = Literal["ndjson", "csv", "xlsx"]
Reached = Literal[
    "reading",
    "previewing",
    "previewed",
    "committing",
    "committed",
    "reverting",
    "reverted",
    "failed",
    "expired",
]
State = Reached | Literal["interrupted"]

LOCK: Final = 716193451  # with the hash of its id: one at a time at one import
MOVING: Final = ("reading", "previewing", "committing", "reverting")
KEPT: Final = "7 days"  # that rows nobody commits stay

# What is said to be going on is true while the lock is held by the very process of the server that wrote so.
SELECT: Final = """
    select i.id, i.actor, i.role, i.sha256, i.format, i.file_name, i.bytes, i.rows, i.done, i.preview, i.recorded,
           i.reverted, i.reason, i.late_reason, i.error, i.started_at, i.finished_at, i.state as reached,
           case when i.state = any (%(moving)s) and not exists (
                    select from pg_locks l
                    where l.locktype = 'advisory' and l.granted and l.pid = i.backend and l.objsubid = 2
                      and l.database = (select oid from pg_database where datname = current_database())
                      and l.classid = %(lock)s::oid and l.objid = (hashtext(i.id::text)::bigint & 4294967295)::oid)
                then 'interrupted' else i.state end as state
    from imports.import i
"""
PAGE: Final = """
    where %(before)s::timestamptz is null or (i.started_at, i.id) < (%(before)s, %(id)s)
    order by i.started_at desc, i.id desc limit %(limit)s
"""
OF_FILE: Final = """
    where i.actor = %(actor)s and i.sha256 = %(sha256)s and i.state not in ('reverted', 'failed', 'expired')
"""
INSERT: Final = """
    insert into imports.import (id, actor, role, sha256, format, file_name, bytes, state)
    values (%s, %s, %s, %s, %s, %s, %s, 'reading') on conflict do nothing
"""
EXPIRED: Final = """
    update imports.import set state = 'expired', finished_at = clock_timestamp()
    where state in ('reading', 'previewing', 'previewed') and started_at < clock_timestamp() - %s::interval
    returning id
"""
KEEP_UPLOAD: Final = """
    insert into imports.upload (key, request_hash, import_id) values (%s, %s, %s) on conflict (key) do nothing
"""
STEP: Final = "update imports.import set done = %s, {} = %s where id = %s"


class Import(Struct, frozen=True, kw_only=True):
    """A file of commands. `state` is what goes on, `reached` what is done; `preview` and `recorded` count its rows.

    `done` is the last row that the present phase is through with; `error` why it went no further.
    """

    id: UUID
    actor: str
    role: str
    sha256: str
    format: Format
    file_name: str | None
    bytes: int
    rows: int
    done: int
    preview: dict[str, Any] | None
    recorded: dict[str, Any] | None
    reverted: int | None
    reason: str | None
    late_reason: str | None
    error: dict[str, Any] | None
    started_at: datetime
    finished_at: datetime | None
    reached: Reached
    state: State


class Tally:
    """Counts what becomes of rows: by outcome, and the events by type."""

    def __init__(self, so_far: dict[str, Any] | None = None) -> None:
        self.rows = Counter((so_far or {}).get("rows", {}))
        self.events = Counter((so_far or {}).get("events", {}))

    def add(self, outcome: str, types: tuple[str, ...]) -> None:
        self.rows[outcome] += 1
        if outcome == "recorded":
            self.events.update(types)

    def told(self) -> dict[str, Any]:
        outcomes = ("recorded", "unchanged", "replayed", "refused")
        return {
            "rows": {name: self.rows[name] for name in outcomes},
            "events": dict(sorted(self.events.items())),
        }


@contextmanager
def at_work(conn: Conn, id: UUID) -> Iterator[None]:
    """One at a time; Refused("import-in-progress") for the second."""
    key = (LOCK, str(id))
    if conn.execute("select pg_try_advisory_lock(%s, hashtext(%s))", key).fetchone() != (True,):
        raise Refused("import-in-progress", "Этот импорт уже идёт: дождитесь окончания")
    try:
        conn.execute("update imports.import set backend = pg_backend_pid() where id = %s", (id,))
        yield
    finally:
        if not conn.closed and not conn.broken:
            conn.execute("select pg_advisory_unlock(%s, hashtext(%s))", key)


def begin(
    conn: Conn, *, actor: str, role: str, sha256: str, format: Format, size: int, file_name: str | None
) -> Import:
    """The import of this file: the one there is, or a new one. What nobody committed in time goes."""
    with conn.transaction():
        for (old,) in conn.execute(EXPIRED, (KEPT,)).fetchall():
            rows.forget(conn, old)
    conn.execute(INSERT, (uuid4(), actor, role, sha256, format, file_name, size))
    found = of_file(conn, actor, sha256)
    assert found is not None
    return found


def moved(conn: Conn, id: UUID, state: Reached, **also: Any) -> None:
    """Into the next state, at its beginning."""
    conn.execute(
        """
        update imports.import
        set state = %(state)s, done = coalesce(%(done)s, done), rows = coalesce(%(rows)s, rows), error = null,
            reason = coalesce(%(reason)s, reason), late_reason = coalesce(%(late_reason)s, late_reason),
            finished_at = case when %(state)s = any (%(moving)s) then null else clock_timestamp() end
        where id = %(id)s
        """,
        {"done": None, "rows": None, "reason": None, "late_reason": None, **also}
        | {"id": id, "state": state, "moving": list(MOVING)},
    )


def step(conn: Conn, id: UUID, phase: rows.Phase, done: int, tally: Tally) -> None:
    """So far, and what it came to."""
    column = "preview" if phase == "preview" else "recorded"
    conn.execute(STEP.format(column).encode(), (done, Json(tally.told()), id))


def fail(conn: Conn, id: UUID, refusal: Refused, state: Reached) -> None:
    """Why it went no further. A file that is no good leaves nothing else."""
    error = {"code": refusal.code, "detail": refusal.detail, "errors": msgspec.to_builtins(refusal.problems)}
    with conn.transaction():
        if state == "failed":
            rows.forget(conn, id)
            rows.untell(conn, id, "preview")
        moved(conn, id, state)
        conn.execute("update imports.import set error = %s where id = %s", (Jsonb(error), id))


def find(conn: Conn, id: UUID) -> Import:
    """Unknown when there is none."""
    if (found := _one(conn, "where i.id = %(id)s", id=id)) is None:
        raise Unknown("not-found", "Такого импорта нет")
    return found


def of_file(conn: Conn, actor: str, sha256: str) -> Import | None:
    return _one(conn, OF_FILE, actor=actor, sha256=sha256)


def page(conn: Conn, limit: int, after: tuple[datetime, UUID] | None = None) -> list[Import]:
    """The latest first, from behind the one that began at that instant with that id."""
    before, id = after or (None, None)
    with conn.cursor(row_factory=class_row(Import)) as cursor:
        given = {"before": before, "id": id, "limit": limit, "lock": LOCK, "moving": list(MOVING)}
        return cursor.execute((SELECT + PAGE).encode(), given).fetchall()


def uploaded(conn: Conn, key: str) -> tuple[bytes, UUID] | None:
    """The hash of the request that this key was used for, and its import."""
    with conn.cursor(row_factory=tuple_row) as cursor:
        found = cursor.execute("select request_hash, import_id from imports.upload where key = %s", (key,))
        return found.fetchone()


def keep_upload(conn: Conn, key: str, request_hash: bytes, id: UUID) -> None:
    conn.execute(KEEP_UPLOAD, (key, request_hash, id))


def _one(conn: Conn, where: str, **given: Any) -> Import | None:
    with conn.cursor(row_factory=class_row(Import)) as cursor:
        query = (SELECT + where).encode()
        return cursor.execute(query, {"lock": LOCK, "moving": list(MOVING), **given}).fetchone()


def told(one: Import) -> dict[str, Any]:
    """The import as programs are told of it."""
    names = (
        "id", "state", "format", "rows", "done", "preview", "recorded", "reverted", "error", "actor", "started_at",
        "finished_at",
    )  # fmt: skip
    said = {name: getattr(one, name) for name in names}
    said["file"] = {"name": one.file_name, "sha256": one.sha256, "bytes": one.bytes}
    return said
