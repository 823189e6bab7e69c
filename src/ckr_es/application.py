"""The one way in: load the streams a decision reads, decide, append what was decided, answer with a receipt."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime
from functools import lru_cache
from random import uniform
from time import monotonic
from typing import Any, TypeVar, cast, get_args
from uuid import NAMESPACE_URL, UUID, uuid5

import msgspec
from eventsourcing.application import Application
from eventsourcing.utils import Environment
from msgspec import Struct, field

from ckr_es.aggregates import Event, amend, reporting_period, service_case
from ckr_es.aggregates.facts import Correction, Entry, Fact, Kind, Void
from ckr_es.aggregates.service_case import Opened
from ckr_es.rules import Forbidden, Invalid, Problem, Refused, Unknown, personal
from ckr_es.rules.calendar import periods_of
from ckr_es.store import aside
from ckr_es.store.database import Database, Pool
from ckr_es.store.door import Command, Erasure, Guard, Identity, Outcome
from ckr_es.store.envelope import EventMapper, Proposed, Recorded, StoredRow, fresh_id
from ckr_es.store.recorder import Factory, Recorder, StoredAnswer
from ckr_es.store.writer import Overloaded

S = TypeVar("S")
PATIENCE = 1.4  # seconds for a decision that others overtake, and for the writer; then 503
NO_KEY = ""  # no command has it
_NAMESPACE = uuid5(NAMESPACE_URL, "ckr_es")
_CASES = {str(kind.__struct_config__.tag) for kind in get_args(service_case.Event)}


@lru_cache(maxsize=10_000)
def stream_id(noun: str, natural_key: str) -> UUID:
    """The stream of what has a natural key (code, year, label, INN of a legal entity): unique by its very id."""
    return uuid5(_NAMESPACE, f"{noun}:{natural_key}")


class Request(Struct, frozen=True, kw_only=True):
    """Who asks, under which key, and for what: `request_hash` is SHA-256 over method, path and body.

    `new_id` is for what it makes and has no natural key. Without a `correlation_id` the command begins a correlation,
    which is called by its first event.
    """

    key: str
    request_hash: bytes
    actor: str
    role: str
    correlation_id: UUID | None
    today: date
    cluster: str | None = None
    if_match: int | None = None
    new_id: UUID = field(default_factory=fresh_id)


class ReceiptEvent(Struct, frozen=True):
    event_id: UUID
    type: str
    position: int
    leaf: str


class Receipt(Struct, frozen=True, kw_only=True):
    """What a command answers; no events means that there was nothing new to record."""

    id: str
    version: int
    position: int
    recorded_at: datetime
    events: tuple[ReceiptEvent, ...] = ()


class Answer(Struct, frozen=True, kw_only=True):
    status: int
    receipt: Receipt
    replayed: bool = False


class StaleVersion(Exception):
    """If-Match named another version of the stream than the present one."""

    def __init__(self, actual_version: int) -> None:
        super().__init__(f"the stream is at version {actual_version}")
        self.actual_version = actual_version


class KeyReused(Exception):
    """The command key was used for another request."""


class IdentityHeld(Exception):
    """The vault's row was taken or changed by somebody else meanwhile."""


class Replayed(Exception):
    """The command was refused before, under the same key: the same refusal again."""

    def __init__(self, refused: Refused) -> None:
        super().__init__(str(refused))
        self.refused = refused


class _Refusal(Struct, frozen=True):
    code: str
    detail: str
    problems: tuple[Problem, ...] = ()


class Streams:
    """The streams a decision reads, as they were at one position of the log.

    A decision adds to `rests_on` the types of events, of any stream, that would make it another one.
    """

    def __init__(self, recorded: Mapping[UUID, Sequence[Recorded]], head: int) -> None:
        self.recorded = recorded
        self.head = head
        self._histories: dict[UUID, Sequence[Entry]] = {}
        self.rests_on: set[str] = set()

    def history(self, id: UUID) -> Sequence[Entry]:
        if (known := self._histories.get(id)) is None:
            known = self._histories[id] = tuple(Entry(r.event_id, r.event) for r in self.recorded.get(id, ()))
        return known

    def version(self, id: UUID) -> int:
        rows = self.recorded.get(id)
        return rows[-1].originator_version if rows else 0

    def state(self, kind: Kind[S], id: UUID) -> S | None:
        """None when nothing stands under that id, or something of another kind."""
        history = self.history(id)
        return amend.fold(kind, history) if history and kind.tells(history[0].event) else None

    def known(self, kind: Kind[S], id: UUID, what: str) -> S:
        """The state, or Unknown when nothing stands under that id."""
        if (state := self.state(kind, id)) is None:
            raise Unknown("not-found", f"{what} не найдено")
        return state


