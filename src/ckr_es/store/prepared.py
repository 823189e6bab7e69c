"""A statement whose parameters are whole columns, prepared once on each connection and asked straight through libpq.

psycopg's cursor takes as long for a small question as the server does, and its waiting can't be left at a deadline.
"""

from collections.abc import Iterable, Sequence
from select import POLLIN, POLLOUT, poll
from struct import Struct
from time import monotonic
from typing import Any
from uuid import UUID
from weakref import WeakSet

import psycopg
from psycopg.adapt import Transformer
from psycopg.errors import error_from_result
from psycopg.pq import ExecStatus, Format
from psycopg.pq.abc import PGconn, PGresult

Connection = psycopg.Connection[Any]

# Elements of a binary array, each after its size.
SMALLINT, INT, BIGINT = Struct(">ih").pack, Struct(">ii").pack, Struct(">iq").pack
SIZE = Struct(">i").pack
NULL, UUID_SIZE = SIZE(-1), SIZE(16)
ARRAY, EMPTY_ARRAY = Struct(">iiIii").pack, Struct(">iiI").pack


class Prepared:
    """`text` has $1, $2 … for its columns."""

    def __init__(self, name: str, text: str, columns: int) -> None:
        self._name = name.encode()
        self._text = text.encode()
        self._formats = [Format.BINARY] * columns
        self._ready: WeakSet[Connection] = WeakSet()

    def send(self, conn: Connection, columns: Sequence[bytes]) -> None:
        """On a connection in autocommit, or within `conn.transaction()`. Then `rows` has to be asked."""
        if conn not in self._ready:
            self._prepare(conn)
        conn.pgconn.send_query_prepared(self._name, columns, self._formats, Format.BINARY)

    def rows(self, conn: Connection, timeout: float | None = None) -> list[tuple[Any, ...]]:
        """The answer to what was sent.

        Raises psycopg.Error; TimeoutError after so many seconds: then it is on its way, and may be asked for again.
        """
        result = _result(conn.pgconn, timeout)
        if result.status != ExecStatus.TUPLES_OK:
            raise error_from_result(result, conn.info.encoding)
        rows = Transformer(conn)
        rows.set_pgresult(result)
        return rows.load_rows(0, result.ntuples, tuple)

    def _prepare(self, conn: Connection) -> None:
        conn.execute("select set_config('timezone', 'UTC', false)")
        result = conn.pgconn.prepare(self._name, self._text)
        if result.status != ExecStatus.COMMAND_OK:
            raise error_from_result(result, conn.info.encoding)
        self._ready.add(conn)


def texts(values: Iterable[str | None]) -> bytes:
    return bytea(25, [None if v is None else v.encode() for v in values])


def uuids(values: Iterable[UUID | None]) -> bytes:
    return array(2950, [UUID_SIZE + v.bytes if v else NULL for v in values])


def ints(values: Iterable[int]) -> bytes:
    return array(23, [INT(4, v) for v in values])


def bytea(element_oid: int, values: Iterable[bytes | None]) -> bytes:
    """Of elements that are sent as they are: bytea, and text in UTF-8."""
    return array(element_oid, [NULL if v is None else SIZE(len(v)) + v for v in values])


def array(element_oid: int, elements: Sequence[bytes]) -> bytes:
    """One dimension, may hold nulls, its length, numbered from 1; an empty array has no dimension."""
    if not elements:
        return EMPTY_ARRAY(0, 0, element_oid)
    return b"".join((ARRAY(1, 1, element_oid, len(elements), 1), *elements))


def _result(server: PGconn, timeout: float | None) -> PGresult:
    until = None if timeout is None else monotonic() + timeout
    news = poll()
    unsent = server.flush()
    news.register(server.socket, POLLIN | POLLOUT if unsent else POLLIN)
    while unsent or server.is_busy():
        left = None if until is None else 1_000 * max(0.0, until - monotonic())
        if not news.poll(left):
            raise TimeoutError
        server.consume_input()
        if unsent and not (unsent := server.flush()):
            news.modify(server.socket, POLLIN)
    result = server.get_result()
    while server.get_result():
        pass  # the end of the answer, or of a connection that is lost
    assert result is not None
    return result
