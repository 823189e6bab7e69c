"""What people look up: clusters, participants, members, cases, as of a day and as known at a position.

One statement each. A row that did not exist yet on the day is left out. Lists are read on from `Page.next`, the
key of the last row. `conn` must be ckr_app's where persons are included: theirs are the only names not in the log.
"""

from datetime import date
from typing import Any, Literal
from uuid import UUID

from msgspec import Struct
from psycopg.rows import dict_row

from ckr_es.projections.directory_statements import CASES, CLUSTERS, PARTICIPANTS, PARTICIPANTS_WITH_PERSONS
from ckr_es.projections.log import Session

ClusterStatus = Literal["proposed", "formed", "reorganised", "dissolved"]
CaseStatus = Literal["open", "eligible", "refused", "agreed", "in_progress", "completed", "cancelled"]
Key = tuple[Any, ...]


class Page(Struct, frozen=True):
    """Rows by column name; `next` is the key to go on from, None when these are the last."""

    items: list[dict[str, Any]]
    next: Key | None


def clusters(
    conn: Session,
    as_of: date,
    position: int,
    *,
    code: str | None = None,
    status: ClusterStatus | None = None,
    after: Key | None = None,
    limit: int = 100,
) -> Page:
    """By code: id, code, title, production, specialisation, the dates that have come by `as_of`, legal_inn, status."""
    (last,) = after or ("",)
    asked = {"as_of": as_of, "position": position, "code": code, "status": status, "last": last}
    return _page(conn, CLUSTERS, asked, ("code",), limit)


def participants(
    conn: Session,
    as_of: date,
    position: int,
    *,
    id: UUID | None = None,
    q: str | None = None,
    inn: str | None = None,
    cluster: str | None = None,
    kind: str | None = None,
    include_persons: bool = False,
    after: Key | None = None,
    limit: int = 100,
) -> Page:
    """By name: id, kind, inn, ogrn, name, registered_on, contacts, memberships [{cluster, joined_on, left_on}].

    `q` finds part of a name, whatever the case, ё as е; `cluster` its members on `as_of`. Without `include_persons`
    entrepreneurs are rows without inn, ogrn, name and contacts, last of all and not to be found by them.
    """
    (last_id,) = after or (None,)
    asked = {
        "as_of": as_of,
        "position": position,
        "id": id,
        "q": q,
        "inn": inn,
        "cluster": cluster,
        "kind": kind,
        "last_id": last_id,
    }
    statement = PARTICIPANTS_WITH_PERSONS if include_persons else PARTICIPANTS
    return _page(conn, statement, asked, ("id",), limit)


def members(
    conn: Session,
    code: str,
    as_of: date,
    position: int,
    *,
    include_persons: bool = False,
    after: Key | None = None,
    limit: int = 100,
) -> Page:
    """The participants who are members of the cluster on `as_of`."""
    return participants(
        conn, as_of, position, cluster=code, include_persons=include_persons, after=after, limit=limit
    )


def cases(
    conn: Session,
    as_of: date,
    position: int,
    *,
    id: UUID | None = None,
    participant_id: UUID | None = None,
    cluster: str | None = None,
    status: CaseStatus | None = None,
    complex: bool | None = None,
    after: Key | None = None,
    limit: int = 100,
) -> Page:
    """By application date: id, participant_id, cluster, complex, services, applied_on, decision, decided_on,
    agreement_number, signed_on, accepted_on (days), completed_on, cancelled_on, source, external_id, status.

    What comes only after `as_of` is null.
    """
    applied_on, last_id = after or (date.min, UUID(int=0))
    asked = {
        "as_of": as_of,
        "position": position,
        "id": id,
        "participant_id": participant_id,
        "cluster": cluster,
        "status": status,
        "complex": complex,
        "applied_on": applied_on,
        "last_id": last_id,
    }
    return _page(conn, CASES, asked, ("applied_on", "id"), limit)


def _page(conn: Session, statement: str, asked: dict[str, Any], key: tuple[str, ...], limit: int) -> Page:
    with conn.cursor(row_factory=dict_row) as cursor:
        items = cursor.execute(statement, {**asked, "limit": limit + 1}).fetchall()
    more = len(items) > limit
    items = items[:limit]
    last = tuple(items[-1][name] for name in key) if more else None
    for item in items:
        item.pop("nameless", None)
        item.pop("name_key", None)
    return Page(items, last)
