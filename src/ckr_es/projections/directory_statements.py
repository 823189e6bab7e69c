"""The statements behind directory_reads."""

from psycopg.sql import SQL

CLUSTERS = """
    select * from (
        select id, code, title, production, specialisation, proposed_on,
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

# The key of a page is an id alone: a name, which may be a person's, must not stand in a cursor and so in a URL.
_PARTICIPANTS = SQL("""
    with p as (
        select *, name is null as nameless, coalesce(replace(lower(name), 'ё', 'е'), '') as name_key
        from ({named}) n
    )
    select p.*, coalesce((
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
           or not nameless and strpos(name_key, replace(lower(%(q)s::text), 'ё', 'е')) > 0)
      and (%(cluster)s::text is null or exists (
          select from directory.membership m
          where m.participant_id = p.id and m.cluster = %(cluster)s
            and m.joined_on <= %(as_of)s and (m.left_on is null or %(as_of)s < m.left_on)
            and m.known_from <= %(position)s and (m.known_to is null or %(position)s < m.known_to)))
      and (%(last_id)s::uuid is null or (nameless, name_key collate "C", id) > (
          select l.nameless, l.name_key collate "C", l.id from p l where l.id = %(last_id)s))
    order by nameless, name_key collate "C", id limit %(limit)s
""")
PARTICIPANTS = _PARTICIPANTS.format(
    named=SQL("""
        select id, kind, inn, ogrn, name, registered_on, null::jsonb as contacts from directory.participant
        where known_from <= %(position)s and (known_to is null or %(position)s < known_to)
    """)
).as_string()
PARTICIPANTS_WITH_PERSONS = _PARTICIPANTS.format(
    named=SQL("""
        select p.id, p.kind, coalesce(p.inn, i.inn) as inn, coalesce(p.ogrn, i.fields ->> 'ogrnip') as ogrn,
               coalesce(p.name, i.fields ->> 'name') as name, p.registered_on,
               (i.fields -> 'contacts')::jsonb as contacts
        from directory.participant p left join ckr.identity i on i.participant_id = p.id
        where p.known_from <= %(position)s and (p.known_to is null or %(position)s < p.known_to)
    """)
).as_string()

# A plain case is completed by its one act, a complex one by the event that says so.
CASES = """
    select * from (
        select c.*, case when cancelled_on is not null then 'cancelled'
                         when completed_on is not null or (not complex and accepted_on <> '{}') then 'completed'
                         when accepted_on <> '{}' then 'in_progress'
                         when signed_on is not null then 'agreed'
                         when decision is not null then decision
                         else 'open' end as status
        from (
            select id, participant_id, cluster, complex, services, applied_on,
                   case when decided_on <= %(as_of)s then decision end as decision,
                   case when decided_on <= %(as_of)s then decided_on end as decided_on,
                   case when signed_on <= %(as_of)s then agreement_number end as agreement_number,
                   case when signed_on <= %(as_of)s then signed_on end as signed_on,
                   array(select day from unnest(accepted_on) day where day <= %(as_of)s order by day) as accepted_on,
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
    order by applied_on, id limit %(limit)s
"""
