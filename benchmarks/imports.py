"""Importing a file of commands: the append itself against COPY of the same rows, the whole pipeline, and memory.

The yardstick is psycopg's binary COPY of the very rows that the door recorded (events and command keys), as Python
values, into empty tables with the same columns, checks and indexes, in one transaction: no hash, no order, no version,
no key is judged there. Beside it stands COPY of the same rows as bytes of text made beforehand: what the server alone
could take. Ours sends the prepared commands through the door by the thousand, durably each time. The rounds come in
random order, each in a database of its own; medians count. The pipeline is the product itself: `ckr import FILE` and
`--commit` in a process of their own, whose greatest memory is the kernel's figure for it.
"""

import argparse
import json
import os
import random
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any
from uuid import uuid4

import msgspec
import psycopg
from psycopg import sql
from psycopg.types.json import set_json_dumps, set_json_loads

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from imports.commands import firms

from benchmarks.marks import Mark
from ckr_es.api.calls import contract
from ckr_es.application import ServiceTracking
from ckr_es.imports import windows
from ckr_es.imports.deciding import BATCH, Desk, Row
from ckr_es.imports.importing import Caller, Order, commit, connected, preview
from ckr_es.imports.preparing import Clerk, Lines
from ckr_es.registry.loading import Watch
from ckr_es.store.database import Database
from ckr_es.store.door import Command, append
from ckr_es.store.embedded import EmbeddedServer
from ckr_es.store.schema import migrate

