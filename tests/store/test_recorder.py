"""The eventsourcing library's own test cases against our recorder, and what our recorder does beyond them."""

import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from importlib import import_module
from itertools import count
from types import ModuleType, SimpleNamespace
from typing import Any, cast, get_args
from uuid import UUID, uuid4

import msgspec
import psycopg
import pytest
from eventsourcing.application import Application
from eventsourcing.persistence import (
    ApplicationRecorder,
    DataError,
    InfrastructureFactory,
    IntegrityError,
    JSONTranscoder,
    MapperDeserialisationError,
    Notification,
    OperationalError,
    StoredEvent,
)
from eventsourcing.utils import Environment
from psycopg import sql
from store.commands import begin, command, row

from ckr_es.aggregates import Event, cluster
from ckr_es.rules.values import Agreement
from ckr_es.store.database import Database
from ckr_es.store.embedded import EmbeddedServer
from ckr_es.store.envelope import EventMapper, Proposed, Recorded, StoredRow, decode, encode, tag
from ckr_es.store.recorder import Factory, Recorder, Subscription
from ckr_es.store.writer import Overloaded

# The library's cases import its cipher, and that a package which we have no use for.
sys.modules.setdefault("eventsourcing.cipher", cast(ModuleType, SimpleNamespace(AESCipher=None)))
library = import_module("eventsourcing.tests.persistence")

_numbers = count()


class Fresh:
    """The library's cases count positions from 1, so each test has a database of its own."""

    recorder: Recorder

    @pytest.fixture(autouse=True)
    def _fresh(self, server: EmbeddedServer, template: str) -> Iterator[None]:
        name = f"recorder_{next(_numbers)}"
        made = sql.SQL("create database {} template {} strategy file_copy")
        with psycopg.connect(server.conninfo(dbname="postgres"), autocommit=True) as admin:
            admin.execute(made.format(sql.Identifier(name), sql.Identifier(template)))
            with Database.on(server, name) as database, Recorder(database) as self.recorder:
                yield
            admin.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))


class Adaptor(ApplicationRecorder):
    """The library's states are not JSON: here they travel as JSON strings."""

    def __init__(self, recorder: Recorder) -> None:
        self.recorder = recorder

    def insert_events(self, stored_events: Sequence[StoredEvent], **kwargs: Any) -> Sequence[int] | None:
        wrapped = [
            StoredEvent(e.originator_id, e.originator_version, e.topic, msgspec.json.encode(e.state.decode()))
            for e in stored_events
        ]
        return self.recorder.insert_events(wrapped, **kwargs)

    def select_events(self, originator_id: UUID | str, **kwargs: Any) -> list[StoredEvent]:
        found = self.recorder.select_events(originator_id, **kwargs)
        return [StoredEvent(e.originator_id, e.originator_version, e.topic, unwrap(e)) for e in found]

    def select_notifications(self, *args: Any, **kwargs: Any) -> list[Notification]:
        found = self.recorder.select_notifications(*args, **kwargs)
        return [Notification(e.originator_id, e.originator_version, e.topic, unwrap(e), e.id) for e in found]

    def max_notification_id(self) -> int | None:
        return self.recorder.max_notification_id()

    def subscribe(self, gt: int | None = None, topics: Sequence[str] = ()) -> Subscription:
        return self.recorder.subscribe(gt, topics)


def unwrap(e: StoredEvent) -> bytes:
    return msgspec.json.decode(e.state, type=str).encode()


class AggregateAdaptor(Adaptor):
    """An aggregate recorder answers None where an application recorder gives positions."""

    def insert_events(self, stored_events: Sequence[StoredEvent], **kwargs: Any) -> None:
        super().insert_events(stored_events, **kwargs)


class TestApplicationRecorder(Fresh, library.ApplicationRecorderTestCase):
    def create_recorder(self) -> Adaptor:
        return Adaptor(self.recorder)

    def test_insert_subscribe(self) -> None:
        self.optional_test_insert_subscribe()


class TestAggregateRecorder(Fresh, library.AggregateRecorderTestCase):
    def create_recorder(self) -> AggregateAdaptor:
        return AggregateAdaptor(self.recorder)


class TestNonInterleaving(Fresh, library.NonInterleavingNotificationIDsBaseCase):
    def create_recorder(self) -> Recorder:
        return self.recorder


@pytest.fixture
def recorder(database: Database) -> Iterator[Recorder]:
    with Recorder(database, pool_size=4) as recorder:
        yield recorder


