"""One embedded server a run, one migrated template in it, one fresh database a test module."""

import re
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from hypothesis import settings
from psycopg import sql

from ckr_es.store.database import Database
from ckr_es.store.embedded import EmbeddedServer

settings.register_profile("busy", deadline=None)  # how long one example took says how busy the machine is
settings.load_profile("busy")


def pytest_configure() -> None:
    """A shell that runs us in the background ignores Ctrl-C for us, and our children would inherit that."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def server() -> Iterator[EmbeddedServer]:
    """Not in tmp_path: pytest closes that to the user root runs the server as."""
    with tempfile.TemporaryDirectory(prefix="ckr-es-") as folder:
        Path(folder).chmod(0o711)
        with EmbeddedServer.open(Path(folder, "data"), durable=False) as running:
            yield running


@pytest.fixture(scope="session")
def template(server: EmbeddedServer) -> str:
    from ckr_es.store.schema import migrate

    execute(server, "create database {}", "ckr_template")
    migrate(server.conninfo(dbname="ckr_template"))
    return "ckr_template"


@pytest.fixture(scope="module")
def database(server: EmbeddedServer, template: str, request: pytest.FixtureRequest) -> Iterator[Database]:
    from ckr_es.store.schema import migrate

    name = re.sub(r"\W+", "_", request.module.__name__)[-63:]
    execute(server, "create database {} template {} strategy file_copy", name, template)
    with Database.on(server, name) as fresh:
        migrate(fresh.admin_conninfo())  # grants on a database are not copied with it
        yield fresh
    execute(server, "drop database {} with (force)", name)


def execute(server: EmbeddedServer, statement: str, *names: str) -> None:
    with psycopg.connect(server.conninfo(dbname="postgres"), autocommit=True) as conn:
        conn.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))
