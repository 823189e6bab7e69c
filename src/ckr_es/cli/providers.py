"""`ckr provider`: who gives services for the centre, under which offer, and how they are rated."""

from datetime import datetime
from typing import Any

import rich_click as click

from ckr_es.cli.figures import as_api, catch_up, following, known, meta, moment, side
from ckr_es.cli.terminal import as_json, existing_database, number, put_json, table


@click.command(short_help="Исполнители услуг: предложение, оценки, блокировки.")
@click.argument("inn", required=False, metavar="[ИНН]")
@moment()
@click.option("--service", metavar="SVC.х", help="Только те, кто оказывает эту услугу.")
@click.option("--blocked", is_flag=True, help="Только заблокированные.")
@as_json
def provider(
    inn: str | None,
    as_of: datetime | None,
    known_at: datetime | None,
    known_position: int | None,
    service: str | None,
    blocked: bool,
    as_json: bool,
) -> None:
    """База исполнителей (концепция, функция о) на любой день; то же отвечает GET /providers.

    Имена специалистов (физических лиц) показывает только API.
    """
    from ckr_es.projections import funding_reads
    from ckr_es.projections.log import head as head_of

    filters: dict[str, Any] = {"inn": inn, "service": service, "blocked": blocked or None, "limit": 500}
    with existing_database() as database, following(database) as conn:
        head = head_of(conn)
        asked = side(conn, as_of, known_at, known_position, head)
        catch_up(conn, ["funding"], asked.position)
        page = funding_reads.providers(conn, asked.as_of, asked.position, **filters)
        items = page.items
        while page.next:
            page = funding_reads.providers(conn, asked.as_of, asked.position, after=page.next, **filters)
            items += page.items
    if as_json:
        put_json(as_api(meta(asked, head, None, None), items=items))
        return
    table(
        ("ИНН/номер", "Исполнитель", "Услуги", "Оценка", "Актов", "Оплачено, руб.", "Блокировка"),
        (
            (
                item["inn"] or str(item["id"]),
                item["name"] or "специалист",
                " ".join(code.removeprefix("SVC.") for code in item["services"]),
                number(item["rating"]["grade"], 1),
                str(item["rating"]["accepted"]),
                number(item["rating"]["paid_kopecks"] / 100, 2),
                f"с {item['blocked_on']:%d.%m.%Y}: {item['block_reason']}" if item["blocked"] else "—",
            )
            for item in items
        ),
        title=f"Исполнителей: {len(items)}, на {asked.as_of:%d.%m.%Y} ({known(asked.position, head)})",
        right="Оценка Актов Оплачено, руб.",
    )