def test_load_gives_streams_and_head_at_once(recorder: Recorder) -> None:
    a, b, empty = uuid4(), uuid4(), uuid4()
    recorder.append(begin(a))
    recorder.append(begin(b))
    last = recorder.append(command(row(a, 2), expected=((a, 1),)))

    loaded = recorder.load("never used", [a, empty])

    assert loaded.answer is None
    assert loaded.head == last.last_position == recorder.head()
    assert {id: [r.originator_version for r in rows] for id, rows in loaded.streams.items()} == {
        a: [1, 2],
        empty: [],
    }


def test_load_of_a_participant_brings_all_streams_it_appears_in(recorder: Recorder) -> None:
    firm, other, case_1, case_2 = (uuid4() for _ in range(4))
    recorder.append(command(row(firm, 1, participant_id=firm)))
    recorder.append(command(row(case_1, 1, participant_id=firm), row(case_2, 1, participant_id=other)))
    recorder.append(command(row(case_2, 2, participant_id=firm)))

    loaded = recorder.load("never used", [firm], participant_id=firm)

    found = {id: [r.originator_version for r in rows] for id, rows in loaded.streams.items()}
    assert found == {firm: [1], case_1: [1], case_2: [2]}


def test_load_of_a_known_key_gives_its_answer_and_rows(recorder: Recorder) -> None:
    stream = uuid4()
    c = command(row(stream, 1), row(stream, 2), subject="the case", status=201)
    outcome = recorder.append(c)
    recorder.append(begin())

    loaded = recorder.load(c.key, [stream])

    answer = loaded.answer
    assert answer is not None
    assert (answer.request_hash, answer.status, answer.subject, answer.version) == (
        b"one request",
        201,
        "the case",
        2,
    )
    assert answer.answer is None
    assert [(r.id, r.event_id) for r in answer.rows] == [
        (outcome.first_position, c.rows[0].event_id),
        (outcome.last_position, c.rows[1].event_id),
    ]
    assert tuple(r.leaf for r in answer.rows) == outcome.leaves
    assert loaded.streams == {stream: []}
    assert recorder.stored_answer(c.key) == answer


def test_a_stored_answer_without_events(recorder: Recorder) -> None:
    c = command(answer="{}", status=409)
    recorder.append(c)
    answer = recorder.stored_answer(c.key)
    assert answer is not None
    assert (answer.status, answer.answer, answer.rows) == (409, "{}", [])
    assert recorder.stored_answer("never used") is None


def test_a_row_comes_back_with_its_envelope_in_utc(recorder: Recorder) -> None:
    given = row(uuid4(), 1, participant_id=uuid4(), causation_id=uuid4())
    c = command(given)
    outcome = recorder.append(c)
    [found] = recorder.select_events(given.originator_id)
    assert found == StoredRow(
        given.originator_id,
        1,
        given.topic,
        given.state,
        outcome.first_position or 0,
        event_id=given.event_id,
        effective_on=date(2021, 4, 5),
        participant_id=given.participant_id,
        causation_id=given.causation_id,
        actor="staff-1",
        role="operator",
        correlation_id=c.correlation_id,
        command_key=c.key,
        leaf=outcome.leaves[0],
        recorded_at=outcome.recorded_at or datetime.min,
    )
    assert found.recorded_at.utcoffset() == timedelta(0)


def test_an_instant_is_a_position(recorder: Recorder) -> None:
    first, second = recorder.append(begin()), recorder.append(begin())
    assert first.recorded_at is not None
    assert second.recorded_at is not None
    just_before = second.recorded_at - timedelta(microseconds=1)
    assert recorder.position_at(second.recorded_at) == second.last_position == recorder.head()
    assert recorder.position_at(just_before) == first.last_position
    assert recorder.position_at(datetime(1999, 1, 1, tzinfo=UTC)) == 0


