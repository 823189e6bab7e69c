"""`ckr import`: a file of commands or a list of staff, looked at, recorded, taken back."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import rich_click as click

from ckr_es.cli.terminal import (
    as_json,
    existing_database,
    help_option,
    note,
    number,
    progress,
    put_json,
    ready_database,
    table,
)

if TYPE_CHECKING:
    from ckr_es.application import ServiceTracking
    from ckr_es.imports.course import Import
    from ckr_es.imports.importing import Caller

OUTCOMES = {
    "recorded": ("Будет записано", "Записано"),
    "unchanged": ("Без новостей", "Без новостей"),
    "replayed": ("Уже записано раньше", "Уже записано раньше"),
    "refused": ("Отклонено", "Отклонено"),
}
FILE = "file"


class OrFile(click.RichGroup):
    """`ckr import FILE` is `ckr import file FILE`: a group whose first word may be a file."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if args and args[0] not in self.commands and args[0] not in ("-h", "--help"):
            args = [FILE, *args]
        return super().parse_args(ctx, args)


@click.group("import", cls=OrFile, short_help="Импорт: проверить файл, записать, отменить.")
@help_option
def imports() -> None:
    """Файлы команд (NDJSON) и списки сотрудников (XLSX, CSV): `ckr import ФАЙЛ [--commit]`.

    Без --commit ничего не записывается: каждая строка только проверяется.
    """


@imports.command(FILE, short_help="Проверить файл; с --commit записать. Слово file можно опустить.")
@click.argument("path", metavar="ФАЙЛ", type=click.Path(path_type=Path))
@click.option("--commit", "commits", is_flag=True, help="Записать всё, что допускают правила.")
@click.option(
    "--errors",
    "errors_to",
    metavar="ФАЙЛ",
    type=click.Path(path_type=Path),
    help="Куда положить отклонённое: .ndjson или .xlsx.",
)
@click.option(
    "--role",
    type=click.Choice(("operator", "manager")),
    default="operator",
    show_default=True,
    help="В какой роли.",
)
@as_json
def file(path: Path, commits: bool, errors_to: Path | None, role: str, as_json: bool) -> None:
    """Проверить каждую строку файла и сказать, что будет записано, а что отклонено и почему.

    Прерванная запись продолжается с того же места, тот же файл второй раз ничего не меняет. Код выхода 1, если есть
    отклонённые строки.
    """
    import sys

    from ckr_es.api.calls import contract
    from ckr_es.imports.importing import Order, commit, preview
    from ckr_es.registry.loading import Watch

    if errors_to is not None and errors_to.suffix.lower() not in (".ndjson", ".xlsx"):
        raise click.BadParameter("нужен файл .ndjson или .xlsx", param_hint="--errors")
    calls = contract()

    def work(tracking: "ServiceTracking", caller: "Caller", watch: Watch) -> "Import":
        order = Order(path=path, caller=caller, file_name=path.name)
        one = preview(tracking, calls, order, watch)
        if commits and one.reached in ("previewed", "committing"):
            one = commit(tracking, calls, one.id, caller, watch)
        if errors_to is not None:
            _write_errors(tracking, one, errors_to)
        return one

    one = _worked(path.name, role, work)
    _show(one, as_json)
    counted = one.recorded or one.preview or {}
    if counted.get("rows", {}).get("refused"):
        if errors_to is not None:
            note(f"Отклонённые строки: {errors_to}")
        sys.exit(1)


