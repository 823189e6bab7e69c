"""What codes are called where people read them."""

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
        "cluster.retitled": "Кластер переименован",
        "cluster.programme-approved": "Программа кластера утверждена",
        "cluster.potential-assessed": "Потенциал кластера оценён",
        "cluster.brand-registered": "Бренд зарегистрирован",
        "cluster.project-launched": "Проект начат",
        "cluster.project-finished": "Проект завершён",
        "cluster.equipment-approved": "Оборудование согласовано",
        "cluster.activity-held": "Мероприятие проведено",
        "cluster.reorganised": "Кластер преобразован",
        "cluster.dissolved": "Кластер ликвидирован",
        "cluster.voided": "Запись о кластере отменена",
        "cluster.corrected": "Запись о кластере исправлена",
        "participant.registered": "Участник зарегистрирован",
        "participant.identity-changed": "Сведения об участнике изменены",
        "participant.registry-checked": "Сведения реестра получены",
        "participant.support-checked": "Сведения о прежней поддержке получены",
        "participant.evidence-filed": "Документ приобщён",
        "participant.joined-cluster": "Участник вступил в кластер",
        "participant.left-cluster": "Участник вышел из кластера",
        "participant.jobs-reported": "Отчёт о рабочих местах",
        "participant.sales-reported": "Отчёт о продажах",
        "participant.product-launched": "Новый продукт выведен на рынок",
        "participant.followed-up": "Участник опрошен после услуги",
        "participant.identity-erased": "Персональные данные удалены",
        "participant.voided": "Запись об участнике отменена",
        "participant.corrected": "Запись об участнике исправлена",
        "service-case.opened": "Заявка принята",
        "service-case.scored": "Скоринг проведён",
        "service-case.eligibility-decided": "Решение о соответствии условиям",
        "service-case.component-added": "Компонент добавлен",
        "service-case.agreement-signed": "Договор подписан",
        "service-case.service-accepted": "Услуга принята по акту",
        "service-case.completed": "Комплексная услуга завершена",
        "service-case.cancelled": "Дело прекращено",
        "service-case.support-reported": "Передано в реестр получателей поддержки",
        "service-case.voided": "Запись по делу отменена",
        "service-case.corrected": "Запись по делу исправлена",
        "provider.registered": "Исполнитель внесён в базу",
        "provider.services-changed": "Услуги исполнителя изменены",
        "provider.blocked": "Исполнитель заблокирован",
        "provider.unblocked": "Исполнитель разблокирован",
        "provider.voided": "Запись об исполнителе отменена",
        "provider.corrected": "Запись об исполнителе исправлена",
        "group-service.held": "Групповая услуга оказана",
        "group-service.voided": "Групповая услуга отменена",
        "group-service.corrected": "Групповая услуга исправлена",
        "plan.set": "План года установлен",
        "plan.funding-set": "Лимиты финансирования установлены",
        "plan.voided": "Запись о плане отменена",
        "plan.corrected": "Запись о плане исправлена",
        "period.closed": "Период закрыт",
        "period.reopened": "Период открыт снова",
        "roadmap.measure-reported": "Отчёт о мероприятии дорожной карты",
        "roadmap.voided": "Отчёт о мероприятии отменён",
        "roadmap.corrected": "Отчёт о мероприятии исправлен",
        "support-codes.set": "Коды реестра поддержки установлены",
        "support-file.made": "Файл для реестра поддержки сделан",
        "support-file.answered": "Ответ реестра поддержки получен",
        "support-file.voided": "Запись о файле реестра поддержки отменена",
        "support-file.corrected": "Запись о файле реестра поддержки исправлена",
    }
)
CLUSTERS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "industrial": "промышленный",
        "service": "сервисный",
        "agricultural": "аграрный",
        "tourism": "туристский",
        "digital": "цифровой",
        "innovation": "инновационный",
        "creative": "креативный",
        "social": "социальный",
    }
)
LIFE: Final[Mapping[str, str]] = MappingProxyType(
    {
        "strategy": "стратегия",
        "programme": "программа",
        "investment": "инвестиционный",
        "joint": "совместный",
        "interregional": "межрегиональный",
        "webinar": "вебинар",
        "round-table": "круглый стол",
        "public-discussion": "публичное обсуждение",
        "training": "обучение",
        "ip-awareness": "охрана интеллектуальной собственности",
        "supplier-growing": "«выращивание» поставщиков",
        "promotion": "продвижение",
        "exhibition": "выставка",
        "business-mission": "бизнес-миссия",
        "cooperation": "взаимодействие",
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
SOURCES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "federal": "федеральный бюджет",
        "regional": "краевой бюджет",
        "other": "источник не указан",
        "total": "всего",
    }
)
MONEY: Final[Mapping[str, str]] = MappingProxyType(
    {"reserved": "зарезервировано", "spent": "израсходовано", "released": "освобождено"}
)
MEASURES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "clusters": "кластеры",
        "clusters_production": "из них производственные",
        "service_plain": "отдельные услуги",
        "service_component": "услуги в составе комплексных",
        "complex_services": "комплексные услуги",
        "supported_smes": "получатели услуг",
        "jobs_declared": "рабочие места (заявлено)",
        "jobs_growth": "рабочие места (прирост)",
        "headcount": "численность",
        "sales": "продажи, коп.",
        "new_products": "новые продукты",
        "new_products_russian": "на российском рынке",
        "new_products_foreign": "на зарубежных рынках",
        "paid_services": "оплачено участниками, коп.",
    }
)
VERDICTS: Final[Mapping[str, str]] = MappingProxyType(
    {"pass": "да", "fail": "нет", "review": "решает человек", "not_checked": "не проверено"}
)
PARTIES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "legal_entity": "юридическое лицо",
        "entrepreneur": "индивидуальный предприниматель",
        "organisation": "организация",
    }
)
DECISIONS: Final[Mapping[str, str]] = MappingProxyType({"eligible": "соответствует", "refused": "отказано"})
VALUES: Final[Mapping[str, str]] = MappingProxyType(
    {
        **PARTIES,
        **CATEGORIES,
        **DECISIONS,
        **CLUSTERS,
        **LIFE,
        "federal": SOURCES["federal"],
        "regional": SOURCES["regional"],
        "found": "найден",
        "absent": "не найден",
        "unavailable": "нет ответа",
        "active": "действует",
        "liquidating": "ликвидируется",
        "liquidated": "ликвидирован",
        "reorganizing": "реорганизуется",
        "bankruptcy_sale": "конкурсное производство",
        "bankrupt": "банкротство",
        "tax_certificate": "справка о налогах",
        "declaration": "заявление",
        "document": "документ",
        "russian": "российский",
        "foreign": "зарубежный",
        "entry": "ввод",
        "snapshot": "снимок реестра",
    }
)
