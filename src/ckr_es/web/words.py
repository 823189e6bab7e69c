"""Names of fields, codes and roles where people read them on a page."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from ckr_es.aggregates.support_register import State as SupportState
from ckr_es.audit.folder import State
from ckr_es.reports import words
from ckr_es.rules.catalogue import FUNCTIONS, SERVICES

MEASURES, DECISIONS, VERDICTS = words.MEASURES, words.DECISIONS, words.VERDICTS
CHANGES, MARKS = words.CHANGES, words.MARKS
ROLES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "operator": "оператор",
        "manager": "руководитель",
        "auditor": "аудитор",
        "analyst": "аналитик",
        "admin": "администратор",
    }
)
STREAMS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "cluster": "Кластер",
        "participant": "Участник",
        "service-case": "Дело",
        "group-service": "Групповая услуга",
        "provider": "Исполнитель",
        "plan": "План года",
        "period": "Отчётный период",
        "roadmap": "Дорожная карта",
        "support-codes": "Коды реестра поддержки",
        "support-file": "Файлы реестра поддержки",
    }
)
NOTARY: Final[Mapping[State, tuple[str, str]]] = MappingProxyType(
    {
        "running": ("подписывает", "done"),
        "stopped": ("остановлен", "due"),
        "absent": ("не запускался", "upcoming"),
        "refused": ("отказал", "overdue"),
    }
)
SUPPORTS: Final[Mapping[SupportState, tuple[str, str]]] = MappingProxyType(
    {
        "to_report": ("пора сообщить", "due"),
        "in_file": ("в файле, ждёт ответа", "under_way"),
        "accepted": ("принято", "done"),
        "rejected": ("отклонено", "overdue"),
        "to_correct": ("пора исправить", "due"),
        "corrected": ("исправлено", "done"),
        "to_annul": ("пора отозвать", "due"),
        "annulled": ("отозвано", "done"),
        "erased": ("данные удалены", "upcoming"),
    }
)
SOURCES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "federal": "Федеральный бюджет",
        "regional": "Краевой бюджет",
        "other": "Другие источники",
        "total": "Всего",
    }
)
MONEY: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "reserved": ("занято", "under_way"),
        "spent": ("израсходовано", "done"),
        "released": ("освобождено", "upcoming"),
    }
)
PROJECTIONS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "directory": "Кластеры, участники, дела, поиск",
        "funding": "Деньги и исполнители",
        "kpi": "Учёт показателей",
        "ledger": "Дерево хешей журнала",
    }
)
REBUILDS: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "running": ("заполняется", "under_way"),
        "done": ("заполнена", "done"),
        "failed": ("не удалось", "overdue"),
        "interrupted": ("прервано", "overdue"),
    }
)
OPENED: Final[Mapping[str, str]] = MappingProxyType(  # what a row of the access log is about
    {
        "case": "дело",
        "cluster": "кластер",
        "code": "код",
        "event_id": "запись",
        "id": "номер",
        "item": "мероприятие",
        "kind": "вид",
        "kpi": "показатель",
        "label": "период",
        "participant": "участник",
        "participant_id": "участник",
        "position": "запись №",
        "size": "размер журнала",
        "state": "состояние",
        "status": "состояние",
        "stream": "предмет",
        "type": "вид записи",
        "version": "версия",
        "year": "год",
    }
)
UNITS: Final[Mapping[str, str]] = MappingProxyType(
    {"unit": "ед.", "person": "чел.", "thousand_roubles": "тыс.\u00a0₽"}
)
LIGHTS: Final[Mapping[str, str]] = MappingProxyType(
    {"green": "выполняется", "yellow": "под угрозой", "red": "не выполняется"}
)
CASE_STATUS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "open": "рассматривается",
        "eligible": "соответствует условиям",
        "refused": "отказано",
        "agreed": "договор подписан",
        "in_progress": "услуги оказываются",
        "completed": "завершено",
        "cancelled": "прекращено",
    }
)
CLUSTER_STATUS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "proposed": "предложен",
        "formed": "действует",
        "reorganised": "преобразован в ассоциацию",
        "dissolved": "ликвидирован",
    }
)
SUPPORT_NOTES: Final[Mapping[str, str]] = MappingProxyType(
    {"analogous-support": "Такая же поддержка прежде", "support-violation": "Нарушения при прежней поддержке"}
)
FOUND: Final[Mapping[str, str]] = MappingProxyType(
    {"participant": "Участники", "case": "Дела", "cluster": "Кластеры", "provider": "Исполнители"}
)
PLACES: Final[Mapping[str, str]] = MappingProxyType(
    {"participant": "/participants/", "case": "/cases/", "cluster": "/clusters/", "provider": "/providers/"}
)
MATCHED: Final[Mapping[str, str]] = MappingProxyType(
    {
        "name": "наименование",
        "title": "наименование",
        "specialisation": "специализация",
        "code": "код",
        "inn": "ИНН",
        "legal_inn": "ИНН ассоциации",
        "ogrn": "ОГРН",
        "external_id": "номер заявки",
        "agreement_number": "номер договора",
        "act_number": "номер акта",
    }
)
HOW: Final[Mapping[str, str]] = MappingProxyType(
    {"number": "совпадает", "begins": "так начинается", "words": "есть эти слова", "similar": "похоже"}
)
KINDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "legal_entity": "юридическое лицо",
        "entrepreneur": "индивидуальный предприниматель",
        "organisation": "организация",
    }
)
PARTIES: Final[Mapping[str, str]] = MappingProxyType(
    {"legal_entity": "юрлицо", "entrepreneur": "предприниматель", "organisation": "организация"}
)
EVIDENCE: Final[Mapping[str, str]] = MappingProxyType(
    {"tax_certificate": "справка о налогах", "declaration": "заявление заявителя", "document": "документ"}
)
VALUES: Final[Mapping[str, Mapping[str, str]]] = MappingProxyType(
    {
        "kind": {**KINDS, **EVIDENCE, **words.CLUSTERS, **words.LIFE},
        "category": words.CATEGORIES,
        "code": SUPPORT_NOTES,
        "decision": words.DECISIONS,
        "verdict": words.VERDICTS,
        "service": SERVICES,
        "services": {code: code.removeprefix("SVC.") for code in SERVICES},
        "function": FUNCTIONS,
        "funding": words.SOURCES,
        "markets": {"russian": "российский", "foreign": "зарубежный"},
        "result": {"found": "есть в реестре", "absent": "нет в реестре", "unavailable": "ответа нет"},
        "via": {"entry": "внесено вручную", "snapshot": "снимок реестра", "dadata": "справочный сервис"},
        "status": {
            "active": "действует",
            "liquidating": "ликвидируется",
            "liquidated": "ликвидировано",
            "reorganizing": "реорганизуется",
            "bankruptcy_sale": "банкротство, реализация имущества",
            "bankrupt": "банкротство",
        },
        "complex_in_services": words.COMPLEX,
        "jobs_method": {"declared": "по отчётам участников", "growth": "по приросту численности"},
        "into": {"association": "ассоциация"},
    }
)
