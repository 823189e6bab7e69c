"""The log itself: filtered, one event with all that hangs together with it, or streamed as NDJSON."""

from collections.abc import Iterator
from datetime import date
from typing import Annotated, Any
from uuid import UUID

from litestar import Controller, Response, get
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath, QueryParameter
from litestar.response import Stream

from ckr_es.api.asked import When, instant, known
from ckr_es.api.auth import READ, roles
from ckr_es.api.moments import Cursor, Limit
from ckr_es.api.reads import Reader

Reading = NamedDependency[Reader]
OptionalId = Annotated[UUID | None, QueryParameter(required=False)]
OptionalText = Annotated[str | None, QueryParameter(required=False)]
OptionalDay = Annotated[date | None, QueryParameter(required=False)]


class EventController(Controller):
    path = "/"
    tags = ["events"]

    @get("/events", sync_to_thread=True, **roles(READ, whole_centre=True))
    def list_events(
        self,
        reading: Reading,
        limit: Limit = 100,
        after: Annotated[int, QueryParameter(required=False, ge=0, le=2**62)] = 0,
        cursor: OptionalText = None,
        stream: OptionalText = None,
        participant: OptionalId = None,
        case: OptionalId = None,
        type: OptionalText = None,
        actor: OptionalText = None,
        correlation_id: OptionalId = None,
        causation_id: OptionalId = None,
        effective_from: OptionalDay = None,
        effective_to: OptionalDay = None,
        recorded_from: OptionalText = None,
        recorded_to: OptionalText = None,
    ) -> dict[str, Any]:
        """Events in position order; `stream` is its id, a cluster's code, a year or a period's label."""
        return reading.events(
            after,
            limit,
            cursor,
            stream=stream,
            participant_id=participant,
            case_id=case,
            type=type,
            actor=actor,
            correlation_id=correlation_id,
            causation_id=causation_id,
            effective_from=effective_from,
            effective_to=effective_to,
            recorded_from=instant(recorded_from, "recorded_from"),
            recorded_to=instant(recorded_to, "recorded_to"),
        )

    @get(
        "/events/{event_id:uuid}",
        sync_to_thread=True,
        dependencies={"when": Provide(known, sync_to_thread=False)},
        **roles(READ, whole_centre=True),
    )
    def show(
        self,
        event_id: FromPath[UUID],
        when: When,
        reading: Reading,
        limit: Limit = 100,
        cursor: Cursor = None,
    ) -> Response[Any]:
        """One event: causes and effects, corrections, the decision it rests on, its KPI lines and reports.

        `limit` and `cursor` page the KPI lines; what `correlated` leaves out, /events lists by `correlation_id`.
        """
        return reading.event(event_id, when, limit, cursor)

    @get("/events.ndjson", sync_to_thread=False, **roles(READ, whole_centre=True))
    def export(
        self,
        reading: Reading,
        after: Annotated[int, QueryParameter(required=False, ge=0, le=2**62)] = 0,
    ) -> Stream:
        """Every event after a position, one a line (architecture, section 9); ends at the present head."""
        lines: Iterator[bytes] = reading.export(after)
        return Stream(lines, media_type="application/x-ndjson")
