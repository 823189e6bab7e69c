"""The KPI tables of the years as data: which rows, in which order, made of which ledger lines.

A plan names the set that counts its year, and closed periods pin it, so a published set is never edited: a later
table is another set. Sources: `citation` of each (concept, section 7; reference.md, 1.4).
"""

from collections.abc import Mapping
from datetime import date
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta, Struct

DEFAULT_SET: Final = "2021"  # of a year without a plan

Unit = Literal["unit", "person", "thousand_roubles"]

Measure = Literal[
    "clusters",
    "clusters_production",
    "service_plain",
    "service_component",
    "complex_services",
    "supported_smes",
    "jobs_declared",
    "jobs_growth",
    "headcount",
    "sales",
    "new_products",
    "new_products_russian",
    "new_products_foreign",
    "paid_services",
]


class Row(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A row of the table. Its figure is the sum of the ledger lines named in `measures` (default policy).

    A stock counts all lines up to the day; a flow only those from 1 January, and `accrues` day by day, at the end
    of quarters, or not at all (the latest report is the figure). Lines of "thousand_roubles" are in kopecks.
    `established_only`: not applicable to a centre that did not exist on 1 January.
    """

    no: str
    kpi: str
    title: str
    unit: Unit = "unit"
    measures: tuple[Measure, ...]
    stock: bool = False
    accrues: Literal["daily", "quarterly", "latest"] = "daily"
    established_only: bool = False


class KpiSet(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    id: str
    title: str
    citation: str
    rows: tuple[Row, ...]


class Policy(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the concept leaves open (reference.md, 1.3) and the plan of a year decides.

    `complex_limit` is the number of complex services one participant may get in a calendar year.
    """

    complex_in_services: Literal["components", "once", "none"] = "components"
    jobs_method: Literal["declared", "growth"] = "declared"
    complex_limit: Annotated[int, Meta(ge=1)] = 1
    centre_created_on: date | None = None


@cache
def kpi_sets() -> Mapping[str, KpiSet]:
    """Every set by its id."""
    text = files(__package__).joinpath("kpi_sets.json").read_bytes()
    return MappingProxyType({s.id: s for s in msgspec.json.decode(text, type=list[KpiSet])})


@cache
def known_rows() -> Mapping[str, Row]:
    """Each KPI that any set has, in the words of the first set that has it."""
    rows = [row for known in kpi_sets().values() for row in known.rows]
    return MappingProxyType({row.kpi: row for row in reversed(rows)})


def measures(row: Row, policy: Policy) -> tuple[Measure, ...]:
    """The ledger lines whose sum is this row's figure under this policy."""
    match row.kpi, policy:
        case "services", Policy(complex_in_services="once"):
            return ("service_plain", "complex_services")
        case "services", Policy(complex_in_services="none"):
            return ("service_plain",)
        case "jobs_created", Policy(jobs_method="growth"):
            return ("jobs_growth",)
        case _:
            return row.measures


def applicable(row: Row, policy: Policy, year: int) -> bool:
    """Whether the row has a figure at all; without `centre_created_on` the centre is an established one."""
    created_on = policy.centre_created_on
    return not row.established_only or created_on is None or created_on < date(year, 1, 1)
