"""Small values that events and commands share."""

from datetime import date
from functools import partial
from typing import Annotated

from msgspec import Meta, Struct

from ckr_es.rules import calendar, catalogue, identifiers
from ckr_es.rules.rule_sets import Condition as Condition
from ckr_es.rules.validation import Rule

ERASED = "удалено"  # what is shown for the identity of a person once it is erased
Day = date  # a field may be called `date`
Text = Annotated[str, Meta(min_length=1, max_length=2000)]
# What may identify a natural person: as Text, but no error repeats the value.
Private = Annotated[str, Meta(min_length=1, max_length=2000), Rule(str)]
Number = Annotated[str, Meta(min_length=1, max_length=100)]
Count = Annotated[int, Meta(ge=0, le=1_000_000)]
# In Python `$` also matches before a last newline.
Sha256 = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$(?!\n)")]
Code = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$(?!\n)")]


def _service(code: str) -> str:
    catalogue.service(code)
    return code


def _function(code: str) -> str:
    catalogue.function(code)
    return code


def _quarter(label: str) -> str:
    return calendar.quarter(label).label


def _month(label: str) -> str:
    calendar.month_end(label)
    return label


ServiceCode = Annotated[str, Rule(_service)]
FunctionCode = Annotated[str, Rule(_function)]
Quarter = Annotated[str, Rule(_quarter)]
Month = Annotated[str, Rule(_month)]
Inn = Annotated[str, Rule(identifiers.inn)]
LegalInn = Annotated[str, Rule(partial(identifiers.inn_of, "legal_entity"))]
Ogrn = Annotated[str, Rule(identifiers.ogrn)]


class Document(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """A document by its title and, where its file is kept, the SHA-256 of the file; never the file itself."""

    title: Text
    number: Number | None = None
    date: Day | None = None
    sha256: Sha256 | None = None


class Agreement(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    number: Number
    date: Day
