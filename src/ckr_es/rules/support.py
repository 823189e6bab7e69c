"""Support that a firm had before, as the register of support recipients tells it (209-ФЗ, article 8)."""

from datetime import date
from typing import Annotated, Literal

from msgspec import Meta, Struct

# In Python `$` also matches before a last newline.
Digits4 = Annotated[str, Meta(pattern=r"^[0-9]{4}$(?!\n)")]
Number = Annotated[str, Meta(min_length=1, max_length=100)]
LegalInn = Annotated[str, Meta(pattern=r"^[0-9]{10}$(?!\n)")]


class Violation(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """`misuse` is of funds, or false data (barred for three years); `other` breaks the order of support (one year)."""

    kind: Literal["misuse", "other"]
    found_on: date | None = None
    remedy_by: date | None = None
    remedied_on: date | None = None


class Support(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """One support, without its amount: the form (0400 is consulting) and the kind are codes of the register."""

    provider_inn: LegalInn
    form: Digits4
    kind: Digits4
    decided_on: date
    until: date | None = None
    ended_on: date | None = None
    number: Number | None = None
    violations: tuple[Violation, ...] = ()
