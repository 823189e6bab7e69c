"""A write side over the module's database, and another one to compare with."""

import re
from collections.abc import Iterator

import psycopg
import pytest
from psycopg import sql

from ckr_es.application import ServiceTracking
from ckr_es.store.database import Database
from ckr_es.store.embedded import EmbeddedServer
from ckr_es.store.schema import migrate


@pytest.fixture(scope="module")
def tracking(database: Database) -> Iterator[ServiceTracking]:
    running = ServiceTracking(database)
    yield running
    running.close()


@pytest.fixture(scope="module")
def twin(server: EmbeddedServer, template: str, request: pytest.FixtureRequest) -> Iterator[ServiceTracking]:
    """The write side of a second database."""
    name = re.sub(r"\W+", "_", request.module.__name__)[-50:] + "_twin"
    with psycopg.connect(server.conninfo(dbname="postgres"), autocommit=True) as conn:
        conn.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
        with Database.on(server, name) as database:
            migrate(database.admin_conninfo())
            running = ServiceTracking(database)
            yield running
            running.close()
        conn.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))
