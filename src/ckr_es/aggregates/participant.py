"""A participant: a firm, an entrepreneur or an organisation, what the registers say of it, and what it reports.

An entrepreneur is a natural person: name, INN, OGRNIP and contacts lie in the identity vault, and the event holds
only the commitment to them (architecture, section 4).
"""

from collections import deque
from collections.abc import Iterable
from datetime import date
from typing import Annotated, Literal, TypeVar, assert_never
from uuid import UUID

from msgspec import Meta, Struct
from msgspec.structs import replace

from ckr_es.aggregates.facts import Correction, Fact, Kind, Void
from ckr_es.rules import Invalid, Problem, Refused
from ckr_es.rules.calendar import month_end, quarter
from ckr_es.rules.eligibility import Evidence, Membership, RegistryCheck, SupportCheck, Via
from ckr_es.rules.money import Kopecks
from ckr_es.rules.okved import okved_code
from ckr_es.rules.support import Support
from ckr_es.rules.validation import Rule
from ckr_es.rules.values import (
    Agreement,
    Code,
    Condition,
    Count,
    Document,
    Month,
    Ogrn,
    Private,
    Quarter,
    Sha256,
    Text,
)

PartyKind = Literal["legal_entity", "entrepreneur", "organisation"]
OkvedCode = Annotated[str, Rule(okved_code)]
RegionCode = Annotated[str, Meta(pattern=r"^[0-9]{2}$(?!\n)")]


class Registered(Fact, frozen=True, kw_only=True, tag="participant.registered"):
    """`inn`, `ogrn`, `name` of a legal entity only; `identity_commitment` (hex SHA-256) when the vault holds a row."""

    kind: PartyKind
    registered_on: date
    inn: str | None = None
    ogrn: Ogrn | None = None
    name: Private | None = None
    identity_commitment: Sha256 | None = None

    @property
    def effective_on(self) -> date:
        return self.registered_on


class IdentityChanged(Fact, frozen=True, kw_only=True, tag="participant.identity-changed"):
    """The name or registration number after a change in the world; the INN stays for life."""

    changed_on: date
    ogrn: Ogrn | None = None
    name: Private | None = None
    identity_commitment: Sha256 | None = None

    @property
    def effective_on(self) -> date:
        return self.changed_on


class RegistryChecked(Fact, frozen=True, kw_only=True, tag="participant.registry-checked"):
    """What a register said of the firm as of a day; `unavailable` means that it did not answer.

    `answer_sha256` names the very file or answer this was read from: such a record may lack what that register
    does not hold. Without it, found means that everything was looked up and entered. `via` says who read it.
    """

    source: Text
    as_of: date
    result: Literal["found", "absent", "unavailable"]
    category: Literal["micro", "small", "medium"] | None = None
    included_on: date | None = None
    region_code: RegionCode | None = None
    okved_main: OkvedCode | None = None
    okved_additional: tuple[OkvedCode, ...] | None = None
    okved_version: Literal["2014", "2001"] = "2014"
    status: (
        Literal["active", "liquidating", "liquidated", "reorganizing", "bankruptcy_sale", "bankrupt"] | None
    ) = None
    headcount: Count | None = None
    licences: tuple[Text, ...] | None = None
    via: Via = "entry"
    answer_sha256: Sha256 | None = None

    @property
    def effective_on(self) -> date:
        return self.as_of


class SupportChecked(Fact, frozen=True, kw_only=True, tag="participant.support-checked"):
    """What the register of support recipients held of the firm as of a day (reference.md, 4.2)."""

    source: Text
    as_of: date
    result: Literal["found", "absent"]
    supports: tuple[Support, ...] = ()
    answer_sha256: Sha256

    @property
    def effective_on(self) -> date:
        return self.as_of


class EvidenceFiled(Fact, frozen=True, kw_only=True, tag="participant.evidence-filed"):
    """A tax certificate (with its debt), a declaration (with the conditions it covers) or another document."""

    kind: Literal["tax_certificate", "declaration", "document"]
    as_of: date
    debt_kopecks: Kopecks | None = None
    covers: tuple[Condition, ...] | None = None
    document: Document | None = None

    @property
    def effective_on(self) -> date:
        return self.as_of


