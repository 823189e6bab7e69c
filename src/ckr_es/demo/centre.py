"""What the centre itself does in the year: clusters, the plan, the money, and closing the quarters."""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Final

from ckr_es import commands
from ckr_es.aggregates import cluster, plan, roadmap
from ckr_es.application import Answer
from ckr_es.demo.desk import Act, Desk
from ckr_es.demo.firms import CLUSTERS
from ckr_es.rules.kpi_sets import Policy
from ckr_es.rules.values import Agreement, Document

START: Final = date(2021, 1, 11)
CLOSINGS: Final = {
    "2021-Q1": date(2021, 4, 20),
    "2021-Q2": date(2021, 7, 20),
    "2021-Q3": date(2021, 10, 20),
}
# Concept, section 7.
PLAN: Final = {
    "clusters": 5,
    "services": 545,
    "complex_services": 150,
    "supported_smes": 200,
    "jobs_created": 15,
    "sales": 200_000,
    "new_products": 15,
}
CONCEPT: Final = Document(
    title="Концепция развития ЦКР на 2021 год и плановый период", date=date(2021, 4, 16)
)
BUDGET: Final = Document(title="Закон о краевом бюджете", number="10-4538", date=date(2020, 12, 10))

# What these rows do is done for no single cluster.
_FUNCTIONS: Final = {"9": "FN.с", "10": "FN.м"}
# Row of the roadmap, period, day and what came of it (concept, section 8); row 3.3 was never reported on.
_MEASURES: Final[tuple[tuple[str, str, date, str], ...]] = (
    ("5", "2021", date(2021, 2, 3), "План работы на 2021 год"),
    ("11", "2021-Q1", date(2021, 4, 14), "Отчёт за I квартал сдан"),
    ("9", "2021", date(2021, 5, 26), "Информационная кампания о вступлении в кластеры"),
    ("1", "2021-Q1/2021-Q2", date(2021, 6, 25), "Положение о порядке формирования кластеров"),
    ("11", "2021-Q2", date(2021, 7, 14), "Отчёт за II квартал сдан"),
    ("3.2", "2021", date(2021, 8, 25), "Обзор федеральных программ для участников кластеров"),
    ("3.1", "2021", date(2021, 9, 8), "Исследование потенциала арктического кластера"),
    ("10", "2021", date(2021, 9, 22), "Сотрудники прошли повышение квалификации"),
    ("4.1", "2021", date(2021, 10, 6), "Соглашение с центром кластерного развития Томской области"),
    ("11", "2021-Q3", date(2021, 10, 20), "Отчёт за III квартал сдан"),
    ("8", "2021", date(2021, 11, 17), "Программы развития кластеров утверждены"),
    ("6", "2021-Q4", date(2021, 12, 8), "Отчёты кластеров заслушаны"),
    ("2", "2021-Q2/2021-Q4", date(2021, 12, 15), "Проект порядка предоставления субсидий"),
    ("7", "2021", date(2021, 12, 17), "Сформирован кластер из числа перспективных"),
    ("12", "2021-Q4", date(2021, 12, 27), "Годовой отчёт утверждён"),
    ("11", "2021-Q4", date(2022, 1, 14), "Отчёт за IV квартал сдан"),
)


def acts() -> Iterator[Act]:
    for no, one in enumerate(CLUSTERS, 1):
        yield on_cluster(
            one.code,
            cluster.Proposed(
                code=one.code,
                title=one.title,
                production=one.production,
                proposed_on=one.proposed_on,
                specialisation=one.specialisation,
                kind=one.kind,
                curated=one.curated,
            ),
        )
        if one.formed_on:
            agreement = Agreement(number=f"К-{one.formed_on:%Y}/{no}", date=one.formed_on)
            yield on_cluster(one.code, cluster.Formed(formed_on=one.formed_on, agreement=agreement))
        if one.association_on:
            event = cluster.Reorganised(into="association", reorganised_on=one.association_on)
            yield on_cluster(one.code, event)
    yield from _measures()
    yield Act(on=CONCEPT.date or START, about="план", role="manager", do=_set_plan)
    yield Act(on=START, about="план", role="manager", do=_set_funding)
    for label, day in CLOSINGS.items():
        yield _closing(label, day)


def cuts() -> list[date]:
    """The days after which everybody waits for everybody: ends of months, and the eves of closings."""
    firsts = [date(2021 + month // 12, month % 12 + 1, 1) for month in range(1, 14)]
    days = {*firsts, *CLOSINGS.values()}
    return sorted(day - timedelta(days=1) for day in days)


def on_cluster(code: str, event: cluster.Happening) -> Act:
    return Act(
        on=max(START, event.effective_on),
        about=code,
        do=lambda desk: commands.on_cluster(desk.tracking, desk.request, code, event),
    )


def _measures() -> Iterator[Act]:
    for no, period, day, result in _MEASURES:
        paper = Document(title=result, date=day)
        yield _on_roadmap(
            roadmap.MeasureReported(
                item=no,
                period=period,
                done_on=day,
                result=result,
                document=paper,
                function=_FUNCTIONS.get(no),
            )
        )


def _on_roadmap(event: roadmap.MeasureReported) -> Act:
    return Act(
        on=event.done_on,
        about="дорожная карта",
        do=lambda desk: commands.on_roadmap(desk.tracking, desk.request, event),
    )


def _set_plan(desk: Desk) -> Answer:
    event = plan.PlanSet(year=2021, kpi_set="2021", values=dict(PLAN), policy=Policy(), document=CONCEPT)
    return commands.on_plan(desk.tracking, desk.request, event)


def _set_funding(desk: Desk) -> Answer:
    event = plan.FundingSet(
        year=2021, federal_kopecks=49_500_000_00, regional_kopecks=2_605_300_00, document=BUDGET
    )
    return commands.on_plan(desk.tracking, desk.request, event)


def _closing(label: str, day: date) -> Act:
    return Act(
        on=day,
        about=label,
        role="manager",
        do=lambda desk: commands.close_period(
            desk.tracking,
            desk.request,
            label,
            approved_by="Генеральный директор АНО «ККЦРБ МКК»",
            note=None,
            table=desk.table,
        ),
    )
