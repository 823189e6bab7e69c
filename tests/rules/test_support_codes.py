"""The table of codes: its defaults are whole, and what would make a wrong file is named."""

from datetime import date
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from ckr_es.rules import Invalid, Refused
from ckr_es.rules.calendar import day_of_next_month
from ckr_es.rules.catalogue import SERVICES
from ckr_es.rules.support import Recipient, person
from ckr_es.rules.support_codes import Codes, Named, Sender, check, default_codes

CODES = default_codes()


def problems(codes: Codes) -> list[tuple[str, str]]:
    with pytest.raises(Invalid) as wrong:
        check(codes)
    return [(problem.pointer, problem.code) for problem in wrong.value.problems]


def test_the_defaults_are_those_of_the_reference_and_whole() -> None:
    check(CODES)
    assert [coding.service for coding in CODES.services] == list(SERVICES)
    forms = {coding.service: coding.form for coding in CODES.services}
    assert (forms["SVC.и"], forms["SVC.м"]) == ("0500", "0300")
    assert {form for service, form in forms.items() if service not in ("SVC.и", "SVC.м")} == {"0400"}
    assert (CODES.report_day, CODES.sender) == (5, None)


def test_the_unit_is_the_acts_where_its_words_are_known() -> None:
    assert CODES.unit("SVC.а", "час") == CODES.unit("SVC.а", " Часов ") == "3"
    assert CODES.unit("SVC.а", "комплект") == "5"
    assert CODES.unit("SVC.и", "комплект") == "3"
    in_roubles = replace(
        CODES,
        services=tuple(replace(c, unit="1") if c.service == "SVC.г" else c for c in CODES.services),
    )
    assert in_roubles.unit("SVC.г", "час") == "1"


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"services": CODES.services[1:]}, [("/codes/services", "required")]),
        ({"services": (*CODES.services, CODES.services[0])}, [("/codes/services/14", "duplicate")]),
        (
            {"services": (replace(CODES.services[0], form="0900"), *CODES.services[1:])},
            [
                ("/codes/services/0/form", "unknown-form"),
                ("/codes/services/0/kind", "kind-of-another-form"),
            ],
        ),
        (
            {"services": (replace(CODES.services[0], kind="0499"), *CODES.services[1:])},
            [("/codes/services/0/kind", "unknown-kind")],
        ),
        ({"forms": (*CODES.forms, Named(code="0400", name="Ещё"))}, [("/codes/forms/6", "duplicate")]),
        ({"sender": Sender(inn="2466000010", name="Центр")}, [("/codes/sender/inn", "inn-invalid")]),
        ({"file_prefix": "../x"}, [("/codes/file_prefix", "text-invalid")]),
        ({"file_prefix": "A\nB"}, [("/codes/file_prefix", "text-invalid")]),
    ],
)
def test_what_would_make_a_wrong_file_is_named(change: dict[str, Any], found: list[tuple[str, str]]) -> None:
    assert problems(replace(CODES, **change)) == found


def test_a_table_is_read_as_it_is_written() -> None:
    assert msgspec.json.decode(msgspec.json.encode(CODES), type=Codes) == CODES


@pytest.mark.parametrize(
    ("day", "number", "due"),
    [
        (date(2021, 3, 31), 5, date(2021, 4, 5)),
        (date(2021, 3, 1), 5, date(2021, 4, 5)),
        (date(2021, 12, 24), 5, date(2022, 1, 5)),
        (date(2024, 1, 31), 28, date(2024, 2, 28)),
    ],
)
def test_the_day_is_in_the_month_after(day: date, number: int, due: date) -> None:
    assert day_of_next_month(day, number) == due


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("Астафьева Анна Андреевна", ("Астафьева", "Анна", "Андреевна")),
        ("ИП «Белых Егор»", ("Белых", "Егор", "")),
        ("Индивидуальный предприниматель Мамедов Али Гасан оглы", ("Мамедов", "Али", "Гасан оглы")),
        ("Глава КФХ Лапин Илья", ("Лапин", "Илья", "")),
    ],
)
def test_a_persons_name_is_taken_apart(name: str, parts: tuple[str, str, str]) -> None:
    who = person(name, "246500000152", None)
    assert (who.surname, who.given, who.patronymic) == parts


def test_a_name_without_a_given_one_is_refused_and_not_repeated() -> None:
    with pytest.raises(Refused) as refused:
        person("ИП Белых", "246500000152", None)
    assert refused.value.code == "name-incomplete"
    assert "Белых" not in str(refused.value)


def test_a_recipient_does_not_show_itself() -> None:
    assert "Белых" not in repr([Recipient(inn="246500000152", ogrn=None, surname="Белых", given="Егор")])