class JoinedCluster(Fact, frozen=True, kw_only=True, tag="participant.joined-cluster"):
    """A member of the cluster from `joined_on`."""

    cluster: Code
    joined_on: date
    agreement: Agreement | None = None

    @property
    def effective_on(self) -> date:
        return self.joined_on


class LeftCluster(Fact, frozen=True, kw_only=True, tag="participant.left-cluster"):
    """No longer a member on `left_on`."""

    cluster: Code
    left_on: date
    reason: Text

    @property
    def effective_on(self) -> date:
        return self.left_on


class JobsReported(Fact, frozen=True, kw_only=True, tag="participant.jobs-reported"):
    """Headcount and jobs created of a quarter, said by the firm; a later report of the quarter supersedes."""

    quarter: Quarter
    headcount: Count
    jobs_created: Count
    evidence: Text

    @property
    def effective_on(self) -> date:
        return quarter(self.quarter).last


class SalesReported(Fact, frozen=True, kw_only=True, tag="participant.sales-reported"):
    """Sales of that quarter alone (not cumulative), in kopecks."""

    quarter: Quarter
    amount_kopecks: Kopecks
    evidence: Text

    @property
    def effective_on(self) -> date:
        return quarter(self.quarter).last


class ProductLaunched(Fact, frozen=True, kw_only=True, tag="participant.product-launched"):
    """A new product on the market with the centre's help: `case_id` is the service that helped."""

    title: Text
    markets: Annotated[tuple[Literal["russian", "foreign"], ...], Meta(min_length=1, max_length=2)]
    launched_on: date
    case_id: UUID
    evidence: Text

    @property
    def effective_on(self) -> date:
        return self.launched_on


class FollowedUp(Fact, frozen=True, kw_only=True, tag="participant.followed-up"):
    """How a firm fares after a complex service (concept, function т)."""

    case_id: UUID
    month: Month
    headcount: Count
    sales_kopecks: Kopecks
    satisfaction: Annotated[int, Meta(ge=1, le=5)] | None = None
    note: Text | None = None

    @property
    def effective_on(self) -> date:
        return month_end(self.month)


class IdentityErased(Fact, frozen=True, kw_only=True, tag="participant.identity-erased"):
    """The vault's row is gone (152-ФЗ); the act says why. `categories`: what that row held (its fields' names)."""

    act_number: Text
    erased_on: date
    basis: Text
    act_date: date | None = None
    categories: tuple[Text, ...] = ()
    proposed_by: Text | None = None

    @property
    def effective_on(self) -> date:
        return self.erased_on


Happening = (
    Registered
    | IdentityChanged
    | RegistryChecked
    | SupportChecked
    | EvidenceFiled
    | JoinedCluster
    | LeftCluster
    | JobsReported
    | SalesReported
    | ProductLaunched
    | FollowedUp
    | IdentityErased
)


class Voided(Void, frozen=True, kw_only=True, tag="participant.voided"):
    pass


class Corrected(Correction, frozen=True, kw_only=True, tag="participant.corrected"):
    replacement: Happening

    @property
    def effective_on(self) -> date:
        return self.replacement.effective_on


Event = Happening | Voided | Corrected


