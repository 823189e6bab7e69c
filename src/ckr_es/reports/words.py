"""What codes are called in a report."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from ckr_es.aggregates.roadmap import Status
from ckr_es.projections.kpi_changes import ChangeKind

UNITS: Final[Mapping[str, str]] = MappingProxyType(
    {"unit": "единиц", "person": "человек", "thousand_roubles": "тыс. рублей"}
)
CATEGORIES: Final[Mapping[str, str]] = MappingProxyType(
    {"micro": "микро", "small": "малое", "medium": "среднее"}
)
COMPLEX: Final[Mapping[str, str]] = MappingProxyType(
    {"components": "каждый её акт", "once": "один раз", "none": "не учитывается"}
)
EVENTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "cluster.proposed": "Кластер предложен",
        "cluster.formed": "Кластер создан",
        "cluster.dissolved": "Кластер ликвидирован",
        "cluster.voided": "Запись о кластере отменена",
        "cluster.corrected": "Запись о кластере исправлена",
        "participant.joined-cluster": "Участник вступил в кластер",
        "participant.left-cluster": "Участник вышел из кластера",
        "participant.jobs-reported": "Отчёт о рабочих местах",
        "participant.sales-reported": "Отчёт о продажах",
        "participant.product-launched": "Новый продукт выведен на рынок",
        "participant.voided": "Запись об участнике отменена",
        "participant.corrected": "Запись об участнике исправлена",
        "service-case.component-added": "Компонент добавлен",
        "service-case.service-accepted": "Услуга принята по акту",
        "service-case.completed": "Комплексная услуга завершена",
        "service-case.voided": "Запись по делу отменена",
        "service-case.corrected": "Запись по делу исправлена",
    }
)
CHANGES: Final[Mapping[ChangeKind, str]] = MappingProxyType(
    {
        "added": "добавлено",
        "removed": "выбыло",
        "voided": "отменено",
        "restored": "отмена снята",
        "moved": "перенесено",
        "corrected": "исправлено",
        "superseded": "заменено новым отчётом",
        "recounted": "иначе считается",
    }
)
MARKS: Final[Mapping[Status, str]] = MappingProxyType(
    {
        "done": "выполнено",
        "overdue": "просрочено",
        "under_way": "выполняется",
        "due": "ожидается",
        "upcoming": "срок не наступил",
    }
)
