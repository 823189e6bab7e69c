"""What a rehearsal knows, read for many rows at once; and what earlier windows of a preview would have recorded.

The latter lies in temporary tables of the preview's own session: memory does not grow with the file, and nothing of it
outlives the session. Every function takes an autocommit connection as ckr_app.
"""

from itertools import groupby
from typing import Any, Final
from uuid import UUID

import psycopg
from psycopg.rows import tuple_row
from psycopg.sql import SQL

from ckr_es.imports.rehearsal import Found, Rehearsal, Wanted
from ckr_es.store.door import Identity
from ckr_es.store.envelope import StoredRow
from ckr_es.store.reads import HEAD, ROW, StoredAnswer

Conn = psycopg.Connection[Any]

TABLES: Final = """
    create temp table if not exists rehearsed_event (
        stream_id uuid, stream_version int, type text, body text, position bigint, event_id uuid, effective_on date,
        participant_id uuid, causation_id uuid, actor text, role text, correlation_id uuid, command_key text,
        leaf bytea not null default '', recorded_at timestamptz);
    create index if not exists rehearsed_stream on rehearsed_event (stream_id);
    create index if not exists rehearsed_participant on rehearsed_event (participant_id);
    create index if not exists rehearsed_key on rehearsed_event (command_key);
    create temp table if not exists rehearsed_command (
        key text primary key, request_hash bytea, status smallint, subject text, version int, answer text);
    create temp table if not exists rehearsed_identity (
        participant_id uuid primary key, inn text, fields text, salt bytea, commitment bytea);
    create index if not exists rehearsed_inn on rehearsed_identity (inn);
    truncate rehearsed_event, rehearsed_command, rehearsed_identity;
"""
_EVENTS = SQL("""
    select {row} from {table} e where e.stream_id = any (%(streams)s)
    union all
    select {row} from {table} e where e.participant_id = any (%(whole)s) and e.stream_id <> all (%(streams)s)
""")
_ANSWERS = SQL("""
    select c.key, c.request_hash, c.status, c.subject, c.version, c.answer, {row}
    from {commands} c left join {events} e on e.command_key = c.key
    where c.key = any (%(keys)s)
""")
_OF_LOG: Final = {"commands": SQL("ckr.command"), "events": SQL("ckr.event"), "table": SQL("ckr.event")}
_OF_US: Final = {
    "commands": SQL("rehearsed_command"),
    "events": SQL("rehearsed_event"),
    "table": SQL("rehearsed_event"),
}
EVENTS: Final = SQL("{} union all {} order by 5").format(
    *(_EVENTS.format(row=ROW, table=of["table"]) for of in (_OF_LOG, _OF_US))
)
ANSWERS: Final = SQL("{} union all {} order by 1, 11").format(
    *(_ANSWERS.format(row=ROW, commands=of["commands"], events=of["events"]) for of in (_OF_LOG, _OF_US))
)
PERSONS: Final = """
    select inn, participant_id from ckr.identity where inn = any (%(inns)s)
    union all select inn, participant_id from rehearsed_identity where inn = any (%(inns)s)
"""
# Of a row that was changed in the rehearsal, the changed one comes last.
VAULT: Final = """
    select participant_id, inn, convert_to(fields::text, 'UTF8'), salt, commitment
    from ckr.identity where participant_id = any (%(vault)s)
    union all
    select participant_id, inn, convert_to(fields, 'UTF8'), salt, commitment
    from rehearsed_identity where participant_id = any (%(vault)s)
"""
PUT_EVENTS: Final = """
    copy rehearsed_event (
        stream_id, stream_version, type, body, position, event_id, effective_on, participant_id, causation_id,
        actor, role, correlation_id, command_key, recorded_at) from stdin
"""
PUT_COMMANDS: Final = """
    copy rehearsed_command (key, request_hash, status, subject, version, answer) from stdin
"""
PUT_IDENTITY: Final = """
    insert into rehearsed_identity (participant_id, inn, fields, salt, commitment) values (%s, %s, %s, %s, %s)
    on conflict (participant_id) do update set
        fields = excluded.fields, salt = excluded.salt, commitment = excluded.commitment
"""


def prepare(conn: Conn) -> None:
    """Empty tables for what would be recorded, and the session as reading wants it."""
    conn.execute("set client_min_messages = warning; set timezone = 'UTC'")
    conn.execute(TABLES)


def find(conn: Conn, wanted: Wanted) -> Found:
    """All that is there of it. The head is read first: what a guard looks for after it may only be more."""
    with conn.cursor(binary=True, row_factory=tuple_row) as cursor:
        head: int = cursor.execute(HEAD).fetchall()[0][0]
        streams: dict[UUID, list[StoredRow]] = {}
        if wanted.streams or wanted.whole:
            given = {"streams": list(wanted.streams), "whole": list(wanted.whole)}
            for found in cursor.execute(EVENTS, given):
                row = StoredRow(*found)
                streams.setdefault(row.originator_id, []).append(row)
        answers: dict[str, StoredAnswer] = {}
        if wanted.keys:
            rows = cursor.execute(ANSWERS, {"keys": list(wanted.keys)}).fetchall()
            for key, same in groupby(rows, lambda found: found[0]):
                told = list(same)
                events = [StoredRow(*found[6:]) for found in told if found[6] is not None]
                _, request_hash, status, subject, version, answer, *_ = told[0]
                answers[key] = StoredAnswer(request_hash, status, subject, version, answer, events)
        persons: dict[str, UUID] = {}
        if wanted.inns:
            persons = dict(cursor.execute(PERSONS, {"inns": list(wanted.inns)}).fetchall())
        vault: dict[UUID, Identity] = {}
        if wanted.vault:
            for id, inn, fields, salt, commitment in cursor.execute(VAULT, {"vault": list(wanted.vault)}):
                vault[id] = Identity(
                    participant_id=id, inn=inn, fields=fields, salt=salt, commitment=commitment
                )
    return Found(head, streams, answers, persons, vault)


def spill(conn: Conn, window: Rehearsal) -> None:
    """What the rows of this window would record, kept for those of the next ones."""
    with conn.transaction(), conn.cursor() as cursor:
        with cursor.copy(PUT_EVENTS) as copy:
            for one in window.gathered:
                for row in one.rows:
                    copy.write_row(
                        (
                            row.originator_id, row.originator_version, row.topic, row.state.decode(), row.id,
                            row.event_id, row.effective_on, row.participant_id, row.causation_id, row.actor,
                            row.role, row.correlation_id, row.command_key, row.recorded_at,
                        )
                    )  # fmt: skip
        with cursor.copy(PUT_COMMANDS) as copy:
            for one in window.gathered:
                c = one.command
                copy.write_row((c.key, c.request_hash, c.status, c.subject, c.version, c.answer))
        kept = [c.command.identity for c in window.gathered if isinstance(c.command.identity, Identity)]
        cursor.executemany(
            PUT_IDENTITY,
            [(i.participant_id, i.inn, i.fields.decode(), i.salt, i.commitment) for i in kept],
        )
