"""The log as projections read it: what they hear of a record, and from which rows."""

from collections.abc import Iterable, Iterator
from typing import Any, Protocol, get_args
from uuid import UUID

from msgspec import Struct
from psycopg import Connection
from psycopg.rows import TupleRow

from ckr_es.aggregates import Event
from ckr_es.store.envelope import decode

Session = Connection[TupleRow]

HEAD = "select coalesce(max(position), 0) from ckr.event"
# What is neither heard nor known to be of no concern is read too: decoding then stops the projection, loudly.
BETWEEN = """
    select position, event_id, stream_id, participant_id, type, body::text from ckr.event
    where position > %s and position <= %s and type <> all (%s) order by position
"""


class Heard(Protocol):
    """What a projection hears of a record; `store.envelope.Recorded` says all this and more."""

    @property
    def position(self) -> int: ...
    @property
    def event_id(self) -> UUID: ...
    @property
    def originator_id(self) -> UUID: ...
    @property
    def participant_id(self) -> UUID | None: ...
    @property
    def event(self) -> Any: ...


class Record(Struct, frozen=True):
    """A row of the log, decoded."""

    position: int
    event_id: UUID
    originator_id: UUID
    participant_id: UUID | None
    event: Any


def records(rows: Iterable[TupleRow]) -> Iterator[Record]:
    """Rows of BETWEEN (or of the same columns), decoded; raises when nobody knows the shape."""
    for position, event_id, stream_id, participant_id, kind, body in rows:
        yield Record(position, event_id, stream_id, participant_id, decode(kind, body))


def between(conn: Session, after: int, upto: int, unheard: list[str]) -> list[Record]:
    return list(records(conn.execute(BETWEEN, (after, upto, unheard), binary=True)))


def head(conn: Session) -> int:
    """The position of the last record; all before it are there too."""
    row = conn.execute(HEAD).fetchone()
    assert row is not None
    return int(row[0])


def tags(kinds: Iterable[type[Any]]) -> list[str]:
    return sorted(str(kind.__struct_config__.tag) for kind in kinds)


def all_but(heard: Iterable[type[Any]]) -> list[str]:
    """Tags of the known events outside `heard`."""
    return tags(set(get_args(Event)) - set(heard))
