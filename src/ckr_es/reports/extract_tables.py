"""The tables of an extract about one participant, for XLSX and PDF alike."""

from datetime import date
from decimal import Decimal
from typing import Final

from ckr_es.reports import russian
from ckr_es.reports.extract import Extract, Given, Line
from ckr_es.reports.tables import Column, Table
from ckr_es.reports.telling import told
from ckr_es.reports.words import DECISIONS, EVENTS

_AMENDED: Final = {"voided_by": "отменена", "corrected_by": "исправлена"}


def of_extract(report: Extract) -> list[Table]:
    tables = [_memberships(report), _services(report), _history(report)]
    return [*tables, _leaves(report)] if report.audience == "audit" else tables


def _memberships(report: Extract) -> Table:
    return Table(
        name="Кластеры",
        title="Участие в территориальных кластерах",
        columns=(Column("Кластер", 110), Column("С", 30, "date"), Column("До", 30, "date")),
        rows=[(m.title or m.cluster, m.joined_on, m.left_on) for m in report.memberships],
        total="",
    )


def _services(report: Extract) -> Table:
    given = sum(one.accepted_on is not None for one in report.services)
    whose = f" в кластере {report.cluster}" if report.cluster else ""
    return Table(
        name="Услуги",
        title=f"Заявки и услуги{whose}",
        columns=(
            Column("Дело", 13, "number"),
            Column("Заявка", 21, "date"),
            Column("Кластер", 26),
            Column("Комплекс\u00adная", 20),
            Column("Решение", 40),
            Column("Договор", 40),
            Column("Услуга", 16),
            Column("Сумма, руб.", 25, "number", digits=2),
            Column("Оплата участника, руб.", 25, "number", digits=2),
            Column("Акт", 31),
        ),
        rows=[
            (
                one.no,
                one.applied_on,
                one.cluster,
                "да" if one.complex else "нет",
                _decision(one),
                _dated(one.agreement_number, one.signed_on),
                one.service and one.service.removeprefix("SVC."),
                _roubles(one.cost_kopecks),
                _roubles(one.participant_payment_kopecks),
                _dated(one.act_number, one.accepted_on),
            )
            for one in report.services
        ],
        total=f"Дел: {len({one.no for one in report.services})}, принято услуг: {given}",
        wide=True,
    )


def _history(report: Extract) -> Table:
    names = {str(one.case_id): f"дело {one.no}" for one in report.services}
    names |= {
        str(line.recorded.event_id): f"запись {line.recorded.position}"
        for line in report.history
        if line.recorded
    }
    common = (Column("Дата", 20, "date"), Column("Дело", 12, "number"), Column("Событие", 44))
    if report.audience == "firm":
        return Table(
            name="История",
            title="История",
            columns=(*common, Column("Содержание", 94)),
            rows=[
                (line.effective_on, line.no, EVENTS.get(line.type, line.type), told(line.body, names) or None)
                for line in report.history
            ],
            total=f"Записей: {len(report.history)}",
        )
    return Table(
        name="История",
        title="Все записи журнала об участнике; отменённые зачёркнуты",
        columns=(
            Column("Запись", 15, "number", stays=True),
            *common,
            Column("Содержание", 72),
            Column("Записано", 24, stays=True),
            Column("Кто", 26, stays=True),
            Column("Исправления и причины", 44, stays=True),
        ),
        rows=[
            (
                line.recorded.position,
                line.effective_on,
                line.no,
                EVENTS.get(line.type, line.type),
                told(line.body, names) or None,
                russian.moment(line.recorded.recorded_at),
                f"{line.recorded.actor}, {line.recorded.role}",
                _put_right(line) or None,
            )
            for line in report.history
            if line.recorded
        ],
        total=f"Записей: {len(report.history)}, отменено: {sum(_struck(line) for line in report.history)}",
        wide=True,
        struck=frozenset(at for at, line in enumerate(report.history) if _struck(line)),
    )


def _leaves(report: Extract) -> Table:
    return Table(
        name="Хеши",
        title="Хеши записей: листья дерева, корень которого подписывает нотариус",
        columns=(
            Column("Запись", 20, "number"),
            Column("Событие", 90, "code"),
            Column("Хеш (SHA-256)", 147, "code"),
        ),
        rows=[
            (line.recorded.position, str(line.recorded.event_id), line.recorded.leaf)
            for line in report.history
            if line.recorded
        ],
        total="",
        wide=True,
    )


def _struck(line: Line) -> bool:
    return line.recorded is not None and line.recorded.struck


def _put_right(line: Line) -> str:
    assert line.recorded is not None
    said = [f"{_AMENDED[a.kind]} записью {a.position}: {a.reason}" for a in line.recorded.amended]
    if line.recorded.late_reason:
        said.append(f"внесено позже: {line.recorded.late_reason}")
    return "; ".join(said)


def _decision(one: Given) -> str | None:
    said = []
    if one.decision and one.decided_on:
        said.append(f"{DECISIONS[one.decision]} {russian.day(one.decided_on)}")
    if one.cancelled_on:
        said.append(f"прекращено {russian.day(one.cancelled_on)}")
    return "; ".join(said) or None


def _dated(number: str | None, day: date | None) -> str | None:
    return f"№ {number} от {russian.day(day)}" if number and day else None


def _roubles(kopecks: int | None) -> Decimal | None:
    return None if kopecks is None else Decimal(f"{kopecks}E-2")
