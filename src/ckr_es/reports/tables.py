"""The tables of a printed report, for XLSX and PDF alike."""

from collections import Counter
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Final, Literal
from uuid import UUID

from msgspec import Struct

from ckr_es.reports import russian
from ckr_es.reports.destruction import PLACES, ROLES, Destruction
from ckr_es.reports.report import (
    Cluster,
    Figure,
    KpiRow,
    MeasureRow,
    Report,
    Restatement,
    RoadmapReport,
    Services,
    Supported,
    Who,
)
from ckr_es.reports.words import CATEGORIES, CHANGES, EVENTS, MARKS, UNITS
from ckr_es.rules.catalogue import SERVICES
from ckr_es.rules.kpi_sets import kpi_sets

Cell = str | int | Decimal | date | None
"""A Decimal is shown with its column's digits, an int with none; None is a dash."""


class Column(Struct, frozen=True):
    """`share` is the width against the other columns, in millimetres of a page with its margins.

    `digits` after the comma are those of its decimals. A column that is `once` is printed only where a new first cell
    begins; a workbook repeats it, to be filtered. A `group` is printed as a row of its own above its rows. One that
    `stays` is not struck through with its row. A code is never parted, so that it can be copied whole.
    """

    title: str
    share: int
    kind: Literal["text", "number", "date", "code"] = "text"
    once: bool = False
    group: bool = False
    digits: int = 1
    stays: bool = False


class Table(Struct, frozen=True, kw_only=True):
    """`struck`: which rows are printed struck through; such a table has no groups."""

    name: str
    title: str
    columns: tuple[Column, ...]
    rows: list[tuple[Cell, ...]]
    total: str
    wide: bool = False
    struck: frozenset[int] = frozenset()


NO: Final = Column("№ п/\u2060п", 11)


def of_period(report: Report) -> Iterator[Table]:
    if report.kpi:
        yield _kpi(report.kpi)
    if isinstance(report.supported, tuple):
        yield _supported(report.supported, report.kpi_set)
    if isinstance(report.services, Services):
        yield _services(report.services, report.period, report.kpi_set)
        yield _kinds(report.services, report.period)
    if isinstance(report.clusters, tuple):
        yield _clusters(report.clusters, report.kpi_set)
        yield _members(report.clusters)


def of_destruction(report: Destruction) -> list[Table]:
    if report.form == "destruction-log-extract":
        entry = report.entry
        rows: list[tuple[Cell, ...]] = [
            (entry.position, russian.moment(entry.recorded_at), entry.type, entry.actor, entry.body)
        ]
        columns = (
            Column("Позиция", 18, "number"), Column("Записано", 28), Column("Событие", 30), Column("Кто", 24),
            Column("Содержание", 70),
        )  # fmt: skip
        return [Table(name="Журнал", title="Записи журнала событий", columns=columns, rows=rows, total="")]
    destroyed: list[tuple[Cell, ...]] = [
        (n, PLACES.get(place, place), count)
        for n, (place, count) in enumerate(report.destroyed.items(), start=1)
    ]
    persons: list[tuple[Cell, ...]] = [
        (ROLES.get(p.role, p.role), p.actor, russian.moment(p.at), " ", " ") for p in report.persons
    ]
    signed = (
        Column("Роль", 40), Column("Учётная запись", 26), Column("Когда", 28),
        Column("Фамилия, инициалы, должность", 44), Column("Подпись", 30),
    )  # fmt: skip
    counted = (NO, Column("Где", 120), Column("Уничтожено", 30, "number"))
    return [
        Table(name="Лица", title="Лица, уничтожившие данные", columns=signed, rows=persons, total=""),
        Table(name="Уничтожено", title="Перечень уничтоженного", columns=counted, rows=destroyed, total=""),
    ]


