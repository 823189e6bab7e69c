"""The rules of eligibility as versioned data: which set is in force on a day, and each condition with its source.

A decision names the set it was made under, so a set that was ever in force is never edited: a change is the next
set, with conditions and OKVED lines valid from its first day.
"""

from collections.abc import Mapping
from datetime import date
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Final, Literal, get_args

import msgspec
from msgspec import Struct

from ckr_es.rules import Unknown

Condition = Literal["E0", "E1", "E2", "E3", "E4", "E5", "E6", "E7", "E8", "E9"]
CONDITIONS: Final[tuple[Condition, ...]] = get_args(Condition)


class ConditionRule(Struct, frozen=True, forbid_unknown_fields=True):
    """A condition in the words of its source (concept, section 5)."""

    condition: Condition
    title: str
    text: str
    citation: str
    valid_from: date

    def told(self) -> dict[str, str]:
        """The words that stand beside a verdict."""
        return {"title": self.title, "rule": self.text, "citation": self.citation}


class RuleSet(Struct, frozen=True, forbid_unknown_fields=True):
    """`region` is where a firm must be registered; a register's answer holds `registry_valid_for_days` days."""

    id: str
    valid_from: date
    citation: str
    region: str
    registry_valid_for_days: int

    def told(self) -> dict[str, str | date]:
        """How a decision names the set that it was made under."""
        return {"id": self.id, "valid_from": self.valid_from, "citation": self.citation}


class _Data(Struct, frozen=True, forbid_unknown_fields=True):
    rule_sets: list[RuleSet]
    conditions: list[ConditionRule]


@cache
def _data() -> _Data:
    return msgspec.json.decode(files(__package__).joinpath("rule_sets.json").read_bytes(), type=_Data)


def rule_sets() -> tuple[RuleSet, ...]:
    """All sets, the earliest first."""
    return tuple(sorted(_data().rule_sets, key=lambda s: s.valid_from))


def rule_set(id: str) -> RuleSet:
    """The set of that id, or Unknown("rule-set-unknown")."""
    for known in _data().rule_sets:
        if known.id == id:
            return known
    raise Unknown("rule-set-unknown", f"Нет набора правил «{id}»")


def in_force(day: date) -> RuleSet:
    """The set for an application of this day; the first one also for what came before it."""
    first, *later = rule_sets()
    return next((s for s in reversed(later) if s.valid_from <= day), first)


@cache
def conditions(on: date) -> Mapping[Condition, ConditionRule]:
    """Each condition's latest wording on a day, in the order of the concept."""
    known = sorted(_data().conditions, key=lambda c: (c.condition, c.valid_from))
    return MappingProxyType({c.condition: c for c in known if c.valid_from <= on})
