"""A server of one's own, named by DATABASE_URL: an ordinary login role is as far from the log as our own roles."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

from ckr_es.aggregates import cluster
from ckr_es.application import Request, ServiceTracking
from ckr_es.commands import on_cluster
from ckr_es.projections.follower import Follower, await_position
from ckr_es.store.database import Database
from ckr_es.store.embedded import EmbeddedServer
from ckr_es.store.settings import Settings

LOGIN = "centre_login"


@pytest.fixture(scope="module")
def own(server: EmbeddedServer, database: Database) -> Iterator[Database]:
    """The module's database as an administrator would give it: a login role that is a member of ours."""
    with psycopg.connect(database.admin_conninfo(), autocommit=True) as conn:
        conn.execute(f"create role {LOGIN} login")
        conn.execute(f"grant ckr_app, ckr_projector to {LOGIN}")
        dbname = conn.info.dbname
    settings = Settings(
        data_dir=Path("/nonexistent"),
        database_url=server.conninfo(LOGIN, dbname),
        migrate_url=database.admin_conninfo(),
    )
    with Database.open(settings) as opened:
        yield opened
    with psycopg.connect(database.admin_conninfo(), autocommit=True) as conn:
        conn.execute(f"drop role {LOGIN}")


def test_the_product_works_under_an_ordinary_role(own: Database) -> None:
    tracking, follower = ServiceTracking(own), Follower(own)
    follower.start()
    try:
        event = cluster.Proposed(
            code="organic", title="Органика", production=True, proposed_on=date(2019, 1, 10)
        )
        request = Request(
            key="k",
            request_hash=b"h",
            actor="a",
            role="operator",
            correlation_id=uuid4(),
            today=date(2021, 1, 1),
        )
        receipt = on_cluster(tracking, request, "organic", event).receipt
        with tracking.recorder.pool.connection() as conn:
            await_position(conn, ["kpi", "directory"], receipt.position, deadline_s=10)
            assert conn.execute("select code from directory.cluster").fetchall() == [("organic",)]
    finally:
        follower.stop()
        tracking.close()


@pytest.mark.parametrize(
    "statement",
    [
        "update ckr.event set actor = 'x'",
        "delete from ckr.event",
        "truncate ckr.event",
        "insert into ckr.api_key (id, name, role, secret_hash) values ('x', 'x', 'admin', '')",
        "alter table ckr.event disable trigger all",
        "update directory.cluster set title = 'x'",
    ],
)
def test_the_application_role_is_refused(own: Database, statement: str) -> None:
    with (
        psycopg.connect(own.conninfo("ckr_app"), autocommit=True) as conn,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        conn.execute(statement)
