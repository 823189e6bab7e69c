"""A recording command over HTTP, against a trivial POST of Litestar and the same handler over the stock library.

The command is a quarterly report of a participant: key looked up, body checked, streams loaded, decided, recorded under
an Idempotency-Key, answered with a receipt. All three are served alike; the client is a process of its own.
"""

import argparse
import random
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import date
from hashlib import sha256
from itertools import count
from multiprocessing import get_context
from statistics import median
from typing import Any
from uuid import UUID, uuid4

import msgspec
import psycopg
from psycopg.conninfo import conninfo_to_dict

from benchmarks import synthetic
from benchmarks.load import Shot, shoot
from benchmarks.marks import Mark
from benchmarks.serving import Participant, Participants
from benchmarks.writers import stock_environment
from ckr_es.aggregates import participant
from ckr_es.store import keys
from ckr_es.store.database import Database
from ckr_es.store.door import Command, append
from ckr_es.store.embedded import EmbeddedServer
from ckr_es.store.envelope import EventMapper, Proposed
from ckr_es.store.schema import migrate

OURS = ("ours", "ours_two_workers")  # each over a database of its own
APPS = ("trivial", "stock", *OURS)
FIRMS = 20  # of each connection: streams stay as short as they are in life
OF_TRIVIAL, OF_STOCK, P99_OF_STOCK = 0.4, 8, 0.35


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4.0, help="of one measurement")
    parser.add_argument("--seed", type=int, default=20211231)


def run(given: argparse.Namespace) -> dict[str, Any]:
    rng = random.Random(given.seed)  # noqa: S311 - no secret
    rounds: list[dict[str, Shot]] = []
    run_no = count()
    with synthetic.server() as server, ExitStack() as stack:
        firms, key = _prepare(server, given.connections * FIRMS)
        ports = {name: stack.enter_context(_served(server, name)) for name in APPS}
        for _ in range(given.rounds):
            found = {}
            for name in rng.sample(APPS, len(APPS)):
                shot = _shot(ports[name], firms, given.connections, given.seconds, key, next(run_no))
                assert not shot.refused, f"{name}: {shot.refused} of {len(shot.taken)} refused"
                found[name] = shot
            rounds.append(found)
    return _figures(rounds, given.seconds)


def _figures(rounds: list[dict[str, Shot]], seconds: float) -> dict[str, Any]:
    figures: dict[str, Any] = {}
    rate = {name: [len(r[name].taken) / seconds for r in rounds] for name in APPS}
    p50 = {name: [_at(r[name], 0.5) for r in rounds] for name in APPS}
    p99 = {name: [_at(r[name], 0.99) for r in rounds] for name in APPS}
    for name in APPS:
        figures[f"{name}_per_s"] = median(rate[name])
        figures[f"{name}_p50_ms"] = median(p50[name]) * 1_000
        figures[f"{name}_p99_ms"] = median(p99[name]) * 1_000
    for name, said in zip(OURS, ("", "two_workers_"), strict=True):
        for other in ("trivial", "stock"):
            ratios = [a / b for a, b in zip(rate[name], rate[other], strict=True)]
            figures[f"{said}times_{other}"] = median(ratios)
            figures[f"{said}times_{other}_worst_round"] = min(ratios)
        ratios = [a / b for a, b in zip(p99[name], p99["stock"], strict=True)]
        figures[f"{said}p99_of_stock"] = median(ratios)
    return figures


def marks(found: dict[str, Any]) -> list[Mark]:
    return [
        Mark("times a trivial POST", found["times_trivial"], OF_TRIVIAL),
        Mark("times stock", found["times_stock"], OF_STOCK),
        Mark("p99 of stock's", found["p99_of_stock"], P99_OF_STOCK, at_most=True),
    ]


def _at(shot: Shot, part: float) -> float:
    return sorted(shot.taken)[int(len(shot.taken) * part)]


