"""The erasure of what identifies a natural person (152-ФЗ): an administrator proposes it, a manager confirms it."""

from collections.abc import Sequence
from contextlib import closing
from datetime import date
from uuid import UUID

import msgspec
import psycopg
import structlog
from msgspec import Struct
from msgspec.structs import replace

from ckr_es.aggregates import participant
from ckr_es.aggregates.facts import Fact
from ckr_es.application import Answer, KeyReused, Request, ServiceTracking, Streams
from ckr_es.rules import Forbidden, Invalid, Problem, Refused
from ckr_es.store import door, erasures
from ckr_es.store.door import Command, Outcome
from ckr_es.store.erasures import Erasure

log = structlog.get_logger(__name__)


class Act(Struct, frozen=True, kw_only=True):
    """The act of destruction: its number and day, and why the data must go."""

    act_number: str
    act_date: date
    basis: str


class Proposed(Struct, frozen=True):
    """`mentions`: positions of events that name the person in free text, which nothing takes out of the log.

    `replayed`: it was made before, under the same key.
    """

    erasure: Erasure
    mentions: list[int]
    replayed: bool


def propose(tracking: ServiceTracking, request: Request, id: UUID, act: Act) -> Proposed:
    """The latest proposal of a participant is the one that counts.

    Raises Refused("identity-erased"), ("nothing-to-erase"), Invalid("personal-data") for an act that names the person,
    KeyReused.
    """
    stored = tracking.recorder.identity(id)
    with tracking.recorder.pool.connection() as conn:
        made = erasures.by_key(conn, request.key)
        replayed = made is not None
        if made is None:
            state = tracking.streams([id]).known(participant.KIND, id, "Участник")
            participant.check(state, _event(act, request.today))
            _nameless(erasures.marks(id, stored), act)
            made = erasures.propose(
                conn,
                key=request.key,
                request_hash=request.request_hash,
                participant_id=id,
                act_number=act.act_number,
                act_date=act.act_date,
                basis=act.basis,
                actor=request.actor,
            )
        mentions = erasures.mentions(conn, id, stored)
    if made.request_hash != request.request_hash:
        raise KeyReused
    return Proposed(made, mentions, replayed)


def confirm(tracking: ServiceTracking, request: Request, id: UUID, act: Act) -> Answer:
    """The same act said by a second person: everything that identifies the person is destroyed, or nothing.

    Raises Refused("erasure-not-proposed"), ("erasure-differs"), ("identity-erased"), Forbidden("same-person"), and
    Refused("work-in-progress"), ("import-unfinished") while imports hold what could come back.
    """
    recorder = tracking.recorder
    with recorder.pool.connection() as conn:
        proposal = erasures.latest(conn, id)

    def decide(streams: Streams) -> Sequence[Fact]:
        state = streams.known(participant.KIND, id, "Участник")
        if proposal is None or proposal.confirmed_by is not None:
            participant.check(state, _event(act, request.today))
            raise Refused("erasure-not-proposed", "Удаление сначала предлагает администратор")
        if proposal.proposed_by == request.actor:
            raise Forbidden("same-person", "Удаление подтверждает не тот, кто его предложил")
        if differing := _differing(proposal, act):
            raise Refused("erasure-differs", differing[0].detail, differing)
        held = _held(tracking, id)
        return participant.decide(
            state,
            replace(
                _event(act, request.today),
                categories=tuple(sorted(name for name, value in held.items() if value)),
                proposed_by=proposal.proposed_by,
            ),
        )

    def through(command: Command, timeout: float) -> Outcome:
        if not command.rows:
            return recorder.append(command, timeout)
        assert proposal is not None
        with closing(recorder.connect()) as conn:
            return erasures.record(conn, proposal, command, recorder.identity(id))

    try:
        answer = tracking.record(
            request, id, str(id), decide, participant_id=id, identity=door.Erasure(id), through=through
        )
    except erasures.WorkInProgress as busy:
        detail = "Идёт импорт или загрузка реестра: подтвердите удаление, когда они закончатся"
        raise Refused("work-in-progress", detail) from busy
    except erasures.HalfRecorded as half:
        detail = "Импорт, где назван этот человек, записан не до конца: сначала завершите его"
        raise Refused("import-unfinished", detail) from half
    if not answer.replayed:
        _rewritten(tracking)
    return answer


def _event(act: Act, today: date) -> participant.IdentityErased:
    return participant.IdentityErased(
        act_number=act.act_number, act_date=act.act_date, basis=act.basis, erased_on=today
    )


def _held(tracking: ServiceTracking, id: UUID) -> dict[str, str | None]:
    stored = tracking.recorder.identity(id)
    held: dict[str, str | None] = msgspec.json.decode(stored.fields) if stored else {}
    return held


def _nameless(marks: list[str], act: Act) -> None:
    """The act stays for ever, so it must not say what it is about to destroy."""
    problems = [
        Problem(
            f"/{name}", "personal-data", f"Поле «{name}» остаётся навсегда: в нём нельзя назвать человека"
        )
        for name in ("act_number", "basis")
        if any(mark in getattr(act, name).lower() for mark in marks)
    ]
    if problems:
        raise Invalid("personal-data", problems[0].detail, problems)


def _differing(proposal: Erasure, act: Act) -> list[Problem]:
    return [
        Problem(f"/{name}", "differs", f"Поле «{name}» не такое, как в предложении администратора")
        for name in ("act_number", "act_date", "basis")
        if getattr(proposal, name) != getattr(act, name)
    ]


def _rewritten(tracking: ServiceTracking) -> None:
    """What was deleted leaves the tables' files too; that it could not be done takes nothing back."""
    try:
        with closing(tracking.recorder.connect_as_admin()) as conn:
            erasures.rewrite(conn)
    except psycopg.Error as error:
        log.warning(
            "tables not rewritten after an erasure", error=type(error).__name__, sqlstate=error.sqlstate
        )
