"""What is done for a cluster: programmes, assessments, brands, projects, equipment, activities (concept, section 4).

Each record names the function of the centre that it was done for; any of them may name any.
"""

from collections.abc import Iterable
from datetime import date
from typing import Annotated, Final, Literal
from uuid import UUID

from msgspec import Meta, Struct

from ckr_es.aggregates.amend import understood
from ckr_es.aggregates.facts import Fact, History
from ckr_es.aggregates.plan import Year
from ckr_es.rules import Invalid, Problem, Refused
from ckr_es.rules.money import Kopecks
from ckr_es.rules.values import Count, Document, FunctionCode, Number, Text

Version = Annotated[int, Meta(ge=1, le=1000)]
FEW: Final = Meta(max_length=100)
Firms = Annotated[tuple[UUID, ...], Meta(max_length=500)]
ActivityKind = Literal[
    "webinar",
    "round-table",
    "public-discussion",
    "training",
    "ip-awareness",
    "supplier-growing",
    "promotion",
    "exhibition",
    "business-mission",
    "cooperation",
]


class Item(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """A machine, or a program, that the members of a cluster share."""

    name: Text
    quantity: Annotated[int, Meta(ge=1, le=1_000_000)] = 1
    cost_kopecks: Kopecks | None = None
    software: bool = False


class Partner(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """Who takes part and is no participant of ours: a university, a firm or a centre of another region."""

    name: Text
    region: Text | None = None


class Link(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who gives what to whom in a chain of cooperation; each is a participant of the project by id, or a partner by
    name."""

    supplier: Text
    consumer: Text
    what: Text


class ProgrammeApproved(Fact, frozen=True, kw_only=True, tag="cluster.programme-approved"):
    """A strategy or programme of the cluster was approved (functions б and н; roadmap, row 8).

    An update is the next `version` under the same title; the years are the first and the last that it is for.
    """

    title: Text
    approved_on: date
    function: FunctionCode
    document: Document
    kind: Literal["strategy", "programme"] | None = None
    version: Version | None = None
    approved_by: Text | None = None
    first_year: Year | None = None
    last_year: Year | None = None

    @property
    def effective_on(self) -> date:
        return self.approved_on


class PotentialAssessed(Fact, frozen=True, kw_only=True, tag="cluster.potential-assessed"):
    """The potential of the cluster was assessed (functions а and д); the score is out of 100."""

    title: Text
    assessed_on: date
    function: FunctionCode
    document: Document
    score: Annotated[int, Meta(ge=0, le=100)] | None = None
    conclusion: Text | None = None

    @property
    def effective_on(self) -> date:
        return self.assessed_on


class BrandRegistered(Fact, frozen=True, kw_only=True, tag="cluster.brand-registered"):
    """A brand of the cluster was registered (function з); `registry_number` is that of the trade mark."""

    title: Text
    registered_on: date
    function: FunctionCode
    document: Document
    registry_number: Number | None = None

    @property
    def effective_on(self) -> date:
        return self.registered_on


class ProjectLaunched(Fact, frozen=True, kw_only=True, tag="cluster.project-launched"):
    """An investment or joint project has begun, within the cluster or with other regions (functions г, ж, и, к)."""

    title: Text
    launched_on: date
    function: FunctionCode
    document: Document
    kind: Literal["investment", "joint", "interregional"] | None = None
    participants: Firms = ()
    partners: Annotated[tuple[Partner, ...], FEW] = ()
    chain: Annotated[tuple[Link, ...], FEW] = ()

    @property
    def effective_on(self) -> date:
        return self.launched_on


class ProjectFinished(Fact, frozen=True, kw_only=True, tag="cluster.project-finished"):
    """The project of that title has ended."""

    title: Text
    finished_on: date
    result: Text
    document: Document | None = None

    @property
    def effective_on(self) -> date:
        return self.finished_on


class EquipmentApproved(Fact, frozen=True, kw_only=True, tag="cluster.equipment-approved"):
    """Equipment or programs that members share were approved, or bought (function в)."""

    title: Text
    approved_on: date
    function: FunctionCode
    document: Document
    items: Annotated[tuple[Item, ...], FEW] = ()
    owner: Text | None = None

    @property
    def effective_on(self) -> date:
        return self.approved_on


class ActivityHeld(Fact, frozen=True, kw_only=True, tag="cluster.activity-held"):
    """Something else was held for the cluster (functions л, м, н, п, р, с): `function` says what it was for.

    `participants` are firms, `attendees` heads, `staff` those of the centre's own people who learnt; never who they
    are. `channel`: where it was told or shown.
    """

    title: Text
    held_on: date
    function: FunctionCode
    document: Document
    kind: ActivityKind | None = None
    participants: Firms = ()
    attendees: Count | None = None
    staff: Count | None = None
    channel: Text | None = None

    @property
    def effective_on(self) -> date:
        return self.held_on


Life = (
    ProgrammeApproved
    | PotentialAssessed
    | BrandRegistered
    | ProjectLaunched
    | EquipmentApproved
    | ActivityHeld
)
LifeKind = Literal["programme", "assessment", "brand", "project", "equipment", "activity"]
KINDS: Final[dict[type[Life], LifeKind]] = {
    ProgrammeApproved: "programme",
    PotentialAssessed: "assessment",
    BrandRegistered: "brand",
    ProjectLaunched: "project",
    EquipmentApproved: "equipment",
    ActivityHeld: "activity",
}


class Lived(Struct, frozen=True, kw_only=True):
    """A record as it stands; of a project also how it ended."""

    event_id: UUID
    kind: LifeKind
    effective_on: date
    record: Life
    finished: ProjectFinished | None


def lived(
    history: History,
    as_of: date,
    *,
    kind: LifeKind | None = None,
    function: str | None = None,
    after: tuple[date, UUID] = (date.min, UUID(int=0)),
) -> list[Lived]:
    """What was done for the cluster by that day, by day, from what follows the key `after` on."""
    standing = [entry for entry in understood(history) if entry.event.effective_on <= as_of]
    finished = {event.title: event for _, event in standing if isinstance(event, ProjectFinished)}
    found = [
        Lived(
            event_id=event_id,
            kind=KINDS[type(event)],
            effective_on=event.effective_on,
            record=event,
            finished=finished.get(event.title) if isinstance(event, ProjectLaunched) else None,
        )
        for event_id, event in standing
        if isinstance(event, Life)
    ]
    wanted = [
        one
        for one in found
        if kind in (None, one.kind)
        and function in (None, one.record.function)
        and after < (one.effective_on, one.event_id)
    ]
    return sorted(wanted, key=lambda one: (one.effective_on, one.event_id))


def check_life(life: Iterable[Life], event: Life | ProjectFinished) -> None:
    """Refused when it does not follow from what was done before, Invalid when it contradicts itself."""
    match event:
        case ProjectFinished(title=title):
            launched = [p.launched_on for p in life if isinstance(p, ProjectLaunched) and p.title == title]
            if not launched:
                raise Refused("project-not-launched", f"Проект «{title}» не начинался")
            not_before(min(launched), event.finished_on, "before-launch", "начат")
        case ProgrammeApproved(first_year=first, last_year=last):
            if first is not None and last is not None and last < first:
                _wrong("/last_year", "years-reversed", f"{last} год раньше, чем {first}", last)
            if event.version is not None and (event.title, event.version) in (
                (p.title, p.version) for p in life if isinstance(p, ProgrammeApproved)
            ):
                raise Refused(
                    "version-taken", f"Версия {event.version} программы «{event.title}» уже утверждена"
                )
        case ProjectLaunched():
            known = {str(id) for id in event.participants} | {partner.name for partner in event.partners}
            for n, link in enumerate(event.chain):
                for end, who in (("supplier", link.supplier), ("consumer", link.consumer)):
                    if who not in known:
                        detail = f"«{who}» — не участник проекта (id) и не партнёр (имя)"
                        _wrong(f"/chain/{n}/{end}", "not-in-project", detail, who)


def not_before(earlier: date, day: date, code: str, what: str) -> None:
    if day < earlier:
        raise Refused(code, f"{day} раньше, чем {what} ({earlier})")


def _wrong(pointer: str, code: str, detail: str, given: object) -> None:
    raise Invalid(code, detail, [Problem(pointer, code, detail, given)])
