"""Commands for the tests of the store: rows of no real aggregate, one event each unless said otherwise."""

from datetime import date
from typing import Any
from uuid import UUID, uuid4

from ckr_es.store.door import Command
from ckr_es.store.envelope import StoredRow

BODY = '{"type":"test.happened","note":"ёлка"}'.encode()


def row(
    stream: UUID, version: int, body: bytes = BODY, type: str = "test.happened", **changes: Any
) -> StoredRow:
    known: dict[str, Any] = {"event_id": uuid4(), "effective_on": date(2021, 4, 5)}
    return StoredRow(stream, version, type, body, 0, **(known | changes))


def command(*rows: StoredRow, **changes: Any) -> Command:
    known: dict[str, Any] = {
        "key": str(uuid4()),
        "request_hash": b"one request",
        "actor": "staff-1",
        "role": "operator",
        "correlation_id": uuid4(),
        "status": 201,
        "subject": "test",
        "version": rows[-1].originator_version if rows else 0,
        "rows": rows,
    }
    return Command(**(known | changes))


def begin(stream: UUID | None = None, **changes: Any) -> Command:
    """The first event of a stream."""
    stream = stream or uuid4()
    return command(row(stream, 1), expected=((stream, 0),), **changes)
