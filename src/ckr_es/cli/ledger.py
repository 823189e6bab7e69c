"""`ckr notary`, `ckr ledger` and `ckr export`: what is signed, what it proves, and the log to take away."""

import base64
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from ckr_es.cli.figures import catch_up, following
from ckr_es.cli.terminal import as_json, existing_database, help_option, note, progress, put_json

if TYPE_CHECKING:
    from ckr_es.audit.folder import Folder

REFUSED = 4  # the exit code of a notary that found the log inconsistent


def notary_folder() -> "Folder":
    from ckr_es.audit.folder import Folder
    from ckr_es.store.settings import Settings

    return Folder(Settings.from_environment().notary_folder)


@click.command(short_help="Нотариус: подписывает журнал.")
@click.option("--once", is_flag=True, help="Проверить весь журнал, подписать новое и выйти.")
@click.option(
    "--beside", is_flag=True, hidden=True, help="Завершиться вместе с тем, кто запустил (его stdin)."
)
@as_json
def notary(once: bool, beside: bool, as_json: bool) -> None:
    """Следовать за журналом и подписывать контрольные точки в папке CKR_NOTARY_DIR, не чаще раза в 60 с и по запросу.

    Если журнал противоречит подписанному, не подписывает ничего, называет позицию и завершается с кодом 4.
    """
    import psycopg

    from ckr_es import logs
    from ckr_es.audit.notary import ROLE, Busy, Inconsistent, Notary

    logs.configure()
    if beside:
        _end_with_stdin()
    with existing_database() as database:

        def connect() -> psycopg.Connection:
            return psycopg.connect(database.conninfo(ROLE), autocommit=True)

        try:
            with Notary(notary_folder()) as signing:
                if not once:
                    signing.run(connect)
                with connect() as conn:
                    checked = signing.self_check(conn)
                    signing.sign(conn)
        except Inconsistent as refusal:
            note(f"ckr: {refusal}")
            sys.exit(REFUSED)
        except Busy as busy:
            raise click.ClickException(str(busy)) from busy
    if as_json:
        put_json({"size": signing.size, "ok": checked.ok, "findings": checked.findings})
    else:
        print(f"Подписан журнал до позиции {signing.size}; замечаний к нему: {len(checked.findings)}.")


def _end_with_stdin() -> None:
    import os
    import signal
    import threading

    def wait() -> None:
        sys.stdin.buffer.read()
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, daemon=True).start()


@click.group(short_help="Контрольная точка, доказательства, проверяющий сценарий.")
@help_option
def ledger() -> None:
    """Дерево хешей журнала (RFC 6962): что подписано и что из этого следует."""


@ledger.command(short_help="Последняя контрольная точка.")
@as_json
def checkpoint(as_json: bool) -> None:
    """Последняя подписанная контрольная точка (C2SP); сохраните её вне этой машины."""
    folder = notary_folder()
    if not folder.size():
        raise click.ClickException(f"Нотариус ещё ничего не подписал (папка {folder.path}).")
    said = folder.last.read_text("utf-8")
    if as_json:
        put_json({"size": folder.size(), "note": said, "key": folder.public.read_text("utf-8").strip()})
    else:
        print(said, end="")


@ledger.command(short_help="Доказать, что запись в журнале.")
@click.argument("position", type=click.IntRange(1), metavar="ПОЗИЦИЯ")
@click.option("--size", type=click.IntRange(1), metavar="N", help="Размер журнала; обычно подписанный.")
@as_json
def inclusion(position: int, size: int | None, as_json: bool) -> None:
    """Доказательство (RFC 9162, 2.1.3), что запись стоит в журнале этого размера; сверяется с контрольной точкой."""
    from ckr_es.projections import ledger as tree
    from ckr_es.projections.log import head
    from ckr_es.store.ledger import included

    folder = notary_folder()
    with existing_database() as database, following(database) as conn:
        upto = head(conn)
        size = size or (folder.size() if folder.size() >= position else upto)
        if not position <= size <= upto:
            raise click.ClickException(f"Нужно ПОЗИЦИЯ ≤ размер ≤ {upto} (столько записей в журнале).")
        catch_up(conn, ["ledger"], size)
        row = conn.execute("select leaf from ckr.event where position = %s", (position,)).fetchone()
        hashes, root = tree.inclusion(conn, position, size), tree.root(conn, size)
    signed = _signed_root(folder, size)
    proven = row is not None and included(row[0], position - 1, size, hashes, signed or root)
    if as_json:
        put_json(
            {
                "position": position,
                "size": size,
                "leaf": row[0].hex() if row else None,
                "root": _text(root),
                "hashes": [_text(hash) for hash in hashes],
                "proven": proven,
                "signed": signed is not None,
            }
        )
    else:
        print("\n".join(_text(hash) for hash in hashes))
        against = "подписанного корня" if signed else "корня по базе данных (размер не подписан)"
        note(
            f"Запись {position} в журнале из {size}: {'доказано' if proven else 'НЕ ДОКАЗАНО'} для {against}."
        )
    if not proven:
        sys.exit(1)


