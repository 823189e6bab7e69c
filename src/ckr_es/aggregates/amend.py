"""The one place where a stream with its corrections becomes the stream as now understood.

A correction names an earlier event of its own stream, which may itself be a correction; the latest one that still
stands wins. Voiding a correction brings back what it had replaced.
"""

from collections.abc import Sequence
from datetime import date
from typing import Any, NamedTuple, TypeVar
from uuid import UUID

import msgspec
from msgspec.structs import replace

from ckr_es.aggregates.facts import Correction, Entry, Fact, History, Kind, Void
from ckr_es.rules import Invalid, Problem, Refused
from ckr_es.rules.validation import escape, parse

S = TypeVar("S")
AMENDS = (Void, Correction)


def understood(history: History) -> list[Entry]:
    """The facts that stand, in the order recorded, each under its original id and with its latest content."""
    facts = [entry for entry in history if not isinstance(entry.event, AMENDS)]
    if len(facts) == len(history):
        return facts
    said = _said(history)
    return [
        Entry(event_id, content) for event_id, _ in facts if (content := said[event_id].content) is not None
    ]


class Said(NamedTuple):
    """What a record says as now understood (None: it is void), and the record that made it say so."""

    content: Any
    by: UUID


def standing(history: History, event_id: UUID) -> Said:
    """What one record of the history says now; KeyError when it is not in it."""
    return _said(history)[event_id]


def fold(kind: Kind[S], history: History) -> S | None:
    """The state as now understood; None when nothing stands."""
    state: S | None = None
    for event_id, event in understood(history):
        state = kind.evolve(state, event, event_id)
    return state


def on_the_day(kind: Kind[S], history: History, day: date) -> S | None:
    """The state on that day: what stands and had happened by then; None before the stream began, or of another kind."""
    entries = understood(history)
    if not entries or not kind.tells(entries[0].event) or entries[0].event.effective_on > day:
        return None
    state: S | None = None
    for event_id, event in entries:
        if event.effective_on <= day:
            state = kind.evolve(state, event, event_id)
    return state


def amend(
    kind: Kind[S],
    history: History,
    event_id: UUID,
    reason: str,
    replacement: dict[str, Any] | None,
    today: date,
    late_reason: str | None,
) -> tuple[Fact, ...]:
    """The event that voids (no replacement) or corrects `event_id`; nothing when it is already so.

    Refused when the stream as then understood could not have been recorded that way.
    """
    target = next((entry for entry in history if entry.event_id == event_id), None)
    if target is None:
        raise Refused("not-in-this-stream", f"Записи {event_id} нет в этой истории")
    content = _said(history)[event_id].content
    if content is None:
        raise Refused("already-voided", f"Запись {event_id} уже отменена")
    if isinstance(fact(history, target), kind.derived):
        raise Refused("not-correctable", "Эта запись выводится из других: исправляйте их")
    event: Fact
    if replacement is None:
        event = kind.voided(
            voids=event_id, reason=reason, effective_on=_day(content), late_reason=late_reason
        )
    else:
        if isinstance(content, Void):
            raise Refused("not-correctable", "Отмену не исправляют: её отменяют")
        current = content.replacement if isinstance(content, Correction) else content
        changed = _merged(kind, current, replacement, today)
        if changed == replace(current, late_reason=None):
            return ()
        event = kind.corrected(corrects=event_id, reason=reason, replacement=changed, late_reason=late_reason)
    _check_whole(kind, [*history, Entry(_NEW, event)])
    return (event,)


def day(history: History, event_id: UUID) -> date | None:
    """The effective day of a record as now understood; None when it does not stand or is not there."""
    said = _said(history).get(event_id)
    return None if said is None or said.content is None else _day(said.content)


_NEW = UUID(int=0)


def _said(history: History) -> dict[UUID, Said]:
    """What each record says now: its own event, a later replacement, or None when it is voided.

    What amends a record comes after it, so one pass from the end knows it all, and no loop can hold it up.
    """
    said: dict[UUID, Said] = {}
    amended: dict[UUID, Said] = {}
    for event_id, event in reversed(history):
        content, by = amended.get(event_id) or Said(event, event_id)
        if isinstance(event, Correction) and content is not None and content is not event:
            content = replace(event, replacement=content)
        said[event_id] = Said(content, by)
        match content:
            case Void(voids=target):
                amended.setdefault(target, Said(None, by))
            case Correction(corrects=target):
                amended.setdefault(target, Said(content.replacement, by))
    return said


def fact(history: History, entry: Entry) -> Any:
    """The fact that a correction, or a correction of it, is about in the end."""
    events: dict[UUID, Any] = dict(history)
    event = entry.event
    while isinstance(event, Void | Correction):
        event = events[event.voids if isinstance(event, Void) else event.corrects]
    return event


def _merged(kind: Kind[Any], current: Fact, fields: dict[str, Any], today: date) -> Fact:
    known = {
        field.name: msgspec.json.decode(msgspec.json.encode(getattr(current, field.name)))
        for field in msgspec.structs.fields(current)
        if field.name != "late_reason"
    }
    problems = [
        Problem(f"/replacement/{escape(name)}", "unknown-field", f"У этой записи нет поля «{name}»")
        for name in fields
        if name not in known
    ]
    problems += [
        Problem(f"/replacement/{name}", "field-fixed", f"Поле «{name}» не исправляют")
        for name in fields
        if name in kind.fixed and name in known and fields[name] != known[name]
    ]
    if problems:
        raise Invalid(problems[0].code, problems[0].detail, problems)
    return parse(type(current), {**known, **fields}, today, "/replacement")


def _check_whole(kind: Kind[S], history: Sequence[Entry]) -> None:
    state: S | None = None
    for event_id, event in understood(history):
        if state is None or not isinstance(event, kind.derived):
            try:
                kind.check(state, event)
            except Refused as refused:
                if isinstance(refused, Invalid):
                    raise
                raise Refused(
                    refused.code,
                    f"После исправления не будет верна запись {event_id}: {refused.detail}",
                    [Problem("", refused.code, refused.detail, str(event_id))],
                ) from refused
        state = kind.evolve(state, event, event_id)


def _day(content: Any) -> date:
    day = content.effective_on
    assert isinstance(day, date)
    return day
