"""Where the money of a year stands, and who gives services: as of a day, as known at a position.

One statement each. `held_by_log` is for decisions: it is exact at the head of the log, however far the tables are.
"""

from collections.abc import Sequence
from datetime import date
from typing import Any
from uuid import UUID

import msgspec
from msgspec import Struct
from psycopg.rows import dict_row, tuple_row
from psycopg.sql import SQL

from ckr_es.aggregates import service_case
from ckr_es.aggregates.amend import fold
from ckr_es.aggregates.facts import Entry
from ckr_es.aggregates.funding import MOVING, SOURCES, Source, forecast, held, lines
from ckr_es.projections.directory_reads import Key, Page
from ckr_es.projections.funding import FUNDING, HEARD
from ckr_es.projections.log import Session, records, tags
from ckr_es.rules.values import Document

REACHED = "select position from ckr.projection where name = %s and version = %s"
# The cases that moved since the tables' position are read from the log, the others' lines are what they were then: so
# it does not matter that the tables move on meanwhile.
_HELD = SQL("""
    with moved as materialized (
        select distinct stream_id from ckr.event
        where position > %(position)s and type = any (%(moving)s) and stream_id <> all (%(but)s)
    )
    select {lines} as held,
           (select jsonb_agg(jsonb_build_array(e.position, e.event_id, e.stream_id, e.participant_id, e.type,
                                               e.body::text) order by e.position)
            from ckr.event e where e.stream_id in (select stream_id from moved) and e.type = any (%(heard)s)) as rows
""")
HELD = _HELD.format(
    lines=SQL("""
        (select jsonb_object_agg(source, kopecks) from (
            select source, sum(kopecks) as kopecks from funding.line
            where year = %(year)s and known_to is null and released_on is null and case_id <> all (%(but)s)
              and case_id not in (select stream_id from moved)
            group by source) s)
    """)
).as_string()
HELD_WITHOUT_TABLES = _HELD.format(lines=SQL("null::jsonb")).as_string()
CASES = tags(kind for kind, shape in HEARD.items() if shape.kind is service_case.KIND)

