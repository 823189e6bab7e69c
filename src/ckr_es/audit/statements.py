"""The statement behind a trace: an event and every record that it hangs together with."""

# A correlation is called by an event of it, or by a number that a client gave; only the others stand in its index.
# Causes and effects are records of one command, so its key leads to them. A decision names the events it rests on
# anywhere within its verdicts (`event_id`, `declaration`), and they are all of its own participant.
# `position + 0` keeps the planner from walking the log instead of asking the index of voids and corrections; `offset 0`
# from reading all of it, for it takes a chain of corrections to be long.
TRACE = """
    with recursive self as (
        select * from ckr.event
        where (event_id = %(event)s::uuid or position = %(at)s::bigint) and position <= %(position)s
    ), cause as (
        select c.event_id, c.causation_id from self s join ckr.event c on c.event_id = s.causation_id
        union all
        select c.event_id, c.causation_id from cause e join ckr.event c on c.event_id = e.causation_id
    ), effect as (
        select c.event_id, c.command_key
        from self s join ckr.event c on c.command_key = s.command_key and c.causation_id = s.event_id
        union all
        select c.event_id, c.command_key
        from effect e join ckr.event c on c.command_key = e.command_key and c.causation_id = e.event_id
    ), about as (
        select event_id, coalesce(body ->> 'voids', body ->> 'corrects')::uuid as target from self
        union all
        select t.event_id, coalesce(t.body ->> 'voids', t.body ->> 'corrects')::uuid
        from about a join ckr.event t on t.event_id = a.target
    ), amended as (
        select event_id, null::uuid as amends from about where target is null
        union all
        select c.event_id, a.event_id from amended a cross join lateral (
            select event_id from ckr.event where body ->> 'voids' = a.event_id::text
            union all
            select event_id from ckr.event where body ->> 'corrects' = a.event_id::text) c
    ), decision as (
        select d.event_id, d.body::jsonb as body from self s cross join lateral (
            select event_id, body from ckr.event
            where stream_id = s.stream_id and type = 'service-case.eligibility-decided'
              and stream_version <= s.stream_version
            order by stream_version desc limit 1) d
    ), related as (
        select 'self' as relation, event_id, null::uuid as amends from self
        union all
        select 'cause', event_id, null from cause
        union all
        select 'effect', event_id, null from effect
        union all
        select 'command', c.event_id, null
        from self s join ckr.event c on c.command_key = s.command_key and c.event_id <> s.event_id
        union all
        select 'amended', event_id, amends from amended
        union all
        select 'decision', event_id, null from decision
        union all
        (select distinct 'input', (named #>> '{}')::uuid, null::uuid from decision d cross join lateral (
            select jsonb_path_query(d.body, '$.**.event_id') as named
            union all
            select jsonb_path_query(d.body, '$.checks[*].inputs.declaration')) n
         where named <> 'null')
        union all
        select 'used', d.event_id, null from self s join ckr.event d
          on d.participant_id = s.participant_id and d.position > s.position
         and d.type = 'service-case.eligibility-decided' and strpos(d.body::text, s.event_id::text) > 0
        union all
        select 'correlated', c.event_id, null from self s cross join lateral (
            (select o.event_id, o.position from ckr.event o
             where o.correlation_id = s.correlation_id and o.correlation_id <> o.event_id
               and o.event_id <> s.event_id and o.position <= %(position)s
             order by o.position limit %(limit)s)
            union all
            select o.event_id, o.position from ckr.event o
            where o.event_id = s.correlation_id and o.correlation_id = s.correlation_id
              and o.event_id <> s.event_id and o.position <= %(position)s
            order by position limit %(limit)s) c
    )
    select r.relation, r.amends, e.event_id, e.type, e.position, e.stream_id, e.stream_version, e.effective_on,
           e.recorded_at, e.actor, e.role, e.correlation_id, e.causation_id, e.participant_id, e.command_key,
           encode(e.leaf, 'hex'), case when r.relation in ('self', 'amended', 'decision') then e.body::text end,
           array(select v.event_id from ckr.event v
                 where v.body ->> 'voids' = e.event_id::text and v.position <= %(position)s order by v.position + 0),
           array(select c.event_id from ckr.event c
                 where c.body ->> 'corrects' = e.event_id::text and c.position <= %(position)s order by c.position + 0)
    from related r cross join lateral (select * from ckr.event where event_id = r.event_id offset 0) e
    where e.position <= %(position)s
    order by e.position
"""
