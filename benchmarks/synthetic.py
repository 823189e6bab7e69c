"""A log of any size, made by the server itself: 200 firms and 300 corrections in every 10,000 events, seven years.

It goes past the append door (its trigger is off for the while), so it has no commands and its leaves are not hashes:
for measuring how a log is read, and for nothing else.
"""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from psycopg import sql

from ckr_es.store.database import Database
from ckr_es.store.embedded import EmbeddedServer
from ckr_es.store.schema import migrate

FIRST, DAYS = "2019-01-01", 2_555
CLUSTERS = 5

CONSTRAINTS = """
    select conname, pg_get_constraintdef(oid) from pg_constraint
    where conrelid = 'ckr.event'::regclass and contype in ('p', 'u') order by contype
"""
INDEXES = """
    select i.indexrelid::regclass::text, pg_get_indexdef(i.indexrelid) from pg_index i
    where i.indrelid = 'ckr.event'::regclass
      and not exists (select from pg_constraint c where c.conindid = i.indexrelid)
"""
# What happened at each position follows from its last two digits. An act is put right by the event that ends the
# hundred it stands in: three of a hundred.
FILL = """
    with firms as (select %(events)s / 50 as n), happened as (
        select g, g %% 100 as m, g * 7919 %% f.n as firm,
               date %(first)s + (g * %(days)s / %(events)s)::int
                   - case when g %% 10 = 3 then (g %% 60)::int else 0 end as day
        from firms f, generate_series(%(from)s::bigint, %(upto)s::bigint) g
    ), said as (
        select h.*, case
            when g <= %(clusters)s then 'cluster.proposed'
            when g <= 2 * %(clusters)s then 'cluster.formed'
            when g <= 2 * %(clusters)s + %(events)s / 50 then 'participant.joined-cluster'
            when m < 70 then 'service-case.service-accepted'
            when m < 75 then 'service-case.completed'
            when m < 85 then 'participant.jobs-reported'
            when m < 95 then 'participant.sales-reported'
            when m < 97 then 'participant.product-launched'
            when m = 98 then 'service-case.voided' else 'service-case.corrected' end as type
        from happened h
    ), told as (
        select s.*, case type
            when 'service-case.completed' then g - 10 when 'service-case.voided' then g - 97
            when 'service-case.corrected' then g - 97 else g end as about,
            case when type like 'participant.joined%%' then g - 2 * %(clusters)s - 1 else firm end as who
        from said s
    ), filled as (
        select t.*, case when about = g then who else about * 7919 %% f.n end as owner from told t, firms f
    )
    insert into ckr.event
    select g, ('00000000-0000-4000-8001-' || lpad(to_hex(g), 12, '0'))::uuid,
           case when type like 'cluster.%%'
                then ('00000000-0000-4000-8003-' || lpad(to_hex((g - 1) %% %(clusters)s), 12, '0'))::uuid
                when type like 'participant.%%' then ('00000000-0000-4000-8000-' || lpad(to_hex(owner), 12, '0'))::uuid
                else ('00000000-0000-4000-8002-' || lpad(to_hex(about), 12, '0'))::uuid end,
           case when type like 'participant.%%' then g when type = 'service-case.completed' then 2
                when type in ('service-case.voided', 'service-case.corrected') then 3
                when type = 'cluster.formed' then 2 else 1 end,
           type,
           case type
           when 'cluster.proposed' then json_build_object('type', type, 'code', 'c' || g, 'title', 'c', 'production',
               g %% 2 = 0, 'proposed_on', %(first)s)
           when 'cluster.formed' then json_build_object('type', type, 'formed_on', %(first)s, 'agreement',
               json_build_object('number', '1', 'date', %(first)s))
           when 'participant.joined-cluster' then json_build_object('type', type, 'cluster',
               'c' || owner %% %(clusters)s + 1, 'joined_on', %(first)s)
           when 'service-case.service-accepted' then {act}
           when 'service-case.completed' then json_build_object('type', type, 'participant_id', {who}, 'cluster',
               'c' || owner %% %(clusters)s + 1, 'completed_on', day)
           when 'participant.jobs-reported' then json_build_object('type', type, 'quarter',
               to_char(day - 90, 'YYYY-"Q"Q'), 'headcount', g %% 30, 'jobs_created', g %% 3, 'evidence', 'x')
           when 'participant.sales-reported' then json_build_object('type', type, 'quarter',
               to_char(day - 90, 'YYYY-"Q"Q'), 'amount_kopecks', g %% 1000000, 'evidence', 'x')
           when 'participant.product-launched' then json_build_object('type', type, 'title', 'x', 'markets',
               array['russian'], 'launched_on', day, 'case_id', '00000000-0000-4000-8002-000000000000', 'evidence', 'x')
           when 'service-case.voided' then json_build_object('type', type, 'voids',
               '00000000-0000-4000-8001-' || lpad(to_hex(about), 12, '0'), 'reason', 'x', 'effective_on', day)
           else json_build_object('type', type, 'corrects', '00000000-0000-4000-8001-' || lpad(to_hex(about), 12, '0'),
               'reason', 'x', 'replacement', {act}) end,
           timestamptz '2026-01-01' + g * interval '1 millisecond', 's-1', 'operator',
           '00000000-0000-4000-8004-000000000000', null, 'b:' || g, day,
           case when type like 'cluster.%%' then null else {who}::uuid end, decode(repeat('00', 32), 'hex')
    from filled order by g
"""
WHO = "('00000000-0000-4000-8000-' || lpad(to_hex(owner), 12, '0'))"
ACT = f"""json_build_object('type', 'service-case.service-accepted', 'component_no', 1, 'service', 'SVC.е',
    'participant_id', {WHO}, 'cluster', 'c' || owner %% %(clusters)s + 1, 'complex', about %% 100 >= 60,
    'act_number', 'A-' || about, 'accepted_on', day, 'quantity', 1, 'unit', 'x')"""
