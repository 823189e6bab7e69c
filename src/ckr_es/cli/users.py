"""`ckr user`: staff who sign in to the page with a password."""

import rich_click as click

from ckr_es.cli.terminal import as_json, existing_database, help_option, note, put_json, ready_database, table
from ckr_es.cli.upkeep import as_migrator

login = click.argument("login", metavar="ЛОГИН")


@click.group(short_help="Сотрудники: создать, перечислить, сменить пароль, отключить.")
@help_option
def user() -> None:
    """Кто входит на страницу по паролю. Работает и при запущенном сервере, и без него, и действует сразу."""


@user.command(short_help="Создать пользователя.")
@click.option("--login", required=True, help="Под чем он входит: латиница и цифры.")
@click.option("--name", required=True, help="Как его зовут; в журнал записей имя не попадает.")
@click.option(
    "--role",
    type=click.Choice(("operator", "manager", "auditor", "analyst", "admin")),
    required=True,
    help="Что ему можно.",
)
@click.option("--cluster", help="Код кластера, если он работает только с ним.")
@as_json
def create(login: str, name: str, role: str, cluster: str | None, as_json: bool) -> None:
    """Создать пользователя. Пароль печатается один раз, последней строкой: база данных хранит только его хеш."""
    from ckr_es.store import staff

    with ready_database() as database, as_migrator(database.admin_conninfo()) as conn:
        made, password = staff.create(conn, login=login, name=name, role=role, cluster=cluster)
    _tell(as_json, password, {"id": made.id, "login": login, "role": role, "cluster": cluster})


@user.command("list", short_help="Перечислить пользователей.")
@as_json
def list_(as_json: bool) -> None:
    """Все, кто когда-либо был создан."""
    from ckr_es.store import staff

    with existing_database() as database, as_migrator(database.admin_conninfo()) as conn:
        found = staff.list(conn)
    if as_json:
        put_json({"items": [{name: getattr(u, name) for name in u.__struct_fields__} for u in found]})
        return
    rows = (
        (
            u.login,
            u.role,
            u.cluster or "все",
            u.name,
            u.id,
            f"{u.created_at:%d.%m.%Y %H:%M}",
            f"{u.disabled_at:%d.%m.%Y %H:%M}" if u.disabled_at else "",
        )
        for u in found
    )
    table(("Логин", "Роль", "Кластер", "Имя", "В журнале", "Создан", "Отключён"), rows)


@user.command(short_help="Сменить пароль.")
@login
@as_json
def password(login: str, as_json: bool) -> None:
    """Новый пароль, последней строкой вывода. Где пользователь вошёл, там он выходит."""
    from ckr_es.store import staff

    with ready_database() as database, as_migrator(database.admin_conninfo()) as conn:
        renewed = staff.renew_password(conn, login)
    _tell(as_json, renewed, {"login": login})


@user.command(short_help="Отключить пользователя.")
@login
@as_json
def disable(login: str, as_json: bool) -> None:
    """Отключить навсегда: он выходит отовсюду и больше не войдёт."""
    from ckr_es.store import staff

    with existing_database() as database, as_migrator(database.admin_conninfo()) as conn:
        disabled = staff.disable(conn, login)
    if as_json:
        put_json({"login": login, "disabled_at": disabled.disabled_at})
    else:
        print(f"Пользователь {login} отключён.")


def _tell(as_json: bool, password: str, about: dict[str, str | None]) -> None:
    if as_json:
        put_json({**about, "password": password})
        return
    note("Сохраните пароль сейчас: второй раз его не показать.")
    print(password)