News = Mapping[UUID, Sequence[Fact]]  # by stream, in the order recorded: all of it or nothing
Decide = Callable[[Streams], Sequence[Fact] | News]
Append = Callable[[Command, float], Outcome]


class ServiceTracking(Application[UUID]):
    """The write side. Decisions are pure, so when another writer was faster they are simply asked again."""

    name = "ckr_es"
    recorder: Recorder
    mapper: EventMapper

    def __init__(self, database: Database) -> None:
        self._database = database
        super().__init__()

    def construct_factory(self, env: Environment) -> Factory:
        return Factory(env, self._database)

    def record(
        self,
        request: Request,
        id: UUID,
        subject: str,
        decide: Decide,
        *,
        reads: Iterable[UUID] = (),
        participant_id: UUID | None = None,
        days: Iterable[date] = (),
        identity: Identity | Erasure | None = None,
        whole_participant: UUID | None = None,
        still: bool = False,
        through: Append | None = None,
    ) -> Answer:
        """Append what `decide` returns to stream `id`, once for each key, and answer with the receipt.

        Where it returns facts by stream, they go to several at once; the receipt tells of `id` and lists them all.
        `reads` are streams the decision also rests on: they must not change meanwhile. `whole_participant` loads
        every stream of that participant and holds all of them still; `still` holds the whole log still. `days` are
        effective days known beforehand (their periods are loaded in the same round trip). `through` is another way
        through the door than the writer's, for a transaction that does more.

        Raises Refused and its kinds, StaleVersion, KeyReused, Replayed, and the writer's Overloaded and
        OutcomeUnknown.
        """
        ids = {id, *reads, *period_ids(days)}
        give_up = monotonic() + PATIENCE
        while True:
            loaded = self.recorder.load(request.key, list(ids), whole_participant)
            if loaded.answer is not None:
                return self._replay(request, loaded.answer)
            streams = self._streams(loaded.streams, loaded.head)
            if request.if_match is not None and request.if_match != streams.version(id):
                raise StaleVersion(streams.version(id))
            rests_on = streams.rests_on
            refusal: Refused | None = None
            news: dict[UUID, Sequence[Event]] = {}
            try:
                news = _by_stream(id, decide(streams))
                needed = period_ids(_days(news, streams)) - ids
                if needed:
                    ids |= needed
                    more = self.recorder.load(request.key, list(needed))
                    streams = self._streams({**loaded.streams, **more.streams}, loaded.head)
                self._in_time(request, news, streams)
            except (Invalid, Forbidden, Unknown):
                raise
            except Refused as refused:
                refusal, news = refused, {}
            guard = _guard(loaded.head, still, whole_participant, rests_on)
            command = self._command(
                request, id, subject, news, streams, ids, refusal, guard, identity, participant_id
            )
            if news:
                self._nameless(command)
            outcome = (through or self.recorder.append)(command, PATIENCE)
            match outcome.kind:
                case "conflict" if identity is not None and outcome.conflict_stream not in ids:
                    raise IdentityHeld
                case "conflict":
                    if monotonic() > give_up:
                        raise Overloaded("the streams kept changing")
                    aside.sleep(uniform(0, 0.01))  # noqa: S311 - spreads those who collided, hides nothing
                case "reused":
                    raise KeyReused
                case "known":
                    answer = self.recorder.stored_answer(request.key)
                    assert answer is not None
                    return self._replay(request, answer)
                case "recorded" if refusal is not None:
                    raise refusal
                case "recorded" if news:
                    return Answer(status=command.status, receipt=_receipt(command, outcome))
                case _:
                    assert command.answer is not None
                    return Answer(status=200, receipt=msgspec.json.decode(command.answer, type=Receipt))

    def answered(self, request: Request) -> Answer | None:
        """What this very request was answered before, where finding out again would cost something outside."""
        stored = self.recorder.stored_answer(request.key)
        return None if stored is None else self._replay(request, stored)

    @property
    def pool(self) -> Pool:
        """Connections for what a decision reads beside streams."""
        return self.recorder.pool

    def unrecorded(self) -> list[list[Recorded]]:
        """Streams, whole, that end in events which a decision counts with although they are not in the log."""
        return []

    def streams(self, ids: Iterable[UUID], position: int | None = None) -> Streams:
        """The streams as known at a position (default: now), for reads that explain rather than list."""
        loaded = self.recorder.load(NO_KEY, list(ids))
        streams = self._streams(loaded.streams, loaded.head)
        if position is None:
            return streams
        return Streams(
            {id: [r for r in rows if r.position <= position] for id, rows in streams.recorded.items()},
            position,
        )

    def _streams(self, rows: Mapping[UUID, Sequence[StoredRow]], head: int) -> Streams:
        return Streams(
            {id: [self.mapper.to_domain_event(row) for row in stream] for id, stream in rows.items()},
            head,
        )

    def _command(
        self,
        request: Request,
        id: UUID,
        subject: str,
        news: Mapping[UUID, Sequence[Event]],
        streams: Streams,
        ids: set[UUID],
        refusal: Refused | None,
        guard: Guard | None,
        identity: Identity | Erasure | None,
        participant_id: UUID | None,
    ) -> Command:
        version = streams.version(id)
        event_ids: list[UUID] = []
        proposed: list[Proposed] = []
        for stream, facts in news.items():
            about = participant_id or _participant(streams, stream, facts)
            for n, fact in enumerate(facts, start=streams.version(stream) + 1):
                event_ids.append(fresh_id())
                proposed.append(
                    Proposed(
                        originator_id=stream,
                        originator_version=n,
                        event_id=event_ids[-1],
                        event=fact,
                        participant_id=about,
                        causation_id=event_ids[0] if len(event_ids) > 1 else None,
                    )
                )
        answer: bytes | None = None
        status = 201 if version == 0 else 200
        if refusal is not None:
            status = 409
            answer = msgspec.json.encode(_Refusal(refusal.code, refusal.detail, refusal.problems))
        elif not news:
            status = 200
            last = streams.recorded[id][-1]
            answer = msgspec.json.encode(
                Receipt(id=subject, version=version, position=last.position, recorded_at=last.recorded_at)
            )
        return Command(
            key=request.key,
            request_hash=request.request_hash,
            actor=request.actor,
            role=request.role,
            correlation_id=request.correlation_id or next(iter(event_ids), request.new_id),
            status=status,
            subject=subject,
            version=version + len(news.get(id, ())),
            expected=tuple((stream, streams.version(stream)) for stream in sorted(ids)),
            rows=tuple(self.mapper.to_stored_event(p) for p in proposed),
            answer=None if answer is None else answer.decode(),
            guard=guard,
            identity=identity if news else None,
        )

    def _nameless(self, command: Command) -> None:
        """What the log keeps for ever must not hold what an erasure would have to take out of it."""
        own = command.key.partition(":")[2]
        texts = [
            ("Idempotency-Key", own),
            *(("тексте команды", row.state.decode()) for row in command.rows),
        ]
        perhaps = {inn for _, text in texts for inn in personal.perhaps_inns(text)}
        persons = set(self.recorder.participants_by_inn(perhaps)) if perhaps else set()
        if isinstance(command.identity, Identity):
            persons.add(command.identity.inn or "")
        for what, text in texts:
            found = personal.held(text)
            if found is None and not persons.isdisjoint(personal.perhaps_inns(text)):
                found = "ИНН"
            if found is not None:
                detail = f"Журнал хранится вечно: в {what} не должно быть личных данных ({found})"
                raise Invalid("personal-data", detail, [Problem("", "personal-data", detail)])

    def _in_time(self, request: Request, news: Mapping[UUID, Sequence[Event]], streams: Streams) -> None:
        """No day in the future; a day in a closed period only with a reason (architecture, section 7)."""
        facts = [fact for some in news.values() for fact in some]
        for fact in facts:
            effective_on = fact.effective_on
            if effective_on > request.today:
                detail = f"Дата {effective_on} ещё не наступила"
                raise Invalid(
                    "date-in-future", detail, [Problem("", "date-in-future", detail, str(effective_on))]
                )
        if all(fact.late_reason for fact in facts):
            return
        refuse_closed(streams, _days(news, streams))

    def _replay(self, request: Request, stored: StoredAnswer) -> Answer:
        if stored.request_hash != request.request_hash:
            raise KeyReused
        if stored.status == 409:
            assert stored.answer is not None
            said = msgspec.json.decode(stored.answer, type=_Refusal)
            raise Replayed(Refused(said.code, said.detail, said.problems))
        if stored.answer is not None:
            receipt = msgspec.json.decode(stored.answer, type=Receipt)
        else:
            receipt = Receipt(
                id=stored.subject,
                version=stored.version,
                position=stored.rows[-1].id,
                recorded_at=stored.rows[-1].recorded_at,
                events=tuple(
                    ReceiptEvent(row.event_id, row.topic, row.id, row.leaf.hex()) for row in stored.rows
                ),
            )
        return Answer(status=stored.status, receipt=receipt, replayed=True)


