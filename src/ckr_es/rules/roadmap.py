"""The roadmap of 2021–2023 as data (concept, section 8): a tree of measures, and when each of them is due.

A row without periods has those of its parent (the document's merged cells). Rows 5, 7 and the other ones that run
through 2021–2023 are asked once a year, as row 12 reports on them: our reading, the document says only "2021–2023".
"""

from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Literal

import msgspec
from msgspec import Struct

from ckr_es.rules import Invalid
from ckr_es.rules.calendar import period


class Measure(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A row. `periods` are labels ("2021-Q4") or spans of them ("2021-Q1/2021-Q2"), each cut up by `every`.

    `days_after`: how long after its period a measure may still be in time; a quarter is reported when it is over (15
    days are our reading, no document gives them).
    """

    no: str
    title: str
    expected: str
    parent: str | None = None
    periods: tuple[str, ...] = ()
    every: Literal["quarter", "year"] | None = None
    days_after: int = 0


class Term(Struct, frozen=True):
    """One time that a measure is due: `first` and `last` day of its period, and the day after which it is overdue."""

    label: str
    first: date
    last: date
    due_on: date


@cache
def measures() -> Mapping[str, Measure]:
    """Every row by its number, in the order of the document."""
    text = files(__package__).joinpath("roadmap.json").read_bytes()
    return MappingProxyType({m.no: m for m in msgspec.json.decode(text, type=list[Measure])})


def measure(no: str) -> str:
    """The number itself when the roadmap has it; else Invalid("unknown-measure")."""
    if no not in measures():
        raise Invalid("unknown-measure", f"В дорожной карте нет строки «{no}», есть: {', '.join(measures())}")
    return no


@cache
def terms(no: str) -> tuple[Term, ...]:
    """When the measure is due, in order of time: 12 quarters of row 11, three of row 12."""
    row = measures()[no]
    timed = row if row.periods or row.parent is None else measures()[row.parent]
    after = timedelta(days=row.days_after)
    return tuple(
        Term(label, first, last, last + after)
        for span in timed.periods
        for label, first, last in _cut(span, timed.every)
    )


def term(no: str, label: str) -> Term:
    """The one time that a report of this period is about: it lies within it, or is the only one that it holds.

    Invalid("period-invalid") for what is no period, Invalid("not-in-roadmap") when no term, or more than one, is meant.
    """
    whole = next((t for t in terms(no) if t.label == label), None)
    if whole is not None:
        return whole
    asked = period(label)
    found = [t for t in terms(no) if t.first <= asked.first and asked.last <= t.last]
    found = found or [t for t in terms(no) if asked.first <= t.first and t.last <= asked.last]
    if len(found) != 1:
        known = ", ".join(t.label for t in terms(no))
        raise Invalid(
            "not-in-roadmap", f"Сроки строки {no} дорожной карты: {known}; «{label}» — не один из них"
        )
    return found[0]


def _cut(span: str, every: Literal["quarter", "year"] | None) -> Iterator[tuple[str, date, date]]:
    start, _, end = span.partition("/")
    first, last = period(start).first, period(end or start).last
    if every is None:
        yield span, first, last
        return
    for year in range(first.year, last.year + 1):
        labels = [f"{year}-Q{n}" for n in range(1, 5)] if every == "quarter" else [str(year)]
        yield from ((part.label, part.first, part.last) for part in map(period, labels))
