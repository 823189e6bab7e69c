"""Erasures of personal data: who proposed them, and the one transaction that empties everything beside the log.

The vault's row goes through the door with the event. So do, before it and in the same transaction, the rows of imports
and registers and the hashes of requests: a crash leaves all of it or nothing.
"""

import re
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

import msgspec
import psycopg
from msgspec import Struct
from psycopg.rows import class_row

from ckr_es.store import door
from ckr_es.store.door import Command, Identity, Outcome
from ckr_es.store.writer import OutcomeUnknown

Conn = psycopg.Connection[Any]

# Whose rows are rewritten after an erasure, so that no page of theirs keeps what was deleted.
TABLES: Final = (
    "ckr.identity",
    "imports.row",
    "imports.verdict",
    "imports.import",
    "registry.sme",
    "registry.support",
    "registry.snapshot",
    "registry.member",
)
PROPOSE: Final = """
    insert into ckr.erasure (key, request_hash, participant_id, act_number, act_date, basis, proposed_by)
    values (%s, %s, %s, %s, %s, %s, %s) on conflict (key) do nothing
"""
SELECT: Final = """
    select r.key, r.request_hash, r.participant_id, r.act_number, r.act_date, r.basis, r.proposed_by, r.proposed_at,
           r.confirmed_by, r.confirmed_at, r.event_id, r.destroyed, e.position, e.type, e.body::text as body,
           e.recorded_at, e.leaf, e.actor, e.role
    from ckr.erasure r left join ckr.event e on e.event_id = r.event_id
"""
MENTIONS: Final = """
    select e.position from ckr.event e
    where e.participant_id = %(who)s and exists (
        select from unnest(%(marks)s::text[]) m where strpos(lower(e.body::text || ' ' || e.command_key), m) > 0)
    order by e.position limit 500
"""
WORD: Final = re.compile(r"[^\s,;:()\"'«»]+")
PHONE: Final = re.compile(r"\+?\d[\d\s()-]{5,}\d")
FORMS: Final = frozenset({"ип", "индивидуальный", "предприниматель", "глава", "кфх"})


class WorkInProgress(Exception):
    """An import or a load of a register is being worked at: what it holds could come back."""


class HalfRecorded(Exception):
    """An import that names the person is recorded by half; it must be finished first."""


class Erasure(Struct, frozen=True, kw_only=True):
    """A proposal; once confirmed, with what was destroyed beside the vault's row and the event that says so."""

    key: str
    request_hash: bytes
    participant_id: UUID
    act_number: str
    act_date: date
    basis: str
    proposed_by: str
    proposed_at: datetime
    confirmed_by: str | None
    confirmed_at: datetime | None
    event_id: UUID | None
    destroyed: dict[str, int] | None
    position: int | None
    type: str | None
    body: str | None
    recorded_at: datetime | None
    leaf: bytes | None
    actor: str | None
    role: str | None


def propose(
    conn: Conn,
    *,
    key: str,
    request_hash: bytes,
    participant_id: UUID,
    act_number: str,
    act_date: date,
    basis: str,
    actor: str,
) -> Erasure:
    """The proposal under this key: this one, or the one that took the key before."""
    conn.execute(PROPOSE, (key, request_hash, participant_id, act_number, act_date, basis, actor))
    found = by_key(conn, key)
    assert found is not None
    return found


def by_key(conn: Conn, key: str) -> Erasure | None:
    return _one(conn, "where r.key = %s", key)


def latest(conn: Conn, participant_id: UUID) -> Erasure | None:
    """The last proposal about the participant, confirmed or not."""
    return _one(conn, "where r.participant_id = %s order by r.proposed_at desc limit 1", participant_id)


def confirmed(conn: Conn, participant_id: UUID) -> Erasure | None:
    return _one(
        conn,
        "where r.participant_id = %s and r.confirmed_by is not null order by r.confirmed_at desc limit 1",
        participant_id,
    )


def all_of(conn: Conn) -> list[Erasure]:
    """Every proposal ever made, the latest first."""
    with conn.cursor(row_factory=class_row(Erasure)) as cursor:
        return cursor.execute(f"{SELECT} order by r.proposed_at desc, r.key".encode()).fetchall()


def mentions(conn: Conn, who: UUID, whose: Identity | None) -> list[int]:
    """Positions of the participant's events whose text or key names the person all the same: they stay."""
    given = {"who": who, "marks": [mark for mark in marks(who, whose) if mark != str(who)]}
    return [position for (position,) in conn.execute(MENTIONS, given)]


def record(conn: Conn, proposal: Erasure, command: Command, whose: Identity | None) -> Outcome:
    """The command through the door, in one transaction with the emptying. `conn` is ckr_app's, in autocommit.

    Raises WorkInProgress and HalfRecorded (then nothing happened), OutcomeUnknown.
    """
    try:
        with conn.transaction() as transaction:
            event_id = command.rows[0].event_id
            given = (proposal.key, command.actor, event_id, marks(proposal.participant_id, whose))
            conn.execute("select ckr.erase(%s, %s, %s, %s)", given)
            [outcome] = door.append(conn, [command])
            if outcome.kind != "recorded":
                raise psycopg.Rollback(transaction)
    except psycopg.errors.ObjectInUse as error:
        raise WorkInProgress from error
    except psycopg.errors.ObjectNotInPrerequisiteState as error:
        raise HalfRecorded from error
    except psycopg.OperationalError as error:
        raise OutcomeUnknown("the connection was lost") from error
    return outcome


def rewrite(conn: Conn) -> None:
    """Tables whose pages may still show what was deleted, written anew. `conn` is of a member of ckr_owner.

    Raises psycopg.Error; to be called again at any time.
    """
    conn.execute("set role ckr_owner")
    conn.execute("set lock_timeout = '2s'")
    for table in TABLES:
        conn.execute(f"vacuum (full) {table}".encode())


def marks(who: UUID, whose: Identity | None) -> list[str]:
    """What in a text would name the person, in lower case, also as JSON with escapes has it.

    Numbers, addresses and the first word of the name, which is the surname, without an ending of its cases; a given
    name alone names nobody.
    """
    fields: dict[str, str | None] = msgspec.json.decode(whose.fields) if whose else {}
    contacts = fields.get("contacts") or ""
    name = [word for word in WORD.findall(fields.get("name") or "") if word.lower() not in FORMS]
    phones = PHONE.findall(contacts)
    surnames = [word[:-1] if len(word) > 4 and word[-1] in "аяйо" else word for word in name[:1]]
    found = [str(who), fields.get("inn"), fields.get("ogrnip"), *surnames]
    found += [word for word in WORD.findall(contacts) if "@" in word]
    found += [*phones, *("".join(filter(str.isdigit, phone))[-10:] for phone in phones)]
    said = [text for text in found if text and len(text) > 2]
    return sorted({shape(text).lower() for text in said for shape in (str, _escaped)})


def _escaped(text: str) -> str:
    return "".join(c if c.isascii() else f"\\u{ord(c):04x}" for c in text)


def _one(conn: Conn, where: str, *given: object) -> Erasure | None:
    with conn.cursor(row_factory=class_row(Erasure)) as cursor:
        return cursor.execute((SELECT + where).encode(), given).fetchone()
