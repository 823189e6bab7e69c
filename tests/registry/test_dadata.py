"""What DaData says becomes an answer, and whatever it does wrong never looks like "absent"."""

import gzip
import hashlib
import socket
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime
from functools import cache
from typing import Any

import pytest
import stamina
import structlog
from registry.dadata_server import DaDataServer, Reply, party, serving, suggestions

from ckr_es.registry.dadata import DaData
from ckr_es.registry.port import Absent, Found, Unavailable, checked
from ckr_es.store.envelope import decode, encode

NOW = datetime(2021, 3, 10, 3, 0, tzinfo=UTC)
TODAY = date(2021, 3, 10)
FIRM, PERSON, TOKEN = "2460066195", "246500000152", "secret-token"


@pytest.fixture(scope="module")
def server() -> Iterator[DaDataServer]:
    with stamina.set_testing(True, attempts=3), serving() as spoken:
        yield spoken


@cache  # its TLS context takes longer than a look-up
def dadata(server: DaDataServer, timeout: float = 2.0, budget: float = 5.0) -> DaData:
    return DaData(TOKEN, server.url, timeout=timeout, budget=budget, now=lambda: NOW)


def test_the_free_tariff_tells_status_and_main_code_and_no_others(server: DaDataServer) -> None:
    server.answers(suggestions(party(FIRM)))
    answer = dadata(server).lookup(FIRM, TODAY)
    assert isinstance(answer, Found)
    company = answer.company
    assert (company.status, company.region_code, company.okved_main) == ("active", "24", "10.39")
    assert (company.okved_additional, company.category, company.headcount) == (None, None, None)
    assert (company.name, company.ogrn) == ("ООО «МЁД»", "1022402652469")
    assert answer.answer_sha256 == hashlib.sha256(suggestions(party(FIRM))[1]).hexdigest()
    [(headers, said)] = server.asked
    assert headers["Authorization"] == f"Token {TOKEN}"
    assert said == {"query": FIRM, "count": 2, "branch_type": "MAIN"}


def test_the_full_tariff_tells_all_codes_headcount_and_category(server: DaDataServer) -> None:
    codes = [
        {"main": True, "type": "2014", "code": "10.39"},
        {"main": False, "type": "2014", "code": "56.10"},
    ]
    smb = {"category": "MICRO", "issue_date": 1533859200000}
    server.answers(suggestions(party(FIRM, okveds=codes, employee_count=8, documents={"smb": smb})))
    answer = dadata(server).lookup(FIRM, TODAY)
    assert isinstance(answer, Found)
    company = answer.company
    assert (company.okved_additional, company.headcount, company.category) == (("56.10",), 8, "micro")
    assert company.included_on == date(2018, 8, 10)


NO_CODES: dict[str, Any] = {"okved": None, "okved_type": None}


@pytest.mark.parametrize(
    ("told", "main", "additional", "version"),
    [
        ({"okved_type": "2001"}, "10.39", None, "2001"),
        ({"okveds": [{"code": "15.11", "type": "2001"}]}, "10.39", ("15.11",), "2001"),
        ({"okveds": []}, "10.39", None, "2014"),
        ({"okveds": [{"code": "10.39", "main": True}]}, "10.39", (), "2014"),
        ({"okveds": [{"code": "56.10"}, {"code": "56.10"}]}, "10.39", ("56.10",), "2014"),
        (
            NO_CODES | {"okveds": [{"code": "10.39", "main": True, "type": "2014"}]},
            "10.39",
            (),
            "2014",
        ),
        (NO_CODES, None, None, "2014"),
    ],
)
def test_codes_are_those_told_and_the_old_version_is_told_apart(
    server: DaDataServer,
    told: dict[str, Any],
    main: str | None,
    additional: tuple[str, ...] | None,
    version: str,
) -> None:
    server.answers(suggestions(party(FIRM, **told)))
    answer = dadata(server).lookup(FIRM, TODAY)
    assert isinstance(answer, Found)
    company = answer.company
    assert (company.okved_main, company.okved_additional, company.okved_version) == (
        main,
        additional,
        version,
    )


