"""The statements behind kpi_reads: each answers one question about the KPI ledger at once."""

from psycopg.sql import SQL

# For each side (a day and a position): the plan of its year as known there, and which lines each row sums.
MEASURES = SQL("""
    known as (
        select a.*, p.kpi_set, p.values, p.policy, coalesce(p.rows, %(default)s::jsonb) as rows
        from asked a left join kpi.plan p
          on p.year = extract(year from a.as_of)::int
         and p.known_from <= a.position and (p.known_to is null or a.position < p.known_to)
    ), measure as (
        select k.side, k.as_of, k.position, r.key as row_kpi, m.kpi, (r.value ->> 'stock')::boolean as stock,
               extract(year from k.as_of)::int as year, extract(doy from k.as_of)::int as of_year,
               case when (r.value ->> 'stock')::boolean then '-infinity'::date
                    else date_trunc('year', k.as_of)::date end as since
        from known k, jsonb_each(k.rows) r, jsonb_array_elements_text(r.value -> 'measures') m (kpi)
        where %(kpi)s::text is null or r.key = %(kpi)s
    )
""")
SIDES = SQL("""
    with asked as (
        select * from unnest(%(days)s::date[], %(positions)s::bigint[]) with ordinality a (as_of, position, side)
    ), {measures}
""").format(measures=MEASURES)
# The sum of the lines up to a day and a position: whole segments of the log out of the Fenwick tree (at most nine of
# its nodes), the open rest of it line by line. A stock has few lines, and its years are not in one tree.
FIGURES = SQL("""
    , rest as materialized (
        select p.position as known, l.kpi, l.day, l.n
        from (select distinct position from known) p cross join kpi.segment g join kpi.line l
          on l.position > p.position / g.length * g.length and l.position <= p.position
         and (%(cluster)s::text is null or l.cluster = %(cluster)s)
    ), figure as (
        select m.side, m.row_kpi, coalesce(sum(s.n), 0)::bigint as n
        from measure m left join lateral (
            select sum(f.cum) as n
            from generate_series(0, 8) k (k) cross join lateral (
                select f.cum from kpi.fenwick f
                where f.kpi = m.kpi and f.slice = coalesce(%(cluster)s, '') and f.year = m.year
                  and f.node = (m.of_year >> k.k) << k.k and f.upto <= m.position
                order by f.upto desc limit 1) f
            where not m.stock and (m.of_year >> k.k) & 1 = 1
            union all
            select sum(r.n) from rest r
            where not m.stock and r.known = m.position and r.kpi = m.kpi and r.day between m.since and m.as_of
            union all
            select sum(l.n) from kpi.line l
            where m.stock and l.kpi = m.kpi and l.day <= m.as_of and l.position + 0 <= m.position
              and (%(cluster)s::text is null or l.cluster = %(cluster)s)
        ) s on true
        group by m.side, m.row_kpi
    )
""")
TABLE = (
    SQL("""{sides}{figures}
    select k.kpi_set, k.policy, k.values, (
        select coalesce(jsonb_object_agg(f.row_kpi, f.n), '{{}}') from figure f where f.side = k.side)
    from known k order by k.side
""")
    .format(sides=SIDES, figures=FIGURES)
    .as_string()
)
COUNTED = """
    select p.kpi_set, p.policy from kpi.plan p
    where p.year = %(year)s and p.known_from <= %(position)s
      and (p.known_to is null or %(position)s < p.known_to)
"""
# The event that is asked for and, when it is a correction, what it is about, down to the record itself.
ABOUT = SQL("""asked as (
        select event_id, body from ckr.event where event_id = %(event)s
        union all
        select t.event_id, t.body from asked a join ckr.event t
          on t.event_id = coalesce(a.body ->> 'voids', a.body ->> 'corrects')::uuid
    )""")
