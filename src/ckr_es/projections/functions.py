"""What was done for each function of the centre (concept, section 4), as of a day and as known at a position.

Most records name their function. Three functions are what the records are by themselves: a service that was accepted is
function е, a provider that was registered function о, a firm that was asked how it fares function т. The few records
are read as they are; the many services are counted by the lines that KPI 2 sums.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import date
from heapq import merge
from typing import Any, Final, get_args
from uuid import UUID

from msgspec import Struct

from ckr_es.aggregates import Event, cluster, participant, provider, roadmap, service_case
from ckr_es.aggregates.amend import understood
from ckr_es.aggregates.cluster_life import Life
from ckr_es.aggregates.facts import Entry
from ckr_es.projections.log import Session, tags
from ckr_es.rules.catalogue import FUNCTIONS
from ckr_es.store.envelope import decode, tag

SERVICES, PROVIDERS, FOLLOW_UPS = "FN.е", "FN.о", "FN.т"
OWN: Final[dict[str, type[Any]]] = {
    SERVICES: service_case.ServiceAccepted,
    PROVIDERS: provider.Registered,
    FOLLOW_UPS: participant.FollowedUp,
}
NAMING: Final = tuple(event for event in get_args(Event) if "function" in event.__struct_fields__)
_OF_CENTRE: Final = tags(
    {
        *NAMING,
        cluster.Proposed,
        cluster.Voided,
        cluster.Corrected,
        roadmap.Voided,
        roadmap.Corrected,
        provider.Registered,
        provider.Voided,
        provider.Corrected,
    }
)
_OF_FIRMS: Final = tags((participant.FollowedUp, participant.Voided, participant.Corrected))
RECORDED = """
    select stream_id, event_id, type, body::text from ckr.event
    where position <= %(position)s and (type = any (%(of_centre)s) or type = any (%(of_firms)s) and stream_id in (
        select stream_id from ckr.event where type = 'participant.followed-up' and position <= %(position)s))
    order by position
"""
ACCEPTED = """
    select s.day, s.fact_id, s.cluster, s.participant_id, s.case_id, e.body ->> 'service'
    from (
        select day, fact_id, cluster, participant_id, case_id from kpi.line
        where kpi in ('service_plain', 'service_component') and day <= %(as_of)s and position <= %(position)s
          and (day, fact_id) > (%(day)s::date, %(id)s::uuid)
        group by day, fact_id, cluster, participant_id, case_id having sum(n) <> 0
        order by day, fact_id limit %(limit)s
    ) s join ckr.event e on e.event_id = s.fact_id
    order by s.day, s.fact_id
"""
ACCEPTED_BY_YEAR = """
    select extract(year from day)::integer, count(*) from (
        select day, fact_id from kpi.line
        where kpi in ('service_plain', 'service_component') and day <= %(as_of)s and position <= %(position)s
        group by day, fact_id having sum(n) <> 0
    ) s group by 1
"""
Key = tuple[date, UUID]
FIRST: Final[Key] = (date.min, UUID(int=0))


class Function(Struct, frozen=True, kw_only=True):
    """`events`: the tags of what may be recorded for it; `years`: how much was, by the year of its day."""

    code: str
    title: str
    events: tuple[str, ...]
    total: int
    years: dict[str, int]


class Done(Struct, frozen=True, kw_only=True):
    """A record for a function: for a cluster, on a measure of the roadmap, for a participant, of a provider."""

    event_id: UUID
    type: str
    effective_on: date
    title: str
    cluster: str | None = None
    item: str | None = None
    participant_id: UUID | None = None
    case_id: UUID | None = None

    @property
    def key(self) -> Key:
        return self.effective_on, self.event_id


def register(conn: Session, as_of: date, position: int) -> tuple[Function, ...]:
    """All 18 in the order of the concept; the KPI lines must be there."""
    counted: defaultdict[str, Counter[int]] = defaultdict(Counter)
    for code, done in _named(conn, as_of, position):
        counted[code][done.effective_on.year] += 1
    counted[SERVICES].update(dict(conn.execute(ACCEPTED_BY_YEAR, {"as_of": as_of, "position": position})))
    return tuple(
        Function(
            code=code,
            title=title,
            events=tuple(tags({*NAMING, *(kind for of, kind in OWN.items() if of == code)})),
            total=counted[code].total(),
            years={str(year): n for year, n in sorted(counted[code].items())},
        )
        for code, title in FUNCTIONS.items()
    )


def recorded(
    conn: Session, code: str, as_of: date, position: int, *, after: Key = FIRST, limit: int = 100
) -> list[Done]:
    """What was recorded for one function, by day, from what follows the key `after` on."""
    named = sorted(
        (done for of, done in _named(conn, as_of, position) if of == code and done.key > after),
        key=lambda done: done.key,
    )
    if code == SERVICES:
        named = list(merge(named, _accepted(conn, as_of, position, after, limit), key=lambda done: done.key))
    return named[:limit]


def _named(conn: Session, as_of: date, position: int) -> Iterator[tuple[str, Done]]:
    asked = {"position": position, "of_centre": _OF_CENTRE, "of_firms": _OF_FIRMS}
    streams: defaultdict[UUID, list[Entry]] = defaultdict(list)
    for stream_id, event_id, kind, body in conn.execute(RECORDED, asked):
        streams[stream_id].append(Entry(event_id, decode(kind, body)))
    for stream_id, history in streams.items():
        code = None
        for event_id, event in understood(history):
            if isinstance(event, cluster.Proposed):
                code = event.code
            if event.effective_on > as_of:
                continue
            said: dict[str, Any] = {
                "event_id": event_id,
                "type": tag(event),
                "effective_on": event.effective_on,
            }
            match event:
                case participant.FollowedUp():
                    said |= {"participant_id": stream_id, "case_id": event.case_id}
                    yield FOLLOW_UPS, Done(title=event.month, **said)
                case provider.Registered():
                    title = event.name or ", ".join(event.services)
                    yield PROVIDERS, Done(title=title, participant_id=event.participant_id, **said)
                case roadmap.MeasureReported(function=str(function)):
                    yield function, Done(title=event.result, item=event.item, **said)
                case _ if isinstance(event, Life):
                    yield event.function, Done(title=event.title, cluster=code, **said)


def _accepted(conn: Session, as_of: date, position: int, after: Key, limit: int) -> list[Done]:
    day, id = after
    (kind,) = tags((service_case.ServiceAccepted,))
    asked = {"as_of": as_of, "position": position, "day": day, "id": id, "limit": limit}
    return [
        Done(
            event_id=fact_id,
            type=kind,
            effective_on=day,
            title=service,
            cluster=code,
            participant_id=who,
            case_id=case_id,
        )
        for day, fact_id, code, who, case_id, service in conn.execute(ACCEPTED, asked)
    ]
