"""What people look up: clusters, participants, members, cases, as of a day and as known at a position.

One statement each. A row that did not exist yet on the day is left out. Lists are read on from `Page.next`, the
key of the last row. `conn` must be ckr_app's where persons are included: theirs are the only names not in the log.
"""

from datetime import date
from typing import Any, Literal
from uuid import UUID

import msgspec
from msgspec import Struct
from psycopg.rows import dict_row

from ckr_es.projections.directory_statements import (
    CASES,
    CLUSTERS,
    PARTICIPANTS,
    PARTICIPANTS_WITH_PERSONS,
    STALE_CASES,
)
from ckr_es.projections.log import Session
from ckr_es.rules.rule_sets import RuleSet, in_force
from ckr_es.rules.values import ERASED
from ckr_es.rules.verdicts import HINTS

ClusterStatus = Literal["proposed", "formed", "reorganised", "dissolved"]
CaseStatus = Literal["open", "eligible", "refused", "agreed", "in_progress", "completed", "cancelled"]
OPEN: tuple[CaseStatus, ...] = ("open", "eligible", "agreed", "in_progress")
StaleCode = Literal[
    "register-answer-out-of-date",
    "register-contradicts",
    "not-in-register-on-service-date",
    "included-after-service",
]
Key = tuple[Any, ...]


class Stale(Struct, frozen=True, kw_only=True):
    """Why a case is to be checked again: by which answer of the register (null: there is none), for which act."""

    code: StaleCode
    detail: str
    answer_as_of: date | None
    event_id: UUID | None
    accepted_on: date | None
    component_no: int | None


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
    """By code: id, code, title, production, specialisation, kind, curated, the dates that have come by `as_of`,
    legal_inn, status.
    """
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

    `q` finds part of a name, whatever the case, ё as е, Latin letters as their Cyrillic doubles; `cluster` its
    members on `as_of`. Without `include_persons` entrepreneurs are rows without inn, ogrn, name and contacts, last of
    all and not to be found by them. One whose identity was erased is `identity_erased` and named «удалено»; nor is
    it to be found by that.
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
        "erased": ERASED,
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
    eligibility: Literal["stale"] | None = None,
    after: Key | None = None,
    limit: int = 100,
) -> Page:
    """By application date: id, participant_id, cluster, complex, services, applied_on, decision, decided_on,
    agreement_number, signed_on, accepted_on (days), completed_on, cancelled_on, source, external_id, status.

    What comes only after `as_of` is null. With `eligibility` only the cases whose eligibility is to be checked
    again, each with `stale`: open ones whose register answer is too old or speaks against them, and accepted
    services whose recipient was not in the register on their day.
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
    if eligibility is None:
        return _page(conn, CASES, asked, ("applied_on", "id"), limit)
    rules = in_force(as_of)
    asked |= {
        "open": list(OPEN),
        "hints": list(HINTS),
        "region": rules.region,
        "days": rules.registry_valid_for_days,
    }
    # A plan made without the values reads every case for every page.
    page = _page(conn, STALE_CASES, asked, ("applied_on", "id"), limit, prepare=False)
    for item in page.items:
        item["stale"] = [_stale(found, as_of, rules) for found in item["stale"]]
    return page


def _stale(found: dict[str, Any], as_of: date, rules: RuleSet) -> Stale:
    return msgspec.convert({**found, "detail": _detail(found, as_of, rules)}, Stale)


def _detail(found: dict[str, Any], as_of: date, rules: RuleSet) -> str:
    on, act = _day(found["answer_as_of"]), _day(found["accepted_on"])
    match found["code"]:
        case "register-answer-out-of-date" if not on:
            return "Ответа реестра МСП об участнике ещё нет"
        case "register-answer-out-of-date":
            days = rules.registry_valid_for_days
            return f"Последний ответ реестра МСП дан на {on}, на {as_of:%d.%m.%Y} ему больше {days} дн."
        case "register-contradicts" if found["region_code"]:
            where = f"регион {found['region_code']}, а не {rules.region}"
            return f"По реестру МСП на {on} у участника {where}, а дело опирается на другой ответ"
        case "register-contradicts":
            return f"На {on} участника нет в реестре МСП, а дело опирается на другой ответ"
        case "not-in-register-on-service-date":
            return f"Акт {act}: по ответу на {on} получателя услуги не было в реестре МСП"
    since = _day(found["included_on"])
    return f"Акт {act}: по ответу на {on} получатель услуги включён в реестр МСП позже, {since}"


def _day(day: str | None) -> str:
    return f"{date.fromisoformat(day):%d.%m.%Y}" if day else ""


def _page(
    conn: Session,
    statement: str,
    asked: dict[str, Any],
    key: tuple[str, ...],
    limit: int,
    *,
    prepare: bool | None = None,
) -> Page:
    with conn.cursor(row_factory=dict_row) as cursor:
        items = cursor.execute(statement, {**asked, "limit": limit + 1}, prepare=prepare).fetchall()
    more = len(items) > limit
    items = items[:limit]
    last = tuple(items[-1][name] for name in key) if more else None
    for item in items:
        item.pop("nameless", None)
        item.pop("name_key", None)
    return Page(items, last)
