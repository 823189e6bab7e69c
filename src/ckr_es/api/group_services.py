"""Group services: one event, a served case of everybody in its list, or of nobody."""

from datetime import UTC, date, datetime
from typing import Annotated, Any
from uuid import UUID

from litestar import Controller, Response, get, post
from litestar import Request as HttpRequest
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter

from ckr_es.api.asked import Asked, When, answered
from ckr_es.api.auth import READ, RECORD, Caller, roles
from ckr_es.api.corrections import Correction, replacement
from ckr_es.api.moments import Cursor, Limit
from ckr_es.api.reads import Reader
from ckr_es.application import NO_KEY, Receipt, Request, ServiceTracking
from ckr_es.commands import group_services
from ckr_es.commands.group_services import Draft, Firm, GroupService, Look
from ckr_es.rules.calendar import today
from ckr_es.rules.decision import overridable_by

AnyRequest = HttpRequest[Any, Any, Any]
Tracking = NamedDependency[ServiceTracking]
Reading = NamedDependency[Reader]
Id = FromPath[UUID]


class GroupServiceController(Controller):
    path = "/group-services"
    tags = ["group-services"]

    # In threads: a list of hundreds is a tenth of a second of work, and would hold up all that the loop serves.

    @post("/", sync_to_thread=True, **roles(RECORD))
    def hold(self, data: JSONBody[GroupService], asked: Asked, tracking: Tracking) -> Response[Receipt]:
        """A case of every participant is opened, decided and accepted, or none: then `errors` has each verdict."""
        return answered(group_services.hold(tracking, asked, data))

    @post("/check", sync_to_thread=True, status_code=200, **roles(RECORD))
    def check(self, request: AnyRequest, data: JSONBody[Draft], tracking: Tracking) -> dict[str, Any]:
        """What recording it would answer now, for each line of a list of ids or INNs; nothing is recorded."""
        caller: Caller = request.state.caller
        asked = Request(
            key=NO_KEY,
            request_hash=b"",
            actor=caller.actor,
            role=caller.role,
            correlation_id=None,
            today=today(datetime.now(UTC)),
            cluster=caller.cluster,
        )
        return told(group_services.look(tracking, asked, data))

    @post("/{id:uuid}/corrections", sync_to_thread=True, **roles(RECORD))
    def correct(
        self, id: Id, data: JSONBody[Correction], asked: Asked, tracking: Tracking
    ) -> Response[Receipt]:
        """Void the event with all of its cases, or replace its title or document; one firm is put right in its case."""
        return answered(
            group_services.correct(
                tracking, asked, id, data.event_id, data.reason, replacement(data), data.late_reason
            )
        )

    @get("/", sync_to_thread=True, **roles(READ))
    def list_group_services(
        self,
        when: When,
        reading: Reading,
        limit: Limit = 100,
        cursor: Cursor = None,
        cluster: Annotated[str | None, QueryParameter(required=False)] = None,
        service: Annotated[str | None, QueryParameter(required=False)] = None,
        participant_id: Annotated[UUID | None, QueryParameter(required=False)] = None,
        held_from: Annotated[date | None, QueryParameter(required=False)] = None,
        held_to: Annotated[date | None, QueryParameter(required=False)] = None,
    ) -> dict[str, Any]:
        """Events by day; `served` counts the services of each that stand."""
        return reading.group_services(
            when,
            limit,
            cursor,
            cluster=cluster,
            service=service,
            participant_id=participant_id,
            since=held_from,
            until=held_to,
        )

    @get("/{id:uuid}", sync_to_thread=True, **roles(READ))
    def show(self, id: Id, when: When, reading: Reading) -> Response[Any]:
        """One event with its list: each participant's case, act and how many people came."""
        return reading.group_service(id, when)

    @get("/{id:uuid}/timeline", sync_to_thread=True, **roles(READ))
    def timeline(
        self, id: Id, when: When, reading: Reading, limit: Limit = 100, cursor: Cursor = None
    ) -> dict[str, Any]:
        """What was recorded of the event itself; its cases have timelines of their own."""
        reading.group_service(id, when)
        return reading.timeline(id, None, when, limit, cursor)


def told(look: Look) -> dict[str, Any]:
    """The answer of a check: `errors` as a refusal would have them, and every line with what does not pass."""
    return {
        "possible": not look.errors,
        "errors": look.errors,
        "participants": [_line(firm, look) for firm in look.firms],
    }


def _line(firm: Firm, look: Look) -> dict[str, Any]:
    who, problem = firm.participant_id, firm.problem
    return {
        "pointer": f"/participants/{firm.no}",
        "participant_id": who,
        "name": look.names.get(who) if who else None,
        "allowed": problem is None,
        "code": problem and problem.code,
        "detail": problem and problem.detail,
        "checks": [
            {
                "condition": check.condition,
                "verdict": check.verdict,
                "explanation": check.explanation,
                "overridable_by": overridable_by(check.condition, check.verdict),
            }
            for check in firm.checks
            if check.verdict != "pass"
        ],
    }
