"""The KPI projection from nothing and live, beside the stock ProjectionRunner on a slice and a bare COPY of the log.

The stock projection posts one line for each event, with its position, as the library's documentation does it; ours
folds corrections, closes segments and swaps tables. All are measured in one run on one durable server.
"""

import argparse
import time
from datetime import date
from typing import Any

import psycopg
from eventsourcing.domain import Aggregate
from eventsourcing.persistence import Tracking
from eventsourcing.postgres import PostgresTrackingRecorder
from eventsourcing.projection import Projection, ProjectionRunner
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from benchmarks import synthetic
from benchmarks.kpi import filled
from benchmarks.marks import Mark
from benchmarks.writers import Stock, StockApplication, stock_environment
from ckr_es.projections.follower import BATCH, Carried, step
from ckr_es.projections.kpi_tables import KPI
from ckr_es.projections.schemas import ensure
from ckr_es.store.database import Database
from ckr_es.store.embedded import EmbeddedServer

REBUILD, OF_COPY, LIVE = 150, 0.3, 60  # times stock, of a bare COPY, times stock
COPY = "copy (select position, event_id, stream_id, participant_id, type, body from ckr.event) to stdout"


class StockLines(PostgresTrackingRecorder):
    CREATE = "create table if not exists stock_line (position bigint primary key, kpi text, day date, n int)"
    POST = "insert into stock_line values (%s, %s, %s, %s)"

    def _create_table(self, curs: Any) -> None:
        super()._create_table(curs)
        curs.execute(self.CREATE)

    def post(self, tracking: Tracking) -> None:
        with self.datastore.transaction(commit=True) as curs:
            self._insert_tracking(curs, tracking)
            curs.execute(self.POST, (tracking.notification_id, "clusters", date(2021, 4, 5), 1))


class StockProjection(Projection[StockLines]):
    name = "stock_lines"

    def process_event(self, domain_event: Any, tracking: Tracking) -> None:
        assert isinstance(domain_event, Aggregate.Created)
        self.view.post(tracking)


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--slice", type=int, default=5_000, help="events of the stock runner")
    parser.add_argument("--live", type=int, default=50_000, help="events that the follower takes at the end")


def run(given: argparse.Namespace) -> dict[str, Any]:
    with synthetic.server() as server:
        stock = _stock(server, given.slice)
        with synthetic.log(server, given.events) as database:
            copied = given.events / _copied(database)
            seconds, rows = filled(database, given.events)
        with synthetic.log(server, given.live) as database:
            live = given.live / _live(database)
    ours = given.events / seconds
    return {
        "events": given.events,
        "rows": rows,
        "stock_events_per_s": stock,
        "copy_events_per_s": copied,
        "rebuild_events_per_s": ours,
        "live_events_per_s": live,
        "rebuild_to_stock": ours / stock,
        "rebuild_to_copy": ours / copied,
        "live_to_stock": live / stock,
    }


def marks(found: dict[str, Any]) -> list[Mark]:
    wanted = (("rebuild_to_stock", REBUILD), ("rebuild_to_copy", OF_COPY), ("live_to_stock", LIVE))
    return [Mark(name, found[name], least) for name, least in wanted]


def _stock(server: EmbeddedServer, events: int) -> float:
    """Events a second of the library's runner over a log of its own."""
    with psycopg.connect(server.conninfo(dbname="postgres"), autocommit=True) as admin:
        admin.execute(sql.SQL("create database stock_rebuild"))
    found = conninfo_to_dict(server.conninfo(dbname="stock_rebuild"))
    environment = stock_environment(str(found["host"]), "stock_rebuild", str(found["user"]), 5, create=True)
    application = StockApplication(environment)
    for begin in range(0, events, 500):
        many = [
            Stock(code=f"c{n}", title="x", production=True, proposed_on="2021-04-05")
            for n in range(begin, begin + 500)
        ]
        application.save(*many)
    last = application.recorder.max_notification_id()
    application.close()
    begun = time.perf_counter()
    with ProjectionRunner(
        application_class=StockApplication,
        projection_class=StockProjection,
        view_class=StockLines,
        env=environment,
    ) as runner:
        runner.projection.view.wait(StockApplication.name, last, timeout=600)
    return events / (time.perf_counter() - begun)


def _copied(database: Database) -> float:
    with psycopg.connect(database.conninfo("ckr_reader"), autocommit=True) as conn:
        begun = time.perf_counter()
        with conn.cursor() as cursor, cursor.copy(COPY) as copy:
            for _ in copy:
                pass
        return time.perf_counter() - begun


def _live(database: Database) -> float:
    """As the follower does it: five thousand events, their lines and the position in one durable transaction."""
    with psycopg.connect(database.conninfo("ckr_projector"), autocommit=True) as conn:
        ensure(conn)
        conn.execute("set plan_cache_mode = force_custom_plan")
        begun = time.perf_counter()
        carried: dict[str, Carried] = {}
        while step(conn, KPI, BATCH, carried):
            pass
        return time.perf_counter() - begun
