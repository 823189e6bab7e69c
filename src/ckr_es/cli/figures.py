"""`ckr kpi`: the KPI table for any day, as known at any moment."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

import rich_click as click

from ckr_es.cli.terminal import F, as_json, existing_database, number, progress, put_json, table

if TYPE_CHECKING:
    from ckr_es.projections.kpi_reads import Table
    from ckr_es.projections.log import Session
    from ckr_es.rules.forecast import Forecast
    from ckr_es.store.database import Database

PATIENCE = 600.0  # seconds a projection that lags may take to catch up


def _instant(_: click.Context, option: click.Parameter, text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise click.UsageError(f"{option.opts[0]}: «{text}» — не момент по RFC 3339") from None
    if instant.utcoffset() is None:
        raise click.UsageError(f"{option.opts[0]}: у момента должно быть смещение, например +07:00")
    return instant


def moment(prefix: str = "", what: str = "", day: str = "сегодня") -> Callable[[F], F]:
    """The options that say at which day and what is known; with a prefix, of the other side of a comparison.

    Without `day` nothing is asked of it.
    """
    dashes, names = (f"{prefix}-" if prefix else ""), (f"{prefix}_" if prefix else "")
    options = (
        click.option(
            f"--{dashes}as-of",
            f"{names}as_of",
            type=click.DateTime(("%Y-%m-%d",)),
            metavar="ГГГГ-ММ-ДД",
            help=f"День{what}; обычно {day}.",
        ),
        click.option(
            f"--{dashes}known-at",
            f"{names}known_at",
            callback=_instant,
            metavar="МОМЕНТ",
            help=f"Как было известно в этот момент (RFC 3339 со смещением){what}.",
        ),
        click.option(
            f"--{dashes}known-position",
            f"{names}known_position",
            type=click.IntRange(0, 2**62),
            metavar="N",
            help=f"Как было известно на этой позиции журнала{what}.",
        ),
    )

    def applied(command: F) -> F:
        for option in reversed(options if day else options[1:]):
            command = option(command)
        return command

    return applied


class Side(NamedTuple):
    """A day and a position of the log, and the instant the position was asked for by."""

    as_of: date
    position: int
    known_at: datetime | None


def side(
    conn: "Session",
    as_of: datetime | None,
    known_at: datetime | None,
    known_position: int | None,
    head: int,
    otherwise: date | None = None,
) -> Side:
    """What the options of `moment` mean in this log, on the day `otherwise` (today) when they name none.

    Waits for the figures to be there.
    """
    from ckr_es.projections import kpi_reads
    from ckr_es.rules.calendar import today

    if known_at is not None and known_position is not None:
        raise click.UsageError("укажите --known-at или --known-position, не оба")
    position = head if known_position is None else known_position
    if known_at is not None:
        position = kpi_reads.position_at(conn, known_at)
    if position > head:
        raise click.UsageError(f"--known-position: журнал кончается на позиции {head}")
    catch_up(conn, ["kpi"], position)
    day = as_of.date() if as_of else otherwise or today(datetime.now(UTC))
    return Side(day, position, known_at)


@click.command(short_help="Таблица показателей на дату.")
@moment()
@click.option("--forecast", is_flag=True, help="С прогнозом на 31 декабря и светофором к плану.")
@click.option("--diff", is_flag=True, help="Разница с другой таблицей, заданной параметрами --to-….")
@moment("to", " второй таблицы", "день первой")
@as_json
def kpi(
    as_of: datetime | None,
    known_at: datetime | None,
    known_position: int | None,
    forecast: bool,
    diff: bool,
    to_as_of: datetime | None,
    to_known_at: datetime | None,
    to_known_position: int | None,
    as_json: bool,
) -> None:
    """Таблица показателей (концепция, раздел 7) на любой день, как её знали в любой момент."""
    from ckr_es.cli import changes
    from ckr_es.projections import kpi_reads
    from ckr_es.projections.log import head as head_of

    other = (to_as_of, to_known_at, to_known_position)
    if not diff and any(value is not None for value in other):
        raise click.UsageError("параметры --to-… относятся к --diff")
    if diff and forecast:
        raise click.UsageError("укажите --diff или --forecast, не оба")
    with existing_database() as database, following(database) as conn:
        head = head_of(conn)
        asked = side(conn, as_of, known_at, known_position, head)
        if diff:
            to = side(conn, to_as_of, to_known_at, to_known_position, head, asked.as_of)
            changes.show(conn, asked, to, head, as_json=as_json, events=False)
            return
        if forecast:
            shown, forecasts = kpi_reads.outlook(conn, asked.as_of, asked.position)
        else:
            shown, forecasts = kpi_reads.table(conn, asked.as_of, asked.position), ()
    if as_json:
        import msgspec

        rows = shown.rows
        if forecasts:
            rows = tuple(r | msgspec.structs.asdict(f) for r, f in zip(rows, forecasts, strict=True))
        put_json(as_api(meta(asked, head, shown.kpi_set, shown.policy), rows=rows))
    else:
        print_table(shown, asked.as_of, asked.position, head, forecasts)


def print_table(
    shown: "Table", as_of: date, position: int, head: int, forecasts: "Sequence[Forecast]" = ()
) -> None:
    rows = []
    for n, row in enumerate(shown.rows):
        digits = 1 if row["unit"] == "thousand_roubles" else 0
        cells = [
            row["no"],
            titled(row),
            number(row["plan"]),
            "н/п" if row["actual"] is None else number(row["actual"], digits),
            number(row["percent"], 1),
        ]
        if forecasts:
            expected = forecasts[n]
            cells += [number(expected.expected, digits), LIGHTS.get(expected.light or "", "—")]
        rows.append(cells)
    columns = ["№", "Показатель", "План", "Факт", "%"]
    if forecasts:
        columns += ["Прогноз", "К плану"]
    title = f"Показатели на {as_of:%d.%m.%Y} ({known(position, head)})"
    if forecasts:
        title += f"; прогноз на 31.12.{as_of:%Y}"
    table(columns, rows, title=title, right="План Факт % Прогноз")


LIGHTS = {"green": "выполняется", "yellow": "под угрозой", "red": "не выполняется"}


def titled(row: Mapping[str, Any]) -> str:
    return f"{row['title']}{', тыс. руб.' if row['unit'] == 'thousand_roubles' else ''}"


def known(position: int, head: int) -> str:
    return "всё, что записано" if position == head else f"известно на позиции {position} из {head}"


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


def meta(asked: Side, head: int, kpi_set: str | None, policy: Any) -> dict[str, Any]:
    """As the API echoes what a read was about."""
    return {
        "as_of": asked.as_of,
        "known_at": asked.known_at,
        "known_position": asked.position,
        "head_position": head,
        "kpi_set": kpi_set,
        "policy": policy,
    }


def as_api(meta: dict[str, Any], **body: Any) -> dict[str, Any]:
    """As the API answers: figures are plain numbers."""
    import msgspec

    encoded = msgspec.json.Encoder(decimal_format="number").encode({"meta": meta, **body})
    answer: dict[str, Any] = msgspec.json.decode(encoded)
    return answer