BALANCE = """
    select s.source, b.limit_kopecks, b.document,
           coalesce(sum(l.kopecks) filter (where l.spent_on <= %(as_of)s), 0)::bigint as spent_kopecks,
           coalesce(sum(l.kopecks) filter (where l.standing), 0)::bigint as reserved_kopecks,
           coalesce(sum(l.own_kopecks) filter (where l.spent_on <= %(as_of)s), 0)::bigint as own_spent_kopecks,
           coalesce(sum(l.own_kopecks) filter (where l.standing), 0)::bigint as own_reserved_kopecks
    from unnest(%(sources)s::text[]) with ordinality s (source, no)
    left join lateral (
        select case s.source when 'federal' then federal_kopecks when 'regional' then regional_kopecks end
                   as limit_kopecks, document
        from funding.budget
        where year = %(year)s and set_on <= %(as_of)s
          and known_from <= %(position)s and (known_to is null or %(position)s < known_to)
        order by no desc limit 1
    ) b on true
    left join lateral (
        select *, reserved_on <= %(as_of)s and coalesce(spent_on > %(as_of)s, true)
                  and coalesce(released_on > %(as_of)s, true) as standing
        from funding.line
        where year = %(year)s and source = s.source
          and known_from <= %(position)s and (known_to is null or %(position)s < known_to)
    ) l on true
    group by s.no, s.source, b.limit_kopecks, b.document order by s.no
"""
LINES = """
    select id, case_id, component_no, participant_id, cluster, service, provider_id, source,
           kopecks, own_kopecks, reserved_on,
           case when spent_on <= %(as_of)s then spent_on end as spent_on,
           case when released_on <= %(as_of)s then released_on end as released_on,
           case when spent_on <= %(as_of)s then 'spent' when released_on <= %(as_of)s then 'released'
                else 'reserved' end as state
    from funding.line
    where year = %(year)s and known_from <= %(position)s and (known_to is null or %(position)s < known_to)
      and least(reserved_on, spent_on) <= %(as_of)s
      and (%(source)s::text is null or source = %(source)s)
      and id > %(last)s
    order by id limit %(limit)s
"""
GIVEN = """
    with given as (
        select case_id, component_no, participant_id, cluster, service, kopecks + own_kopecks as cost_kopecks,
               reserved_on,
               case when spent_on <= %(as_of)s then spent_on end as spent_on,
               case when released_on <= %(as_of)s then released_on end as released_on,
               case when spent_on <= %(as_of)s then grade end as grade,
               case when spent_on <= %(as_of)s then 'spent' when released_on <= %(as_of)s then 'released'
                    else 'reserved' end as state,
               greatest(reserved_on, case when spent_on <= %(as_of)s then spent_on end,
                        case when released_on <= %(as_of)s then released_on end) as since, id
        from funding.line
        where provider_id = %(provider_id)s and least(reserved_on, spent_on) <= %(as_of)s
          and known_from <= %(position)s and (known_to is null or %(position)s < known_to)
          and (%(cluster)s::text is null or cluster = %(cluster)s)
    )
    select * from given where %(since)s::date is null or (since, id) < (%(since)s, %(last)s)
    order by since desc, id desc limit %(limit)s
"""
_PROVIDERS = SQL("""
    select p.id, p.inn, {name} as name, p.participant_id, p.registered_on, o.services, o.prices_kopecks,
           o.selection_basis, o.contract, o."group", o.group_participants, o.of_centre,
           b.blocked_on is not null as blocked, b.blocked_on, b.reason as block_reason, r.rating
    from funding.provider p {vault}
    join lateral (
        select * from funding.offer
        where provider_id = p.id and since <= %(as_of)s
          and known_from <= %(position)s and (known_to is null or %(position)s < known_to)
        order by since desc, no desc limit 1
    ) o on true
    left join lateral (
        select * from funding.block
        where provider_id = p.id and blocked_on <= %(as_of)s and coalesce(%(as_of)s < unblocked_on, true)
          and known_from <= %(position)s and (known_to is null or %(position)s < known_to)
        order by blocked_on limit 1
    ) b on true
    cross join lateral (
        select jsonb_build_object(
            'grade', round(avg(grade) filter (where spent_on <= %(as_of)s), 2),
            'graded', count(grade) filter (where spent_on <= %(as_of)s),
            'accepted', count(*) filter (where spent_on <= %(as_of)s),
            'in_work', count(*) filter (where reserved_on <= %(as_of)s and coalesce(spent_on > %(as_of)s, true)
                                          and coalesce(released_on > %(as_of)s, true)),
            'cancelled', count(*) filter (where released_on <= %(as_of)s),
            'participants', count(distinct participant_id) filter (where spent_on <= %(as_of)s),
            'paid_kopecks', coalesce(sum(kopecks + own_kopecks) filter (where spent_on <= %(as_of)s), 0)
        ) as rating
        from funding.line
        where provider_id = p.id and known_from <= %(position)s and (known_to is null or %(position)s < known_to)
    ) r
    where p.known_from <= %(position)s and (p.known_to is null or %(position)s < p.known_to)
      and p.registered_on <= %(as_of)s
      and (%(id)s::uuid is null or p.id = %(id)s)
      and (%(inn)s::text is null or p.inn = %(inn)s)
      and (%(q)s::text is null or strpos(replace(lower(p.name), 'ё', 'е'), replace(lower(%(q)s::text), 'ё', 'е')) > 0)
      and (%(service)s::text is null or %(service)s = any (o.services))
      and (%(blocked)s::boolean is null or (b.blocked_on is not null) = %(blocked)s)
      and p.id > %(last)s
    order by p.id limit %(limit)s
""")
PROVIDERS = _PROVIDERS.format(name=SQL("p.name"), vault=SQL("")).as_string()
PROVIDERS_WITH_PERSONS = _PROVIDERS.format(
    name=SQL("coalesce(p.name, i.fields ->> 'name')"),
    vault=SQL("left join ckr.identity i on i.participant_id = p.participant_id"),
).as_string()
FIRST = UUID(int=0)


class Standing(Struct, frozen=True, kw_only=True):
    """A source of the year's money, or all of it (`total`). `limit` and `free` are null where no limit is set.

    `other` is what names neither budget: it has no limit of its own and counts in the total. What the firms pay
    themselves is no money of the subsidy.
    """

    source: str
    limit_kopecks: int | None
    reserved_kopecks: int
    spent_kopecks: int
    free_kopecks: int | None
    forecast_kopecks: int
    exhausted_on: date | None
    own_reserved_kopecks: int
    own_spent_kopecks: int


class Balance(Struct, frozen=True):
    rows: tuple[Standing, ...]
    document: Document | None


