"""The extract about one participant: for the firm what concerns it, for an audit all that is on record."""

from datetime import date, datetime
from typing import Any, Literal
from uuid import UUID

from msgspec import Struct

Audience = Literal["firm", "audit"]


class Subject(Struct, frozen=True, kw_only=True):
    """A person whose identity was erased is named «удалено», with neither number."""

    id: UUID
    kind: str
    name: str | None
    inn: str | None
    ogrn: str | None
    registered_on: date


class Membership(Struct, frozen=True, kw_only=True):
    cluster: str
    title: str | None
    joined_on: date
    left_on: date | None


class Given(Struct, frozen=True, kw_only=True):
    """A component of case number `no`, or a case that has none yet, as understood on the day."""

    no: int
    case_id: UUID
    applied_on: date
    cluster: str
    complex: bool
    decision: str | None
    decided_on: date | None
    agreement_number: str | None
    signed_on: date | None
    cancelled_on: date | None
    service: str | None
    cost_kopecks: int | None
    participant_payment_kopecks: int | None
    act_number: str | None
    accepted_on: date | None


class Amended(Struct, frozen=True, kw_only=True):
    """By which record the one before it was voided or corrected, and why."""

    position: int
    kind: Literal["voided_by", "corrected_by"]
    reason: str


class Recorded(Struct, frozen=True, kw_only=True):
    """What only an audit is told of a record. `struck`: void as understood; `leaf`: hex, what the ledger proves."""

    position: int
    event_id: UUID
    recorded_at: datetime
    actor: str
    role: str
    late_reason: str | None
    struck: bool
    amended: tuple[Amended, ...]
    leaf: str


class Line(Struct, frozen=True, kw_only=True):
    """A record of the participant, or of its case number `no`."""

    no: int | None
    effective_on: date
    type: str
    body: dict[str, Any]
    recorded: Recorded | None


class Checkpoint(Struct, frozen=True, kw_only=True):
    """A signed note that covers the position: its size, and the note itself."""

    size: int
    note: str


class Extract(Struct, frozen=True, kw_only=True):
    """`cluster`: the cases of this one alone. Root and checkpoint are for an audit; no checkpoint: none covers it."""

    form: Literal["extract"] = "extract"
    audience: Audience
    as_of: date
    known_position: int
    known_recorded_at: datetime | None
    cluster: str | None
    subject: Subject
    memberships: tuple[Membership, ...]
    services: tuple[Given, ...]
    history: tuple[Line, ...]
    ledger_root: str | None
    checkpoint: Checkpoint | None
    digest: str = ""
