"""A service case: one application of one participant, what was decided about it and what was given.

A plain case has one component. A complex case (комплексная услуга) has a scoring and at least two components of
different services; the acceptance that makes every mandatory component accepted also completes it.
"""

from collections.abc import Iterable
from datetime import date
from typing import Annotated, Any, Literal, assert_never
from uuid import UUID

from msgspec import Meta, Struct
from msgspec.structs import replace

from ckr_es.aggregates.amend import understood
from ckr_es.aggregates.facts import Correction, Fact, History, Kind, Void
from ckr_es.rules import Refused, eligibility, scoring
from ckr_es.rules import decision as rules_of_decision
from ckr_es.rules.earlier_support import Note
from ckr_es.rules.money import Kopecks
from ckr_es.rules.rule_sets import in_force
from ckr_es.rules.support_codes import default_codes
from ckr_es.rules.values import Code, Condition, Number, ServiceCode, Text

COMPONENTS_OF_A_COMPLEX = 2
Grade = Annotated[int, Meta(ge=1, le=5)]  # how the firm grades what it was given, 5 is best
Attendees = Annotated[int, Meta(ge=1, le=10_000)]


class Opened(Fact, frozen=True, kw_only=True, tag="service-case.opened"):
    """An application for a service; `source` and `external_id` name it in the system that it came from.

    One that came with a group service names that.
    """

    participant_id: UUID
    cluster: Code
    complex: bool
    applied_on: date
    source: Text | None = None
    external_id: Text | None = None
    group_service_id: UUID | None = None

    @property
    def effective_on(self) -> date:
        return self.applied_on


class Scored(Fact, frozen=True, kw_only=True, tag="service-case.scored"):
    """Extended assessment of the firm (concept, section 5, service а); the score is out of 100.

    With answers (numbers and keys of choices, by indicator) it names the version of the questionnaire they are of.
    """

    scored_on: date
    score: Annotated[int, Meta(ge=0, le=100)]
    conclusion: Text
    questionnaire: str | None = None
    answers: dict[str, int | str] | None = None

    @property
    def effective_on(self) -> date:
        return self.scored_on


