"""What a stream's state looks like to a reader of the API."""

from datetime import date
from typing import Any

import msgspec

from ckr_es.aggregates.cluster import Cluster
from ckr_es.aggregates.participant import Participant
from ckr_es.aggregates.plan import Plan
from ckr_es.aggregates.service_case import ServiceCase


def view(state: Any, as_of: date) -> dict[str, Any]:
    """The state as JSON-ready fields; identity of natural persons is added by the caller, from the vault."""
    match state:
        case Cluster():
            return _cluster(state, as_of)
        case Participant():
            return _participant(state, as_of)
        case ServiceCase():
            return _case(state)
        case Plan():
            return _plan(state)
    raise TypeError(type(state).__name__)


def _cluster(c: Cluster, as_of: date) -> dict[str, Any]:
    status = (
        "dissolved"
        if c.dissolved
        else "reorganised"
        if c.reorganised
        else "formed"
        if c.formed
        else "proposed"
    )
    return {
        "code": c.proposed.code,
        "title": c.title,
        "production": c.proposed.production,
        "specialisation": c.proposed.specialisation,
        "kind": c.proposed.kind,
        "curated": c.proposed.curated,
        "status": status,
        "active": c.active_on(as_of),
        "proposed_on": c.proposed.proposed_on,
        "formed_on": c.formed and c.formed.formed_on,
        "agreement": c.formed and c.formed.agreement,
        "reorganised_on": c.reorganised and c.reorganised.reorganised_on,
        "legal_inn": c.reorganised and c.reorganised.legal_inn,
        "dissolved_on": c.dissolved and c.dissolved.dissolved_on,
        "life": sorted(
            (msgspec.to_builtins(event) for event in (*c.life, *c.finished)),
            key=lambda event: (event["type"], event["title"]),
        ),
    }


def _participant(p: Participant, as_of: date) -> dict[str, Any]:
    return {
        "kind": p.registered.kind,
        "inn": p.registered.inn,
        "ogrn": p.ogrn,
        "name": p.name,
        "registered_on": p.registered.registered_on,
        "identity_erased": p.erased is not None and p.commitment is None,
        "memberships": [
            {
                "cluster": m.cluster,
                "joined_on": m.joined_on,
                "left_on": m.left_on,
                "active": m.joined_on <= as_of and (m.left_on is None or as_of < m.left_on),
                "event_id": m.event_id,
            }
            for m in p.memberships
        ],
        "registry_checks": p.checks,
        "evidence": p.evidence,
        "jobs_reports": _latest(p.jobs),
        "sales_reports": _latest(p.sales),
        "products": sorted((msgspec.to_builtins(e) for e in p.products), key=lambda e: e["launched_on"]),
        "follow_ups": sorted((msgspec.to_builtins(e) for e in p.followed), key=lambda e: e["month"]),
    }


def _latest(reports: tuple[Any, ...]) -> list[Any]:
    by_quarter = {report.quarter: report for report in reports}
    return [msgspec.to_builtins(by_quarter[quarter]) for quarter in sorted(by_quarter)]


def _case(c: ServiceCase) -> dict[str, Any]:
    accepted = {act.component_no: act for act in c.accepted}
    components = [
        {
            **msgspec.structs.asdict(component),
            "accepted_on": accepted[no].accepted_on if (no := component.component_no) in accepted else None,
            "act_number": accepted[no].act_number if no in accepted else None,
            "attendees": accepted[no].attendees if no in accepted else None,
        }
        for component in c.components
    ]
    for component in components:
        component.pop("late_reason")
    return {
        "participant_id": c.opened.participant_id,
        "cluster": c.opened.cluster,
        "complex": c.opened.complex,
        "applied_on": c.opened.applied_on,
        "source": c.opened.source,
        "external_id": c.opened.external_id,
        "group_service_id": c.opened.group_service_id,
        "status": _status(c),
        "scoring": c.scored,
        "decision": c.decided,
        "components": components,
        "agreement": c.agreement,
        "completed_on": c.completed and c.completed.completed_on,
        "cancelled_on": c.cancelled and c.cancelled.cancelled_on,
    }


def _status(c: ServiceCase) -> str:
    done = bool(c.accepted) and not c.opened.complex
    for status, holds in (
        ("cancelled", c.cancelled),
        ("completed", c.completed or done),
        ("in_progress", c.accepted),
        ("agreed", c.agreement),
    ):
        if holds:
            return status
    return c.decided.decision if c.decided else "open"


def _plan(p: Plan) -> dict[str, Any]:
    return {
        "kpi_set": p.plan and p.plan.kpi_set,
        "values": p.plan.values if p.plan else {},
        "policy": p.policy,
        "document": p.plan and p.plan.document,
        "funding": p.funding
        and {
            "federal_kopecks": p.funding.federal_kopecks,
            "regional_kopecks": p.funding.regional_kopecks,
            "document": p.funding.document,
        },
    }
