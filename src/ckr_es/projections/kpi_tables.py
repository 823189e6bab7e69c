"""The KPI ledger in PostgreSQL: its tables, and what of the log must be known to go on from a position."""

from collections.abc import Sequence
from datetime import date
from functools import cache, partial

from psycopg.sql import SQL

from ckr_es.aggregates import cluster
from ckr_es.projections import kpi, plans
from ckr_es.projections.log import Heard, Record, Session, all_but, records, tags
from ckr_es.projections.projection import Projection
from ckr_es.projections.sheet import Sheet
from ckr_es.projections.sums import Sums

SEGMENT = 1_024  # positions; another length is another version

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
        cum bigint not null
    ) with (parallel_workers = 0);
""")
INDEXES = """
    create index if not exists line_day on line (kpi, day) include (position, n);
    create index if not exists line_position on line (position);
    create index if not exists plan_year on plan (year, known_from);
    create unique index if not exists fenwick_pkey on fenwick (kpi, slice, year, node, upto) include (cum);
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

    def __init__(self, segment: int) -> None:
        self._ledger = kpi.Ledger()
        self._plans = plans.Plans()
        self.sums = Sums(segment)
        self.served: set[object] = set()
        self.reporting: set[object] = set()
        self.plan_streams: set[object] = set()
        self.clusters = False

    def post(self, recorded: Heard, sheet: Sheet) -> None:
        if isinstance(recorded.event, plans.HEARD):
            self._plans.post(recorded, sheet)
        elif lines := self._ledger.apply(recorded):
            self.sums.reach(recorded.position)
            for line in lines:
                self.sums.add((line.kpi, line.cluster, line.day), line.n)
            sheet.add_text("line", map(_text, lines))

    def recall(self, recorded: Heard) -> None:
        """A record whose lines are in the tables."""
        if isinstance(recorded.event, plans.HEARD):
            self._plans.post(recorded, Sheet())
        else:
            self._ledger.apply(recorded)


_ROW = "%d\t%032x\t%032x\t%s\t%s\t%s\t%s\t%s\t%d\n"
_iso, _id = cache(date.isoformat), "%032x".__mod__


def _text(line: kpi.Line) -> str:
    """As COPY reads it; neither a measure nor a code of a cluster has anything to escape."""
    return _ROW % (
        line.position,
        line.event_id,
        line.fact_id,
        line.kpi,
        _iso(line.day),
        "\\N" if line.cluster is None else line.cluster,
        "\\N" if line.participant_id is None else _id(line.participant_id),
        "\\N" if line.case_id is None else _id(line.case_id),
        line.n,
    )


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
    for record in records(conn.execute(EARLIER, wanted)):
        fold.recall(record)
    fold.served |= served
    fold.reporting |= reporting
    fold.plan_streams |= plan_streams
    fold.clusters |= clusters


def begin(conn: Session, fold: KpiFold, position: int) -> None:
    fold.sums.begin(conn, position)


def close(conn: Session, fold: KpiFold, upto: int, sheet: Sheet) -> None:
    """Sum up the segments that have become whole."""
    sheet.add_text("fenwick", fold.sums.close(conn, upto))


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
        fold=partial(KpiFold, segment),
        prime=prime,
        begin=begin,
        close=close,
    )


KPI = projection()