class Verdict(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A condition as it was judged: on which inputs, from which event."""

    condition: Condition
    verdict: Literal["pass", "fail", "review", "not_checked"]
    explanation: str
    inputs: dict[str, Any]
    event_id: UUID | None = None


class Override(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    condition: Condition
    ground: Text


class EligibilityDecided(Fact, frozen=True, kw_only=True, tag="service-case.eligibility-decided"):
    """The decision under `rule_set`, with all that it rests on: verdicts, overrides, earlier support."""

    decision: Literal["eligible", "refused"]
    decided_on: date
    rule_set: str
    checks: tuple[Verdict, ...]
    overrides: tuple[Override, ...] = ()
    notes: tuple[Note, ...] = ()

    @property
    def effective_on(self) -> date:
        return self.decided_on


class ComponentAdded(Fact, frozen=True, kw_only=True, tag="service-case.component-added"):
    """A service that the case is for, what it costs and what of that the participant pays."""

    component_no: int
    service: ServiceCode
    added_on: date
    mandatory: bool
    cost_kopecks: Kopecks
    participant_payment_kopecks: Kopecks
    provider_id: UUID | None = None
    funding: Text | None = None

    @property
    def effective_on(self) -> date:
        return self.added_on


class ConflictAnswered(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Why a provider of the firm's or the centre's own group gives this component all the same."""

    component_no: int
    answer: Text


class AgreementSigned(Fact, frozen=True, kw_only=True, tag="service-case.agreement-signed"):
    """The agreement with the participant on the services of the case."""

    number: Number
    signed_on: date
    conflicts_answered: tuple[ConflictAnswered, ...] = ()

    @property
    def effective_on(self) -> date:
        return self.signed_on


class ServiceAccepted(Fact, frozen=True, kw_only=True, tag="service-case.service-accepted"):
    """The act of a component; participant, cluster and service are repeated so that the event can be counted alone.

    `attendees`: how many people of the participant came to a group service. Who they are is nowhere.
    """

    component_no: int
    service: ServiceCode
    participant_id: UUID
    cluster: Code
    complex: bool
    act_number: Number
    accepted_on: date
    quantity: Annotated[int, Meta(ge=1, le=1_000_000)]
    unit: Text
    grade: Grade | None = None
    attendees: Attendees | None = None

    @property
    def effective_on(self) -> date:
        return self.accepted_on


class Completed(Fact, frozen=True, kw_only=True, tag="service-case.completed"):
    """Every mandatory component of a complex case is accepted."""

    participant_id: UUID
    cluster: Code
    completed_on: date

    @property
    def effective_on(self) -> date:
        return self.completed_on


class Cancelled(Fact, frozen=True, kw_only=True, tag="service-case.cancelled"):
    """The case ends without its services."""

    cancelled_on: date
    reason: Text

    @property
    def effective_on(self) -> date:
        return self.cancelled_on


class SupportReported(Fact, frozen=True, kw_only=True, tag="service-case.support-reported"):
    """The component went to the register of support recipients (209-ФЗ, article 8) under this stable id."""

    component_no: int
    support_id: UUID
    reported_on: date
    file: Text

    @property
    def effective_on(self) -> date:
        return self.reported_on


Happening = (
    Opened
    | Scored
    | EligibilityDecided
    | ComponentAdded
    | AgreementSigned
    | ServiceAccepted
    | Completed
    | Cancelled
    | SupportReported
)


class Voided(Void, frozen=True, kw_only=True, tag="service-case.voided"):
    pass


class Corrected(Correction, frozen=True, kw_only=True, tag="service-case.corrected"):
    replacement: Happening

    @property
    def effective_on(self) -> date:
        return self.replacement.effective_on


Event = Happening | Voided | Corrected


class ServiceCase(Struct, frozen=True, kw_only=True):
    opened: Opened
    scored: Scored | None = None
    decided: EligibilityDecided | None = None
    components: tuple[ComponentAdded, ...] = ()
    agreement: AgreementSigned | None = None
    accepted: tuple[ServiceAccepted, ...] = ()
    completed: Completed | None = None
    cancelled: Cancelled | None = None
    reported: tuple[SupportReported, ...] = ()

    def component(self, no: int) -> ComponentAdded:
        for component in self.components:
            if component.component_no == no:
                return component
        raise Refused("no-such-component", f"В деле нет компонента {no}")

    def eligible(self) -> EligibilityDecided:
        if self.decided is None or self.decided.decision != "eligible":
            raise Refused("not-eligible", "По делу нет решения о соответствии условиям")
        return self.decided

    def examinable(self, decided_on: date) -> None:
        """Refused where no verdicts would make the case eligible on that day: cancelled, or complex and not scored."""
        if self.cancelled is not None:
            raise Refused("case-cancelled", f"Дело отменено {self.cancelled.cancelled_on}")
        if self.opened.complex:
            if self.scored is None:
                raise Refused("not-scored", "Комплексная услуга без скоринга не предоставляется")
            if self.scored.scored_on > decided_on:
                raise Refused("not-scored", f"Скоринг проведён {self.scored.scored_on}, после решения")

    def add_component(
        self,
        *,
        service: str,
        added_on: date,
        cost_kopecks: int,
        participant_payment_kopecks: int,
        mandatory: bool,
        provider_id: UUID | None,
        funding: str | None,
        late_reason: str | None,
    ) -> tuple[Happening, ...]:
        """A component of a complex case; the same service again is no news when nothing of it differs."""
        event = ComponentAdded(
            component_no=max((c.component_no for c in self.components), default=0) + 1,
            service=service,
            added_on=added_on,
            mandatory=mandatory,
            cost_kopecks=cost_kopecks,
            participant_payment_kopecks=participant_payment_kopecks,
            provider_id=provider_id,
            funding=funding,
            late_reason=late_reason,
        )
        same = replace(event, late_reason=None)
        if any(replace(same, component_no=c.component_no) == c for c in self.components):
            return ()
        check(self, event)
        return (event,)

    def forms(self) -> tuple[str, ...]:
        """The forms of support that the case asks for; a table that people edit must not change old decisions."""
        return tuple(default_codes().of(component.service).form for component in self.components)

    def decide_eligibility(
        self,
        verdicts: tuple[eligibility.Check, ...],
        *,
        notes: tuple[Note, ...] = (),
        decision: Literal["eligible", "refused"],
        decided_on: date,
        overrides: tuple[Override, ...],
        role: str,
        late_reason: str | None,
    ) -> tuple[Happening, ...]:
        """The decision with all it rests on, so that an audit can run it again (concept, section 5)."""
        grounds = tuple(rules_of_decision.Override(condition=o.condition, ground=o.ground) for o in overrides)
        event = EligibilityDecided(
            decision=decision,
            decided_on=decided_on,
            rule_set=in_force(self.opened.applied_on).id,
            checks=tuple(
                Verdict(
                    condition=c.condition,
                    verdict=c.verdict,
                    explanation=c.explanation,
                    inputs=c.inputs,
                    event_id=c.event_id,
                )
                for c in verdicts
            ),
            overrides=overrides,
            notes=notes,
            late_reason=late_reason,
        )
        if replace(event, late_reason=None) == self.decided:
            return ()
        rules_of_decision.decide(decision, verdicts, grounds, role)
        check(self, event)
        return (event,)

    def accept(
        self,
        *,
        component_no: int,
        act_number: str,
        accepted_on: date,
        quantity: int,
        unit: str,
        late_reason: str | None,
        grade: int | None = None,
        attendees: int | None = None,
    ) -> tuple[Happening, ...]:
        """The act of one component, and the completion of the case when it was the last mandatory one."""
        component = self.component(component_no)
        event = ServiceAccepted(
            component_no=component_no,
            service=component.service,
            participant_id=self.opened.participant_id,
            cluster=self.opened.cluster,
            complex=self.opened.complex,
            act_number=act_number,
            accepted_on=accepted_on,
            quantity=quantity,
            unit=unit,
            grade=grade,
            attendees=attendees,
            late_reason=late_reason,
        )
        if replace(event, late_reason=None) in self.accepted:
            return ()
        check(self, event)
        after = evolve(self, event, _UNRECORDED)
        completed_on = after.completion_due()
        if completed_on is None or self.completed is not None:
            return (event,)
        return (event, after.completion(completed_on, late_reason))

    def completion_due(self) -> date | None:
        """The day of the last act that makes a complex case complete, once it is.

        Every mandatory component is needed, and at least two services: when only one is mandatory, the optional
        component accepted first counts with it. No service is twice in a case, so components are services.
        """
        mandatory = {c.component_no for c in self.components if c.mandatory}
        needed = max(len(mandatory), COMPONENTS_OF_A_COMPLEX)
        acts = sorted(self.accepted, key=lambda act: act.component_no not in mandatory)[:needed]
        if (
            not self.opened.complex
            or not mandatory
            or len(acts) < needed
            or not mandatory <= {act.component_no for act in acts}
        ):
            return None
        return max(act.accepted_on for act in acts)

    def completion(self, on: date, late_reason: str | None) -> Completed:
        return Completed(
            participant_id=self.opened.participant_id,
            cluster=self.opened.cluster,
            completed_on=on,
            late_reason=late_reason,
        )


_UNRECORDED = UUID(int=0)


def open_case(
    case: ServiceCase | None, opened: Opened, component: ComponentAdded | None
) -> tuple[Happening, ...]:
    """A case and, when it is plain, its one component. The same application again is the same case."""
    if case is not None:
        return ()
    return (opened,) if component is None else (opened, component)


def decide(case: ServiceCase, event: Happening) -> tuple[Happening, ...]:
    """The event to record, or nothing when the log says so already."""
    bare = replace(event, late_reason=None)
    if bare in (case.scored, case.agreement, case.cancelled, *case.reported):
        return ()
    check(case, event)
    return (event,)


def settle(history: History, late_reason: str | None) -> tuple[Fact, ...]:
    """After a correction: the completion comes, moves or goes with the acceptances it rests on."""
    entries = understood(history)
    recorded = [entry for entry in entries if isinstance(entry.event, Completed)]
    state: ServiceCase | None = None
    for event_id, event in entries:
        if not isinstance(event, Completed):
            state = evolve(state, event, event_id)
    due = state.completion_due() if state else None
    if not recorded:
        return (state.completion(due, late_reason),) if state and due else ()
    event_id, completed = recorded[-1]
    why = "Следует из исправления акта"
    if state is None or due is None:
        return (
            Voided(voids=event_id, reason=why, effective_on=completed.completed_on, late_reason=late_reason),
        )
    replacement = state.completion(due, None)
    if replacement == replace(completed, late_reason=None):
        return ()
    return (Corrected(corrects=event_id, reason=why, replacement=replacement, late_reason=late_reason),)


def check(case: ServiceCase | None, event: Happening) -> None:
    if isinstance(event, Opened):
        if case is not None:
            raise Refused("already-opened", "Дело уже открыто")
        return
    if case is None:
        raise Refused("not-opened", "Дело не открыто")
    if case.cancelled is not None and not isinstance(event, SupportReported):
        raise Refused("case-cancelled", f"Дело отменено {case.cancelled.cancelled_on}")
    if event.effective_on < case.opened.applied_on:
        raise Refused("before-application", f"{event.effective_on} раньше заявки ({case.opened.applied_on})")
    match event:
        case Scored():
            if not case.opened.complex:
                raise Refused("not-complex", "Скоринг проводится только для комплексной услуги")
            scoring.confirm(event)
        case EligibilityDecided():
            declared = max((c.inputs.get("declared_as_of") or "" for c in event.checks), default="")
            if declared > event.decided_on.isoformat():
                raise Refused("before-declaration", f"Решение раньше декларации ({declared})")
            if event.decision == "eligible":
                case.examinable(event.decided_on)
            first = min((act.accepted_on for act in case.accepted), default=None)
            if first is not None and (event.decision == "refused" or first < event.decided_on):
                raise Refused("already-served", f"По делу уже приняты услуги (первый акт {first})")
        case ComponentAdded():
            if not case.opened.complex and case.components:
                raise Refused("plain-case", "В простом деле один компонент")
            if completed_on := case.completion_due():
                raise Refused("case-completed", f"Дело завершено {completed_on}")
            if any(c.service == event.service for c in case.components):
                raise Refused("duplicate-service", f"Услуга {event.service} уже есть в деле")
            if any(c.component_no == event.component_no for c in case.components):
                raise Refused("duplicate-component", f"Компонент {event.component_no} уже есть в деле")
        case AgreementSigned():
            decided = case.eligible()
            if event.signed_on < decided.decided_on:
                raise Refused("before-decision", f"Договор раньше решения ({decided.decided_on})")
            if case.opened.complex and len(case.components) < COMPONENTS_OF_A_COMPLEX:
                raise Refused("too-few-components", "В комплексной услуге не менее двух разных услуг")
            if case.agreement is not None:
                raise Refused("already-signed", f"Договор уже подписан ({case.agreement.number})")
            for answered in event.conflicts_answered:
                case.component(answered.component_no)
        case ServiceAccepted():
            decided = case.eligible()
            if event.accepted_on < decided.decided_on:
                raise Refused("before-decision", f"Акт раньше решения ({decided.decided_on})")
            component = case.component(event.component_no)
            if (event.service, event.cluster) != (component.service, case.opened.cluster):
                raise Refused("act-differs", f"Услуга или кластер акта {event.act_number} не те, что в деле")
            if any(act.component_no == event.component_no for act in case.accepted):
                raise Refused("already-accepted", f"Компонент {event.component_no} уже принят")
        case Cancelled():
            if case.completion_due() or (case.accepted and not case.opened.complex):
                raise Refused("already-served", "Услуги по делу уже приняты")
        case SupportReported():
            if not any(act.component_no == event.component_no for act in case.accepted):
                raise Refused("not-accepted", f"Компонент {event.component_no} не принят")
        case Completed():
            pass
        case _:
            assert_never(event)


def evolve(case: ServiceCase | None, event: Happening, _: UUID) -> ServiceCase:
    event = replace(event, late_reason=None)
    if isinstance(event, Opened):
        return ServiceCase(opened=event)
    assert case is not None
    match event:
        case Scored():
            return replace(case, scored=event)
        case EligibilityDecided():
            return replace(case, decided=event)
        case ComponentAdded():
            return replace(case, components=(*case.components, event))
        case AgreementSigned():
            return replace(case, agreement=event)
        case ServiceAccepted():
            return replace(case, accepted=(*case.accepted, event))
        case Completed():
            return replace(case, completed=event)
        case Cancelled():
            return replace(case, cancelled=event)
        case SupportReported():
            return replace(case, reported=(*case.reported, event))
        case _:
            assert_never(event)


def after(case: ServiceCase | None, events: Iterable[Any]) -> ServiceCase:
    """The case once these are recorded too."""
    for event in events:
        case = evolve(case, event, _UNRECORDED)
    assert case is not None
    return case


KIND = Kind(
    "service-case",
    evolve,
    check,
    Voided,
    Corrected,
    fixed=frozenset(
        {
            "participant_id",
            "complex",
            "component_no",
            "source",
            "external_id",
            "group_service_id",
            "decision",
            "checks",
            "rule_set",
            "overrides",
            "notes",
        }
    ),
    derived=(Completed,),
)
