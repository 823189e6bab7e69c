"""An organisation or specialist who gives services for the centre (concept, section 4, function о; section 3).

A legal entity is known by its INN. A natural person is a participant first, so that his identity lies in the vault and
never here: the provider then names the participant.
"""

from datetime import date
from typing import assert_never
from uuid import UUID

from msgspec import Struct, field
from msgspec.structs import replace

from ckr_es.aggregates.facts import Correction, Fact, Kind, Void
from ckr_es.rules import Invalid, Problem, Refused
from ckr_es.rules.money import Kopecks
from ckr_es.rules.values import Agreement, LegalInn, Private, ServiceCode, Text


class Registered(Fact, frozen=True, kw_only=True, tag="provider.registered"):
    """`prices_kopecks`: the most that one firm's service may cost, by service. `group`: the INN of the legal entities,
    `group_participants` the persons, that belong to the same group of companies.
    """

    registered_on: date
    services: tuple[ServiceCode, ...]
    inn: LegalInn | None = None
    name: Private | None = None
    participant_id: UUID | None = None
    prices_kopecks: dict[str, Kopecks] = {}
    selection_basis: Text | None = None
    contract: Agreement | None = None
    group: tuple[LegalInn, ...] = ()
    group_participants: tuple[UUID, ...] = ()
    of_centre: bool = False

    @property
    def effective_on(self) -> date:
        return self.registered_on


class ServicesChanged(Fact, frozen=True, kw_only=True, tag="provider.services-changed"):
    """All that is offered from that day on, under which contract; a group that is not given stays as it was."""

    changed_on: date
    services: tuple[ServiceCode, ...]
    prices_kopecks: dict[str, Kopecks] = {}
    selection_basis: Text | None = None
    contract: Agreement | None = None
    group: tuple[LegalInn, ...] | None = None
    group_participants: tuple[UUID, ...] | None = None
    of_centre: bool | None = None

    @property
    def effective_on(self) -> date:
        return self.changed_on


class Blocked(Fact, frozen=True, kw_only=True, tag="provider.blocked"):
    """From that day on it is given no new component, and no agreement is signed on one it has."""

    blocked_on: date
    reason: Text

    @property
    def effective_on(self) -> date:
        return self.blocked_on


class Unblocked(Fact, frozen=True, kw_only=True, tag="provider.unblocked"):
    """From that day on it may give services again."""

    unblocked_on: date
    reason: Text

    @property
    def effective_on(self) -> date:
        return self.unblocked_on


Happening = Registered | ServicesChanged | Blocked | Unblocked


class Voided(Void, frozen=True, kw_only=True, tag="provider.voided"):
    pass


class Corrected(Correction, frozen=True, kw_only=True, tag="provider.corrected"):
    replacement: Happening

    @property
    def effective_on(self) -> date:
        return self.replacement.effective_on


Event = Happening | Voided | Corrected


class Offer(Struct, frozen=True, kw_only=True):
    """What is offered from a day on, until another offer follows."""

    event_id: UUID
    since: date
    services: tuple[str, ...]
    prices_kopecks: dict[str, int] = field(default_factory=dict)
    selection_basis: str | None = None
    contract: Agreement | None = None
    group: tuple[str, ...] = ()
    group_participants: tuple[UUID, ...] = ()
    of_centre: bool = False


class Block(Struct, frozen=True, kw_only=True):
    """No agreements from the first day on; again possible on `unblocked_on`."""

    event_id: UUID
    blocked_on: date
    reason: str
    unblocked_on: date | None = None


class Provider(Struct, frozen=True, kw_only=True):
    registered: Registered
    offers: tuple[Offer, ...]
    blocks: tuple[Block, ...] = ()

    def offer_on(self, day: date) -> Offer | None:
        """The latest offer that was made by that day, of one day the one recorded last; None before any."""
        made = [o for o in reversed(self.offers) if o.since <= day]
        return max(made, key=lambda o: o.since, default=None)

    def block_on(self, day: date) -> Block | None:
        for block in self.blocks:
            if block.blocked_on <= day and (block.unblocked_on is None or day < block.unblocked_on):
                return block
        return None

    def admit(self, day: date, service: str, cost_kopecks: int) -> None:
        """Refused unless the provider may give this service for this money on that day."""
        if (block := self.block_on(day)) is not None:
            raise Refused(
                "provider-blocked", f"Исполнитель заблокирован с {block.blocked_on}: {block.reason}"
            )
        offer = self.offer_on(day)
        if offer is None or service not in offer.services:
            raise Refused("service-not-offered", f"Исполнитель на {day} не оказывает услугу {service}")
        price = offer.prices_kopecks.get(service)
        if price is not None and cost_kopecks > price:
            raise Refused("above-price", f"Услуга {service} у этого исполнителя стоит не больше {price} коп.")


