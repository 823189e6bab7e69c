"""Nobody rewrites the log: privileges stop each role, and triggers stop the owner and the superuser too."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from psycopg.errors import InsufficientPrivilege
from store.commands import begin

from ckr_es.store.database import Database
from ckr_es.store.door import Erasure, Identity, append

OURS = ("ckr_app", "ckr_projector", "ckr_reader", "ckr_migrator", "ckr_notary")
ABOVE_PRIVILEGES = ("ckr_owner", "superuser", "superuser as a replica")
WRITES = {
    "event": [
        "insert into ckr.event select * from ckr.event limit 1",
        "insert into ckr.event select * from ckr.event where false",
        "copy ckr.event from program 'true'",
        "merge into ckr.event e using (select 0 as p) s on e.position = s.p"
        " when not matched then insert (position) values (1)",
        "update ckr.event set actor = 'nobody'",
        "update ckr.event set actor = actor where false",
        "delete from ckr.event",
        "delete from ckr.event where false",
        "truncate ckr.event",
        "truncate ckr.event cascade",
    ],
    "command": [
        "insert into ckr.command select * from ckr.command limit 1",
        "update ckr.command set status = 500",
        "delete from ckr.command",
        "truncate ckr.command",
    ],
    "erasure": [
        "update ckr.erasure set basis = 'x'",
        "update ckr.erasure set confirmed_by = 'x', destroyed = '{}'",
        "delete from ckr.erasure",
        "truncate ckr.erasure",
    ],
    "identity": [
        "insert into ckr.identity select * from ckr.identity limit 1",
        "update ckr.identity set inn = null",
        "delete from ckr.identity",
        "truncate ckr.identity",
    ],
    "migration": [
        "update ckr.migration set sha256 = sha256('x')",
        "delete from ckr.migration",
        "truncate ckr.migration",
    ],
}
STATEMENTS = [statement for statements in WRITES.values() for statement in statements]


@contextmanager
def session(database: Database, who: str) -> Iterator[psycopg.Connection[Any]]:
    conninfo = database.conninfo(who) if who in OURS else database.admin_conninfo()
    with psycopg.connect(conninfo, autocommit=True) as conn:
        if who == "ckr_owner":
            conn.execute("set role ckr_owner")
        if who == "superuser as a replica":
            conn.execute("set session_replication_role = replica")
        yield conn


@pytest.fixture(scope="module", autouse=True)
def recorded(database: Database) -> None:
    with session(database, "ckr_app") as door:
        who = begin().rows[0].originator_id
        kept = Identity(
            participant_id=who, inn="246500000001", fields=b"{}", salt=b"s" * 32, commitment=b"c" * 32
        )
        outcomes = append(
            door, [begin(identity=kept), begin(identity=Erasure(begin().rows[0].originator_id))]
        )
        assert [o.kind for o in outcomes] == ["recorded"] * 2


def contents(database: Database) -> list[Any]:
    with session(database, "superuser") as conn:
        tables = ("event", "command", "identity", "erasure", "migration")
        return [conn.execute(f"select to_json(t)::text from ckr.{name} t").fetchall() for name in tables]


@pytest.mark.parametrize("statement", STATEMENTS)
@pytest.mark.parametrize("who", [*OURS, *ABOVE_PRIVILEGES])
def test_nothing_recorded_can_be_written_over(database: Database, who: str, statement: str) -> None:
    before = contents(database)
    with session(database, who) as conn, pytest.raises(InsufficientPrivilege):
        conn.execute(statement)
    assert contents(database) == before


@pytest.mark.parametrize(
    ("who", "statement"),
    [
        ("ckr_reader", "select 1 from ckr.identity"),
        ("ckr_reader", "select 1 from ckr.api_key"),
        ("ckr_reader", "select answer from ckr.command"),
        ("ckr_reader", "insert into ckr.projection (name) values ('x')"),
        ("ckr_projector", "select 1 from ckr.identity"),
        ("ckr_projector", "select 1 from ckr.api_key"),
        ("ckr_projector", "select 1 from ckr.command"),
        ("ckr_notary", "select 1 from ckr.identity"),
        ("ckr_notary", "select 1 from ckr.command"),
        ("ckr_notary", "select 1 from ckr.api_key"),
        ("ckr_app", "insert into ckr.projection (name) values ('x')"),
        ("ckr_app", "insert into ckr.api_key (id, name, role, secret_hash) values ('x', 'x', 'x', 'x')"),
        ("ckr_app", "update ckr.api_key set revoked_at = null"),
        *((who, "create table ckr.mine (n int)") for who in ("ckr_app", "ckr_projector", "ckr_reader")),
        *((who, "create schema mine") for who in ("ckr_app", "ckr_reader")),
        *(
            (who, "alter table ckr.event disable trigger all")
            for who in ("ckr_app", "ckr_projector", "ckr_reader")
        ),
        *(
            (who, "drop trigger refuse_change on ckr.event")
            for who in ("ckr_app", "ckr_projector", "ckr_reader")
        ),
        *((who, "set role ckr_owner") for who in ("ckr_app", "ckr_projector", "ckr_reader")),
        *((who, "set session_replication_role = replica") for who in OURS),
    ],
)
def test_a_role_has_no_more_than_it_needs(database: Database, who: str, statement: str) -> None:
    with session(database, who) as conn, pytest.raises(InsufficientPrivilege):
        conn.execute(statement)


@pytest.mark.parametrize("who", ["ckr_projector", "ckr_reader"])
def test_only_the_application_may_use_the_door(database: Database, who: str) -> None:
    with session(database, who) as conn:
        with pytest.raises(InsufficientPrivilege, match="append"):
            append(conn, [begin()])
        with pytest.raises(InsufficientPrivilege, match="erase"):
            conn.execute("select ckr.erase('k', 'x', gen_random_uuid(), '{}')")


def test_nothing_is_erased_that_nobody_proposed(database: Database) -> None:
    before = contents(database)
    with session(database, "ckr_app") as conn, pytest.raises(psycopg.errors.NoDataFound):
        conn.execute("select ckr.erase('k', 'x', gen_random_uuid(), '{}')")
    assert contents(database) == before
    proposal = """insert into ckr.erasure (key, request_hash, participant_id, act_number, act_date, basis, proposed_by)
        values ('k', '', gen_random_uuid(), '1', now(), 'b', 'x')"""
    with session(database, "ckr_app") as conn, conn.transaction(force_rollback=True):
        conn.execute(proposal)
        with pytest.raises(psycopg.errors.CheckViolation, match="two_people"):
            conn.execute("select ckr.erase('k', 'x', gen_random_uuid(), '{}')")


def test_the_owner_cannot_log_in(database: Database) -> None:
    with pytest.raises(psycopg.OperationalError, match="not permitted to log in"):
        psycopg.connect(database.conninfo("ckr_owner"))


def test_a_namesake_of_the_door_does_not_open_the_log(database: Database) -> None:
    """The trigger reads the call stack: a function `append` of another schema is not ckr.append."""
    with session(database, "superuser") as conn:
        conn.execute("create schema fake")
        conn.execute("""create function fake.append() returns void language plpgsql as $$
            begin insert into ckr.event select * from ckr.event limit 1; end $$""")
        conn.execute("set search_path = fake")
        with pytest.raises(InsufficientPrivilege, match=r"only ckr\.append"):
            conn.execute("select append()")


def test_everybody_reads_what_is_theirs(database: Database) -> None:
    readable = {
        "ckr_app": (
            "event",
            "command",
            "identity",
            "api_key",
            "projection",
            "migration",
            "log",
            "correction",
        ),
        "ckr_projector": ("event", "projection", "migration", "log", "correction"),
        "ckr_reader": ("event", "projection", "migration", "log", "correction"),
        "ckr_notary": ("event", "migration"),
        "ckr_migrator": ("event", "command", "identity", "api_key", "projection", "migration"),
    }
    for who, names in readable.items():
        with session(database, who) as conn:
            for name in names:
                conn.execute(f"select * from ckr.{name}")
    with session(database, "ckr_reader") as conn:
        conn.execute("select key, status, first_position from ckr.command")


def test_a_projection_makes_its_own_tables_and_others_read_them(database: Database) -> None:
    with session(database, "ckr_projector") as conn:
        conn.execute("create schema kpi_v1")
        conn.execute("create table kpi_v1.line (n int)")
        conn.execute("insert into ckr.projection (name) values ('kpi')")
        conn.execute(
            "update ckr.projection set position = 1, status = 'stopped', error = 'x' where name = 'kpi'"
        )
    for who in ("ckr_app", "ckr_reader"):
        with session(database, who) as conn:
            conn.execute("select * from kpi_v1.line")
            with pytest.raises(InsufficientPrivilege):
                conn.execute("insert into kpi_v1.line values (1)")
    with session(database, "ckr_projector") as conn:
        conn.execute("delete from ckr.projection")


def test_the_migrator_makes_and_revokes_keys(database: Database) -> None:
    with session(database, "ckr_migrator") as conn:
        conn.execute(
            "insert into ckr.api_key (id, name, role, secret_hash) values ('k', 'n', 'auditor', 'h')"
        )
        conn.execute("update ckr.api_key set revoked_at = now() where id = 'k'")
