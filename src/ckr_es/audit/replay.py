"""Every eligibility decision made again, in one pass over the log: from what it recorded, and from what was known then.

Nothing here trusts the decision: the verdicts come again from its recorded inputs under the rule set it names, the
inputs from the log before it, and the permission from the role that the envelope holds.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any, Literal
from uuid import UUID

import msgspec
import psycopg
from msgspec import Struct

from ckr_es.aggregates import participant, service_case
from ckr_es.aggregates.amend import fold
from ckr_es.aggregates.facts import Entry
from ckr_es.aggregates.participant import Participant
from ckr_es.aggregates.service_case import EligibilityDecided, ServiceCase
from ckr_es.commands import assess, notes
from ckr_es.rules import Refused, Unknown, scoring
from ckr_es.rules.decision import Override, decide
from ckr_es.rules.earlier_support import NoteCode, weigh
from ckr_es.rules.eligibility import Check
from ckr_es.rules.rule_sets import Condition, RuleSet, in_force, rule_set
from ckr_es.rules.verdicts import judge
from ckr_es.store.database import Database
from ckr_es.store.envelope import decode

FETCH = 5_000
HEAD = "select coalesce(max(position), 0) from ckr.event"
STREAMS = """
    select position, event_id, stream_id, role, type, body::text from ckr.event
    where position <= %s and (type like 'participant.%%' or type like 'service-case.%%') order by position
"""

What = Literal["rule-set", "verdict", "note", "score", "inputs", "log", "permission"]
Progress = Callable[[int, int], None]


class Difference(Struct, frozen=True, kw_only=True):
    """Where a decision does not come out again. `subject`: a condition, a note's code, or "decision".

    `what`: the rule set is unknown or not that day's; the verdict, note or score does not follow from what was
    recorded for it; the log before it gives other inputs, or another verdict; the role might not decide so.
    """

    position: int
    event_id: UUID
    case_id: UUID
    subject: str
    what: What
    recorded: str
    again: str


class Replayed(Struct, frozen=True, kw_only=True):
    """How many decisions were made again, up to which position, and all that differ."""

    position: int
    decisions: int
    differences: tuple[Difference, ...]


class _Decision(Struct, frozen=True):
    position: int
    event_id: UUID
    case_id: UUID
    role: str
    event: EligibilityDecided


def replay_decisions(database: Database, progress: Progress = lambda _done, _of: None) -> Replayed:
    """All decisions up to the present head. `progress(done, of)` is called with positions."""
    histories: defaultdict[UUID, list[Entry]] = defaultdict(list)
    decisions = 0
    found: list[Difference] = []
    with psycopg.connect(database.conninfo("ckr_reader")) as conn:
        (head,) = conn.execute(HEAD).fetchone() or (0,)
        with conn.cursor("decisions") as cursor:
            cursor.itersize = FETCH
            for position, event_id, stream, role, type_, body in cursor.execute(STREAMS, (head,)):
                event = decode(type_, body)
                if isinstance(event, EligibilityDecided):
                    decisions += 1
                    made = _Decision(position, event_id, stream, role, event)
                    found += _differences(made, histories)
                histories[stream].append(Entry(event_id, event))
                if position % FETCH == 0:
                    progress(position, head)
    progress(head, head)
    return Replayed(position=head, decisions=decisions, differences=tuple(found))


def _differences(made: _Decision, histories: dict[UUID, list[Entry]]) -> Iterator[Difference]:
    case = fold(service_case.KIND, histories[made.case_id])
    assert case is not None  # a case is opened before it is decided
    who = fold(participant.KIND, histories[case.opened.participant_id])
    assert who is not None
    day = case.opened.applied_on
    if made.event.rule_set != in_force(day).id:
        yield _difference(made, "decision", "rule-set", made.event.rule_set, in_force(day).id)
    try:
        rules = rule_set(made.event.rule_set)
    except Unknown:
        return
    yield from _from_inputs(made, rules)
    yield from _from_log(made, case, who)
    if case.scored and (other := scoring.difference(case.scored)):
        yield _difference(made, "scoring", "score", str(case.scored.score), other)
    checks = [
        Check(
            condition=c.condition,
            verdict=c.verdict,
            explanation=c.explanation,
            inputs=c.inputs,
            event_id=c.event_id,
        )
        for c in made.event.checks
    ]
    overrides = [Override(condition=o.condition, ground=o.ground) for o in made.event.overrides]
    try:
        decide(made.event.decision, checks, overrides, made.role)
    except (Refused, ValueError) as refusal:
        code = refusal.code if isinstance(refusal, Refused) else str(refusal)
        yield _difference(made, "decision", "permission", f"{made.event.decision} ({made.role})", code)


def _from_inputs(made: _Decision, rules: RuleSet) -> Iterator[Difference]:
    for check in made.event.checks:
        again = verdict_again(check.condition, check.inputs, rules)
        if again != check.verdict:
            yield _difference(made, check.condition, "verdict", check.verdict, again)
    for note in made.event.notes:
        again = note_again(note.code, note.inputs)
        if again != note.verdict:
            yield _difference(made, note.code, "note", note.verdict, again)


def verdict_again(condition: Condition, inputs: dict[str, Any], rules: RuleSet) -> str:
    """The verdict that the recorded inputs give under the rule set, or why they give none."""
    return _again(lambda: judge(condition, inputs, rules).verdict)


def note_again(code: NoteCode, inputs: dict[str, Any]) -> str:
    """As `verdict_again`, of earlier support."""
    return _again(lambda: weigh(code, inputs)[0])


def _again(verdict: Callable[[], str]) -> str:
    """Inputs that lack what the rule reads give no verdict at all."""
    try:
        return verdict()
    except (KeyError, TypeError, ValueError, msgspec.ValidationError) as error:
        return f"{type(error).__name__}: {error}"


def _from_log(made: _Decision, case: ServiceCase, who: Participant) -> Iterator[Difference]:
    checks = {c.condition: c for c in assess(case, who, made.event.decided_on)}
    for check in made.event.checks:
        known = checks[check.condition]
        if known.verdict != check.verdict:
            yield _difference(made, check.condition, "log", check.verdict, known.verdict)
        elif changed := _changed(check.inputs, known.inputs):
            yield _difference(made, check.condition, "inputs", *changed)
    told = {note.code: note for note in notes(case, who, made.event.decided_on)}
    for note in made.event.notes:
        if changed := _changed(note.inputs, told[note.code].inputs):
            yield _difference(made, note.code, "inputs", *changed)


def _changed(recorded: dict[str, Any], again: dict[str, Any]) -> tuple[str, str] | None:
    """The first recorded input that the log does not give again; inputs that later versions add are no difference."""
    for name, value in recorded.items():
        if again.get(name) != value:
            return f"{name}={value}", f"{name}={again.get(name)}"
    return None


def _difference(made: _Decision, subject: str, what: What, recorded: str, again: str) -> Difference:
    return Difference(
        position=made.position,
        event_id=made.event_id,
        case_id=made.case_id,
        subject=subject,
        what=what,
        recorded=recorded,
        again=again,
    )
