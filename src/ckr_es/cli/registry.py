"""`ckr registry`: files of public registers become records, and questions to them get an answer."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import rich_click as click

from ckr_es.cli.terminal import (
    as_json,
    existing_database,
    help_option,
    number,
    progress,
    put_json,
    ready_database,
    table,
)

if TYPE_CHECKING:
    from ckr_es.registry.snapshots import Snapshot

STATES = {
    "reading": "читается",
    "recording": "записывается",
    "interrupted": "прерван",
    "read": "прочитан, не записан",
    "recorded": "записан",
    "failed": "негоден",
}
RESULTS = {"found": "есть в реестре", "absent": "нет в реестре", "unavailable": "ответа нет"}
TITLES = {
    "result": "Ответ",
    "reason": "Почему",
    "source": "Источник",
    "as_of": "На дату",
    "name": "Наименование",
    "ogrn": "ОГРН",
    "category": "Категория",
    "included_on": "В реестре с",
    "region_code": "Регион",
    "okved_main": "Основной ОКВЭД",
    "okved_additional": "Дополнительные ОКВЭД",
    "okved_version": "Версия ОКВЭД",
    "status": "Состояние",
    "headcount": "Работников",
    "licences": "Лицензии",
    "answer_sha256": "SHA-256 ответа",
}
REGISTERS = {"sme": "ЕРСМСП", "support": "ЕРСМСП-ПП"}


def region_code(_: click.Context, __: click.Parameter, text: str) -> str | None:
    """Two digits, or none."""
    if text != "none" and not (len(text) == 2 and text.isascii() and text.isdigit()):
        raise click.BadParameter("нужны две цифры или none")
    return None if text == "none" else text


@click.group(short_help="Реестры ФНС: загрузить, перечислить, спросить.")
@help_option
def registry() -> None:
    """Открытые данные ФНС: единый реестр МСП и реестр получателей поддержки."""


@registry.command(short_help="Загрузить файл реестра.")
@click.argument("path", metavar="ФАЙЛ", type=click.Path(path_type=Path))
@click.option(
    "--complete/--partial",
    "complete",
    default=None,
    help="Полон ли файл: кого в полном нет, того нет в реестре. Без указания полным считается архив ZIP.",
)
@click.option(
    "--region",
    default="24",
    show_default=True,
    callback=region_code,
    help="Чьи фирмы хранить, кроме участников; none — ничьи.",
)
@click.option("--late-reason", help="Причина позднего ввода, если дата снимка лежит в закрытом периоде.")
@click.option("--processes", type=click.IntRange(1, 64), help="Сколько процессов читает.")
@as_json
def load(
    path: Path,
    complete: bool | None,
    region: str | None,
    late_reason: str | None,
    processes: int | None,
    as_json: bool,
) -> None:
    """Прочитать ZIP, XML или папку и записать, что реестр говорит об участниках.

    Прерванная загрузка продолжается с того же места, повторная ничего не меняет. Негодный файл не записывает ничего.
    """
    import os
    from datetime import UTC, datetime

    from ckr_es.application import ServiceTracking
    from ckr_es.registry.loading import Order, Watch
    from ckr_es.registry.loading import load as load_file
    from ckr_es.registry.recording import Clerk
    from ckr_es.rules.calendar import today

    # The number, not the login: an actor is never a name.
    clerk = Clerk(
        actor=f"cli:{os.getuid()}",
        role="operator",
        today=today(datetime.now(UTC)),
        late_reason=late_reason,
    )
    order = Order(
        path=path,
        clerk=clerk,
        region=region,
        complete=complete,
        file_name=path.name,
        processes=processes,
    )
    with ready_database() as database:
        tracking = ServiceTracking(database)
        try:
            with progress(path.name) as moved:
                done = load_file(tracking, order, Watch(moved=moved))
        finally:
            tracking.close()
    if as_json:
        put_json(shown(done))
        return
    fields = (
        ("Файл", path.name),
        ("SHA-256", done.sha256),
        ("Реестр", REGISTERS[done.register]),
        ("Дата", f"{done.last_as_of:%d.%m.%Y}" if done.last_as_of else "—"),
        ("Полный", "да" if done.complete else "нет"),
        ("Записей в файле", number(done.records)),
        ("Из них хранится", number(done.kept)),
        ("Записано: есть в реестре", number(done.found)),
        ("Записано: нет в реестре", number(done.absent)),
        ("Без новостей", number(done.unchanged)),
        *(("Примечание", note) for note in done.notes),
    )
    table(("", ""), fields)


@registry.command("list", short_help="Перечислить загруженные файлы.")
@click.option("--register", type=click.Choice(tuple(REGISTERS)), help="Какой реестр; без указания — оба.")
@click.option(
    "--limit", type=click.IntRange(1, 500), default=50, show_default=True, help="Сколько последних."
)
@as_json
def list_(register: str | None, limit: int, as_json: bool) -> None:
    """Снимки реестров, начиная с последнего: дата, сколько записей, что из них записано и чем кончилось."""
    import psycopg

    from ckr_es.registry import snapshots

    with (
        existing_database() as database,
        psycopg.connect(database.conninfo("ckr_app"), autocommit=True) as conn,
    ):
        names: Any = [register] if register else list(REGISTERS)
        found = [one for name in names for one in snapshots.page(conn, name, limit)]
    if as_json:
        put_json({"items": [shown(one) for one in found]})
        return
    rows = (
        (
            REGISTERS[one.register],
            f"{one.last_as_of:%d.%m.%Y}" if one.last_as_of else "—",
            one.file_name or one.sha256[:12],
            STATES[one.state],
            number(one.records),
            number(one.kept),
            number(one.found),
            number(one.absent),
            one.error["detail"] if one.error else "",
        )
        for one in found
    )
    columns = ("Реестр", "Дата", "Файл", "Состояние", "Записей", "Хранится", "Есть", "Нет", "Ошибка")
    table(columns, rows, right="Записей Хранится Есть Нет")


@registry.command(short_help="Спросить об одной организации.")
@click.argument("inn", metavar="ИНН")
@click.option(
    "--source",
    type=click.Choice(("snapshot", "dadata")),
    default="snapshot",
    show_default=True,
    help="Загруженный снимок ЕРСМСП или DaData (нужен CKR_DADATA_TOKEN).",
)
@as_json
def lookup(inn: str, source: Literal["snapshot", "dadata"], as_json: bool) -> None:
    """Что реестр говорит об организации сегодня. Ничего не записывает; код выхода 1, если ответа нет."""
    import sys
    from datetime import UTC, datetime

    from ckr_es.application import ServiceTracking
    from ckr_es.registry.registries import Registries, told
    from ckr_es.rules import identifiers
    from ckr_es.rules.calendar import today
    from ckr_es.store.settings import Settings

    number_ = identifiers.inn(inn)
    with existing_database() as database:
        tracking = ServiceTracking(database)
        try:
            registries = Registries(tracking, Settings.from_environment())
            said = told(registries.lookup(source, number_, today(datetime.now(UTC))))
        finally:
            tracking.close()
    if as_json:
        put_json(said)
    else:
        fields = {**said, **said.get("company", {})}
        rows = (
            (title, _text(fields[name])) for name, title in TITLES.items() if fields.get(name) is not None
        )
        table(("", ""), rows)
    if said["result"] == "unavailable":
        sys.exit(1)


def _text(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else RESULTS.get(value, str(value))


def shown(snapshot: "Snapshot") -> dict[str, Any]:
    from ckr_es.registry.snapshots import told

    return told(snapshot)
