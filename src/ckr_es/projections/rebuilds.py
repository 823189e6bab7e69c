"""The account of rebuilds: who asked, how far each is, what it found. It stays: who accepts differences answers."""

from datetime import datetime
from typing import Any, Final, Literal
from uuid import UUID, uuid4

import psycopg
from msgspec import Struct, to_builtins
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from ckr_es.projections.log import Session
from ckr_es.rules import Refused

REBUILDING: Final = 7161934518202115  # held by the one rebuild that goes on in a database

BEGIN: Final = """
    insert into ckr.rebuild (id, name, actor, shadow_only, accept_differences, backend)
    values (%s, %s, %s, %s, %s, pg_backend_pid())
"""
MOVED: Final = "update ckr.rebuild set done = %s, upto = %s where id = %s"
DONE: Final = """
    update ckr.rebuild set state = 'done', position = %s, rows = %s, switched = %s, differences = %s,
           finished_at = clock_timestamp() where id = %s
"""
FAILED: Final = """
    update ckr.rebuild set state = 'failed', error = %s, finished_at = clock_timestamp() where id = %s
"""
LAST: Final = """
    select distinct on (r.name) r.id, r.name, r.actor, r.shadow_only, r.accept_differences, r.done, r.upto, r.position,
           r.rows, r.switched, r.differences, r.error, r.started_at, r.finished_at,
           case when r.state = 'running' and not exists (
                    select from pg_locks l
                    where l.locktype = 'advisory' and l.granted and l.pid = r.backend and l.objsubid = 1
                      and l.database = (select oid from pg_database where datname = current_database())
                      and l.classid = (%(lock)s::bigint >> 32)::oid
                      and l.objid = (%(lock)s::bigint & 4294967295)::oid)
                then 'interrupted' else r.state end as state
    from ckr.rebuild r order by r.name, r.started_at desc
"""


class Interrupted(Exception):
    """Raised by whoever is told of the progress, to end a rebuild: the next one begins anew."""


class Differs(Struct, frozen=True):
    """How many rows of a table only one side has: not which, so that nothing of anybody stays here."""

    table: str
    only_live: int
    only_rebuilt: int


class Rebuild(Struct, frozen=True, kw_only=True):
    """`done` of `upto` are positions of the log; the rest is known in the end. `interrupted`: its process is gone."""

    id: UUID
    name: str
    actor: str
    shadow_only: bool
    accept_differences: bool
    state: Literal["running", "done", "failed", "interrupted"]
    done: int
    upto: int
    position: int | None
    rows: int | None
    switched: bool | None
    differences: list[dict[str, Any]] | None
    error: str | None
    started_at: datetime
    finished_at: datetime | None


class Account:
    """Of one rebuild, while its connection holds the lock."""

    def __init__(
        self, conn: Session, name: str, actor: str, shadow_only: bool, accept_differences: bool
    ) -> None:
        self.id = uuid4()
        self._conn = conn
        conn.execute(BEGIN, (self.id, name, actor, shadow_only, accept_differences))

    def moved(self, done: int, upto: int) -> None:
        self._conn.execute(MOVED, (done, upto, self.id))

    def finished(self, position: int, rows: int, switched: bool, differences: list[Differs]) -> None:
        said = (position, rows, switched, Jsonb(to_builtins(differences)))
        self._conn.execute(DONE, (*said, self.id))

    def failed(self, error: Exception) -> None:
        # PostgreSQL's details may show the row that it failed on.
        said = error.diag.message_primary if isinstance(error, psycopg.Error) else str(error)
        self._conn.execute(FAILED, (f"{type(error).__name__}: {said}", self.id))


def take_turn(conn: Session, *, wait: bool) -> None:
    """One rebuild at a time in a database. Refused("rebuild-running") where another goes on and this does not wait."""
    if wait:
        conn.execute("select pg_advisory_lock(%s)", (REBUILDING,))
        return
    row = conn.execute("select pg_try_advisory_lock(%s)", (REBUILDING,)).fetchone()
    if row is None or not row[0]:
        raise Refused("rebuild-running", "Уже идёт заполнение проекции: дождитесь его конца")


def last(conn: psycopg.Connection[Any]) -> dict[str, Rebuild]:
    """The last rebuild of each projection that ever had one. Any role of ours may ask."""
    with conn.cursor(row_factory=class_row(Rebuild)) as cursor:
        return {one.name: one for one in cursor.execute(LAST, {"lock": REBUILDING})}
