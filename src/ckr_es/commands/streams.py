"""One decision about one stream: a cluster, a participant, the plan of a year, a measure of the roadmap."""

from collections.abc import Sequence
from uuid import UUID

from ckr_es.aggregates import cluster, participant, plan, roadmap
from ckr_es.aggregates.facts import Fact
from ckr_es.application import Answer, Request, ServiceTracking, Streams, stream_id
from ckr_es.commands.guards import admissible, cluster_stream, named_by, visible, within
from ckr_es.rules import Unknown


def on_cluster(tracking: ServiceTracking, request: Request, code: str, event: cluster.Happening) -> Answer:
    """One decision about one cluster, and who takes part in it; Unknown when it was never proposed."""
    within(request, code)
    id = cluster_stream(code)

    def decide(streams: Streams) -> Sequence[Fact]:
        state = streams.state(cluster.KIND, id)
        if state is None and not isinstance(event, cluster.Proposed):
            raise Unknown("not-found", f"Кластер «{code}» не найден")
        admissible(streams, request, id, event)
        return cluster.decide(state, event)

    return tracking.record(request, id, code, decide, reads=named_by(event), days=[event.effective_on])


def on_participant(
    tracking: ServiceTracking, request: Request, id: UUID, event: participant.Happening
) -> Answer:
    """One decision about one participant; a cluster or case that the event names is read too."""

    def decide(streams: Streams) -> Sequence[Fact]:
        state = streams.known(participant.KIND, id, "Участник")
        visible(request, state)
        admissible(streams, request, id, event)
        return participant.decide(state, event)

    return tracking.record(
        request, id, str(id), decide, reads=named_by(event), participant_id=id, days=[event.effective_on]
    )


def on_plan(tracking: ServiceTracking, request: Request, event: plan.Happening) -> Answer:
    year = str(event.year)
    id = stream_id("plan", year)
    return tracking.record(
        request,
        id,
        year,
        lambda streams: plan.decide(streams.state(plan.KIND, id), event),
        days=[event.effective_on],
    )


def on_roadmap(tracking: ServiceTracking, request: Request, event: roadmap.MeasureReported) -> Answer:
    id = stream_id("roadmap", event.item)
    return tracking.record(
        request,
        id,
        event.item,
        lambda streams: roadmap.decide(streams.state(roadmap.KIND, id), event),
        days=[event.effective_on],
    )
