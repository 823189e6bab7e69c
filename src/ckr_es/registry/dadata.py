"""DaData's `findById/party`: convenient, asked over the network, and never trusted for rights (reference.md, 4.4).

Whatever is not exactly what the service documents is `Unavailable`: nothing is guessed, and no failure looks like
"absent". Neither the token nor the firm's number is ever logged.
"""

import hashlib
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Final, Literal

import httpx
import msgspec
import stamina
import structlog
from msgspec import Struct

from ckr_es.registry.port import Absent, Answer, Company, Found, Status, Unavailable
from ckr_es.rules import okved
from ckr_es.rules.calendar import today

SOURCE: Final = "DaData"
URL: Final = "https://suggestions.dadata.ru/suggestions/api/4_1/rs/findById/party"
LARGEST_ANSWER: Final = 2**20  # bytes
ATTEMPTS: Final = 3
BUDGET: Final = 8.0  # seconds for all attempts

_STATUSES: Final[dict[str, Status]] = {
    "ACTIVE": "active",
    "LIQUIDATING": "liquidating",
    "LIQUIDATED": "liquidated",
    "REORGANIZING": "reorganizing",
    "BANKRUPT": "bankrupt",  # at any stage: reference.md, 2.5
}
log = structlog.get_logger(__name__)


class _State(Struct, frozen=True):
    status: str | None = None


class _Names(Struct, frozen=True):
    short_with_opf: str | None = None
    full_with_opf: str | None = None


class _Place(Struct, frozen=True):
    region_kladr_id: str | None = None


class _Address(Struct, frozen=True):
    data: _Place | None = None


class _Code(Struct, frozen=True):
    code: str
    main: bool = False
    type: str = "2014"


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


class _Temporary(Exception):
    """Worth another attempt."""


class _Refused(Exception):
    """Another attempt would be answered alike."""


class DaData:
    """Asks at most three times within about eight seconds. `timeout` is for connecting and for each read."""

    def __init__(
        self,
        token: str,
        url: str = URL,
        *,
        timeout: float = 3.0,
        budget: float = BUDGET,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._token = token
        self._url = url
        self._timeout = httpx.Timeout(timeout)
        self._budget = budget
        self._now = now

    def lookup(self, inn: str, as_of: date) -> Answer:
        """The service knows today only; for another day it is Unavailable without a call."""
        now = self._now()
        if as_of != today(now):
            return self._unavailable(now, "Справочный сервис отвечает только на сегодняшний день")
        try:
            raw = self._asked(inn)
            found = _read(raw, inn)
        except _Temporary as failure:
            return self._unavailable(now, f"Справочный сервис не ответил: {failure}")
        except _Refused as failure:
            return self._unavailable(now, f"Ответ справочного сервиса не принят: {failure}")
        digest = hashlib.sha256(raw).hexdigest()
        if found is None:
            return Absent(source=SOURCE, via="dadata", as_of=as_of, retrieved_at=now, answer_sha256=digest)
        return Found(
            company=found, source=SOURCE, via="dadata", as_of=as_of, retrieved_at=now, answer_sha256=digest
        )

    def _unavailable(self, now: datetime, reason: str) -> Unavailable:
        log.warning("look-up unavailable", source=SOURCE, reason=reason)
        return Unavailable(source=SOURCE, via="dadata", reason=reason, retrieved_at=now)

    def _asked(self, inn: str) -> bytes:
        for attempt in stamina.retry_context(
            on=_Temporary, attempts=ATTEMPTS, timeout=self._budget, wait_initial=0.2, wait_max=1.0
        ):
            with attempt:
                return self._once(inn)
        raise _Temporary("нет времени")

    def _once(self, inn: str) -> bytes:
        body = {"query": inn, "count": 2, "branch_type": "MAIN"}
        headers = {"Authorization": f"Token {self._token}", "Accept": "application/json"}
        try:
            with (
                httpx.Client(timeout=self._timeout, follow_redirects=False) as client,
                client.stream("POST", self._url, json=body, headers=headers) as answer,
            ):
                _refuse_status(answer.status_code)
                raw = b""
                for chunk in answer.iter_bytes():
                    raw += chunk
                    if len(raw) > LARGEST_ANSWER:
                        raise _Refused("он слишком велик")
                return raw
        except (httpx.TransportError, httpx.DecodingError) as error:
            raise _Temporary(type(error).__name__) from None


def _refuse_status(status: int) -> None:
    if status == 429 or status >= 500:
        raise _Temporary(f"HTTP {status}")
    if status in (401, 403):
        raise _Refused(f"ключ доступа отклонён (HTTP {status})")
    if status != 200:
        raise _Refused(f"HTTP {status}")


def _read(raw: bytes, inn: str) -> Company | None:
    try:
        found = msgspec.json.decode(raw, type=_Suggestions).suggestions
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise _Refused("он не того вида") from None
    if not found:
        return None
    if len(found) > 1 or found[0].data.inn != inn:
        raise _Refused("он не о той организации")
    return _company(found[0].data)


def _company(party: _Party) -> Company:
    kinds = {"LEGAL": 10, "INDIVIDUAL": 12}
    if kinds.get(party.type) != len(party.inn):
        raise _Refused("вид организации не сходится с её номером")
    status = party.state.status if party.state else None
    if status is not None and status not in _STATUSES:
        raise _Refused("состояние неизвестно")
    if party.okved_type not in (None, "2014", "2001"):
        raise _Refused("версия ОКВЭД неизвестна")
    codes = party.okveds
    if not all(okved.well_formed(code) for code in (*([party.okved] if party.okved else ()), *_texts(codes))):
        raise _Refused("коды ОКВЭД записаны не по форме")
    if party.employee_count is not None and not 0 <= party.employee_count <= 1_000_000:
        raise _Refused("численность невозможна")
    old = party.okved_type == "2001" or any(code.type == "2001" for code in codes or ())
    smb = party.documents.smb if party.documents else None
    categories: dict[str | None, Literal["micro", "small", "medium"]] = {
        "MICRO": "micro",
        "SMALL": "small",
        "MEDIUM": "medium",
    }
    return Company(
        kind="legal_entity" if party.type == "LEGAL" else "entrepreneur",
        inn=party.inn,
        ogrn=party.ogrn,
        name=(party.name.short_with_opf or party.name.full_with_opf) if party.name else None,
        region_code=_region(party),
        okved_main=party.okved,
        # The free tariff tells the main code only: that is not the same as having no others.
        okved_additional=None
        if codes is None
        else tuple(dict.fromkeys(c.code for c in codes if c.code != party.okved)),
        okved_version="2001" if old else "2014",
        status=_STATUSES[status] if status else None,
        category=categories.get(smb.category) if smb else None,
        included_on=_day(smb.issue_date) if smb and smb.category in categories else None,
        headcount=party.employee_count,
    )


def _texts(codes: list[_Code] | None) -> list[str]:
    return [code.code for code in codes or ()]


def _region(party: _Party) -> str | None:
    """From the address alone: the first digits of an INN name the office that issued it."""
    place = party.address.data if party.address else None
    if place is None or not place.region_kladr_id:
        return None
    code = place.region_kladr_id[:2]
    return code if code.isascii() and code.isdigit() and len(code) == 2 else None


def _day(milliseconds: int | None) -> date | None:
    if milliseconds is None:
        return None
    try:
        return datetime.fromtimestamp(milliseconds / 1000, UTC).date()
    except (OverflowError, ValueError, OSError):
        raise _Refused("день записан неверно") from None
