"""To put a record right, with all that follows from it."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from ckr_es.aggregates import participant, service_case
from ckr_es.aggregates.amend import amend, fold
from ckr_es.aggregates.facts import Fact, Kind
from ckr_es.aggregates.service_case import Opened
from ckr_es.application import Answer, Request, ServiceTracking, Streams
from ckr_es.commands.funding import within_funding
from ckr_es.commands.guards import admissible, correctable, named_by, streams_of, within
from ckr_es.commands.limits import entries_after, still_within_limit
from ckr_es.commands.providers import with_providers
from ckr_es.rules import Unknown


def correct(
    tracking: ServiceTracking,
    request: Request,
    kind: Kind[Any],
    id: UUID,
    subject: str,
    event_id: UUID,
    reason: str,
    replacement: dict[str, Any] | None,
    late_reason: str | None,
) -> Answer:
    """Void (no replacement) or correct one record of the stream, with what follows from it."""

    def decide(streams: Streams) -> Sequence[Fact]:
        history = streams.history(id)
        if not history or not kind.tells(history[0].event):
            raise Unknown("not-found", "Не найдено")
        before = streams.state(kind, id)
        correctable(request, before)
        for entry in history:
            if entry.event_id == event_id and isinstance(code := getattr(entry.event, "cluster", None), str):
                within(request, code)
        events = amend(kind, history, event_id, reason, replacement, request.today, late_reason)
        for event in events:
            admissible(streams, request, id, getattr(event, "replacement", None))
        if events and kind is service_case.KIND:
            history = entries_after(streams, id, events)
            after = fold(service_case.KIND, history)
            still_within_limit(tracking, streams, before, after)
            with_providers(tracking, streams, before, after)
            within_funding(tracking, streams, id, before, after, events)
            return (*events, *service_case.settle(history, late_reason))
        return events

    past = tracking.streams([id]).history(id)
    about = id if kind is participant.KIND else None
    reads = {stream for _, event in past for stream in named_by(getattr(event, "replacement", event))}
    first = past[0].event if past else None
    return tracking.record(
        request,
        id,
        subject,
        decide,
        reads=reads | streams_of(*map((replacement or {}).get, ("cluster", "case_id", "participants"))),
        participant_id=about,
        whole_participant=first.participant_id if isinstance(first, Opened) and first.complex else None,
    )
