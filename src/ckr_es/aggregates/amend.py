"""The one place where a stream with its corrections becomes the stream as now understood.

A correction names an earlier event of its own stream, which may itself be a correction; the latest one that still
stands wins. Voiding a correction brings back what it had replaced.
"""

from collections import defaultdict
from collections.abc import Sequence
from datetime import date
from typing import Any, TypeVar
from uuid import UUID

import msgspec

from ckr_es.aggregates.facts import Correction, Entry, Fact, History, Kind, Void
from ckr_es.rules import Invalid, Problem, Refused
from ckr_es.rules.validation import parse

S = TypeVar("S")


def understood(history: History) -> list[Entry]:
    """The facts that stand, in the order recorded, each under its original id and with its latest content."""
    corrections = _corrections(history)
    facts = (entry for entry in history if not isinstance(entry.event, Void | Correction))
    if not corrections:
        return list(facts)
    read = ((entry.event_id, _content(entry, corrections)) for entry in facts)
    return [Entry(event_id, event) for event_id, event in read if event is not None]


def fold(kind: Kind[S], history: History) -> S | None:
    """The state as now understood; None when nothing stands."""
    state: S | None = None
    for event_id, event in understood(history):
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
    content = _content(target, _corrections(history))
    if content is None:
        raise Refused("already-voided", f"Запись {event_id} уже отменена")
    if isinstance(content, kind.derived):
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
        if changed == current:
            return ()
        make: Any = kind.corrected  # each aggregate adds the field `replacement`
        event = make(corrects=event_id, reason=reason, replacement=changed, late_reason=late_reason)
    _check_whole(kind, [*history, Entry(_NEW, event)])
    return (event,)


def day(history: History, event_id: UUID) -> date | None:
    """The effective day of a record as now understood; None when it does not stand or is not there."""
    target = next((entry for entry in history if entry.event_id == event_id), None)
    content = _content(target, _corrections(history)) if target else None
    return None if content is None else _day(content)


_NEW = UUID(int=0)


def _corrections(history: History) -> dict[UUID, list[Entry]]:
    found: defaultdict[UUID, list[Entry]] = defaultdict(list)
    for entry in history:
        match entry.event:
            case Void(voids=target) | Correction(corrects=target):
                found[target].append(entry)
    return found


def _content(entry: Entry, corrections: dict[UUID, list[Entry]]) -> Any:
    """What the entry says now: its own event, a later replacement, or None when it is voided."""
    for later in reversed(corrections.get(entry.event_id, ())):
        said = _content(later, corrections)
        if said is None:
            continue
        if isinstance(said, Void):
            return None
        changed = said.replacement if isinstance(said, Correction) else said
        if isinstance(entry.event, Correction):
            return msgspec.structs.replace(entry.event, replacement=changed)
        return changed
    return entry.event


def _merged(kind: Kind[Any], current: Fact, fields: dict[str, Any], today: date) -> Fact:
    known = msgspec.to_builtins(current)
    known.pop("type")
    known.pop("late_reason", None)
    names = {field.name for field in msgspec.structs.fields(current)} - {"late_reason"}
    problems = [
        Problem(f"/replacement/{name}", "unknown-field", f"У этой записи нет поля «{name}»")
        for name in fields
        if name not in names
    ]
    problems += [
        Problem(f"/replacement/{name}", "field-fixed", f"Поле «{name}» не исправляют")
        for name in fields
        if name in kind.fixed and name in names and fields[name] != known.get(name)
    ]
    if problems:
        raise Invalid(problems[0].code, problems[0].detail, problems)
    return parse(type(current), {**known, **fields}, today, "/replacement")


def _check_whole(kind: Kind[S], history: Sequence[Entry]) -> None:
    state: S | None = None
    for event_id, event in understood(history):
        if not isinstance(event, kind.derived):
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
