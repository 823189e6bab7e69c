"""`ckr report firm` and `ckr report sample`: the whole history of one participant, or of some drawn for an audit."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import rich_click as click

from ckr_es.cli.figures import as_api, catch_up, following, meta, moment, side
from ckr_es.cli.report import form_option, out_option, replace, write
from ckr_es.cli.terminal import as_json, existing_database, note, put_json

if TYPE_CHECKING:
    from ckr_es.cli.figures import Side
    from ckr_es.projections.log import Session
    from ckr_es.reports.extract import Extract


@click.command(short_help="Выписка об участнике: для него самого или для проверки.")
@click.argument("id", metavar="ID")
@click.option(
    "--for",
    "audience",
    type=click.Choice(("firm", "audit")),
    default="firm",
    show_default=True,
    help="Для самого участника или для проверки: со всеми записями, кто и когда их внёс, исправлениями.",
)
@moment()
@form_option("xlsx", "pdf", "json")
@out_option
@as_json
def firm(
    id: str,
    audience: Any,
    as_of: datetime | None,
    known_at: datetime | None,
    known_position: int | None,
    form: str,
    out: Path,
    as_json: bool,
) -> None:
    """Вся история одного участника; ID — его код, а у юридического лица можно ИНН."""
    with _extracting() as (extract, conn, head):
        asked = side(conn, as_of, known_at, known_position, head)
        found = extract(_participant(id), asked, audience)
    write(found, form, out, as_json)


@click.command(short_help="Выборка участников для проверки, воспроизводимая.")
@click.option("--count", type=click.IntRange(1, 1000), required=True, metavar="N", help="Сколько участников.")
@click.option("--seed", required=True, metavar="СЛОВО", help="Из чего выводится выбор: то же слово — те же.")
@moment()
@form_option("xlsx", "pdf", "json")
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="ПАПКА",
    required=True,
    help="Куда записать выписки; папка будет создана.",
)
@as_json
def sample(
    count: int,
    seed: str,
    as_of: datetime | None,
    known_at: datetime | None,
    known_position: int | None,
    form: Any,
    out: Path,
    as_json: bool,
) -> None:
    """Выписки для проверки о N получателях услуг года (показатель 4), выбранных по слову.

    Получатели стоят в порядке SHA-256 от «слово:код участника», берутся первые N: выбор может повторить каждый.
    """
    from ckr_es.reports.forms import file_name, rendered
    from ckr_es.reports.history import drawn

    with _extracting() as (extract, conn, head):
        asked = side(conn, as_of, known_at, known_position, head)
        chosen, of = drawn(conn, seed, count, asked.as_of, asked.position)
        out.mkdir(parents=True, exist_ok=True)
        files = []
        for id in chosen:
            found = extract(id, asked, "audit")
            files.append({"id": str(id), "path": str(out / file_name(found, form)), "digest": found.digest})
            replace(Path(files[-1]["path"]), rendered(found, form))
    if as_json:
        put_json(as_api(meta(asked, head, None, None), seed=seed, population=of, items=files))
        return
    for file in files:
        print(f"{file['path']}: контрольная сумма {file['digest']}")
    note(f"Выбрано {len(files)} из {of} по слову «{seed}», позиция журнала {asked.position}.")


def _participant(text: str) -> UUID:
    """By the id, or by the INN of a legal entity; a person's INN leads nowhere without the vault."""
    from ckr_es.application import stream_id
    from ckr_es.rules.identifiers import inn

    try:
        return UUID(text)
    except ValueError:
        return stream_id("participant", inn(text))


@contextmanager
def _extracting() -> "Iterator[tuple[Callable[[UUID, Side, Any], Extract], Session, int]]":
    """Makes extracts; with them the connection they are asked on, and the log's head."""
    from ckr_es.application import ServiceTracking
    from ckr_es.audit.folder import Folder
    from ckr_es.projections.log import head as head_of
    from ckr_es.reports import history
    from ckr_es.reports.extract import Checkpoint
    from ckr_es.store.settings import Settings

    notary = Folder(Settings.from_environment().notary_folder)
    with existing_database() as database, following(database) as conn:
        tracking = ServiceTracking(database)

        def extract(id: UUID, asked: "Side", audience: Any) -> "Extract":
            signed = notary.covering(asked.position) if audience == "audit" else None
            return history.extract(
                conn,
                id,
                asked.as_of,
                asked.position,
                audience,
                identity=history.identity_of(tracking.recorder.identity(id)),
                checkpoint=Checkpoint(size=signed[0], note=signed[1]) if signed else None,
                wait=catch_up,
            )

        try:
            yield extract, conn, head_of(conn)
        finally:
            tracking.close()
