"""The statements behind directory_reads."""

from psycopg.sql import SQL

CLUSTERS = """
    select * from (
        select id, code, title, production, specialisation, kind, curated, proposed_on,
               case when formed_on <= %(as_of)s then formed_on end as formed_on,
               case when reorganised_on <= %(as_of)s then reorganised_on end as reorganised_on,
               case when reorganised_on <= %(as_of)s then legal_inn end as legal_inn,
               case when dissolved_on <= %(as_of)s then dissolved_on end as dissolved_on,
               case when dissolved_on <= %(as_of)s then 'dissolved'
                    when reorganised_on <= %(as_of)s then 'reorganised'
                    when formed_on <= %(as_of)s then 'formed'
                    else 'proposed' end as status
        from directory.cluster
        where known_from <= %(position)s and (known_to is null or %(position)s < known_to)
          and proposed_on <= %(as_of)s and (%(code)s::text is null or code = %(code)s)
          and code collate "C" > %(last)s
    ) c where %(status)s::text is null or status = %(status)s
    order by code collate "C" limit %(limit)s
"""

# Of participant `p`, on the day.
MEMBER = SQL("""exists (
          select from directory.membership m
          where m.participant_id = p.id and m.cluster = %(cluster)s
            and m.joined_on <= %(as_of)s and (m.left_on is null or %(as_of)s < m.left_on)
            and m.known_from <= %(position)s and (m.known_to is null or %(position)s < m.known_to))""")
# The key of a page is an id alone: a name, which may be a person's, must not stand in a cursor and so in a URL.
_PARTICIPANTS = SQL("""
    with p as (
        select *, name is null as nameless, coalesce(replace(lower(name), 'ё', 'е'), '') as name_key
        from ({named}) n
    )
    select p.id, p.kind, p.inn, p.ogrn, case when p.erased then %(erased)s else p.name end as name,
           p.registered_on, p.contacts, p.nameless, p.name_key, p.erased as identity_erased, coalesce((
        select jsonb_agg(jsonb_build_object('cluster', m.cluster, 'joined_on', m.joined_on, 'left_on',
                         case when m.left_on <= %(as_of)s then m.left_on end) order by m.joined_on, m.cluster)
        from directory.membership m
        where m.participant_id = p.id and m.joined_on <= %(as_of)s
          and m.known_from <= %(position)s and (m.known_to is null or %(position)s < m.known_to)), '[]') as memberships
    from p
    where registered_on <= %(as_of)s
      and (%(id)s::uuid is null or id = %(id)s)
      and (%(kind)s::text is null or kind = %(kind)s)
      and (%(inn)s::text is null or inn = %(inn)s)
      and (%(q)s::text is null
           or not nameless and strpos(ckr.sought(p.name), ckr.sought(%(q)s)) > 0)
      and (%(cluster)s::text is null or {member})
      and (%(last_id)s::uuid is null or (nameless, name_key collate "C", id) > (
          select l.nameless, l.name_key collate "C", l.id from p l where l.id = %(last_id)s))
    order by nameless, name_key collate "C", id limit %(limit)s
""")
PARTICIPANTS = _PARTICIPANTS.format(
    member=MEMBER,
    named=SQL("""
        select id, kind, inn, ogrn, name, registered_on, null::jsonb as contacts, false as erased
        from directory.participant
        where known_from <= %(position)s and (known_to is null or %(position)s < known_to)
    """),
).as_string()
PARTICIPANTS_WITH_PERSONS = _PARTICIPANTS.format(
    member=MEMBER,
    named=SQL("""
        select p.id, p.kind, coalesce(p.inn, i.inn) as inn, coalesce(p.ogrn, i.fields ->> 'ogrnip') as ogrn,
               coalesce(p.name, i.fields ->> 'name') as name, p.registered_on,
               (i.fields -> 'contacts')::jsonb as contacts,
               p.kind = 'entrepreneur' and i.participant_id is null as erased
        from directory.participant p left join ckr.identity i on i.participant_id = p.id
        where p.known_from <= %(position)s and (p.known_to is null or %(position)s < p.known_to)
    """),
).as_string()

