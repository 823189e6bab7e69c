"""Two tables side by side in the terminal, and the events that made the difference."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ckr_es.cli.figures import Side, as_api, known, meta, titled
from ckr_es.cli.terminal import number, put_json, table

if TYPE_CHECKING:
    from ckr_es.projections.kpi_changes import Change
    from ckr_es.projections.log import Session


def show(conn: "Session", before: Side, after: Side, head: int, *, as_json: bool, events: bool) -> None:
    """As GET /kpi/diff answers; for people the rows, and with `events` what moved each of them."""
    from ckr_es.projections import kpi_changes

    found = kpi_changes.diff(conn, before.as_of, before.position, after.as_of, after.position)
    rows = found.rows
    if as_json:
        one, other = meta(before, head, *found.before), meta(after, head, *found.after)
        put_json(as_api(one, to=other, rows=rows))
        return
    one_day, other_day = (f"{side.as_of:%d.%m.%Y} ({known(side.position, head)})" for side in (before, after))
    table(
        ("№", "Показатель", "Было", "Стало", "Разница", "Записей"),
        map(_cells, rows),
        title=f"{one_day} → {other_day}",
        right="Было Стало Разница Записей",
    )
    if events:
        table(
            ("Показатель", "Позиция", "Дата", "Что", "Запись", "Кто", "Сколько", "Причина"),
            (cells for row in rows for cells in _causes(row)),
            title="Записи, из которых складывается разница",
            right="Позиция Сколько",
            whole="Позиция Дата",
        )


def _cells(row: "Change") -> list[str]:
    digits = _digits(row)
    figures = ("н/п" if n is None else number(n, digits) for n in (row.from_, row.to))
    shown = {"title": row.title, "unit": row.unit}
    return [row.no, titled(shown), *figures, _signed(row.delta, digits), str(len(row.events) or "")]


def _causes(row: "Change") -> Iterator[list[str]]:
    from ckr_es.reports.words import CHANGES

    for cause in row.events:
        why = "; ".join(said for said in (cause.reason, cause.late_reason) if said)
        yield [
            row.no,
            str(cause.position),
            f"{cause.effective_on:%d.%m.%Y}",
            CHANGES[cause.kind],
            cause.type,
            cause.actor,
            _signed(cause.n, _digits(row)),
            why,
        ]


def _digits(row: "Change") -> int:
    return 1 if row.unit == "thousand_roubles" else 0


def _signed(n: Any, digits: int) -> str:
    return "" if not n else f"{'+' if n > 0 else '−'}{number(abs(n), digits)}"
