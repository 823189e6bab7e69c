"""Search over clusters, participants, cases and providers: by words and numbers, with typos, of a day and a position.

Words match by their Russian stems, and what is only like them by trigrams; a number by its beginning, however it is
written (`ckr.sought`, `ckr.number`: 0010_search.sql). One statement: a union with one member for each kind of thing,
each asking the very expressions that its index is on. Another kind is another member, with its link in `LINKS`.
"""

from datetime import date
from typing import Any, Final, Literal, get_args
from uuid import UUID

from msgspec import Struct
from psycopg.rows import dict_row
from psycopg.sql import SQL

from ckr_es.projections.directory_statements import MEMBER
from ckr_es.projections.log import Session
from ckr_es.rules.values import ERASED

Kind = Literal["cluster", "participant", "case", "provider"]
How = Literal["number", "begins", "words", "similar"]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)
LINKS: Final[dict[Kind, str]] = {
    "cluster": "/api/v1/clusters/{}",
    "participant": "/api/v1/participants/{}",
    "case": "/api/v1/cases/{}",
    "provider": "/api/v1/providers/{}",
}
# pg_trgm asks for 0.6. Two letters that changed places leave 0.47 of a word of ten, 0.33 of one of seven. A question
# that the planner can't know it takes for thousands of rows, worth workers and a compiler.
SETTINGS = """
    select set_config('pg_trgm.word_similarity_threshold', '0.3', true), set_config('jit', 'off', true),
           set_config('max_parallel_workers_per_gather', '0', true)
"""

Key = tuple[int, str, str]
"""Where a page ends: rank, kind, id. It names nobody, so it may stand in a URL."""

_FIRMS = SQL("""
    select 'participant' as kind, p.id::text as id, p.id as participant_id, null::text as cluster,
           p.name as title, f.field, f.value
    from directory.participant p
    cross join lateral (values ('name', p.name), ('inn', p.inn), ('ogrn', p.ogrn)) f (field, value)
    where p.known_from <= %(position)s and (p.known_to is null or %(position)s < p.known_to)
      and p.registered_on <= %(as_of)s and (%(cluster)s::text is null or {member})
      and (to_tsvector('russian', ckr.sought(p.name)) @@ (select words from asked)
           or ckr.sought(p.name) operator(public.%%>) (select said from asked)
           or ckr.numbers(array[p.inn, p.ogrn]) like any ((select begins from asked)::text[]))
""").format(member=MEMBER)
_PERSONS = SQL("""
    select 'participant', p.id::text, p.id, null, i.fields ->> 'name', f.field, f.value
    from ckr.identity i
    cross join lateral (
        select p.id, p.kind, p.registered_on from directory.participant p
        where p.id = i.participant_id and p.known_from <= %(position)s
          and (p.known_to is null or %(position)s < p.known_to)
        limit 1) p
    cross join lateral (
        values ('name', i.fields ->> 'name'), ('inn', i.inn), ('ogrn', i.fields ->> 'ogrnip')) f (field, value)
    where p.registered_on <= %(as_of)s and (%(cluster)s::text is null or {member}) and p.kind = 'entrepreneur'
      and (to_tsvector('russian', ckr.sought(i.fields ->> 'name')) @@ (select words from asked)
           or ckr.sought(i.fields ->> 'name') operator(public.%%>) (select said from asked)
           or ckr.numbers(array[i.inn, i.fields ->> 'ogrnip']) like any ((select begins from asked)::text[]))
""").format(member=MEMBER)
# A paper of a later day is not known to the case yet.
_CASES = SQL("""
    select 'case', c.id::text, c.participant_id, c.cluster,
           'Заявка от ' || to_char(c.applied_on, 'DD.MM.YYYY'), f.field, f.value
    from directory.service_case c
    cross join lateral (
        select 'external_id', c.external_id
        union all
        select 'agreement_number', c.agreement_number where c.signed_on <= %(as_of)s
        union all
        select 'act_number', act.number
        from unnest(c.act_numbers, c.accepted_on) act (number, accepted_on) where act.accepted_on <= %(as_of)s
    ) f (field, value)
    where c.known_from <= %(position)s and (c.known_to is null or %(position)s < c.known_to)
      and c.applied_on <= %(as_of)s and (%(cluster)s::text is null or c.cluster = %(cluster)s)
      and ckr.numbers(c.act_numbers || array[c.agreement_number, c.external_id])
          like any ((select begins from asked)::text[])
""")
# There are a handful of them.
_CLUSTERS = SQL("""
    select 'cluster', c.code, null, c.code, c.title, f.field, f.value
    from directory.cluster c
    cross join lateral (
        values ('title', c.title), ('specialisation', c.specialisation), ('code', c.code),
               ('legal_inn', case when c.reorganised_on <= %(as_of)s then c.legal_inn end)) f (field, value)
    where c.known_from <= %(position)s and (c.known_to is null or %(position)s < c.known_to)
      and c.proposed_on <= %(as_of)s and (%(cluster)s::text is null or c.code = %(cluster)s)
""")
# Organisations: a specialist is the participant, named by the vault alone.
_PROVIDERS = SQL("""
    select 'provider', p.id::text, null, null, p.name, f.field, f.value
    from funding.provider p
    cross join lateral (values ('name', p.name), ('inn', p.inn)) f (field, value)
    where p.known_from <= %(position)s and (p.known_to is null or %(position)s < p.known_to)
      and p.registered_on <= %(as_of)s and %(cluster)s::text is null
      and (to_tsvector('russian', ckr.sought(p.name)) @@ (select words from asked)
           or ckr.sought(p.name) operator(public.%%>) (select said from asked)
           or ckr.numbers(array[p.inn]) like any ((select begins from asked)::text[]))
""")
# What was typed is a number as a whole, or has numbers among its words: «ИНН 2466000017». Numbers are not like another.
_SEARCH = SQL("""
    with asked as materialized (
        select (select string_agg(ckr.sought(w.word), ' ' order by w.no)
                from unnest(string_to_array(%(q)s, ' ')) with ordinality w (word, no)
                where w.word !~ '[0-9]') as said,
               plainto_tsquery('russian', ckr.sought(%(q)s)) as words,
               n.numbers, array(select '%% ' || x || '%%' from unnest(n.numbers) x) as begins
        from (select array(
            select distinct ckr.number(w.word)
            from unnest(array[%(q)s::text] || string_to_array(%(q)s, ' ')) with ordinality w (word, no)
            where ckr.number(w.word) <> '' and (w.no = 1 or w.word ~ '[0-9]')) as numbers) n
    ), found as (
        {found}
    ), best as (
        select distinct on (f.kind, f.id) f.*, m.how,
               case m.how when 'number' then 4000 when 'begins' then 3000 when 'words' then 2000 else 1000 end
               + coalesce(case when m.how in ('words', 'similar')
                               then 500 * public.word_similarity(a.said, ckr.sought(f.value))
                                    + 499 * public.similarity(a.said, ckr.sought(f.value)) end, 0)::integer as rank
        from found f cross join asked a
        cross join lateral (select case
            when f.field in ('name', 'title', 'specialisation') then case
                when to_tsvector('russian', ckr.sought(f.value)) @@ a.words then 'words'
                when ckr.sought(f.value) operator(public.%%>) a.said then 'similar' end
            when ckr.number(f.value) = any (a.numbers) then 'number'
            when ckr.numbers(array[f.value]) like any (a.begins) then 'begins' end) m (how)
        where m.how is not null and (%(kind)s::text is null or f.kind = %(kind)s)
        order by f.kind, f.id, rank desc, f.field, f.value
    )
    select b.*, {name} as name, p.kind = 'entrepreneur' and {erased} as erased
    from (
        select * from best
        where %(rank)s::integer is null
           or (-rank, kind collate "C", id collate "C") > (-%(rank)s::integer, %(last_kind)s, %(last_id)s)
        order by rank desc, kind collate "C", id collate "C" limit %(limit)s
    ) b
    left join directory.participant p
      on p.id = b.participant_id
     and p.known_from <= %(position)s and (p.known_to is null or %(position)s < p.known_to)
    {vault}
    order by rank desc, b.kind collate "C", b.id collate "C"
""")
_ANYBODY = (_FIRMS, _CASES, _CLUSTERS, _PROVIDERS)
FIRMS_ONLY = _SEARCH.format(
    found=SQL(" union all ").join(_ANYBODY), name=SQL("p.name"), erased=SQL("false"), vault=SQL("")
).as_string()
WITH_PERSONS = _SEARCH.format(
    found=SQL(" union all ").join((*_ANYBODY, _PERSONS)),
    name=SQL("coalesce(p.name, i.fields ->> 'name')"),
    erased=SQL("i.participant_id is null"),
    vault=SQL("left join ckr.identity i on i.participant_id = p.id"),
).as_string()


