"""`ckr registry stale`: which cases are to be held against the register again, and which services went past it."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import rich_click as click

from ckr_es.cli.figures import catch_up, following
from ckr_es.cli.terminal import as_json, existing_database, put_json, table

if TYPE_CHECKING:
    from ckr_es.projections.log import Session

PAGE = 500  # cases


@click.command(short_help="Дела, которые пора проверить по реестру снова.")
@click.option(
    "--as-of", type=click.DateTime(("%Y-%m-%d",)), metavar="ГГГГ-ММ-ДД", help="День; обычно сегодня."
)
@click.option("--cluster", help="Код кластера, если нужны только его дела.")
@as_json
def stale(as_of: datetime | None, cluster: str | None, as_json: bool) -> None:
    """Открытые дела, чей ответ реестра устарел или говорит против них, и услуги тем, кого в тот день в реестре не было.

    То же отвечает GET /cases?eligibility=stale.
    """
    import msgspec

    from ckr_es.projections.log import head
    from ckr_es.rules.calendar import today

    day = as_of.date() if as_of else today(datetime.now(UTC))
    with existing_database() as database, following(database) as conn:
        position = head(conn)
        catch_up(conn, ["directory"], position)
        found = list(_cases(conn, day, position, cluster))
    if as_json:
        meta = {
            "as_of": day,
            "known_at": None,
            "known_position": position,
            "head_position": position,
            "kpi_set": None,
            "policy": None,
        }
        put_json({"meta": meta, "items": msgspec.to_builtins(found)})
        return
    if not found:
        print(f"На {day:%d.%m.%Y} проверять снова нечего.")
        return
    rows = (
        (f"{case['id']}\n{case['participant_id']}", case["cluster"], why.detail, _day(why.answer_as_of))
        for case in found
        for why in case["stale"]
    )
    columns = ("Дело/участник", "Кластер", "Что проверить", "Ответ на")
    title = f"Проверить снова на {day:%d.%m.%Y}: дел {len(found)}"
    table(columns, rows, title=title, whole="Дело/участник")


def _cases(conn: "Session", day: date, position: int, cluster: str | None) -> Iterator[dict[str, Any]]:
    from ckr_es.projections.directory_reads import Key, cases

    after: Key | None = None
    while True:
        page = cases(conn, day, position, cluster=cluster, eligibility="stale", after=after, limit=PAGE)
        yield from page.items
        if (after := page.next) is None:
            return


def _day(day: date | None) -> str:
    return f"{day:%d.%m.%Y}" if day else "—"
