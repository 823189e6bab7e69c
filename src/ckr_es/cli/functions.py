"""`ckr functions` and `ckr cluster life`: what was done for the functions of the centre, and for one cluster."""

from datetime import datetime
from typing import TYPE_CHECKING, Any

import rich_click as click

from ckr_es.cli.figures import as_api, following, known, meta, moment, side
from ckr_es.cli.terminal import as_json, existing_database, help_option, put_json, table

if TYPE_CHECKING:
    from ckr_es.aggregates.cluster_life import Lived
    from ckr_es.projections.functions import Done

LONGEST = 100  # letters of a function's title in a table
ALL = 1_000_000
KINDS = {
    "programme": "программа",
    "assessment": "оценка",
    "brand": "бренд",
    "project": "проект",
    "equipment": "оборудование",
    "activity": "мероприятие",
}


@click.command(short_help="Функции центра а–т: что по каждой записано.")
@click.argument("code", metavar="[КОД]", required=False)
@moment()
@as_json
def functions(
    code: str | None,
    as_of: datetime | None,
    known_at: datetime | None,
    known_position: int | None,
    as_json: bool,
) -> None:
    """Сколько записано по каждой функции (концепция, раздел 4), или что записано по одной, например FN.б.

    То же отвечают GET /functions и GET /functions/КОД.
    """
    from ckr_es.projections import functions as projection
    from ckr_es.projections.log import head as head_of
    from ckr_es.reports import words
    from ckr_es.rules import catalogue

    if code is not None:
        catalogue.function(code)
    with existing_database() as database, following(database) as conn:
        head = head_of(conn)
        asked = side(conn, as_of, known_at, known_position, head)
        found: Any
        if code is None:
            found = projection.register(conn, asked.as_of, asked.position)
        else:
            found = projection.recorded(conn, code, asked.as_of, asked.position, limit=ALL)
    if as_json:
        put_json(as_api(meta(asked, head, None, None), items=found))
        return
    title = f"на {asked.as_of:%d.%m.%Y} ({known(asked.position, head)})"
    if code is None:
        table(
            ("Код", "Функция", "Записей", "По годам"),
            (
                (
                    f.code,
                    f.title if len(f.title) <= LONGEST else f.title[:LONGEST] + "…",
                    str(f.total),
                    ", ".join(f"{year}: {n}" for year, n in f.years.items()) or "—",
                )
                for f in found
            ),
            title=f"Функции центра {title}",
            right="Записей",
            whole="Код",
        )
        return
    table(
        ("Дата", "Что", "Название", "Где"),
        ((f"{one.effective_on:%d.%m.%Y}", words.EVENTS[one.type], one.title, _where(one)) for one in found),
        title=f"{code}: записей {len(found)}, {title}",
        whole="Дата",
    )


def _where(one: "Done") -> str:
    if one.case_id is not None:
        return f"дело {one.case_id}"
    if one.item is not None:
        return f"дорожная карта, строка {one.item}"
    return one.cluster or "—"


def _called(one: "Lived") -> str:
    """What it is, and of which kind."""
    from ckr_es.reports.words import LIFE

    narrower = getattr(one.record, "kind", None)
    return f"{KINDS[one.kind]}: {LIFE[narrower]}" if narrower else KINDS[one.kind]


@click.group("cluster", short_help="Кластер: что для него сделано.")
@help_option
def cluster() -> None:
    """Кластер по его коду."""


@cluster.command("life", short_help="Программы, проекты, мероприятия кластера.")
@click.argument("code", metavar="КОД")
@moment()
@click.option("--kind", type=click.Choice(tuple(KINDS)), help="Только этого вида.")
@click.option("--function", help="Только для этой функции, например FN.б.")
@as_json
def life(
    code: str,
    as_of: datetime | None,
    known_at: datetime | None,
    known_position: int | None,
    kind: Any,
    function: str | None,
    as_json: bool,
) -> None:
    """Что сделано для кластера и не отменено, по датам; у проекта и чем он кончился.

    То же отвечает GET /clusters/КОД/life.
    """
    from ckr_es.aggregates import cluster as aggregate
    from ckr_es.aggregates.amend import on_the_day
    from ckr_es.aggregates.cluster_life import lived
    from ckr_es.application import ServiceTracking
    from ckr_es.commands import cluster_stream
    from ckr_es.projections.log import head as head_of
    from ckr_es.rules import Unknown, catalogue

    if function is not None:
        catalogue.function(function)
    with existing_database() as database, following(database) as conn:
        head = head_of(conn)
        asked = side(conn, as_of, known_at, known_position, head)
        tracking = ServiceTracking(database)
        try:
            id = cluster_stream(code)
            history = tracking.streams([id], asked.position).history(id)
        finally:
            tracking.close()
    state = on_the_day(aggregate.KIND, history, asked.as_of)
    if state is None:
        raise Unknown("not-found", f"Кластер «{code}» не найден")
    found = lived(history, asked.as_of, kind=kind, function=function)
    if as_json:
        put_json(as_api(meta(asked, head, None, None), items=found))
        return
    table(
        ("Дата", "Вид", "Функция", "Название", "Итог"),
        (
            (
                f"{one.effective_on:%d.%m.%Y}",
                _called(one),
                one.record.function,
                one.record.title,
                f"{one.finished.finished_on:%d.%m.%Y}: {one.finished.result}" if one.finished else "—",
            )
            for one in found
        ),
        title=f"{state.title}: записей {len(found)}, на {asked.as_of:%d.%m.%Y} ({known(asked.position, head)})",
        whole="Дата",
    )
