"""The eventsourcing library's persistence module over our store: reads the log, writes through the door."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from threading import Thread
from typing import Any, NoReturn, Self, TypeVar, cast
from uuid import UUID, uuid4

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

from ckr_es.store.database import Database
from ckr_es.store.door import Command, Outcome
from ckr_es.store.envelope import EventMapper, StoredRow
from ckr_es.store.reads import Reads
from ckr_es.store.reads import StoredAnswer as StoredAnswer
from ckr_es.store.settings import DEFAULT_POOL_SIZE, Settings
from ckr_es.store.writer import OutcomeUnknown, Overloaded, Writer

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


class Recorder(Reads, ApplicationRecorder):
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
        super().__init__(database.pool(role, pool_size))
        self._database = database
        self._role = role
        self._writer = Writer(self.connect, max_batch, queue)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def connect(self) -> psycopg.Connection[Any]:
        """An autocommit connection of its own, for the writer and for subscriptions."""
        return psycopg.connect(self._database.conninfo(self._role), autocommit=True, **PATIENCE)

    def connect_as_admin(self) -> psycopg.Connection[Any]:
        """As whoever migrates, for upkeep that no role of ours may do."""
        return psycopg.connect(self._database.admin_conninfo(), autocommit=True, **PATIENCE)

    def close(self) -> None:
        self._writer.close()

    def append(self, command: Command, timeout: float = TIMEOUT) -> Outcome:
        """Through the door; see Writer.submit."""
        return self._writer.submit(command, timeout)

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

    def subscribe(self, gt: int | None = None, topics: Sequence[str] = ()) -> "Subscription":
        return Subscription(self, gt, topics)


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
