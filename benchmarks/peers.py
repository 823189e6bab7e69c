"""Event stores of others in `append`: Castore (node) and Message DB (SQL functions), downloaded only to compare.

Their exact versions are in `peers/package.json`; npm puts them into the user's cache folder. Whoever can't be had is
skipped by name with the reason, and the benchmark goes on without.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any
from uuid import uuid4

import platformdirs
import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.types.json import Jsonb

from benchmarks.writers import DAY, TABLES, TITLE, Write, work
from ckr_es.store.embedded import EmbeddedServer

SOURCE = Path(__file__).parent / "peers"
CACHE = platformdirs.user_cache_path("ckr-es-bench")
INSTALL = (
    "install",
    "--no-package-lock",
    "--ignore-scripts",
    "--no-audit",
    "--no-fund",
    "--prefer-offline",
    "--fetch-retries=1",
)
PATIENCE = 180  # seconds for the download
# Its packages name no licence, and its author wants to be asked before use (rfc/002-License.md of its repository).
NO_LICENCE = {"emmett": "@event-driven-io/emmett-postgresql is published without a licence"}

MESSAGE_DB_ORDER = (
    "schema/message-store",
    "tables/messages",
    "types/message",
    *(f"functions/{name}" for name in ("message-store-version", "hash-64", "acquire-lock", "category")),
    *(
        f"functions/{name}"
        for name in ("is-category", "id", "cardinal-id", "stream-version", "write-message")
    ),
    *(f"indexes/{name}" for name in ("messages-id", "messages-stream", "messages-category")),
)
WRITE_MESSAGE = "select write_message(%s, %s, %s, %s, null, -1)"


def prepare(server: EmbeddedServer) -> dict[str, str]:
    """What is needed is downloaded, their tables are made. Returns whom we can't measure, and why."""
    skipped = NO_LICENCE | {name: why for name in PEERS if (why := _absent(name))}
    wanted = [name for name in PEERS if name not in skipped]
    if wanted:
        CACHE.mkdir(parents=True, exist_ok=True)
        for file in ("package.json", "castore.mjs"):
            shutil.copyfile(SOURCE / file, CACHE / file)
        if why := _failed("npm", *INSTALL):
            return skipped | dict.fromkeys(wanted, why)
    if "message_db" in wanted:
        _create_message_db(server)
    if "castore" in wanted:
        at = conninfo_to_dict(server.conninfo())
        if why := _failed("node", "castore.mjs", "create", **_environment(str(at["host"]), str(at["user"]))):
            skipped["castore"] = why
    return skipped


def _absent(name: str) -> str | None:
    needed = ("npm", "node") if name == "castore" else ("npm",)
    missing = [program for program in needed if shutil.which(program) is None]
    return f"{' and '.join(missing)} not installed" if missing else None


def _failed(program: str, *arguments: str, **environment: str) -> str | None:
    """Runs it in the cache folder; why it failed, if it did."""
    command = [str(shutil.which(program)), *arguments]
    try:
        subprocess.run(  # noqa: S603 - arguments of ours
            command,
            cwd=CACHE,
            env=os.environ | environment,
            check=True,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )
    except subprocess.CalledProcessError as e:
        return f"{program} {arguments[0]}: {' '.join(e.stderr.split())[:200]}"
    except subprocess.TimeoutExpired:
        return f"{program} {arguments[0]}: more than {PATIENCE} seconds"
    return None


def _create_message_db(server: EmbeddedServer) -> None:
    files = CACHE / "node_modules/@eventide/message-db/database"
    with psycopg.connect(server.conninfo(dbname=TABLES["message_db"][0]), autocommit=True) as conn:
        conn.execute("set search_path = message_store, public")
        for file in MESSAGE_DB_ORDER:
            conn.execute((files / f"{file}.sql").read_bytes())


@contextmanager
def message_db(host: str, user: str, _: int) -> Iterator[Callable[[], Write]]:
    """`write_message` with the expected version of a new stream, prepared, a connection for every writer."""
    opened: list[psycopg.Connection[Any]] = []
    at = make_conninfo(
        host=host, user=user, dbname=TABLES["message_db"][0], options="-csearch_path=message_store,public"
    )

    def writer() -> Write:
        conn = psycopg.connect(at, autocommit=True)
        opened.append(conn)

        def write() -> object:
            body = {"code": uuid4().hex, "title": TITLE, "production": True, "proposed_on": DAY.isoformat()}
            asked = (str(uuid4()), f"cluster-{uuid4()}", "cluster.proposed", Jsonb(body))
            return conn.execute(WRITE_MESSAGE, asked, prepare=True)

        return write

    yield writer
    for conn in opened:
        conn.close()


def castore(host: str, user: str, writers: int, seconds: float, parent: Connection) -> None:
    """As `writers.work`, but the writers are asynchronous ones of a node process."""
    with subprocess.Popen(  # noqa: S603 - arguments of ours
        [str(shutil.which("node")), "castore.mjs", str(writers), str(seconds), TITLE],
        cwd=CACHE,
        env=os.environ | _environment(host, user),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as node:
        assert node.stdin is not None
        assert node.stdout is not None
        if node.stdout.readline() != "warm\n":
            sys.exit("castore: ended before it was warm")
        parent.send("warm")
        parent.recv()
        node.stdin.write("begin\n")
        node.stdin.flush()
        parent.send(json.loads(node.stdout.readline()))


def _environment(host: str, user: str) -> dict[str, str]:
    return {"PGHOST": host, "PGUSER": user, "PGDATABASE": TABLES["castore"][0]}


PEERS: dict[str, Callable[[str, str, int, float, Connection], None]] = {
    "message_db": partial(work, message_db),
    "castore": castore,
}