@pytest.mark.parametrize(
    ("address", "region"),
    [
        ({"data": {"region_kladr_id": "1900000000000", "region_iso_code": "RU-KK"}}, "19"),
        ({"data": {"region_kladr_id": None, "region_iso_code": "RU-KYA"}}, "24"),
        ({"data": {"region_kladr_id": "край"}}, None),
        ({"data": None}, None),
        ({"value": "г Красноярск"}, None),
        (None, None),
    ],
)
def test_the_region_is_of_the_address_and_never_of_the_number(
    server: DaDataServer, address: Any, region: str | None
) -> None:
    server.answers(suggestions(party(FIRM, address=address)))
    answer = dadata(server).lookup(FIRM, TODAY)
    assert isinstance(answer, Found)
    assert answer.company.region_code == region


def test_nothing_of_a_person_goes_into_the_record(server: DaDataServer) -> None:
    server.answers(suggestions(party(PERSON)))
    answer = dadata(server).lookup(PERSON, TODAY)
    assert isinstance(answer, Found)
    body = encode(checked(answer, TODAY)).decode()
    assert "Приметный" not in body
    assert PERSON not in body
    assert "321246800001239" not in body
    assert '"via":"dadata"' in body
    assert decode("participant.registry-checked", body.encode()) == checked(answer, TODAY)


def test_who_is_not_known_is_absent(server: DaDataServer) -> None:
    server.answers(suggestions())
    answer = dadata(server).lookup(FIRM, TODAY)
    assert isinstance(answer, Absent)
    assert checked(answer, TODAY).result == "absent"


@pytest.mark.parametrize(
    ("status", "known"),
    [
        ("LIQUIDATING", "liquidating"),
        ("LIQUIDATED", "liquidated"),
        ("REORGANIZING", "reorganizing"),
        ("BANKRUPT", "bankrupt"),
        (None, None),
    ],
)
def test_states_are_those_of_the_reference(
    server: DaDataServer, status: str | None, known: str | None
) -> None:
    server.answers(suggestions(party(FIRM, state={"status": status, "code": 117})))
    answer = dadata(server).lookup(FIRM, TODAY)
    assert isinstance(answer, Found)
    assert answer.company.status == known


