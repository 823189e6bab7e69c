"""The roadmap's rows and terms are those of the concept, section 8."""

from datetime import date

import pytest

from ckr_es.rules import Invalid
from ckr_es.rules.roadmap import measure, measures, term, terms


def test_the_rows_are_a_tree_in_the_order_of_the_document() -> None:
    assert list(measures()) == [
        "1", "2", "3", "3.1", "3.2", "3.3", "4", "4.1", "5", "6", "7", "8", "9", "10", "11", "12",
    ]  # fmt: skip
    assert {m.no: m.parent for m in measures().values() if m.parent} == {
        "3.1": "3", "3.2": "3", "3.3": "3", "4.1": "4",
    }  # fmt: skip


def test_a_recurring_row_is_expanded() -> None:
    assert [t.label for t in terms("11")] == [f"{y}-Q{q}" for y in (2021, 2022, 2023) for q in (1, 2, 3, 4)]
    assert [t.label for t in terms("12")] == ["2021-Q4", "2022-Q4", "2023-Q4"]
    assert [t.label for t in terms("6")] == ["2021-Q4", "2022-Q4", "2023-Q4"]
    assert terms("11")[0].due_on == date(2021, 4, 15)
    assert terms("12")[0].due_on == date(2021, 12, 31)


@pytest.mark.parametrize(("no", "parent"), [("3.2", "3"), ("3.3", "3"), ("4.1", "4")])
def test_an_empty_period_is_the_parents(no: str, parent: str) -> None:
    assert measures()[no].periods == ()
    assert terms(no) == terms(parent)


def test_parts_have_the_terms_of_their_parent_so_that_they_can_be_compared() -> None:
    assert all(terms(m.no) == terms(m.parent) for m in measures().values() if m.parent)


@pytest.mark.parametrize(
    ("no", "said", "meant"),
    [
        ("1", "2021-Q1/2021-Q2", "2021-Q1/2021-Q2"),
        ("1", "2021-Q2", "2021-Q1/2021-Q2"),
        ("1", "2021", "2021-Q1/2021-Q2"),
        ("5", "2022", "2022"),
        ("5", "2022-Q3", "2022"),
        ("12", "2023", "2023-Q4"),
        ("11", "2021-Q2", "2021-Q2"),
    ],
)
def test_a_period_means_the_one_term_it_meets(no: str, said: str, meant: str) -> None:
    assert term(no, said).label == meant


@pytest.mark.parametrize(
    ("no", "said", "code"),
    [
        ("1", "2021-Q3", "not-in-roadmap"),
        ("11", "2021", "not-in-roadmap"),
        ("11", "2024-Q1", "not-in-roadmap"),
        ("6", "2021-Q1", "not-in-roadmap"),
        ("6", "весна", "period-invalid"),
        ("1", "2021-Q1/2021-Q3", "period-invalid"),
    ],
)
def test_a_period_that_means_none_or_several_is_refused(no: str, said: str, code: str) -> None:
    with pytest.raises(Invalid) as refused:
        term(no, said)
    assert refused.value.code == code


def test_a_number_that_is_no_row_is_refused() -> None:
    assert measure("4.1") == "4.1"
    with pytest.raises(Invalid) as refused:
        measure("4.2")
    assert refused.value.code == "unknown-measure"
