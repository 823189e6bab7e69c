"""Commands that read more than one stream: joining, applying, deciding, correcting, closing."""

import hashlib
import secrets
from collections.abc import Callable, Sequence
from datetime import date
from typing import Any, Literal
from uuid import UUID, uuid4

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from ckr_es.aggregates import cluster, participant, plan, reporting_period, service_case
from ckr_es.aggregates.amend import amend, fold
from ckr_es.aggregates.facts import Entry, Fact, Kind
from ckr_es.aggregates.service_case import ComponentAdded, Opened, Override, ServiceCase
from ckr_es.application import Answer, IdentityHeld, Request, ServiceTracking, Streams, stream_id
from ckr_es.rules import (
    Invalid,
    Problem,
    Refused,
    Unknown,
    calendar,
    earlier_support,
    eligibility,
    identifiers,
)
from ckr_es.rules.earlier_support import Note
from ckr_es.rules.kpi_sets import Policy
from ckr_es.store.door import Identity
from ckr_es.store.ledger import root


def cluster_stream(code: str) -> UUID:
    return stream_id("cluster", code)


def on_cluster(tracking: ServiceTracking, request: Request, code: str, event: cluster.Happening) -> Answer:
    """One decision about one cluster; Unknown when it was never proposed."""
    _within(request, code)
    id = cluster_stream(code)

    def decide(streams: Streams) -> Sequence[Fact]:
        state = streams.state(cluster.KIND, id)
        if state is None and not isinstance(event, cluster.Proposed):
            raise Unknown("not-found", f"Кластер «{code}» не найден")
        return cluster.decide(state, event)

    return tracking.record(request, id, code, decide, days=[event.effective_on])


def on_participant(
    tracking: ServiceTracking, request: Request, id: UUID, event: participant.Happening
) -> Answer:
    """One decision about one participant; a cluster or case that the event names is read too."""

    def decide(streams: Streams) -> Sequence[Fact]:
        state = streams.known(participant.KIND, id, "Участник")
        _visible(request, state)
        _admissible(streams, request, id, event)
        return participant.decide(state, event)

    return tracking.record(
        request, id, str(id), decide, reads=_named_by(event), participant_id=id, days=[event.effective_on]
    )


def inn_of(tracking: ServiceTracking, request: Request, id: UUID) -> str:
    """The participant's INN, a natural person's from the vault; Refused once it is erased."""
    state = tracking.streams([id]).known(participant.KIND, id, "Участник")
    _visible(request, state)
    inn = state.registered.inn
    if inn is None and (stored := tracking.recorder.identity(id)) is not None:
        inn = stored.inn
    if inn is None:
        raise Refused("identity-erased", "Сведения о личности удалены: спросить реестр не о ком")
    return inn


class Registration(Struct, frozen=True, kw_only=True):
    """Identifiers checked and normalised; `contacts` are personal data of any kind of participant."""

    kind: participant.PartyKind
    inn: str
    name: str
    registered_on: date
    ogrn: str | None = None
    contacts: str | None = None
    late_reason: str | None = None


def register(tracking: ServiceTracking, request: Request, given: Registration) -> Answer:
    """A participant by INN. What identifies a natural person goes to the vault, its commitment to the log."""
    given = _identified(given)
    person = given.kind == "entrepreneur"
    private: dict[str, str | None] = {"contacts": given.contacts} if given.contacts else {}
    if person:
        private |= {"name": given.name, "inn": given.inn, "ogrnip": given.ogrn}
        known = tracking.recorder.participant_by_inn(given.inn)
        id = known or uuid4()
    else:
        id = stream_id("participant", given.inn)
    identity = _identity(id, given.inn if person else None, private) if private else None
    event = participant.Registered(
        kind=given.kind,
        registered_on=given.registered_on,
        inn=None if person else given.inn,
        ogrn=None if person else given.ogrn,
        name=None if person else given.name,
        identity_commitment=identity.commitment.hex() if identity else None,
        late_reason=given.late_reason,
    )

    def decide(streams: Streams) -> Sequence[Fact]:
        if streams.state(participant.KIND, id) is not None:
            return ()
        return participant.decide(None, event)

    try:
        return tracking.record(
            request, id, str(id), decide, participant_id=id, days=[event.effective_on], identity=identity
        )
    except IdentityHeld:
        return register(tracking, request, given)


