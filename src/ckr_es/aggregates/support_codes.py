"""The codes that services are reported to the register of support by: set, and set again, never corrected.

A file keeps those it was made with, so another table changes no file.
"""

from datetime import date
from uuid import UUID

from msgspec.structs import replace

from ckr_es.aggregates.facts import Fact, History
from ckr_es.rules import support_codes
from ckr_es.rules.support_codes import Codes, default_codes
from ckr_es.rules.values import Document


class CodesSet(Fact, frozen=True, kw_only=True, tag="support-codes.set"):
    """The whole table, for files made from now on."""

    set_on: date
    codes: Codes
    document: Document | None = None

    @property
    def effective_on(self) -> date:
        return self.set_on


Event = CodesSet


def decide(state: CodesSet | None, event: CodesSet) -> tuple[CodesSet, ...]:
    """The event to record, or nothing when the table says so already."""
    support_codes.check(event.codes)
    if state is not None and replace(state, set_on=event.set_on) == replace(event, late_reason=None):
        return ()
    return (event,)


def evolve(_: CodesSet | None, event: Event, __: UUID) -> CodesSet:
    return replace(event, late_reason=None)


def fold(history: History) -> CodesSet | None:
    state: CodesSet | None = None
    for event_id, event in history:
        state = evolve(state, event, event_id)
    return state


def in_force(history: History) -> Codes:
    """The table as last set, or the defaults while nobody has set one."""
    state = fold(history)
    return default_codes() if state is None else state.codes
