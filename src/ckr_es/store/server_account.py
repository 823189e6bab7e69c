"""The user that the embedded server runs as: PostgreSQL refuses to be root, and every folder must be open to it."""

import os
import pwd
import subprocess
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

UNENTERABLE = 'for path; do [ -x "$path" ] || { printf %s "$path"; exit; }; done'

Account = pwd.struct_passwd


class EmbeddedServerError(Exception):
    """The server can't be made, started or stopped. The message (Russian) names the folder."""


def account_of(home: Path, pg_user: str | None) -> Account:
    """Whom root runs the server as: the owner of the data, else the user asked for, postgres or nobody."""
    for path in (home / "pgdata", home, home.parent):
        if path.exists() and (uid := path.stat().st_uid):
            try:
                return pwd.getpwuid(uid)
            except KeyError:
                raise EmbeddedServerError(f"Владелец папки {path} (uid {uid}) неизвестен системе.") from None
    if (home / "pgdata").exists():
        raise EmbeddedServerError(f"Папка {home} принадлежит root, а PostgreSQL от имени root не работает.")
    for name in (pg_user,) if pg_user else ("postgres", "nobody"):
        with suppress(KeyError):
            if (account := pwd.getpwnam(name)).pw_uid:
                return account
    raise EmbeddedServerError(
        f"Некому запустить базу данных в папке {home}: задайте пользователя в CKR_PG_USER."
    )


def make_home(home: Path, account: Account | None) -> None:
    """Make the folder and those above it that are missing; leave those that exist as they are."""
    above = home.parent.resolve()
    missing = [path for path in (above, *above.parents) if not path.exists()]
    existing = [path for path in (above, *above.parents) if path not in missing]
    if account and (closed := closed_to(existing, account)):
        raise closed_error(closed, account)
    for path in reversed(missing):
        path.mkdir(exist_ok=True)
        if account:
            path.chmod(0o711)  # the server's user enters, whatever root's umask
    home.mkdir(mode=0o700, exist_ok=True)
    if home.stat().st_uid == 0:
        give(home, account)


def give(path: Path, account: Account | None) -> None:
    if account:
        os.chown(path, account.pw_uid, account.pw_gid)


def is_private(folder: Path, account: Account | None) -> bool:
    """Whether this is (still) the server's own folder: in /tmp, names can be taken by others."""
    if not folder.is_dir():
        return False
    found = folder.stat()
    return found.st_uid == (account.pw_uid if account else os.geteuid()) and found.st_mode & 0o777 == 0o700


def closed_to(paths: Iterable[Path], account: Account) -> str:
    """The topmost of these paths that the account can't enter or execute, as the system itself sees it."""
    return run_command(["/bin/sh", "-c", UNENTERABLE, "sh", *sorted(map(str, paths))], account).stdout


def closed_error(closed: str, account: Account | None) -> EmbeddedServerError:
    name = account.pw_name if account else ""
    return EmbeddedServerError(
        f"Сервер базы данных работает от имени пользователя {name}, а папка {closed} ему закрыта. "
        "Откройте её для входа или выберите другую папку данных (CKR_DATA_DIR) "
        "либо другого пользователя (CKR_PG_USER)."
    )


def run_command(
    command: list[str], account: Account | None = None, lock: int | None = None
) -> subprocess.CompletedProcess[str]:
    """Run to the end in a known environment and in a session of its own, where no Ctrl-C comes."""
    return subprocess.run(  # noqa: S603 (a list of our own making, no shell parses it)
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        check=False,
        cwd="/",
        env={"PATH": os.defpath, "TZ": "UTC"},
        umask=0o077,
        start_new_session=True,
        pass_fds=() if lock is None else (lock,),
        user=account.pw_uid if account else None,
        group=account.pw_gid if account else None,
        extra_groups=os.getgrouplist(account.pw_name, account.pw_gid) if account else None,
    )