def change_identity(
    tracking: ServiceTracking,
    request: Request,
    id: UUID,
    *,
    changed_on: date,
    name: str | None,
    ogrn: str | None,
    contacts: str | None,
    late_reason: str | None,
) -> Answer:
    """A new name, registration number or contacts; the INN stays for life."""
    stored = tracking.recorder.identity(id)
    before: dict[str, Any] = msgspec.json.decode(stored.fields) if stored else {}

    identity: Identity | None = None
    state = tracking.streams([id]).known(participant.KIND, id, "Участник")
    person = state.registered.kind == "entrepreneur"
    if ogrn is not None:
        ogrn = _registration_number(state.registered.kind, ogrn)
    changes = {"contacts": contacts, **({"name": name, "ogrnip": ogrn} if person else {})}
    after = before | {field: value for field, value in changes.items() if value is not None}
    if after != before:
        identity = _identity(id, stored.inn if stored else None, after)
    event = participant.IdentityChanged(
        changed_on=changed_on,
        name=None if person else name,
        ogrn=None if person else ogrn,
        identity_commitment=identity.commitment.hex() if identity else None,
        late_reason=late_reason,
    )

    def decide(streams: Streams) -> Sequence[Fact]:
        state = streams.known(participant.KIND, id, "Участник")
        _visible(request, state)
        if state.commitment != (stored.commitment.hex() if stored else None):
            raise IdentityHeld  # it changed since it was read: what is kept must not be lost
        return participant.decide(state, event)

    try:
        return tracking.record(
            request, id, str(id), decide, participant_id=id, days=[changed_on], identity=identity
        )
    except IdentityHeld:
        return change_identity(
            tracking,
            request,
            id,
            changed_on=changed_on,
            name=name,
            ogrn=ogrn,
            contacts=contacts,
            late_reason=late_reason,
        )


def case_stream(source: str | None, external_id: str | None) -> UUID:
    """The same pair again is the same case; without one every application is a case of its own."""
    return stream_id("service-case", f"{source}\n{external_id}") if external_id else uuid4()


def open_case(
    tracking: ServiceTracking, request: Request, opened: Opened, component: ComponentAdded | None
) -> Answer:
    """An application of a participant; complex ones at most `complex_limit` a participant and year."""
    _within(request, opened.cluster)
    id = case_stream(opened.source, opened.external_id)
    who, year = opened.participant_id, opened.applied_on.year
    plan_id = stream_id("plan", str(year))
    reads = [who, cluster_stream(opened.cluster), plan_id]

    def decide(streams: Streams) -> Sequence[Fact]:
        state = streams.state(service_case.KIND, id)
        if state is None:
            _visible(request, _named(streams, participant.KIND, who, "/participant_id", "Участник"))
            _admissible(streams, request, id, opened)
            if opened.complex:
                policy = (streams.state(plan.KIND, plan_id) or plan.Plan()).policy
                _within_limit(streams, who, year, policy)
        else:
            _within(request, state.opened.cluster)
        return service_case.open_case(state, opened, component)

    return tracking.record(
        request,
        id,
        str(id),
        decide,
        reads=reads,
        participant_id=who,
        days=[opened.applied_on],
        whole_participant=who if opened.complex else None,
    )


def on_case(
    tracking: ServiceTracking,
    request: Request,
    id: UUID,
    decide: Callable[[ServiceCase], Sequence[Fact]],
    days: Sequence[date] = (),
) -> Answer:
    """One decision about one case."""

    def decided(streams: Streams) -> Sequence[Fact]:
        state = streams.known(service_case.KIND, id, "Дело")
        _within(request, state.opened.cluster)
        return decide(state)

    return tracking.record(request, id, str(id), decided, days=days)


def assess(
    state: ServiceCase, who: participant.Participant, decided_on: date
) -> tuple[eligibility.Check, ...]:
    """The ten conditions of section 5 for this case, on what is known of the participant."""
    return eligibility.assess(
        applied_on=state.opened.applied_on,
        decided_on=decided_on,
        checks=who.checks,
        evidence=who.evidence,
        memberships=who.memberships,
    )


def notes(state: ServiceCase, who: participant.Participant, decided_on: date) -> tuple[Note, ...]:
    """What earlier support means for this case."""
    return earlier_support.notes(state.opened.applied_on, decided_on, state.forms(), who.supports)


def decide_eligibility(
    tracking: ServiceTracking,
    request: Request,
    id: UUID,
    *,
    decision: Literal["eligible", "refused"],
    decided_on: date,
    overrides: tuple[Override, ...],
    late_reason: str | None,
) -> Answer:
    """The decision rests on the participant's stream as well, which must not change meanwhile."""
    opening = tracking.streams([id]).known(service_case.KIND, id, "Дело").opened
    who = opening.participant_id

    def decide(streams: Streams) -> Sequence[Fact]:
        state = streams.known(service_case.KIND, id, "Дело")
        _within(request, state.opened.cluster)
        known = streams.known(participant.KIND, who, "Участник")
        facts = state.decide_eligibility(
            assess(state, known, decided_on),
            notes=notes(state, known, decided_on),
            decision=decision,
            decided_on=decided_on,
            overrides=overrides,
            role=request.role,
            late_reason=late_reason,
        )
        _still_within_limit(tracking, streams, state, fold(service_case.KIND, _after(streams, id, facts)))
        return facts

    return tracking.record(
        request,
        id,
        str(id),
        decide,
        reads=[who],
        days=[decided_on],
        whole_participant=who if opening.complex else None,
    )


