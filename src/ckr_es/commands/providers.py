"""Providers: entered in the register, blocked, and held against what a case wants of them."""

from collections.abc import Iterator, Sequence
from typing import Literal, get_args
from uuid import UUID

from msgspec import Struct

from ckr_es.aggregates import participant, provider
from ckr_es.aggregates.facts import Fact
from ckr_es.aggregates.provider import Provider
from ckr_es.aggregates.service_case import ComponentAdded, ServiceCase
from ckr_es.application import Answer, Request, ServiceTracking, Streams, stream_id
from ckr_es.commands.guards import named
from ckr_es.rules import Problem, Refused, Unknown

TYPES = {str(kind.__struct_config__.tag) for kind in get_args(provider.Event)}


class Conflict(Struct, frozen=True, kw_only=True):
    """A component given by the firm's own group, or by the centre's; `answer` is what the agreement says to it."""

    component_no: int
    provider_id: UUID
    kind: Literal["firm", "centre"]
    detail: str
    answer: str | None


def provider_stream(inn_or_participant: str) -> UUID:
    """The same organisation (by its INN), or the same person (by the participant's id), is the same provider."""
    return stream_id("provider", inn_or_participant)


def register_provider(tracking: ServiceTracking, request: Request, event: provider.Registered) -> Answer:
    """Into the register; the same INN or participant again is no news."""
    id = provider_stream(event.inn or str(event.participant_id))
    persons = {who for who in (event.participant_id, *event.group_participants) if who is not None}

    def decide(streams: Streams) -> Sequence[Fact]:
        facts = provider.decide(streams.state(provider.KIND, id), event)
        for who in persons if facts else ():
            pointer = "/participant_id" if who == event.participant_id else "/group_participants"
            named(streams, participant.KIND, who, pointer, "Участник")
        return facts

    return tracking.record(request, id, str(id), decide, reads=persons, days=[event.effective_on])


def on_provider(tracking: ServiceTracking, request: Request, id: UUID, event: provider.Happening) -> Answer:
    def decide(streams: Streams) -> Sequence[Fact]:
        if (state := streams.state(provider.KIND, id)) is None:
            raise Unknown("not-found", "Исполнитель не найден")
        return provider.decide(state, event)

    return tracking.record(request, id, str(id), decide, days=[event.effective_on])


def with_providers(
    tracking: ServiceTracking, streams: Streams, before: ServiceCase | None, after: ServiceCase | None
) -> None:
    """Refused where the case would come to name a provider who may not give that service, or one whose conflict of
    interest nobody has answered before money is promised or a service accepted.
    """
    if after is None or not any(c.provider_id for c in after.components):
        return
    had = before.components if before else ()
    added = [c for c in after.components if c not in had]
    for component, giver in _givers(tracking, streams, added):
        giver.admit(max(component.added_on, giver.registered.registered_on), *_wanted(component))
    if after.agreement is None:
        acts = {
            act.component_no: act for act in after.accepted if before is None or act not in before.accepted
        }
        taken = [c for c in after.components if c.component_no in acts]
        for component, giver in _givers(tracking, streams, taken):
            giver.admit(acts[component.component_no].accepted_on, *_wanted(component))
        _answered(tracking, streams, after, taken)
        return
    agreed = before is not None and after.agreement == before.agreement
    promised = added if agreed else after.components
    for component, giver in _givers(tracking, streams, promised):
        giver.admit(after.agreement.signed_on, *_wanted(component))
    _answered(tracking, streams, after, promised)


def conflicts(
    tracking: ServiceTracking, streams: Streams, case: ServiceCase, components: Sequence[ComponentAdded]
) -> Iterator[Conflict]:
    """Of these components: who gives them is of the group of the firm or of the centre."""
    said = {c.component_no: c.answer for c in case.agreement.conflicts_answered} if case.agreement else {}
    for component, giver in _givers(tracking, streams, components):
        day = case.agreement.signed_on if case.agreement else component.added_on
        offer = giver.offer_on(max(day, giver.registered.registered_on))
        assert offer is not None
        assert component.provider_id is not None
        own = giver.registered
        group = {stream_id("participant", inn) for inn in (own.inn, *offer.group) if inn}
        group |= {who for who in (own.participant_id, *offer.group_participants) if who}
        kinds: list[tuple[Literal["firm", "centre"], str]] = []
        if case.opened.participant_id in group:
            kinds.append(("firm", "одной группы с получателем услуги"))
        if offer.of_centre:
            kinds.append(("centre", "одной группы с центром"))
        for kind, words in kinds:
            yield Conflict(
                component_no=component.component_no,
                provider_id=component.provider_id,
                kind=kind,
                detail=f"Исполнитель компонента {component.component_no} {words}",
                answer=said.get(component.component_no),
            )


def _answered(
    tracking: ServiceTracking, streams: Streams, case: ServiceCase, components: Sequence[ComponentAdded]
) -> None:
    silent = [c for c in conflicts(tracking, streams, case, components) if c.answer is None]
    if silent:
        problems = [Problem("/conflicts_answered", c.kind, c.detail, c.component_no) for c in silent]
        raise Refused(
            "conflict-not-answered",
            f"{silent[0].detail}: обоснуйте выбор в договоре (conflicts_answered)",
            problems,
        )


def _wanted(component: ComponentAdded) -> tuple[str, int]:
    return component.service, component.cost_kopecks


def _givers(
    tracking: ServiceTracking, streams: Streams, components: Sequence[ComponentAdded]
) -> Iterator[tuple[ComponentAdded, Provider]]:
    """The components that others than own staff give, with who; what was not read with the command is read now."""
    ids = {c.provider_id for c in components if c.provider_id} - streams.recorded.keys()
    if ids:
        streams.rests_on |= TYPES
        more = tracking.streams(ids)
    for component in components:
        if (id := component.provider_id) is None:
            continue
        known = more if id in ids else streams
        yield component, named(known, provider.KIND, id, "/provider_id", "Исполнитель")