def test_the_librarys_way_in_never_calls_an_unknown_outcome_a_conflict(
    recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def overloaded(*_: Any) -> None:
        raise Overloaded("full")

    stream = uuid4()
    with pytest.raises(DataError):
        recorder.insert_events([row(stream, 1, b"not json")])
    recorder.insert_events([row(stream, 1)])
    with pytest.raises(IntegrityError):
        recorder.insert_events([row(stream, 1)])
    monkeypatch.setattr(recorder, "append", overloaded)
    with pytest.raises(OperationalError):
        recorder.insert_events([row(stream, 2)])


def test_a_subscription_outlives_its_listening_connection(recorder: Recorder, database: Database) -> None:
    with recorder.subscribe(gt=recorder.head()) as subscription:
        recorder.append(begin())
        next(subscription)
        with psycopg.connect(database.admin_conninfo(), autocommit=True) as admin:
            query = "select pg_terminate_backend(pid) from pg_stat_activity where query ilike 'listen %'"
            assert admin.execute(query).fetchall()
        c = begin()
        recorder.append(c)
        assert next(subscription).originator_id == c.rows[0].originator_id


# The mapper


FORMED = cluster.Formed(formed_on=date(2021, 3, 1), agreement=Agreement(number="1", date=date(2021, 2, 1)))


def test_an_event_goes_through_the_log_and_comes_back(recorder: Recorder) -> None:
    mapper, stream, event_id, cause = EventMapper(), uuid4(), uuid4(), uuid4()
    proposed = Proposed(
        originator_id=stream, originator_version=1, event_id=event_id, event=FORMED, causation_id=cause
    )
    c = command(mapper.to_stored_event(proposed))
    outcome = recorder.append(c)

    [r] = map(mapper.to_domain_event, recorder.select_events(stream))

    assert r == Recorded(
        position=outcome.first_position or 0,
        event_id=event_id,
        originator_id=stream,
        originator_version=1,
        event=FORMED,
        recorded_at=outcome.recorded_at or datetime.min,
        actor="staff-1",
        role="operator",
        correlation_id=c.correlation_id,
        causation_id=cause,
        command_key=c.key,
        effective_on=date(2021, 3, 1),
        participant_id=None,
        leaf=outcome.leaves[0],
    )


def test_the_topic_is_the_tag_and_the_body_is_plain_json() -> None:
    body = encode(FORMED)
    assert body.startswith(b'{"type":"cluster.formed",')
    assert (tag(FORMED), decode("cluster.formed", body)) == ("cluster.formed", FORMED)


def test_only_events_of_the_union_come_out_of_a_row() -> None:
    for topic, body in [
        ("os:system", b'{"type":"os:system"}'),
        ("cluster.formed", b"{}"),
        ("cluster.formed", b"{"),
        ("cluster.dissolved", encode(FORMED)),
    ]:
        with pytest.raises(MapperDeserialisationError, match=topic):
            decode(topic, body)


def test_every_event_has_a_tag_of_its_own_and_a_business_date() -> None:
    kinds = get_args(Event)
    assert len({kind.__struct_config__.tag for kind in kinds}) == len(kinds)
    assert all(
        hasattr(kind, "effective_on") for kind in kinds if "effective_on" not in kind.__struct_fields__
    )


def test_an_event_that_could_not_be_read_back_does_not_enter_the_log() -> None:
    wrong = Proposed(
        originator_id=uuid4(),
        originator_version=1,
        event_id=uuid4(),
        event=cluster.Formed(formed_on="yesterday", agreement=FORMED.agreement),  # type: ignore[arg-type] # on purpose
    )
    with pytest.raises(MapperDeserialisationError):
        EventMapper().to_stored_event(wrong)


# The factory


def test_the_library_finds_the_factory_by_the_name_of_the_module(database: Database) -> None:
    env = {"PERSISTENCE_MODULE": "ckr_es.store.recorder", "DATABASE_URL": database.conninfo("ckr_app")}
    factory = InfrastructureFactory.construct(Environment("ckr", env))  # type: ignore[var-annotated] # the library's
    assert isinstance(factory, Factory)
    mapper = factory.mapper(JSONTranscoder())
    recorder = factory.application_recorder()
    assert isinstance(mapper, EventMapper)
    assert recorder.max_notification_id() == recorder.head()
    with pytest.raises(NotImplementedError):
        factory.aggregate_recorder("snapshots")
    factory.close()


def test_an_application_of_the_library_runs_on_an_open_database(database: Database) -> None:
    class Small(Application[UUID]):
        def construct_factory(self, env: Environment) -> Factory:
            return Factory(env, database)

    with Small() as app:
        stream = uuid4()
        proposed = Proposed(originator_id=stream, originator_version=1, event_id=uuid4(), event=FORMED)
        [recording] = app.save(proposed)
        assert recording.notification.id == app.recorder.max_notification_id()
        [recorded] = app.events.get(stream)
        assert isinstance(recorded, Recorded)
        assert recorded.event == FORMED
    assert database.pool("ckr_app", 1).name == "ckr_app"  # closing the application leaves the database open
