"""What is read from the log and from the identity vault, each in one statement."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple, cast
from uuid import UUID
from weakref import WeakSet

import psycopg
from msgspec import Struct
from psycopg.rows import tuple_row
from psycopg.sql import SQL

from ckr_es.store import aside
from ckr_es.store.database import Pool
from ckr_es.store.door import Identity
from ckr_es.store.envelope import StoredRow
from ckr_es.store.prepared import Prepared, texts, uuids
from ckr_es.store.together import Together

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
LOAD = Prepared(
    "ckr_load",
    SQL("""
    with known as materialized (
        select key, request_hash, status, subject, version, answer, first_position, last_position
        from ckr.command where key = any ($1)
    )
    select h.position, e.key, e.request_hash, e.status, e.subject, e.version, e.answer, {row}
    from (select coalesce(max(position), 0) as position from ckr.event) h
    left join (
        select null as key, null as request_hash, null as status, null as subject, null as version, null as answer, v.*
        from ckr.event v where v.stream_id = any ($2) or v.participant_id = any ($3)
        union all
        select k.key, k.request_hash, k.status, k.subject, k.version, k.answer, v.*
        from known k left join ckr.event v on v.position between k.first_position and k.last_position
    ) e on true
    order by e.position""")
    .format(row=ROW)
    .as_string(),
    3,
)
SESSION = (
    "select set_config('plan_cache_mode', 'force_generic_plan', false), set_config('timezone', 'UTC', false)"
)
HEAD = "select coalesce(max(position), 0) from ckr.event"
# recorded_at never goes back, so the last row by either order is the same.
POSITION_AT = "select position from ckr.event where recorded_at <= %s order by recorded_at desc limit 1"
PERSONS = "select inn, participant_id from ckr.identity where inn = any (%s)"
NAMES = "select participant_id, fields ->> 'name' from ckr.identity where participant_id = any (%s)"
IDENTITY = """
    select inn, convert_to(fields::text, 'UTF8'), salt, commitment from ckr.identity where participant_id = %s"""


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


class Wanted(NamedTuple):
    """What one command is decided on."""

    key: str
    streams: Sequence[UUID]
    participant_id: UUID | None


class Reads:
    """The questions of the write side, asked by a pool of its role."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._load = Together(self._load_all)
        self._ready: WeakSet[psycopg.Connection[Any]] = WeakSet()

    def load(self, key: str, stream_ids: Sequence[UUID], participant_id: UUID | None = None) -> Loaded:
        """The key's answer if it has one, else these streams and all events of this participant, by stream.

        One statement and one round trip, for all who ask at the time.
        """
        return self._load(Wanted(key, stream_ids, participant_id))

    def _load_all(self, wanted: Sequence[Wanted]) -> list[Loaded]:
        columns = (
            texts({w.key for w in wanted if w.key}),
            uuids({id for w in wanted for id in w.streams}),
            uuids({w.participant_id for w in wanted if w.participant_id}),
        )
        with self._pool.connection() as conn:
            self._make_ready(conn)
            LOAD.send(conn, columns)
            found = LOAD.rows(conn)
        head: int = found[0][0]
        known: dict[str, StoredAnswer] = {}
        streams: dict[UUID, list[StoredRow]] = {}
        of_participant: dict[UUID | None, list[StoredRow]] = {}
        for r in found:
            key, row = r[1], StoredRow(*r[7:]) if r[7] is not None else None
            if key is not None:
                answer = known.setdefault(key, StoredAnswer(r[2], r[3], r[4], r[5], r[6], []))
                answer.rows.extend([row] if row else [])
            elif row is not None:
                streams.setdefault(row.originator_id, []).append(row)
                of_participant.setdefault(row.participant_id, []).append(row)
        return [_loaded(w, known.get(w.key), streams, of_participant, head) for w in wanted]

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
        return self.participants_by_inn([inn]).get(inn)

    def participants_by_inn(self, inns: Iterable[str]) -> dict[str, UUID]:
        """The same of many, in one question."""
        return dict(aside.in_thread(self._fetch, PERSONS, (list(inns),)))

    def names(self, participant_ids: Iterable[UUID]) -> dict[UUID, str]:
        """What natural persons are called, as far as the vault knows."""
        found = aside.in_thread(self._fetch, NAMES, (list(participant_ids),))
        return {id: name for id, name in found if name is not None}

    def identity(self, participant_id: UUID) -> Identity | None:
        """The vault's row; None for a legal entity without contacts, and after an erasure."""
        found = self._fetch(IDENTITY, (participant_id,))
        if not found:
            return None
        inn, fields, salt, commitment = found[0]
        return Identity(
            participant_id=participant_id, inn=inn, fields=fields, salt=salt, commitment=commitment
        )

    @property
    def pool(self) -> Pool:
        """Connections for reads."""
        return self._pool

    def _fetch(self, query: str, params: Any) -> list[tuple[Any, ...]]:
        assert not aside.is_aside(), "a question that would stop the event loop"
        with self._pool.connection() as conn:
            self._make_ready(conn)
            with conn.cursor(binary=True, row_factory=tuple_row) as cursor:
                return cursor.execute(query, params, prepare=True).fetchall()

    def _make_ready(self, conn: psycopg.Connection[Any]) -> None:
        if conn not in self._ready:
            # Planning LOAD takes longer than running it, and its plan is the same for all parameters.
            conn.execute(SESSION)
            self._ready.add(conn)


def _loaded(
    wanted: Wanted,
    answer: StoredAnswer | None,
    streams: Mapping[UUID, list[StoredRow]],
    of_participant: Mapping[UUID | None, list[StoredRow]],
    head: int,
) -> Loaded:
    """Of what was read for many, what this one asked for."""
    mine: dict[UUID, list[StoredRow]] = {id: [] for id in wanted.streams}
    if answer is None:
        mine |= {id: streams[id] for id in wanted.streams if id in streams}
        if wanted.participant_id is not None:
            for row in of_participant.get(wanted.participant_id, ()):
                if row.originator_id not in wanted.streams:
                    mine.setdefault(row.originator_id, []).append(row)
    return Loaded(answer, mine, head)
