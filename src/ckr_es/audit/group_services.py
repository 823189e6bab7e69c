"""Group services as of a day, as known at a position: read from the few records there are, no table of their own."""

from collections import defaultdict
from datetime import date
from uuid import UUID

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from ckr_es.aggregates import group_service, service_case
from ckr_es.aggregates.amend import fold, understood
from ckr_es.aggregates.facts import Entry
from ckr_es.aggregates.group_service import GroupService
from ckr_es.application import ServiceTracking, Streams
from ckr_es.commands.group_services import case_of, names
from ckr_es.projections.log import Session
from ckr_es.rules import Unknown
from ckr_es.rules.values import Document
from ckr_es.store.envelope import decode

HELD = """
    select stream_id, event_id, type, body::text from ckr.event
    where type in ('group-service.held', 'group-service.voided', 'group-service.corrected') and position <= %s
    order by position
"""
# A plain case has one act at most.
SERVED = """
    select id from directory.service_case
    where id = any (%(cases)s) and accepted_on[1] <= %(as_of)s
      and known_from <= %(position)s and (known_to is null or %(position)s < known_to)
"""


class Came(Struct, frozen=True, kw_only=True):
    """A participant of the event; without `accepted_on` the service was taken back, or its act moved to a later day."""

    participant_id: UUID
    name: str | None
    case_id: UUID
    act_number: str | None = None
    accepted_on: date | None = None
    attendees: int | None = None


class Listed(Struct, frozen=True, kw_only=True):
    """A group service: how many were in its list, and how many services of it stand."""

    id: UUID
    service: str
    cluster: str
    title: str
    held_on: date
    participants: int
    served: int


class Shown(Listed, frozen=True, kw_only=True):
    """The same with the list; `attendees` are people, None as long as nobody counted them."""

    version: int
    document: Document | None
    attendees: int | None
    items: tuple[Came, ...]


def found(
    conn: Session,
    as_of: date,
    position: int,
    *,
    cluster: str | None = None,
    service: str | None = None,
    participant_id: UUID | None = None,
    since: date | None = None,
    until: date | None = None,
    after: tuple[date, UUID] | None = None,
    limit: int | None = None,
) -> list[Listed]:
    """Those held by `as_of` (and from `since` to `until`) by day; the directory must have reached `position`."""
    streams: defaultdict[UUID, list[Entry]] = defaultdict(list)
    for stream_id, event_id, kind, body in conn.execute(HELD, (position,)):
        streams[stream_id].append(Entry(event_id, decode(kind, body)))
    known = ((id, fold(group_service.KIND, history)) for id, history in streams.items())
    of_day = {
        id: state
        for id, state in known
        if state is not None
        and (since or date.min) <= state.held.held_on <= min(until or date.max, as_of)
        and cluster in (None, state.held.cluster)
        and service in (None, state.held.service)
        and (participant_id is None or participant_id in state.held.participants)
        and (after is None or (state.held.held_on, id) > after)
    }
    page = sorted((state.held.held_on, id) for id, state in of_day.items())[:limit]
    cases = {id: [case_of(id, who) for who in of_day[id].held.participants] for _, id in page}
    asked = {"cases": [case for of in cases.values() for case in of], "as_of": as_of, "position": position}
    served = {id for (id,) in conn.execute(SERVED, asked)}
    return [_listed(id, of_day[id], sum(case in served for case in cases[id])) for id in cases]


def shown(tracking: ServiceTracking, id: UUID, as_of: date, position: int) -> Shown:
    """One with its list; Unknown before it was held."""
    own = tracking.streams([id], position)
    state = own.state(group_service.KIND, id)
    if state is None or state.held.held_on > as_of:
        raise Unknown("not-found", "Групповая услуга не найдена")
    whom = state.held.participants
    streams = tracking.streams([*whom, *(case_of(id, who) for who in whom)], position)
    called = names(tracking, streams, whom)
    items = tuple(_came(streams, id, who, called.get(who), as_of) for who in whom)
    counted = [came.attendees for came in items if came.attendees is not None]
    return Shown(
        **msgspec.structs.asdict(_listed(id, state, sum(came.accepted_on is not None for came in items))),
        version=own.version(id),
        document=state.held.document,
        attendees=sum(counted) if counted else None,
        items=items,
    )


def _came(streams: Streams, id: UUID, who: UUID, name: str | None, as_of: date) -> Came:
    case = case_of(id, who)
    came = Came(participant_id=who, name=name, case_id=case)
    for _, event in understood(streams.history(case)):
        if isinstance(event, service_case.ServiceAccepted) and event.accepted_on <= as_of:
            return replace(
                came, act_number=event.act_number, accepted_on=event.accepted_on, attendees=event.attendees
            )
    return came


def _listed(id: UUID, state: GroupService, served: int) -> Listed:
    held = state.held
    return Listed(
        id=id,
        service=held.service,
        cluster=held.cluster,
        title=held.title,
        held_on=held.held_on,
        participants=len(held.participants),
        served=served,
    )
