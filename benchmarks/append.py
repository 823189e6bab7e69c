"""Appending: our application over the door, the stock library and bare commits, on one durable server.

Each measurement is a process of so many threads that write for some seconds, one event of a new stream in every commit,
while a reader tails that log. Rounds measure all of them in random order; a ratio is the median of the rounds' ratios.
"""

import argparse
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from multiprocessing import get_context
from statistics import median
from threading import Event, Thread
from typing import Any

import psycopg
from msgspec import Struct
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from benchmarks import peers, synthetic
from benchmarks.marks import Mark
from benchmarks.peers import PEERS
from benchmarks.writers import BARE_TABLE, CONTENDERS, TABLES, StockApplication, stock_environment, work
from ckr_es.store.database import Database
from ckr_es.store.embedded import EmbeddedServer
from ckr_es.store.schema import migrate

PROCESSES = 2
MOST = 64
POLL = 0.02  # seconds between two looks of the tailing reader
# What is measured, against what, with how many writers, and how many times as much at least (or at most).
FASTER = (("stock", 16, 5), ("stock", 64, 15), ("bare", 64, 2))
P99 = 0.12


class Measured(Struct, frozen=True):
    """Commits a second, seconds of a commit, and how many of them the tailing reader never saw."""

    per_s: float
    p50: float
    p99: float
    missed: int


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--writers", type=int, nargs="+", default=[1, 4, 16, 64])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0, help="of one measurement")
    parser.add_argument("--seed", type=int, default=20211231)


def run(given: argparse.Namespace) -> dict[str, Any]:
    rng = random.Random(given.seed)  # noqa: S311 - no secret
    several = [(writers, 1) for writers in given.writers] + [(MOST, PROCESSES)] * (MOST in given.writers)
    rounds: list[dict[tuple[str, int, int], Measured]] = []
    with synthetic.server() as server:
        host = conninfo_to_dict(server.conninfo())["host"]
        skipped = _prepare(server)
        names = [name for name in (*CONTENDERS, *PEERS) if name not in skipped]
        all_of_them = [(name, *each) for each in several for name in names]
        for _ in range(given.rounds):
            found = {}
            for name, writers, processes in rng.sample(all_of_them, len(all_of_them)):
                found[name, writers, processes] = _measured(
                    server, str(host), name, writers, processes, given.seconds
                )
            rounds.append(found)
    return _figures(rounds, several, names) | {f"{name}_skipped": why for name, why in skipped.items()}


def _figures(
    rounds: list[dict[tuple[str, int, int], Measured]], several: list[tuple[int, int]], names: list[str]
) -> dict[str, Any]:
    figures: dict[str, Any] = {}
    for writers, processes in several:
        at = f"_{writers}" + ("_two_processes" if processes > 1 else "")
        for name in names:
            taken = [r[name, writers, processes] for r in rounds]
            figures[f"{name}{at}_per_s"] = median(m.per_s for m in taken)
            figures[f"{name}{at}_p50_ms"] = median(m.p50 for m in taken) * 1_000
            figures[f"{name}{at}_p99_ms"] = median(m.p99 for m in taken) * 1_000
            figures[f"{name}{at}_tail_missed"] = sum(m.missed for m in taken)
        for ours in ("door", "recording"):
            for other in (name for name in names if name not in ("door", "recording")):
                pairs = [(r[ours, writers, processes], r[other, writers, processes]) for r in rounds]
                ratios = [one.per_s / two.per_s for one, two in pairs]
                figures[f"{ours}{at}_times_{other}"] = median(ratios)
                figures[f"{ours}{at}_times_{other}_worst_round"] = min(ratios)
                figures[f"{ours}{at}_p50_of_{other}"] = median(one.p50 / two.p50 for one, two in pairs)
                figures[f"{ours}{at}_p99_of_{other}"] = median(one.p99 / two.p99 for one, two in pairs)
    return figures


def marks(found: dict[str, Any]) -> list[Mark]:
    reached = []
    for ours in ("recording", "door"):
        for at in ("", "_two_processes"):
            for other, writers, wanted in FASTER:
                if (name := f"{ours}_{writers}{at}_times_{other}") in found:
                    reached.append(Mark(name, found[name], wanted))
            if (name := f"{ours}_{MOST}{at}_p99_of_stock") in found:
                reached.append(Mark(name, found[name], P99, at_most=True))
        if (name := f"{ours}_1_p50_of_stock") in found:
            reached.append(Mark(name, found[name], 1, at_most=True))
        reached += [
            Mark(name, count, 0, at_most=True)
            for name, count in found.items()
            if name.startswith(ours) and name.endswith("_tail_missed")
        ]
    return reached


def _prepare(server: EmbeddedServer) -> dict[str, str]:
    """Databases and tables of all; returns the peers that can't be had, and why."""
    with psycopg.connect(server.conninfo(dbname="postgres"), autocommit=True) as admin:
        for name in sorted({dbname for dbname, _, _ in TABLES.values()}):
            admin.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
    migrate(Database.on(server, TABLES["door"][0]).admin_conninfo())
    with psycopg.connect(server.conninfo(dbname=TABLES["bare"][0]), autocommit=True) as conn:
        conn.execute(BARE_TABLE)
    at = conninfo_to_dict(server.conninfo())
    StockApplication(
        stock_environment(str(at["host"]), TABLES["stock"][0], str(at["user"]), 1, create=True)
    ).close()
    return peers.prepare(server)


def _measured(
    server: EmbeddedServer, host: str, name: str, writers: int, processes: int, seconds: float
) -> Measured:
    """All the processes begin together; what they write in `seconds` is counted."""
    spawn = get_context("spawn")
    user = str(conninfo_to_dict(server.conninfo())["user"])
    started = []
    for _ in range(processes):
        ours, theirs = spawn.Pipe()
        target = PEERS.get(name) or partial(work, CONTENDERS[name])
        child = spawn.Process(target=target, args=(host, user, writers // processes, seconds, theirs))
        child.start()
        theirs.close()
        started.append((child, ours))
    for _, pipe in started:
        pipe.recv()  # warm
    with _tailed(server.conninfo(dbname=TABLES[name][0]), name) as lost:
        for _, pipe in started:
            pipe.send("begin")
        taken = sorted(one for _, pipe in started for one in pipe.recv())
        for child, _ in started:
            child.join()
    return Measured(len(taken) / seconds, taken[len(taken) // 2], taken[int(len(taken) * 0.99)], lost[0])


@contextmanager
def _tailed(conninfo: str, name: str) -> Iterator[list[int]]:
    """A reader that asks for what lies after the last position it saw; at the end, how many rows it never saw."""
    _, table, position = TABLES[name]
    after = f"select {position} from {table} where {position} > %s order by {position}".encode()  # noqa: S608 (ours)
    lost, done = [0], Event()
    with psycopg.connect(conninfo, autocommit=True) as conn:
        begun = last = max((row[0] for row in conn.execute(after, (0,))), default=0)
        seen: set[int] = set()

        def look() -> int:
            found = [row[0] for row in conn.execute(after, (last,), prepare=True)]
            seen.update(found)
            return found[-1] if found else last

        def follow() -> None:
            nonlocal last
            while not done.wait(POLL):
                last = look()

        following = Thread(target=follow)
        following.start()
        yield lost
        time.sleep(2 * POLL)
        done.set()
        following.join()
        look()
        lost[0] = sum(row[0] not in seen for row in conn.execute(after, (begun,)))
