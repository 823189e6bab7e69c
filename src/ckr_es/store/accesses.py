"""What auditors have read: an append-only table beside the log, a row written before each answer."""

import re
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, Final

from msgspec import Struct
from psycopg import Connection
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

Conn = Connection[Any]

INSERT: Final = """
    insert into ckr.access (actor, role, route, objects, as_of, known_at, known_position, head_position)
    select %s, %s, %s, %s, %s, %s, %s, coalesce(max(position), 0) from ckr.event
"""
SELECT: Final = """
    select id, at, actor, role, route, objects, as_of, known_at, known_position, head_position from ckr.access
    where (%(actor)s::text is null or actor = %(actor)s)
      and (%(object)s::text is null or exists (select from jsonb_each_text(objects) o where o.value = %(object)s))
      and (%(since)s::timestamptz is null or at >= %(since)s)
      and (%(until)s::timestamptz is null or at <= %(until)s)
      and (%(before)s::bigint is null or id < %(before)s)
    order by id desc limit %(limit)s
"""
# An id, a code, a label, a position: no name in Russian, no address, no number as long as a phone's or a person's INN.
NAMES_NOBODY: Final = re.compile(
    r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|(?!.*[0-9]{10})[A-Za-z0-9][A-Za-z0-9._-]{0,62}", re.IGNORECASE
)
WITHHELD: Final = "—"


class Access(Struct, frozen=True, kw_only=True):
    """Who read what, and how far the log was known: `known_position` as asked, `head_position` the last one then."""

    id: int
    at: datetime
    actor: str
    role: str
    route: str
    objects: dict[str, str]
    as_of: date | None
    known_at: datetime | None
    known_position: int | None
    head_position: int


def record(
    conn: Conn,
    *,
    actor: str,
    role: str,
    route: str,
    objects: Mapping[str, str],
    as_of: date | None,
    known_at: datetime | None,
    known_position: int | None,
) -> None:
    """One read, committed on return. A value that might name a person is withheld."""
    kept = {name: text if NAMES_NOBODY.fullmatch(text) else WITHHELD for name, text in objects.items()}
    conn.execute(INSERT, (actor, role, route, Jsonb(kept), as_of, known_at, known_position))


def page(
    conn: Conn,
    limit: int,
    before: int | None = None,
    *,
    actor: str | None = None,
    object: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> list[Access]:
    """The latest first, from behind the one with the id `before`. `object`: an id or code that was asked for."""
    given = {
        "actor": actor, "object": object, "since": since, "until": until, "before": before, "limit": limit,
    }  # fmt: skip
    with conn.cursor(row_factory=class_row(Access)) as cursor:
        return cursor.execute(SELECT, given).fetchall()
