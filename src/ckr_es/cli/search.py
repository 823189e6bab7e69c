"""`ckr search`: clusters, participants, cases and providers by name, number or code, with typos."""

from datetime import datetime
from typing import Any

import rich_click as click

from ckr_es.cli.figures import as_api, catch_up, following, known, meta, moment, side
from ckr_es.cli.terminal import as_json, existing_database, put_json, table

KINDS = {"cluster": "кластер", "participant": "участник", "case": "дело", "provider": "исполнитель"}
HOW = {"number": "номер", "begins": "начало номера", "words": "слова", "similar": "похоже"}


@click.command(short_help="Поиск по названию, ИНН, номеру, с опечатками.")
@click.argument("text", metavar="ТЕКСТ")
@moment()
@click.option("--kind", type=click.Choice(tuple(KINDS)), help="Что искать; обычно всё.")
@click.option(
    "--persons", is_flag=True, help="И предпринимателей: их имя и ИНН останутся в истории этого терминала."
)
@click.option("--limit", type=click.IntRange(1, 500), default=20, show_default=True, help="Не больше.")
@as_json
def search(
    text: str,
    as_of: datetime | None,
    known_at: datetime | None,
    known_position: int | None,
    kind: Any,
    persons: bool,
    limit: int,
    as_json: bool,
) -> None:
    """Поиск кластеров, участников, дел и исполнителей: по названию, ИНН, ОГРН, коду, номеру договора или акта.

    То же отвечает GET /search, а с предпринимателями — POST /search.
    """
    import psycopg

    from ckr_es.projections import search as projection
    from ckr_es.projections.log import head as head_of

    if not text.strip():
        raise click.UsageError("напишите, что искать")
    with (
        existing_database() as database,
        following(database) as conn,
        psycopg.connect(database.conninfo("ckr_app" if persons else "ckr_reader"), autocommit=True) as asking,
    ):
        head = head_of(conn)
        asked = side(conn, as_of, known_at, known_position, head)
        catch_up(conn, ["directory", "funding"], asked.position)
        found, _ = projection.search(
            asking, asked.as_of, asked.position, text, kind=kind, include_persons=persons, limit=limit
        )
    if as_json:
        put_json(as_api(meta(asked, head, None, None), items=found))
        return
    table(
        ("Что", "Название", "Почему", "id"),
        (
            (KINDS[hit.kind], hit.title, f"{HOW[hit.matched.how]}: {hit.matched.value}", hit.id)
            for hit in found
        ),
        title=f"Найдено: {len(found)}, на {asked.as_of:%d.%m.%Y} ({known(asked.position, head)})",
        whole="id",
    )
