"""What a projection is: a pure fold of the log, its tables, and how to begin in the middle of the log."""

import gc
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

from msgspec import Struct
from psycopg.rows import class_row

from ckr_es.projections.log import Heard, Record, Session
from ckr_es.projections.sheet import Sheet

REACHED = """
    select p.name, p.position, h.position as head, p.status, p.error, p.error_position, p.version
    from ckr.projection p, (select coalesce(max(position), 0) as position from ckr.event) h order by p.name
"""


_folding: list[object] = []
_garbage = threading.Lock()


@contextmanager
def no_garbage() -> Iterator[None]:
    """A fold only grows and has no cycles: looking for some over and over took a third of the time."""
    folding = object()
    with _garbage:
        _folding.append(folding)
        gc.disable()
    try:
        yield
    finally:
        with _garbage:
            _folding.remove(folding)
            if not _folding:
                gc.enable()


class Fold(Protocol):
    def post(self, recorded: Heard, sheet: Sheet) -> None: ...


class Projection(Struct, frozen=True, kw_only=True):
    """`prime` lets a fold know all of the log up to a position that matters to the batch that follows; what it knows
    already, because it heard every record since, is not read again. `begin` tells a new fold that it goes on from a
    position. `close` adds what is summed up by stretches of the log, once all up to a position was posted.

    A changed rule takes the next `version`: the follower that leads then rebuilds the tables before it goes on.
    """

    name: str
    version: int
    tables: tuple[str, ...]
    create: str
    indexes: str
    unheard: list[str]
    fold: Callable[[], Fold]
    prime: Callable[[Session, int, Sequence[Record], Any], None]
    begin: Callable[[Session, Any, int], None] = lambda _conn, _fold, _position: None
    close: Callable[[Session, Any, int, Sheet], None] = lambda _conn, _fold, _upto, _sheet: None


class Reached(Struct, frozen=True, kw_only=True):
    """How far a projection has come, and what stopped it at `error_position`."""

    name: str
    position: int
    head: int
    status: str
    error: str | None
    error_position: int | None
    version: int


def reached(conn: Session) -> list[Reached]:
    """Every projection of this database. Any role of ours may ask."""
    with conn.cursor(row_factory=class_row(Reached)) as cursor:
        return cursor.execute(REACHED).fetchall()