def held_by_log(conn: Session, year: int, but: Sequence[UUID]) -> dict[Source, int]:
    """Kopecks that cases other than `but` have reserved or spent of the year's money, by source, at the log's head."""
    with conn.cursor(row_factory=tuple_row) as cursor:
        reached = cursor.execute(REACHED, (FUNDING.name, FUNDING.version)).fetchone()
        asked = {
            "position": reached[0] if reached else 0,
            "year": year,
            "but": list(but),
            "moving": sorted(MOVING),
            "heard": CASES,
        }
        found = cursor.execute(HELD if reached else HELD_WITHOUT_TABLES, asked, prepare=False).fetchone()
    assert found is not None
    used: dict[Source, int] = {source: int(kopecks) for source, kopecks in (found[0] or {}).items()}
    moved: dict[UUID, list[Entry]] = {}
    for record in records((p, UUID(e), UUID(s), w, k, b) for p, e, s, w, k, b in found[1] or ()):
        moved.setdefault(record.originator_id, []).append(Entry(record.event_id, record.event))
    for history in moved.values():
        for (of, source), kopecks in held(lines(fold(service_case.KIND, history))).items():
            if of == year:
                used[source] = used.get(source, 0) + kopecks
    return used


def balance(conn: Session, year: int, as_of: date, position: int) -> Balance:
    """By source and in total; each row's forecast draws the year so far out to its end."""
    asked = {"year": year, "as_of": as_of, "position": position, "sources": list(SOURCES)}
    with conn.cursor(row_factory=dict_row) as cursor:
        found = cursor.execute(BALANCE, asked).fetchall()
    document = found[0]["document"]
    rows = [{k: v for k, v in row.items() if k != "document"} for row in found]
    total: dict[str, Any] = {"source": "total", "limit_kopecks": None}
    for name in ("spent_kopecks", "reserved_kopecks", "own_spent_kopecks", "own_reserved_kopecks"):
        total[name] = sum(row[name] for row in rows)
    if document is not None:
        total["limit_kopecks"] = sum(row["limit_kopecks"] or 0 for row in rows)
    return Balance(
        tuple(_standing(row, year, as_of) for row in (*rows, total)),
        None if document is None else msgspec.convert(document, Document),
    )


def _standing(row: dict[str, Any], year: int, as_of: date) -> Standing:
    limit: int | None = row["limit_kopecks"]
    taken = row["spent_kopecks"] + row["reserved_kopecks"]
    expected, exhausted_on = forecast(taken, limit, year, as_of)
    return Standing(
        **row,
        free_kopecks=None if limit is None else limit - taken,
        forecast_kopecks=expected,
        exhausted_on=exhausted_on,
    )


def money(
    conn: Session,
    as_of: date,
    position: int,
    *,
    year: int,
    source: str | None = None,
    after: Key | None = None,
    limit: int = 100,
) -> Page:
    """The components behind a balance, each reserved, spent or released on the day."""
    (last,) = after or (FIRST,)
    asked = {"year": year, "as_of": as_of, "position": position, "source": source, "last": last}
    return _page(conn, LINES, asked, limit)


def given(
    conn: Session,
    as_of: date,
    position: int,
    *,
    provider_id: UUID,
    cluster: str | None = None,
    after: tuple[date, UUID] | None = None,
    limit: int = 100,
) -> Page:
    """What a provider gives, the latest first: agreed on, accepted with its grade, or given up, as on the day."""
    since, last = after or (None, None)
    asked = {
        "provider_id": provider_id,
        "as_of": as_of,
        "position": position,
        "cluster": cluster,
        "since": since,
        "last": last,
        "limit": limit + 1,
    }
    with conn.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(GIVEN, asked).fetchall()
    keys = [(row.pop("since"), row.pop("id")) for row in rows]
    return Page(rows[:limit], keys[limit - 1] if len(rows) > limit else None)


def providers(
    conn: Session,
    as_of: date,
    position: int,
    *,
    id: UUID | None = None,
    q: str | None = None,
    inn: str | None = None,
    service: str | None = None,
    blocked: bool | None = None,
    include_persons: bool = False,
    after: Key | None = None,
    limit: int = 100,
) -> Page:
    """Who may give services on the day, under which offer, with the rating that the acceptances give.

    `q` finds part of an organisation's name. Without `include_persons` specialists have no name.
    """
    (last,) = after or (FIRST,)
    asked = {
        "as_of": as_of,
        "position": position,
        "id": id,
        "q": q,
        "inn": inn,
        "service": service,
        "blocked": blocked,
        "last": last,
    }
    return _page(conn, PROVIDERS_WITH_PERSONS if include_persons else PROVIDERS, asked, limit)


def _page(conn: Session, statement: str, asked: dict[str, Any], limit: int) -> Page:
    with conn.cursor(row_factory=dict_row) as cursor:
        items = cursor.execute(statement, {**asked, "limit": limit + 1}).fetchall()
    more = len(items) > limit
    items = items[:limit]
    return Page(items, (items[-1]["id"],) if more else None)
