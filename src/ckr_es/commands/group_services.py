"""Group services: one command opens, decides and accepts a case for everybody who came, or for nobody.

Each participant is judged as in a single case, on what is known of it, and all that is wrong is told at once.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Annotated, Any
from uuid import UUID, uuid4

from msgspec import Meta, Struct

from ckr_es.aggregates import cluster, group_service, participant, service_case
from ckr_es.aggregates.amend import amend, fold, understood
from ckr_es.aggregates.facts import Entry, Fact, History
from ckr_es.aggregates.group_service import Held
from ckr_es.aggregates.service_case import Attendees, ComponentAdded, Opened, Override
from ckr_es.application import (
    Answer,
    News,
    Request,
    ServiceTracking,
    Streams,
    period_ids,
    refuse_closed,
    stream_id,
)
from ckr_es.commands.cases import assess, notes
from ckr_es.commands.guards import cluster_stream, named, visible, within
from ckr_es.commands.limits import entries_after
from ckr_es.rules import Invalid, Problem, Refused, Unknown, identifiers
from ckr_es.rules.eligibility import Check
from ckr_es.rules.values import ERASED, Code, Condition, Document, Private, ServiceCode, Text

MOST = 500  # participants of one event
PERSON = 12  # digits of a natural person's INN
DISORDERED = "dates-disordered"

ActNumber = Annotated[str, Meta(min_length=1, max_length=90)]


class Attendance(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How many people of the participant came; names of people have no place in the log."""

    participant_id: UUID
    attendees: Attendees


