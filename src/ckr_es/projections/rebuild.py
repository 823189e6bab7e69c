"""Fills a projection anew beside the live one, compares the two, and puts the new one in its place.

The tables of a projection are a function of the log: a difference means that a rule was changed or that somebody
wrote into the tables. Readers are never held up: only the names of the schemas change.
"""

from collections.abc import Callable, Generator
from contextlib import closing
from typing import Any
from uuid import UUID

import psycopg
from msgspec import Struct
from psycopg import sql
from psycopg.rows import tuple_row

from ckr_es.projections.log import BETWEEN, Record, Session, records
from ckr_es.projections.projection import Fold, Projection, no_garbage
from ckr_es.projections.rebuilds import Account, Differs, Interrupted, take_turn
from ckr_es.projections.schemas import CONNECTION, PROJECTIONS, SEARCH, TABLES, ensure
from ckr_es.projections.sheet import Sheet
from ckr_es.rules import Unknown
from ckr_es.store.database import Database

CHUNK = 20_000  # rows written in one COPY
FETCH = 1_000  # records read at once
SAMPLE = 10
SYSTEM = "system"  # who rebuilds when nobody asked: the follower, after a new version

LIVE = "select position from ckr.projection where name = %s"
LOCK = "select position from ckr.projection where name = %s for update"
# As multisets: the same row twice is a difference too.
COMPARE = sql.SQL("""
    select count(*) over (), d.* from (select * from {one} except all select * from {other}) d
    order by d::text limit {sample}
""")
FIRST = sql.SQL("select * from {} limit {}")
COLUMNS = """
    select column_name, udt_name from information_schema.columns
    where table_schema = %s and table_name = %s order by ordinal_position
"""
SWITCHED = """
    update ckr.projection set version = %s, status = 'running', error = null, error_position = null,
           updated_at = clock_timestamp() where name = %s
"""

Progress = Callable[[int, int], None]


class Difference(Struct, frozen=True):
    """How many rows of a table only one side has, and the first of them; all rows when even the columns differ."""

    table: str
    only_live: int
    only_rebuilt: int
    sample_live: list[tuple[Any, ...]]
    sample_rebuilt: list[tuple[Any, ...]]


class Rebuilt(Struct, frozen=True, kw_only=True):
    """Both sides stand at `position`. Not switched when they differ, unless that was accepted, or on request."""

    name: str
    position: int
    rows: int
    differences: tuple[Difference, ...]
    switched: bool


def rebuild(
    name: str,
    database: Database,
    progress: Progress = lambda _done, _of: None,
    shadow_only: bool = False,
    **how: Any,
) -> Rebuilt:
    """As `renew`, by name. Unknown("unknown-projection")."""
    return renew(known(name), database, progress, shadow_only, **how)


def known(name: str) -> Projection:
    """Raises Unknown("unknown-projection")."""
    projection = next((p for p in PROJECTIONS if p.name == name), None)
    if projection is None:
        raise Unknown("unknown-projection", f"Нет проекции «{name}»")
    return projection


def renew(
    projection: Projection,
    database: Database,
    progress: Progress = lambda _done, _of: None,
    shadow_only: bool = False,
    *,
    accept_differences: bool = False,
    actor: str = SYSTEM,
    wait: bool = True,
    began: Callable[[UUID], None] = lambda _: None,
) -> Rebuilt:
    """Build `<name>_shadow` from the log up to the live position; switch unless `shadow_only`.

    `progress(done, of)` is called with positions; what it raises ends the rebuild. A shadow that was not switched
    stays for a look, until the next rebuild. `began` hears the id of its account. Refused("rebuild-running") where
    another one goes on and this does not `wait` for its turn.
    """
    name = projection.name
    with _connect(database) as conn, _connect(database) as source, no_garbage():
        take_turn(conn, wait=wait)
        account = Account(conn, name, actor, shadow_only, accept_differences)
        began(account.id)

        def moved(done: int, of: int) -> None:
            account.moved(done, of)
            progress(done, of)

        try:
            ensure(conn, [projection])
            _drop(conn, f"{name}_shadow", f"{name}_old")
            rebuilt = _fill_and_switch(conn, source, projection, moved, shadow_only, accept_differences)
            if rebuilt.switched:
                _drop(conn, f"{name}_old")  # waits for those who still read it, and holds up nobody
        except Interrupted:
            raise  # the account says so, once this connection is gone
        except Exception as error:
            if not conn.closed and not conn.broken:
                account.failed(error)
            raise
        account.finished(
            rebuilt.position,
            rebuilt.rows,
            rebuilt.switched,
            [Differs(d.table, d.only_live, d.only_rebuilt) for d in rebuilt.differences],
        )
        return rebuilt


def _connect(database: Database) -> psycopg.Connection[tuple[Any, ...]]:
    settings = {**CONNECTION, "application_name": "ckr-rebuild"}
    return psycopg.connect(
        database.conninfo("ckr_projector"), autocommit=True, row_factory=tuple_row, **settings
    )


