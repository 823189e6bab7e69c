"""`ckr kpi`: the KPI table for any day, as known at any moment."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import rich_click as click

from ckr_es.cli.terminal import as_json, existing_database, number, progress, put_json, table

if TYPE_CHECKING:
    from ckr_es.projections.kpi_reads import Table
    from ckr_es.projections.log import Session
    from ckr_es.store.database import Database

PATIENCE = 600.0  # seconds a projection that lags may take to catch up


@click.command(short_help="Таблица показателей на дату.")
@click.option(
    "--as-of", type=click.DateTime(("%Y-%m-%d",)), metavar="ГГГГ-ММ-ДД", help="День; обычно сегодня."
)
@click.option("--known-at", metavar="МОМЕНТ", help="Как было известно в этот момент (RFC 3339 со смещением).")
@click.option(
    "--known-position",
    type=click.IntRange(0, 2**62),
    metavar="N",
    help="Как было известно на этой позиции журнала.",
)
@as_json
def kpi(as_of: datetime | None, known_at: str | None, known_position: int | None, as_json: bool) -> None:
    """Таблица показателей (концепция, раздел 7) на любой день, как её знали в любой момент."""
    from ckr_es.projections import kpi_reads
    from ckr_es.rules.calendar import today

    if known_at is not None and known_position is not None:
        raise click.UsageError("укажите --known-at или --known-position, не оба")
    day = as_of.date() if as_of else today(datetime.now(UTC))
    instant = _instant(known_at) if known_at is not None else None
    with existing_database() as database, following(database) as conn:
        head = _head(conn)
        position = head if known_position is None else known_position
        if instant is not None:
            position = kpi_reads.position_at(conn, instant)
        if position > head:
            raise click.UsageError(f"--known-position: журнал кончается на позиции {head}")
        catch_up(conn, ["kpi"], position)
        shown = kpi_reads.table(conn, day, position)
    if as_json:
        put_json(as_api(shown, day, known_at, position, head))
    else:
        print_table(shown, day, position, head)


def print_table(shown: "Table", as_of: date, position: int, head: int) -> None:
    known = "всё, что записано" if position == head else f"известно на позиции {position} из {head}"
    rows = (
        (
            row["no"],
            f"{row['title']}{', тыс. руб.' if row['unit'] == 'thousand_roubles' else ''}",
            number(row["plan"]),
            number(row["actual"], 1 if row["unit"] == "thousand_roubles" else 0),
            number(row["percent"], 1),
        )
        for row in shown.rows
    )
    table(
        ("№", "Показатель", "План", "Факт", "%"),
        rows,
        title=f"Показатели на {as_of:%d.%m.%Y} ({known})",
        right="План Факт %",
    )


@contextmanager
def following(database: "Database") -> Iterator["Session"]:
    """A connection for questions to the projections, which follow the log meanwhile even if no server runs."""
    import psycopg
    from psycopg.rows import tuple_row

    from ckr_es import logs
    from ckr_es.projections.follower import Follower

    logs.configure()
    follower = Follower(database)
    follower.start()
    try:
        with psycopg.connect(database.conninfo("ckr_reader"), autocommit=True, row_factory=tuple_row) as conn:
            yield conn
    finally:
        follower.stop()


def catch_up(conn: "Session", names: Sequence[str], position: int) -> None:
    """Wait until the projections have seen this position; a bar when it takes longer than a moment."""
    from ckr_es.projections.follower import ProjectionBehind, await_position
    from ckr_es.projections.projection import reached

    try:
        await_position(conn, names, position)
    except ProjectionBehind as behind:
        if behind.status == "stopped":
            raise
    else:
        return
    deadline = time.monotonic() + PATIENCE
    with progress("Проекции догоняют журнал") as moved:
        while True:
            moved(min((r.position for r in reached(conn) if r.name in names), default=0), position, "")
            try:
                await_position(conn, names, position, 0.5)
            except ProjectionBehind as behind:
                if behind.status == "stopped" or time.monotonic() > deadline:
                    raise
            else:
                return


def _head(conn: "Session") -> int:
    from ckr_es.projections.log import head

    return head(conn)


def _instant(text: str) -> datetime:
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise click.UsageError(f"--known-at: «{text}» — не момент по RFC 3339") from None
    if instant.utcoffset() is None:
        raise click.UsageError("--known-at: у момента должно быть смещение, например +07:00")
    return instant


def as_api(shown: "Table", as_of: date, known_at: str | None, position: int, head: int) -> dict[str, Any]:
    """As GET /kpi answers."""
    import msgspec

    meta = {
        "as_of": as_of,
        "known_at": known_at,
        "known_position": position,
        "head_position": head,
        "kpi_set": shown.kpi_set,
        "policy": shown.policy,
    }
    encoded = msgspec.json.Encoder(decimal_format="number").encode({"meta": meta, "rows": shown.rows})
    answer: dict[str, Any] = msgspec.json.decode(encoded)
    return answer