CHUNK = 500_000


@contextmanager
def server() -> Iterator[EmbeddedServer]:
    """A server of its own, with settings that keep what is recorded."""
    with tempfile.TemporaryDirectory(prefix="ckr-bench-") as folder:
        Path(folder).chmod(0o711)
        with EmbeddedServer.open(Path(folder, "data")) as running:
            yield running


@contextmanager
def log(running: EmbeddedServer, events: int) -> Iterator[Database]:
    """A database whose log has so many events."""
    name = f"log_{events}"
    with psycopg.connect(running.conninfo(dbname="postgres"), autocommit=True) as admin:
        admin.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
        try:
            with Database.on(running, name) as database:
                migrate(database.admin_conninfo())
                _fill(database, events)
                yield database
        finally:
            admin.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))


def _fill(database: Database, events: int) -> None:
    with psycopg.connect(database.admin_conninfo(), autocommit=True) as conn:
        conn.execute("set maintenance_work_mem = '512MB'")
        conn.execute("set synchronous_commit = off")
        conn.execute("alter table ckr.event disable trigger refuse_unless_door")
        constraints = conn.execute(CONSTRAINTS).fetchall()
        indexes = conn.execute(INDEXES).fetchall()
        for name, _ in indexes:
            conn.execute(f"drop index {name}".encode())
        for name, _ in constraints:
            conn.execute(f"alter table ckr.event drop constraint {name}".encode())
        statement = FILL.format(act=ACT, who=WHO).encode()
        asked = {"events": events, "first": FIRST, "days": DAYS, "clusters": CLUSTERS}
        for begin in range(1, events + 1, CHUNK):
            asked |= {"from": begin, "upto": min(begin + CHUNK - 1, events)}
            psycopg.ClientCursor(conn).execute(statement, asked)
        for name, definition in constraints:
            conn.execute(f"alter table ckr.event add constraint {name} {definition}".encode())
        for _, definition in indexes:
            conn.execute(definition.encode())
        conn.execute("alter table ckr.event enable always trigger refuse_unless_door")
        conn.execute("vacuum analyze ckr.event")
