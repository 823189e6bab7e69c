"""Service cases: applied for, scored, decided condition by condition, agreed, accepted."""

from datetime import date
from typing import Annotated, Any, Literal
from uuid import UUID

from litestar import Controller, Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter
from msgspec import Meta, Struct

from ckr_es.aggregates import service_case
from ckr_es.aggregates.service_case import Override
from ckr_es.api.asked import Asked, When, answered
from ckr_es.api.auth import READ, RECORD, roles
from ckr_es.api.corrections import Correction, replacement
from ckr_es.api.moments import Cursor, Limit
from ckr_es.api.reads import Reader
from ckr_es.api.recording import record
from ckr_es.api.scoring import NewScoring, scored
from ckr_es.application import Receipt, ServiceTracking
from ckr_es.commands import correct, decide_eligibility, on_case, open_case, plan_stream
from ckr_es.projections.directory_reads import CaseStatus
from ckr_es.rules import Invalid, Problem
from ckr_es.rules.money import Kopecks
from ckr_es.rules.values import Code, Number, ServiceCode, Text

Tracking = NamedDependency[ServiceTracking]
Reading = NamedDependency[Reader]
Id = FromPath[UUID]


class NewCase(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`service` belongs to a plain case, which has this one component."""

    participant_id: UUID
    cluster: Code
    complex: bool
    applied_on: date
    service: ServiceCode | None = None
    cost_kopecks: Kopecks | None = None
    participant_payment_kopecks: Kopecks | None = None
    provider_id: UUID | None = None
    funding: Text | None = None
    source: Text | None = None
    external_id: Text | None = None
    late_reason: Text | None = None


class NewComponent(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    service: ServiceCode
    cost_kopecks: Kopecks
    participant_payment_kopecks: Kopecks = 0
    mandatory: bool = True
    provider_id: UUID | None = None
    funding: Text | None = None
    late_reason: Text | None = None


class Decision(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    decision: Literal["eligible", "refused"]
    decided_on: date
    overrides: tuple[Override, ...] = ()
    late_reason: Text | None = None


class Acceptance(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    component_no: Annotated[int, Meta(ge=1, le=1000)]
    act_number: Number
    accepted_on: date
    quantity: Annotated[int, Meta(ge=1, le=1_000_000)]
    unit: Text
    grade: service_case.Grade | None = None
    late_reason: Text | None = None


class CaseController(Controller):
    path = "/cases"
    tags = ["cases"]

    @record("/", **roles(RECORD))
    def open(self, data: JSONBody[NewCase], asked: Asked, tracking: Tracking) -> Response[Receipt]:
        """An application; the same `source` and `external_id` again are the same case."""
        _consistent(data)
        opened = service_case.Opened(
            participant_id=data.participant_id,
            cluster=data.cluster,
            complex=data.complex,
            applied_on=data.applied_on,
            source=data.source,
            external_id=data.external_id,
            late_reason=data.late_reason,
        )
        component = data.service and service_case.ComponentAdded(
            component_no=1,
            service=data.service,
            added_on=data.applied_on,
            mandatory=True,
            cost_kopecks=data.cost_kopecks or 0,
            participant_payment_kopecks=data.participant_payment_kopecks or 0,
            provider_id=data.provider_id,
            funding=data.funding,
            late_reason=data.late_reason,
        )
        return answered(open_case(tracking, asked, opened, component or None))

    @record("/{id:uuid}/scoring", **roles(RECORD))
    def score(
        self, id: Id, data: JSONBody[NewScoring], asked: Asked, tracking: Tracking
    ) -> Response[Receipt]:
        """The extended assessment that a complex service rests on, by hand or by answers to a questionnaire."""
        event = scored(data)
        return answered(
            on_case(tracking, asked, id, lambda case: service_case.decide(case, event), [event.scored_on])
        )

    @record("/{id:uuid}/components", **roles(RECORD))
    def add_component(
        self, id: Id, data: JSONBody[NewComponent], asked: Asked, tracking: Tracking
    ) -> Response[Receipt]:
        """One more service of a complex case; it belongs to the day of the scoring, or of the application."""
        return answered(
            on_case(
                tracking,
                asked,
                id,
                lambda case: case.add_component(
                    service=data.service,
                    added_on=case.scored.scored_on if case.scored else case.opened.applied_on,
                    cost_kopecks=data.cost_kopecks,
                    participant_payment_kopecks=data.participant_payment_kopecks,
                    mandatory=data.mandatory,
                    provider_id=data.provider_id,
                    funding=data.funding,
                    late_reason=data.late_reason,
                ),
                reads=[data.provider_id] if data.provider_id else (),
            )
        )

    @get("/{id:uuid}/eligibility", sync_to_thread=True, **roles(READ))
    def eligibility(self, id: Id, when: When, reading: Reading) -> dict[str, Any]:
        """The ten conditions now, without recording anything."""
        return reading.eligibility(id, when)

    @record("/{id:uuid}/eligibility-decision", **roles(RECORD))
    def decide(self, id: Id, data: JSONBody[Decision], asked: Asked, tracking: Tracking) -> Response[Receipt]:
        """Eligible or refused, with every verdict and override kept (concept, section 5)."""
        return answered(
            decide_eligibility(
                tracking,
                asked,
                id,
                decision=data.decision,
                decided_on=data.decided_on,
                overrides=data.overrides,
                late_reason=data.late_reason,
            )
        )

    @record("/{id:uuid}/agreement", **roles(RECORD))
    def agree(
        self, id: Id, data: JSONBody[service_case.AgreementSigned], asked: Asked, tracking: Tracking
    ) -> Response[Receipt]:
        """The agreement with the firm is signed: the year's money is reserved, conflicts of interest are answered."""
        return answered(
            on_case(
                tracking,
                asked,
                id,
                lambda case: service_case.decide(case, data),
                [data.signed_on],
                reads=[plan_stream(data.signed_on.year)],
            )
        )

    @get("/{id:uuid}/conflicts", sync_to_thread=True, **roles(READ))
    def conflicts(self, id: Id, when: When, reading: Reading) -> dict[str, Any]:
        """Components whose provider is of the firm's or the centre's group: the agreement must answer each."""
        return reading.conflicts(id, when)

    @record("/{id:uuid}/acceptances", **roles(RECORD))
    def accept(
        self, id: Id, data: JSONBody[Acceptance], asked: Asked, tracking: Tracking
    ) -> Response[Receipt]:
        """The act of a component; the last mandatory one completes a complex case."""
        return answered(
            on_case(
                tracking,
                asked,
                id,
                lambda case: case.accept(
                    component_no=data.component_no,
                    act_number=data.act_number,
                    accepted_on=data.accepted_on,
                    quantity=data.quantity,
                    unit=data.unit,
                    grade=data.grade,
                    late_reason=data.late_reason,
                ),
                [data.accepted_on],
            )
        )

    @record("/{id:uuid}/cancellation", **roles(RECORD))
    def cancel(
        self, id: Id, data: JSONBody[service_case.Cancelled], asked: Asked, tracking: Tracking
    ) -> Response[Receipt]:
        """The case goes no further."""
        return answered(
            on_case(tracking, asked, id, lambda case: service_case.decide(case, data), [data.cancelled_on])
        )

    @record("/{id:uuid}/corrections", **roles(RECORD))
    def correct(
        self, id: Id, data: JSONBody[Correction], asked: Asked, tracking: Tracking
    ) -> Response[Receipt]:
        """Void or replace one record of the case; its completion follows."""
        return answered(
            correct(
                tracking,
                asked,
                service_case.KIND,
                id,
                str(id),
                data.event_id,
                data.reason,
                replacement(data),
                data.late_reason,
            )
        )

    @get("/", sync_to_thread=True, **roles(READ))
    def list_cases(
        self,
        when: When,
        reading: Reading,
        limit: Limit = 100,
        cursor: Cursor = None,
        participant_id: Annotated[UUID | None, QueryParameter(required=False)] = None,
        cluster: Annotated[str | None, QueryParameter(required=False)] = None,
        status: Annotated[CaseStatus | None, QueryParameter(required=False)] = None,
        complex: Annotated[bool | None, QueryParameter(required=False)] = None,
        eligibility: Annotated[Literal["stale"] | None, QueryParameter(required=False)] = None,
    ) -> dict[str, Any]:
        """Cases as of a day, as known at a position, by participant, cluster, status, kind.

        `eligibility=stale`: open ones whose register answer is out of date or speaks against them, and accepted
        services whose recipient was not in the register on their day; `stale` says why.
        """
        return reading.cases(
            when,
            limit,
            cursor,
            participant_id=participant_id,
            cluster=cluster,
            status=status,
            complex=complex,
            eligibility=eligibility,
        )

    @get("/{id:uuid}", sync_to_thread=True, **roles(READ))
    def show(self, id: Id, when: When, reading: Reading) -> Response[Any]:
        """One case as of a day, as known at a position."""
        return reading.entity(service_case.KIND, id, str(id), when, None)

    @get("/{id:uuid}/timeline", sync_to_thread=True, **roles(READ))
    def timeline(
        self, id: Id, when: When, reading: Reading, limit: Limit = 100, cursor: Cursor = None
    ) -> dict[str, Any]:
        """Everything recorded about the case."""
        reading.entity(service_case.KIND, id, str(id), when, None)
        return reading.timeline(id, None, when, limit, cursor)


def _consistent(data: NewCase) -> None:
    problems = []
    plain_only = ("service", "cost_kopecks", "participant_payment_kopecks", "provider_id", "funding")
    if data.complex:
        problems += [
            Problem(f"/{name}", "not-applicable", f"Поле «{name}» относится только к простому делу")
            for name in plain_only
            if getattr(data, name) is not None
        ]
    elif data.service is None:
        problems.append(Problem("/service", "required", "У простого дела указывается услуга"))
    if (data.source is None) != (data.external_id is None):
        missing = "source" if data.source is None else "external_id"
        problems.append(Problem(f"/{missing}", "required", "source и external_id указываются вместе"))
    if problems:
        raise Invalid(problems[0].code, problems[0].detail, problems)