WRONG: dict[str, tuple[Reply, int]] = {
    "no json": ((200, b"<html>\xd0\x92\xd1\x85\xd0\xbe\xd0\xb4</html>"), 1),
    "cut short": ((200, suggestions(party(FIRM))[1][:-20]), 1),
    "no suggestions": ((200, b"{}"), 1),
    "suggestions of another kind": ((200, b'{"suggestions": {}}'), 1),
    "null": ((200, b"null"), 1),
    "not utf-8": ((200, b'{"suggestions": "\xff"}'), 1),
    "too deep": ((200, b'{"suggestions": [], "other": ' + b"[" * 9_000 + b"]" * 9_000 + b"}"), 1),
    "too large": ((200, b" " * 2_000_000), 1),
    "compressed unasked": (
        (200, gzip.compress(b'{"suggestions": []}'), {"Content-Encoding": "gzip"}),
        1,
    ),
    "connection cut": ((200, b'{"suggestions": []}', {"Content-Length": "99"}), 3),
    "another firm": (suggestions(party("7707083893")), 1),
    "this firm and another": (suggestions(party(FIRM), party("7707083893")), 1),
    "two registrations": (suggestions(party(FIRM), party(FIRM, ogrn="1022400000127")), 1),
    "kind and number differ": (suggestions(party(FIRM, type="INDIVIDUAL")), 1),
    "unknown kind": (suggestions(party(FIRM, type="BANK")), 1),
    "unknown state": (suggestions(party(FIRM, state={"status": "SLEEPING"})), 1),
    "unknown version": (suggestions(party(FIRM, okved_type="1999")), 1),
    "no version": (suggestions(party(FIRM, okved_type=None)), 1),
    "unknown version of another code": (
        suggestions(party(FIRM, okveds=[{"code": "56.10", "type": "1999"}])),
        1,
    ),
    "two main codes": (
        suggestions(party(FIRM, okveds=[{"code": "56.10", "type": "2014", "main": True}])),
        1,
    ),
    "codes not of the form": (suggestions(party(FIRM, okved="1039")), 1),
    "headcount of another kind": (suggestions(party(FIRM, employee_count="8")), 1),
    "headcount impossible": (suggestions(party(FIRM, employee_count=-8)), 1),
    "day impossible": (
        suggestions(party(FIRM, documents={"smb": {"category": "MICRO", "issue_date": 10**30}})),
        1,
    ),
    "day in the future": (
        suggestions(party(FIRM, documents={"smb": {"category": "MICRO", "issue_date": 1615420800000}})),
        1,
    ),
    "token refused": ((401, b"{}"), 1),
    "forbidden": ((403, b"{}"), 1),
    "moved": ((302, b""), 1),
    "not found": ((404, b"{}"), 1),
    "too many calls": ((429, b"{}"), 3),
    "server error": ((500, b"{}"), 3),
    "overloaded": ((503, b"{}"), 3),
    "come back later": ((429, b"{}", {"Retry-After": "3600"}), 1),
    "come back another day": ((503, b"{}", {"Retry-After": "Thu, 11 Mar 2021 03:00:00 GMT"}), 1),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_whatever_goes_wrong_is_unavailable_and_never_absent(
    server: DaDataServer, wrong: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    reply, calls = WRONG[wrong]
    server.answers(reply)
    logged = structlog.testing.LogCapture()
    monkeypatch.setattr("ckr_es.registry.dadata.log", structlog.wrap_logger(None, processors=[logged]))
    answer = dadata(server).lookup(FIRM, TODAY)
    assert isinstance(answer, Unavailable), answer
    assert len(server.asked) == calls
    assert logged.entries == [
        {"event": "look-up unavailable", "log_level": "warning", "source": "DaData", "reason": answer.reason}
    ]
    recorded = checked(answer, TODAY)
    assert (recorded.result, recorded.as_of, recorded.answer_sha256) == ("unavailable", TODAY, None)
    assert FIRM not in answer.reason
    assert TOKEN not in repr(answer)


def test_a_hiccup_is_tried_again(server: DaDataServer) -> None:
    server.answers((503, b""), (429, b"", {"Retry-After": "1"}), suggestions(party(FIRM)))
    assert isinstance(dadata(server).lookup(FIRM, TODAY), Found)
    assert len(server.asked) == 3


def test_a_slow_service_is_unavailable(server: DaDataServer) -> None:
    server.answers(suggestions(party(FIRM)))
    server.pause = 0.4
    assert isinstance(dadata(server, timeout=0.1).lookup(FIRM, TODAY), Unavailable)
    assert len(server.asked) == 3


def test_a_service_that_drips_is_left_in_time(server: DaDataServer) -> None:
    server.answers(suggestions(party(FIRM)))
    server.drip = 0.05
    began = time.monotonic()
    answer = dadata(server, timeout=5.0, budget=0.3).lookup(FIRM, TODAY)
    assert isinstance(answer, Unavailable)
    assert answer.reason == "Справочный сервис не ответил: время вышло"
    assert time.monotonic() - began < len(suggestions(party(FIRM))[1]) * server.drip / 2


def test_nobody_listening_is_unavailable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with stamina.set_testing(True, attempts=2):
        answer = DaData(TOKEN, f"http://127.0.0.1:{port}/", now=lambda: NOW).lookup(FIRM, TODAY)
    assert isinstance(answer, Unavailable)


@pytest.mark.parametrize("day", [date(2021, 3, 9), date(2021, 3, 11)])
def test_the_service_is_not_asked_about_another_day(server: DaDataServer, day: date) -> None:
    server.answers(suggestions(party(FIRM)))
    answer = dadata(server).lookup(FIRM, day)
    assert isinstance(answer, Unavailable)
    assert server.asked == []