def _guard(head: int, still: bool, participant: UUID | None, types: set[str]) -> Guard | None:
    """What must not have been recorded since the decision was made; nothing in most cases."""
    if types and not still:
        # One guard knows one participant or any: what a whole participant is held still for is in cases.
        of_cases = _CASES if participant is not None else set()
        return Guard(after=head, types=tuple(sorted(types | of_cases)))
    if still or participant is not None:
        return Guard(after=head, participant_id=participant)
    return None


def _receipt(command: Command, outcome: Outcome) -> Receipt:
    assert outcome.first_position is not None
    assert outcome.last_position is not None
    assert outcome.recorded_at is not None
    events = tuple(
        ReceiptEvent(row.event_id, row.topic, position, leaf.hex())
        for position, (row, leaf) in enumerate(
            zip(command.rows, outcome.leaves, strict=True), start=outcome.first_position
        )
    )
    return Receipt(
        id=command.subject,
        version=command.version,
        position=outcome.last_position,
        recorded_at=outcome.recorded_at,
        events=events,
    )


def _participant(streams: Streams, id: UUID, facts: Sequence[Event]) -> UUID | None:
    """Whom the stream is about: the participant of a case stands in its opening."""
    first: Any = streams.recorded[id][0].event if streams.recorded.get(id) else facts[0]
    return first.participant_id if isinstance(first, Opened) else None


