"""Staff who sign in with a password: users as `ckr user` makes them, sessions as a cookie names them.

Passwords are kept as argon2id, tokens of sessions as SHA-256. The log names a user by the id, never by name or login.
"""

import re
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Final

from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError
from msgspec import Struct
from psycopg import Connection
from psycopg.errors import UniqueViolation
from psycopg.rows import class_row

from ckr_es.store.keys import ROLES

LIFE: Final = timedelta(hours=12)  # of a session, whatever is done in it
IDLE: Final = timedelta(hours=2)
SEEN_EVERY: Final = timedelta(minutes=1)
WINDOW: Final = timedelta(minutes=15)  # in which tries in vain are counted
TRIES_OF_LOGIN: Final = 5
TRIES_OF_ADDRESS: Final = 30

_SELECT = "select id, login, name, role, cluster, created_at, disabled_at from ckr.staff"
_INSERT = """
    insert into ckr.staff (id, login, name, role, cluster, password_hash) values (%s, %s, %s, %s, %s, %s)
"""
_BEGIN = """
    insert into ckr.session (token_hash, staff_id, csrf, expires_at)
    values (%s, %s, %s, clock_timestamp() + %s)
"""
_SESSIONS = """
    select s.token_hash, s.csrf, s.created_at, s.last_seen_at, u.id as staff_id, u.name, u.role, u.cluster,
           s.last_seen_at < clock_timestamp() - %(every)s as stale
    from ckr.session s join ckr.staff u on u.id = s.staff_id
    where s.token_hash = any (%(tokens)s) and u.disabled_at is null
      and s.expires_at > clock_timestamp() and s.last_seen_at > clock_timestamp() - %(idle)s
"""
_SEEN = "update ckr.session set last_seen_at = clock_timestamp() where token_hash = any (%s)"
_OVER = """
    delete from ckr.session
    where expires_at <= clock_timestamp() or last_seen_at <= clock_timestamp() - %s::interval
"""
_TRY = """
    insert into ckr.failed_sign_in as f (subject, tries) values (%(subject)s, 1)
    on conflict (subject) do update set
        tries = case when f.since > clock_timestamp() - %(window)s then f.tries + 1 else 1 end,
        since = case when f.since > clock_timestamp() - %(window)s then f.since else clock_timestamp() end
    returning tries
"""
_UNTRY = "update ckr.failed_sign_in set tries = tries - 1 where subject = %s and tries > 0"
_FORGET = "delete from ckr.failed_sign_in where since <= clock_timestamp() - %s::interval"

_LOGIN = re.compile(r"[a-z0-9][a-z0-9._-]{1,62}")
_CLUSTER = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_ALPHABET = "abcdefghijkmnpqrstuvwxyz23456789"  # without what is read wrong
# OWASP's second choice for argon2id: a sign-in costs 19 MiB and some 30 ms of a core.
_HASHER = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
_NOBODY = _HASHER.hash(secrets.token_urlsafe())  # an unknown login takes as long as a wrong password

Conn = Connection[Any]


class StaffRefused(Exception):
    """A user that can't be made or found. The message (Russian) says why."""


class User(Struct, frozen=True, kw_only=True):
    """`cluster` limits the user to what belongs to that cluster."""

    id: str
    login: str
    name: str
    role: str
    cluster: str | None
    created_at: datetime
    disabled_at: datetime | None


class Session(Struct, frozen=True, kw_only=True):
    """A session that is still good, and whose it is."""

    token_hash: bytes
    csrf: str
    created_at: datetime
    last_seen_at: datetime
    staff_id: str
    name: str
    role: str
    cluster: str | None
    stale: bool


def create(conn: Conn, *, login: str, name: str, role: str, cluster: str | None = None) -> tuple[User, str]:
    """Make a user as ckr_migrator, and the password, which nobody can read again. Raises StaffRefused."""
    if role not in ROLES:
        raise StaffRefused(f"Нет роли «{role}»; роли: {', '.join(ROLES)}.")
    if not _LOGIN.fullmatch(login):
        raise StaffRefused("Логин: от 2 до 63 знаков, латинские строчные буквы, цифры, точка, дефис.")
    if not name.strip() or len(name) > 200 or not name.isprintable():
        raise StaffRefused("Имя: от 1 до 200 знаков в одну строку.")
    if cluster is not None and not _CLUSTER.fullmatch(cluster):
        raise StaffRefused("Код кластера: латинские строчные буквы, цифры и дефис.")
    password = _password()
    id = "u" + "".join(secrets.choice(_ALPHABET) for _ in range(10))
    try:
        conn.execute(_INSERT, (id, login, name.strip(), role, cluster, _HASHER.hash(password)))
    except UniqueViolation:
        raise StaffRefused(f"Логин «{login}» уже занят.") from None
    return find(conn, login), password


