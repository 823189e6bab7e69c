"""The KPI tables of the years as data: which rows, in which order, made of which ledger lines."""

from datetime import date
from types import MappingProxyType
from typing import Annotated, Final, Literal

from msgspec import Meta, Struct

Unit = Literal["unit", "thousand_roubles"]

Measure = Literal[
    "clusters",
    "clusters_production",
    "service_plain",
    "service_component",
    "complex_services",
    "supported_smes",
    "jobs_declared",
    "jobs_growth",
    "sales",
    "new_products",
    "new_products_russian",
    "new_products_foreign",
]


class Row(Struct, frozen=True, kw_only=True):
    """A row of the table. Its figure is the sum of the ledger lines named in `measures` (default policy).

    A stock counts all lines up to the day; a flow only those from 1 January. Lines of "thousand_roubles"
    are in kopecks. `established_only`: not applicable to a centre that did not exist on 1 January.
    """

    no: str
    kpi: str
    title: str
    unit: Unit = "unit"
    measures: tuple[Measure, ...]
    stock: bool = False
    established_only: bool = False


class Policy(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the concept leaves open (reference.md, 1.3) and the plan of a year decides.

    `complex_limit` is the number of complex services one participant may get in a calendar year.
    """

    complex_in_services: Literal["components", "once", "none"] = "components"
    jobs_method: Literal["declared", "growth"] = "declared"
    complex_limit: Annotated[int, Meta(ge=1)] = 1
    centre_created_on: date | None = None


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


# Concept, section 7. The sub-rows are the "в том числе" and "раздельно" of rows 1 and 7.
KPI_SETS: Final = MappingProxyType(
    {
        "2021": (
            Row(
                no="1",
                kpi="clusters",
                title="Общее количество территориальных кластеров (в том числе производственных), "
                "курируемых центром кластерного развития",
                measures=("clusters",),
                stock=True,
            ),
            Row(
                no="1.1",
                kpi="clusters_production",
                title="в том числе производственных",
                measures=("clusters_production",),
                stock=True,
            ),
            Row(
                no="2",
                kpi="services",
                title="Количество услуг, предоставленных субъектам малого и среднего предпринимательства",
                measures=("service_plain", "service_component"),
            ),
            Row(
                no="3",
                kpi="complex_services",
                title="Количество комплексных услуг, предоставленных субъектам малого и среднего "
                "предпринимательства",
                measures=("complex_services",),
            ),
            Row(
                no="4",
                kpi="supported_smes",
                title="Количество субъектов малого и среднего предпринимательства, получивших "
                "государственную поддержку",
                measures=("supported_smes",),
            ),
            Row(
                no="5",
                kpi="jobs_created",
                title="Количество созданных рабочих мест субъектами малого и среднего предпринимательства, "
                "являющихся участниками территориальных кластеров, курируемых центром кластерного развития "
                "(для центров кластерного развития, созданных до 1 января текущего года)",
                measures=("jobs_declared",),
                established_only=True,
            ),
            Row(
                no="6",
                kpi="sales",
                title="Объем реализованных товаров (работ, услуг) субъектами малого и среднего "
                "предпринимательства, являющимися участниками территориальных кластеров, курируемых центром "
                "кластерного развития (для центров кластерного развития, созданных до 1 января текущего "
                "года)",
                unit="thousand_roubles",
                measures=("sales",),
                established_only=True,
            ),
            Row(
                no="7",
                kpi="new_products",
                title="Количество новых видов товаров (работ, услуг), выведенных на рынок (раздельно "
                "российский/зарубежные рынки) субъектами малого и среднего предпринимательства, являющимися "
                "участниками территориальных кластеров, при содействии центра кластерного развития",
                measures=("new_products",),
            ),
            Row(
                no="7.1",
                kpi="new_products_russian",
                title="российский рынок",
                measures=("new_products_russian",),
            ),
            Row(
                no="7.2",
                kpi="new_products_foreign",
                title="зарубежные рынки",
                measures=("new_products_foreign",),
            ),
        ),
    }
)