@ledger.command(short_help="Доказать, что журнал только рос.")
@click.argument("old", type=click.IntRange(1), metavar="БЫЛО")
@click.argument("new", type=click.IntRange(1), metavar="СТАЛО")
@as_json
def consistency(old: int, new: int, as_json: bool) -> None:
    """Доказательство (RFC 9162, 2.1.4), что журнал большего размера начинается с меньшего."""
    from ckr_es.projections import ledger as tree
    from ckr_es.projections.log import head
    from ckr_es.store.ledger import continued

    folder = notary_folder()
    with existing_database() as database, following(database) as conn:
        upto = head(conn)
        if not old <= new <= upto:
            raise click.ClickException(f"Нужно БЫЛО ≤ СТАЛО ≤ {upto} (столько записей в журнале).")
        catch_up(conn, ["ledger"], new)
        hashes = tree.consistency(conn, old, new)
        roots = [_signed_root(folder, size) or tree.root(conn, size) for size in (old, new)]
    proven = continued(old, new, hashes, *roots)
    if as_json:
        said = {"from": old, "to": new, "from_root": _text(roots[0]), "to_root": _text(roots[1])}
        put_json({**said, "hashes": [_text(hash) for hash in hashes], "proven": proven})
    else:
        print("\n".join(_text(hash) for hash in hashes))
        note(f"Журнал из {new} начинается с журнала из {old}: {'доказано' if proven else 'НЕ ДОКАЗАНО'}.")
    if not proven:
        sys.exit(1)


@ledger.command(short_help="Записать проверяющий сценарий в файл.")
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="ФАЙЛ",
    default="verify_log.py",
    show_default=True,
    help="Куда записать.",
)
@as_json
def verifier(out: Path, as_json: bool) -> None:
    """Сценарий verify_log.py: проверяет выгруженный журнал на любой машине, где есть Python."""
    from importlib import resources

    out.write_bytes(resources.files("ckr_es.audit").joinpath("verify_log.py").read_bytes())
    if as_json:
        put_json({"file": str(out)})
    else:
        print(out)


@click.group(short_help="Выгрузить журнал.")
@help_option
def export() -> None:
    """Выгрузка того, что записано."""


@export.command(short_help="Журнал событий, по строке на запись.")
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="ФАЙЛ",
    required=True,
    help="Куда записать.",
)
@click.option(
    "--after", type=click.IntRange(0), default=0, metavar="N", help="Только записи после позиции N."
)
@as_json
def events(out: Path, after: int, as_json: bool) -> None:
    """Выгрузить events.ndjson: все записи по порядку, тело каждой буква в букву, с её хешем."""
    from hashlib import sha256

    import psycopg

    from ckr_es.projections.log import head
    from ckr_es.store.log import export_page

    digest, at, count = sha256(), after, 0
    with (
        existing_database() as database,
        psycopg.connect(database.conninfo("ckr_reader"), autocommit=True) as conn,
        progress("Записи") as moved,
        out.open("wb") as file,
    ):
        upto = head(conn)
        while page := [(position, line) for position, line in export_page(conn, at) if position <= upto]:
            for _, line in page:
                file.write(line)
                digest.update(line)
            at, count = page[-1][0], count + len(page)
            moved(at, upto, "")
    if as_json:
        put_json({"file": str(out), "events": count, "last_position": at, "sha256": digest.hexdigest()})
    else:
        print(f"{out}: записей {count}, последняя позиция {at}, SHA-256 {digest.hexdigest()}")


def _signed_root(folder: "Folder", size: int) -> bytes | None:
    """The root that the notary signed for this very size, its signature verified."""
    from ckr_es.audit.checkpoints import BadCheckpoint, PublicKey

    path = folder.note(size)
    if not path.exists():
        return None
    try:
        return PublicKey.read(folder.public.read_text("utf-8")).opened(path.read_text("utf-8")).root
    except BadCheckpoint as error:
        raise click.ClickException(f"{path}: {error}") from error


def _text(hash: bytes) -> str:
    return base64.b64encode(hash).decode()