def of_restatement(report: Restatement) -> list[Table]:
    """Every row as submitted and as known now, then the events that moved some."""
    moved = [row for row in report.rows if row.events or row.from_ != row.to]
    changes = Table(
        name="Уточнение",
        title="Показатели: представлено и известно теперь",
        columns=(
            NO,
            Column("Показатель", 80),
            Column("Ед. изм.", 18),
            Column("Представлено", 25, "number"),
            Column("Известно", 21, "number"),
            Column("Изменение", 20, "number"),
        ),
        rows=[
            (
                row.no,
                row.title,
                UNITS.get(row.unit, row.unit),
                *(_figure(value, row.unit) for value in (row.from_, row.to)),
                _figure(row.delta, row.unit),
            )
            for row in report.rows
        ],
        total=f"Изменилось показателей: {len(moved)}" if moved else "Показатели не изменились",
    )
    events = Table(
        name="События",
        title="События, которые изменили показатели",
        columns=(
            Column("№ показа\u00adтеля", 15),
            Column("Событие", 40),
            Column("Что", 26),
            Column("Дата события", 20, "date"),
            Column("Позиция журнала", 18, "number"),
            Column("Вклад", 19, "number"),
            Column("Причина", 56),
            Column("Запись", 63),
        ),
        rows=[
            (
                row.no,
                EVENTS.get(cause.type, cause.type),
                CHANGES[cause.kind],
                cause.effective_on,
                cause.position,
                _figure(cause.n, row.unit),
                "; ".join(said for said in (cause.reason, cause.late_reason) if said) or None,
                str(cause.event_id),
            )
            for row in moved
            for cause in row.events
        ],
        total="Вклады событий в сумме дают изменение показателя",
        wide=True,
    )
    return [changes, events] if moved else [changes]


def of_roadmap(report: RoadmapReport) -> Table:
    standing = Counter(row.status for row in report.rows)
    return Table(
        name="Дорожная карта",
        title="Мероприятия и отметки о выполнении (концепция, раздел 8)",
        columns=(
            NO,
            Column("Мероприятие", 80, once=True),
            Column("Срок", 34),
            Column("Отметка", 34),
            Column("Результат", 66),
            Column("Документ", 42),
        ),
        rows=[
            (
                row.no,
                row.title,
                f"{row.period}, до {russian.day(row.due_on)}",
                _mark(row),
                "; ".join(row.results) or None,
                "; ".join(row.documents) or None,
            )
            for row in report.rows
        ],
        total=f"Сроков: {len(report.rows)}, выполнено: {standing['done']}, просрочено: {standing['overdue']}",
        wide=True,
    )


def _mark(row: MeasureRow) -> str:
    done = f" {russian.day(row.completed_on)}" if row.completed_on else ""
    return f"{MARKS[row.status]}{done}{', с опозданием' if row.late else ''}"


def _kpi(rows: tuple[KpiRow, ...]) -> Table:
    return Table(
        name="КПЭ",
        title="Ключевые показатели эффективности",
        columns=(
            NO,
            Column("Показатель", 66),
            Column("Ед. изм.", 16),
            Column("План", 19, "number"),
            Column("Факт", 21, "number"),
            Column("%", 14, "number"),
            Column("Причина отклонения", 36),
        ),
        rows=[
            (
                row.no,
                row.title,
                UNITS.get(row.unit, row.unit),
                None if row.plan is None else _figure(row.plan, row.unit),
                _figure(row.actual, row.unit),
                None if row.percent is None else Decimal(f"{row.percent:.1f}"),
                row.deviation,
            )
            for row in rows
        ],
        total="",
    )


def _supported(rows: tuple[Supported, ...], kpi_set: str) -> Table:
    return Table(
        name="Получатели",
        title=f"Субъекты МСП, получившие поддержку с начала года{_number(kpi_set, 'supported_smes')}",
        columns=(
            NO,
            Column("Наименование", 56, once=True),
            Column("ИНН", 24, once=True),
            Column("Катего\u00adрия", 18, once=True),
            Column("ОКВЭД", 18, once=True),
            Column("Кластер", 24),
            Column("Вид услуги", 18),
            Column("Дата акта", 21, "date"),
            Column("№ акта", 22),
            Column("Сумма, руб.", 24, "number", digits=2),
            Column("Исполни\u00adтель", 20),
        ),
        rows=[
            (
                row.no,
                _name(row.participant),
                row.participant.inn,
                CATEGORIES.get(row.category or ""),
                row.okved,
                act.cluster,
                _letter(act.service),
                act.accepted_on,
                act.act_number,
                _roubles(act.cost_kopecks),
                _short(act.provider_id),
            )
            for row in rows
            for act in row.acts
        ],
        total=f"Всего субъектов: {len(rows)}, услуг: {sum(len(row.acts) for row in rows)}",
        wide=True,
    )