def list(conn: Conn) -> tuple[User, ...]:
    """Every user ever made, the oldest first."""
    with conn.cursor(row_factory=class_row(User)) as cursor:
        return tuple(cursor.execute(f"{_SELECT} order by created_at, id"))


def find(conn: Conn, login: str) -> User:
    """The user of this login; StaffRefused where there is none."""
    with conn.cursor(row_factory=class_row(User)) as cursor:
        user = cursor.execute(f"{_SELECT} where login = %s", (login,)).fetchone()
    if user is None:
        raise StaffRefused(f"Пользователя «{login}» нет.")
    return user


def disable(conn: Conn, login: str) -> User:
    """Shut a user out for good, as ckr_migrator, and end the sessions; once more changes nothing."""
    conn.execute(
        "update ckr.staff set disabled_at = coalesce(disabled_at, clock_timestamp()) where login = %s",
        (login,),
    )
    user = find(conn, login)
    end_all(conn, user.id)
    return user


def renew_password(conn: Conn, login: str) -> str:
    """Another password, as ckr_migrator; sessions end, and the count of tries in vain begins anew."""
    user = find(conn, login)
    password = _password()
    conn.execute("update ckr.staff set password_hash = %s where id = %s", (_HASHER.hash(password), user.id))
    end_all(conn, user.id)
    conn.execute("delete from ckr.failed_sign_in where subject = %s", (_subject("login", login),))
    return password


def tried_too_often(conn: Conn, login: str, address: str) -> bool:
    """Counts a try before it is judged, so that tries at the same time count too; `succeeded` takes it back."""
    counted = [
        (_counted(conn, _subject(kind, text)), most)
        for kind, text, most in (("login", login, TRIES_OF_LOGIN), ("address", address, TRIES_OF_ADDRESS))
    ]
    return any(tries > most for tries, most in counted)


def succeeded(conn: Conn, login: str, address: str) -> None:
    conn.execute("delete from ckr.failed_sign_in where subject = %s", (_subject("login", login),))
    conn.execute(_UNTRY, (_subject("address", address),))
    conn.execute(_FORGET, (WINDOW,))


def verified(conn: Conn, login: str, password: str) -> str | None:
    """The id of the user who has this login and password and is not disabled; it takes as long for anyone."""
    query = "select id, password_hash from ckr.staff where login = %s and disabled_at is null"
    id, kept = conn.execute(query, (login,)).fetchone() or (None, _NOBODY)
    try:
        _HASHER.verify(kept, password)
    except VerifyMismatchError:
        return None
    return id if id is None else str(id)


def begin(conn: Conn, staff_id: str) -> str:
    """The token of a new session; those that are over are swept out."""
    token = secrets.token_urlsafe(32)
    conn.execute(_BEGIN, (token_hash(token), staff_id, secrets.token_urlsafe(32), LIFE))
    conn.execute(_OVER, (IDLE,))
    return token


def sessions(conn: Conn, tokens: Sequence[bytes]) -> Sequence[Session | None]:
    """The sessions of these hashes of tokens, and notes that they were seen; None for those that are over."""
    asked = {"tokens": [*{*tokens}], "idle": IDLE, "every": SEEN_EVERY}
    with conn.cursor(row_factory=class_row(Session)) as cursor:
        found = {session.token_hash: session for session in cursor.execute(_SESSIONS, asked)}
    if stale := [session.token_hash for session in found.values() if session.stale]:
        conn.execute(_SEEN, (stale,))
    return [found.get(token) for token in tokens]


def sessions_of(conn: Conn, staff_id: str) -> tuple[Session, ...]:
    """Where the user is signed in, the latest first."""
    tokens = [
        t for (t,) in conn.execute("select token_hash from ckr.session where staff_id = %s", (staff_id,))
    ]
    found = [session for session in sessions(conn, tokens) if session is not None]
    return tuple(sorted(found, key=lambda session: session.created_at, reverse=True))


def end(conn: Conn, token: bytes) -> None:
    conn.execute("delete from ckr.session where token_hash = %s", (token,))


def end_all(conn: Conn, staff_id: str) -> None:
    """Everywhere the user is signed in."""
    conn.execute("delete from ckr.session where staff_id = %s", (staff_id,))


def token_hash(token: str) -> bytes:
    return sha256(token.encode()).digest()


def _password() -> str:
    """Twenty letters and digits, a hundred bits, in groups that can be read aloud."""
    return "-".join("".join(secrets.choice(_ALPHABET) for _ in range(5)) for _ in range(4))


def _subject(kind: str, text: str) -> bytes:
    return sha256(f"{kind}:{text}".encode()).digest()


def _counted(conn: Conn, subject: bytes) -> int:
    row = conn.execute(_TRY, {"subject": subject, "window": WINDOW}).fetchone()
    assert row is not None
    return int(row[0])
