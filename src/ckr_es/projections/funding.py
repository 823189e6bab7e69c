"""Providers, and the money of each year, as understood after each event. Pure, by the directory's fold."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID, uuid5

import msgspec

from ckr_es.aggregates import plan, provider, service_case
from ckr_es.aggregates.facts import Kind
from ckr_es.aggregates.funding import lines
from ckr_es.aggregates.plan import FundingSet
from ckr_es.aggregates.provider import Provider
from ckr_es.aggregates.service_case import ServiceCase
from ckr_es.projections.directory import Directory, Positions, Rows, Shape, prime
from ckr_es.projections.funding_tables import CREATE, INDEXES, TABLES
from ckr_es.projections.log import all_but
from ckr_es.projections.projection import Projection

Budgets = tuple[tuple[UUID, FundingSet], ...]


def _lines(stream_id: UUID, case: ServiceCase, _: Positions) -> Rows:
    of = case.opened
    return {
        ("line", uuid5(stream_id, str(line.component_no))): (
            stream_id,
            line.component_no,
            of.participant_id,
            of.cluster,
            line.service,
            line.provider_id,
            line.year,
            line.source,
            line.kopecks,
            line.own_kopecks,
            line.reserved_on,
            line.spent_on,
            line.released_on,
            line.grade,
        )
        for line in lines(case)
    }


def _one_more(budgets: Budgets | None, event: plan.Happening, event_id: UUID) -> Budgets:
    more = ((event_id, event),) if isinstance(event, FundingSet) else ()
    return (*(budgets or ()), *more)


def _budgets(_: UUID, budgets: Budgets, __: Positions) -> Rows:
    return {
        ("budget", event_id): (
            event.year,
            no,
            event.effective_on,
            event.federal_kopecks,
            event.regional_kopecks,
            _json(event.document),
        )
        for no, (event_id, event) in enumerate(budgets)
    }


def _provider(stream_id: UUID, giver: Provider, _: Positions) -> Rows:
    own = giver.registered
    rows: Rows = {("provider", stream_id): (own.inn, own.name, own.participant_id, own.registered_on)}
    for no, offer in enumerate(giver.offers):
        rows["offer", offer.event_id] = (
            stream_id,
            no,
            offer.since,
            _array(offer.services),
            _json(offer.prices_kopecks),
            offer.selection_basis,
            offer.contract and _json(offer.contract),
            _array(offer.group),
            _array(map(str, offer.group_participants)),
            offer.of_centre,
        )
    for block in giver.blocks:
        rows["block", block.event_id] = (stream_id, block.blocked_on, block.unblocked_on, block.reason)
    return rows


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def _array(values: Iterable[str]) -> str:
    """As PostgreSQL writes it; codes and numbers need no quotes."""
    return f"{{{','.join(values)}}}"


_CASE = Shape(service_case.KIND, _lines)
_BUDGETS: Kind[Budgets] = Kind("plan", _one_more, lambda _, __: None, plan.Voided, plan.Corrected)
_PLAN = Shape(_BUDGETS, _budgets)
_PROVIDER = Shape(provider.KIND, _provider)

HEARD: dict[type[Any], Shape] = {
    service_case.Opened: _CASE,
    service_case.ComponentAdded: _CASE,
    service_case.AgreementSigned: _CASE,
    service_case.ServiceAccepted: _CASE,
    service_case.Cancelled: _CASE,
    service_case.Voided: _CASE,
    service_case.Corrected: _CASE,
    plan.FundingSet: _PLAN,
    plan.Voided: _PLAN,
    plan.Corrected: _PLAN,
    provider.Registered: _PROVIDER,
    provider.ServicesChanged: _PROVIDER,
    provider.Blocked: _PROVIDER,
    provider.Unblocked: _PROVIDER,
    provider.Voided: _PROVIDER,
    provider.Corrected: _PROVIDER,
}

FUNDING = Projection(
    name="funding",
    version=1,
    tables=TABLES,
    create=CREATE,
    indexes=INDEXES,
    unheard=all_but(HEARD),
    fold=lambda: Directory(HEARD),
    prime=prime,
)
