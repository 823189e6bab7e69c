"""Support that a firm had before, as the register of support recipients tells it, and whom we tell it of.

209-ФЗ, article 8; reference.md, 4.2 and 4.3.
"""

from datetime import date
from typing import Annotated, Final, Literal

from msgspec import Meta, Struct

from ckr_es.rules import Refused

# In Python `$` also matches before a last newline.
Digits4 = Annotated[str, Meta(pattern=r"^[0-9]{4}$(?!\n)")]
Number = Annotated[str, Meta(min_length=1, max_length=100)]
Category = Literal["micro", "small", "medium"]
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


class Recipient(Struct, frozen=True, kw_only=True):
    """Whom a file names: an organisation by `name`, or a person by the parts of theirs. Never stored, never logged."""

    inn: str
    ogrn: str | None
    name: str = ""
    surname: str = ""
    given: str = ""
    patronymic: str = ""

    def __repr__(self) -> str:
        return "Recipient(…)"


_FORMS: Final = frozenset({"ип", "индивидуальный", "предприниматель", "глава", "кфх"})


def person(name: str, inn: str, ogrnip: str | None) -> Recipient:
    """The person of that name; Refused("name-incomplete") for fewer than a surname and a given name."""
    parts = [part for part in name.replace("«", " ").replace("»", " ").split() if part.lower() not in _FORMS]
    if len(parts) < 2:
        raise Refused("name-incomplete", "У предпринимателя не указаны фамилия и имя")
    surname, given, *others = parts
    return Recipient(inn=inn, ogrn=ogrnip, surname=surname, given=given, patronymic=" ".join(others))
