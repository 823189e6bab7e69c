"""The eventsourcing library's persistence module over our store: reads the log, writes through the door."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from threading import Thread
from typing import Any, NoReturn, Self, TypeVar, cast
from uuid import UUID, uuid4
from weakref import WeakSet

import psycopg
from eventsourcing.persistence import (
    ApplicationRecorder,
    DataError,
    InfrastructureFactory,
    IntegrityError,
    ListenNotifySubscription,
    Mapper,
    OperationalError,
    StoredEvent,
    Tracking,
    TrackingRecorder,
    Transcoder,
)
from eventsourcing.utils import Environment, EnvType
from msgspec import Struct
from psycopg.rows import tuple_row
from psycopg.sql import SQL

from ckr_es.store.database import Database, Pool
from ckr_es.store.envelope import EventMapper, StoredRow
from ckr_es.store.settings import DEFAULT_POOL_SIZE, Settings
from ckr_es.store.writer import Command, Identity, Outcome, OutcomeUnknown, Overloaded, Writer

ROLE = "ckr_app"
TIMEOUT = 5.0  # seconds a caller waits for its command
TICK = 0.2  # seconds a subscription sleeps at most: a missed NOTIFY costs no more
ID = TypeVar("ID", bound=UUID | str)

# A connection whose peer vanished is noticed within seconds; a local socket ignores the TCP settings.
PATIENCE: dict[str, Any] = {
    "connect_timeout": 5,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}

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


class Recorder(ApplicationRecorder):
    """Reads by a pool of this role, writes by one writer thread. Close it before the database."""

    def __init__(
        self,
        database: Database,
        pool_size: int = DEFAULT_POOL_SIZE,
        *,
        role: str = ROLE,
        max_batch: int = 256,
        queue: int = 1024,
    ) -> None:
        self._database = database
        self._role = role
        self._pool = database.pool(role, pool_size)
        self._ready: WeakSet[psycopg.Connection[Any]] = WeakSet()
        self._writer = Writer(self.connect, max_batch, queue)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def connect(self) -> psycopg.Connection[Any]:
        """An autocommit connection of its own, for the writer and for subscriptions."""
        return psycopg.connect(self._database.conninfo(self._role), autocommit=True, **PATIENCE)

    def close(self) -> None:
        self._writer.close()

    def append(self, command: Command, timeout: float = TIMEOUT) -> Outcome:
        """Through the door; see Writer.submit."""
        return self._writer.submit(command, timeout)

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

    def insert_events(self, stored_events: Sequence[StoredEvent], **kwargs: Any) -> list[int]:
        """The library's way in: one command under a random key, unless `key`, `actor`, `role`, … are given.

        Raises IntegrityError when a stream has moved on, OperationalError when it was certainly not recorded
        or nobody knows.
        """
        if not stored_events:
            return []
        command = _command(stored_events, **kwargs)
        try:
            outcome = self.append(command)
        except (Overloaded, OutcomeUnknown) as e:
            raise OperationalError(str(e)) from e
        except psycopg.IntegrityError as e:
            raise IntegrityError(str(e)) from e
        except (psycopg.DataError, ValueError) as e:
            raise DataError(str(e)) from e
        if outcome.kind in ("conflict", "reused"):
            raise IntegrityError(
                f"{outcome.kind}: {outcome.conflict_stream} stands at {outcome.actual_version}"
            )
        assert outcome.first_position is not None
        assert outcome.last_position is not None
        return list(range(outcome.first_position, outcome.last_position + 1))

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

    def subscribe(self, gt: int | None = None, topics: Sequence[str] = ()) -> "Subscription":
        return Subscription(self, gt, topics)

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


class Subscription(ListenNotifySubscription[Recorder]):
    """NOTIFY makes it quick, the tick makes it certain; a lost LISTEN connection is made again."""

    def __init__(self, recorder: Recorder, gt: int | None = None, topics: Sequence[str] = ()) -> None:
        super().__init__(recorder, gt, topics)
        self._listener = Thread(target=self._listen, name="ckr-listen", daemon=True)
        self._listener.start()

    def __exit__(self, *args: object, **kwargs: Any) -> None:
        try:
            super().__exit__(*args, **kwargs)
        finally:
            self._listener.join()

    def _listen(self) -> None:
        while not self._has_been_stopped:
            try:
                with self._recorder.connect() as conn:
                    conn.execute("listen ckr_events")
                    while not self._has_been_stopped:
                        self._has_been_notified.set()
                        for _ in conn.notifies(timeout=TICK, stop_after=1):
                            pass
            except Exception:  # noqa: BLE001 - whatever took the connection away, polling goes on
                self._has_been_notified.wait(TICK)
                self._has_been_notified.set()


class Factory(InfrastructureFactory[TrackingRecorder]):
    """Give it the open database, or let it open the one the environment names (and close it)."""

    def __init__(self, env: Environment | EnvType | None = None, database: Database | None = None) -> None:
        super().__init__(env)
        settings = Settings.from_environment(self.env)
        self._owned = None if database else Database.open(settings)
        self._database = database or self._owned
        self._pool_size = settings.pool_size
        self._recorder: Recorder | None = None

    def application_recorder(self) -> Recorder:
        if self._recorder is None:
            assert self._database is not None
            self._recorder = Recorder(self._database, self._pool_size)
        return self._recorder

    def aggregate_recorder(self, purpose: str = "events") -> Recorder:
        if purpose != "events":
            raise NotImplementedError(f"no {purpose}: streams are short and folded whole")
        return self.application_recorder()

    def mapper(
        self, transcoder: Transcoder | None = None, mapper_class: type[Mapper[ID]] | None = None
    ) -> Mapper[ID]:
        if mapper_class is not None:
            return super().mapper(transcoder, mapper_class)
        return cast(Mapper[ID], EventMapper(transcoder, self.compressor(), self.cipher()))

    def tracking_recorder(self, _: type[TrackingRecorder] | None = None) -> NoReturn:
        raise NotImplementedError("a projection keeps its position beside its tables, in one transaction")

    def process_recorder(self) -> NoReturn:
        raise NotImplementedError("a projection keeps its position beside its tables, in one transaction")

    def close(self) -> None:
        if self._recorder:
            self._recorder.close()
        if self._owned:
            self._owned.close()


def _command(
    events: Iterable[StoredEvent],
    key: str | None = None,
    actor: str = "library",
    role: str = "system",
    correlation_id: UUID | None = None,
    tracking: Tracking | None = None,  # the library always passes it
) -> Command:
    if tracking is not None:
        raise NotImplementedError("a projection keeps its position beside its tables, in one transaction")
    rows = tuple(event if isinstance(event, StoredRow) else _bare(event) for event in events)
    first: dict[UUID, int] = {}
    for row in rows:
        first.setdefault(row.originator_id, row.originator_version)
    return Command(
        key=key or str(uuid4()),
        request_hash=b"",
        actor=actor,
        role=role,
        correlation_id=correlation_id or uuid4(),
        status=200,
        subject=str(rows[0].originator_id),
        version=rows[-1].originator_version,
        expected=tuple((stream, version - 1) for stream, version in first.items()),
        rows=rows,
    )


def _bare(event: StoredEvent) -> StoredRow:
    assert isinstance(event.originator_id, UUID)
    return StoredRow(
        originator_id=event.originator_id,
        originator_version=event.originator_version,
        topic=event.topic,
        state=event.state,
        id=0,
        event_id=uuid4(),
        effective_on=datetime.now(UTC).date(),
    )
