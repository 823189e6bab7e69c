"""A fresh database for each history, and the way from a list of Recorded into its log."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import count

import psycopg
import pytest
from psycopg import sql

from ckr_es.projections.follower import Carried, step
from ckr_es.projections.kpi_tables import SEGMENT
from ckr_es.projections.kpi_tables import projection as kpi_projection
from ckr_es.projections.log import Session
from ckr_es.projections.schemas import PROJECTIONS, ensure
from ckr_es.store.database import Database
from ckr_es.store.embedded import EmbeddedServer
from ckr_es.store.envelope import EventMapper, Proposed, Recorded
from ckr_es.store.recorder import Recorder
from ckr_es.store.schema import migrate

_mapper, _numbers = EventMapper(), count()


@pytest.fixture(scope="session")
def databases(server: EmbeddedServer, template: str) -> Callable[[], "contextmanager[Database]"]:
    """`with databases() as database`: Hypothesis draws many histories in one test, and a log is never emptied."""

    @contextmanager
    def fresh() -> Iterator[Database]:
        name = f"projections_{next(_numbers)}"
        with psycopg.connect(server.conninfo(dbname="postgres"), autocommit=True) as admin:
            admin.execute(
                sql.SQL("create database {} template {} strategy file_copy").format(
                    sql.Identifier(name), sql.Identifier(template)
                )
            )
            try:
                with Database.on(server, name) as database:
                    migrate(database.admin_conninfo())
                    yield database
            finally:
                admin.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))

    return fresh


def record(database: Database, records: Sequence[Recorded]) -> None:
    """Through the door, every event a command of its own."""
    with Recorder(database, 2) as recorder:
        for r in records:
            store(recorder, r)


def store(recorder: Recorder, r: Recorded) -> None:
    proposed = Proposed(
        originator_id=r.originator_id,
        originator_version=r.originator_version,
        event_id=r.event_id,
        event=r.event,
        participant_id=r.participant_id,
    )
    assert recorder.insert_events([_mapper.to_stored_event(proposed)]) == [r.position]


@contextmanager
def projector(database: Database) -> Iterator[Session]:
    with psycopg.connect(database.conninfo("ckr_projector"), autocommit=True) as conn:
        yield conn


@contextmanager
def reader(database: Database) -> Iterator[Session]:
    with psycopg.connect(database.conninfo("ckr_app"), autocommit=True) as conn:
        yield conn


def project(database: Database, most: int = 1_000, segment: int = SEGMENT, carry: bool = True) -> None:
    """What the follower does, in this thread, `most` records at a time; sums are closed every `segment` positions."""
    carried: dict[str, Carried] | None = {} if carry else None
    projections = [kpi_projection(segment), *(p for p in PROJECTIONS if p.name != "kpi")]
    with projector(database) as conn:
        ensure(conn, projections)
        for projection in projections:
            while step(conn, projection, most, carried):
                pass