class Matched(Struct, frozen=True):
    """Why a thing was found. `number`: the very number, `begins`: it begins so; `similar`: with a typo."""

    field: str
    value: str
    how: How


class Hit(Struct, frozen=True, kw_only=True):
    """`id` is a code where `link` has one; `cluster` is that of a case, `participant_id` whom it is about."""

    kind: Kind
    id: str
    title: str
    link: str
    participant_id: UUID | None
    cluster: str | None
    matched: Matched


def search(
    conn: Session,
    as_of: date,
    position: int,
    q: str,
    *,
    kind: Kind | None = None,
    cluster: str | None = None,
    include_persons: bool = False,
    after: Key | None = None,
    limit: int = 100,
) -> tuple[list[Hit], Key | None]:
    """The best first, and where to go on. `cluster`: what belongs to it, as its members on `as_of`; no providers.

    Entrepreneurs are found by name, INN and OGRNIP with `include_persons` alone (`conn` must then be ckr_app's):
    these lie in the vault, so an erasure leaves nothing to be found.
    """
    rank, last_kind, last_id = after or (None, "", "")
    asked = {
        "q": " ".join(q.split()),
        "as_of": as_of,
        "position": position,
        "kind": kind,
        "cluster": cluster,
        "rank": rank,
        "last_kind": last_kind,
        "last_id": last_id,
        "limit": limit + 1,
    }
    statement = WITH_PERSONS if include_persons else FIRMS_ONLY
    with conn.transaction(), conn.cursor(row_factory=dict_row) as cursor:
        cursor.execute(SETTINGS)
        rows = cursor.execute(statement, asked).fetchall()
    shown = rows[:limit]
    last = shown[-1] if len(rows) > limit else None
    following = (last["rank"], last["kind"], last["id"]) if last else None
    return [_hit(row) for row in shown], following


def _hit(row: dict[str, Any]) -> Hit:
    kind: Kind = row["kind"]
    return Hit(
        kind=kind,
        id=row["id"],
        title=f"{row['title']}: {_name(row)}" if kind == "case" else row["title"],
        link=LINKS[kind].format(row["id"]),
        participant_id=row["participant_id"],
        cluster=row["cluster"],
        matched=Matched(row["field"], row["value"], row["how"]),
    )


def _name(row: dict[str, Any]) -> str:
    """Of whom the case is; a person whom this search may not name is told by the id, as in reports."""
    if row["erased"]:
        return ERASED
    return row["name"] or f"Индивидуальный предприниматель {row['participant_id'].hex[:8]}"
