"""All that is recorded about a participant, or in one stream, in order, with what was struck through and by what."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from msgspec import Struct
from psycopg.rows import class_row

from ckr_es.projections.log import Session

# Corrections are always of the same stream, so of the same participant; what is known later does not strike yet.
# `position + 0` keeps the planner from walking the log backwards instead of asking the index of voids.
# A record is struck when the chain of latest voids that begins with it is of odd length.
TIMELINE = """
    select e.event_id, e.type, e.position, e.stream_id as stream, e.effective_on, e.recorded_at, e.actor, e.role,
           encode(e.leaf, 'hex') as leaf, e.body, coalesce((
               with recursive amended as (
                   select e.event_id, null::bigint as position, null as kind, null::uuid as amends, null as reason
                   union all
                   select c.event_id, c.position, c.kind, a.event_id, c.reason
                   from amended a cross join lateral (
                       select event_id, position, 'voided_by' as kind, body ->> 'reason' as reason
                       from ckr.event where body ->> 'voids' = a.event_id::text and position <= %(position)s
                       union all
                       select event_id, position, 'corrected_by', body ->> 'reason'
                       from ckr.event where body ->> 'corrects' = a.event_id::text and position <= %(position)s
                   ) c
               )
               select jsonb_agg(to_jsonb(amended) order by position) from amended where position is not null
           ), '[]') as corrections,
           (with recursive chain as (
               (select v.event_id, 1 as length from ckr.event v
                where v.body ->> 'voids' = e.event_id::text and v.position <= %(position)s
                order by v.position + 0 desc limit 1)
               union all
               select w.event_id, c.length + 1
               from chain c cross join lateral (
                   select v.event_id from ckr.event v
                   where v.body ->> 'voids' = c.event_id::text and v.position <= %(position)s
                   order by v.position + 0 desc limit 1) w
           )
           select coalesce(max(length), 0) %% 2 = 1 from chain) as struck
    from ckr.event e
    where (e.participant_id = %(participant_id)s or e.stream_id = %(stream_id)s)
      and (%(cluster)s::text is null or not exists (
          select from ckr.event o where o.stream_id = e.stream_id and o.position <= %(position)s
            and o.type = 'service-case.opened' and o.body ->> 'cluster' <> %(cluster)s))
      and e.position > %(after)s and e.position <= %(position)s
    order by e.position limit %(limit)s
"""


class Moment(Struct, frozen=True, kw_only=True):
    """`corrections`: the whole chain of what put the record right, and of what put that right in turn.

    Each is {event_id, position, kind: voided_by | corrected_by, amends: the event it is about, reason}. `struck`: the
    record is void as understood. `leaf` (hex) is what the ledger proves.
    """

    event_id: UUID
    type: str
    position: int
    stream: UUID
    effective_on: date
    recorded_at: datetime
    actor: str
    role: str
    leaf: str
    body: dict[str, Any]
    corrections: list[dict[str, Any]]
    struck: bool


def timeline(
    conn: Session,
    participant_id: UUID | None,
    position: int,
    *,
    stream_id: UUID | None = None,
    cluster: str | None = None,
    after: int = 0,
    limit: int | None = 100,
) -> list[Moment]:
    """The records of a participant and its cases, or of a stream, up to `position`; without `limit` all of them.

    `after` is the last one seen. With `cluster` the cases of other clusters are left out.
    """
    asked = {
        "participant_id": participant_id,
        "stream_id": stream_id,
        "cluster": cluster,
        "position": position,
        "after": after,
        "limit": limit,
    }
    with conn.cursor(row_factory=class_row(Moment)) as cursor:
        return cursor.execute(TIMELINE, asked).fetchall()