def correct(
    tracking: ServiceTracking,
    request: Request,
    kind: Kind[Any],
    id: UUID,
    subject: str,
    event_id: UUID,
    reason: str,
    replacement: dict[str, Any] | None,
    late_reason: str | None,
) -> Answer:
    """Void (no replacement) or correct one record of the stream, with what follows from it."""

    def decide(streams: Streams) -> Sequence[Fact]:
        history = streams.history(id)
        if not history:
            raise Unknown("not-found", "Не найдено")
        before = streams.state(kind, id)
        _correctable(request, before)
        for entry in history:
            if entry.event_id == event_id and isinstance(code := getattr(entry.event, "cluster", None), str):
                _within(request, code)
        events = amend(kind, history, event_id, reason, replacement, request.today, late_reason)
        for event in events:
            _admissible(streams, request, id, getattr(event, "replacement", None))
        if events and kind is service_case.KIND:
            after = _after(streams, id, events)
            _still_within_limit(tracking, streams, before, fold(service_case.KIND, after))
            return (*events, *service_case.settle(after, late_reason))
        return events

    past = tracking.streams([id]).history(id)
    about = id if kind is participant.KIND else None
    reads = {stream for _, event in past for stream in _named_by(getattr(event, "replacement", event))}
    first = past[0].event if past else None
    return tracking.record(
        request,
        id,
        subject,
        decide,
        reads=reads | _streams_of((replacement or {}).get("cluster"), (replacement or {}).get("case_id")),
        participant_id=about,
        whole_participant=first.participant_id if isinstance(first, Opened) and first.complex else None,
    )


class Snapshot(Struct, frozen=True, kw_only=True):
    """The table of a period at a position, as the read side worked it out."""

    known_position: int
    kpi_set: str
    policy: Policy
    table: tuple[dict[str, Any], ...]


def close_period(
    tracking: ServiceTracking,
    request: Request,
    label: str,
    *,
    approved_by: str,
    note: str | None,
    table: Callable[[date, int], Snapshot],
) -> Answer:
    """Pins the table at the position it was worked out at; retried until nothing was recorded in between."""
    period = calendar.period(label)
    id = stream_id("period", label)

    def decide(streams: Streams) -> Sequence[Fact]:
        state = reporting_period.fold(streams.history(id))
        version = reporting_period.may_close(state, label, request.today)
        snapshot = table(period.last, streams.head)
        return (
            reporting_period.Closed(
                label=label,
                version=version,
                closed_on=request.today,
                closed_by=request.actor,
                approved_by=approved_by,
                as_of=period.last,
                known_position=snapshot.known_position,
                kpi_set=snapshot.kpi_set,
                policy=snapshot.policy,
                table=snapshot.table,
                ledger_root=root(tracking.recorder.leaves(snapshot.known_position)).hex(),
                note=note,
            ),
        )

    return tracking.record(request, id, label, decide, still=True)


def reopen_period(tracking: ServiceTracking, request: Request, label: str, reason: str) -> Answer:
    calendar.period(label)
    id = stream_id("period", label)

    def decide(streams: Streams) -> Sequence[Fact]:
        return reporting_period.reopen(
            reporting_period.fold(streams.history(id)),
            label=label,
            reason=reason,
            reopened_on=request.today,
            actor=request.actor,
        )

    return tracking.record(request, id, label, decide)


def on_plan(tracking: ServiceTracking, request: Request, event: plan.Happening) -> Answer:
    year = str(event.year)
    id = stream_id("plan", year)
    return tracking.record(
        request,
        id,
        year,
        lambda streams: plan.decide(streams.state(plan.KIND, id), event),
        days=[event.effective_on],
    )


def _named_by(event: object) -> set[UUID]:
    """The cluster and the case that an event names: it is judged against them."""
    if isinstance(event, participant.JoinedCluster | Opened):
        return _streams_of(event.cluster, None)
    if isinstance(event, participant.ProductLaunched | participant.FollowedUp):
        return _streams_of(None, event.case_id)
    return set()


def _streams_of(code: object, case_id: object) -> set[UUID]:
    """Of what a client has sent, so it may be anything."""
    found = {cluster_stream(code)} if isinstance(code, str) else set()
    try:
        return found | {UUID(str(case_id))} if case_id is not None else found
    except ValueError:
        return found


