"""What DaData's answer says of a firm, held to what the service documents (reference.md, 4.4)."""

from datetime import UTC, date, datetime
from typing import Final, Literal

import msgspec
from msgspec import Struct

from ckr_es.registry.port import Company, Status
from ckr_es.rules import okved

_STATUSES: Final[dict[str, Status]] = {
    "ACTIVE": "active",
    "LIQUIDATING": "liquidating",
    "LIQUIDATED": "liquidated",
    "REORGANIZING": "reorganizing",
    "BANKRUPT": "bankrupt",  # at any stage: reference.md, 2.5
}
_CATEGORIES: Final[dict[str | None, Literal["micro", "small", "medium"]]] = {
    "MICRO": "micro",
    "SMALL": "small",
    "MEDIUM": "medium",
}


class NotAccepted(Exception):
    """An answer that can't be relied on; the message (Russian) says why, without a word of the answer."""


class _State(Struct, frozen=True):
    status: str | None = None


class _Names(Struct, frozen=True):
    short_with_opf: str | None = None
    full_with_opf: str | None = None


class _Place(Struct, frozen=True):
    region_kladr_id: str | None = None
    region_iso_code: str | None = None


class _Address(Struct, frozen=True):
    data: _Place | None = None


class _Code(Struct, frozen=True):
    code: str
    main: bool = False
    type: str | None = None


class _Smb(Struct, frozen=True):
    category: str | None = None
    issue_date: int | None = None


class _Documents(Struct, frozen=True):
    smb: _Smb | None = None


class _Party(Struct, frozen=True):
    inn: str
    type: str
    ogrn: str | None = None
    name: _Names | None = None
    state: _State | None = None
    address: _Address | None = None
    okved: str | None = None
    okved_type: str | None = None
    okveds: list[_Code] | None = None
    employee_count: int | None = None
    documents: _Documents | None = None


class _Suggestion(Struct, frozen=True):
    data: _Party


class _Suggestions(Struct, frozen=True):
    suggestions: list[_Suggestion]


def read(raw: bytes, inn: str, as_of: date) -> Company | None:
    """The firm with this INN, or None where the service knows none. Raises NotAccepted."""
    try:
        found = msgspec.json.decode(raw, type=_Suggestions).suggestions
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise NotAccepted("он не того вида") from None
    if not found:
        return None
    if any(suggestion.data.inn != inn for suggestion in found):
        raise NotAccepted("он не о той организации")
    if len(found) > 1:
        raise NotAccepted("в нём не одна запись")
    return _company(found[0].data, as_of)


def _company(party: _Party, as_of: date) -> Company:
    kinds = {"LEGAL": 10, "INDIVIDUAL": 12}
    if kinds.get(party.type) != len(party.inn):
        raise NotAccepted("вид организации не сходится с её номером")
    status = party.state.status if party.state else None
    if status is not None and status not in _STATUSES:
        raise NotAccepted("состояние неизвестно")
    if party.employee_count is not None and not 0 <= party.employee_count <= 1_000_000:
        raise NotAccepted("численность невозможна")
    main, additional, version = _activities(party)
    smb = party.documents.smb if party.documents else None
    category = _CATEGORIES.get(smb.category) if smb else None
    return Company(
        kind="legal_entity" if party.type == "LEGAL" else "entrepreneur",
        inn=party.inn,
        ogrn=party.ogrn,
        name=(party.name.short_with_opf or party.name.full_with_opf) if party.name else None,
        region_code=_region(party),
        okved_main=main,
        okved_additional=additional,
        okved_version=version,
        status=_STATUSES[status] if status else None,
        category=category,
        included_on=_day(smb.issue_date, as_of) if smb and category else None,
        headcount=party.employee_count,
    )


def _activities(party: _Party) -> tuple[str | None, tuple[str, ...] | None, Literal["2014", "2001"]]:
    """The main code, the others and the version they are all of: the old one as soon as a single code is of it."""
    listed = party.okveds or []
    mains = {code.code for code in listed if code.main} | ({party.okved} if party.okved else set())
    if len(mains) > 1:
        raise NotAccepted("основных кодов ОКВЭД в нём несколько")
    if not all(okved.well_formed(code) for code in (*mains, *(code.code for code in listed))):
        raise NotAccepted("коды ОКВЭД записаны не по форме")
    versions = {code.type or party.okved_type for code in listed}
    if party.okved:
        versions.add(party.okved_type or next((code.type for code in listed if code.main), None))
    if not versions <= {"2014", "2001"}:
        raise NotAccepted("версия ОКВЭД неизвестна")
    # The free tariff tells the main code only: that is not the same as having no others.
    others = tuple(dict.fromkeys(code.code for code in listed if code.code not in mains)) if listed else None
    return next(iter(mains), None), others, "2001" if "2001" in versions else "2014"


def _region(party: _Party) -> str | None:
    """From the address alone: the first digits of an INN name the office that issued it."""
    place = party.address.data if party.address else None
    if place is None:
        return None
    code = (place.region_kladr_id or "")[:2]
    if len(code) == 2 and code.isascii() and code.isdigit():
        return code
    return "24" if place.region_iso_code == "RU-KYA" else None


def _day(milliseconds: int | None, as_of: date) -> date | None:
    if milliseconds is None:
        return None
    try:
        day = datetime.fromtimestamp(milliseconds / 1000, UTC).date()
    except (OverflowError, ValueError, OSError):
        raise NotAccepted("день записан неверно") from None
    if day > as_of:
        raise NotAccepted("день ещё не наступил")
    return day
