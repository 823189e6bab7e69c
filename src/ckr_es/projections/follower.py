"""Follows the log: one thread a process, one leader a database, a projection's tables and position together.

A record that a projection can't digest stops that projection at that position, loudly; the others go on, and
nothing is skipped. A lost connection is not an error of the log: the follower connects again and goes on.
Tables that an earlier version of the program left behind are rebuilt by the leader before it follows.
"""

import os
import select
import threading
import time
from collections.abc import Sequence
from datetime import datetime

import psycopg
import structlog
from msgspec import Struct
from psycopg import Notify
from psycopg.rows import tuple_row

from ckr_es.projections.log import Session, between, head
from ckr_es.projections.projection import Fold, Projection, Reached, no_garbage, reached
from ckr_es.projections.rebuild import renew
from ckr_es.projections.rebuilds import Interrupted
from ckr_es.projections.schemas import CONNECTION, PROJECTIONS, SEARCH, ensure
from ckr_es.projections.sheet import Sheet
from ckr_es.store.database import Database

LEADER = 7161934518202113  # the door and the migrations lock the two numbers before
BATCH = 5_000
CARRY = 100_000  # records that a fold hears before it begins anew: what it holds is bounded
BREATH = 0.02  # seconds after a batch that was not full: what is recorded meanwhile is one batch, not many
PATIENCE = 1.0  # seconds between looks when nothing is heard, and between attempts to lead or to connect

LOCK = (
    "select position, status, version, updated_at from ckr.projection where name = %s for update skip locked"
)
ADVANCE = """
    update ckr.projection set position = %s, updated_at = clock_timestamp() where name = %s returning updated_at
"""
STOP = """
    update ckr.projection
    set status = 'stopped', error = %s, error_position = %s, updated_at = clock_timestamp()
    where name = %s
"""
RETRY = """
    update ckr.projection
    set status = 'running', error = null, error_position = null, updated_at = clock_timestamp()
    where status = 'stopped'
"""

_VERSIONS = {projection.name: projection.version for projection in PROJECTIONS}
log = structlog.get_logger(__name__)


class ProjectionBehind(Exception):
    """A read asks for more than the projections have seen. `status` tells whether waiting helps.

    Tables of another version than the program's have seen nothing that it could read.
    """

    def __init__(self, name: str, reached: int, wanted: int, status: str) -> None:
        super().__init__(f"projection {name} is at {reached} ({status}), wanted {wanted}")
        self.name = name
        self.reached = reached
        self.wanted = wanted
        self.status = status


class FollowerStatus(Struct, frozen=True, kw_only=True):
    """This process's follower; `projections.reached` tells how far the projections are."""

    alive: bool
    leader: bool
    error: str | None


def await_position(conn: Session, names: Sequence[str], position: int, deadline_s: float = 2.0) -> None:
    """Return once all of these projections have seen `position`; ProjectionBehind when the deadline passes.

    A stopped projection is not waited for.
    """
    deadline = time.monotonic() + deadline_s
    pause = 0.003
    while True:
        known = {r.name: r for r in reached(conn)}
        behind = [(name, known.get(name)) for name in names]
        late = [
            (name, r)
            for name, r in behind
            if r is None or r.position < position or r.version != _VERSIONS.get(name, r.version)
        ]
        if not late:
            return
        stopped = any(r is not None and r.status == "stopped" for _, r in late)
        if stopped or time.monotonic() + pause > deadline:
            name, r = min(late, key=lambda x: x[1].position if x[1] else -1)
            raise ProjectionBehind(name, r.position if r else 0, position, r.status if r else "absent")
        time.sleep(pause)
        pause = min(pause * 1.5, 0.05)


