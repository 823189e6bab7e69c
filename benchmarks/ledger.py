"""Proofs from kept nodes over a log of many leaves: what one takes, how many rows it reads, what the follower adds.

The log is a table of positions and leaf hashes alone, filled by the server: a proof reads nothing else of it, through
the same statements as in life. Every proof is checked against the root before it counts.
"""

import argparse
import random
import time
from statistics import median
from typing import Any

import psycopg
from psycopg import sql

from benchmarks import synthetic
from benchmarks.marks import Mark
from ckr_es.projections import ledger
from ckr_es.projections.sheet import Sheet
from ckr_es.store.embedded import EmbeddedServer
from ckr_es.store.ledger import HEIGHTS, continued, included, runs

MARK = 5.0  # ms
STEP = 1_000  # events a step of the follower

TABLES = """
    create schema ckr;
    create schema ledger;
    create table ckr.event (position bigint primary key, leaf bytea not null)
"""
FILL = "insert into ckr.event select g, sha256(g::text::bytea) from generate_series(1, %s::bigint) g"
PLAIN = "select leaf from ckr.event where position <= %s order by position"


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--events", type=int, default=10_000_000, help="leaves in the log")
    parser.add_argument("--proofs", type=int, default=500, help="of each kind")
    parser.add_argument("--seed", type=int, default=9162)


def run(given: argparse.Namespace) -> dict[str, Any]:
    with synthetic.server() as server, psycopg.connect(_database(server), autocommit=True) as conn:
        conn.execute(TABLES)
        conn.execute("set search_path = ledger")
        conn.execute(ledger.CREATE)
        conn.execute(FILL, (given.events,))
        conn.execute("vacuum analyze ckr.event")
        fold = ledger.LedgerFold()
        began, processed = time.monotonic(), time.process_time()
        with conn.transaction():
            ledger.close(conn, fold, given.events - STEP, Sheet())
        built = (time.monotonic() - began, time.process_time() - processed)
        began = time.monotonic()
        for at in range(given.events - STEP, given.events, 10):
            with conn.transaction():
                ledger.close(conn, fold, at + 10, Sheet())
        step = (time.monotonic() - began) / (STEP / 10)
        conn.execute("vacuum analyze ledger.node")
        return {
            "events": given.events,
            "nodes_kept": sum(given.events >> height for height in HEIGHTS),
            "nodes_of_all_s": built[0],
            "nodes_of_all_cpu_s": built[1],
            "follower_step_of_10_ms": step * 1000,
            **_proofs(conn, given),
        }


def _proofs(conn: psycopg.Connection[Any], given: argparse.Namespace) -> dict[str, Any]:
    rng = random.Random(given.seed)  # noqa: S311 (to be repeated)
    size = given.events
    top = ledger.root(conn, size)
    taken: dict[str, list[float]] = {"inclusion": [], "consistency": [], "root": []}
    busy = 0.0
    most = 0
    for _ in range(given.proofs):
        position, old = rng.randint(1, size), rng.randint(1, size)
        row = conn.execute("select leaf from ckr.event where position = %s", (position,)).fetchone()
        processed, began = time.process_time(), time.perf_counter()
        proof = ledger.inclusion(conn, position, size)
        between = time.perf_counter()
        grown = ledger.consistency(conn, old, size)
        then = time.perf_counter()
        before = ledger.root(conn, old)
        taken["root"].append(time.perf_counter() - then)
        taken["consistency"].append(then - between)
        taken["inclusion"].append(between - began)
        busy += time.process_time() - processed
        assert row is not None
        assert included(row[0], position - 1, size, proof, top)
        assert continued(old, size, grown, before, top)
        ranges = ledger.ledger.inclusion(position - 1, size)
        most = max(most, sum(r.after - r.first for range in ranges for r in runs(*range)))
    found: dict[str, Any] = {
        "rows_of_a_proof_at_most": most,
        "client_cpu_of_a_question_ms": busy / given.proofs / 3 * 1000,
    }
    for kind, seconds in taken.items():
        found[f"{kind}_ms"] = median(seconds) * 1000
        found[f"{kind}_p99_ms"] = sorted(seconds)[int(len(seconds) * 0.99)] * 1000
    began = time.monotonic()
    with conn.transaction(), conn.cursor("plain", binary=True) as cursor:
        cursor.itersize = 50_000
        assert ledger.ledger.root(leaf for (leaf,) in cursor.execute(PLAIN, (size,))) == top
    found["root_of_all_leaves_ms"] = (time.monotonic() - began) * 1000
    return found


def _database(server: EmbeddedServer) -> str:
    with psycopg.connect(server.conninfo(dbname="postgres"), autocommit=True) as admin:
        admin.execute(sql.SQL("create database {}").format(sql.Identifier("leaves")))
    return server.conninfo(dbname="leaves")


def marks(found: dict[str, Any]) -> list[Mark]:
    return [
        Mark(f"{kind}, ms", found[f"{kind}_ms"], MARK, at_most=True) for kind in ("inclusion", "consistency")
    ]
