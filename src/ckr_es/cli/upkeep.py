"""`ckr migrate`, `doctor`, `key` and `projections`: what the one who runs the system needs now and then."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import rich_click as click

from ckr_es.cli.ledger import notary_folder
from ckr_es.cli.terminal import (
    as_json,
    existing_database,
    help_option,
    note,
    progress,
    put_json,
    ready_database,
    table,
)

if TYPE_CHECKING:
    from ckr_es.store.keys import Conn


@click.command(short_help="Привести схему базы данных к этой версии.")
@click.option("--check", is_flag=True, help="Ничего не менять; код выхода 1, если схема не готова.")
@as_json
def migrate(check: bool, as_json: bool) -> None:
    """Применить недостающие миграции. Безопасно повторять и запускать сразу из нескольких мест."""
    from ckr_es.store import schema
    from ckr_es.store.database import Database
    from ckr_es.store.settings import Settings

    with Database.open(Settings.from_environment()) as database:
        conninfo = database.admin_conninfo()
        numbers = schema.pending(conninfo) if check else schema.migrate(conninfo)
    if as_json:
        put_json({"pending" if check else "applied": numbers})
    elif numbers:
        print(f"{'Не применены' if check else 'Применены'} миграции: {', '.join(numbers)}.")
    else:
        print("Схема готова, применять нечего.")
    if check and numbers:
        sys.exit(1)


@click.command(short_help="Проверить настройки, роли, журнал и проекции.")
@as_json
def doctor(as_json: bool) -> None:
    """Проверить, что базе данных можно доверять; код выхода 1, если что-то не так."""
    from ckr_es.cli.examination import examine

    with existing_database() as database:
        findings = examine(database, notary_folder())
    if as_json:
        put_json({"checks": [{"check": f.check, "ok": f.ok, "detail": f.detail} for f in findings]})
    else:
        table(("Проверка", "", "Подробности"), ((f.check, "✓" if f.ok else "✗", f.detail) for f in findings))
    if not all(finding.ok for finding in findings):
        sys.exit(1)


@click.group(short_help="Ключи API: создать, перечислить, отозвать.")
@help_option
def key() -> None:
    """Ключи API. Работают и при запущенном сервере, и без него; новый ключ действует сразу."""


@key.command(short_help="Создать ключ.")
@click.option(
    "--role",
    type=click.Choice(("operator", "manager", "auditor", "analyst", "admin")),
    required=True,
    help="Что ключ позволяет.",
)
@click.option("--name", required=True, help="Чей это ключ или для чего он.")
@click.option("--cluster", help="Код кластера, если ключ только для него.")
@as_json
def create(role: str, name: str, cluster: str | None, as_json: bool) -> None:
    """Создать ключ. Он печатается один раз, последней строкой вывода: база данных хранит только его хеш."""
    from ckr_es.store import keys

    with ready_database() as database, as_migrator(database.admin_conninfo()) as conn:
        made = keys.create(conn, role=role, name=name, cluster=cluster)
    if as_json:
        put_json({"id": made.split("_")[1], "role": role, "name": name, "cluster": cluster, "key": made})
        return
    note("Сохраните ключ сейчас: второй раз его не показать.")
    print(made)


@key.command("list", short_help="Перечислить ключи.")
@as_json
def list_(as_json: bool) -> None:
    """Все ключи, когда-либо созданные, без их секретов."""
    from ckr_es.store import keys

    with existing_database() as database, as_migrator(database.admin_conninfo()) as conn:
        found = keys.list(conn)
    if as_json:
        names = ("id", "name", "role", "cluster", "created_at", "revoked_at")
        put_json({"items": [{name: getattr(k, name) for name in names} for k in found]})
        return
    rows = (
        (
            k.id,
            k.role,
            k.cluster or "все",
            k.name,
            f"{k.created_at:%d.%m.%Y %H:%M}",
            f"{k.revoked_at:%d.%m.%Y %H:%M}" if k.revoked_at else "",
        )
        for k in found
    )
    table(("Ключ", "Роль", "Кластер", "Имя", "Создан", "Отозван"), rows)


@key.command(short_help="Отозвать ключ.")
@click.argument("id")
@as_json
def revoke(id: str, as_json: bool) -> None:
    """Отозвать ключ навсегда. ID — то, что в ключе стоит между «ckr_» и вторым «_»."""
    from ckr_es.store import keys

    with existing_database() as database, as_migrator(database.admin_conninfo()) as conn:
        revoked = keys.revoke(conn, id)
    if as_json:
        put_json({"id": revoked.id, "revoked_at": revoked.revoked_at})
    else:
        print(f"Ключ {revoked.id} («{revoked.name}») отозван.")


@contextmanager
def as_migrator(conninfo: str) -> Iterator["Conn"]:
    """Only this role writes keys, and whoever may migrate is a member of it."""
    import psycopg

    with psycopg.connect(conninfo, autocommit=True) as conn:
        conn.execute("set role ckr_migrator")
        yield conn


@click.group(short_help="Проекции: где стоят, заполнить заново.")
@help_option
def projections() -> None:
    """Таблицы для чтения, которые следуют за журналом и в любой момент получаются из него заново."""


@projections.command(short_help="Где стоит каждая проекция.")
@as_json
def status(as_json: bool) -> None:
    """Позиция каждой проекции и журнала; код выхода 1, если какая-то остановлена."""
    import psycopg

    from ckr_es.projections.projection import reached
    from ckr_es.projections.rebuilds import last

    with existing_database() as database, psycopg.connect(database.conninfo("ckr_reader")) as conn:
        found, rebuilt = reached(conn), last(conn)
    if as_json:
        names = ("name", "status", "position", "head", "version", "error", "error_position")
        put_json(
            {
                "items": [
                    {name: getattr(p, name) for name in names} | {"rebuild": rebuilt.get(p.name)}
                    for p in found
                ]
            }
        )
    else:
        rows = (
            (
                p.name,
                p.status,
                str(p.position),
                str(p.head - p.position),
                str(p.version),
                f"{one.state}, {one.started_at:%d.%m.%Y %H:%M}" if (one := rebuilt.get(p.name)) else "",
                p.error or "",
            )
            for p in found
        )
        columns = ("Проекция", "Состояние", "Позиция", "Отстаёт на", "Версия", "Заполнена заново", "Ошибка")
        table(columns, rows, right="Позиция Версия")
    if any(p.status == "stopped" for p in found):
        sys.exit(1)


@projections.command(short_help="Заполнить проекцию заново по журналу.")
@click.argument("name", metavar="ИМЯ")
@click.option("--shadow", is_flag=True, help="Заполнить рядом и сравнить, живую не заменять.")
@click.option("--accept-differences", is_flag=True, help="Заменить живую, даже если таблицы различаются.")
@as_json
def rebuild(name: str, shadow: bool, accept_differences: bool, as_json: bool) -> None:
    """Заполнить проекцию рядом с живой, сравнить обе и заменить живую.

    Читатели не ждут. Если таблицы различаются, замены нет (см. --accept-differences), а код выхода 1.
    """
    from ckr_es.projections import rebuild as again

    with existing_database() as database, progress(f"Проекция {name}") as moved:
        done = again.rebuild(
            name,
            database,
            lambda at, upto: moved(at, upto, ""),
            shadow,
            accept_differences=accept_differences,
            actor=f"cli:{os.getuid()}",  # the number, not the login: an actor is never a name
        )
    if as_json:
        differences = [
            {"table": d.table, "only_live": d.only_live, "only_rebuilt": d.only_rebuilt}
            for d in done.differences
        ]
        shown = {"name": name, "position": done.position, "rows": done.rows, "switched": done.switched}
        put_json({**shown, "differences": differences})
    else:
        for d in done.differences:
            note(f"{d.table}: только в живой строк {d.only_live}, только в новой {d.only_rebuilt}")
            for side, sample in (("живая", d.sample_live), ("новая", d.sample_rebuilt)):
                for row in sample[:3]:
                    note(f"  {side}: {row}")
        what = "заменена" if done.switched else "не заменена"
        same = f"различаются таблицы: {len(done.differences)}" if done.differences else "различий нет"
        print(f"Проекция {name} заполнена до позиции {done.position} ({done.rows} строк), {same}; {what}.")
    if done.differences and not done.switched:
        sys.exit(1)
