"""Reads by auditors: each is on record before it is answered, and the record can be read."""

from contextlib import suppress
from datetime import date
from typing import Annotated, Any, Final

import msgspec
import psycopg
from litestar import Controller, get
from litestar.concurrency import sync_to_thread
from litestar.connection import ASGIConnection
from litestar.di import NamedDependency
from litestar.params import QueryParameter

from ckr_es.api.asked import instant
from ckr_es.api.auth import Caller, roles
from ckr_es.api.moments import Cursor, Limit, decoded, paged
from ckr_es.api.problems import Unrecorded
from ckr_es.application import ServiceTracking
from ckr_es.rules import Invalid
from ckr_es.store import accesses

Connection = ASGIConnection[Any, Any, Any, Any]
Tracking = NamedDependency[ServiceTracking]
OptionalText = Annotated[str | None, QueryParameter(required=False, max_length=200)]

WATCHED: Final = frozenset({"auditor"})
SEE: Final = frozenset({"auditor", "admin", "manager"})
# Query parameters that say which things were read; what was searched for is no such thing.
OBJECTS: Final = (
    "participant", "participant_id", "case", "stream", "cluster", "kpi", "type", "after", "version", "kind", "status",
    "state", "overdue", "position", "size", "correlation_id",
)  # fmt: skip


async def watch(connection: Connection) -> None:
    """Once it is known who calls: no answer to an auditor without a row. Unrecorded: 503."""
    caller: Caller | None = getattr(connection.state, "caller", None)
    if caller is not None and caller.role in WATCHED:
        await sync_to_thread(_record, connection, caller)


class AccessController(Controller):
    path = "/access-log"
    tags = ["audit"]

    @get("/", sync_to_thread=True, **roles(SEE, whole_centre=True))
    def list_accesses(
        self,
        tracking: Tracking,
        limit: Limit = 100,
        cursor: Cursor = None,
        actor: OptionalText = None,
        object: OptionalText = None,
        since: OptionalText = None,
        until: OptionalText = None,
    ) -> dict[str, Any]:
        """What auditors have read, the latest first; `object` is an id or code that they asked for."""
        return listed(
            tracking,
            limit,
            cursor,
            actor=actor,
            object=object,
            since=instant(since, "since"),
            until=instant(until, "until"),
        )


def listed(tracking: ServiceTracking, limit: int, cursor: str | None, **filters: Any) -> dict[str, Any]:
    before = decoded(cursor, int) if cursor else None
    with tracking.recorder.pool.connection() as conn:
        found = accesses.page(conn, limit + 1, before, **filters)
    return paged(found, limit, lambda last: last.id)


def _record(connection: Connection, caller: Caller) -> None:
    scope: Any = connection.scope
    asked = connection.query_params
    objects = {name: str(value) for name, value in connection.path_params.items()}
    objects |= {name: str(asked[name]) for name in OBJECTS if name in asked}
    known_at = None
    with suppress(Invalid):  # what is not understood is refused by the route
        known_at = instant(asked.get("known_at"), "known_at")
    try:
        with connection.app.state.pool.connection() as conn:
            accesses.record(
                conn,
                actor=caller.actor,
                role=caller.role,
                route=f"{scope['method']} {scope['path_template']}",
                objects=objects,
                as_of=_told(asked.get("as_of"), date),
                known_at=known_at,
                known_position=_told(
                    asked.get("known_position"), Annotated[int, msgspec.Meta(ge=0, le=2**62)]
                ),
            )
    except psycopg.Error as error:
        raise Unrecorded from error


def _told(text: Any, type_: Any) -> Any:
    """As the route will understand it, None for what it will not."""
    with suppress(msgspec.ValidationError):
        return None if text is None else msgspec.convert(text, type_, strict=False)
    return None
