"""Service cases: applied for within the limit, decided on what is known of the participant."""

from collections.abc import Callable, Iterable, Sequence
from datetime import date
from typing import Literal
from uuid import UUID

from ckr_es.aggregates import participant, plan, service_case
from ckr_es.aggregates.amend import fold
from ckr_es.aggregates.facts import Fact
from ckr_es.aggregates.service_case import ComponentAdded, Happening, Opened, Override, ServiceCase
from ckr_es.application import Answer, Request, ServiceTracking, Streams, stream_id
from ckr_es.commands.funding import within_funding
from ckr_es.commands.guards import admissible, cluster_stream, named, visible, within
from ckr_es.commands.limits import entries_after, still_within_limit, within_limit
from ckr_es.commands.providers import with_providers
from ckr_es.rules import earlier_support, eligibility
from ckr_es.rules.earlier_support import Note


def case_stream(source: str, external_id: str) -> UUID:
    """The same pair again is the same case."""
    return stream_id("service-case", f"{source}\n{external_id}")


def open_case(
    tracking: ServiceTracking, request: Request, opened: Opened, component: ComponentAdded | None
) -> Answer:
    """An application of a participant; complex ones at most `complex_limit` a participant and year."""
    within(request, opened.cluster)
    source, external_id = opened.source, opened.external_id
    id = case_stream(source, external_id) if source and external_id else request.new_id
    who, year = opened.participant_id, opened.applied_on.year
    plan_id = stream_id("plan", str(year))
    reads = [who, cluster_stream(opened.cluster), plan_id]
    if component is not None and component.provider_id is not None:
        reads.append(component.provider_id)

    def decide(streams: Streams) -> Sequence[Fact]:
        state = streams.state(service_case.KIND, id)
        if state is None:
            visible(request, named(streams, participant.KIND, who, "/participant_id", "Участник"))
            admissible(streams, request, id, opened)
            if opened.complex:
                policy = (streams.state(plan.KIND, plan_id) or plan.Plan()).policy
                within_limit(streams, who, year, policy)
        else:
            within(request, state.opened.cluster)
        facts = service_case.open_case(state, opened, component)
        with_providers(tracking, streams, state, service_case.after(state, facts))
        return facts

    return tracking.record(
        request,
        id,
        str(id),
        decide,
        reads=reads,
        participant_id=who,
        days=[opened.applied_on],
        whole_participant=who if opened.complex else None,
    )


def on_case(
    tracking: ServiceTracking,
    request: Request,
    id: UUID,
    decide: Callable[[ServiceCase], Sequence[Happening]],
    days: Sequence[date] = (),
    reads: Iterable[UUID] = (),
) -> Answer:
    """One decision about one case, within what its providers may give and what money there is."""

    def decided(streams: Streams) -> Sequence[Fact]:
        state = streams.known(service_case.KIND, id, "Дело")
        within(request, state.opened.cluster)
        facts = decide(state)
        after = service_case.after(state, facts)
        with_providers(tracking, streams, state, after)
        within_funding(tracking, streams, id, state, after, facts)
        return facts

    return tracking.record(request, id, str(id), decided, days=days, reads=reads)


def assess(
    state: ServiceCase, who: participant.Participant, decided_on: date
) -> tuple[eligibility.Check, ...]:
    """The ten conditions of section 5 for this case, on what is known of the participant."""
    return eligibility.assess(
        applied_on=state.opened.applied_on,
        decided_on=decided_on,
        checks=who.checks,
        evidence=who.evidence,
        memberships=who.memberships,
    )


def notes(state: ServiceCase, who: participant.Participant, decided_on: date) -> tuple[Note, ...]:
    """What earlier support means for this case."""
    return earlier_support.notes(state.opened.applied_on, decided_on, state.forms(), who.supports)


def decide_eligibility(
    tracking: ServiceTracking,
    request: Request,
    id: UUID,
    *,
    decision: Literal["eligible", "refused"],
    decided_on: date,
    overrides: tuple[Override, ...],
    late_reason: str | None,
) -> Answer:
    """The decision rests on the participant's stream as well, which must not change meanwhile."""
    opening = tracking.streams([id]).known(service_case.KIND, id, "Дело").opened
    who = opening.participant_id

    def decide(streams: Streams) -> Sequence[Fact]:
        state = streams.known(service_case.KIND, id, "Дело")
        within(request, state.opened.cluster)
        known = streams.known(participant.KIND, who, "Участник")
        facts = state.decide_eligibility(
            assess(state, known, decided_on),
            notes=notes(state, known, decided_on),
            decision=decision,
            decided_on=decided_on,
            overrides=overrides,
            role=request.role,
            late_reason=late_reason,
        )
        still_within_limit(
            tracking, streams, state, fold(service_case.KIND, entries_after(streams, id, facts))
        )
        return facts

    return tracking.record(
        request,
        id,
        str(id),
        decide,
        reads=[who],
        days=[decided_on],
        whole_participant=who if opening.complex else None,
    )
