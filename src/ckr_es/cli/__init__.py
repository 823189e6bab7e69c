"""The command line `ckr`: each command imports what it needs when it runs, so that help comes at once."""

import signal
import sys
from typing import Any, NoReturn

import rich_click as click

from ckr_es.cli import (
    audit,
    extracts,
    figures,
    follow_ups,
    functions,
    funding,
    group_services,
    imports,
    ledger,
    providers,
    registry,
    report,
    roadmap,
    search,
    serving,
    stale,
    support,
    upkeep,
    users,
)
from ckr_es.cli.terminal import help_option

WORDS = {
    "arguments_panel_title": "Аргументы",
    "options_panel_title": "Параметры",
    "commands_panel_title": "Команды",
    "required_short_string": "*",
    "required_long_string": "[обязательно]",
    "default_string": "[по умолчанию: {}]",
    "range_string": "[{}]",
}


@click.group()
@help_option
@click.rich_config(help_config=WORDS)
@click.version_option(package_name="ckr-es", message="%(version)s", help="Показать версию и выйти.")
def ckr() -> None:
    """Учёт услуг центра кластерного развития: журнал событий, показатели, доказательства.

    Папка данных задаётся в CKR_DATA_DIR, сторонний сервер PostgreSQL — в DATABASE_URL.
    """


for command in (
    serving.serve,
    serving.demo,
    upkeep.migrate,
    upkeep.doctor,
    upkeep.key,
    users.user,
    figures.kpi,
    report.report,
    roadmap.roadmap,
    follow_ups.follow_ups,
    functions.functions,
    functions.cluster,
    providers.provider,
    funding.funding,
    support.support,
    search.search,
    group_services.group_service,
    registry.registry,
    imports.imports,
    audit.audit,
    ledger.ledger,
    ledger.export,
    ledger.notary,
    upkeep.projections,
):
    ckr.add_command(command)
registry.registry.add_command(stale.stale)
report.report.add_command(extracts.firm)
report.report.add_command(extracts.sample)


def main() -> NoReturn:
    """Run the command line; an expected error is one line on stderr and a non-zero exit."""
    # A termination becomes an exit: whoever holds the embedded server then gives it back.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        code: Any = ckr.main(prog_name="ckr", standalone_mode=False)
    except click.ClickException as error:
        _fail(_usage(error), error.exit_code)
    except click.Abort:
        _fail("Прервано.", 130)
    except Exception as error:
        if (message := _expected(error)) is None:
            raise
        _fail(message, 1)
    sys.exit(code if isinstance(code, int) else 0)


def _fail(message: str, code: int) -> NoReturn:
    line = " ".join(message.split())
    print(f"ckr: {line if len(line) <= 1000 else line[:500] + ' … ' + line[-500:]}", file=sys.stderr)
    sys.exit(code)


def _usage(error: click.ClickException) -> str:
    """Click's English as Russian, for what people do wrong most."""
    # rich_click passes on only some of Click's exceptions
    name = type(error).__name__
    match error:
        case click.NoSuchOption():
            return f"нет параметра {error.option_name}; смотрите --help"
        case click.MissingParameter() if error.param is not None:
            return f"не указано {error.param.get_error_hint(error.ctx)}"
        case click.BadParameter() if error.param is not None:
            hint = error.param.get_error_hint(error.ctx)
            return f"{hint}: {_reason(error)}"
        case click.UsageError() if name == "NoSuchCommand":
            return f"нет команды {getattr(error, 'command_name', '')}; смотрите --help"
    return error.format_message()


def _reason(error: click.BadParameter) -> str:
    kind = error.param.type if error.param else None
    match kind:
        case click.Choice():
            return f"возможно только {', '.join(map(str, kind.choices))}"
        case click.IntRange():
            return f"нужно целое число от {kind.min} до {'…' if kind.max is None else kind.max}"
        case click.DateTime():
            return "нужна дата вида ГГГГ-ММ-ДД"
    return error.message


def _expected(error: Exception) -> str | None:
    """The Russian line for what can go wrong with settings, servers and requests; None for a fault of ours."""
    import psycopg

    from ckr_es.projections.follower import ProjectionBehind
    from ckr_es.rules import Refused
    from ckr_es.store.keys import KeyRefused
    from ckr_es.store.schema import SchemaError
    from ckr_es.store.server_account import EmbeddedServerError
    from ckr_es.store.settings import SettingsError
    from ckr_es.store.staff import StaffRefused

    match error:
        case SettingsError() | EmbeddedServerError() | SchemaError() | KeyRefused() | StaffRefused():
            return str(error)
        case Refused():
            return error.detail
        case ProjectionBehind():
            stopped = error.status == "stopped"
            why = "остановлена, см. «ckr projections status»" if stopped else "не догнала журнал"
            return f"Проекция {error.name} {why}: позиция {error.reached}, нужна {error.wanted}."
        case psycopg.OperationalError():
            return f"База данных недоступна: {error}"
        case psycopg.errors.InsufficientPrivilege():
            return f"Не хватает прав в базе данных: {error}"
        case psycopg.errors.FeatureNotSupported():
            return f"Сервер PostgreSQL не даёт нужного (см. README о pg_trgm): {error}"
        case psycopg.ProgrammingError() if error.sqlstate is None:
            # psycopg repeats the address with its password
            return "Адрес базы данных (DATABASE_URL) записан неверно."
        case OSError():
            return f"{error.strerror or error}{f': {error.filename}' if error.filename else ''}"
    return None
