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
        "decision": words.DECISIONS,
        "verdict": words.VERDICTS,
        "service": SERVICES,
        "function": FUNCTIONS,
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
FIELDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "accepted": "Принято",
        "accepted_on": "Дата акта",
        "act_date": "Дата акта",
        "act_number": "Номер акта",
        "added_on": "Добавлено",
        "agreement": "Соглашение",
        "amount_kopecks": "Сумма",
        "annul": "Отзыв",
        "answer": "Ответ",
        "answer_sha256": "SHA-256 ответа",
        "answered_on": "Дата ответа",
        "answers": "Ответы",
        "applied_on": "Дата заявки",
        "approved_by": "Утвердил",
        "approved_on": "Утверждено",
        "as_of": "На дату",
        "assessed_on": "Дата оценки",
        "attendees": "Пришло человек",
        "basis": "Основание",
        "blocked_on": "Заблокирован с",
        "cancelled_on": "Прекращено",
        "case_id": "Дело",
        "categories": "Категории",
        "category": "Категория",
        "centre_created_on": "Центр создан",
        "chain": "Цепочка взаимодействия",
        "changed_on": "Дата изменения",
        "channel": "Где рассказано или показано",
        "checks": "Проверка условий",
        "closed_by": "Закрыл",
        "closed_on": "Закрыт",
        "cluster": "Кластер",
        "code": "Код",
        "codes": "Коды",
        "complete": "Полностью",
        "completed_on": "Завершено",
        "complex": "Комплексная услуга",
        "complex_in_services": "Комплексная в числе услуг",
        "complex_limit": "Комплексных услуг на участника в год",
        "component_no": "Компонент №",
        "conclusion": "Вывод",
        "condition": "Условие",
        "conflicts_answered": "О конфликте интересов",
        "consumer": "Кому",
        "contract": "Договор",
        "correct": "Исправление",
        "corrects": "Исправляет запись",
        "cost_kopecks": "Стоимость",
        "covers": "Подтверждает условия",
        "curated": "Курируется",
        "date": "Дата",
        "debt_kopecks": "Задолженность",
        "decided_on": "Дата решения",
        "decision": "Решение",
        "declaration": "Заявление заявителя",
        "declared_as_of": "Заявление на дату",
        "deviations": "Причины отклонений",
        "dissolved_on": "Ликвидирован",
        "document": "Документ",
        "document_id": "Документ в файле",
        "documents": "Документы файла",
        "done_on": "Выполнено",
        "effective_on": "О дне",
        "encoding": "Кодировка",
        "ended_on": "Окончено",
        "erased_on": "Удалено",
        "event_id": "Запись",
        "evidence": "Подтверждение",
        "explanation": "Пояснение",
        "external_id": "Номер в источнике",
        "federal_kopecks": "Федеральный бюджет",
        "file": "Файл",
        "file_id": "Номер файла",
        "file_prefix": "Начало имени файла",
        "finished_on": "Окончен",
        "first_year": "С какого года",
        "form": "Форма",
        "formed_on": "Создан",
        "forms": "Формы поддержки",
        "found_on": "Выявлено",
        "function": "Функция центра",
        "funding": "Источник средств",
        "grade": "Оценка услуги, от 1 до 5",
        "ground": "Основание",
        "group": "Группа компаний, ИНН",
        "group_participants": "Участники той же группы",
        "group_service_id": "Групповая услуга",
        "headcount": "Численность",
        "held_on": "Дата проведения",
        "hits": "Указывают на это",
        "identity_commitment": "Отпечаток личных данных",
        "included_on": "Включён в реестр",
        "inn": "ИНН",
        "inputs": "Исходные данные",
        "into": "Во что",
        "item": "Строка дорожной карты",
        "items": "Состав",
        "jobs_created": "Создано рабочих мест",
        "jobs_method": "Счёт рабочих мест",
        "joined_on": "Вступил",
        "kind": "Вид",
        "kinds": "Виды поддержки",
        "known_position": "По запись №",
        "kpi_set": "Набор показателей",
        "label": "Период",
        "last_year": "По какой год",
        "late_reason": "Причина позднего ввода",
        "launched_on": "Выведен на рынок",
        "ledger_root": "Корень журнала",
        "left_on": "Вышел",
        "legal_inn": "ИНН ассоциации",
        "licences": "Лицензии",
        "made_on": "Файл составлен",
        "mandatory": "Обязательный",
        "markets": "Рынки",
        "memberships": "Членство",
        "month": "Месяц",
        "name": "Наименование",
        "note": "Примечание",
        "notes": "Примечания",
        "number": "Номер",
        "ogrn": "ОГРН",
        "of_centre": "Связан с центром",
        "okved_additional": "Дополнительные ОКВЭД",
        "okved_main": "Основной ОКВЭД",
        "okved_version": "Версия ОКВЭД",
        "on": "На день",
        "operation": "Действие",
        "operations": "Признаки действий",
        "other_days": "Справки на другие дни",
        "overrides": "Решения человека",
        "owner": "Чьё",
        "participant_id": "Участник",
        "participant_payment_kopecks": "Оплата участником",
        "participants": "Участники",
        "partners": "Партнёры",
        "period": "Период",
        "policy": "Порядок счёта",
        "prices_kopecks": "Цены",
        "production": "Производственный",
        "proposed_by": "Предложил",
        "proposed_on": "Предложен",
        "provider_id": "Исполнитель",
        "provider_inn": "ИНН исполнителя",
        "quantity": "Количество",
        "quarter": "Квартал",
        "questionnaire": "Анкета",
        "reason": "Причина",
        "region": "Регион",
        "region_code": "Регион",
        "regional_kopecks": "Краевой бюджет",
        "registered_as": "Кто получил",
        "registered_on": "Дата регистрации",
        "registry_number": "Номер в реестре",
        "remedied_on": "Устранено",
        "remedy_by": "Устранить до",
        "reopened_on": "Открыт снова",
        "reorganised_on": "Преобразован",
        "replacement": "Как следует читать",
        "report": "Первое сообщение",
        "report_day": "Срок, число месяца",
        "reported_on": "Дата отчёта",
        "result": "Результат",
        "results": "Ответ по документам",
        "retitled_on": "Переименован",
        "rule_set": "Набор правил",
        "sales_kopecks": "Продажи",
        "satisfaction": "Оценка",
        "score": "Балл",
        "scored_on": "Дата скоринга",
        "selection_basis": "Основание выбора",
        "sender": "Кто сообщает",
        "service": "Услуга",
        "services": "Услуги",
        "set_on": "Заданы",
        "sha256": "SHA-256 файла",
        "signed_on": "Подписано",
        "software": "Программа",
        "source": "Источник",
        "specialisation": "Специализация",
        "staff": "Сотрудников центра",
        "status": "Состояние",
        "supplier": "Кто",
        "support_id": "Поддержка",
        "supports": "Прежняя поддержка",
        "table": "Таблица показателей",
        "title": "Наименование",
        "type": "Вид записи",
        "unblocked_on": "Разблокирован с",
        "unit": "Единица",
        "units": "Единицы",
        "until": "До",
        "values": "Значения",
        "verdict": "Вывод",
        "version": "Версия",
        "via": "Как получено",
        "violations": "Нарушения",
        "voids": "Отменяет запись",
        "what": "Что",
        "word": "Слово",
        "year": "Год",
    }
)