def _by_stream(id: UUID, decided: Sequence[Fact] | News) -> dict[UUID, Sequence[Event]]:
    news = decided if isinstance(decided, Mapping) else {id: decided}
    return {stream: cast("Sequence[Event]", facts) for stream, facts in news.items() if facts}


def _days(news: Mapping[UUID, Sequence[Event]], streams: Streams) -> set[date]:
    """Every day the facts touch: their own, and for a correction the day it moves away from."""
    days: set[date] = set()
    for stream, facts in news.items():
        for fact in facts:
            if isinstance(fact, reporting_period.Closed | reporting_period.Reopened):
                continue
            days.add(fact.effective_on)
            if isinstance(fact, Void | Correction):
                target = fact.voids if isinstance(fact, Void) else fact.corrects
                if (before := amend.day(streams.history(stream), target)) is not None:
                    days.add(before)
    return days


def refuse_closed(streams: Streams, days: Iterable[date]) -> None:
    """Refused("period-closed") when one of the days lies in a period that is closed."""
    for day in days:
        for label in periods_of(day):
            state = reporting_period.fold(streams.history(stream_id("period", label)))
            if state is not None and not state.open:
                raise Refused(
                    "period-closed", f"Период {label} закрыт: нужна причина позднего ввода (late_reason)"
                )


def period_ids(days: Iterable[date]) -> set[UUID]:
    """The streams of the periods that the days lie in."""
    return {stream_id("period", label) for day in days for label in periods_of(day)}
