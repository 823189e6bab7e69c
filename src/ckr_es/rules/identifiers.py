"""Numbers of the Russian registers: the compact form we keep, or a refusal.

No message repeats the number: an entrepreneur's INN and OGRNIP are personal data (152-ФЗ), and a mistyped
one may have any length.
"""

import re
from typing import Literal

from stdnum.exceptions import ValidationError
from stdnum.ru import inn as stdnum_inn
from stdnum.ru import ogrn as stdnum_ogrn

from ckr_es.rules import Invalid

_SEPARATORS = re.compile(r"[\s\-‐‑‒–—−]")
_KPP = re.compile(r"[0-9]{4}[0-9A-Z]{2}[0-9]{3}")


def inn(text: str) -> str:
    """10 digits (a legal entity) or 12 (a person) with right check digits, else Invalid("inn-invalid")."""
    number = _compact(text)
    # stdnum finds all zeros in order, and reads digits of other alphabets as ours.
    if not _is_number(number, 10, 12):
        raise Invalid("inn-invalid", "ИНН состоит из 10 или 12 цифр")
    try:
        return str(stdnum_inn.validate(number))
    except ValidationError:
        raise Invalid("inn-invalid", "Контрольное число ИНН не сходится") from None


def inn_of(kind: Literal["legal_entity", "entrepreneur", "organisation"], text: str) -> str:
    """An INN of the length this kind has: 12 digits for an entrepreneur, 10 for the others."""
    number = inn(text)
    if kind == "entrepreneur" and len(number) != 12:
        raise Invalid("inn-invalid", "ИНН индивидуального предпринимателя состоит из 12 цифр")
    if kind != "entrepreneur" and len(number) != 10:
        raise Invalid("inn-invalid", "ИНН организации состоит из 10 цифр")
    return number


def ogrn(text: str) -> str:
    """13 digits of a legal entity with a right check digit, else Invalid("ogrn-invalid")."""
    number = _compact(text)
    if not _is_number(number, 13):
        raise Invalid("ogrn-invalid", "ОГРН состоит из 13 цифр")
    try:
        return str(stdnum_ogrn.validate(number))
    except ValidationError:
        raise Invalid("ogrn-invalid", "Контрольное число ОГРН не сходится") from None


def ogrnip(text: str) -> str:
    """15 digits, a 3 first and a right check digit last, else Invalid("ogrnip-invalid")."""
    number = _compact(text)
    if not _is_number(number, 15) or not number.startswith("3"):
        raise Invalid("ogrnip-invalid", "ОГРНИП состоит из 15 цифр и начинается с 3")
    # Not stdnum: 2.2 leaves out the `% 10` and so refuses every number whose remainder is above 9.
    if int(number[:-1]) % 13 % 10 != int(number[-1]):
        raise Invalid("ogrnip-invalid", "Контрольное число ОГРНИП не сходится")
    return number


def kpp(text: str) -> str:
    """9 digits, the fifth and sixth of which may be A … Z instead, else Invalid("kpp-invalid")."""
    code = _compact(text)
    if not _KPP.fullmatch(code) or not code.strip("0"):
        raise Invalid(
            "kpp-invalid", "КПП состоит из 9 знаков: цифры, на пятом и шестом месте возможны латинские буквы"
        )
    return code


def _compact(text: str) -> str:
    return _SEPARATORS.sub("", text)


def _is_number(text: str, *lengths: int) -> bool:
    return len(text) in lengths and text.isascii() and text.isdigit() and text.strip("0") != ""
