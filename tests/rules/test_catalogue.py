"""The letters of the concept, one by one."""

import pytest

from ckr_es.rules import Invalid
from ckr_es.rules.catalogue import FUNCTIONS, SERVICES, function, service

CYRILLIC_TO_LATIN = str.maketrans("аеорс", "aeopc")


def test_services_are_lettered_as_in_the_concept() -> None:
    assert list(SERVICES) == [f"SVC.{letter}" for letter in "абвгдежзиклмно"]
    assert len(SERVICES) == 14


def test_functions_are_lettered_as_in_the_concept() -> None:
    assert list(FUNCTIONS) == [f"FN.{letter}" for letter in "абвгдежзиклмнопрст"]
    assert len(FUNCTIONS) == 18


def test_titles_are_whole_and_differ() -> None:
    titles = [*SERVICES.values(), *FUNCTIONS.values()]
    assert len(set(titles)) == 32
    for title in titles:
        assert title == " ".join(title.split())
        assert title[0].islower()
        assert title[-1] not in ";.,"
        assert title.count("(") == title.count(")")


def test_some_titles_by_heart() -> None:
    assert SERVICES["SVC.н"] == "оценка потенциала импортозамещения"
    assert FUNCTIONS["FN.м"] == "организация обучения, стажировок и повышения квалификации сотрудников ЦКР"
    assert SERVICES["SVC.о"] != FUNCTIONS["FN.о"]


def test_known_codes_are_given_back() -> None:
    assert [service(code) for code in SERVICES] == list(SERVICES)
    assert [function(code) for code in FUNCTIONS] == list(FUNCTIONS)


LOOK_ALIKES = [code.translate(CYRILLIC_TO_LATIN) for code in (*SERVICES, *FUNCTIONS)]


@pytest.mark.parametrize(
    "code",
    [
        *(code for code in LOOK_ALIKES if code.isascii()),
        *(
            "SVC.ё",
            "SVC.й",
            "SVC.п",
            "SVC.А",
            "SVC.",
            "SVC",
            "а",
            "SVC.a",
            "svc.а",
            "SVC.а ",
            "SVС.а",
            "ЅVC.а",
        ),
        *("FN.ё", "FN.й", "FN.у", "FN.Т", "FN.t", "fn.а", "FN .а", ""),
    ],
)
def test_latin_look_alikes_and_strangers_are_unknown(code: str) -> None:
    with pytest.raises(Invalid) as refusal:
        service(code)
    assert refusal.value.code == "unknown-service"
    with pytest.raises(Invalid) as refusal:
        function(code)
    assert refusal.value.code == "unknown-function"


def test_a_service_is_no_function() -> None:
    with pytest.raises(Invalid, match="unknown-function"):
        function("SVC.о")
    with pytest.raises(Invalid, match="unknown-service"):
        service("FN.о")
