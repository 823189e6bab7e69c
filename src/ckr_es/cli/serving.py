"""`ckr serve` and `ckr demo`: the API with the server behind it, until a signal ends both."""

import signal
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from typing import TYPE_CHECKING, NoReturn

import rich_click as click

from ckr_es.cli.terminal import as_json, put_json, ready_database

if TYPE_CHECKING:
    import socket

APP = "ckr_es.web.app:create_app"
PATIENCE = 5  # seconds that requests under way have to end
HUNG = 30  # seconds after which a worker that does not answer is replaced
STARTUP_FAILURE = 3  # how uvicorn's processes say that the application did not start

host = click.option("--host", default="127.0.0.1", show_default=True, help="Адрес, на котором слушать.")
port = click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8000,
    show_default=True,
    help="Порт; 0 — любой свободный.",
)


@click.command(short_help="Запустить сервер.")
@host
@port
@click.option(
    "--workers", type=click.IntRange(1, 64), default=1, show_default=True, help="Сколько процессов отвечает."
)
@click.option(
    "--no-notary", is_flag=True, help="Не запускать нотариуса: он работает отдельно, см. ckr notary."
)
@as_json
def serve(host: str, port: int, workers: int, no_notary: bool, as_json: bool) -> None:
    """Обновить схему и запустить API и нотариуса; останавливается по Ctrl-C или SIGTERM.

    Без DATABASE_URL вместе с ним работает встроенный PostgreSQL из папки данных.
    """
    _exit_on_signals()
    with _listen(host, port) as listening, ready_database(), nullcontext() if no_notary else _notary():
        _run(listening, workers, as_json)


@click.command(short_help="Показать систему на вымышленном годе.")
@click.option("--no-serve", is_flag=True, help="Только сыграть год, сервер не запускать.")
@host
@port
@as_json
def demo(no_serve: bool, host: str, port: int, as_json: bool) -> None:
    """Сыграть 2021 год центра в пустой папке данных и запустить сервер.

    Пять кластеров концепции, двести участников, свыше 545 услуг, исправления, закрытые кварталы. Участники вымышлены.
    """
    from ckr_es.cli import showing
    from ckr_es.demo import LAST_DAY

    with ExitStack() as stack:
        listening = None
        if not no_serve:
            listening = stack.enter_context(_listen(host, port))
        database = stack.enter_context(ready_database())
        showing.show(database, as_json)
        if listening is not None:
            _exit_on_signals()
            stack.enter_context(_notary())
            _run(listening, 1, as_json, f"kpi?as_of={LAST_DAY}")


@contextmanager
def _notary() -> Iterator[None]:
    """A process of its own, in no terminal's reach; should we be killed, it ends with the pipe."""
    import subprocess

    program = [sys.executable, "-m", "ckr_es.cli", "notary", "--beside"]
    with subprocess.Popen(program, stdin=subprocess.PIPE, start_new_session=True) as process:  # noqa: S603 (ourselves)
        try:
            yield
        finally:
            process.terminate()


def _run(listening: "socket.socket", workers: int, as_json: bool, page: str = "") -> None:
    """Serve until a signal comes. The caller holds the database, so it outlives every worker."""
    import uvicorn
    from uvicorn.supervisors import Multiprocess

    from ckr_es import logs

    logs.configure()
    config = uvicorn.Config(
        APP,
        factory=True,
        workers=workers,
        lifespan="on",
        access_log=False,
        log_config=None,
        server_header=False,
        timeout_graceful_shutdown=PATIENCE,
        timeout_worker_healthcheck=HUNG,
    )
    address = _address(listening) + page
    if as_json:
        put_json({"address": address, "workers": workers})
    else:
        print(f"Адрес: {address} (остановить: Ctrl-C)", flush=True)
    if workers == 1:
        uvicorn.Server(config).run(sockets=[listening])
        return
    supervisor = Multiprocess(config, sockets=[listening])
    supervisor.run()
    if any(worker.exitcode == STARTUP_FAILURE for worker in supervisor.processes):
        sys.exit(STARTUP_FAILURE)


def _exit_on_signals() -> None:
    """Either signal is the way to end a server: exit 0, and no second one disturbs the leaving."""

    def leave(*_: object) -> NoReturn:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        sys.exit(0)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, leave)


def _listen(host: str, port: int) -> "socket.socket":
    """Listening before the application is up: who calls meanwhile waits instead of being refused."""
    import socket

    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=2048)
    except OSError as e:
        raise OSError(e.errno, f"Не удалось занять {host}:{port}: {e.strerror or e}") from e


def _address(listening: "socket.socket") -> str:
    host, port, *_ = listening.getsockname()
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 (shown, not bound)
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"