class Follower:
    """`start` it in every process that serves: one leads, the others stand by."""

    def __init__(self, database: Database, projections: Sequence[Projection] = PROJECTIONS) -> None:
        self._database = database
        self._projections = projections
        self._thread = threading.Thread(target=self._live, name="follower", daemon=True)
        self._ends, self._end = os.pipe()
        self._stopping = threading.Event()
        self._news = False
        self._leader = False
        self._error: str | None = None
        self._carried: dict[str, Carried] = {}

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Finish the batch at hand and leave. Harmless when repeated."""
        if not self._stopping.is_set():
            self._stopping.set()
            os.write(self._end, b".")
            if self._thread.ident is not None:
                self._thread.join()
            os.close(self._end)
            os.close(self._ends)

    def status(self) -> FollowerStatus:
        return FollowerStatus(alive=self._thread.is_alive(), leader=self._leader, error=self._error)

    def _live(self) -> None:
        while not self._stopping.is_set():
            try:
                with psycopg.connect(
                    self._database.conninfo("ckr_projector"),
                    autocommit=True,
                    row_factory=tuple_row,
                    **CONNECTION,
                ) as conn:
                    self._follow(conn)
            except Interrupted:
                pass
            except Exception as error:  # noqa: BLE001 (whatever it is, a follower that gave up would be silent)
                self._error = f"{type(error).__name__}: {error}".strip()
                log.warning("follower reconnects", error=self._error)
                self._stopping.wait(PATIENCE)
            finally:
                self._leader = False
                self._carried.clear()

    def _follow(self, conn: Session) -> None:
        # What is lost in a crash is read from the log again: no need to wait for the disk.
        conn.execute("set synchronous_commit = off")
        conn.execute("set plan_cache_mode = force_custom_plan")
        while not self._lead(conn):
            self._sleep(conn)
            if self._stopping.is_set():
                return
        self._leader = True
        self._error = None
        outdated = ensure(conn, self._projections)
        conn.execute(RETRY)
        for projection in outdated:
            self._renew(conn, projection)
        conn.add_notify_handler(self._hear)
        conn.execute("listen ckr_events")
        while not self._stopping.is_set():
            self._news = False
            moved = [self._advance(conn, projection) for projection in self._projections]
            # A notification that came with the answer to a statement never makes the socket readable.
            if not any(moved) and not self._news:
                self._sleep(conn)
            elif not self._carried:
                self._stopping.wait(BREATH)

    def _lead(self, conn: Session) -> bool:
        row = conn.execute("select pg_try_advisory_lock(%s)", (LEADER,)).fetchone()
        return row is not None and bool(row[0])

    def _hear(self, _: Notify) -> None:
        self._news = True

    def _sleep(self, conn: Session) -> None:
        asleep = select.poll()
        asleep.register(conn.fileno(), select.POLLIN)
        asleep.register(self._ends, select.POLLIN)
        asleep.poll(PATIENCE * 1000)

    def _renew(self, conn: Session, projection: Projection) -> None:
        def go_on(_done: int, _of: int) -> None:
            if self._stopping.is_set():
                raise Interrupted

        log.info("rebuilding tables of an earlier version", projection=projection.name)
        try:
            renewed = renew(projection, self._database, go_on, accept_differences=True)
        except (Interrupted, psycopg.OperationalError, psycopg.InterfaceError):
            raise
        except Exception as error:  # noqa: BLE001 (it stops this projection, with its text)
            halt(conn, projection, error)
            return
        differences = {d.table: (d.only_live, d.only_rebuilt) for d in renewed.differences}
        log.info(
            "projection rebuilt",
            projection=projection.name,
            version=projection.version,
            position=renewed.position,
            rows=renewed.rows,
            differences=differences,
        )

    def _advance(self, conn: Session, projection: Projection) -> bool:
        """Whether there was something to do, and maybe more is."""
        try:
            return step(conn, projection, BATCH, self._carried)
        except (psycopg.OperationalError, psycopg.InterfaceError):
            raise
        except Exception as error:  # noqa: BLE001 (the record at fault is found by going one by one)
            log.warning("batch failed, going one by one", projection=projection.name, error=str(error))
        for _ in range(BATCH):
            try:
                if self._stopping.is_set() or not step(conn, projection, 1):
                    break
            except (psycopg.OperationalError, psycopg.InterfaceError):
                raise
            except Exception as error:  # noqa: BLE001 (it stops this projection, with its text)
                halt(conn, projection, error)
                break
        return True


class Carried(Struct, frozen=True):
    """A fold that has heard every record from `since` on, and what it needed of those before.

    It goes on from the tables as it left them, at this instant; a rebuild may have put others in their place.
    """

    fold: Fold
    since: int
    left_at: datetime


def step(conn: Session, projection: Projection, most: int, carried: dict[str, Carried] | None = None) -> bool:
    """Apply up to `most` records, tables and position in one transaction; whether the projection moved.

    With `carried`, the fold is kept there for the next step while the projection catches up.
    """
    before = carried.pop(projection.name, None) if carried is not None else None
    with no_garbage(), conn.transaction():
        row = conn.execute(LOCK, (projection.name,)).fetchone()
        if row is None:  # a rebuild holds it, and gives it back soon
            return False
        position, status, version, updated_at = row
        if status == "stopped":
            return False
        if version != projection.version:
            raise RuntimeError(
                f"tables are of version {version}, the program's is {projection.version}: "
                f"run `ckr projections rebuild {projection.name}`"
            )
        upto = min(head(conn), position + most)
        if upto <= position:
            return False
        conn.execute(SEARCH, (projection.name,))
        if before is None or before.left_at != updated_at or position - before.since > CARRY:
            before = Carried(projection.fold(), position, updated_at)
            projection.begin(conn, before.fold, position)
        sheet = Sheet()
        if batch := between(conn, position, upto, projection.unheard):
            projection.prime(conn, position, batch, before.fold)
            for record in batch:
                before.fold.post(record, sheet)
        projection.close(conn, before.fold, upto, sheet)
        sheet.write(conn)
        (left_at,) = conn.execute(ADVANCE, (upto, projection.name)).fetchall()[0]
    if carried is not None and upto == position + most:  # more may follow at once
        carried[projection.name] = Carried(before.fold, before.since, left_at)
    return True


def halt(conn: Session, projection: Projection, error: Exception) -> None:
    """Mark the projection stopped at the record after its position, and say so."""
    by_name: dict[str, Reached] = {r.name: r for r in reached(conn)}
    at = by_name[projection.name].position + 1
    text = f"{type(error).__name__}: {error}"
    conn.execute(STOP, (text, at, projection.name))
    log.error("projection stopped", projection=projection.name, position=at, error=text, exc_info=error)