class Participant(Struct, frozen=True, kw_only=True):
    registered: Registered
    name: str | None
    ogrn: str | None
    commitment: str | None
    checks: tuple[RegistryCheck, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    documents: tuple[EvidenceFiled, ...] = ()
    memberships: tuple[Membership, ...] = ()
    joined: frozenset[JoinedCluster] = frozenset()
    left: frozenset[LeftCluster] = frozenset()
    jobs: tuple[JobsReported, ...] = ()
    sales: tuple[SalesReported, ...] = ()
    products: frozenset[ProductLaunched] = frozenset()
    followed: tuple[FollowedUp, ...] = ()
    checked: tuple[RegistryChecked, ...] = ()
    supports: tuple[SupportCheck, ...] = ()
    support_checked: tuple[SupportChecked, ...] = ()
    erased: IdentityErased | None = None


Report = TypeVar("Report", JobsReported, SalesReported)
Recorded = TypeVar("Recorded", bound=Happening)


def decide(participant: Participant | None, event: Happening) -> tuple[Happening, ...]:
    """The event to record, or nothing when the log says so already."""
    if participant is not None and _stands(participant, replace(event, late_reason=None)):
        return ()
    check(participant, event)
    return (event,)


def check(participant: Participant | None, event: Happening) -> None:
    if isinstance(event, Registered):
        if participant is not None:
            raise Refused("already-registered", "Участник с этим ИНН уже зарегистрирован")
        _vaulted(event.kind, event)
        return
    if participant is None:
        raise Refused("not-registered", "Участник не зарегистрирован")
    match event:
        case RegistryChecked():
            _complete_check(event)
        case SupportChecked():
            _complete_support(event)
        case EvidenceFiled():
            _complete_evidence(event)
        case JoinedCluster():
            if any(
                m.cluster == event.cluster and (m.left_on is None or m.left_on > event.joined_on)
                for m in participant.memberships
            ):
                raise Refused("already-member", f"Участник уже состоит в кластере «{event.cluster}»")
        case LeftCluster():
            open_since = [
                m.joined_on
                for m in participant.memberships
                if m.cluster == event.cluster and m.left_on is None
            ]
            if not open_since:
                raise Refused("not-a-member", f"Участник не состоит в кластере «{event.cluster}»")
            if event.left_on <= open_since[-1]:
                raise Refused("before-joining", f"Выход {event.left_on} не позже вступления {open_since[-1]}")
        case ProductLaunched():
            if len(set(event.markets)) < len(event.markets):
                raise Invalid(
                    "duplicate",
                    "Рынок указан дважды",
                    [Problem("/markets", "duplicate", "Рынок указан дважды", list(event.markets))],
                )
        case IdentityErased():
            if participant.commitment is None:
                raise _nobody(participant)
        case IdentityChanged():
            if participant.erased is not None and participant.registered.kind == "entrepreneur":
                raise _nobody(participant)
            _vaulted(participant.registered.kind, event)
        case JobsReported() | SalesReported() | FollowedUp():
            pass
        case _:
            assert_never(event)


def _stands(participant: Participant, event: Happening) -> bool:
    match event:
        case Registered():
            return participant.registered == event
        case IdentityChanged():
            return (
                event.identity_commitment in (None, participant.commitment)
                and event.name in (None, participant.name)
                and event.ogrn in (None, participant.ogrn)
            )
        case RegistryChecked():
            # Of one day the answer recorded last counts. A register's file again is no news, what was entered since is.
            return event == _last(
                c
                for c in participant.checked
                if c.as_of == event.as_of and (event.via == "entry" or c.source == event.source)
            )
        case SupportChecked():
            return event == _last(
                c for c in participant.support_checked if (c.as_of, c.source) == (event.as_of, event.source)
            )
        case EvidenceFiled(kind="tax_certificate"):
            return event == _last(
                e for e in participant.documents if (e.kind, e.as_of) == (event.kind, event.as_of)
            )
        case EvidenceFiled():
            return event in participant.documents
        case JoinedCluster():
            return event in participant.joined
        case LeftCluster():
            return event in participant.left
        case JobsReported():
            return event == _latest(participant.jobs, event.quarter)
        case SalesReported():
            return event == _latest(participant.sales, event.quarter)
        case ProductLaunched():
            return event in participant.products
        case FollowedUp():
            return event in participant.followed
        case IdentityErased():
            return participant.erased == event
        case _:
            assert_never(event)


def _latest(reports: tuple[Report, ...], label: str) -> Report | None:
    return _last(report for report in reports if report.quarter == label)


def _last(recorded: Iterable[Recorded]) -> Recorded | None:
    return next(iter(deque(recorded, maxlen=1)), None)


def _nobody(participant: Participant) -> Refused:
    if participant.erased is not None:
        return Refused("identity-erased", "Сведения о личности уже удалены")
    return Refused("nothing-to-erase", "Сведений о физическом лице об этом участнике нет")


def _vaulted(kind: PartyKind, event: Registered | IdentityChanged) -> None:
    """What identifies a natural person never enters the log, not by a correction either."""
    named = [name for name in ("inn", "ogrn", "name") if getattr(event, name, None) is not None]
    if kind == "entrepreneur" and named:
        problems = [
            Problem(f"/{name}", "personal-data", f"Поле «{name}» предпринимателя в журнал не пишут")
            for name in named
        ]
        raise Invalid("personal-data", problems[0].detail, problems)


def _complete_check(event: RegistryChecked) -> None:
    needed = ("category", "included_on", "region_code", "okved_main", "okved_additional", "status")
    found = event.result == "found"
    wrong = [name for name in needed if (getattr(event, name) is None) == found]
    if found and event.answer_sha256 is not None:
        wrong = []
    if wrong:
        code = "required" if found else "not-applicable"
        words = "обязательно, когда сведения найдены" if found else "недопустимо, когда сведения не найдены"
        problems = [Problem(f"/{name}", code, f"Поле «{name}» {words}") for name in wrong]
        raise Invalid(code, problems[0].detail, problems)


def _complete_support(event: SupportChecked) -> None:
    if bool(event.supports) != (event.result == "found"):
        detail = "Поддержка указывается тогда и только тогда, когда она найдена"
        raise Invalid("supports-differ", detail, [Problem("/supports", "supports-differ", detail)])


def _complete_evidence(event: EvidenceFiled) -> None:
    belongs = {"tax_certificate": "debt_kopecks", "declaration": "covers", "document": "document"}
    problems = [
        Problem(f"/{name}", "not-applicable", f"Поле «{name}» не относится к виду «{event.kind}»")
        for kind, name in belongs.items()
        if kind != event.kind and name != "document" and getattr(event, name) is not None
    ]
    own = belongs[event.kind]
    if not getattr(event, own) and getattr(event, own) != 0:
        problems.append(Problem(f"/{own}", "required", f"Поле «{own}» обязательно для вида «{event.kind}»"))
    if problems:
        raise Invalid(problems[0].code, problems[0].detail, problems)


def evolve(participant: Participant | None, event: Happening, event_id: UUID) -> Participant:
    event = replace(event, late_reason=None)
    if isinstance(event, Registered):
        return Participant(
            registered=event, name=event.name, ogrn=event.ogrn, commitment=event.identity_commitment
        )
    assert participant is not None
    p = participant
    match event:
        case IdentityChanged():
            return replace(
                p,
                name=event.name or p.name,
                ogrn=event.ogrn or p.ogrn,
                commitment=event.identity_commitment or p.commitment,
            )
        case RegistryChecked():
            return replace(
                p, checks=(*p.checks, _registry_check(event, event_id)), checked=(*p.checked, event)
            )
        case SupportChecked():
            known = SupportCheck(
                event_id=event_id, source=event.source, as_of=event.as_of, supports=event.supports
            )
            return replace(p, supports=(*p.supports, known), support_checked=(*p.support_checked, event))
        case EvidenceFiled():
            filed = Evidence(
                event_id=event_id,
                kind=event.kind,
                as_of=event.as_of,
                debt_kopecks=event.debt_kopecks,
                covers=event.covers or (),
            )
            return replace(p, evidence=(*p.evidence, filed), documents=(*p.documents, event))
        case JoinedCluster():
            joined = Membership(event_id=event_id, cluster=event.cluster, joined_on=event.joined_on)
            return replace(p, memberships=(*p.memberships, joined), joined=p.joined | {event})
        case LeftCluster():
            ended = tuple(
                replace(m, left_on=event.left_on) if m.cluster == event.cluster and m.left_on is None else m
                for m in p.memberships
            )
            return replace(p, memberships=ended, left=p.left | {event})
        case JobsReported():
            return replace(p, jobs=(*p.jobs, event))
        case SalesReported():
            return replace(p, sales=(*p.sales, event))
        case ProductLaunched():
            return replace(p, products=p.products | {event})
        case FollowedUp():
            return replace(p, followed=(*p.followed, event))
        case IdentityErased():
            return replace(p, erased=event, commitment=None)
        case _:
            assert_never(event)


def _registry_check(event: RegistryChecked, event_id: UUID) -> RegistryCheck:
    return RegistryCheck(
        event_id=event_id,
        source=event.source,
        as_of=event.as_of,
        result=event.result,
        category=event.category,
        included_on=event.included_on,
        region_code=event.region_code,
        okved_main=event.okved_main,
        okved_additional=event.okved_additional if event.result == "found" else (),
        okved_version=event.okved_version,
        status=event.status,
        headcount=event.headcount,
        licences=event.licences or (),
        via=event.via,
    )


KIND = Kind(
    "participant",
    evolve,
    check,
    Voided,
    Corrected,
    fixed=frozenset({"kind", "inn", "identity_commitment", "via", "answer_sha256"}),
    derived=(IdentityChanged, IdentityErased),
)