def _admissible(streams: Streams, request: Request, id: UUID, event: object) -> None:
    match event:
        case participant.JoinedCluster():
            _within(request, event.cluster)
            joined = _named(streams, cluster.KIND, cluster_stream(event.cluster), "/cluster", "Кластер")
            joined.admit(event.joined_on)
        case participant.LeftCluster():
            _within(request, event.cluster)
        case participant.ProductLaunched() | participant.FollowedUp():
            _own_case(streams, id, event.case_id)
        case Opened():
            _within(request, event.cluster)
            _named(streams, cluster.KIND, cluster_stream(event.cluster), "/cluster", "Кластер")


def _named(streams: Streams, kind: Kind[Any], id: UUID, pointer: str, what: str) -> Any:
    """What a body names must exist."""
    if (state := streams.state(kind, id)) is None:
        detail = f"{what} не найден"
        raise Invalid("not-found", detail, [Problem(pointer, "not-found", detail)])
    return state


def _own_case(streams: Streams, who: UUID, case_id: UUID) -> None:
    state = _named(streams, service_case.KIND, case_id, "/case_id", "Дело")
    if state.opened.participant_id != who:
        raise Refused("foreign-case", "Это дело другого участника")


def _within_limit(streams: Streams, who: UUID, year: int, policy: Policy) -> None:
    taken = 0
    for id in streams.recorded:
        first = streams.recorded[id][0].event if streams.recorded[id] else None
        if isinstance(first, Opened) and first.participant_id == who:
            taken += _taken_in(streams.state(service_case.KIND, id)) == year
    if taken >= policy.complex_limit:
        raise Refused(
            "complex-limit", f"Комплексных услуг в {year} году: {taken}, больше правила не допускают"
        )


def _after(streams: Streams, id: UUID, facts: Sequence[Fact]) -> list[Entry]:
    return [*streams.history(id), *(Entry(uuid4(), fact) for fact in facts)]


def _taken_in(case: ServiceCase | None) -> int | None:
    """The year whose limit a complex case counts against; None for one that was cancelled or refused."""
    if case is None or not case.opened.complex or case.cancelled is not None:
        return None
    if case.decided is not None and case.decided.decision != "eligible":
        return None
    return case.opened.applied_on.year


def _still_within_limit(
    tracking: ServiceTracking,
    streams: Streams,
    before: ServiceCase | None,
    after: ServiceCase | None,
) -> None:
    """What brings a complex case back, or into another year, asks for the limit again."""
    year = _taken_in(after)
    if after is None or year is None or year == _taken_in(before):
        return
    plan_id = stream_id("plan", str(year))
    policy = (tracking.streams([plan_id]).state(plan.KIND, plan_id) or plan.Plan()).policy
    _within_limit(streams, after.opened.participant_id, year, policy)


def _within(request: Request, code: str) -> None:
    """A key of one cluster sees that cluster only."""
    if request.cluster is not None and request.cluster != code:
        raise Unknown("not-found", "Не найдено")


def _visible(request: Request, state: participant.Participant) -> None:
    clusters = {m.cluster for m in state.memberships}
    if request.cluster is not None and clusters and request.cluster not in clusters:
        raise Unknown("not-found", "Участник не найден")


def _correctable(request: Request, state: object) -> None:
    match state:
        case cluster.Cluster():
            _within(request, state.proposed.code)
        case participant.Participant():
            _visible(request, state)
        case ServiceCase():
            _within(request, state.opened.cluster)


def _identified(given: Registration) -> Registration:
    """The registration with its identifiers as we keep them, or every identifier that is wrong."""
    problems: list[Problem] = []

    def checked(pointer: str, check: Callable[[], str]) -> str:
        try:
            return check()
        except Invalid as wrong:
            problems.append(Problem(pointer, wrong.code, wrong.detail))
            return ""

    inn = checked("/inn", lambda: identifiers.inn_of(given.kind, given.inn))
    ogrn = given.ogrn and checked("/ogrn", lambda: _registration_number(given.kind, given.ogrn or ""))
    if problems:
        raise Invalid(problems[0].code, problems[0].detail, problems)
    return replace(given, inn=inn, ogrn=ogrn)


def _registration_number(kind: participant.PartyKind, text: str) -> str:
    return identifiers.ogrnip(text) if kind == "entrepreneur" else identifiers.ogrn(text)


def _identity(id: UUID, inn: str | None, fields: dict[str, Any]) -> Identity:
    """Commitment: SHA-256 over the salt and the canonical JSON (sorted keys, UTF-8) of the fields."""
    text = msgspec.json.encode(fields, order="sorted")
    salt = secrets.token_bytes(32)
    return Identity(
        participant_id=id,
        inn=inn,
        fields=text,
        salt=salt,
        commitment=hashlib.sha256(salt + text).digest(),
    )