# A fact may have lines on several days (the latest headcount takes back the one before it); they count as one.
# A void may itself be voided, and so on: the record is void when the chain of latest voids is of odd length.
# `position + 0` keeps the planner from walking the whole log backwards instead of asking the index of voids.
EVIDENCE = (
    SQL("""{sides}
    , fact as (
        select d.fact_id, d.cluster, d.participant_id, d.case_id, min(d.day) as day, sum(d.n)::bigint as n
        from (
            select l.fact_id, l.day, l.cluster, l.participant_id, l.case_id, sum(l.n) as n
            from measure m join kpi.line l
              on l.kpi = m.kpi and l.day between m.since and m.as_of and l.position + 0 <= m.position
            where (%(participant)s::uuid is null or l.participant_id = %(participant)s)
              and (%(case)s::uuid is null or l.case_id = %(case)s)
              and (%(event)s::uuid is null or l.fact_id in (
                  with recursive {about} select event_id from asked))
              and (%(cluster)s::text is null or l.cluster = %(cluster)s)
            group by l.fact_id, l.day, l.cluster, l.participant_id, l.case_id having sum(l.n) <> 0
        ) d
        group by d.fact_id, d.cluster, d.participant_id, d.case_id having sum(d.n) <> 0
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
    .format(sides=SIDES, about=ABOUT)
    .as_string()
)
# What may count in a row, whether it does or not, and the histories that it is judged by. An event asked for by
# itself is found even when it was recorded later; a correction stands for the record that it is about in the end.
UNCOUNTED = (
    SQL("""
    with recursive {about}, found as (
        select * from ckr.event
        where %(event)s::uuid is null and position <= %(position)s and position > %(after)s
          and type = any (%(types)s)
          and (type <> 'service-case.opened' or not %(complex)s or %(case)s::uuid is not null
               or body ->> 'complex' = 'true')
        union all
        select * from ckr.event
        where position > %(after)s and event_id in (
            select event_id from asked where coalesce(body ->> 'voids', body ->> 'corrects') is null)
    ), page as (
        select * from found
        where (%(participant)s::uuid is null or participant_id = %(participant)s)
          and (%(case)s::uuid is null or stream_id = %(case)s or body ->> 'case_id' = %(case)s::text)
        order by position limit %(limit)s
    )
    select position, event_id, stream_id, participant_id, type, body::text,
           event_id in (select event_id from page) as asked
    from (
        select * from ckr.event
        where participant_id in (select participant_id from page) and type = any (%(heard)s)
          and position <= %(position)s
        union all
        select * from ckr.event where type = any (%(clusters)s) and position <= %(position)s
        union all
        select * from page
        where position > %(position)s or not (type = any (%(heard)s) or type = any (%(clusters)s))
    ) e
    order by position
""")
    .format(about=ABOUT)
    .as_string()
)
# `+ 0` keeps an index from being used where the other one is the right one.
# Only what lies between the two sides is read: the days between them at the second's knowledge, what was learnt
# between them about the first's days; all of a side whose row sums other lines or another year on the other one.
# A fact that counts the same on both sides moves nothing, whatever happened to it in between.
DIFF = (
    SQL("""{sides}{figures}
    , pair as (
        select coalesce(a.row_kpi, b.row_kpi) as row_kpi, coalesce(a.kpi, b.kpi) as kpi,
               coalesce(a.since, b.since) as since, a.as_of as one_day, a.position as one_position,
               b.as_of as other_day, b.position as other_position
        from (select * from measure where side = 1) a full join (select * from measure where side = 2) b
          on a.row_kpi = b.row_kpi and a.kpi = b.kpi and a.since = b.since
    ), between_days as (
        select row_kpi, kpi, coalesce(other_position, one_position) as upto,
               case when one_day is null or other_day is null then since - 1
                    else least(one_day, other_day) end as after_day,
               greatest(one_day, other_day) as upto_day,
               case when other_day is null or one_day > other_day then -1 else 1 end as sign
        from pair
    ), between_positions as (
        select row_kpi, kpi, since, one_day, least(one_position, other_position) as after,
               greatest(one_position, other_position) as upto,
               case when one_position > other_position then -1 else 1 end as sign
        from pair where one_day is not null and other_day is not null
    ), posted as (
        select p.row_kpi, p.fact_id, p.event_id, sum(p.n)::bigint as n
        from (
            select s.row_kpi, l.fact_id, l.event_id, l.cluster, s.sign * l.n as n
            from between_days s join kpi.line l
              on l.kpi = s.kpi and l.day > s.after_day and l.day <= s.upto_day and l.position + 0 <= s.upto
            union all
            select s.row_kpi, l.fact_id, l.event_id, l.cluster, s.sign * l.n
            from between_positions s join kpi.line l
              on l.kpi = s.kpi and l.day + 0 between s.since and s.one_day
             and l.position > s.after and l.position <= s.upto
        ) p
        where %(cluster)s::text is null or p.cluster = %(cluster)s
        group by p.row_kpi, p.fact_id, p.event_id
    ), cause as (
        select row_kpi, event_id, sum(n) as n, bool_and(fact_id = event_id) as own
        from (select *, sum(n) over (partition by row_kpi, fact_id) as net from posted) p
        where net <> 0
        group by row_kpi, event_id having sum(n) <> 0
    ), named as (
        select c.row_kpi, c.n, e.*, case
            when e.type like '%%.voided' then case when c.n < 0 then 'voided' else 'restored' end
            when e.type like '%%.corrected' then case when exists (
                select from kpi.line l where l.position = e.position
                group by l.fact_id having count(distinct l.day) > 1) then 'moved' else 'corrected' end
            when e.type like 'participant.%%-reported' and not c.own then 'superseded'
            when c.n < 0 then 'removed' else 'added' end as kind
        from cause c join ckr.event e using (event_id)
    )
    select (select jsonb_agg(jsonb_build_array(kpi_set, policy, rows) order by side) from known), (
        select coalesce(jsonb_object_agg(row_kpi, jsonb_build_array(before, after)), '{{}}') from (
            select row_kpi, coalesce(sum(n) filter (where side = 1), 0) as before,
                   coalesce(sum(n) filter (where side = 2), 0) as after
            from figure group by row_kpi) f), (
        select coalesce(jsonb_object_agg(row_kpi, events), '{{}}') from (
            select row_kpi, jsonb_agg(jsonb_build_object(
                'event_id', event_id, 'type', type, 'kind', kind, 'position', position, 'effective_on', effective_on,
                'recorded_at', recorded_at, 'actor', actor, 'stream', stream_id, 'participant_id', participant_id,
                'reason', body ->> 'reason', 'late_reason', body ->> 'late_reason', 'n', n) order by position
            ) as events
            from named group by row_kpi) f)
""")
    .format(sides=SIDES, figures=FIGURES)
    .as_string()
)
SERIES = (
    SQL("""{sides}{figures}
    select k.as_of, case when jsonb_array_length(k.rows -> %(kpi)s -> 'measures') > 0 then coalesce(f.n, 0) end
    from known k left join figure f on f.side = k.side order by k.side
""")
    .format(sides=SIDES, figures=FIGURES)
    .as_string()
)
# The lines that an event posted, and those about the fact that it is or amends. What a fact counts changes with the
# records of its participant and with the lives of clusters only, so these positions are all there are.
MOVED = SQL("""
    moved as (
        select l.* from (
            select position from ckr.event
            where participant_id = %(participant)s and position between %(since)s and %(position)s
            union
            select position from ckr.event
            where type = any (%(clusters)s) and position between %(since)s and %(position)s
        ) p join kpi.line l using (position)
        where l.event_id = %(event)s or l.fact_id = %(fact)s
    )
""")
LINES = (
    SQL("""
    with {moved}
    select kpi, day, cluster, participant_id, case_id, n, position, event_id, fact_id
    from moved
    where (position, fact_id, kpi, day, coalesce(cluster, ''))
        > (%(after)s::bigint, %(after_fact)s::uuid, %(after_kpi)s::text, %(after_day)s::date, %(after_cluster)s::text)
    order by position, fact_id, kpi, day, coalesce(cluster, '') limit %(limit)s
""")
    .format(moved=MOVED)
    .as_string()
)
# Each closing has two sides: its day as known when it pinned the table, and as known now.
REPORTED = (
    SQL("""
    with closing as (
        select event_id, position, body ->> 'label' as label, (body ->> 'version')::int as version,
               (body ->> 'as_of')::date as as_of, (body ->> 'known_position')::bigint as known_position,
               body ->> 'kpi_set' as kpi_set
        from ckr.event where type = 'period.closed' and position <= %(position)s
    ), asked as (
        select as_of, known_position as position, position as side from closing
        union all
        select as_of, %(position)s, -position from closing
    ), {measures}, {moved}, counted as materialized (
        select m.side, m.row_kpi, sum(l.n) filter (where l.event_id = %(event)s) as own,
               sum(l.n) filter (where l.fact_id = %(fact)s) as fact
        from measure m join moved l
          on l.kpi = m.kpi and l.day between m.since and m.as_of and l.position <= m.position
        group by m.side, m.row_kpi
    )
    select c.label, c.version, c.event_id, c.position, c.as_of, c.known_position, c.kpi_set, t.row_kpi,
           coalesce(t.own, 0)::bigint, coalesce(t.submitted, 0)::bigint, coalesce(t.now, 0)::bigint
    from closing c cross join lateral (
        select row_kpi, max(own) filter (where side < 0) as own, max(fact) filter (where side > 0) as submitted,
               max(fact) filter (where side < 0) as now
        from counted where abs(side) = c.position group by row_kpi
    ) t
    where t.own <> 0 or t.submitted <> 0 or t.now <> 0
    order by c.position, t.row_kpi
""")
    .format(measures=MEASURES, moved=MOVED)
    .as_string()
)
POSITION_AT = """
    select coalesce((select position from ckr.event where recorded_at <= %s order by recorded_at desc limit 1), 0)
"""
