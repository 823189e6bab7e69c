"""How commands speak: results on stdout (people's words, or JSON for programs), everything else on stderr."""

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import rich_click as click

if TYPE_CHECKING:
    from decimal import Decimal

    from ckr_es.store.database import Database

F = TypeVar("F", bound=Callable[..., Any])

help_option = click.help_option("-h", "--help", help="Показать эту справку и выйти.")
_json = click.option("--json", "as_json", is_flag=True, help="Ответ в формате JSON, одной строкой.")


def as_json(command: F) -> F:
    """The options that every command has."""
    return _json(help_option(command))


Progress = Callable[[float, float, str], None]
"""Called with how much is done, of how much, and (when not empty) what is being done."""


def put_json(value: object) -> None:
    print(json.dumps(value, ensure_ascii=False, default=_plain), flush=True)


def _plain(value: object) -> str:
    """Days and instants as the API writes them."""
    return value.isoformat() if isinstance(value, date) else str(value)


def note(text: str) -> None:
    """For people, beside the result."""
    print(text, file=sys.stderr, flush=True)


def number(value: "float | Decimal | None", digits: int = 0) -> str:
    """As Russian tables print it: 204 318,5; a dash when there is no figure."""
    if value is None:
        return "—"
    return f"{value:,.{digits}f}".replace(",", "\u202f").replace(".", ",")


def table(
    columns: Sequence[str], rows: Iterable[Sequence[str]], title: str = "", right: str = "", whole: str = ""
) -> None:
    """`right`: the names of columns of numbers, joined with spaces; `whole`: of those that are never cut."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    shown = Table(title=title or None, title_justify="left")
    for name in columns:
        justify: Literal["right", "left"] = "right" if name in right.split() else "left"
        shown.add_column(name, justify=justify, no_wrap=name in whole.split())
    for row in rows:
        shown.add_row(*map(escape, row))
    console = Console(width=None if sys.stdout.isatty() else 140)
    console.print(shown)


@contextmanager
def progress(what: str) -> Iterator[Progress]:
    """A bar on stderr; when nobody watches, a line at the end of it."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as bar:
        task = bar.add_task(what, total=None)

        def moved(done: float, total: float, doing: str) -> None:
            bar.update(task, completed=done, total=total, description=doing or what)

        yield moved


@contextmanager
def existing_database() -> Iterator["Database"]:
    """The database for a command that only looks: it makes no folder and changes no schema."""
    from ckr_es.store.database import Database
    from ckr_es.store.schema import SchemaError, pending
    from ckr_es.store.settings import Settings

    settings = Settings.from_environment()
    if settings.database_url is None and not (settings.data_dir / "postgres" / "pgdata").exists():
        raise SchemaError(
            f"В папке {settings.data_dir} ещё нет данных: начните с «ckr serve» или «ckr demo»."
        )
    with Database.open(settings) as database:
        if missing := pending(database.admin_conninfo()):
            raise SchemaError(
                f"Схема базы данных не готова (миграции {', '.join(missing)}): выполните «ckr migrate»."
            )
        yield database


@contextmanager
def ready_database() -> Iterator["Database"]:
    """The database with its schema up to date: made if need be, joined if it runs already, refused if weak."""
    import psycopg

    from ckr_es.store import schema
    from ckr_es.store.database import Database
    from ckr_es.store.settings import Settings

    with Database.open(Settings.from_environment()) as database:
        with psycopg.connect(database.admin_conninfo(), autocommit=True) as conn:
            schema.refuse_weak_settings(conn)
        if schema.pending(database.admin_conninfo()):
            schema.migrate(database.admin_conninfo())
        yield database
