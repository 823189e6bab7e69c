"""The KPI ledger in PostgreSQL: its tables, and what of the log must be known to go on from a position."""

from collections.abc import Sequence

import msgspec

from ckr_es.aggregates import cluster
from ckr_es.projections import kpi, plans
from ckr_es.projections.log import Heard, Record, Session, all_but, records, tags
from ckr_es.projections.projection import Projection
from ckr_es.projections.sheet import Sheet

# A sum over lines is short work; parallel workers would take longer to start than to finish.
CREATE = """
    create table if not exists line (
        position bigint not null, event_id uuid not null, fact_id uuid not null, kpi text not null,
        day date not null, cluster text, participant_id uuid, case_id uuid, n bigint not null
    ) with (parallel_workers = 0);
    create table if not exists plan (
        id uuid not null, known_from bigint not null, known_to bigint, year int not null,
        kpi_set text not null, values jsonb not null, policy jsonb not null,
        rows jsonb not null, primary key (id, known_from)
    );
"""
INDEXES = """
    create index if not exists line_day on line (kpi, day) include (position, n);
    create index if not exists line_position on line (position);
    create index if not exists plan_year on plan (year, known_from);
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
    def __init__(self) -> None:
        self._ledger = kpi.Ledger()
        self._plans = plans.Plans()

    def post(self, recorded: Heard, sheet: Sheet) -> None:
        if isinstance(recorded.event, plans.HEARD):
            self._plans.post(recorded, sheet)
        else:
            for line in self._ledger.apply(recorded):
                sheet.add("line", msgspec.structs.astuple(line))


def prime(conn: Session, position: int, batch: Sequence[Record]) -> KpiFold:
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
    fold, unwritten = KpiFold(), Sheet()
    wanted = {
        "position": position,
        "served": list(served),
        "reporting": list(reporting),
        "clusters": clusters or bool(reporting),
        "plans": list(plan_streams),
        "plan": _PLAN,
        **_TAGS,
    }
    for record in records(conn.execute(EARLIER, wanted)):
        fold.post(record, unwritten)
    return fold


def _participant(record: Record) -> object:
    # Without it the earlier records would not be found, and a correction would post half of its lines.
    if record.participant_id is None:
        raise ValueError(f"event {record.event_id} of a participant or a case names no participant")
    return record.participant_id


KPI = Projection(
    name="kpi",
    version=2,
    tables=("line", "plan"),
    create=CREATE,
    indexes=INDEXES,
    unheard=all_but([*kpi.HEARD, *plans.HEARD]),
    fold=KpiFold,
    prime=prime,
)