@imports.command("revert", short_help="Отменить записанный импорт.")
@click.argument("id", metavar="ID", type=click.UUID)
@click.option("--reason", required=True, help="Причина: она останется в каждой отмене.")
@click.option("--late-reason", help="Причина позднего ввода, если записи лежат в закрытом периоде.")
@click.option(
    "--role",
    type=click.Choice(("operator", "manager")),
    default="operator",
    show_default=True,
    help="В какой роли.",
)
@as_json
def revert(id: Any, reason: str, late_reason: str | None, role: str, as_json: bool) -> None:
    """Отменить всё, что импорт записал, или ничего: что мешает, перечисляется на stderr."""
    from ckr_es.imports.reverting import revert as take_back
    from ckr_es.registry.loading import Watch
    from ckr_es.rules import Refused

    def work(tracking: "ServiceTracking", caller: "Caller", watch: Watch) -> "Import":
        return take_back(tracking, id, caller, reason, late_reason, watch)

    try:
        _show(_worked("отмена", role, work), as_json)
    except Refused as refused:
        for problem in refused.problems[:20]:
            note(problem.detail)
        raise


@imports.command("list", short_help="Перечислить импорты.")
@click.option(
    "--limit", type=click.IntRange(1, 500), default=50, show_default=True, help="Сколько последних."
)
@as_json
def list_(limit: int, as_json: bool) -> None:
    """Импорты, начиная с последнего: состояние, сколько строк записано и отклонено."""
    import psycopg

    from ckr_es.imports import course
    from ckr_es.imports.importing import STATES

    with (
        existing_database() as database,
        psycopg.connect(database.conninfo("ckr_app"), autocommit=True) as conn,
    ):
        found = course.page(conn, limit)
    if as_json:
        put_json({"items": [course.told(one) for one in found]})
        return
    rows = []
    for one in found:
        counted = (one.recorded or one.preview or {}).get("rows", {})
        rows.append(
            (
                str(one.id),
                f"{one.started_at:%d.%m.%Y %H:%M}",
                one.file_name or one.sha256[:12],
                STATES[one.state],
                number(one.rows),
                number(counted.get("recorded")),
                number(counted.get("refused")),
                one.error["detail"] if one.error else "",
            )
        )
    columns = ("Импорт", "Начат", "Файл", "Состояние", "Строк", "Записано", "Отклонено", "Ошибка")
    table(columns, rows, right="Строк Записано Отклонено", whole="Импорт")


def _worked(what: str, role: str, work: Callable[..., "Import"]) -> "Import":
    import os
    from datetime import UTC, datetime

    from ckr_es.application import ServiceTracking
    from ckr_es.imports.importing import Caller
    from ckr_es.registry.loading import Watch
    from ckr_es.rules.calendar import today

    # The number, not the login: an actor is never a name.
    caller = Caller(f"cli:{os.getuid()}", role, today(datetime.now(UTC)))
    with ready_database() as database:
        tracking = ServiceTracking(database)
        try:
            with progress(what) as moved:
                return work(tracking, caller, Watch(moved=moved))
        finally:
            tracking.close()


def _write_errors(tracking: "ServiceTracking", one: "Import", path: Path) -> None:
    from contextlib import closing

    from ckr_es.imports import errors

    with closing(tracking.recorder.connect()) as conn:
        found = errors.of(conn, one)
        if path.suffix.lower() == ".xlsx":
            errors.workbook(found, path)
            return
        with path.open("wb") as out:
            out.writelines(errors.lines(found))


def _show(one: "Import", as_json: bool) -> None:
    from ckr_es.imports import course
    from ckr_es.imports.importing import STATES

    if as_json:
        put_json(course.told(one))
        return
    counted = one.recorded or one.preview or {"rows": {}, "events": {}}
    past = one.recorded is not None
    fields = [
        ("Импорт", str(one.id)),
        ("Состояние", STATES[one.state]),
        ("Строк", number(one.rows)),
        *((OUTCOMES[name][past], number(count)) for name, count in counted["rows"].items()),
        *((f"  {type_}", number(count)) for type_, count in counted["events"].items()),
    ]
    if one.reverted is not None:
        fields.append(("Отменено событий", number(one.reverted)))
    table(("", ""), fields, right="")
    if one.reached == "previewed":
        note("Ничего не записано. Записать: тот же файл с --commit.")
