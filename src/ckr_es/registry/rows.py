"""What was kept of a register: rows put in with the members they come from, so that a load can go on from there.

Every function takes an autocommit connection as ckr_app. INNs are parameters and rows, never part of a text.
"""

from collections.abc import Sequence
from typing import Any, Final, TypeAlias
from uuid import UUID

import msgspec
from psycopg import Connection
from psycopg.errors import UniqueViolation
from psycopg.sql import SQL, Composed, Identifier
from psycopg.types.json import Jsonb

from ckr_es.registry.archive import refused
from ckr_es.registry.fns_sme import SmeRecord
from ckr_es.registry.fns_support import SupportRecord
from ckr_es.registry.reading import MemberRead, Register

Conn = Connection[Any]
Kept: TypeAlias = SmeRecord | SupportRecord

COPY: Final[dict[Register, bytes]] = {
    "sme": b"""
        copy registry.sme (
            snapshot_id, inn, as_of, included_on, category, region_code, okved_main, okved_additional, okved_version,
            headcount, licences, name, ogrn, member, line
        ) from stdin""",
    "support": b"copy registry.support (snapshot_id, inn, as_of, supports, member, line) from stdin",
}
MEMBER: Final = """
    insert into registry.member (snapshot_id, name, bytes, records, kept, said, first_as_of, last_as_of)
    values (%s, %s, %s, %s, %s, %s, %s, %s)
"""
UNFINISHED: Final = """
    delete from {} where snapshot_id = %s
    and member not in (select name from registry.member where snapshot_id = %s)
"""
STORED: Final = "select inn, member, line from registry.sme where snapshot_id = %s and inn = any (%s)"


def put(
    conn: Conn, id: UUID, register: Register, records: Sequence[Kept], done: Sequence[MemberRead]
) -> None:
    """Rows, and the members that end with them, in one transaction. Invalid("inn-duplicate") for a firm told twice."""
    try:
        with conn.transaction(), conn.cursor() as cursor:
            if records:
                with cursor.copy(COPY[register]) as copy:
                    for record in records:
                        copy.write_row((id, *_row(record)))
            ended = [
                (id, m.member, m.bytes, m.records, m.kept, m.said, m.first_as_of, m.last_as_of) for m in done
            ]
            cursor.executemany(MEMBER, ended)
    except UniqueViolation:  # its text shows the row
        (member, line), second = _twins(conn, id, records)
        whose = f"ИНН {second.inn} указан" if len(second.inn) == 10 else "ИНН предпринимателя указан"
        detail = f"{whose} дважды; первый раз: {member}, строка {line}"
        raise refused("inn-duplicate", detail, second.member, second.line) from None


def members(conn: Conn, id: UUID) -> frozenset[str]:
    """Names of the members read to their end."""
    rows = conn.execute("select name from registry.member where snapshot_id = %s", (id,))
    return frozenset(name for (name,) in rows)


def forget_unfinished(conn: Conn, id: UUID, register: Register) -> None:
    """Rows of members that were not read to their end."""
    conn.execute(_of(UNFINISHED, register), (id, id))


def forget(conn: Conn, id: UUID, register: Register) -> None:
    """All rows of the snapshot; its members stay, unless they are forgotten too."""
    conn.execute(_of("delete from {} where snapshot_id = %s", register), (id,))


def forget_members(conn: Conn, id: UUID) -> None:
    conn.execute("delete from registry.member where snapshot_id = %s", (id,))


def _of(query: Any, register: Register) -> Composed:
    return SQL(query).format(Identifier("registry", register))


def _row(record: Kept) -> tuple[Any, ...]:
    where = (record.member, record.line)
    if isinstance(record, SupportRecord):
        return (record.inn, record.as_of, Jsonb(msgspec.to_builtins(record.supports)), *where)
    person = len(record.inn) == 12
    return (
        record.inn, record.as_of, record.included_on, record.category, record.region_code, record.okved_main,
        list(record.okved_additional), record.okved_version, record.headcount, list(record.licences),
        None if person else record.name, None if person else record.ogrn, *where,
    )  # fmt: skip


def _twins(conn: Conn, id: UUID, records: Sequence[Kept]) -> tuple[tuple[str, int], Kept]:
    """Where the first of two records of one INN stands, and the second."""
    stored = conn.execute(STORED, (id, [record.inn for record in records]))
    seen = {inn: (member, line) for inn, member, line in stored}
    for record in records:
        if record.inn in seen:
            return seen[record.inn], record
        seen[record.inn] = (record.member, record.line)
    raise AssertionError("a row was refused as the second of its INN, and is the only one")
