"""`ckr roadmap`: what the roadmap asks for, what was done, what is overdue."""

from datetime import datetime
from pathlib import Path
from typing import Any

import rich_click as click

from ckr_es.cli.figures import as_api, known, meta, moment, side
from ckr_es.cli.terminal import as_json, existing_database, put_json, table


@click.command(short_help="Дорожная карта: сроки, отметки, просроченное.")
@moment()
@click.option("--overdue", is_flag=True, help="Только сроки, которые просрочены.")
@click.option("--format", "form", type=click.Choice(("xlsx", "pdf", "json")), help="Записать отчёт в файл.")
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), metavar="ФАЙЛ", help="Куда записать отчёт."
)
@as_json
def roadmap(
    as_of: datetime | None,
    known_at: datetime | None,
    known_position: int | None,
    overdue: bool,
    form: Any,
    out: Path | None,
    as_json: bool,
) -> None:
    """Мероприятия дорожной карты (концепция, раздел 8) на любой день: сроки и отметки о выполнении."""
    import psycopg

    from ckr_es.cli.report import write
    from ckr_es.projections.log import head as head_of
    from ckr_es.reports import making, words

    if (form is None) != (out is None):
        raise click.UsageError("--format и --out указывают вместе")
    with (
        existing_database() as database,
        psycopg.connect(database.conninfo("ckr_reader"), autocommit=True) as conn,
    ):
        head = head_of(conn)
        asked = side(conn, as_of, known_at, known_position, head)
        found = making.roadmap(conn, asked.as_of, asked.position)
    if out is not None:
        write(found, form, out, as_json)
        return
    rows = [row for row in found.rows if not overdue or row.status == "overdue"]
    if as_json:
        put_json(as_api(meta(asked, head, None, None), rows=rows))
        return
    table(
        ("№", "Мероприятие", "Срок", "До", "Отметка", "Результат"),
        (
            (
                row.no,
                row.title,
                row.period,
                f"{row.due_on:%d.%m.%Y}",
                words.MARKS[row.status] + (", с опозданием" if row.late else ""),
                "; ".join(row.results) or "—",
            )
            for row in rows
        ),
        title=f"Дорожная карта на {asked.as_of:%d.%m.%Y} ({known(asked.position, head)})",
        whole="Срок До",
    )
