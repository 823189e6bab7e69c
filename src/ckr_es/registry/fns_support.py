"""The register of support recipients (ЕРСМСП-ПП), in its structures of 2020 and 4.04 (reference.md, 4.2)."""

import re
from datetime import date
from typing import Any, Final, Literal

from msgspec import Struct

from ckr_es.registry.fields import Place, number
from ckr_es.registry.xml import tag
from ckr_es.rules.support import Support, Violation

TYPE: Final = "РЕЕСТРМСП-ПП"
# As in the register of SMEs; its fourth group, the region, is empty.
USUAL: Final = re.compile(
    (
        tag("Документ", "ДатаСост", r"[\d.]++")
        + ">(?:"
        + tag("СвЮЛ", "ИННЮЛ", r"\d{10}")
        + "|"
        + tag("СвФЛ", "ИННФЛ", r"\d{12}")
        + ")/?>()"
    ).encode()
)
_KINDS: Final[dict[str, Literal["misuse", "other"]]] = {"1": "misuse", "2": "other"}


class SupportRecord(Struct, frozen=True, kw_only=True):
    """What one document holds of a recipient; a recipient may have several, in several members."""

    inn: str
    as_of: date
    supports: tuple[Support, ...]
    member: str
    line: int


def key(document: Any, place: Place) -> tuple[str, str]:
    """INN of the recipient; this register has no region."""
    for part in document:
        if part.tag == "СвЮЛ":
            return number(part.get("ИННЮЛ"), 10, "ИННЮЛ", place, "inn-invalid"), ""
        if part.tag == "СвФЛ":
            return number(part.get("ИННФЛ"), 12, "ИННФЛ", place, "inn-invalid", shown=False), ""
    raise place.refused("firm-missing", "В документе нет получателя поддержки")


def record(document: Any, inn: str, _: str, as_of: date, place: Place) -> SupportRecord:
    return SupportRecord(
        inn=inn,
        as_of=as_of,
        supports=tuple(_support(part, place) for part in document.iterfind("СвПредПод")),
        member=place.member,
        line=place.line,
    )


def _support(part: Any, place: Place) -> Support:
    form, kind = part.find("ФормПод"), part.find("ВидПод")
    return Support(
        provider_inn=number(part.get("ИННЮЛ"), 10, "ИННЮЛ поставщика", place, "inn-invalid", shown=False),
        form=number(form.get("КодФорм") if form is not None else None, 4, "КодФорм", place),
        kind=number(kind.get("КодВид") if kind is not None else None, 4, "КодВид", place),
        decided_on=place.day(part.get("ДатаПрин"), "ДатаПрин"),
        until=_term(part.get("СрокПод"), place),
        ended_on=place.some_day(part.get("ДатаПрекр"), "ДатаПрекр", past=False),
        number=(part.get("НомерПод") or "").strip()[:100] or None,
        violations=_violations(part, place),
    )


def _term(text: str | None, place: Place) -> date | None:
    """The day it ends; a term told otherwise than by a day ("12", "-") is no day, and no error."""
    return place.some_day(text, "СрокПод", past=False) if text and "." in text else None


def _violations(part: Any, place: Place) -> tuple[Violation, ...]:
    """Told one by one since 4.04; before, and where the details are missing, only that there was one."""
    told = tuple(
        Violation(
            kind=_KINDS.get(one.get("ВидНаруш", ""), "other"),
            found_on=place.some_day(one.get("ДатаНаруш"), "ДатаНаруш"),
            remedy_by=place.some_day(one.get("СрокНаруш"), "СрокНаруш", past=False),
            remedied_on=place.some_day(one.get("ДатаУстрНаруш"), "ДатаУстрНаруш", past=False),
        )
        for one in part.iterfind("Нарушения")
    )
    if told:
        return told
    sign = part.find("ИнфНаруш")
    given = part if sign is None else sign
    if given.get("ИнфНецел") == "1":
        return (Violation(kind="misuse"),)
    return (Violation(kind="other"),) if given.get("ИнфНаруш") == "1" else ()
