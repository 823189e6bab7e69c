"""The statements behind kpi_reads: each answers one question about the KPI ledger at once."""

from psycopg.sql import SQL

# For each side (a day and a position): the plan of its year as known there, and which lines each row sums.
SIDES = SQL("""
    with asked as (
        select * from unnest(%(days)s::date[], %(positions)s::bigint[]) with ordinality a (as_of, position, side)
    ), known as (
        select a.*, p.kpi_set, p.values, p.policy, coalesce(p.rows, %(default)s::jsonb) as rows
        from asked a left join kpi.plan p
          on p.year = extract(year from a.as_of)::int
         and p.known_from <= a.position and (p.known_to is null or a.position < p.known_to)
    ), measure as (
        select k.side, k.as_of, k.position, r.key as row_kpi, m.kpi,
               case when (r.value ->> 'stock')::boolean then '-infinity'::date
                    else date_trunc('year', k.as_of)::date end as since
        from known k, jsonb_each(k.rows) r, jsonb_array_elements_text(r.value -> 'measures') m (kpi)
    )
""")
TABLE = (
    SQL("""{sides}
    select k.kpi_set, k.policy, k.values, (
        select coalesce(jsonb_object_agg(f.row_kpi, f.n), '{{}}') from (
            select m.row_kpi, coalesce(sum(s.n), 0) as n
            from measure m left join lateral (
                select sum(l.n) as n from kpi.line l
                where l.kpi = m.kpi and l.day between m.since and m.as_of and l.position <= m.position) s on true
            group by m.row_kpi) f)
    from known k
""")
    .format(sides=SIDES)
    .as_string()
)
COUNTED = """
    select p.kpi_set, p.policy from kpi.plan p
    where p.year = %(year)s and p.known_from <= %(position)s
      and (p.known_to is null or %(position)s < p.known_to)
"""
# A void may itself be voided, and so on: the record is void when the chain of latest voids is of odd length.
# `position + 0` keeps the planner from walking the whole log backwards instead of asking the index of voids.
EVIDENCE = (
    SQL("""{sides}
    , fact as (
        select l.fact_id, l.day, l.cluster, l.participant_id, l.case_id, sum(l.n)::bigint as n
        from measure m join kpi.line l
          on l.kpi = m.kpi and l.day between m.since and m.as_of and l.position <= m.position
        where m.row_kpi = %(kpi)s
        group by l.fact_id, l.day, l.cluster, l.participant_id, l.case_id having sum(l.n) <> 0
    )
    select e.event_id, e.type, e.position, f.day, f.cluster, f.participant_id, f.case_id, f.n, (
        with recursive chain as (
            (select v.event_id, v.event_id as first, 1 as length from ckr.event v
             where v.body ->> 'voids' = e.event_id::text order by v.position + 0 desc limit 1)
            union all
            select w.event_id, c.first, c.length + 1
            from chain c cross join lateral (
                select v.event_id from ckr.event v
                where v.body ->> 'voids' = c.event_id::text order by v.position + 0 desc limit 1) w
        )
        select case when max(length) %% 2 = 1 then min(first::text)::uuid end from chain)
    from fact f join ckr.event e on e.event_id = f.fact_id
    where e.position > %(after)s order by e.position limit %(limit)s
""")
    .format(sides=SIDES)
    .as_string()
)
DIFF = (
    SQL("""{sides}
    , posted as (
        select m.row_kpi, l.event_id, coalesce(sum(l.n) filter (where m.side = 1), 0)::bigint as before,
               coalesce(sum(l.n) filter (where m.side = 2), 0)::bigint as after
        from measure m join kpi.line l
          on l.kpi = m.kpi and l.day between m.since and m.as_of and l.position <= m.position
        group by m.row_kpi, l.event_id
    ), figure as (
        select p.row_kpi, jsonb_build_object('from', sum(p.before), 'to', sum(p.after), 'events', coalesce(
            jsonb_agg(jsonb_build_array(e.event_id, e.type, e.position, e.effective_on, p.after - p.before)
                      order by e.position) filter (where p.after <> p.before), '[]')) as figure
        from posted p left join ckr.event e on p.after <> p.before and e.event_id = p.event_id
        group by p.row_kpi
    )
    select (select jsonb_agg(jsonb_build_array(kpi_set, rows) order by side) from known),
           (select coalesce(jsonb_object_agg(row_kpi, figure), '{{}}') from figure)
""")
    .format(sides=SIDES)
    .as_string()
)
SERIES = """
    with point as (
        select as_of, extract(year from as_of)::int as year from unnest(%(days)s::date[]) p (as_of)
    ), known as (
        select y.year, coalesce(p.rows, %(default)s::jsonb) -> %(kpi)s as counted
        from (select distinct year from point) y left join kpi.plan p
          on p.year = y.year and p.known_from <= %(position)s
         and (p.known_to is null or %(position)s < p.known_to)
    ), measure as (
        select k.year, m.kpi, (k.counted ->> 'stock')::boolean as stock
        from known k, jsonb_array_elements_text(k.counted -> 'measures') m (kpi)
    ), daily as materialized (
        select l.kpi, l.day, sum(l.n) as n
        from (select kpi, bool_or(stock) as stock from measure group by kpi) m join kpi.line l
          on l.kpi = m.kpi and l.position <= %(position)s and l.day <= %(end)s
         and l.day >= case when m.stock then '-infinity'::date else date_trunc('year', %(start)s::date)::date end
        group by l.kpi, l.day
    )
    select p.as_of, case when jsonb_array_length(k.counted -> 'measures') > 0 then coalesce((
        select sum(d.n) from measure m join daily d on d.kpi = m.kpi and d.day <= p.as_of
           and (m.stock or d.day >= date_trunc('year', p.as_of)::date)
        where m.year = p.year), 0)::bigint end
    from point p join known k on k.year = p.year order by p.as_of
"""
POSITION_AT = """
    select coalesce((select position from ckr.event where recorded_at <= %s order by recorded_at desc limit 1), 0)
"""
