"""The embedded PostgreSQL server: made, started, shared by processes, and stopped by the last of them.

Three locks in `<data folder>/postgres` carry the life cycle; the kernel drops each when its holder dies.
`start.lock`: one process at a time makes, starts or stops the server. `users.lock`: every user holds a share.
`server.lock`: all processes of the server inherit it, so whoever gets it knows that none is left, whatever
postmaster.pid says. Nothing is ever signalled on the word of a file alone.
"""

import fcntl
import os
import shutil
import signal
import socket
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Self

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from ckr_es.store.server_account import (
    Account,
    EmbeddedServerError,
    account_of,
    give,
    is_private,
    make_home,
    run_command,
)
from ckr_es.store.server_binaries import binaries_for

ADMIN = "ckr_admin"
DBNAME = "ckr"
PATIENCE = 120.0  # seconds; recovery after a crash may have a gigabyte of log to replay
SOCKET = ".s.PGSQL.5432"
LONGEST_SOCKET = 103  # bytes: macOS, the shorter one
LARGEST_LOG = 16 << 20  # bytes
TEMPORARY = Path("/tmp")  # noqa: S108 (the one short folder every user can enter; mkdtemp makes ours private)
# The shell opens the log as the server's user and leaves the server to init: none of its users is its parent.
DETACHED = 'log=$1; shift; "$@" >>"$log" 2>&1 &'


