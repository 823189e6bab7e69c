"""Migrations are applied once, whoever runs them, and a server that would break a guarantee is refused."""

import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from ckr_es.store import schema
from ckr_es.store.database import Database
from ckr_es.store.embedded import EmbeddedServer
from ckr_es.store.schema import (
    SchemaError,
    WeakSettingsError,
    migrate,
    pending,
    refuse_weak_settings,
    weak_settings,
)

ALL = [step.number for step in schema.migrations()]


@pytest.fixture
def empty(server: EmbeddedServer) -> Iterator[Callable[..., str]]:
    """Makes empty databases; gives the name of each."""
    made: list[str] = []
    numbers = count()
    with psycopg.connect(server.conninfo(dbname="postgres"), autocommit=True) as admin:

        def create(options: str = "") -> str:
            name = f"schema_{next(numbers)}"
            admin.execute(sql.SQL("create database {} " + options).format(sql.Identifier(name)))
            made.append(name)
            return name

        yield create
        for name in made:
            admin.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the migrations that a test may change."""
    copy = tmp_path / "migrations"
    shutil.copytree(schema.FOLDER, copy)
    monkeypatch.setattr(schema, "FOLDER", copy)
    return copy


def test_a_migration_is_applied_once(server: EmbeddedServer, empty: Callable[..., str]) -> None:
    name = empty()
    conninfo = server.conninfo(dbname=name)
    assert pending(conninfo) == ALL
    assert migrate(conninfo) == ALL
    assert (migrate(conninfo), pending(conninfo)) == ([], [])
    assert pending(server.conninfo("ckr_reader", name)) == []


def test_many_processes_migrate_one_database_at_once(
    server: EmbeddedServer, empty: Callable[..., str]
) -> None:
    conninfo = server.conninfo(dbname=empty())
    with ThreadPoolExecutor(8) as pool:
        applied = [number for found in pool.map(migrate, [conninfo] * 8) for number in found]
    assert sorted(applied) == ALL


def test_databases_of_one_server_are_migrated_at_once(
    server: EmbeddedServer, empty: Callable[..., str]
) -> None:
    """Roles belong to the whole server, so here the migrations do meet."""
    conninfos = [server.conninfo(dbname=empty()) for _ in range(6)]
    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(migrate, conninfos)) == [ALL] * 6


def test_a_new_file_is_applied_to_an_old_database(
    server: EmbeddedServer, empty: Callable[..., str], folder: Path
) -> None:
    name = empty()
    conninfo = server.conninfo(dbname=name)
    migrate(conninfo)
    (folder / "9001_more.sql").write_text("set local role ckr_owner;\ncreate table ckr.more (n int);")
    assert pending(conninfo) == ["9001"]
    assert migrate(server.conninfo("ckr_migrator", name)) == ["9001"]


def test_a_file_that_fails_leaves_nothing_behind(
    server: EmbeddedServer, empty: Callable[..., str], folder: Path
) -> None:
    conninfo = server.conninfo(dbname=empty())
    broken = folder / "9001_broken.sql"
    broken.write_text("create table half (n int);\nselect 1 / 0;")
    with pytest.raises(psycopg.errors.DivisionByZero):
        migrate(conninfo)
    with psycopg.connect(conninfo) as conn:
        assert conn.execute("select to_regclass('half')").fetchone() == (None,)
    assert pending(conninfo) == ["9001"]


def test_an_applied_file_that_was_changed_is_refused(
    server: EmbeddedServer, empty: Callable[..., str], folder: Path
) -> None:
    conninfo = server.conninfo(dbname=empty())
    migrate(conninfo)
    with (folder / "0002_door.sql").open("a") as file:
        file.write("-- one more line\n")
    for ask in (migrate, pending):
        with pytest.raises(SchemaError, match=r"0002_door\.sql изменён"):
            ask(conninfo)


def test_a_database_newer_than_the_program_is_refused(
    server: EmbeddedServer, empty: Callable[..., str], folder: Path
) -> None:
    conninfo = server.conninfo(dbname=empty())
    extra = folder / "9001_later.sql"
    extra.write_text("select 1;")
    migrate(conninfo)
    extra.unlink()
    with pytest.raises(SchemaError, match="новее программы"):
        migrate(conninfo)


def test_a_file_that_was_skipped_is_refused(
    server: EmbeddedServer, empty: Callable[..., str], folder: Path
) -> None:
    conninfo = server.conninfo(dbname=empty())
    (folder / "9002_later.sql").write_text("select 1;")
    migrate(conninfo)
    (folder / "9001_late.sql").write_text("select 1;")
    with pytest.raises(SchemaError, match=r"9001_late\.sql пропущена"):
        migrate(conninfo)


def test_what_a_copy_of_a_database_loses_comes_back(
    server: EmbeddedServer, template: str, empty: Callable[..., str]
) -> None:
    conninfo = server.conninfo(dbname=empty(f"template {template}"))
    query = "select has_database_privilege('ckr_projector', current_database(), 'create')"
    with psycopg.connect(conninfo, autocommit=True) as conn:
        assert conn.execute(query).fetchone() == (False,)
        assert migrate(conninfo) == []
        assert conn.execute(query).fetchone() == (True,)


def test_weak_settings_are_named_and_refused(database: Database) -> None:
    """The server of the tests is weak on purpose (durable=False)."""
    with psycopg.connect(database.admin_conninfo()) as conn:
        assert any("fsync = off" in sentence for sentence in weak_settings(conn))
        with pytest.raises(WeakSettingsError, match="fsync = off"):
            refuse_weak_settings(conn)


@pytest.fixture
def strong(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    """A connection that has nothing against its server."""
    question = schema.SETTINGS.replace("current_setting('fsync')", "'on'")
    question = question.replace("current_setting('full_page_writes')", "'on'")
    monkeypatch.setattr(schema, "SETTINGS", question)
    with psycopg.connect(database.admin_conninfo(), autocommit=True) as conn:
        conn.execute("set synchronous_commit = on")
        refuse_weak_settings(conn)
        yield conn


def test_pages_half_written_are_refused(
    strong: psycopg.Connection[tuple[object, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server has one value for all sessions, so the answer to the question is changed."""
    off = schema.SETTINGS.replace("select 'on', 'on'", "select 'on', 'off'")
    monkeypatch.setattr(schema, "SETTINGS", off)
    with pytest.raises(WeakSettingsError, match="full_page_writes"):
        refuse_weak_settings(strong)