_COLUMNS = SQL("""
    c.id, c.participant_id, c.cluster, c.complex, c.services, c.applied_on, c.decision, c.decided_on,
    c.agreement_number, c.signed_on, c.accepted_on, c.completed_on, c.cancelled_on, c.source, c.external_id, c.status
""")
# A plain case is completed by its one act, a complex one by the event that says so.
_ON_THE_DAY = SQL("""
    select * from (
        select c.*, case when cancelled_on is not null then 'cancelled'
                         when completed_on is not null or (not complex and accepted_on <> '{{}}') then 'completed'
                         when accepted_on <> '{{}}' then 'in_progress'
                         when signed_on is not null then 'agreed'
                         when decision is not null then decision
                         else 'open' end as status
        from (
            select id, participant_id, cluster, complex, services, applied_on, rests_on,
                   case when decided_on <= %(as_of)s then decision end as decision,
                   case when decided_on <= %(as_of)s then decided_on end as decided_on,
                   case when signed_on <= %(as_of)s then agreement_number end as agreement_number,
                   case when signed_on <= %(as_of)s then signed_on end as signed_on,
                   array(select day from unnest(accepted_on) day where day <= %(as_of)s order by day) as accepted_on,
                   accepted_on as every_accepted_on, accepted_components,
                   case when completed_on <= %(as_of)s then completed_on end as completed_on,
                   case when cancelled_on <= %(as_of)s then cancelled_on end as cancelled_on,
                   source, external_id
            from directory.service_case
            where known_from <= %(position)s and (known_to is null or %(position)s < known_to)
              and applied_on <= %(as_of)s
              and (%(id)s::uuid is null or id = %(id)s)
              and (%(participant_id)s::uuid is null or participant_id = %(participant_id)s)
              and (%(cluster)s::text is null or cluster = %(cluster)s)
              and (%(complex)s::boolean is null or complex = %(complex)s)
              and (applied_on, id) > (%(applied_on)s::date, %(last_id)s::uuid)
        ) c
    ) c where %(status)s::text is null or status = %(status)s
""")
CASES = (
    SQL("select {columns} from ({cases}) c order by applied_on, id limit %(limit)s")
    .format(columns=_COLUMNS, cases=_ON_THE_DAY.format())
    .as_string()
)

# What is told for convenience proves nothing, a register that did not answer said nothing, and one that knows no day
# of inclusion is not the register of SMEs. Of the answers of one day the one recorded last counts. An eligible case
# rests on what its decision named, as now understood, and one not decided yet on what it would be decided on.
_STALE_CASES = SQL("""
    with answer as not materialized (
        select id, participant_id, position, as_of, result, included_on, region_code,
               result = 'absent' or coalesce(region_code <> %(region)s, false) as bad
        from directory.registry_answer
        where known_from <= %(position)s and (known_to is null or %(position)s < known_to)
          and as_of <= %(as_of)s and via <> all (%(hints)s)
          and (result = 'absent' or result = 'found' and included_on is not null)
    )
    select {columns}, found.stale
    from ({cases}) c
    left join lateral (
        select * from answer a where a.participant_id = c.participant_id
        order by a.as_of desc, a.position desc limit 1
    ) latest on true
    cross join lateral (
        select jsonb_agg(to_jsonb(s) order by accepted_on nulls first, component_no, code) as stale
        from (
            select 'register-answer-out-of-date' as code, latest.as_of as answer_as_of, latest.id as event_id,
                   null::text as region_code, null::date as included_on,
                   null::date as accepted_on, null::integer as component_no
            where c.status = any (%(open)s) and coalesce(latest.as_of < %(as_of)s::date - %(days)s::integer, true)
            union all
            select 'register-contradicts', latest.as_of, latest.id, latest.region_code, null, null, null
            where c.status = any (%(open)s) and latest.bad
              and case when c.decision = 'eligible' then not exists (
                  select from directory.registry_answer r
                  where r.id = c.rests_on and r.known_from <= %(position)s
                    and (r.known_to is null or %(position)s < r.known_to)
                    and r.as_of <= %(as_of)s and (r.as_of, r.position) > (latest.as_of, latest.position)
              ) else not (
                  select a.bad from answer a
                  where a.participant_id = c.participant_id
                    and a.as_of between c.applied_on - %(days)s::integer and c.applied_on
                  order by a.as_of desc, a.position desc limit 1
              ) end
            union all
            select 'not-in-register-on-service-date', before.as_of, before.id, null, null,
                   act.accepted_on, act.component_no
            from unnest(c.every_accepted_on, c.accepted_components) act (accepted_on, component_no)
            cross join lateral (
                select * from answer a where a.participant_id = c.participant_id and a.as_of <= act.accepted_on
                order by a.as_of desc, a.position desc limit 1
            ) before
            where act.accepted_on <= %(as_of)s and before.result = 'absent'
            union all
            select 'included-after-service', after.as_of, after.id, null, after.included_on,
                   act.accepted_on, act.component_no
            from unnest(c.every_accepted_on, c.accepted_components) act (accepted_on, component_no)
            cross join lateral (
                select * from answer a where a.participant_id = c.participant_id and a.as_of > act.accepted_on
                order by a.as_of, a.position desc limit 1
            ) after
            where act.accepted_on <= %(as_of)s and after.result = 'found' and after.included_on > act.accepted_on
        ) s
    ) found
    where found.stale is not null
    order by c.applied_on, c.id limit %(limit)s
""")
STALE_CASES = _STALE_CASES.format(columns=_COLUMNS, cases=_ON_THE_DAY.format()).as_string()