class EmbeddedServer:
    """One user's share in the server of a data folder. A forked child holds a share of its own."""

    def __init__(self, home: Path, account: Account | None, pg_bin: Path | None, durable: bool) -> None:
        self.home = home
        self.pgdata = home / "pgdata"
        self._account = account  # whom root runs the server as; None: ourselves
        self._pg_bin = pg_bin
        self._durable = durable
        self._share: int | None = None

    @classmethod
    def open(
        cls, data_dir: Path, *, durable: bool = True, pg_bin: Path | None = None, pg_user: str | None = None
    ) -> Self:
        """Join the server of this folder; make and start it first if need be. Raises EmbeddedServerError.

        `durable=False` is for tests only. `pg_bin`: binaries to use instead of those found. `pg_user`: whom
        root runs the server as while the data have no owner. For a clean stop on SIGTERM make it an exit.
        """
        home = data_dir.absolute() / "postgres"
        if "\n" in str(home):  # PostgreSQL finds its way in postmaster.pid by counting lines
            raise EmbeddedServerError(f"В пути к папке базы данных перевод строки: {str(home)!r}")
        try:
            account = account_of(home, pg_user) if os.geteuid() == 0 else None
            make_home(home, account)
            server = cls(home, account, pg_bin, durable)
            with server._start_lock():
                server._share = server._open("users.lock")
                fcntl.flock(server._share, fcntl.LOCK_SH)
                try:
                    server._ensure_running()
                except BaseException as e:
                    server._leave(stop=not isinstance(e, EmbeddedServerError))
                    raise
        except OSError as e:
            raise EmbeddedServerError(f"Папка базы данных {home} недоступна: {e}") from e
        return server

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def conninfo(self, user: str = ADMIN, dbname: str = DBNAME) -> str:
        return make_conninfo(host=str(self._run_folder()), port=5432, user=user, dbname=dbname)

    def ensure_running(self) -> None:
        """Start the server again if it died under its users; next to nothing when it did not.

        In the milliseconds a killed server takes to go it still counts as there: connecting fails then.
        """
        if not self._listens():
            with self._start_lock():
                self._ensure_running()

    def close(self) -> None:
        """Give the share back; the last user out stops the server. Harmless when repeated."""
        if self._share is not None:
            with self._start_lock():
                self._leave(stop=True)

    def _leave(self, *, stop: bool) -> None:
        assert self._share is not None
        os.close(self._share)  # not unlocked: forked children keep the share until they close their copies
        self._share = None
        if stop and (alone := self._try_lock("users.lock")) is not None:
            try:
                self._stop()
            finally:
                fcntl.flock(alone, fcntl.LOCK_UN)
                os.close(alone)

    def _ensure_running(self) -> None:
        launched = False
        for _ in _patiently():
            if self._ready():
                return
            # Not ready and the lock taken: it is starting, stopping, or its last processes are leaving.
            if (lock := self._try_lock("server.lock")) is not None:
                try:
                    if launched:
                        raise self._error("не запустился")
                    self._launch(lock)
                    launched = True
                finally:
                    os.close(lock)
        raise self._error(f"не отвечает {PATIENCE:.0f} с")

    def _ready(self) -> bool:
        if self._pid_file()[-1:] != ["ready"] or not self._listens():
            return False
        try:
            with psycopg.connect(
                self.conninfo(dbname="postgres"), autocommit=True, connect_timeout=5
            ) as conn:
                if not conn.execute("select 1 from pg_database where datname = %s", (DBNAME,)).fetchone():
                    conn.execute(sql.SQL("create database {}").format(sql.Identifier(DBNAME)))
        except psycopg.OperationalError:  # it is going down this very moment
            return False
        return True

    def _listens(self) -> bool:
        """Whether the postmaster is there: no one else can listen in its private folder."""
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(5)
            try:
                s.connect(str(self._run_folder() / SOCKET))
            except OSError:
                return False
            return True

    def _launch(self, lock: int) -> None:
        binaries, major = binaries_for(self.home, self._pg_bin, self._account)
        if not self.pgdata.exists():
            self._initdb(binaries, major, lock)
        run = self._make_run_folder()
        # server.lock is ours, so these were left by a server that is no more. PostgreSQL would believe them
        # if their pid is some other process's by now; it still checks the shared memory of this pgdata.
        for stale in (self.pgdata / "postmaster.pid", run / SOCKET, run / f"{SOCKET}.lock"):
            stale.unlink(missing_ok=True)
        log = self.home / "server.log"
        if log.exists() and log.stat().st_size > LARGEST_LOG:
            log.replace(self.home / "server.log.1")
        settings = {
            "listen_addresses": "",
            "log_error_verbosity": "terse",  # an error's detail may show a row of the identity vault
            "port": "5432",
            "unix_socket_directories": '"' + str(run).replace('"', '""') + '"',
            "fsync": "on" if self._durable else "off",
            "full_page_writes": "on",
            "synchronous_commit": "on",
        }
        server = [
            str(binaries / "postgres"),
            "-D",
            str(self.pgdata),
            *(f"--{k}={v}" for k, v in settings.items()),
        ]
        run_command(["/bin/sh", "-c", DETACHED, "sh", str(log), *server], self._account, lock)

    def _initdb(self, binaries: Path, major: int, lock: int) -> None:
        for leftover in self.home.glob("pgdata.new-*"):
            shutil.rmtree(leftover)
        side = self.home / f"pgdata.new-{os.urandom(4).hex()}"
        arguments = [
            "-D",
            str(side),
            "-U",
            ADMIN,
            "--auth-local=trust",
            "--auth-host=reject",
            "--no-instructions",
        ]
        arguments += ["--encoding=UTF8", "--locale=C.UTF-8"]
        arguments += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"] if major >= 17 else []
        arguments += [] if self._durable else ["-N"]
        made = run_command([str(binaries / "initdb"), *arguments], self._account, lock)
        if made.returncode:
            raise EmbeddedServerError(
                f"Не удалось создать базу данных в папке {self.home}:\n{made.stdout[-2000:]}"
            )
        side.rename(self.pgdata)
        folder = os.open(self.home, os.O_RDONLY)
        os.fsync(folder)
        os.close(folder)

    def _stop(self) -> None:
        for _ in _patiently():
            if (lock := self._try_lock("server.lock")) is not None:
                os.close(lock)
                if (self.home / "run").is_symlink():
                    shutil.rmtree(self._run_folder(), ignore_errors=True)
                return
            if self._listens() and (pid := self._pid_file()[:1]):  # it listens, so the file is its own
                with suppress(ProcessLookupError):
                    os.kill(int(pid[0]), signal.SIGINT)  # fast shutdown; said twice is as good as once
        raise self._error(f"не остановился за {PATIENCE:.0f} с")

    def _pid_file(self) -> list[str]:
        """The first line of postmaster.pid is the pid, the last one the status."""
        try:
            return [
                line.strip()
                for line in (self.pgdata / "postmaster.pid").read_text(errors="replace").splitlines()
            ]
        except FileNotFoundError:
            return []

    def _run_folder(self) -> Path:
        return (self.home / "run").resolve()

    def _make_run_folder(self) -> Path:
        """A private folder for the socket: `run`, or what it links to when libpq could not take that path."""
        run = self.home / "run"
        if len(os.fsencode(run / SOCKET)) <= LONGEST_SOCKET and "," not in str(run):
            if run.is_symlink():
                run.unlink()
            run.mkdir(mode=0o700, exist_ok=True)
            give(run, self._account)
        elif not is_private(run.resolve(), self._account):
            run.unlink(missing_ok=True)
            run.symlink_to(tempfile.mkdtemp(prefix="ckr-es-", dir=TEMPORARY))
            give(run.resolve(), self._account)
        return run.resolve()

    def _error(self, what: str) -> EmbeddedServerError:
        log = self.home / "server.log"
        told = log.read_text(errors="replace")[-2000:] if log.exists() else ""
        return EmbeddedServerError(f"Сервер базы данных в папке {self.home} {what}. Конец {log}:\n{told}")

    def _open(self, name: str) -> int:
        fd = os.open(self.home / name, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        if self._account and os.fstat(fd).st_uid != self._account.pw_uid:
            os.fchown(fd, self._account.pw_uid, self._account.pw_gid)
        return fd

    def _try_lock(self, name: str) -> int | None:
        fd = self._open(name)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(fd)
            return None
        return fd

    @contextmanager
    def _start_lock(self) -> Iterator[None]:
        for _ in _patiently():
            if (fd := self._try_lock("start.lock")) is not None:
                try:
                    yield
                finally:
                    fcntl.flock(fd, fcntl.LOCK_UN)  # closing is not enough if another thread forked meanwhile
                    os.close(fd)
                return
        raise self._error(f"уже {PATIENCE:.0f} с запускает или останавливает другой процесс")


def _patiently() -> Iterator[None]:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        yield
        time.sleep(0.01)
