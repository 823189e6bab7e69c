"""Who calls, and what each role may do: a route that names no role is refused to everyone."""

import hashlib
import hmac
from typing import Any, Final

from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler
from msgspec import Struct

from ckr_es.api.problems import BadRequest
from ckr_es.rules import Forbidden
from ckr_es.store.keys import Key

Connection = ASGIConnection[Any, Any, Any, Any]

RECORD: Final = frozenset({"operator", "manager"})
MANAGE: Final = frozenset({"manager"})
READ: Final = frozenset({"operator", "manager", "auditor"})
READ_FIGURES: Final = READ | {"analyst"}
ADMINISTER: Final = frozenset({"admin"})
ANYONE: Final = frozenset({"anyone"})


class Caller(Struct, frozen=True):
    """A key by its id (never a name); one bound to a cluster sees that cluster only."""

    actor: str
    role: str
    cluster: str | None


def roles(allowed: frozenset[str], *, whole_centre: bool = False) -> dict[str, Any]:
    """What a route declares; `whole_centre` routes have no part that a key of one cluster may see."""
    return {"opt": {"roles": allowed, "whole_centre": whole_centre}}


async def authorise(connection: Connection, handler: BaseRouteHandler) -> None:
    """Refuses the call unless the key's role is among those the route declares."""
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
    scheme, _, token = connection.headers.get("authorization", "").partition(" ")
    prefix, _, rest = token.strip().partition("_")
    id, _, secret = rest.partition("_")
    if scheme.lower() != "bearer" or prefix != "ckr" or not id or not secret or not token.isascii():
        raise BadRequest("key-required", "Нужен заголовок Authorization: Bearer ckr_…", 401)
    key: Key | None = await connection.app.state.known_keys.on_loop(id)
    digest = hashlib.sha256(secret.encode()).digest()
    if key is None or key.revoked_at is not None or not hmac.compare_digest(digest, key.secret_hash):
        raise BadRequest("key-unknown", "Ключ неизвестен или отозван", 401)
    return Caller(key.id, key.role, key.cluster)
