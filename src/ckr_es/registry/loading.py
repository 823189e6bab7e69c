"""One load of a register: from its file to the rows that are kept, and from them to records, or to nothing at all."""

import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from msgspec import Struct
from psycopg import Connection

from ckr_es.application import ServiceTracking
from ckr_es.registry import course, reading, recording, rows
from ckr_es.registry.archive import Source, refused
from ckr_es.registry.reading import Batch, Keep, MemberRead, Register
from ckr_es.registry.recording import Clerk, News
from ckr_es.registry.snapshots import Snapshot
from ckr_es.rules import Invalid, Refused

Conn = Connection[Any]
REGION: Final = "24"  # Красноярский край
ROWS: Final = 5_000  # rows put in at once
PAUSE: Final = 1.0  # seconds that what was read waits for more
UPLOADED: Final = "файл"  # one that came without its name
DIED: Final = "reader-died"  # the reading was killed: that says nothing against the file

TITLES: Final[dict[Register, str]] = {
    "sme": "реестр МСП",
    "support": "реестр получателей поддержки",
}


class Stopped(Exception):
    """The load was asked to stop; the next one of the same file goes on from there."""


class Order(Struct, frozen=True, kw_only=True):
    """What to load and how. `register`: the one it must be (None: whichever it is). `region`: whose firms are kept
    beside the participants (None: nobody's). `complete`: what somebody says of the file (None: an archive is).
    """

    path: Path
    clerk: Clerk
    register: Register | None = None
    region: str | None = REGION
    complete: bool | None = None
    file_name: str | None = None
    processes: int | None = None


class Watch(Struct, frozen=True):
    """How a load speaks to who started it: which snapshot it is, how far it is, whether to stop."""

    began: Callable[[UUID], None] = lambda _: None
    moved: Callable[[float, float, str], None] = lambda *_: None
    stopped: Callable[[], bool] = lambda: False


def load(tracking: ServiceTracking, order: Order, watch: Watch) -> Snapshot:
    """The snapshot when all is recorded. A file loaded before is not read again, and what is known is no news.

    Raises Invalid for a file that is no good (nothing is recorded), Refused when the rules do not allow it now (what
    was read stays), Stopped.
    """
    source = Source.open(order.path, order.file_name or UPLOADED)
    register = reading.register_of(source)
    if order.register not in (None, register):
        raise refused("register-wrong-kind", f"В файле другой реестр: {TITLES[register]}")
    with tracking.recorder.connect() as conn, course.at_work(conn, register):
        snapshot = course.begin(
            conn,
            register,
            source,
            region=order.region if register == "sme" else None,
            complete=order.complete,
            actor=order.clerk.actor,
            file_name=order.file_name,
        )
        watch.began(snapshot.id)
        try:
            if snapshot.reached == "reading":
                _read(conn, snapshot, source, order, watch)
            return _record(tracking, conn, course.read(conn, snapshot.id), order.clerk, watch)
        except Invalid as invalid:
            if invalid.code != DIED:
                course.fail(conn, snapshot, invalid)
            raise
        except Refused as refusal:
            course.refuse(conn, snapshot.id, refusal)
            raise


def _read(conn: Conn, snapshot: Snapshot, source: Source, order: Order, watch: Watch) -> None:
    done = rows.members(conn, snapshot.id)
    total = source.unpacked
    at = sum(member.size for member in source.members if member.name in done)
    keep = Keep(recording.asked(conn, snapshot.known_position), snapshot.region)
    kept: list[rows.Kept] = []
    ended: list[MemberRead] = []
    put_at = time.monotonic()
    items = reading.read(
        source, snapshot.register, keep, order.clerk.today, skip=done, processes=order.processes
    )
    with closing(items):  # type: ignore[type-var]  # it is a generator: closing it ends the children
        for item in items:
            match item:
                case Batch():
                    kept += item.records
                case MemberRead():
                    ended.append(item)
                    at += item.bytes
                    watch.moved(at, total, "чтение")
            stopped = watch.stopped()
            if stopped or len(kept) >= ROWS or time.monotonic() - put_at > PAUSE:
                rows.put(conn, snapshot.id, snapshot.register, kept, ended)
                kept, ended, put_at = [], [], time.monotonic()
            if stopped:
                raise Stopped
    rows.put(conn, snapshot.id, snapshot.register, kept, ended)


def _record(
    tracking: ServiceTracking, conn: Conn, snapshot: Snapshot, clerk: Clerk, watch: Watch
) -> Snapshot:
    plan = recording.plan(tracking, conn, snapshot, clerk)
    made = {"found": 0, "absent": 0}

    def recorded(one: News) -> None:
        made[one.event.result] += 1
        watch.moved(sum(made.values()), len(plan.news), "запись")

    try:
        recording.record(tracking, snapshot, plan.news, clerk, recorded, watch.stopped)
    finally:
        course.count(conn, snapshot.id, made["found"], made["absent"])
    if watch.stopped():
        raise Stopped
    return course.recorded(
        conn, snapshot.id, len(plan.news) - sum(made.values()) + plan.unchanged, plan.notes
    )
