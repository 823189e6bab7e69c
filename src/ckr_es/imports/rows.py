"""Rows of a file put in, read by the window and taken out again; and what became of each.

Every function takes an autocommit connection as ckr_app.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, Literal
from uuid import UUID

import msgspec
from msgspec import Struct
from psycopg import Connection
from psycopg.rows import class_row, dict_row
from psycopg.types.json import Jsonb

from ckr_es.imports.deciding import Row, Verdict

Conn = Connection[Any]
Phase = Literal["preview", "commit"]

PUT: Final = "copy imports.row (import_id, no, line, sheet, kind, path, key, body, error) from stdin"
WINDOW: Final = """
    select no, line, sheet, kind, path, key, body, error from imports.row
    where import_id = %s and no > %s order by no limit %s
"""
TELL: Final = """
    copy imports.verdict (
        import_id, phase, no, line, sheet, kind, outcome, subject, types, first_position, last_position, error
    ) from stdin
"""
TOLD: Final = """
    select no, line, sheet, kind, outcome, subject, types, first_position, last_position, error
    from imports.verdict
    where import_id = %(id)s and phase = %(phase)s and no > %(after)s
      and (%(outcome)s::text is null or outcome = %(outcome)s)
    order by no limit %(limit)s
"""
RECORDED: Final = """
    select no, line, first_position, last_position from imports.verdict
    where import_id = %s and phase = 'commit' and outcome = 'recorded' and no < %s order by no desc limit %s
"""
CLAIMED: Final = """
    select first_position from imports.verdict
    where import_id = %s and phase = 'commit' and outcome = 'recorded' and first_position = any (%s)
"""
PAGE: Final = 1000


class Recorded(Struct, frozen=True):
    """A row that was recorded, and where its events lie."""

    no: int
    line: int
    first_position: int
    last_position: int


def put(conn: Conn, id: UUID, rows: Iterable[Row]) -> None:
    with conn.cursor() as cursor, cursor.copy(PUT) as copy:
        for row in rows:
            error = None if row.error is None else Jsonb(row.error)
            copy.write_row((id, row.no, row.line, row.sheet, row.kind, row.path, row.key, row.body, error))


def window(conn: Conn, id: UUID, after: int, limit: int) -> list[Row]:
    with conn.cursor(row_factory=class_row(Row)) as cursor:
        return cursor.execute(WINDOW, (id, after, limit)).fetchall()


def forget(conn: Conn, id: UUID) -> None:
    """The rows with all they hold; what became of them stays."""
    conn.execute("delete from imports.row where import_id = %s", (id,))


def untell(conn: Conn, id: UUID, phase: Phase) -> None:
    conn.execute("delete from imports.verdict where import_id = %s and phase = %s", (id, phase))


def tell(conn: Conn, id: UUID, phase: Phase, verdicts: Sequence[Verdict]) -> None:
    with conn.cursor() as cursor, cursor.copy(TELL) as copy:
        for v in verdicts:
            error = None if v.refusal is None else Jsonb(msgspec.to_builtins(v.refusal))
            row = v.row
            copy.write_row(
                (
                    id, phase, row.no, row.line, row.sheet, row.kind, v.outcome, v.subject, list(v.types),
                    v.first_position, v.last_position, error,
                )
            )  # fmt: skip


def told(
    conn: Conn, id: UUID, phase: Phase, after: int = 0, limit: int = PAGE, outcome: str | None = None
) -> list[dict[str, Any]]:
    """What became of rows, in the order of the file."""
    given = {"id": id, "phase": phase, "after": after, "limit": limit, "outcome": outcome}
    with conn.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(TOLD, given).fetchall()


def recorded(conn: Conn, id: UUID, before: int, limit: int) -> list[Recorded]:
    """Recorded rows from the last one on."""
    with conn.cursor(row_factory=class_row(Recorded)) as cursor:
        return cursor.execute(RECORDED, (id, before, limit)).fetchall()


def claimed(conn: Conn, id: UUID, positions: list[int]) -> set[int]:
    """Which of these first positions belong to rows that are told of already."""
    return {position for (position,) in conn.execute(CLAIMED, (id, positions))}


def all_told(conn: Conn, id: UUID, phase: Phase, outcome: str | None = None) -> Iterator[dict[str, Any]]:
    """The same to the end, by pages."""
    after = 0
    while page := told(conn, id, phase, after, PAGE, outcome):
        yield from page
        after = page[-1]["no"]
