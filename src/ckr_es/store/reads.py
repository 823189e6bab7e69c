"""What is read from the log and from the identity vault, each in one statement."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, cast
from uuid import UUID
from weakref import WeakSet

import psycopg
from msgspec import Struct
from psycopg.rows import tuple_row
from psycopg.sql import SQL

from ckr_es.store.database import Pool
from ckr_es.store.door import Identity
from ckr_es.store.envelope import StoredRow

# In the order of StoredRow's fields.
ROW = SQL("""
    e.stream_id, e.stream_version, e.type, convert_to(e.body::text, 'UTF8'), e.position,
    e.event_id, e.effective_on, e.participant_id, e.causation_id,
    e.actor, e.role, e.correlation_id, e.command_key, e.leaf, e.recorded_at""")

STREAM = (
    SQL("""
    select {row} from ckr.event e
    where e.stream_id = %s
      and e.stream_version > coalesce(%s, -1) and e.stream_version <= coalesce(%s, 2147483647)
    order by e.stream_version limit %s""")
    .format(row=ROW)
    .as_string()
)
STREAM_BACKWARDS = (
    SQL("""
    select {row} from ckr.event e
    where e.stream_id = %s
      and e.stream_version > coalesce(%s, -1) and e.stream_version <= coalesce(%s, 2147483647)
    order by e.stream_version desc limit %s""")
    .format(row=ROW)
    .as_string()
)
LOG = (
    SQL("""
    select {row} from ckr.event e
    where e.position >= %s and e.position <= coalesce(%s, 9223372036854775807)
    order by e.position limit %s""")
    .format(row=ROW)
    .as_string()
)
LOG_OF_TYPES = (
    SQL("""
    select {row} from ckr.event e
    where e.position >= %s and e.position <= coalesce(%s, 9223372036854775807) and e.type = any (%s)
    order by e.position limit %s""")
    .format(row=ROW)
    .as_string()
)
# One statement, so one snapshot: the head is never past what the streams show, and a guard after it is exact.
LOAD = (
    SQL("""
    select h.position, c.request_hash, c.status, c.subject, c.version, c.answer, {row}
    from (select coalesce(max(position), 0) as position from ckr.event) h
    left join ckr.command c on c.key = %(key)s
    left join lateral (
        select * from ckr.event
        where c.key is null and (stream_id = any (%(streams)s) or participant_id = %(participant)s)
        union all
        select * from ckr.event where position between c.first_position and c.last_position
    ) e on true
    order by e.position""")
    .format(row=ROW)
    .as_string()
)
SESSION = (
    "select set_config('plan_cache_mode', 'force_generic_plan', false), set_config('timezone', 'UTC', false)"
)
HEAD = "select coalesce(max(position), 0) from ckr.event"
# recorded_at never goes back, so the last row by either order is the same.
POSITION_AT = "select position from ckr.event where recorded_at <= %s order by recorded_at desc limit 1"
PARTICIPANT_BY_INN = "select participant_id from ckr.identity where inn = %s"
IDENTITY = """
    select inn, convert_to(fields::text, 'UTF8'), salt, commitment from ckr.identity where participant_id = %s"""
LEAVES = "select leaf from ckr.event where position > %s and position <= %s order by position"
LEAVES_PAGE = 50_000


class StoredAnswer(Struct, frozen=True):
    """What a command key was answered: the answer is rebuilt from `rows`; where there are none it is `answer`."""

    request_hash: bytes
    status: int
    subject: str
    version: int
    answer: str | None
    rows: list[StoredRow]


class Loaded(Struct, frozen=True):
    """What it takes to decide a command, as of `head`. When the key is known (`answer`), streams are empty."""

    answer: StoredAnswer | None
    streams: dict[UUID, list[StoredRow]]
    head: int


class Reads:
    """The questions of the write side, asked by a pool of its role."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._ready: WeakSet[psycopg.Connection[Any]] = WeakSet()

    def load(self, key: str, stream_ids: Sequence[UUID], participant_id: UUID | None = None) -> Loaded:
        """The key's answer if it has one, else these streams and all events of this participant, by stream.

        One statement and one round trip.
        """
        params = {"key": key, "streams": list(stream_ids), "participant": participant_id}
        found = self._fetch(LOAD, params)
        head, request_hash, status, subject, version, answer = found[0][:6]
        rows = [StoredRow(*r[6:]) for r in found if r[6] is not None]
        streams: dict[UUID, list[StoredRow]] = {id: [] for id in stream_ids}
        if request_hash is not None:
            return Loaded(StoredAnswer(request_hash, status, subject, version, answer, rows), streams, head)
        for row in rows:
            streams.setdefault(row.originator_id, []).append(row)
        return Loaded(None, streams, head)

    def stored_answer(self, key: str) -> StoredAnswer | None:
        return self.load(key, ()).answer

    def head(self) -> int:
        """The last position; 0 when nothing is recorded."""
        return cast(int, self._fetch(HEAD, ())[0][0])

    def position_at(self, instant: datetime) -> int:
        """The last position recorded at this instant or before it; 0 for none."""
        assert instant.tzinfo is not None
        found = self._fetch(POSITION_AT, (instant,))
        return cast(int, found[0][0]) if found else 0

    def select_events(
        self,
        originator_id: UUID | str,
        *,
        gt: int | None = None,
        lte: int | None = None,
        desc: bool = False,
        limit: int | None = None,
    ) -> list[StoredRow]:
        query = STREAM_BACKWARDS if desc else STREAM
        return [StoredRow(*r) for r in self._fetch(query, (originator_id, gt, lte, limit))]

    def select_notifications(
        self,
        start: int | None,
        limit: int,
        stop: int | None = None,
        topics: Sequence[str] = (),
        *,
        inclusive_of_start: bool = True,
    ) -> list[StoredRow]:
        first = 1 if start is None else start if inclusive_of_start else start + 1
        if topics:
            return [StoredRow(*r) for r in self._fetch(LOG_OF_TYPES, (first, stop, list(topics), limit))]
        return [StoredRow(*r) for r in self._fetch(LOG, (first, stop, limit))]

    def max_notification_id(self) -> int | None:
        return self.head() or None

    def participant_by_inn(self, inn: str) -> UUID | None:
        """The natural person with this INN, from the identity vault."""
        found = self._fetch(PARTICIPANT_BY_INN, (inn,))
        return cast(UUID, found[0][0]) if found else None

    def identity(self, participant_id: UUID) -> Identity | None:
        """The vault's row; None for a legal entity without contacts, and after an erasure."""
        found = self._fetch(IDENTITY, (participant_id,))
        if not found:
            return None
        inn, fields, salt, commitment = found[0]
        return Identity(
            participant_id=participant_id, inn=inn, fields=fields, salt=salt, commitment=commitment
        )

    def leaves(self, upto: int) -> Iterator[bytes]:
        """Leaf hashes of positions 1..upto, in pages."""
        for after in range(0, upto, LEAVES_PAGE):
            for row in self._fetch(LEAVES, (after, min(after + LEAVES_PAGE, upto))):
                yield row[0]

    @property
    def pool(self) -> Pool:
        """Connections for reads."""
        return self._pool

    def _fetch(self, query: str, params: Any) -> list[tuple[Any, ...]]:
        with self._pool.connection() as conn, conn.cursor(binary=True, row_factory=tuple_row) as cursor:
            if conn not in self._ready:
                # Planning LOAD takes longer than running it, and its plan is the same for all parameters.
                cursor.execute(SESSION)
                self._ready.add(conn)
            return cursor.execute(query, params, prepare=True).fetchall()
