"""One import: a file becomes rows, the rows are judged without recording, and on a word recorded by the thousand."""

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import date
from itertools import islice
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import psycopg
from msgspec import Struct

from ckr_es.application import ServiceTracking
from ckr_es.imports import course, door, files, rows, windows
from ckr_es.imports.contract import Contract
from ckr_es.imports.course import Import, Tally
from ckr_es.imports.deciding import BATCH, Desk, Verdict
from ckr_es.imports.preparing import Clerk, Lines
from ckr_es.registry.loading import DIED, UPLOADED, Stopped, Watch
from ckr_es.rules import Forbidden, Invalid, Refused

Conn = psycopg.Connection[Any]
STAGED: Final = 5000  # rows put in at once


class Caller(Struct, frozen=True):
    """Who imports, on which day."""

    actor: str
    role: str
    today: date


class Order(Struct, frozen=True, kw_only=True):
    """A file and whose it is."""

    path: Path
    caller: Caller
    file_name: str | None = None


def preview(tracking: ServiceTracking, contract: Contract, order: Order, watch: Watch) -> Import:
    """The import of the file, every row judged and nothing recorded. A file that was previewed is judged anew.

    Raises Invalid for a file that is no good, Refused while it is being worked at, Stopped.
    """
    file = files.File.open(order.path, order.file_name or UPLOADED)
    caller = order.caller
    with connected(tracking) as conn:
        one = course.begin(
            conn,
            actor=caller.actor,
            role=caller.role,
            sha256=file.sha256,
            format=file.format,
            size=file.size,
            file_name=order.file_name,
        )
        watch.began(one.id)
        with course.at_work(conn, one.id):
            one = course.find(conn, one.id)
            if one.reached not in ("reading", "previewing", "previewed"):
                return one
            if one.reached == "reading":
                _read(conn, one, file, watch)
            _judge(tracking, conn, contract, one.id, caller, watch)
            return course.find(conn, one.id)


def commit(tracking: ServiceTracking, contract: Contract, id: UUID, caller: Caller, watch: Watch) -> Import:
    """The import with all of its rows recorded that the rules allow now; one that is committed stays as it is.

    Raises Forbidden to others than who previewed it, Refused for one that is not previewed, Stopped; then, and after
    a crash, the next one goes on.
    """
    with connected(tracking) as conn, course.at_work(conn, id):
        one = course.find(conn, id)
        if one.actor != caller.actor:
            # Whoever commits is the actor of every event, and the rows' keys are the actor's.
            raise Forbidden("foreign-import", "Импорт записывает тот, кто его прислал")
        watch.began(id)
        match one.reached:
            case "committed":
                return one
            case "previewed":
                course.moved(conn, id, "committing", done=0)
            case "committing":
                pass
            case _:
                raise Refused("not-previewed", f"Импорт нельзя записать: {STATES[one.reached]}")
        _record(tracking, conn, contract, course.find(conn, id), caller, watch)
        with conn.transaction():
            rows.forget(conn, id)
            rows.untell(conn, id, "preview")
            course.moved(conn, id, "committed")
        return course.find(conn, id)


STATES: Final[dict[course.State, str]] = {
    "reading": "файл читается",
    "previewing": "идёт проверка",
    "previewed": "проверен, не записан",
    "committing": "записывается",
    "committed": "записан",
    "reverting": "отменяется",
    "reverted": "отменён",
    "failed": "файл негоден",
    "expired": "не записан в срок",
    "interrupted": "прерван",
}


@contextmanager
def connected(tracking: ServiceTracking) -> Iterator[Conn]:
    """A connection of its own that may use the door."""
    with closing(tracking.recorder.connect()) as conn:
        windows.prepare(conn)
        yield conn


def _read(conn: Conn, one: Import, file: files.File, watch: Watch) -> None:
    rows.forget(conn, one.id)
    count = 0
    try:
        with closing(file.rows()) as found:  # ending it ends the child that reads a workbook
            while batch := list(islice(found, STAGED)):
                rows.put(conn, one.id, [row for row, _ in batch])
                count += len(batch)
                watch.moved(batch[-1][1], file.size, "чтение")
                if watch.stopped():
                    raise Stopped
    except Invalid as invalid:
        if invalid.code != DIED:
            course.fail(conn, one.id, invalid, "failed")
        raise
    course.moved(conn, one.id, "previewing", rows=count)


def _judge(
    tracking: ServiceTracking, conn: Conn, contract: Contract, id: UUID, caller: Caller, watch: Watch
) -> None:
    with conn.transaction():
        rows.untell(conn, id, "preview")
        course.moved(conn, id, "previewing", done=0)
    total = course.find(conn, id).rows
    clerk = Clerk(actor=caller.actor, role=caller.role, today=caller.today, import_id=id)
    desk = Desk(tracking, conn, Lines(contract, clerk), commits=False)
    tally, done = Tally(), 0
    while window := rows.window(conn, id, done, BATCH):
        verdicts, rehearsal = desk.decide(window)
        windows.spill(conn, rehearsal)
        done = window[-1].no
        _tell(conn, id, "preview", done, verdicts, tally)
        watch.moved(done, total, "проверка")
        if watch.stopped():
            raise Stopped
    course.step(conn, id, "preview", done, tally)
    course.moved(conn, id, "previewed")


def _record(
    tracking: ServiceTracking, conn: Conn, contract: Contract, one: Import, caller: Caller, watch: Watch
) -> None:
    clerk = Clerk(actor=caller.actor, role=caller.role, today=caller.today, import_id=one.id)
    desk = Desk(tracking, conn, Lines(contract, clerk), commits=True)
    tally, done = Tally(one.recorded if one.done else None), one.done
    doubtful = True  # what follows the last step may have been recorded before an interruption
    while window := rows.window(conn, one.id, done, BATCH):
        verdicts = door.settle(conn, desk, window)
        if doubtful:
            _claim(conn, one.id, verdicts)
            doubtful = False
        done = window[-1].no
        _tell(conn, one.id, "commit", done, verdicts, tally)
        watch.moved(done, one.rows, "запись")
        if watch.stopped():
            raise Stopped


def _claim(conn: Conn, id: UUID, verdicts: Sequence[Verdict]) -> None:
    """A replay of this import's own events that no row is told to have recorded: it was recorded and not told."""
    replays = {v.first_position: v for v in reversed(verdicts) if v.ours and v.first_position is not None}
    taken = rows.claimed(conn, id, list(replays))
    taken |= {v.first_position or 0 for v in verdicts if v.outcome == "recorded"}
    for position, first in replays.items():
        if position not in taken:
            first.outcome = "recorded"


def _tell(
    conn: Conn, id: UUID, phase: rows.Phase, done: int, verdicts: Sequence[Verdict], tally: Tally
) -> None:
    for verdict in verdicts:
        tally.add(verdict.outcome, verdict.types)
    with conn.transaction():
        rows.tell(conn, id, phase, verdicts)
        course.step(conn, id, phase, done, tally)
