"""What every event shares: an optional reason for coming late, and the two ways to put a record right."""

from collections.abc import Callable, Sequence
from datetime import date
from typing import Any, Generic, NamedTuple, TypeVar
from uuid import UUID

from msgspec import Struct

from ckr_es.rules.values import Text


class Fact(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """An event's shape is its storage format: tags and fields are never renamed, new fields have defaults."""

    late_reason: Text | None = None


class Void(Fact, frozen=True, kw_only=True):
    """The record `voids` is an error of ours and never happened; it keeps the day of what it voids."""

    voids: UUID
    reason: Text
    effective_on: date


class Correction(Fact, frozen=True, kw_only=True):
    """The record `corrects` is an error of ours; `replacement` is what happened."""

    corrects: UUID
    reason: Text
    replacement: Any  # each aggregate narrows its type


class Entry(NamedTuple):
    """An event and the id it was recorded under."""

    event_id: UUID
    event: Any


History = Sequence[Entry]
S = TypeVar("S")


class Kind(NamedTuple, Generic[S]):
    """What is needed to understand and correct the streams of one kind.

    `check` raises Refused when the event does not follow from the state; it knows no clock and no role, so a whole
    corrected stream can be checked again. `evolve` never refuses. `fixed` are fields no correction may touch, and
    `derived` are events that follow from others and so are never corrected by hand.
    """

    noun: str
    evolve: Callable[[S | None, Any, UUID], S]
    check: Callable[[S | None, Any], None]
    voided: type[Void]
    corrected: type[Correction]
    fixed: frozenset[str] = frozenset()
    derived: tuple[type[Fact], ...] = ()

    def tells(self, event: Any) -> bool:
        """Whether a stream of this kind has such events: a client may send the id of any stream."""
        return str(event.__struct_config__.tag).startswith(f"{self.noun}.")