def _fill_and_switch(
    conn: Session,
    source: Session,
    projection: Projection,
    progress: Progress,
    shadow_only: bool,
    accept_differences: bool,
) -> Rebuilt:
    name, shadow = projection.name, f"{projection.name}_shadow"
    fold, sheet = projection.fold(), Sheet()
    with conn.transaction():
        conn.execute(sql.SQL("create schema {}").format(sql.Identifier(shadow)))
        conn.execute(SEARCH, (shadow,))
        conn.execute(projection.create)
    reached = _position(conn, LIVE, name)
    _stream(conn, source, projection, fold, sheet, 0, reached, progress)
    with conn.transaction():
        position = _position(conn, LOCK, name)  # from here on the follower passes this projection by
        _stream(conn, source, projection, fold, sheet, reached, position, progress)
        conn.execute(SEARCH, (shadow,))
        projection.close(conn, fold, position, sheet)
        sheet.write(conn)
        conn.execute("set local maintenance_work_mem = '256MB'")
        conn.execute(projection.indexes)
        conn.execute(_analyze(shadow, projection.tables))
        rows = {table: _count(conn, shadow, table) for table in projection.tables}
        differences = tuple(
            d for table in projection.tables if (d := _difference(conn, name, table, rows[table])) is not None
        )
        switched = not shadow_only and (accept_differences or not differences)
        if switched:
            conn.execute("select pg_advisory_xact_lock(%s)", (TABLES,))
            _rename(conn, name, f"{name}_old")
            _rename(conn, shadow, name)
            conn.execute(SWITCHED, (projection.version, name))
    return Rebuilt(
        name=name, position=position, rows=sum(rows.values()), differences=differences, switched=switched
    )


def _stream(
    conn: Session,
    source: Session,
    projection: Projection,
    fold: Fold,
    sheet: Sheet,
    after: int,
    upto: int,
    progress: Progress,
) -> None:
    with closing(_records(source, projection, after, upto)) as found:
        for record in found:
            fold.post(record, sheet)
            if sheet.pending >= CHUNK:
                projection.close(conn, fold, record.position, sheet)
                with conn.transaction():
                    conn.execute(SEARCH, (f"{projection.name}_shadow",))
                    sheet.write(conn, final=False)
                progress(record.position, upto)
    progress(upto, upto)


def _records(source: Session, projection: Projection, after: int, upto: int) -> Generator[Record, None, None]:
    asked = (after, upto, projection.unheard)
    with source.cursor() as cursor:
        rows = cursor.stream(BETWEEN, asked, binary=True, size=FETCH)
        # A stream that is left open holds its connection, and closing that would wait for ever.
        with closing(rows):  # type: ignore[type-var]  # it is a generator, annotated as less
            yield from records(rows)


def _difference(conn: Session, name: str, table: str, rows: int) -> Difference | None:
    shadow = f"{name}_shadow"
    known = _columns(conn, name, table)
    if known != _columns(conn, shadow, table):
        only_live = _count(conn, name, table) if known else 0  # an earlier version may not have the table
        return Difference(table, only_live, rows, [], [])
    live, rebuilt = sql.Identifier(name, table), sql.Identifier(shadow, table)
    if not (lived := _count(conn, name, table)):
        first = conn.execute(FIRST.format(rebuilt, SAMPLE)).fetchall()
        return Difference(table, 0, rows, [], first) if rows else None
    new = conn.execute(COMPARE.format(one=rebuilt, other=live, sample=SAMPLE)).fetchall()
    if not new and lived == rows:  # then neither side has a row more
        return None
    gone = conn.execute(COMPARE.format(one=live, other=rebuilt, sample=SAMPLE)).fetchall()
    (only_live, only_rebuilt), samples = zip(*map(_counted, (gone, new)), strict=True)
    return Difference(table, only_live, only_rebuilt, *samples)


def _counted(found: list[tuple[Any, ...]]) -> tuple[int, list[tuple[Any, ...]]]:
    return found[0][0] if found else 0, [row for _, *row in found]  # type: ignore[misc]


def _columns(conn: Session, schema: str, table: str) -> list[tuple[Any, ...]]:
    return conn.execute(COLUMNS, (schema, table)).fetchall()


def _analyze(schema: str, tables: tuple[str, ...]) -> sql.Composed:
    return sql.SQL("analyze {}").format(sql.SQL(", ").join(sql.Identifier(schema, table) for table in tables))


def _count(conn: Session, schema: str, table: str) -> int:
    row = conn.execute(sql.SQL("select count(*) from {}").format(sql.Identifier(schema, table))).fetchone()
    assert row is not None
    return int(row[0])


def _position(conn: Session, statement: str, name: str) -> int:
    row = conn.execute(statement, (name,)).fetchone()
    assert row is not None
    return int(row[0])


def _rename(conn: Session, schema: str, to: str) -> None:
    conn.execute(sql.SQL("alter schema {} rename to {}").format(sql.Identifier(schema), sql.Identifier(to)))


def _drop(conn: Session, *schemas: str) -> None:
    for schema in schemas:
        conn.execute(sql.SQL("drop schema if exists {} cascade").format(sql.Identifier(schema)))