def test_a_session_that_does_not_wait_for_the_disk_is_refused(
    strong: psycopg.Connection[tuple[object, ...]],
) -> None:
    strong.execute("set synchronous_commit = off")
    with pytest.raises(WeakSettingsError, match="synchronous_commit"):
        refuse_weak_settings(strong)


def test_database_functions_of_the_library_are_refused(
    strong: psycopg.Connection[tuple[object, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POSTGRES_ENABLE_DB_FUNCTIONS", "y")
    with pytest.raises(WeakSettingsError, match="POSTGRES_ENABLE_DB_FUNCTIONS"):
        refuse_weak_settings(strong)


def test_a_log_that_ends_behind_a_projection_is_refused(
    strong: psycopg.Connection[tuple[object, ...]],
) -> None:
    strong.execute("insert into ckr.projection (name, position) values ('kpi', 7), ('directory', 0)")
    with pytest.raises(WeakSettingsError, match="Журнал кончается на 0, а проекция kpi уже дошла до 7"):
        refuse_weak_settings(strong)
    strong.execute("delete from ckr.projection")


def test_a_locale_without_cyrillic_is_refused(server: EmbeddedServer, empty: Callable[..., str]) -> None:
    name = empty("template template0 encoding 'UTF8' locale_provider libc locale 'C'")
    with psycopg.connect(server.conninfo(dbname=name)) as conn:
        assert any("ЁЛКА" in sentence for sentence in weak_settings(conn))


def test_an_encoding_that_is_not_utf8_is_refused(server: EmbeddedServer, empty: Callable[..., str]) -> None:
    name = empty("template template0 encoding 'SQL_ASCII' locale_provider libc locale 'C'")
    with psycopg.connect(server.conninfo(dbname=name), client_encoding="UTF8") as conn:
        assert any("SQL_ASCII" in sentence for sentence in weak_settings(conn))
