"""Why an event is there and what came of it: causes, corrections, the decision it rests on, figures, reports.

Three statements, whatever the event: its records, the lines of the KPI ledger, the closed periods.
"""

from collections import defaultdict
from datetime import UTC, date, datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

import msgspec
from msgspec import Struct

from ckr_es.aggregates.amend import standing
from ckr_es.aggregates.facts import Entry
from ckr_es.aggregates.service_case import EligibilityDecided
from ckr_es.audit.replay import note_again, verdict_again
from ckr_es.audit.statements import TRACE
from ckr_es.projections.kpi_evidence import Line, LineKey, Moving, Reported, line_key, lines, reported
from ckr_es.projections.log import Session
from ckr_es.rules import Unknown
from ckr_es.rules.rule_sets import conditions, rule_sets
from ckr_es.store.envelope import decode

CORRELATED = 100  # records of the same correlation that are named; the log lists the rest
UNWORDED: Final = {"title": None, "rule": None, "citation": None}


class Related(Struct, frozen=True, kw_only=True):
    """Another record, and which records amend it."""

    event_id: UUID
    type: str
    position: int
    stream_id: UUID
    effective_on: date
    recorded_at: datetime
    actor: str
    causation_id: UUID | None
    voided_by: tuple[UUID, ...]
    corrected_by: tuple[UUID, ...]


class Amendment(Related, frozen=True, kw_only=True):
    """A record that voids or corrects the record `amends`."""

    amends: UUID
    reason: str


class Corrections(Struct, frozen=True, kw_only=True):
    """The fact that the event is or is about in the end, all that amends it in order, and what it says now.

    `amends` leads from the event down to the fact. `stands_as` is the fact or the correction in whose words it
    stands (`now`), None when it is void; then `voided_by` is the record that made it so.
    """

    fact: Related
    amends: tuple[UUID, ...]
    chain: tuple[Amendment, ...]
    stands_as: UUID | None
    voided_by: UUID | None
    now: dict[str, Any] | None


class Told(Struct, frozen=True, kw_only=True):
    """A condition of a decision: its rule in words, the verdict, and the verdict that its inputs give today.

    There are no words, and no verdict comes again, where nobody knows the rule set that the decision names.
    """

    condition: str
    title: str | None
    rule: str | None
    citation: str | None
    verdict: str
    again: str
    explanation: str
    inputs: dict[str, Any]
    event_id: UUID | None
    override: str | None


class Weighed(Struct, frozen=True, kw_only=True):
    """Earlier support, as a decision keeps it."""

    code: str
    verdict: str
    again: str
    explanation: str
    inputs: dict[str, Any]
    event_id: UUID | None


class Decision(Struct, frozen=True, kw_only=True):
    """The eligibility decision that the case stood under, and the records that it rests on as they read now."""

    event: Related
    decision: str
    decided_on: date
    rule_set: dict[str, Any]
    checks: tuple[Told, ...]
    notes: tuple[Weighed, ...]
    inputs: tuple[Related, ...]


class Trace(Struct, frozen=True, kw_only=True):
    """An event in its envelope, and all that hangs together with it as known at one position.

    `caused` and `same_command` are ids; `causes` begins with the root, `effects` are all that follow, `used_by` are
    decisions that rest on it. `correlated` holds at most CORRELATED others, `more_correlated` says if there are more.
    """

    position: int
    event_id: UUID
    stream_id: UUID
    stream_version: int
    type: str
    effective_on: date
    recorded_at: datetime
    actor: str
    role: str
    correlation_id: UUID
    causation_id: UUID | None
    participant_id: UUID | None
    command_key: str
    body: dict[str, Any]
    leaf: str
    voided_by: tuple[UUID, ...]
    corrected_by: tuple[UUID, ...]
    caused: tuple[UUID, ...]
    same_command: tuple[UUID, ...]
    causes: tuple[Related, ...]
    effects: tuple[Related, ...]
    correlated: tuple[Related, ...]
    more_correlated: bool
    corrections: Corrections
    decision: Decision | None
    used_by: tuple[Related, ...]
    kpi_lines: tuple[Line, ...]
    more_lines: LineKey | None
    reports: tuple[Reported, ...]


class _Row(NamedTuple):
    relation: str
    amends: UUID | None
    event_id: UUID
    type: str
    position: int
    stream_id: UUID
    stream_version: int
    effective_on: date
    recorded_at: datetime
    actor: str
    role: str
    correlation_id: UUID
    causation_id: UUID | None
    participant_id: UUID | None
    command_key: str
    leaf: str
    body: str | None
    voided_by: list[UUID]
    corrected_by: list[UUID]


