"""Who calls, and what each role may do: a route that names no role is refused to everyone."""

import hashlib
import hmac
from typing import Any, Final

from litestar import Request
from litestar.connection import ASGIConnection
from litestar.enums import RequestEncodingType
from litestar.handlers import BaseRouteHandler
from msgspec import Struct

from ckr_es.api.problems import BadRequest
from ckr_es.rules import Forbidden
from ckr_es.store import staff
from ckr_es.store.keys import Key
from ckr_es.store.staff import Session

Connection = ASGIConnection[Any, Any, Any, Any]

RECORD: Final = frozenset({"operator", "manager"})
MANAGE: Final = frozenset({"manager"})
READ: Final = frozenset({"operator", "manager", "auditor"})
READ_FIGURES: Final = READ | {"analyst"}
ADMINISTER: Final = frozenset({"admin"})
ANYONE: Final = frozenset({"anyone"})

COOKIE: Final = "__Host-ckr"
SAFE: Final = frozenset({"GET", "HEAD"})


class Caller(Struct, frozen=True):
    """A key or a user by its id (never a name); one bound to a cluster sees that cluster only."""

    actor: str
    role: str
    cluster: str | None
    session: Session | None = None


def roles(allowed: frozenset[str], *, whole_centre: bool = False) -> dict[str, Any]:
    """What a route declares; `whole_centre` routes have no part that a key of one cluster may see."""
    return {"opt": {"roles": allowed, "whole_centre": whole_centre}}


async def authorise(connection: Connection, handler: BaseRouteHandler) -> None:
    """Refuses the call unless the role of the key or user is among those the route declares."""
    allowed: frozenset[str] = handler.opt.get("roles", frozenset())
    if allowed == ANYONE:
        return
    caller = await _caller(connection)
    if caller.role not in allowed:
        raise Forbidden("role-not-allowed", f"Роли «{caller.role}» это не разрешено")
    if caller.cluster is not None and handler.opt.get("whole_centre"):
        raise Forbidden("cluster-key", "Ключ одного кластера не видит данных всего центра")
    connection.state.caller = caller


async def _caller(connection: Connection) -> Caller:
    given = connection.headers.get("authorization")
    if given is None and (token := connection.cookies.get(COOKIE)):
        return await _of_session(connection, token)
    scheme, _, token = (given or "").partition(" ")
    prefix, _, rest = token.strip().partition("_")
    id, _, secret = rest.partition("_")
    if scheme.lower() != "bearer" or prefix != "ckr" or not id or not secret or not token.isascii():
        raise BadRequest("key-required", "Нужен заголовок Authorization: Bearer ckr_…", 401)
    key: Key | None = await connection.app.state.known_keys.on_loop(id)
    digest = hashlib.sha256(secret.encode()).digest()
    if key is None or key.revoked_at is not None or not hmac.compare_digest(digest, key.secret_hash):
        raise BadRequest("key-unknown", "Ключ неизвестен или отозван", 401)
    return Caller(key.id, key.role, key.cluster)


async def _of_session(connection: Connection, token: str) -> Caller:
    """A browser sends its cookie whoever made the page: what changes anything carries the session's own token too."""
    session: Session | None = await connection.app.state.known_sessions.on_loop(staff.token_hash(token))
    if session is None:
        raise BadRequest("session-over", "Вход не выполнен или закончился: войдите снова", 401)
    scope: Any = connection.scope
    if scope["method"] not in SAFE and not hmac.compare_digest(
        (await _csrf(connection)).encode(), session.csrf.encode()
    ):
        raise Forbidden("csrf", "Запрос пришёл не с этой страницы: откройте её заново (X-CSRF-Token)")
    return Caller(session.staff_id, session.role, session.cluster, session)


async def _csrf(connection: Connection) -> str:
    """By header, or as the field `csrf` of a form."""
    if (said := connection.headers.get("x-csrf-token")) is not None:
        return said
    if isinstance(connection, Request) and connection.content_type[0] == RequestEncodingType.URL_ENCODED:
        return str((await connection.form()).get("csrf", ""))
    return ""
