"""The roadmap as of a day, as known at a position: one read of the few records there are, no table of its own."""

from collections import defaultdict
from datetime import date
from uuid import UUID

from ckr_es.aggregates import roadmap
from ckr_es.aggregates.amend import fold
from ckr_es.aggregates.facts import Entry
from ckr_es.projections.log import Session
from ckr_es.store.envelope import decode

REPORTED = """
    select stream_id, event_id, type, body::text from ckr.event
    where type in ('roadmap.measure-reported', 'roadmap.voided', 'roadmap.corrected') and position <= %s
    order by position
"""


def rows(conn: Session, as_of: date, position: int) -> tuple[roadmap.Row, ...]:
    """Every measure in the order of the document, with its terms and what was reported by that day."""
    streams: defaultdict[UUID, list[Entry]] = defaultdict(list)
    for stream_id, event_id, kind, body in conn.execute(REPORTED, (position,)):
        streams[stream_id].append(Entry(event_id, decode(kind, body)))
    known = (fold(roadmap.KIND, history) for history in streams.values())
    return roadmap.rows({state.reports[0].report.item: state for state in known if state}, as_of)
