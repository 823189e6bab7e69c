"""The log for those who examine it: filtered, or streamed whole."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

import msgspec
from msgspec import Struct
from psycopg import Connection
from psycopg.rows import dict_row

_WANTED = """
select position, event_id, stream_id, stream_version, type, effective_on, recorded_at, actor, role,
       correlation_id, causation_id, participant_id, command_key, body, encode(leaf, 'hex') as leaf
from ckr.event
where position > %(after)s and position <= %(upto)s
  and (%(stream_id)s::uuid is null or stream_id = %(stream_id)s)
  and (%(participant_id)s::uuid is null or participant_id = %(participant_id)s)
  and (%(case_id)s::uuid is null or stream_id = %(case_id)s or body ->> 'case_id' = %(case_id)s::text)
  and (%(type)s::text is null or type = %(type)s)
  and (%(actor)s::text is null or actor = %(actor)s)
  and (%(correlation_id)s::uuid is null or (correlation_id = %(correlation_id)s and correlation_id <> event_id)
       or (event_id = %(correlation_id)s and correlation_id = event_id))
  and (%(causation_id)s::uuid is null or causation_id = %(causation_id)s)
  and (%(effective_from)s::date is null or effective_on >= %(effective_from)s)
  and (%(effective_to)s::date is null or effective_on <= %(effective_to)s)
  and (%(recorded_from)s::timestamptz is null or recorded_at >= %(recorded_from)s)
  and (%(recorded_to)s::timestamptz is null or recorded_at <= %(recorded_to)s)
"""
EVENTS = _WANTED + "order by position limit %(limit)s"
LATEST = _WANTED + "order by position desc limit %(limit)s"

EXPORT = """
select position, event_id, stream_id, stream_version, type, recorded_at, actor, command_key, body::text, leaf
from ckr.event where position > %s order by position limit %s
"""
EXPORT_PAGE = 1000
LARGEST = 2**62

PERIODS = """
select distinct body ->> 'label' as label from ckr.event
where type = 'period.closed' and position <= %s order by label
"""


class Filters(Struct, frozen=True, kw_only=True):
    """Each given filter narrows the answer; instants carry an offset, days are inclusive."""

    stream_id: UUID | None = None
    participant_id: UUID | None = None
    case_id: UUID | None = None
    type: str | None = None
    actor: str | None = None
    correlation_id: UUID | None = None
    causation_id: UUID | None = None
    effective_from: date | None = None
    effective_to: date | None = None
    recorded_from: datetime | None = None
    recorded_to: datetime | None = None


def events(conn: Connection[Any], after: int, limit: int, filters: Filters) -> list[dict[str, Any]]:
    """Events after a position, in order."""
    given = {"after": after, "upto": LARGEST, "limit": limit, **msgspec.structs.asdict(filters)}
    with conn.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(EVENTS, given).fetchall()


def latest(conn: Connection[Any], upto: int, limit: int, filters: Filters) -> list[dict[str, Any]]:
    """Events up to a position, the last one first."""
    given = {"after": 0, "upto": upto, "limit": limit, **msgspec.structs.asdict(filters)}
    with conn.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(LATEST, given).fetchall()


def export_page(conn: Connection[Any], after: int) -> Iterator[tuple[int, bytes]]:
    """A page of `events.ndjson` lines with their positions (architecture, section 9)."""
    for row in conn.execute(EXPORT, (after, EXPORT_PAGE)):
        position, event_id, stream_id, version, type_, recorded_at, actor, key, body, leaf = row
        line = {
            "position": position,
            "event_id": event_id,
            "stream_id": stream_id,
            "stream_version": version,
            "type": type_,
            "recorded_at": recorded_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            "actor": actor,
            "command_key": key,
            "body": body,
            "leaf": leaf.hex(),
        }
        yield position, msgspec.json.encode(line) + b"\n"


def closed_periods(conn: Connection[Any], position: int) -> list[str]:
    """Labels of the periods that were ever closed, in order."""
    return [label for (label,) in conn.execute(PERIODS, (position,))]
