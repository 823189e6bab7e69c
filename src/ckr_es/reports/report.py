"""The canonical report: what every form shows, and the digest that proves two of them show the same.

`report.json` is `encoded(report)`: UTF-8, no spaces, fields in the order of these structs, figures as plain numbers.
Its last member is the digest, the SHA-256 of all before it: of the text with `,"digest":"…"` cut out.
"""

import hashlib
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final, Literal, TypeVar
from uuid import UUID

import msgspec
from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import replace

from ckr_es.aggregates.roadmap import Status
from ckr_es.projections.kpi_changes import ChangeKind
from ckr_es.reports.destruction import Destruction
from ckr_es.reports.extract import Extract
from ckr_es.rules.kpi_sets import Policy

Part = Literal["kpi", "supported", "services", "clusters"]
PARTS: Final[tuple[Part, ...]] = ("kpi", "supported", "services", "clusters")
Figure = int | Decimal

_ENCODER = msgspec.json.Encoder(decimal_format="number")
_SIGNED = len(b',"digest":"') + 64 + len(b'"}')


class KpiRow(Struct, frozen=True, kw_only=True):
    """A row of the table as submitted (concept, section 7). `actual` is null where the row is not applicable."""

    no: str
    kpi: str
    title: str
    unit: str
    plan: Figure | None
    actual: Figure | None
    percent: Figure | None
    deviation: str | None


class Who(Struct, frozen=True, kw_only=True):
    """A participant; an entrepreneur has neither name nor INN here, whoever reads."""

    id: UUID
    kind: str
    name: str | None
    inn: str | None


class Act(Struct, frozen=True, kw_only=True):
    """An accepted component as understood at the position; `event_id` is the acceptance as first recorded."""

    event_id: UUID
    case_id: UUID
    accepted_on: date
    act_number: str
    service: str
    cluster: str
    complex: bool
    quantity: int
    unit: str
    cost_kopecks: int | None
    provider_id: UUID | None


class Supported(Struct, frozen=True, kw_only=True):
    """One of KPI 4, with its acts of the year; category and main OKVED as the register had them by its first act."""

    no: int
    participant: Who
    category: str | None
    okved: str | None
    acts: tuple[Act, ...]


class Service(Struct, frozen=True, kw_only=True):
    """`n` is what the act counts in KPI 2 under the policy of the year."""

    no: int
    participant: Who
    act: Act
    n: int


class Services(Struct, frozen=True, kw_only=True):
    """The services of the period; `before` counts those of the year before it, so both sum to KPI 2."""

    before: int
    items: tuple[Service, ...]


class Member(Struct, frozen=True, kw_only=True):
    no: int
    participant: Who
    joined_on: date


class Cluster(Struct, frozen=True, kw_only=True):
    """A cluster that KPI 1 counts on the last day, with its members on that day."""

    no: int
    code: str
    title: str
    production: bool
    specialisation: str | None
    formed_on: date
    members: tuple[Member, ...]


class Report(Struct, frozen=True, kw_only=True, rename={"kpi": "rows"}):
    """A closed version is pinned by its closing; a draft is what is known at `known_position`.

    The KPI table is `rows`, as everywhere. `dated_at` is when it was closed (a draft: when that position was
    recorded), never when it was rendered.
    """

    form: Literal["period"] = "period"
    period: str
    first_day: date
    last_day: date
    as_of: date
    status: Literal["closed", "draft"]
    version: int | None
    approved_by: str | None
    note: str | None
    known_position: int
    known_recorded_at: datetime | None
    dated_at: datetime | None
    ledger_root: str | None
    kpi_set: str
    policy: Policy
    parts: tuple[Part, ...]
    kpi: tuple[KpiRow, ...] | UnsetType = UNSET
    supported: tuple[Supported, ...] | UnsetType = UNSET
    services: Services | UnsetType = UNSET
    clusters: tuple[Cluster, ...] | UnsetType = UNSET
    digest: str = ""


class MovedBy(Struct, frozen=True, kw_only=True):
    """An event that moved a figure by `n`: how, by whom, and why."""

    event_id: UUID
    type: str
    kind: ChangeKind
    position: int
    effective_on: date
    n: Figure
    actor: str
    reason: str | None
    late_reason: str | None


class Moved(Struct, frozen=True, kw_only=True, rename={"from_": "from"}):
    """A row as submitted and as known now; `delta` is null where one side is not applicable."""

    no: str
    kpi: str
    title: str
    unit: str
    from_: Figure | None
    to: Figure | None
    delta: Figure | None
    events: tuple[MovedBy, ...]


class Restatement(Struct, frozen=True, kw_only=True):
    """From a submitted version to what is known at `known_position`."""

    form: Literal["restatement"] = "restatement"
    period: str
    first_day: date
    last_day: date
    as_of: date
    version: int
    approved_by: str
    submitted_position: int
    submitted_at: datetime
    known_position: int
    known_recorded_at: datetime | None
    kpi_set: str
    policy: Policy
    rows: tuple[Moved, ...]
    digest: str = ""


class MeasureRow(Struct, frozen=True, kw_only=True):
    """One term of a measure of the roadmap; `results` and `documents` are those of its reports, in their order."""

    no: str
    title: str
    period: str
    due_on: date
    status: Status
    completed_on: date | None
    late: bool
    results: tuple[str, ...]
    documents: tuple[str, ...]


class RoadmapReport(Struct, frozen=True, kw_only=True):
    """The roadmap (concept, section 8) as of a day, as known at `known_position`."""

    form: Literal["roadmap"] = "roadmap"
    as_of: date
    known_position: int
    known_recorded_at: datetime | None
    rows: tuple[MeasureRow, ...]
    digest: str = ""


LogReport = Report | Restatement | RoadmapReport | Extract
"""What is known of the log up to a position."""
AnyReport = LogReport | Destruction
R = TypeVar("R", Report, Restatement, RoadmapReport, Extract, Destruction)


def signed(report: R) -> R:
    """The report with its digest."""
    unsigned = replace(report, digest="0" * 64)
    return replace(report, digest=digest(encoded(unsigned)))


def encoded(report: AnyReport) -> bytes:
    """`report.json`."""
    return _ENCODER.encode(report)


def digest(text: bytes) -> str:
    """What the last member of a `report.json` must be."""
    return hashlib.sha256(text[:-_SIGNED] + b"}").hexdigest()


def exact(value: Any) -> Figure | None:
    """A figure as it is written once and for all: 204318.5 however it was stored, 5 and not 5.00."""
    if value is None:
        return None
    number = Decimal(str(value))
    return int(number) if number == number.to_integral_value() else Decimal(f"{number.normalize():f}")
