"""What a firm's OKVED2 codes say about excise goods, minerals and the excluded trades."""

import csv
import re
from collections.abc import Iterable, Mapping
from datetime import date
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Literal

import msgspec
from msgspec import Struct

from ckr_es.rules import Invalid

_FORM = re.compile(r"[0-9]{2}(\.[0-9]{1,2}(\.[0-9]{1,2})?)?")


class Rule(Struct, frozen=True, forbid_unknown_fields=True):
    """A line of okved2_rules.csv (reference.md, 2.4): what to think of a code, since `valid_from`.

    `match`: "prefix" speaks of every code under it, "exact" of this code alone, as firms register whole groups.
    """

    prefix: str
    name: str
    rule: str
    mode: Literal["HARD", "REVIEW", "ALLOW_REVIEW", "INFO"]
    basis: str
    note: str
    valid_from: date
    match: Literal["prefix", "exact"]


class Hit(Struct, frozen=True):
    """A code of the firm and the one rule that speaks of it."""

    code: str
    main: bool
    rule: Rule


@cache
def rules(on: date) -> Mapping[str, Rule]:
    """The rules in force on a day, by prefix."""
    text = files(__package__).joinpath("okved2_rules.csv").read_text(encoding="utf-8")
    lines = msgspec.convert(list(csv.DictReader(text.splitlines(), delimiter=";")), list[Rule])
    return MappingProxyType({line.prefix: line for line in lines if line.valid_from <= on})


def match(code: str, on: date) -> Rule | None:
    """The rule with the longest prefix of this code; "08.1" speaks of 08.12.2, "12" of 12.00."""
    known = rules(on)
    for end in range(len(code), 1, -1):
        rule = known.get(code[:end])
        if rule and (rule.match == "prefix" or end == len(code)):
            return rule
    return None


def hits(main: str, additional: Iterable[str], on: date) -> tuple[Hit, ...]:
    """Every code that a rule speaks of, the main one first, each code once."""
    found = ((code, match(code, on)) for code in dict.fromkeys((main, *additional)))
    return tuple(Hit(code, code == main, rule) for code, rule in found if rule)


def well_formed(code: str) -> bool:
    """Whether this is written as OKVED2 writes its codes: 62, 62.0, 62.01, 62.01.1 or 62.01.11."""
    return _FORM.fullmatch(code) is not None


def okved_code(text: str) -> str:
    """The code without surrounding spaces, or Invalid("okved-invalid")."""
    code = text.strip()
    if not well_formed(code):
        detail = "Код ОКВЭД2 записывается цифрами через точку, например 10.39 или 08.12.2"
        raise Invalid("okved-invalid", detail)
    return code
