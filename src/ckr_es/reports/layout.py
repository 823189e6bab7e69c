"""What a printed report shows, for XLSX and PDF alike: its heading and facts, its tables, who approved it."""

from datetime import datetime

from msgspec import Struct

from ckr_es.reports import extract_tables, russian, tables
from ckr_es.reports.destruction import Destruction
from ckr_es.reports.extract import Extract
from ckr_es.reports.report import AnyReport, LogReport, Report, Restatement, RoadmapReport
from ckr_es.reports.tables import Table
from ckr_es.reports.words import COMPLEX, PARTIES


class Printed(Struct, frozen=True, kw_only=True):
    """`dated_at` is the document's own date; `approved_by` is None for what nobody approved."""

    title: str
    subtitle: str
    mark: str
    facts: list[tuple[str, str]]
    tables: list[Table]
    approved_by: str | None
    dated_at: datetime | None
    digest: str


def printed(report: AnyReport) -> Printed:
    match report:
        case Report():
            return _period(report)
        case Restatement():
            return _restatement(report)
        case RoadmapReport():
            return _roadmap(report)
        case Extract():
            return _extract(report)
        case Destruction():
            return _destruction(report)


def _period(report: Report) -> Printed:
    closed = report.status == "closed"
    facts = [
        ("Отчётный период", f"{russian.day(report.first_day)} – {russian.day(report.last_day)}"),
        ("Показатели на", russian.day(report.as_of)),
        ("Сведения учтены по", _known(report)),
        ("Редакция", f"№ {report.version}" if closed else "черновик, не утверждён"),
        *_rules(report),
        *([("Примечание", russian.plain(report.note))] if report.note else []),
        *([("Корень журнала", report.ledger_root)] if report.ledger_root else []),
        ("Контрольная сумма", report.digest),
    ]
    return Printed(
        title="Отчёт о деятельности Центра кластерного развития",
        subtitle=f"за {russian.of_period(report.period)}",
        mark="" if closed else "ЧЕРНОВИК",
        facts=facts,
        tables=list(tables.of_period(report)),
        approved_by=report.approved_by,
        dated_at=report.dated_at,
        digest=report.digest,
    )


def _restatement(report: Restatement) -> Printed:
    facts = [
        ("Отчётный период", f"{russian.day(report.first_day)} – {russian.day(report.last_day)}"),
        ("Показатели на", russian.day(report.as_of)),
        (
            "Представлено",
            f"редакция № {report.version}, позиция журнала {report.submitted_position}, "
            f"закрыта {russian.moment(report.submitted_at)}, утвердил: {russian.plain(report.approved_by)}",
        ),
        ("Известно теперь", _known(report)),
        *_rules(report),
        ("Контрольная сумма", report.digest),
    ]
    return Printed(
        title="Уточнение отчёта Центра кластерного развития",
        subtitle=f"за {russian.of_period(report.period)}",
        mark="",
        facts=facts,
        tables=tables.of_restatement(report),
        approved_by=None,
        dated_at=report.known_recorded_at,
        digest=report.digest,
    )


def _roadmap(report: RoadmapReport) -> Printed:
    return Printed(
        title="Дорожная карта по развитию Центра кластерного развития",
        subtitle=f"на {russian.day(report.as_of)}",
        mark="",
        facts=[("Сведения учтены по", _known(report)), ("Контрольная сумма", report.digest)],
        tables=[tables.of_roadmap(report)],
        approved_by=None,
        dated_at=report.known_recorded_at,
        digest=report.digest,
    )


def _extract(report: Extract) -> Printed:
    who = report.subject
    audit = report.audience == "audit"
    facts = [
        ("Участник", russian.plain(who.name or f"Индивидуальный предприниматель {who.id.hex[:8]}")),
        ("Кто это", PARTIES[who.kind]),
        ("ИНН", who.inn or russian.NONE),
        ("ОГРН" if who.kind != "entrepreneur" else "ОГРНИП", who.ogrn or russian.NONE),
        ("В учёте с", russian.day(who.registered_on)),
        ("Код участника", str(who.id)),
        ("Состояние на", russian.day(report.as_of)),
        ("Сведения учтены по", _known(report)),
    ]
    if report.ledger_root:
        facts.append(("Корень журнала", report.ledger_root))
    if report.checkpoint:
        lines = report.checkpoint.note.split("\n")
        facts.append(("Контрольная точка", f"{lines[0]}, записей {lines[1]}, корень {lines[2]}"))
        facts.append(("Подпись", lines[4].removeprefix("— ")))
    elif audit:
        facts.append(("Контрольная точка", "нотариус ещё не подписал журнал до этой позиции"))
    return Printed(
        title="Выписка об участнике для выборочной проверки" if audit else "Выписка об участнике",
        subtitle=f"на {russian.day(report.as_of)}",
        mark="",
        facts=[*facts, ("Контрольная сумма", report.digest)],
        tables=extract_tables.of_extract(report),
        approved_by=None,
        dated_at=report.known_recorded_at,
        digest=report.digest,
    )


def _destruction(report: Destruction) -> Printed:
    act = report.form == "destruction-act"
    day = f" от {russian.day(report.act_date)}" if report.act_date else ""
    return Printed(
        title="Акт об уничтожении персональных данных" if act else "Выгрузка из журнала регистрации событий",
        subtitle=f"№ {russian.plain(report.act_number)}{day}"
        if act
        else f"к акту № {russian.plain(report.act_number)}{day}",
        mark="",
        facts=[
            *((name, russian.plain(value)) for name, value in report.facts()),
            ("Дата уничтожения", russian.moment(report.destroyed_at)),
            ("Запись журнала", f"позиция {report.entry.position}, событие {report.entry.event_id}"),
            ("Хеш записи", report.entry.leaf),
            ("Контрольная сумма", report.digest),
        ],
        tables=tables.of_destruction(report),
        approved_by=None,
        dated_at=report.destroyed_at,
        digest=report.digest,
    )


def _known(report: LogReport) -> str:
    known = f"позиция журнала {report.known_position}"
    if report.known_recorded_at:
        known += f" ({russian.moment(report.known_recorded_at)})"
    return known


def _rules(report: Report | Restatement) -> list[tuple[str, str]]:
    counted = COMPLEX[report.policy.complex_in_services]
    return [
        ("Набор показателей", report.kpi_set),
        ("Правила учёта", f"комплексная услуга в числе услуг — {counted}"),
    ]