TODAY = date(2021, 12, 31)
RATIO, GROWTH = 0.4, 1.25
TABLES = ("event", "command")
TYPES = """
    select format_type(atttypid, null) from pg_attribute
    where attrelid = %s::regclass and attnum > 0 and not attisdropped order by attnum
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--firms", type=int, default=500, help="in the smaller file, about nine commands each"
    )
    parser.add_argument("--rounds", type=int, default=5)


def run(given: argparse.Namespace) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="ckr-es-") as folder:
        Path(folder).chmod(0o711)
        with EmbeddedServer.open(Path(folder, "data")) as server:
            found = _append(server, given)
            found |= _pipeline(server, folder, given.firms * 10)
        for name, count in (("small", given.firms), ("large", given.firms * 10)):
            found |= _process(Path(folder, name), count, name)
    found["memory_growth"] = found["large_peak_mb"] / found["small_peak_mb"]
    return found


def marks(found: dict[str, Any]) -> list[Mark]:
    return [
        Mark("append of COPY", found["ratio_to_copy"], RATIO),
        Mark("memory of a file ten times as large", found["memory_growth"], GROWTH, at_most=True),
    ]


def _append(server: EmbeddedServer, given: argparse.Namespace) -> dict[str, Any]:
    commands = _prepared(server, given.firms * 4)
    events = sum(len(command.rows) for command in commands)
    rows, text = _recorded(server, commands)[1:]
    rates: dict[str, list[float]] = {"door": [], "copy": [], "text": []}
    turns = [*rates] * given.rounds
    random.shuffle(turns)
    for turn in turns:
        match turn:
            case "door":
                seconds = _recorded(server, commands)[0]
            case "copy":
                seconds = _copied(server, rows, None)
            case _:
                seconds = _copied(server, rows, text)
        rates[turn].append(events / seconds)
    door, copy, bare = (statistics.median(rates[name]) for name in ("door", "copy", "text"))
    return {
        "commands": len(commands),
        "events": events,
        "copy_events_per_s": copy,
        "copy_of_bytes_events_per_s": bare,
        "append_events_per_s": door,
        "append_commands_per_s": door * len(commands) / events,
        "ratio_to_copy": door / copy,
        "ratio_to_copy_of_bytes": door / bare,
    }


def _prepared(server: EmbeddedServer, count: int) -> list[Command]:
    """What a file of plain commands comes to, decided but not recorded."""
    commands: list[Command] = []
    with _database(server, "prepared") as database:
        tracking = ServiceTracking(database)
        with connected(tracking) as conn:
            clerk = Clerk(actor="bench", role="operator", today=TODAY, import_id=uuid4())
            desk = Desk(tracking, conn, Lines(contract(), clerk), commits=False)
            rows = [
                Row(n, n, None, None, line["path"], line["key"], json.dumps(line["body"]))
                for n, line in enumerate(firms(count), start=1)
            ]
            for start in range(0, len(rows), BATCH):
                verdicts, window = desk.decide(rows[start : start + BATCH])
                assert all(verdict.outcome == "recorded" for verdict in verdicts)
                windows.spill(conn, window)
                commands += [one.command for one in window.gathered]
        tracking.close()
    return commands


Rows = dict[str, list[tuple[Any, ...]]]


def _recorded(server: EmbeddedServer, commands: list[Command]) -> tuple[float, Rows, dict[str, bytes]]:
    """Seconds that the door takes, and what it recorded: as values, and as COPY writes it."""
    with _database(server, "door") as database:
        tracking = ServiceTracking(database)
        with connected(tracking) as conn:
            began = time.perf_counter()
            for start in range(0, len(commands), BATCH):
                outcomes = append(conn, commands[start : start + BATCH])
                assert all(outcome.kind == "recorded" for outcome in outcomes)
            taken = time.perf_counter() - began
        tracking.close()
        rows: Rows = {}
        text: dict[str, bytes] = {}
        with psycopg.connect(database.admin_conninfo(), autocommit=True) as conn:
            set_json_loads(bytes, conn)  # a body is its text
            for table in TABLES:
                name = sql.Identifier("ckr", table)
                with conn.cursor() as cursor, cursor.copy(sql.SQL("copy {} to stdout").format(name)) as out:
                    text[table] = b"".join(bytes(piece) for piece in out)
                rows[table] = conn.execute(sql.SQL("select * from {}").format(name)).fetchall()
    return taken, rows, text


def _copied(server: EmbeddedServer, rows: Rows, text: dict[str, bytes] | None) -> float:
    with (
        _database(server, "copy") as database,
        psycopg.connect(database.admin_conninfo(), autocommit=True) as conn,
    ):
        set_json_dumps(bytes, conn)
        types: dict[str, list[str]] = {}
        for table in TABLES:
            name = sql.Identifier(table)
            conn.execute(sql.SQL("create table {0} (like ckr.{0} including all)").format(name))
            types[table] = [t for (t,) in conn.execute(TYPES, (f"ckr.{table}",))]
        began = time.perf_counter()
        with conn.transaction(), conn.cursor() as cursor:
            for table in TABLES:
                name = sql.Identifier(table)
                if text is not None:
                    with cursor.copy(sql.SQL("copy {} from stdin").format(name)) as copy:
                        copy.write(text[table])
                    continue
                with cursor.copy(sql.SQL("copy {} from stdin (format binary)").format(name)) as copy:
                    copy.set_types(types[table])
                    for row in rows[table]:
                        copy.write_row(row)
        return time.perf_counter() - began


def _pipeline(server: EmbeddedServer, folder: str, count: int) -> dict[str, Any]:
    path = _file(Path(folder, "pipeline.ndjson"), count)
    caller = Caller("bench", "operator", TODAY)
    with _database(server, "pipeline") as database:
        tracking = ServiceTracking(database)
        began = time.perf_counter()
        one = preview(tracking, contract(), Order(path=path, caller=caller), Watch())
        previewed = time.perf_counter()
        done = commit(tracking, contract(), one.id, caller, Watch())
        committed = time.perf_counter()
        tracking.close()
    assert done.recorded is not None
    assert done.recorded["rows"]["recorded"] == done.rows
    return {
        "pipeline_commands": done.rows,
        "preview_commands_per_s": done.rows / (previewed - began),
        "commit_commands_per_s": done.rows / (committed - previewed),
        "both_commands_per_s": done.rows / (committed - began),
    }


def _process(data: Path, count: int, name: str) -> dict[str, Any]:
    """The command line's greatest memory in MB, without the server's."""
    path = _file(data.with_suffix(".ndjson"), count)
    environ = {**os.environ, "CKR_DATA_DIR": str(data)}
    with EmbeddedServer.open(data):
        peak = 0
        with subprocess.Popen(  # noqa: S603 - our own command line
            [sys.executable, "-m", "ckr_es.cli", "import", str(path), "--commit", "--json"],
            env=environ,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as child:
            # Not what wait4 says of it: that has the memory of this process in it, at the fork.
            status = Path(f"/proc/{child.pid}/status")
            while child.poll() is None:
                told = re.search(r"^VmHWM:\s+(\d+) kB", status.read_text(), re.MULTILINE)
                peak = max(peak, int(told[1])) if told else peak
                time.sleep(0.02)
    assert child.returncode == 0
    return {f"{name}_file_mb": path.stat().st_size / 2**20, f"{name}_peak_mb": peak / 1024}


def _file(path: Path, count: int) -> Path:
    with path.open("wb") as out:
        out.writelines(msgspec.json.encode(line) + b"\n" for line in firms(count))
    return path


@contextmanager
def _database(server: EmbeddedServer, name: str) -> Iterator[Database]:
    dbname = sql.Identifier(f"bench_{name}")
    with psycopg.connect(server.conninfo(dbname="postgres"), autocommit=True) as conn:
        conn.execute(sql.SQL("create database {}").format(dbname))
        with Database.on(server, f"bench_{name}") as database:
            migrate(database.admin_conninfo())
            yield database
        conn.execute(sql.SQL("drop database {} with (force)").format(dbname))
