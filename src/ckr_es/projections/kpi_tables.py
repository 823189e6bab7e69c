"""The KPI ledger in PostgreSQL: its tables, and what of the log must be known to go on from a position."""

from collections.abc import Sequence

import msgspec
from psycopg.sql import SQL

from ckr_es.aggregates import cluster
from ckr_es.projections import kpi, plans
from ckr_es.projections.log import Heard, Record, Session, all_but, records, tags
from ckr_es.projections.projection import Projection
from ckr_es.projections.sheet import Sheet

SEGMENT = 1_024  # positions

# A sum over lines is short work; parallel workers would take longer to start than to finish.
CREATE = SQL("""
    create table if not exists line (
        position bigint not null, event_id uuid not null, fact_id uuid not null, kpi text not null,
        day date not null, cluster text, participant_id uuid, case_id uuid, n bigint not null
    ) with (parallel_workers = 0);
    create table if not exists plan (
        id uuid not null, known_from bigint not null, known_to bigint, year int not null,
        kpi_set text not null, values jsonb not null, policy jsonb not null,
        rows jsonb not null, primary key (id, known_from)
    );
    create table if not exists segment (length bigint primary key);
    insert into segment select {length} where not exists (select from segment);
    create table if not exists fenwick (
        kpi text not null, slice text not null, year int not null, node int not null, upto bigint not null,
        cum bigint not null, primary key (kpi, slice, year, node, upto) include (cum)
    ) with (parallel_workers = 0);
""")
INDEXES = """
    create index if not exists line_day on line (kpi, day) include (position, n);
    create index if not exists line_position on line (position);
    create index if not exists plan_year on plan (year, known_from);
"""

# A Fenwick tree over the days of each year: node i holds the lines of the days (i - lowbit(i), i], i up to 366. Each
# row is the running total of a node at the end of a whole segment of the log in which it changed. The slice is a
# cluster, or '' for the whole centre.
CLOSE = """
    with daily as (
        select l.kpi, l.cluster, l.day, ((l.position - 1) / g.length + 1) * g.length as upto, sum(l.n) as n
        from segment g join line l
          on l.position > %(after)s / g.length * g.length and l.position <= %(upto)s / g.length * g.length
        group by 1, 2, 3, 4
    ), sliced as (
        select kpi, coalesce(cluster, '') as slice, day, extract(doy from day)::int as of_year, upto, sum(n) as n
        from daily group by grouping sets ((kpi, day, upto), (kpi, cluster, day, upto))
        having grouping(cluster) = 1 or cluster is not null
    ), added as (
        select s.kpi, s.slice, extract(year from s.day)::int as year, ((s.of_year - 1 >> k.k) + 1) << k.k as node,
               s.upto, sum(s.n)::bigint as n
        from sliced s join generate_series(0, 8) k (k) on ((s.of_year - 1 >> k.k) + 1) & 1 = 1
        group by 1, 2, 3, 4, 5 having sum(s.n) <> 0
    )
    insert into fenwick
    select a.kpi, a.slice, a.year, a.node, a.upto, coalesce(b.cum, 0) + sum(a.n) over (
               partition by a.kpi, a.slice, a.year, a.node order by a.upto)
    from added a left join lateral (
        select f.cum from fenwick f
        where f.kpi = a.kpi and f.slice = a.slice and f.year = a.year and f.node = a.node and f.upto <= %(after)s
        order by f.upto desc limit 1) b on true
"""

# The members of the clusters of these streams, also those who are members only since a correction.
MEMBERS = """
    with code as (select body ->> 'code' as code from ckr.event
                  where type = 'cluster.proposed' and stream_id = any (%(streams)s))
    select participant_id from ckr.event
    where type = 'participant.joined-cluster' and body ->> 'cluster' in (select code from code)
      and position <= %(position)s
    union
    select participant_id from ckr.event
    where type = 'participant.corrected' and body -> 'replacement' ->> 'cluster' in (select code from code)
      and position <= %(position)s
"""
EARLIER = """
    select position, event_id, stream_id, participant_id, type, body::text from (
        select * from ckr.event
        where participant_id = any (%(served)s) and type = any (%(case)s) and position <= %(position)s
        union all
        select * from ckr.event
        where participant_id = any (%(reporting)s) and type = any (%(participant)s)
          and position <= %(position)s
        union all
        select * from ckr.event
        where %(clusters)s and type = any (%(cluster)s) and position <= %(position)s
        union all
        select * from ckr.event
        where stream_id = any (%(plans)s) and type = any (%(plan)s) and position <= %(position)s
    ) e order by position
"""

_TAGS = {scope: tags(k for k, s in kpi.HEARD.items() if s == scope) for scope in set(kpi.HEARD.values())}
_PLAN = tags(plans.HEARD)


class KpiFold:
    """`served` and `reporting` are the participants whose cases and whose own records it has from the beginning."""

    def __init__(self) -> None:
        self._ledger = kpi.Ledger()
        self._plans = plans.Plans()
        self.served: set[object] = set()
        self.reporting: set[object] = set()
        self.plan_streams: set[object] = set()
        self.clusters = False

    def post(self, recorded: Heard, sheet: Sheet) -> None:
        if isinstance(recorded.event, plans.HEARD):
            self._plans.post(recorded, sheet)
        else:
            for line in self._ledger.apply(recorded):
                sheet.add("line", msgspec.structs.astuple(line))


def prime(conn: Session, position: int, batch: Sequence[Record], fold: KpiFold) -> None:
    """A participant's lines depend on all of its own records and, for reports, on the clusters' lives."""
    served, reporting, plan_streams, moved = set(), set(), set(), set()
    clusters = False
    for record in batch:
        match kpi.HEARD.get(type(record.event)):
            case "case":
                served.add(_participant(record))
            case "participant":
                reporting.add(_participant(record))
            case "cluster":
                clusters = True
                if not isinstance(record.event, cluster.Proposed):
                    moved.add(record.originator_id)
            case _:
                plan_streams.add(record.originator_id)
    if moved:
        found = conn.execute(MEMBERS, {"streams": list(moved), "position": position})
        reporting.update(participant_id for (participant_id,) in found)
    clusters = clusters or bool(reporting)
    wanted = {
        "position": position,
        "served": list(served - fold.served),
        "reporting": list(reporting - fold.reporting),
        "clusters": clusters and not fold.clusters,
        "plans": list(plan_streams - fold.plan_streams),
        "plan": _PLAN,
        **_TAGS,
    }
    unwritten = Sheet()
    for record in records(conn.execute(EARLIER, wanted)):
        fold.post(record, unwritten)
    fold.served |= served
    fold.reporting |= reporting
    fold.plan_streams |= plan_streams
    fold.clusters |= clusters


def close(conn: Session, after: int, upto: int) -> None:
    """Sum up the segments that have become whole."""
    conn.execute(CLOSE, {"after": after, "upto": upto})


def _participant(record: Record) -> object:
    # Without it the earlier records would not be found, and a correction would post half of its lines.
    if record.participant_id is None:
        raise ValueError(f"event {record.event_id} of a participant or a case names no participant")
    return record.participant_id


def projection(segment: int = SEGMENT) -> Projection:
    """The KPI ledger with its sums closed every `segment` positions of the log."""
    return Projection(
        name="kpi",
        version=2,
        tables=("line", "plan", "segment", "fenwick"),
        create=CREATE.format(length=segment).as_string(),
        indexes=INDEXES,
        unheard=all_but([*kpi.HEARD, *plans.HEARD]),
        fold=KpiFold,
        prime=prime,
        close=close,
    )


KPI = projection()
