"""`ckr funding`: where the money of a year stands, on any day, as known at any moment."""

from datetime import datetime
from typing import Any

import rich_click as click

from ckr_es.cli.figures import as_api, catch_up, following, known, meta, moment, side
from ckr_es.cli.terminal import as_json, existing_database, number, put_json, table


@click.command(short_help="Лимиты финансирования: остаток и прогноз.")
@click.argument("year", type=click.IntRange(2000, 2100), metavar="ГОД")
@moment()
@click.option("--lines", is_flag=True, help="Услуги, на которые зарезервированы и израсходованы средства.")
@as_json
def funding(
    year: int,
    as_of: datetime | None,
    known_at: datetime | None,
    known_position: int | None,
    lines: bool,
    as_json: bool,
) -> None:
    """Средства субсидии года: лимит, резерв по договорам, расход по актам, остаток, прогноз на 31 декабря.

    То же отвечают GET /plans/{год}/funding и GET /plans/{год}/funding/lines.
    """
    from ckr_es.projections import funding_reads
    from ckr_es.projections.log import head as head_of
    from ckr_es.reports import words

    items: list[dict[str, Any]] = []
    with existing_database() as database, following(database) as conn:
        head = head_of(conn)
        asked = side(conn, as_of, known_at, known_position, head)
        catch_up(conn, ["funding"], asked.position)
        at = (conn, asked.as_of, asked.position)
        balance = funding_reads.balance(conn, year, asked.as_of, asked.position)
        if lines:
            page = funding_reads.money(*at, year=year, limit=500)
            items = page.items
            while page.next:
                page = funding_reads.money(*at, year=year, after=page.next, limit=500)
                items += page.items
    if as_json:
        shown = {"items": items} if lines else {"document": balance.document, "rows": balance.rows}
        put_json(as_api(meta(asked, head, None, None), year=year, **shown))
        return
    title = f"{year} год на {asked.as_of:%d.%m.%Y} ({known(asked.position, head)})"
    if lines:
        table(
            ("Дело", "№", "Услуга", "Источник", "Субсидия, руб.", "Участник, руб.", "Состояние"),
            (
                (
                    str(line["case_id"]),
                    str(line["component_no"]),
                    line["service"],
                    words.SOURCES[line["source"]],
                    _roubles(line["kopecks"]),
                    _roubles(line["own_kopecks"]),
                    words.MONEY[line["state"]],
                )
                for line in items
            ),
            title=f"Услуг: {len(items)}, {title}",
            right="Субсидия, руб. Участник, руб.",
            whole="Дело",
        )
        return
    table(
        ("Источник", "Лимит", "Резерв", "Расход", "Остаток", "Прогноз", "Исчерпан", "Платят участники"),
        (
            (
                words.SOURCES[row.source],
                _roubles(row.limit_kopecks),
                _roubles(row.reserved_kopecks),
                _roubles(row.spent_kopecks),
                _roubles(row.free_kopecks),
                _roubles(row.forecast_kopecks),
                f"{row.exhausted_on:%d.%m.%Y}" if row.exhausted_on else "—",
                _roubles(row.own_reserved_kopecks + row.own_spent_kopecks),
            )
            for row in balance.rows
        ),
        title=f"Средства, рублей: {title}",
        right="Лимит Резерв Расход Остаток Прогноз Платят участники",
    )


def _roubles(kopecks: int | None) -> str:
    return number(None if kopecks is None else kopecks / 100, 2)