def _services(services: Services, label: str, kpi_set: str) -> Table:
    counted = sum(item.n for item in services.items)
    total = f"Услуг в списке: {len(services.items)}, учтено{_number(kpi_set, 'services')}: {counted}"
    if services.before:
        total += f"; с начала года до этого периода: {services.before}, всего: {services.before + counted}"
    return Table(
        name="Услуги",
        title=f"Услуги, предоставленные за {russian.of_period(label)}",
        columns=(
            NO,
            Column("Дата акта", 21, "date"),
            Column("№ акта", 22),
            Column("Получатель", 58),
            Column("ИНН", 24),
            Column("Кластер", 24),
            Column("Вид услуги", 18),
            Column("Комплексная", 21),
            Column("Коли\u00adчество", 17, "number"),
            Column("Ед. изм.", 24),
            Column("Сумма, руб.", 24, "number", digits=2),
            Column("Учтено", 14, "number"),
        ),
        rows=[
            (
                item.no,
                item.act.accepted_on,
                item.act.act_number,
                _name(item.participant),
                item.participant.inn,
                item.act.cluster,
                _letter(item.act.service),
                "да" if item.act.complex else "нет",
                item.act.quantity,
                item.act.unit,
                _roubles(item.act.cost_kopecks),
                item.n,
            )
            for item in services.items
        ],
        total=total,
        wide=True,
    )


def _kinds(services: Services, label: str) -> Table:
    given = Counter(item.act.service for item in services.items)
    return Table(
        name="Виды услуг",
        title=f"Виды услуг (концепция, раздел 5) за {russian.of_period(label)}",
        columns=(Column("Вид", 12), Column("Наименование", 138), Column("Услуг", 20, "number")),
        rows=[(_letter(code), title, given[code]) for code, title in SERVICES.items()],
        total=f"Всего услуг: {len(services.items)}",
    )


def _clusters(clusters: tuple[Cluster, ...], kpi_set: str) -> Table:
    return Table(
        name="Кластеры",
        title=f"Территориальные кластеры на последний день периода{_number(kpi_set, 'clusters')}",
        columns=(
            NO,
            Column("Кластер", 72),
            Column("Код", 30),
            Column("Производ\u00adственный", 25),
            Column("Создан", 21, "date"),
            Column("Участ\u00adников", 17, "number"),
        ),
        rows=[
            (c.no, c.title, c.code, "да" if c.production else "нет", c.formed_on, len(c.members))
            for c in clusters
        ],
        total=f"Всего кластеров: {len(clusters)}, производственных: {sum(c.production for c in clusters)}",
    )


def _members(clusters: tuple[Cluster, ...]) -> Table:
    return Table(
        name="Участники",
        title="Участники кластеров на последний день периода",
        columns=(
            Column("Кластер", 40, group=True),
            NO,
            Column("Наименование", 70),
            Column("ИНН", 27),
            Column("Участник с", 21, "date"),
        ),
        rows=[
            (c.title, m.no, _name(m.participant), m.participant.inn, m.joined_on)
            for c in clusters
            for m in c.members
        ],
        total=f"Всего членств: {sum(len(c.members) for c in clusters)}",
    )


def _number(kpi_set: str, kpi: str) -> str:
    """The row's number in brackets, or nothing in a KPI set that has no such row."""
    return next((f" (показатель {row.no})" for row in kpi_sets()[kpi_set].rows if row.kpi == kpi), "")


def _figure(value: Figure | None, unit: str) -> Cell:
    """A row without a figure is not applicable; thousands of roubles have a digit after the comma."""
    if value is None:
        return russian.NOT_APPLICABLE
    if unit == "thousand_roubles" or isinstance(value, Decimal):
        return Decimal(value)
    return value


def _roubles(kopecks: int | None) -> Decimal | None:
    return None if kopecks is None else Decimal(f"{kopecks}E-2")


def _letter(service: str) -> str:
    return service.removeprefix("SVC.")


def _short(id: UUID | None) -> str | None:
    return None if id is None else id.hex[:8]


def _name(who: Who) -> str | None:
    if who.kind == "entrepreneur":
        return f"Индивидуальный предприниматель {who.id.hex[:8]}"
    return who.name