class FirmOverride(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """As `overrides` of a single decision, for this participant."""

    participant_id: UUID
    condition: Condition
    ground: Text


class _Common(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    service: ServiceCode
    cluster: Code
    held_on: date
    applied_on: date | None = None
    decided_on: date | None = None
    act_number: ActNumber | None = None
    unit: Text = "услуга"
    quantity: Annotated[int, Meta(ge=1, le=1_000_000)] = 1
    document: Document | None = None
    attendance: tuple[Attendance, ...] = ()
    overrides: tuple[FirmOverride, ...] = ()
    late_reason: Text | None = None


class GroupService(_Common, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A training, exhibition, business mission or round table, with the participants that came (at most 500).

    `applied_on` and `decided_on` are the day of the event unless given. Acts are numbered `act_number/1`, `/2` … in
    the order of the list.
    """

    title: Text
    participants: Annotated[tuple[UUID, ...], Meta(min_length=1, max_length=MOST)]


class Draft(_Common, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The same to be looked at: `participants` are ids or INNs, as they stand in somebody's list."""

    title: Text | None = None
    participants: Annotated[tuple[Private, ...], Meta(min_length=1, max_length=MOST)]


class Firm(Struct, frozen=True, kw_only=True):
    """What the rules say of one line of the list: `facts` of its case, or the `problem`.

    Without `checks` there was nobody to judge: the list itself is no good.
    """

    no: int
    participant_id: UUID | None = None
    facts: tuple[Fact, ...] = ()
    checks: tuple[Check, ...] = ()
    problem: Problem | None = None


class Look(Struct, frozen=True, kw_only=True):
    """All that `hold` would name, each line of the list, and what the participants are called."""

    errors: tuple[Problem, ...]
    firms: tuple[Firm, ...]
    names: dict[UUID, str]


def group_stream(given: GroupService | Draft) -> UUID:
    """The same service, cluster, day and title again are the same event."""
    title = " ".join((given.title or "").lower().split())
    said = (given.cluster, given.service, given.held_on.isoformat(), title)
    return stream_id("group-service", "\n".join(said))


def case_of(id: UUID, participant_id: UUID) -> UUID:
    """The case of this participant in the group service `id`."""
    return stream_id("group-service-case", f"{id}\n{participant_id}")


def hold(tracking: ServiceTracking, request: Request, given: GroupService) -> Answer:
    """The event with a served case of each participant, all or nothing.

    Raises Invalid where the list is no good, Refused("participants-refused") where the rules bar anybody: either
    names every participant that something is wrong with, by its place in the list.
    """
    within(request, given.cluster)
    id = group_stream(given)
    lines = dict(enumerate(given.participants))
    event = _event(given, lines)

    def decide(streams: Streams) -> News:
        held = group_service.hold(streams.state(group_service.KIND, id), event)
        if not held:
            return {}
        named(streams, cluster.KIND, cluster_stream(given.cluster), "/cluster", "Кластер")
        firms = _judged(streams, request, id, given, lines)
        _refuse(_disorder(given, lines), firms)
        return {id: held} | {case_of(id, lines[firm.no]): firm.facts for firm in firms}

    return tracking.record(request, id, str(id), decide, reads=_reads(id, given, lines), days=_dates(given))


def look(tracking: ServiceTracking, request: Request, draft: Draft) -> Look:
    """What `hold` would say to it now. Nothing is recorded."""
    within(request, draft.cluster)
    found = dict(enumerate(resolved(tracking, draft.participants)))
    lines = {no: who for no, who in found.items() if isinstance(who, UUID)}
    id = group_stream(draft)
    streams = tracking.streams({id, *_reads(id, draft, lines), *period_ids(_dates(draft))})
    named(streams, cluster.KIND, cluster_stream(draft.cluster), "/cluster", "Кластер")
    disorder = _disorder(draft, lines)
    try:
        group_service.check(streams.state(group_service.KIND, id), _event(draft, lines))
    except Refused as again:
        judged = [Firm(no=no, participant_id=who) for no, who in lines.items()]
        disorder.append(Problem("/title", again.code, again.detail))
    else:
        judged = _judged(streams, request, id, draft, lines)
    try:
        if draft.late_reason is None:
            refuse_closed(streams, _dates(draft))
    except Refused as late:
        disorder.append(Problem("/late_reason", late.code, late.detail))
    strangers = (Firm(no=no, problem=who) for no, who in found.items() if isinstance(who, Problem))
    firms = sorted([*strangers, *judged], key=lambda firm: firm.no)
    return Look(
        errors=tuple(_errors(disorder, firms)),
        firms=tuple(firms),
        names=names(tracking, streams, lines.values()),
    )


def correct(
    tracking: ServiceTracking,
    request: Request,
    id: UUID,
    event_id: UUID,
    reason: str,
    replacement: dict[str, Any] | None,
    late_reason: str | None,
) -> Answer:
    """Correct what the event is called, or void it: then its cases are void too, all or nothing.

    Raises Refused("cases-rest") naming the participants whose cases the rules hold fast.
    """
    past = tracking.streams([id]).state(group_service.KIND, id)
    whom = past.held.participants if past else ()

    def decide(streams: Streams) -> Sequence[Fact] | News:
        state = streams.state(group_service.KIND, id)
        if state is None:
            raise Unknown("not-found", "Групповая услуга не найдена")
        within(request, state.held.cluster)
        events = amend(
            group_service.KIND, streams.history(id), event_id, reason, replacement, request.today, late_reason
        )
        if fold(group_service.KIND, entries_after(streams, id, events)) is not None:
            return events
        news: dict[UUID, Sequence[Fact]] = {id: events}
        problems = []
        for no, who in enumerate(whom):
            case = case_of(id, who)
            try:
                news[case] = _undone(streams.history(case), reason, request.today, late_reason)
            except Refused as held:
                problems.append(Problem(f"/participants/{no}", held.code, held.detail, str(who)))
        if problems:
            raise Refused(
                "cases-rest", "Мероприятие не отменить: дела участников этого не допускают", problems
            )
        return news

    return tracking.record(request, id, str(id), decide, reads=[case_of(id, who) for who in whom])


def resolved(tracking: ServiceTracking, lines: Sequence[str]) -> list[UUID | Problem]:
    """The participant of each line, which is an id or an INN; or what is wrong with it. No problem repeats an INN."""
    inns: dict[int, str] = {}
    found: dict[int, UUID | Problem] = {}
    for no, line in enumerate(lines):
        try:
            found[no] = UUID(line.strip())
        except ValueError:
            try:
                inns[no] = identifiers.inn(line)
            except Invalid as wrong:
                found[no] = Problem(f"/participants/{no}", wrong.code, f"{wrong.detail}, а id — это UUID")
    of_persons = [inn for inn in inns.values() if len(inn) == PERSON]
    persons = tracking.recorder.participants_by_inn(of_persons) if of_persons else {}
    for no, inn in inns.items():
        who = persons.get(inn) if len(inn) == PERSON else stream_id("participant", inn)
        found[no] = who or _unknown(no, None)
    return [found[no] for no in range(len(lines))]


def names(tracking: ServiceTracking, streams: Streams, whom: Iterable[UUID]) -> dict[UUID, str]:
    """What participants of these streams are called; those whom nobody knows are left out."""
    states = {who: state for who in whom if (state := streams.state(participant.KIND, who)) is not None}
    persons = [who for who, state in states.items() if state.registered.kind == "entrepreneur"]
    held = tracking.recorder.names(persons) if persons else {}
    return {who: state.name or held.get(who, ERASED) for who, state in states.items()}


def _judged(
    streams: Streams, request: Request, id: UUID, given: GroupService | Draft, lines: Mapping[int, UUID]
) -> list[Firm]:
    attendees = {one.participant_id: one.attendees for one in given.attendance}
    overrides: defaultdict[UUID, list[Override]] = defaultdict(list)
    for one in given.overrides:
        overrides[one.participant_id].append(Override(condition=one.condition, ground=one.ground))
    firms, seen = [], set[UUID]()
    for no, who in lines.items():
        if who in seen:
            detail = "Этот участник в списке уже есть: сколько бы людей ни пришло, услуга одна"
            problem = Problem(f"/participants/{no}", "duplicate-participant", detail, str(who))
            firms.append(Firm(no=no, participant_id=who, problem=problem))
            continue
        seen.add(who)
        firms.append(_served(streams, request, id, given, no, who, attendees.get(who), tuple(overrides[who])))
    return firms


def _served(
    streams: Streams,
    request: Request,
    id: UUID,
    given: GroupService | Draft,
    no: int,
    who: UUID,
    attendees: int | None,
    overrides: tuple[Override, ...],
) -> Firm:
    """The case of one participant from its opening to its act."""
    try:
        known = streams.known(participant.KIND, who, "Участник")
        visible(request, known)
    except Unknown:
        return Firm(no=no, problem=_unknown(no, who))
    applied_on, decided_on, held_on = _dates(given)
    opened = Opened(
        participant_id=who,
        cluster=given.cluster,
        complex=False,
        applied_on=applied_on,
        group_service_id=id,
        late_reason=given.late_reason,
    )
    component = ComponentAdded(
        component_no=1,
        service=given.service,
        added_on=applied_on,
        mandatory=True,
        cost_kopecks=0,
        participant_payment_kopecks=0,
        late_reason=given.late_reason,
    )
    before = fold(service_case.KIND, streams.history(case_of(id, who)))
    facts: list[Fact] = list(service_case.open_case(before, opened, component))
    case = service_case.after(before, facts)
    checks = assess(case, known, decided_on)
    try:
        facts += case.decide_eligibility(
            checks,
            notes=notes(case, known, decided_on),
            decision="eligible",
            decided_on=decided_on,
            overrides=overrides,
            role=request.role,
            late_reason=given.late_reason,
        )
        facts += service_case.after(before, facts).accept(
            component_no=1,
            act_number=f"{given.act_number or f'ГУ-{id.hex[:8]}'}/{no + 1}",
            accepted_on=held_on,
            quantity=given.quantity,
            unit=given.unit,
            late_reason=given.late_reason,
            attendees=attendees,
        )
    except Refused as refused:
        overridden = {override.condition for override in overrides}
        why = [c.explanation for c in checks if c.verdict != "pass" and c.condition not in overridden]
        detail = ". ".join([refused.detail, *(text.rstrip(".") for text in why)])
        problem = Problem(f"/participants/{no}", refused.code, detail, str(who))
        return Firm(no=no, participant_id=who, checks=checks, problem=problem)
    return Firm(no=no, participant_id=who, facts=tuple(facts), checks=checks)


def _disorder(given: GroupService | Draft, lines: Mapping[int, UUID]) -> list[Problem]:
    """What is wrong with the event whoever its participants are."""
    problems = []
    applied_on, decided_on, held_on = _dates(given)
    if applied_on > held_on:
        problems.append(Problem("/applied_on", DISORDERED, "Заявка не может быть позже мероприятия"))
    elif not applied_on <= decided_on <= held_on:
        detail = "Решение принимают не раньше заявки и не позже мероприятия"
        problems.append(Problem("/decided_on", DISORDERED, detail))
    whom, counted = set(lines.values()), set[UUID]()
    for n, came in enumerate(given.attendance):
        at = f"/attendance/{n}/participant_id"
        if came.participant_id not in whom:
            problems.append(Problem(at, "not-in-list", "Этого участника нет в списке"))
        elif came.participant_id in counted:
            detail = "Участник назван дважды: укажите, сколько всего человек от него пришло"
            problems.append(Problem(at, "duplicate-participant", detail))
        counted.add(came.participant_id)
    problems += [
        Problem(f"/overrides/{n}/participant_id", "not-in-list", "Этого участника нет в списке")
        for n, override in enumerate(given.overrides)
        if override.participant_id not in whom
    ]
    return problems


def _errors(disorder: Sequence[Problem], firms: Iterable[Firm]) -> list[Problem]:
    """All that is wrong, participants in the order of the list; verdicts on disordered dates say nothing."""
    judged = not any(problem.code == DISORDERED for problem in disorder)
    of_firms = (firm.problem for firm in firms if firm.problem and (judged or not firm.checks))
    return [*disorder, *of_firms]


def _refuse(disorder: Sequence[Problem], firms: Sequence[Firm]) -> None:
    errors = _errors(disorder, firms)
    wrong = [*disorder, *(firm.problem for firm in firms if firm.problem and not firm.checks)]
    if wrong:
        raise Invalid(wrong[0].code, f"Ничего не записано. {wrong[0].detail}", errors)
    if errors:
        detail = (
            f"Ничего не записано: правила не допускают участников из списка, {len(errors)} из {len(firms)}"
        )
        raise Refused("participants-refused", detail, errors)


def _undone(history: History, reason: str, today: date, late_reason: str | None) -> tuple[Fact, ...]:
    """Voids of all that stands in a case, the last first; Refused once it was told to the register of support."""
    whole, facts = list(history), list[Fact]()
    for event_id, event in reversed(understood(history)):
        if not isinstance(event, service_case.SupportReported):
            voids = amend(service_case.KIND, whole, event_id, reason, None, today, late_reason)
            whole += [Entry(uuid4(), void) for void in voids]
            facts += voids
    return tuple(facts)


def _unknown(no: int, who: UUID | None) -> Problem:
    return Problem(f"/participants/{no}", "not-found", "Участник не найден", who and str(who))


def _event(given: GroupService | Draft, lines: Mapping[int, UUID]) -> Held:
    return Held(
        service=given.service,
        cluster=given.cluster,
        title=given.title or "",
        held_on=given.held_on,
        participants=tuple(lines.values()),
        document=given.document,
        late_reason=given.late_reason,
    )


def _dates(given: GroupService | Draft) -> tuple[date, date, date]:
    """Applied for, decided, held."""
    return given.applied_on or given.held_on, given.decided_on or given.held_on, given.held_on


def _reads(id: UUID, given: GroupService | Draft, lines: Mapping[int, UUID]) -> set[UUID]:
    whom = set(lines.values())
    return {cluster_stream(given.cluster), *whom, *(case_of(id, who) for who in whom)}
