"""The schemas of the projections: made when they are missing, each with the version that its tables have."""

from collections.abc import Sequence
from typing import Any

from psycopg import sql

from ckr_es.projections.directory import DIRECTORY
from ckr_es.projections.funding import FUNDING
from ckr_es.projections.kpi_tables import KPI
from ckr_es.projections.ledger import LEDGER
from ckr_es.projections.log import Session
from ckr_es.projections.projection import Projection

PROJECTIONS = (KPI, DIRECTORY, LEDGER, FUNDING)
TABLES = 7161934518202114

# A connection whose peer vanished is noticed within seconds. A socket of this machine ignores the TCP settings.
CONNECTION: dict[str, Any] = {
    "application_name": "ckr-follower",
    "connect_timeout": 5,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}

SCHEMA = "create schema if not exists {}"
SEARCH = "select set_config('search_path', %s, true)"
VERSIONS = "select name, version from ckr.projection"
REGISTER = "insert into ckr.projection (name, version) values (%s, %s) on conflict (name) do nothing"


def ensure(conn: Session, projections: Sequence[Projection] = PROJECTIONS) -> list[Projection]:
    """Make what is missing of the schemas, as ckr_projector. Safe from many processes at once.

    Returns those whose tables are of an earlier version: they wait for a rebuild.
    """
    with conn.transaction():
        conn.execute("select pg_advisory_xact_lock(%s)", (TABLES,))
        versions: dict[str, int] = dict(conn.execute(VERSIONS).fetchall())
        for projection in projections:
            if versions.get(projection.name, projection.version) != projection.version:
                continue  # the tables are of another shape until they are rebuilt
            conn.execute(sql.SQL(SCHEMA).format(sql.Identifier(projection.name)))
            conn.execute(SEARCH, (projection.name,))
            conn.execute(projection.create)
            conn.execute(projection.indexes)
            conn.execute(REGISTER, (projection.name, projection.version))
    return [p for p in projections if versions.get(p.name, p.version) < p.version]