def trace(
    conn: Session, event: UUID | int, position: int, after: LineKey | None = None, limit: int = 100
) -> Trace:
    """The event by its id or position, as known at `position`, which the KPI ledger must have reached.

    `limit` and `after` page the lines of the ledger. Unknown("not-found") when it is not there or not known yet.
    """
    asked = {
        "event": event if isinstance(event, UUID) else None,
        "at": event if isinstance(event, int) else None,
        "position": position,
        "limit": CORRELATED + 1,
    }
    found: defaultdict[str, list[_Row]] = defaultdict(list)
    for columns in conn.execute(TRACE, asked):
        row = _Row(*columns)
        found[row.relation].append(row)
    if not found:
        raise Unknown("not-found", "Такой записи нет")
    (self,) = found["self"]
    corrections = _corrections(self, found["amended"])
    moving = Moving(self.event_id, corrections.fact.event_id, corrections.fact.position, self.participant_id)
    page = lines(conn, moving, position, after, limit + 1)
    correlated = found["correlated"]
    return Trace(
        position=self.position,
        event_id=self.event_id,
        stream_id=self.stream_id,
        stream_version=self.stream_version,
        type=self.type,
        effective_on=self.effective_on,
        recorded_at=self.recorded_at.astimezone(UTC),
        actor=self.actor,
        role=self.role,
        correlation_id=self.correlation_id,
        causation_id=self.causation_id,
        participant_id=self.participant_id,
        command_key=self.command_key,
        body=msgspec.json.decode(_text(self)),
        leaf=self.leaf,
        voided_by=tuple(self.voided_by),
        corrected_by=tuple(self.corrected_by),
        caused=tuple(row.event_id for row in found["effect"] if row.causation_id == self.event_id),
        same_command=tuple(row.event_id for row in found["command"]),
        causes=_related(found["cause"]),
        effects=_related(found["effect"]),
        correlated=_related(correlated[:CORRELATED]),
        more_correlated=len(correlated) > CORRELATED,
        corrections=corrections,
        decision=_decision(found["decision"][0], found["input"]) if found["decision"] else None,
        used_by=_related(found["used"]),
        kpi_lines=tuple(page[:limit]),
        more_lines=line_key(page[limit - 1]) if len(page) > limit else None,
        reports=tuple(reported(conn, moving, self.position, position)),
    )


def _corrections(self: _Row, amended: list[_Row]) -> Corrections:
    history = [Entry(row.event_id, decode(row.type, _text(row))) for row in amended]
    fact, *chain = amended
    said = standing(history, fact.event_id)
    amends = {row.event_id: row.amends for row in amended}
    path = []
    target = amends[self.event_id]
    while target is not None:
        path.append(target)
        target = amends[target]
    return Corrections(
        fact=_of(fact),
        amends=tuple(path),
        chain=tuple(
            Amendment(**msgspec.structs.asdict(_of(row)), amends=row.amends, reason=entry.event.reason)
            for row, entry in zip(chain, history[1:], strict=True)
            if row.amends is not None
        ),
        stands_as=None if said.content is None else said.by,
        voided_by=said.by if said.content is None else None,
        now=None if said.content is None else msgspec.to_builtins(said.content),
    )


def _decision(made: _Row, inputs: list[_Row]) -> Decision:
    event = decode(made.type, _text(made))
    assert isinstance(event, EligibilityDecided)
    rules = next((known for known in rule_sets() if known.id == event.rule_set), None)
    worded = conditions(rules.valid_from) if rules else {}
    grounds = {override.condition: override.ground for override in event.overrides}
    return Decision(
        event=_of(made),
        decision=event.decision,
        decided_on=event.decided_on,
        rule_set=rules.told() if rules else {"id": event.rule_set, "valid_from": None, "citation": None},
        checks=tuple(
            Told(
                condition=check.condition,
                **(worded[check.condition].told() if rules else UNWORDED),
                verdict=check.verdict,
                again=verdict_again(check.condition, check.inputs, rules) if rules else "rule-set-unknown",
                explanation=check.explanation,
                inputs=check.inputs,
                event_id=check.event_id,
                override=grounds.get(check.condition),
            )
            for check in event.checks
        ),
        notes=tuple(
            Weighed(
                code=note.code,
                verdict=note.verdict,
                again=note_again(note.code, note.inputs),
                explanation=note.explanation,
                inputs=note.inputs,
                event_id=note.event_id,
            )
            for note in event.notes
        ),
        inputs=_related(inputs),
    )


def _related(rows: list[_Row]) -> tuple[Related, ...]:
    return tuple(_of(row) for row in rows)


def _of(row: _Row) -> Related:
    return Related(
        event_id=row.event_id,
        type=row.type,
        position=row.position,
        stream_id=row.stream_id,
        effective_on=row.effective_on,
        recorded_at=row.recorded_at.astimezone(UTC),
        actor=row.actor,
        causation_id=row.causation_id,
        voided_by=tuple(row.voided_by),
        corrected_by=tuple(row.corrected_by),
    )


def _text(row: _Row) -> bytes:
    assert row.body is not None  # the statement gives it for these relations
    return row.body.encode()
