"""The table of 2021 as the concept prints it, and what the policy of a year changes in it."""

from datetime import date
from hashlib import sha256
from typing import get_args

import msgspec
import pytest

from ckr_es.rules.kpi_sets import Measure, Policy, Row, applicable, known_rows, kpi_sets, measures

ROWS = {row.kpi: row for row in kpi_sets()["2021"].rows}
DEFAULT = Policy()
PUBLISHED = {"2021": "a42724309ea6be3b", "2023": "dacb49cc4ede8f62"}


def test_the_rows_stand_in_the_order_of_the_concept() -> None:
    assert [(row.no, row.kpi) for row in kpi_sets()["2021"].rows] == [
        ("1", "clusters"),
        ("1.1", "clusters_production"),
        ("2", "services"),
        ("3", "complex_services"),
        ("4", "supported_smes"),
        ("5", "jobs_created"),
        ("6", "sales"),
        ("7", "new_products"),
        ("7.1", "new_products_russian"),
        ("7.2", "new_products_foreign"),
    ]


def test_only_clusters_are_a_stock_and_only_sales_are_money() -> None:
    assert {row.kpi for row in ROWS.values() if row.stock} == {"clusters", "clusters_production"}
    assert {row.kpi for row in ROWS.values() if row.unit == "thousand_roubles"} == {"sales"}


def test_titles_are_the_concepts() -> None:
    assert ROWS["services"].title == (
        "Количество услуг, предоставленных субъектам малого и среднего предпринимательства"
    )
    assert all(row.title == " ".join(row.title.split()) for row in ROWS.values())


@pytest.mark.parametrize(
    ("kpi", "policy", "expected"),
    [
        ("clusters", DEFAULT, ("clusters",)),
        ("clusters_production", DEFAULT, ("clusters_production",)),
        ("services", DEFAULT, ("service_plain", "service_component")),
        ("services", Policy(complex_in_services="once"), ("service_plain", "complex_services")),
        ("services", Policy(complex_in_services="none"), ("service_plain",)),
        ("complex_services", Policy(complex_in_services="none"), ("complex_services",)),
        ("supported_smes", DEFAULT, ("supported_smes",)),
        ("jobs_created", DEFAULT, ("jobs_declared",)),
        ("jobs_created", Policy(jobs_method="growth"), ("jobs_growth",)),
        ("sales", Policy(jobs_method="growth"), ("sales",)),
        ("new_products", DEFAULT, ("new_products",)),
        ("new_products_russian", DEFAULT, ("new_products_russian",)),
        ("new_products_foreign", DEFAULT, ("new_products_foreign",)),
    ],
)
def test_a_row_sums_these_ledger_lines(kpi: str, policy: Policy, expected: tuple[str, ...]) -> None:
    assert measures(ROWS[kpi], policy) == expected


def test_the_row_itself_names_the_lines_of_the_default_policy() -> None:
    assert all(measures(row, DEFAULT) == row.measures for row in ROWS.values())


def test_the_later_table_has_five_rows_and_its_own_two_measures() -> None:
    later = kpi_sets()["2023"].rows
    assert [(row.no, row.kpi, row.unit) for row in later] == [
        ("1", "clusters", "unit"),
        ("1.1", "clusters_production", "unit"),
        ("2", "employees", "person"),
        ("3", "sales", "thousand_roubles"),
        ("4", "new_products", "unit"),
        ("4.1", "new_products_russian", "unit"),
        ("4.2", "new_products_foreign", "unit"),
        ("5", "paid_services", "thousand_roubles"),
    ]
    assert {row.kpi for row in later if row.established_only} == {"employees", "sales"}


def test_a_row_in_two_sets_is_the_same_figure() -> None:
    for known in kpi_sets().values():
        for row in known.rows:
            assert (row.unit, row.measures, row.stock) == (
                known_rows()[row.kpi].unit,
                known_rows()[row.kpi].measures,
                known_rows()[row.kpi].stock,
            )


def test_every_ledger_line_is_reached_by_some_policy() -> None:
    policies = [
        Policy(complex_in_services=c, jobs_method=j)
        for c in ("components", "once", "none")
        for j in ("declared", "growth")
    ]
    reached = {m for row in known_rows().values() for policy in policies for m in measures(row, policy)}
    assert reached == set(get_args(Measure))


@pytest.mark.parametrize(
    ("created_on", "year", "expected"),
    [
        (None, 2021, True),
        (date(2020, 12, 31), 2021, True),
        (date(2021, 1, 1), 2021, False),
        (date(2021, 12, 31), 2021, False),
        (date(2021, 6, 1), 2022, True),
        (date(2022, 1, 1), 2021, False),
    ],
)
def test_jobs_and_sales_need_a_centre_created_before_the_year(
    created_on: date | None, year: int, expected: bool
) -> None:
    policy = Policy(centre_created_on=created_on)
    not_applicable = {row.kpi for row in ROWS.values() if not applicable(row, policy, year)}
    assert not_applicable == (set() if expected else {"jobs_created", "sales"})


def test_an_empty_policy_is_the_default_and_a_strange_one_is_refused() -> None:
    assert msgspec.convert({}, Policy) == DEFAULT == Policy(complex_limit=1)
    for wrong in (
        {"complex_limit": 0},
        {"complex_in_services": "twice"},
        {"jobs_method": "net"},
        {"colour": 1},
    ):
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert(wrong, Policy)


def test_a_published_set_does_not_change() -> None:
    digests = {
        id: sha256(msgspec.json.encode(known, order="sorted")).hexdigest()[:16]
        for id, known in kpi_sets().items()
    }
    assert digests == PUBLISHED
    with pytest.raises(TypeError):
        kpi_sets()["2021"] = None  # type: ignore[index]  # that it is refused is the point
    with pytest.raises(AttributeError):
        Row(no="1", kpi="x", title="x", measures=()).no = "2"  # type: ignore[misc]  # the same
