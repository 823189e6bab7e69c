"""Providers: the register of those who give services for the centre (concept, section 4, function о)."""

from datetime import date
from typing import Annotated, Any
from uuid import UUID

from litestar import Controller, Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter
from msgspec import Struct

from ckr_es.aggregates import provider
from ckr_es.api.asked import Asked, When, answered
from ckr_es.api.auth import READ, RECORD, roles
from ckr_es.api.corrections import Correction, replacement
from ckr_es.api.moments import Cursor, Limit
from ckr_es.api.reads import Reader
from ckr_es.api.recording import record
from ckr_es.application import Receipt, ServiceTracking
from ckr_es.commands import correct, on_provider, register_provider
from ckr_es.rules.money import Kopecks
from ckr_es.rules.values import Agreement, LegalInn, Private, ServiceCode, Text

Tracking = NamedDependency[ServiceTracking]
Reading = NamedDependency[Reader]
Id = FromPath[UUID]
Search = Annotated[str | None, QueryParameter(required=False, max_length=200)]
OfInn = Annotated[str | None, QueryParameter(required=False, pattern="^[0-9]{10}$")]
Service = Annotated[str | None, QueryParameter(required=False)]
Whether = Annotated[bool | None, QueryParameter(required=False)]


class NewProvider(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An organisation by `inn` and `name`, or a specialist by `participant_id`; entered today unless a day is given."""

    services: tuple[ServiceCode, ...]
    inn: LegalInn | None = None
    name: Private | None = None
    participant_id: UUID | None = None
    registered_on: date | None = None
    prices_kopecks: dict[str, Kopecks] = {}
    selection_basis: Text | None = None
    contract: Agreement | None = None
    group: tuple[LegalInn, ...] = ()
    group_participants: tuple[UUID, ...] = ()
    of_centre: bool = False
    late_reason: Text | None = None


class NewServices(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All that is offered from the day on (today unless given); what else is not given stays as it was."""

    services: tuple[ServiceCode, ...]
    changed_on: date | None = None
    prices_kopecks: dict[str, Kopecks] = {}
    selection_basis: Text | None = None
    contract: Agreement | None = None
    group: tuple[LegalInn, ...] | None = None
    group_participants: tuple[UUID, ...] | None = None
    of_centre: bool | None = None
    late_reason: Text | None = None


class Blocking(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    reason: Text
    blocked_on: date | None = None
    late_reason: Text | None = None


class Unblocking(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    reason: Text
    unblocked_on: date | None = None
    late_reason: Text | None = None


class ProviderController(Controller):
    path = "/providers"
    tags = ["providers"]

    @record("/", **roles(RECORD, whole_centre=True))
    def register(self, data: JSONBody[NewProvider], asked: Asked, tracking: Tracking) -> Response[Receipt]:
        """Into the register; the same INN or participant again is the same provider."""
        event = provider.Registered(
            registered_on=data.registered_on or asked.today,
            services=data.services,
            inn=data.inn,
            name=data.name,
            participant_id=data.participant_id,
            prices_kopecks=data.prices_kopecks,
            selection_basis=data.selection_basis,
            contract=data.contract,
            group=data.group,
            group_participants=data.group_participants,
            of_centre=data.of_centre,
            late_reason=data.late_reason,
        )
        return answered(register_provider(tracking, asked, event))

    @record("/{id:uuid}/services", **roles(RECORD, whole_centre=True))
    def change_services(
        self, id: Id, data: JSONBody[NewServices], asked: Asked, tracking: Tracking
    ) -> Response[Receipt]:
        """Other services, prices, contract or group from that day on."""
        event = provider.ServicesChanged(
            changed_on=data.changed_on or asked.today,
            services=data.services,
            prices_kopecks=data.prices_kopecks,
            selection_basis=data.selection_basis,
            contract=data.contract,
            group=data.group,
            group_participants=data.group_participants,
            of_centre=data.of_centre,
            late_reason=data.late_reason,
        )
        return answered(on_provider(tracking, asked, id, event))

    @record("/{id:uuid}/blocking", **roles(RECORD, whole_centre=True))
    def block(self, id: Id, data: JSONBody[Blocking], asked: Asked, tracking: Tracking) -> Response[Receipt]:
        """No agreement may name the provider from that day on; what was agreed before is carried out."""
        event = provider.Blocked(
            blocked_on=data.blocked_on or asked.today, reason=data.reason, late_reason=data.late_reason
        )
        return answered(on_provider(tracking, asked, id, event))

    @record("/{id:uuid}/unblocking", **roles(RECORD, whole_centre=True))
    def unblock(
        self, id: Id, data: JSONBody[Unblocking], asked: Asked, tracking: Tracking
    ) -> Response[Receipt]:
        """Agreements may name the provider again."""
        event = provider.Unblocked(
            unblocked_on=data.unblocked_on or asked.today, reason=data.reason, late_reason=data.late_reason
        )
        return answered(on_provider(tracking, asked, id, event))

    @record("/{id:uuid}/corrections", **roles(RECORD, whole_centre=True))
    def correct(
        self, id: Id, data: JSONBody[Correction], asked: Asked, tracking: Tracking
    ) -> Response[Receipt]:
        """Void or replace one record of the provider."""
        return answered(
            correct(
                tracking,
                asked,
                provider.KIND,
                id,
                str(id),
                data.event_id,
                data.reason,
                replacement(data),
                data.late_reason,
            )
        )

    @get("/", sync_to_thread=True, **roles(READ))
    def list_providers(
        self,
        when: When,
        reading: Reading,
        limit: Limit = 100,
        cursor: Cursor = None,
        q: Search = None,
        inn: OfInn = None,
        service: Service = None,
        blocked: Whether = None,
    ) -> dict[str, Any]:
        """Who may give services on the day, under which offer, with the rating that the acceptances give."""
        return reading.providers(when, limit, cursor, q=q, inn=inn, service=service, blocked=blocked)

    @get("/{id:uuid}", sync_to_thread=True, **roles(READ))
    def show(self, id: Id, when: When, reading: Reading) -> Response[Any]:
        """One provider as of a day, as known at a position."""
        return reading.provider(id, when)

    @get("/{id:uuid}/components", sync_to_thread=True, **roles(READ))
    def components(
        self, id: Id, when: When, reading: Reading, limit: Limit = 100, cursor: Cursor = None
    ) -> dict[str, Any]:
        """Services that the provider gives in cases, the latest first: agreed on, accepted and graded, or given up."""
        reading.provider(id, when)
        return reading.given(id, when, limit, cursor)

    @get("/{id:uuid}/timeline", sync_to_thread=True, **roles(READ))
    def timeline(
        self, id: Id, when: When, reading: Reading, limit: Limit = 100, cursor: Cursor = None
    ) -> dict[str, Any]:
        """Everything recorded about the provider, corrections struck through and linked."""
        reading.provider(id, when)
        return reading.timeline(id, None, when, limit, cursor)