def _requests(firms: list[UUID], key: str, who: str) -> Callable[[], bytes]:
    """Each firm in turn reports another headcount: there is always something new to record."""
    number = count(1)

    def one() -> bytes:
        n = next(number)
        body = msgspec.json.encode(
            {
                "quarter": f"20{18 + n % 3}-Q{n % 4 + 1}",
                "headcount": n,
                "jobs_created": n % 7,
                "evidence": f"Форма 1-Т, {who}",
            }
        )
        head = (
            f"POST /api/v1/participants/{firms[n % len(firms)]}/jobs-reports HTTP/1.1\r\nHost: 127.0.0.1\r\n"
            f"Authorization: Bearer {key}\r\nIdempotency-Key: {who}-{n}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body

    return one


def _client(
    port: int, firms: list[UUID], connections: int, seconds: float, key: str, no: int, pipe: Any
) -> None:
    each = [
        _requests(firms[n * FIRMS : (n + 1) * FIRMS], key, f"run {no} connection {n}")
        for n in range(connections)
    ]
    pipe.send(shoot(port, each, seconds))


def _shot(port: int, firms: list[UUID], connections: int, seconds: float, key: str, no: int) -> Shot:
    spawn = get_context("spawn")
    ours, theirs = spawn.Pipe()
    client = spawn.Process(target=_client, args=(port, firms, connections, seconds, key, no, theirs))
    client.start()
    theirs.close()
    shot: Shot = ours.recv()
    client.join()
    return shot


@contextmanager
def _served(server: EmbeddedServer, name: str) -> Iterator[int]:
    """The port on which this application answers; it listens before, so an answer is waited for."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    at = conninfo_to_dict(server.conninfo())
    command = [sys.executable, "-m", "benchmarks.serving", name, str(port), str(at["host"]), str(at["user"])]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:  # noqa: S603 (ourselves)
        try:
            deadline = time.monotonic() + 60
            while True:
                try:
                    with socket.create_connection(("127.0.0.1", port), 30) as asked:
                        asked.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
                        if asked.recv(1):
                            break
                except OSError:
                    assert process.poll() is None, f"{name} ended"
                    assert time.monotonic() < deadline, f"{name} does not start"
                    time.sleep(0.05)
            yield port
        finally:
            process.terminate()


def _prepare(server: EmbeddedServer, firms: int) -> tuple[list[UUID], str]:
    """The same firms in every log; a key that may record."""
    at = conninfo_to_dict(server.conninfo())
    ids = [uuid4() for _ in range(firms)]
    with psycopg.connect(server.conninfo(dbname="postgres"), autocommit=True) as admin:
        admin.execute("create database stock")
        admin.execute(f"create database {OURS[0]}")
    database = Database.on(server, OURS[0])
    migrate(database.admin_conninfo())
    with psycopg.connect(database.conninfo("ckr_migrator"), autocommit=True) as conn:
        key = keys.create(conn, role="operator", name="benchmark")
    registered = participant.Registered(kind="entrepreneur", registered_on=date(2018, 1, 10))
    joined = participant.JoinedCluster(cluster="organic", joined_on=date(2018, 2, 1))
    with psycopg.connect(database.conninfo("ckr_app"), autocommit=True) as conn:
        commands = [_told(id, registered, joined) for id in ids]
        for n in range(0, len(commands), 256):
            append(conn, commands[n : n + 256])
    with psycopg.connect(server.conninfo(dbname="postgres"), autocommit=True) as admin:
        for copy in OURS[1:]:
            admin.execute(f"create database {copy} template {OURS[0]}")
            migrate(Database.on(server, copy).admin_conninfo())  # grants on a database are not copied with it
    stock = Participants(stock_environment(str(at["host"]), "stock", str(at["user"]), 1, create=True))
    for n in range(0, len(ids), 256):
        stock.save(*(Participant("x", id) for id in ids[n : n + 256]))
    stock.close()
    return ids, key


def _told(id: UUID, *events: participant.Happening) -> Command:
    mapper = EventMapper()
    return Command(
        key=f"prepared:{id}",
        request_hash=sha256(id.bytes).digest(),
        actor="benchmark",
        role="operator",
        correlation_id=uuid4(),
        status=201,
        subject=str(id),
        version=len(events),
        expected=((id, 0),),
        rows=tuple(
            mapper.to_stored_event(
                Proposed(
                    originator_id=id, originator_version=n, event_id=uuid4(), event=event, participant_id=id
                )
            )
            for n, event in enumerate(events, 1)
        ),
    )
