"""The schema: numbered SQL files, each applied once, and the settings under which the log may be trusted."""

import os
import re
from hashlib import sha256
from pathlib import Path
from typing import Any

import psycopg
from msgspec import Struct
from psycopg.rows import TupleRow

Connection = psycopg.Connection[TupleRow]

LOCK = 7161934518202112  # one migration at a time in a database; the door's lock is another number
OLDEST_SERVER = 150000
FOLDER = Path(__file__).parent / "migrations"
NAME = re.compile(r"(\d{4})_\w+\.sql")

APPLIED = "select number, sha256 from ckr.migration"
RECORD = "insert into ckr.migration (number, name, sha256) values (%s, %s, %s)"
SETTINGS = """
    select current_setting('fsync'), current_setting('full_page_writes'),
           current_setting('synchronous_commit'), current_setting('server_encoding'),
           lower('ЁЛКА') = 'ёлка', current_setting('server_version_num')::int
"""
AHEAD = """
    select p.name, p.position, h.position
    from ckr.projection p, (select coalesce(max(position), 0) as position from ckr.event) h
    where p.position > h.position order by p.name
"""


class SchemaError(Exception):
    """The database does not fit this program. The message (Russian) says what to do about it."""


class WeakSettingsError(SchemaError):
    """The server, its settings or the environment would break a guarantee of the log."""


class Migration(Struct, frozen=True):
    number: str
    name: str
    sql: str

    @property
    def digest(self) -> bytes:
        return sha256(self.sql.encode()).digest()


def migrations() -> list[Migration]:
    """The numbered files of this program, in their order."""
    found = ((NAME.fullmatch(f.name), f) for f in FOLDER.iterdir())
    steps = [Migration(m[1], f.name, f.read_text("utf-8")) for m, f in found if m]
    return sorted(steps, key=lambda s: s.number)


def migrate(conninfo: str) -> list[str]:
    """Bring a database to this program's schema; the numbers applied now, in order.

    Safe to run from many processes at once, and again at any time. Raises SchemaError when an applied file
    was changed afterwards or the database is newer than the program.
    """
    with psycopg.connect(conninfo, autocommit=True) as conn:
        conn.execute("select pg_advisory_lock(%s)", (LOCK,))
        with conn.transaction():
            conn.execute((FOLDER / "roles.sql").read_text("utf-8"))
        todo = _missing(conn)
        for step in todo:
            with conn.transaction():
                conn.execute(step.sql)
                conn.execute("set local role ckr_owner")
                conn.execute(RECORD, (int(step.number), step.name, step.digest))
        return [step.number for step in todo]


def pending(conninfo: str) -> list[str]:
    """The numbers `migrate` would apply. Any role of ours may ask."""
    with psycopg.connect(conninfo, autocommit=True) as conn:
        return [step.number for step in _missing(conn)]


def weak_settings(conn: psycopg.Connection[Any]) -> list[str]:
    """What would break a guarantee, one sentence (Russian) each; empty when all is well."""
    weak = []
    with conn.cursor(row_factory=psycopg.rows.tuple_row) as c:
        fsync, full_page_writes, synchronous_commit, encoding, folds, version = _one(c.execute(SETTINGS))
        if version < OLDEST_SERVER:
            weak.append("Нужен PostgreSQL 15 или новее.")
        if fsync == "off":
            weak.append("fsync = off: записанное может пропасть при сбое питания.")
        if full_page_writes == "off":
            weak.append("full_page_writes = off: сбой питания может испортить страницы журнала.")
        if synchronous_commit == "off":
            weak.append("synchronous_commit = off: подтверждённое может оказаться незаписанным.")
        if encoding != "UTF8":
            weak.append(f"Кодировка базы данных {encoding}, нужна UTF8.")
        if not folds:
            weak.append("Локаль базы данных не знает кириллицы: lower('ЁЛКА') не равно 'ёлка'.")
        if "POSTGRES_ENABLE_DB_FUNCTIONS" in os.environ:
            weak.append(
                "Задана POSTGRES_ENABLE_DB_FUNCTIONS: с нею читатели журнала теряют события. Уберите её."
            )
        if _one(c.execute("select to_regclass('ckr.projection') is not null"))[0]:
            weak += [
                f"Журнал кончается на {head}, а проекция {name} уже дошла до {position}: "
                "часть журнала пропала, восстановите его из копии."
                for name, position, head in c.execute(AHEAD).fetchall()
            ]
    return weak


def refuse_weak_settings(conn: psycopg.Connection[Any]) -> None:
    """Raise WeakSettingsError unless the log may be trusted under this server."""
    if weak := weak_settings(conn):
        raise WeakSettingsError(" ".join(weak))


def _missing(conn: Connection) -> list[Migration]:
    ours = migrations()
    if not _one(conn.execute("select to_regclass('ckr.migration') is not null"))[0]:
        return ours
    applied = {f"{number:04}": digest for number, digest in conn.execute(APPLIED)}
    if newer := sorted(applied.keys() - {s.number for s in ours}):
        raise SchemaError(
            f"База данных новее программы: в ней есть миграция {newer[-1]}. Обновите программу."
        )
    for step in ours:
        if applied.get(step.number, step.digest) != step.digest:
            raise SchemaError(
                f"Файл миграции {step.name} изменён после того, как был применён. Верните прежний."
            )
    missing = [s for s in ours if s.number not in applied]
    if applied and missing and missing[0].number < max(applied):
        raise SchemaError(f"Миграция {missing[0].name} пропущена: более поздняя уже применена.")
    return missing


def _one(cursor: psycopg.Cursor[TupleRow]) -> TupleRow:
    row = cursor.fetchone()
    assert row is not None
    return row
