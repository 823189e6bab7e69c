"""What `ckr doctor` looks at: the server, the schema, the roles, the log, the projections and the notary."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import psycopg

from ckr_es.audit.folder import Folder
from ckr_es.store import schema
from ckr_es.store.database import Database

ROLES = ("ckr_owner", "ckr_migrator", "ckr_app", "ckr_projector", "ckr_reader", "ckr_notary")
LATEST = 10_000  # events whose leaves are worked out again

SERVER = "select current_setting('server_version'), pg_size_pretty(pg_database_size(current_database()))"
MISSING_ROLES = "select r from unnest(%s::text[]) r where not exists (select from pg_roles where rolname = r)"
LOG = """
    select count(*), coalesce(max(position), 0),
           (select count(*) from (select recorded_at <= lag(recorded_at) over (order by position) as back
                                  from ckr.event) t where back)
    from ckr.event
"""
WRONG_LEAVES = r"""
    select count(*)
    from (select * from ckr.event order by position desc limit %s) e
    where leaf is distinct from sha256('\x00'::bytea || convert_to(
        E'v1\n' || position || E'\n' || stream_id || E'\n' || stream_version || E'\n' || type || E'\n'
        || to_char(recorded_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') || E'\n'
        || actor || E'\n' || command_key || E'\n'
        || encode(sha256(convert_to(body::text, 'UTF8')), 'hex') || E'\n', 'UTF8'))
"""
PROJECTIONS = """
    select name, status, error, error_position, position,
           (select coalesce(max(position), 0) from ckr.event) - position
    from ckr.projection order by name
"""


class Finding(NamedTuple):
    check: str
    ok: bool
    detail: str


def examine(database: Database, notary: Folder) -> list[Finding]:
    with psycopg.connect(database.admin_conninfo(), autocommit=True) as conn:
        return [*_findings(conn), *_signed(notary)]


def _signed(notary: Folder) -> Iterator[Finding]:
    """A notary that does not run is none of the log's faults; one that refused tells of one."""
    status, checked = notary.status(), notary.self_check()
    state = {"absent": "ещё не работал", "running": "работает", "stopped": "не запущен"}.get(status.state)
    detail = f"{state}, подписано записей {notary.size()}" if state else str(status.error)
    yield Finding("Нотариус", status.state != "refused", detail)
    if checked is not None:
        found = "; ".join(checked.findings) or "всё сходится"
        yield Finding(
            "Самопроверка", checked.ok, f"{checked.at:%d.%m.%Y %H:%M} UTC, записей {checked.size}: {found}"
        )


def _findings(conn: psycopg.Connection[tuple[Any, ...]]) -> Iterator[Finding]:
    version, size = conn.execute(SERVER).fetchone() or ("", "")
    yield Finding("Сервер", True, f"PostgreSQL {version}, база данных {size}")
    weak = schema.weak_settings(conn)
    yield Finding("Настройки", not weak, " ".join(weak) or "записанное сохраняется при сбое")
    missing = [role for (role,) in conn.execute(MISSING_ROLES, (list(ROLES),))]
    yield Finding("Роли", not missing, f"нет: {', '.join(missing)}" if missing else "все на месте")
    count, head, back = conn.execute(LOG).fetchone() or (0, 0, 0)
    yield Finding("Порядок журнала", count == head, f"записей {count}, последняя позиция {head}")
    yield Finding("Время записи", back == 0, f"идёт назад у {back} записей" if back else "не идёт назад")
    (wrong,) = conn.execute(WRONG_LEAVES, (LATEST,)).fetchone() or (0,)
    checked = f"у последних {min(count, LATEST)} записей"
    yield Finding(
        "Хеши записей", wrong == 0, f"{checked} не сходятся: {wrong}" if wrong else f"{checked} сходятся"
    )
    for name, status, error, at, position, lag in conn.execute(PROJECTIONS):
        stopped = f"остановлена на позиции {at}: {error}" if status == "stopped" else f"позиция {position}"
        yield Finding(f"Проекция {name}", status == "running", f"{stopped}, отстаёт на {lag}")