def decide(provider: Provider | None, event: Happening) -> tuple[Happening, ...]:
    """The event to record, or nothing when the log says so already: the same provider again is no news."""
    if provider is not None and (isinstance(event, Registered) or _stands(provider, event)):
        return ()
    check(provider, event)
    return (event,)


def check(provider: Provider | None, event: Happening) -> None:
    if isinstance(event, Registered | ServicesChanged):
        _check_offer(event)
    if isinstance(event, Registered):
        if provider is not None:
            raise Refused("already-registered", "Исполнитель уже есть в базе")
        if (event.participant_id is None) == (event.inn is None):
            _wrong("/inn", "inn-or-participant", "Укажите ИНН организации либо participant_id специалиста")
        if (event.inn is None) != (event.name is None):
            _wrong("/name", "name-with-inn", "Название указывается вместе с ИНН организации")
        return
    if provider is None:
        raise Refused("not-registered", "Исполнителя нет в базе")
    first = provider.registered.registered_on
    if event.effective_on < first:
        raise Refused("before-registration", f"{event.effective_on} раньше внесения в базу ({first})")
    match event:
        case ServicesChanged():
            pass
        case Blocked():
            if any(b.unblocked_on is None or event.blocked_on < b.unblocked_on for b in provider.blocks):
                raise Refused("already-blocked", f"Исполнитель уже заблокирован на {event.blocked_on}")
        case Unblocked():
            standing = [b for b in provider.blocks if b.unblocked_on is None]
            if not standing:
                raise Refused("not-blocked", "Исполнитель не заблокирован")
            if event.unblocked_on < standing[0].blocked_on:
                raise Refused("before-blocking", f"Исполнитель заблокирован {standing[0].blocked_on}")
        case _:
            assert_never(event)


def _check_offer(event: Registered | ServicesChanged) -> None:
    if len(set(event.services)) < max(1, len(event.services)):
        _wrong("/services", "services-invalid", "Укажите хотя бы одну услугу, каждую один раз")
    for service in event.prices_kopecks:
        if service not in event.services:
            _wrong(
                f"/prices_kopecks/{service}",
                "price-without-service",
                f"Цена указана для услуги {service} не из списка",
            )


def _wrong(pointer: str, code: str, detail: str) -> None:
    raise Invalid(code, detail, [Problem(pointer, code, detail)])


def _stands(provider: Provider, event: ServicesChanged | Blocked | Unblocked) -> bool:
    match event:
        case ServicesChanged():
            standing = _before(provider, event.changed_on)
            return _offer(event, standing.event_id, standing) == standing
        case Blocked():
            return any(
                (b.blocked_on, b.reason) == (event.blocked_on, event.reason) and b.unblocked_on is None
                for b in provider.blocks
            )
        case Unblocked():
            return bool(provider.blocks) and provider.blocks[-1].unblocked_on == event.unblocked_on


def _before(provider: Provider, day: date) -> Offer:
    return provider.offer_on(day) or provider.offers[0]


def _offer(event: ServicesChanged, event_id: UUID, before: Offer) -> Offer:
    return Offer(
        event_id=event_id,
        since=event.changed_on,
        services=event.services,
        prices_kopecks=event.prices_kopecks,
        selection_basis=event.selection_basis or before.selection_basis,
        contract=event.contract or before.contract,
        group=before.group if event.group is None else event.group,
        group_participants=(
            before.group_participants if event.group_participants is None else event.group_participants
        ),
        of_centre=before.of_centre if event.of_centre is None else event.of_centre,
    )


def evolve(provider: Provider | None, event: Happening, event_id: UUID) -> Provider:
    if isinstance(event, Registered):
        offer = Offer(
            event_id=event_id,
            since=event.registered_on,
            services=event.services,
            prices_kopecks=event.prices_kopecks,
            selection_basis=event.selection_basis,
            contract=event.contract,
            group=event.group,
            group_participants=event.group_participants,
            of_centre=event.of_centre,
        )
        return Provider(registered=replace(event, late_reason=None), offers=(offer,))
    assert provider is not None
    match event:
        case ServicesChanged():
            offer = _offer(event, event_id, _before(provider, event.changed_on))
            return replace(provider, offers=(*provider.offers, offer))
        case Blocked():
            block = Block(event_id=event_id, blocked_on=event.blocked_on, reason=event.reason)
            return replace(provider, blocks=(*provider.blocks, block))
        case Unblocked():
            *before, last = provider.blocks
            return replace(provider, blocks=(*before, replace(last, unblocked_on=event.unblocked_on)))
        case _:
            assert_never(event)


KIND = Kind("provider", evolve, check, Voided, Corrected, fixed=frozenset({"inn", "participant_id"}))
