"""The statements behind a report: all are asked at one position, and none reads the identity vault."""

PERIOD = """
    select event_id, recorded_at, type, body::text from ckr.event
    where stream_id = %(stream)s and position <= %(position)s order by position
"""
RECORDED_AT = "select recorded_at from ckr.event where position = %(position)s"

# What counts in the year up to the day: an acceptance under its measure, a complex case where it was completed.
COUNTED = """
    select kpi, fact_id, day, participant_id, case_id from kpi.line
    where kpi in ('service_plain', 'service_component', 'complex_services')
      and day between %(since)s and %(as_of)s and position <= %(position)s
    group by kpi, fact_id, day, participant_id, case_id having sum(n) <> 0
"""
# Whom KPI 4 counts, in an order that nobody can choose and everybody can repeat.
DRAWN = """
    select participant_id, count(*) over () from (
        select participant_id from kpi.line
        where kpi in ('service_plain', 'service_component')
          and day between %(since)s and %(as_of)s and position <= %(position)s
        group by participant_id having sum(n) > 0
    ) served
    order by sha256(convert_to(%(seed)s || ':' || participant_id::text, 'UTF8')) limit %(count)s
"""
SAID = """
    select position, event_id, stream_id, participant_id, type, body::text from ckr.event
    where stream_id = any (%(streams)s) and type = any (%(types)s) and position <= %(position)s
    order by position
"""
CLUSTERS = """
    select c.code, c.title, c.production, c.specialisation, c.formed_on,
           m.participant_id, p.kind, p.name, p.inn, m.joined_on
    from directory.cluster c
    left join directory.membership m
      on m.cluster = c.code and m.joined_on <= %(as_of)s and (m.left_on is null or %(as_of)s < m.left_on)
     and m.known_from <= %(position)s and (m.known_to is null or %(position)s < m.known_to)
    left join directory.participant p
      on p.id = m.participant_id
     and p.known_from <= %(position)s and (p.known_to is null or %(position)s < p.known_to)
    where c.curated and c.formed_on <= %(as_of)s and (c.dissolved_on is null or %(as_of)s < c.dissolved_on)
      and c.known_from <= %(position)s and (c.known_to is null or %(position)s < c.known_to)
    order by c.code collate "C"
"""
