"""What a projection writes: rows that are only ever added, and rows that have versions in known time.

A versioned table begins with `id, known_from, known_to`: the row was known at position P when
known_from <= P and (known_to is null or P < known_to). Tables are named without a schema: the same code fills
the live one and the one built beside it.
"""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any
from uuid import UUID

from psycopg import sql

from ckr_es.projections.log import Session

CLOSE = """
    update {} t set known_to = v.position
    from unnest(%s::uuid[], %s::bigint[]) v (id, position) where t.id = v.id and t.known_to is null
"""

Row = tuple[Any, ...]


class Sheet:
    """Gathers rows and writes them with COPY; one sheet serves a batch, or a whole rebuild in pieces."""

    def __init__(self) -> None:
        self.pending = 0
        self._rows: defaultdict[str, list[Row]] = defaultdict(list)
        self._texts: defaultdict[str, list[str]] = defaultdict(list)
        self._open: dict[tuple[str, UUID], tuple[int, Row]] = {}
        self._closing: defaultdict[str, list[tuple[UUID, int]]] = defaultdict(list)

    def add(self, table: str, row: Row) -> None:
        self._rows[table].append(row)
        self.pending += 1

    def add_text(self, table: str, rows: Iterable[str]) -> None:
        """Rows as the text format of COPY has them, each with its newline."""
        texts = self._texts[table]
        before = len(texts)
        texts.extend(rows)
        self.pending += len(texts) - before

    def replace(self, table: str, id: UUID, position: int, before: Row | None, after: Row | None) -> None:
        """From `position` on, `id` reads `after` (None: it is gone); nothing when it reads so already."""
        if before == after:
            return
        if (version := self._open.pop((table, id), None)) is not None:
            known_from, row = version
            self.add(table, (id, known_from, position, *row))
        elif before is not None:
            self._closing[table].append((id, position))
        if after is not None:
            self._open[table, id] = (position, after)

    def write(self, conn: Session, *, final: bool = True) -> None:
        """Write what is gathered; versions that may still be replaced wait for the final call."""
        for table, closed in self._closing.items():
            ids, positions = zip(*closed, strict=True)
            conn.execute(sql.SQL(CLOSE).format(sql.Identifier(table)), (list(ids), list(positions)))
        self._closing.clear()
        if final:
            for (table, id), (known_from, row) in self._open.items():
                self.add(table, (id, known_from, None, *row))
            self._open.clear()
        for table, rows in self._rows.items():
            statement = sql.SQL("copy {} from stdin").format(sql.Identifier(table))
            with conn.cursor() as cursor, cursor.copy(statement) as copy:
                for row in rows:
                    copy.write_row(row)
        self._rows.clear()
        for table, texts in self._texts.items():
            statement = sql.SQL("copy {} from stdin").format(sql.Identifier(table))
            with conn.cursor() as cursor, cursor.copy(statement) as copy:
                copy.write("".join(texts))
        self._texts.clear()
        self.pending = 0
