"""API keys `ckr_<id>_<secret>`: the database keeps the SHA-256 of the secret, the log names a key by its id."""

import re
import secrets
from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256
from typing import Any, Final, Literal, get_args

from msgspec import Struct
from psycopg import Connection
from psycopg.rows import class_row

Role = Literal["operator", "manager", "auditor", "analyst", "admin"]
ROLES: Final[tuple[Role, ...]] = get_args(Role)

INSERT = "insert into ckr.api_key (id, name, role, cluster, secret_hash) values (%s, %s, %s, %s, %s)"
SELECT = "select id, name, role, cluster, secret_hash, created_at, revoked_at from ckr.api_key"
REVOKE = "update ckr.api_key set revoked_at = coalesce(revoked_at, clock_timestamp()) where id = %s"

_ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"  # 32 letters: 10 of them are 50 bits, enough for a name
_CLUSTER = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")

Conn = Connection[Any]


class KeyRefused(Exception):
    """A key that can't be made or found. The message (Russian) says why."""


class Key(Struct, frozen=True, kw_only=True):
    """`cluster` limits the key to what belongs to that cluster."""

    id: str
    name: str
    role: str
    cluster: str | None
    secret_hash: bytes
    created_at: datetime
    revoked_at: datetime | None


def create(conn: Conn, *, role: str, name: str, cluster: str | None = None) -> str:
    """Make a key as ckr_migrator; the whole key, which nobody can read again. Raises KeyRefused."""
    if role not in ROLES:
        raise KeyRefused(f"Нет роли «{role}»; роли: {', '.join(ROLES)}.")
    if not name.strip() or len(name) > 200 or not name.isprintable():
        raise KeyRefused("Имя ключа: от 1 до 200 знаков в одну строку.")
    if cluster is not None and not _CLUSTER.fullmatch(cluster):
        raise KeyRefused("Код кластера: латинские строчные буквы, цифры и дефис.")
    id = "".join(secrets.choice(_ALPHABET) for _ in range(10))
    secret = secrets.token_urlsafe(32)
    conn.execute(INSERT, (id, name.strip(), role, cluster, sha256(secret.encode()).digest()))
    return f"ckr_{id}_{secret}"


def list(conn: Conn) -> tuple[Key, ...]:
    """Every key ever made, the oldest first."""
    with conn.cursor(row_factory=class_row(Key)) as cursor:
        return tuple(cursor.execute(f"{SELECT} order by created_at, id"))


def find(conn: Conn, id: str) -> Key | None:
    """The key of this id, revoked or not."""
    with conn.cursor(row_factory=class_row(Key)) as cursor:
        return cursor.execute(f"{SELECT} where id = %s", (id,)).fetchone()


def find_each(conn: Conn, ids: Sequence[str]) -> Sequence[Key | None]:
    """The keys of these ids, revoked or not; None where there is none."""
    with conn.cursor(row_factory=class_row(Key)) as cursor:
        found = {key.id: key for key in cursor.execute(f"{SELECT} where id = any (%s)", ([*{*ids}],))}
    return [found.get(id) for id in ids]


def revoke(conn: Conn, id: str) -> Key:
    """Shut a key for good, as ckr_migrator; once more changes nothing. Raises KeyRefused for an unknown id."""
    conn.execute(REVOKE, (id,))
    if (key := find(conn, id)) is None:
        raise KeyRefused(f"Ключа «{id}» нет.")
    return key
