"""An event's trace in the terminal."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

import msgspec

from ckr_es.cli.terminal import number, table
from ckr_es.reports.words import DECISIONS, EVENTS, MEASURES, VERDICTS

if TYPE_CHECKING:
    from ckr_es.audit.trace import Corrections, Decision, Related, Trace


def show(trace: "Trace", following: str | None) -> None:
    """For people: the record, then each question about it that has an answer. `following` is the next page's cursor."""
    table(("Запись", f"{trace.position}: {_named(trace.type)}"), _envelope(trace))
    table(("Содержание", "как записано"), _fields(trace.body))
    _show_related(trace)
    if trace.corrections.chain:
        _show_corrections(trace.corrections, trace.body)
    if trace.decision:
        _show_decision(trace.decision)
    _show_figures(trace, following)


def _envelope(trace: "Trace") -> Iterator[tuple[str, str]]:
    yield "Вид", trace.type
    yield "Случилось", _day(trace.effective_on)
    yield "Записано", _instant(trace.recorded_at)
    yield "Кем", f"{trace.actor} ({trace.role})"
    yield "Ключ команды", trace.command_key
    yield "event_id", str(trace.event_id)
    yield "История", f"{trace.stream_id}, версия {trace.stream_version}"
    if trace.participant_id:
        yield "Участник", str(trace.participant_id)
    yield "Корреляция", str(trace.correlation_id)
    yield "Лист", trace.leaf


def _fields(body: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in body.items():
        if name != "type":
            yield name, _plain(value)


def _plain(value: object) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _show_related(trace: "Trace") -> None:
    nearest = {one.event_id for one in (*trace.causes, *trace.effects)}
    others = [one for one in trace.correlated if one.event_id not in nearest]
    rows = [
        *_rows("причина", trace.causes),
        *_rows("следствие", trace.effects),
        *_rows("опирается на неё", trace.used_by),
        *_rows("та же корреляция", others),
    ]
    if not rows:
        return
    more = f" (первые {len(trace.correlated)} записей корреляции)" if trace.more_correlated else ""
    table(
        ("Связь", *RELATED), rows, title=f"Причины и следствия{more}", right="Позиция", whole="Позиция Дата"
    )


RELATED = ("Позиция", "Дата", "Что", "Кто", "Исправлена")


def _rows(relation: str, related: "Iterable[Related]") -> Iterator[tuple[str, ...]]:
    for one in related:
        yield relation, *_cells(one)


def _cells(one: "Related") -> tuple[str, ...]:
    amended = "отменена" if one.voided_by else "исправлена" if one.corrected_by else ""
    return str(one.position), _day(one.effective_on), _named(one.type), one.actor, amended


def _show_corrections(told: "Corrections", body: Mapping[str, Any]) -> None:
    positions = {one.event_id: one.position for one in (told.fact, *told.chain)}
    rows = (
        (
            str(one.position),
            _instant(one.recorded_at),
            f"{'отменяет' if one.type.endswith('.voided') else 'исправляет'} {positions[one.amends]}",
            one.reason,
            one.actor,
            "да" if one.event_id in (told.stands_as, told.voided_by) else "",
        )
        for one in told.chain
    )
    columns = ("Позиция", "Записано", "Что", "Причина", "Кто", "Действует")
    fact = f"записи {told.fact.position} ({_named(told.fact.type)})"
    table(columns, rows, title=f"Исправления {fact}", right="Позиция", whole="Позиция")
    by = positions[told.stands_as or told.voided_by or told.fact.event_id]
    if told.now is None:
        print(f"Не действует: отменена записью {by}.")
        return
    print(f"Действует в словах записи {by}.")
    if told.now != body:
        table(("Содержание", "как понимается теперь"), _fields(told.now))


def _show_decision(told: "Decision") -> None:
    positions = {one.event_id: str(one.position) for one in told.inputs}
    rows = [
        (
            check.condition,
            check.title or "",
            _verdict(check.verdict),
            _verdict(check.again),
            check.explanation,
            positions.get(check.event_id, "") if check.event_id else "",
            check.override or "",
        )
        for check in told.checks
    ]
    rows += [
        ("", "прежняя поддержка", _verdict(note.verdict), _verdict(note.again), note.explanation, "", "")
        for note in told.notes
    ]
    title = (
        f"Решение (запись {told.event.position}) от {_day(told.decided_on)}: "
        f"{DECISIONS[told.decision]}; правила {told.rule_set['id']}, {told.rule_set['citation'] or 'таких нет'}"
    )
    columns = ("Условие", "Название", "Вывод", "Заново", "Пояснение", "Данные", "Преодолено")
    table(columns, rows, title=title, right="Данные")
    if told.inputs:
        cells = (_cells(one) for one in told.inputs)
        table(RELATED, cells, title="На чём основано", right="Позиция", whole="Позиция Дата")


def _show_figures(trace: "Trace", following: str | None) -> None:
    if trace.kpi_lines:
        of_lines = (
            (
                str(line.position),
                _day(line.day),
                MEASURES[line.kpi],
                line.cluster or "",
                _signed(line.n),
                "эта запись" if line.event_id == trace.event_id else f"запись {line.position}",
            )
            for line in trace.kpi_lines
        )
        table(
            ("Позиция", "Дата", "Что считается", "Кластер", "Сколько", "Кем внесено"),
            of_lines,
            title="Строки показателей",
            right="Позиция Сколько",
            whole="Позиция Дата",
        )
    else:
        print("В показателях не считается.")
    if following:
        print(f"Строк больше: --cursor {following}")
    if not trace.reports:
        print("В закрытых отчётах не стоит.")
        return
    of_reports = (
        (
            report.label,
            str(report.version),
            str(report.known_position),
            "стоит" if report.relation == "counted" else "изменила после",
            f"{row.no} {row.title}",
            _signed(row.n),
            number(row.submitted),
            number(row.now),
        )
        for report in trace.reports
        for row in report.rows
    )
    columns = ("Период", "Версия", "Позиция", "Запись", "Показатель", "Строки", "Отчёт", "Теперь")
    table(columns, of_reports, title="Закрытые отчёты", right="Версия Позиция Строки Отчёт Теперь")


def _named(type_: str) -> str:
    return EVENTS[type_]


def _verdict(verdict: str) -> str:
    return VERDICTS.get(verdict, verdict)


def _day(day: date) -> str:
    return f"{day:%d.%m.%Y}"


def _instant(at: datetime) -> str:
    return f"{at:%d.%m.%Y %H:%M:%S} UTC"


def _signed(n: Any) -> str:
    return f"{'+' if n > 0 else '−' if n < 0 else ''}{number(abs(n))}"
