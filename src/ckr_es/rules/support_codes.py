"""The codes that services are reported to the register of support recipients by: a table that people edit.

The defaults are those of reference.md (4.2, 4.3). No source gives the kinds 0301, 0401, 0501, the names of the forms
0200 to 0600, the signs 02 and 03, or the form of a service: whoever sends the first file confirms them.
"""

import re
from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta, Struct

from ckr_es.rules import Invalid, Problem, identifiers
from ckr_es.rules.catalogue import SERVICES
from ckr_es.rules.support import Digits4, LegalInn
from ckr_es.rules.values import Number, ServiceCode, Text

Operation = Literal["report", "correct", "annul"]
UnitCode = Literal["1", "2", "3", "4", "5"]
ROUBLE: Final = "1"
UNVERIFIED: Final = (
    "коды видов 0301, 0401, 0501 и их наименования",
    "наименования форм 0200–0600",
    "признаки операций 02 и 03",
    "какая услуга к какой форме относится",
    "день отчёта",
    "начало имени файла",
)
_PREFIX = re.compile(r"[0-9A-Z][0-9A-Z_-]{0,60}")


class Coding(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a service is reported. `unit` where the act's own words name none; 1 (rouble) means what it cost."""

    service: ServiceCode
    form: Digits4
    kind: Digits4
    unit: UnitCode


class Named(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    code: Digits4
    name: Text


class UnitWord(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A unit as acts write it, and its code: 1 rouble, 2 square metre, 3 hour, 4 percent, 5 unit."""

    word: Number
    code: UnitCode


class Operations(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The signs (ПрОбр) of a document that is new, corrects, or annuls."""

    report: Number
    correct: Number
    annul: Number


class Sender(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who gave the support: the centre."""

    inn: LegalInn
    name: Text


class Codes(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`report_day`: the day of the month after the act's until which a service is in time (209-ФЗ, article 8)."""

    report_day: Annotated[int, Meta(ge=1, le=28)]
    encoding: Literal["UTF-8", "windows-1251"]
    file_prefix: Number
    operations: Operations
    services: tuple[Coding, ...]
    forms: tuple[Named, ...]
    kinds: tuple[Named, ...]
    units: tuple[UnitWord, ...] = ()
    sender: Sender | None = None

    def of(self, service: str) -> Coding:
        return next(coding for coding in self.services if coding.service == service)

    def unit(self, service: str, words: str) -> UnitCode:
        """The act's unit where its words are known; what is reported in roubles stays in roubles."""
        coding = self.of(service)
        if coding.unit == ROUBLE:
            return coding.unit
        said = words.strip().casefold()
        return next((unit.code for unit in self.units if unit.word.casefold() == said), coding.unit)


@cache
def default_codes() -> Codes:
    return msgspec.json.decode(files(__package__).joinpath("support_codes.json").read_bytes(), type=Codes)


def check(codes: Codes) -> None:
    """Invalid naming everything that would make a file wrong."""
    problems = [*_missing(codes), *_twice(codes)]
    if codes.sender is not None:
        try:
            identifiers.inn_of("organisation", codes.sender.inn)
        except Invalid as wrong:
            problems.append(Problem("/codes/sender/inn", wrong.code, wrong.detail))
    if not _PREFIX.fullmatch(codes.file_prefix):
        detail = "Начало имени файла: заглавные латинские буквы, цифры, «_» и «-»"
        problems.append(Problem("/codes/file_prefix", "text-invalid", detail, codes.file_prefix))
    if problems:
        raise Invalid(problems[0].code, problems[0].detail, problems)


def _missing(codes: Codes) -> Iterable[Problem]:
    forms, kinds = ({named.code for named in table} for table in (codes.forms, codes.kinds))
    for n, coding in enumerate(codes.services):
        at = f"/codes/services/{n}"
        if coding.form not in forms:
            yield Problem(f"{at}/form", "unknown-form", f"У формы {coding.form} нет наименования")
        if coding.kind not in kinds:
            yield Problem(f"{at}/kind", "unknown-kind", f"У вида {coding.kind} нет наименования")
        if coding.kind[:2] != coding.form[:2]:
            detail = f"Вид {coding.kind} начинается не так, как форма {coding.form}"
            yield Problem(f"{at}/kind", "kind-of-another-form", detail)
    for service in SERVICES:
        if service not in {coding.service for coding in codes.services}:
            yield Problem("/codes/services", "required", f"Нет кодов услуги {service}")


def _twice(codes: Codes) -> Iterable[Problem]:
    for name, keys in (
        ("services", [coding.service for coding in codes.services]),
        ("forms", [named.code for named in codes.forms]),
        ("kinds", [named.code for named in codes.kinds]),
        ("units", [unit.word.casefold() for unit in codes.units]),
    ):
        for n, key in enumerate(keys):
            if key in keys[:n]:
                yield Problem(f"/codes/{name}/{n}", "duplicate", f"«{key}» указано дважды")
