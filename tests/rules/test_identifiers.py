"""Numbers of the Russian registers, with the traps of reference.md, section 3."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ckr_es.rules import Invalid
from ckr_es.rules.identifiers import inn, inn_of, kpp, ogrn, ogrnip

READERS: dict[str, Callable[[str], str]] = {
    "inn-invalid": inn,
    "ogrn-invalid": ogrn,
    "ogrnip-invalid": ogrnip,
    "kpp-invalid": kpp,
}
DIGITS = "0123456789"


def check_digit(head: str, weights: tuple[int, ...]) -> str:
    return str(sum(int(d) * w for d, w in zip(head, weights, strict=True)) % 11 % 10)


def digits(count: int) -> st.SearchStrategy[str]:
    return st.text(DIGITS, min_size=count, max_size=count)


@st.composite
def company_inns(draw: st.DrawFn) -> str:
    head = draw(digits(9).filter(lambda d: d.strip("0") != ""))
    return head + check_digit(head, (2, 4, 10, 3, 5, 9, 4, 6, 8))


@st.composite
def personal_inns(draw: st.DrawFn) -> str:
    head = draw(digits(10).filter(lambda d: d.strip("0") != ""))
    head += check_digit(head, (7, 2, 4, 10, 3, 5, 9, 4, 6, 8))
    return head + check_digit(head, (3, 7, 2, 4, 10, 3, 5, 9, 4, 6, 8))


@st.composite
def ogrnips(draw: st.DrawFn) -> str:
    head = "3" + draw(digits(13))
    return head + str(int(head) % 13 % 10)


@st.composite
def ogrns(draw: st.DrawFn) -> str:
    head = draw(st.sampled_from(DIGITS[1:])) + draw(digits(11))
    return head + str(int(head) % 11 % 10)


@pytest.mark.parametrize("number", ["2466000017", "7707083893", "8401005730", "246500000152"])
def test_known_inns_are_read(number: str) -> None:
    assert inn(number) == number


@pytest.mark.parametrize("number", ["321246800002020", "321246800001239"])
def test_an_ogrnip_is_checked_by_the_rule_and_not_by_stdnum(number: str) -> None:
    assert ogrnip(number) == number


def test_a_known_ogrn_is_read() -> None:
    assert ogrn("1022400000127") == "1022400000127"


def test_spaces_and_dashes_are_dropped() -> None:
    assert inn(" 77 0708\u00a03893 ") == "7707083893"
    assert ogrn("1-02-24-00000-12-7") == "1022400000127"
    assert ogrnip("321 2468–0000 2020") == "321246800002020"
    assert kpp("2466 01 001") == "246601001"


@pytest.mark.parametrize("number", ["246601001", "2466AB001", "7707Z9001"])
def test_a_kpp_may_have_letters_in_the_middle(number: str) -> None:
    assert kpp(number) == number


@pytest.mark.parametrize("code", READERS)
@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        *("0" * n for n in (9, 10, 12, 13, 15)),
        "2466000010",  # the acceptance scenario's bad INN
        "24660001",
        "24660000177",
        "2466000017a",
        "٢٤٦٦٠٠٠٠١٧",  # Arabic-Indic digits of a valid INN
        "２４６６００００１７",  # full-width digits of the same
        "²466000017",
        "246500000151",
        "246500000142",
        "0022400000127",
        "1022400000128",
        "321246800002021",
        "121246800001232",  # right check digit, wrong first digit
        "421246800001236",
        "2466аб001",
        "2466ab001",
        "24660100A",
        "２４６６０１００１",
    ],
)
def test_what_is_not_a_number_is_refused_by_its_code(code: str, text: str) -> None:
    with pytest.raises(Invalid) as refusal:
        READERS[code](text)
    assert refusal.value.code == code


def test_an_inn_has_the_length_of_its_kind() -> None:
    firm, person = "2466000017", "246500000152"
    assert inn_of("legal_entity", firm) == inn_of("organisation", firm) == firm
    assert inn_of("entrepreneur", person) == person
    for kind, number in (("legal_entity", person), ("organisation", person), ("entrepreneur", firm)):
        with pytest.raises(Invalid, match="inn-invalid"):
            inn_of(kind, number)  # type: ignore[arg-type]  # the table mixes the kinds


@given(company_inns() | personal_inns())
def test_every_rightly_built_inn_is_read(number: str) -> None:
    assert inn(number) == number


@given(ogrns())
def test_every_rightly_built_ogrn_is_read(number: str) -> None:
    assert ogrn(number) == number


@given(ogrnips())
def test_every_rightly_built_ogrnip_is_read(number: str) -> None:
    assert ogrnip(number) == number


@given(ogrnips() | ogrns() | company_inns(), st.integers(1, 9))
def test_a_wrong_last_digit_never_passes(number: str, shift: int) -> None:
    read = {10: inn, 13: ogrn, 15: ogrnip}[len(number)]
    with pytest.raises(Invalid):
        read(number[:-1] + str((int(number[-1]) + shift) % 10))


@given(personal_inns() | ogrnips(), st.integers(1, 9))
def test_no_refusal_repeats_a_persons_number(number: str, shift: int) -> None:
    wrong = number[:-1] + str((int(number[-1]) + shift) % 10)
    for read in (inn, ogrn, ogrnip, kpp):
        with pytest.raises(Invalid) as refusal:
            read(wrong)
        assert wrong not in str(refusal.value)
        assert refusal.value.__suppress_context__ or refusal.value.__context__ is None


@given(st.text(max_size=20))
def test_any_text_is_read_as_ascii_or_refused(text: str) -> None:
    for read in READERS.values():
        try:
            number = read(text)
        except Invalid:
            continue
        assert number.isascii()
        assert number.isalnum()
