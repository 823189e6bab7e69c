"""What an event names must exist, and a key of one cluster sees that cluster only."""

from contextlib import suppress
from typing import Any
from uuid import UUID

from ckr_es.aggregates import cluster, participant, service_case
from ckr_es.aggregates.cluster_life import ActivityHeld, ProjectLaunched
from ckr_es.aggregates.facts import Kind
from ckr_es.aggregates.service_case import Opened, ServiceCase
from ckr_es.application import Request, Streams, stream_id
from ckr_es.rules import Invalid, Problem, Refused, Unknown


def cluster_stream(code: str) -> UUID:
    return stream_id("cluster", code)


def named_by(event: object) -> set[UUID]:
    """The cluster, the case and the participants that an event names: it is judged against them."""
    if isinstance(event, participant.JoinedCluster | Opened):
        return streams_of(event.cluster, None)
    if isinstance(event, participant.ProductLaunched | participant.FollowedUp):
        return streams_of(None, event.case_id)
    if isinstance(event, ProjectLaunched | ActivityHeld):
        return set(event.participants)
    return set()


def streams_of(code: object, case_id: object, participants: object = None) -> set[UUID]:
    """Of what a client has sent, so it may be anything."""
    found = {cluster_stream(code)} if isinstance(code, str) else set()
    named = participants if isinstance(participants, list) else []
    for id in (case_id, *named):
        with suppress(ValueError):
            found.add(UUID(str(id)))
    return found


def admissible(streams: Streams, request: Request, id: UUID, event: object) -> None:
    match event:
        case participant.JoinedCluster():
            within(request, event.cluster)
            joined = named(streams, cluster.KIND, cluster_stream(event.cluster), "/cluster", "Кластер")
            joined.admit(event.joined_on)
        case participant.LeftCluster():
            within(request, event.cluster)
        case participant.ProductLaunched() | participant.FollowedUp():
            own_case(streams, id, event.case_id)
        case Opened():
            within(request, event.cluster)
            named(streams, cluster.KIND, cluster_stream(event.cluster), "/cluster", "Кластер")
        case ProjectLaunched() | ActivityHeld():
            for n, who in enumerate(event.participants):
                visible(request, named(streams, participant.KIND, who, f"/participants/{n}", "Участник"))


def named(streams: Streams, kind: Kind[Any], id: UUID, pointer: str, what: str) -> Any:
    """What a body names must exist."""
    if (state := streams.state(kind, id)) is None:
        detail = f"{what} не найден"
        raise Invalid("not-found", detail, [Problem(pointer, "not-found", detail)])
    return state


def own_case(streams: Streams, who: UUID, case_id: UUID) -> None:
    state = named(streams, service_case.KIND, case_id, "/case_id", "Дело")
    if state.opened.participant_id != who:
        raise Refused("foreign-case", "Это дело другого участника")


def within(request: Request, code: str) -> None:
    """A key of one cluster sees that cluster only."""
    if request.cluster is not None and request.cluster != code:
        raise Unknown("not-found", "Не найдено")


def visible(request: Request, state: participant.Participant) -> None:
    clusters = {m.cluster for m in state.memberships}
    if request.cluster is not None and clusters and request.cluster not in clusters:
        raise Unknown("not-found", "Участник не найден")


def correctable(request: Request, state: object) -> None:
    match state:
        case cluster.Cluster():
            within(request, state.proposed.code)
        case participant.Participant():
            visible(request, state)
        case ServiceCase():
            within(request, state.opened.cluster)
