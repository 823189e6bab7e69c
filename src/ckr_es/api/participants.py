"""Participants: who they are, what registers say of them, where they are members, what they report."""

from datetime import date
from typing import Annotated, Any
from uuid import UUID

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter
from msgspec import Struct
from msgspec.structs import replace

from ckr_es.aggregates import participant
from ckr_es.api.asked import Asked, When, answered
from ckr_es.api.auth import READ, RECORD, roles
from ckr_es.api.corrections import Correction, replacement
from ckr_es.api.lookups import LookUp, Lookups
from ckr_es.api.moments import Cursor, Limit
from ckr_es.api.reads import Reader
from ckr_es.api.recording import record
from ckr_es.application import Receipt, ServiceTracking
from ckr_es.commands import Registration, change_identity, correct, inn_of, on_participant, register, salted
from ckr_es.registry.port import checked
from ckr_es.rules import Invalid, Problem
from ckr_es.rules.values import Code, Inn, Private, Text

Tracking = NamedDependency[ServiceTracking]
Reading = NamedDependency[Reader]
Id = FromPath[UUID]


class NewParticipant(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    kind: participant.PartyKind
    inn: Inn
    name: Private
    registered_on: date
    ogrn: Private | None = None
    contacts: Private | None = None
    late_reason: Text | None = None


class NewIdentity(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    changed_on: date
    name: Private | None = None
    ogrn: Private | None = None
    contacts: Private | None = None
    late_reason: Text | None = None


class MembershipEnd(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    left_on: date
    reason: Text
    late_reason: Text | None = None


class Search(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What must not stand in a URL: the name or INN of a natural person."""

    q: Private | None = None
    inn: Private | None = None
    cluster: Code | None = None
    kind: participant.PartyKind | None = None
    limit: int = 100
    cursor: str | None = None


class ParticipantController(Controller):
    path = "/participants"
    tags = ["participants"]

    @post("/", sync_to_thread=True, **roles(RECORD))
    def register(self, data: JSONBody[NewParticipant], asked: Asked, tracking: Tracking) -> Response[Receipt]:
        """Register by INN; the same INN again is the same participant."""
        given = Registration(
            kind=data.kind,
            inn=data.inn,
            name=data.name,
            registered_on=data.registered_on,
            ogrn=data.ogrn,
            contacts=data.contacts,
            late_reason=data.late_reason,
        )
        return answered(register(tracking, asked, given))

    @post("/{id:uuid}/identity", sync_to_thread=True, **roles(RECORD))
    def change_identity(
        self, id: Id, data: JSONBody[NewIdentity], asked: Asked, tracking: Tracking
    ) -> Response[Receipt]:
        """A new name, registration number or contacts; the INN stays."""
        if data.name is None and data.ogrn is None and data.contacts is None:
            raise Invalid(
                "required", "Укажите name, ogrn или contacts", [Problem("/name", "required", "Нечего менять")]
            )
        return answered(
            change_identity(
                tracking,
                asked,
                id,
                changed_on=data.changed_on,
                name=data.name,
                ogrn=data.ogrn,
                contacts=data.contacts,
                late_reason=data.late_reason,
            )
        )

    @record("/{id:uuid}/registry-checks", **roles(RECORD))
    def check_registry(
        self, id: Id, data: JSONBody[participant.RegistryChecked], asked: Asked, tracking: Tracking
    ) -> Response[Receipt]:
        """What a register said of the firm as of a day, looked up and entered."""
        if data.via != "entry":
            detail = "Снимки и справочные сервисы записывает сама система: см. registry-lookups"
            raise Invalid("not-applicable", detail, [Problem("/via", "not-applicable", detail, data.via)])
        return answered(on_participant(tracking, asked, id, data))

    @post("/{id:uuid}/registry-lookups", sync_to_thread=True, **roles(RECORD))
    def look_up(
        self, id: Id, data: JSONBody[LookUp], asked: Asked, tracking: Tracking, registries: Lookups
    ) -> Response[Receipt]:
        """Asks a register about the participant and records the answer; having none is recorded as such."""
        if (before := tracking.answered(asked)) is not None:
            return answered(before)
        answer = registries.lookup(data.source, inn_of(tracking, asked, id), asked.today)
        event = replace(checked(answer, asked.today), late_reason=data.late_reason)
        if event.via == "dadata" and event.answer_sha256 is not None:
            event = replace(event, answer_sha256=salted(tracking, id, event.answer_sha256))
        return answered(on_participant(tracking, asked, id, event))

    @record("/{id:uuid}/evidence", **roles(RECORD))
    def file_evidence(
        self, id: Id, data: JSONBody[participant.EvidenceFiled], asked: Asked, tracking: Tracking
    ) -> Response[Receipt]:
        """A tax certificate, a declaration or another document."""
        return answered(on_participant(tracking, asked, id, data))

    @record("/{id:uuid}/memberships", **roles(RECORD))
    def join(
        self, id: Id, data: JSONBody[participant.JoinedCluster], asked: Asked, tracking: Tracking
    ) -> Response[Receipt]:
        """A member of the cluster from that day."""
        return answered(on_participant(tracking, asked, id, data))

    @record("/{id:uuid}/memberships/{code:str}/end", **roles(RECORD))
    def leave(
        self, id: Id, code: FromPath[str], data: JSONBody[MembershipEnd], asked: Asked, tracking: Tracking
    ) -> Response[Receipt]:
        """No longer a member on that day."""
        event = participant.LeftCluster(
            cluster=code, left_on=data.left_on, reason=data.reason, late_reason=data.late_reason
        )
        return answered(on_participant(tracking, asked, id, event))

    @record("/{id:uuid}/jobs-reports", **roles(RECORD))
    def report_jobs(
        self, id: Id, data: JSONBody[participant.JobsReported], asked: Asked, tracking: Tracking
    ) -> Response[Receipt]:
        """Headcount and jobs created of a quarter; a later report of it supersedes."""
        return answered(on_participant(tracking, asked, id, data))

    @record("/{id:uuid}/sales-reports", **roles(RECORD))
    def report_sales(
        self, id: Id, data: JSONBody[participant.SalesReported], asked: Asked, tracking: Tracking
    ) -> Response[Receipt]:
        """Sales of a quarter in kopecks; a later report of it supersedes."""
        return answered(on_participant(tracking, asked, id, data))

    @record("/{id:uuid}/products", **roles(RECORD))
    def launch_product(
        self, id: Id, data: JSONBody[participant.ProductLaunched], asked: Asked, tracking: Tracking
    ) -> Response[Receipt]:
        """A new product on the market with the help of one of the participant's cases."""
        return answered(on_participant(tracking, asked, id, data))

    @record("/{id:uuid}/follow-ups", **roles(RECORD))
    def follow_up(
        self, id: Id, data: JSONBody[participant.FollowedUp], asked: Asked, tracking: Tracking
    ) -> Response[Receipt]:
        """How the firm fares after a service."""
        return answered(on_participant(tracking, asked, id, data))

    @record("/{id:uuid}/corrections", **roles(RECORD))
    def correct(
        self, id: Id, data: JSONBody[Correction], asked: Asked, tracking: Tracking
    ) -> Response[Receipt]:
        """Void or replace one record of the participant."""
        return answered(
            correct(
                tracking,
                asked,
                participant.KIND,
                id,
                str(id),
                data.event_id,
                data.reason,
                replacement(data),
                data.late_reason,
            )
        )

    @get("/", sync_to_thread=True, **roles(READ))
    def list_participants(
        self,
        when: When,
        reading: Reading,
        limit: Limit = 100,
        cursor: Cursor = None,
        q: Annotated[str | None, QueryParameter(required=False, max_length=200)] = None,
        inn: Annotated[str | None, QueryParameter(required=False, pattern="^[0-9]{10}$")] = None,
        cluster: Annotated[str | None, QueryParameter(required=False)] = None,
        kind: Annotated[participant.PartyKind | None, QueryParameter(required=False)] = None,
    ) -> dict[str, Any]:
        """Participants by name or INN of a legal entity; natural persons are searched by POST …/search."""
        return reading.participants(
            when, limit, cursor, q=q, inn=inn, cluster=cluster, kind=kind, persons=False
        )

    @post("/search", sync_to_thread=True, status_code=200, **roles(READ))
    def search(self, data: JSONBody[Search], when: When, reading: Reading) -> dict[str, Any]:
        """The same search with natural persons: what identifies them stays out of URLs (152-ФЗ)."""
        limit = max(1, min(data.limit, 500))
        return reading.participants(
            when,
            limit,
            data.cursor,
            q=data.q,
            inn=data.inn,
            cluster=data.cluster,
            kind=data.kind,
            persons=True,
        )

    @get("/{id:uuid}", sync_to_thread=True, **roles(READ))
    def show(self, id: Id, when: When, reading: Reading) -> Response[Any]:
        """One participant as of a day, as known at a position."""
        return reading.entity(participant.KIND, id, str(id), when, None)

    @get("/{id:uuid}/timeline", sync_to_thread=True, **roles(READ))
    def timeline(
        self, id: Id, when: When, reading: Reading, limit: Limit = 100, cursor: Cursor = None
    ) -> dict[str, Any]:
        """Everything recorded about the participant and its cases, both dates, corrections linked."""
        reading.entity(participant.KIND, id, str(id), when, None)
        return reading.timeline(None, id, when, limit, cursor)
