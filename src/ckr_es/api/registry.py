"""Registers: their files, sent whole and loaded in the background, and what each of them brought."""

import asyncio
import hashlib
from datetime import UTC, datetime
from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from litestar import Controller, Request, Response, get, post
from litestar.params import FromPath, HeaderParameter, QueryParameter

from ckr_es.api import spool
from ckr_es.api.asked import command_key
from ckr_es.api.auth import READ, RECORD, roles
from ckr_es.api.loads import Loads, interrupted, seconds
from ckr_es.api.moments import Cursor, Limit, decoded, paged
from ckr_es.api.problems import BadRequest, problem
from ckr_es.application import KeyReused
from ckr_es.registry import snapshots
from ckr_es.registry.loading import REGION, Order, Stopped
from ckr_es.registry.loading import load as load_file
from ckr_es.registry.reading import Register
from ckr_es.registry.recording import Clerk
from ckr_es.registry.snapshots import Snapshot
from ckr_es.rules import Problem, Unknown
from ckr_es.rules.calendar import today
from ckr_es.store.database import Pool

AnyRequest = Request[Any, Any, Any]
Id = FromPath[UUID]

MEDIA: Final = ("application/zip", "application/xml", "text/xml", "application/octet-stream")
PATHS: Final[dict[Register, str]] = {
    "sme": "/api/v1/registry/sme-snapshots",
    "support": "/api/v1/registry/support-snapshots",
}

Key = Annotated[str | None, HeaderParameter(name="Idempotency-Key", required=False)]
Prefer = Annotated[str | None, HeaderParameter(name="Prefer", required=False)]
Complete = Annotated[bool | None, QueryParameter(required=False)]
Region = Annotated[str, QueryParameter(required=False, pattern="^([0-9]{2}|none)$")]
LateReason = Annotated[str | None, QueryParameter(required=False, min_length=1, max_length=2000)]


class RegisterFile(spool.FileOperation):
    media = MEDIA


_upload: Final[dict[str, Any]] = {
    **roles(RECORD, whole_centre=True),
    "request_max_body_size": spool.LARGEST,
    "operation_class": RegisterFile,
}
_read: Final[dict[str, Any]] = {"sync_to_thread": True, **roles(READ, whole_centre=True)}


class RegistryController(Controller):
    path = "/registry"
    tags = ["registry"]

    @post("/sme-snapshots", **_upload)
    async def load_sme(
        self,
        request: AnyRequest,
        idempotency_key: Key = None,
        prefer: Prefer = None,
        complete: Complete = None,
        region: Region = REGION,
        late_reason: LateReason = None,
    ) -> Response[Any]:
        """A file of the register of SMEs (ЕРСМСП); `region` firms are kept beside the participants."""
        kept = None if region == "none" else region
        return await _loaded(request, "sme", idempotency_key, prefer, complete, kept, late_reason)

    @post("/support-snapshots", **_upload)
    async def load_support(
        self,
        request: AnyRequest,
        idempotency_key: Key = None,
        prefer: Prefer = None,
        complete: Complete = None,
        late_reason: LateReason = None,
    ) -> Response[Any]:
        """A file of the register of support recipients (ЕРСМСП-ПП)."""
        return await _loaded(request, "support", idempotency_key, prefer, complete, None, late_reason)

    @get("/sme-snapshots", **_read)
    def list_sme(self, request: AnyRequest, limit: Limit = 100, cursor: Cursor = None) -> dict[str, Any]:
        """Files of the register of SMEs, the latest first: how far each is and what it brought."""
        return _listed(request, "sme", limit, cursor)

    @get("/support-snapshots", **_read)
    def list_support(self, request: AnyRequest, limit: Limit = 100, cursor: Cursor = None) -> dict[str, Any]:
        """Files of the register of support recipients, the latest first."""
        return _listed(request, "support", limit, cursor)

    @get("/sme-snapshots/{id:uuid}", **_read)
    def show_sme(self, request: AnyRequest, id: Id) -> dict[str, Any]:
        """One file of the register of SMEs."""
        return snapshots.told(_found(request, "sme", id))

    @get("/support-snapshots/{id:uuid}", **_read)
    def show_support(self, request: AnyRequest, id: Id) -> dict[str, Any]:
        """One file of the register of support recipients."""
        return snapshots.told(_found(request, "support", id))


async def _loaded(
    request: AnyRequest,
    register: Register,
    idempotency_key: str | None,
    prefer: str | None,
    complete: bool | None,
    region: str | None,
    late_reason: str | None,
) -> Response[Any]:
    # The file says itself what it is; clients label it as they label everything. A form is not the file.
    if request.headers.get("content-type", "").lower().startswith("multipart/"):
        raise BadRequest("register-file-required", "Тело запроса — сам файл, а не форма с ним", 415)
    key = command_key(request, idempotency_key)
    state, caller = request.app.state, request.state.caller
    spooled = await state.spool.take(request)
    try:
        said = (PATHS[register], str(complete), region or "none", late_reason or "", spooled.sha256)
        digest = hashlib.sha256("\n".join(said).encode()).digest()
        uploaded = await asyncio.to_thread(_uploaded, state.pool, key, digest)
        if uploaded is not None and uploaded.state != "interrupted":
            spooled.path.unlink()
            return _again(uploaded)
        is_new = await asyncio.to_thread(_is_new, state.pool, register, spooled.sha256)
        clerk = Clerk(
            actor=caller.actor,
            role=caller.role,
            today=today(datetime.now(UTC)),
            late_reason=late_reason,
        )
        order = Order(
            path=spooled.path,
            clerk=clerk,
            register=register,
            region=region,
            complete=complete,
            file_name=None,
        )
        loads: Loads = state.loads
        load = loads.start(lambda watch: load_file(state.tracking, order, watch), spooled.path)
    except BaseException:
        spooled.path.unlink(missing_ok=True)
        raise
    try:
        ended = await load.ended(seconds(prefer), lambda began: _keep(state.pool, key, digest, began))
    except Stopped:
        return interrupted()
    if isinstance(ended, UUID):
        return _response(await asyncio.to_thread(_existing, state.pool, ended), 202)
    return _response(ended, 201 if is_new else 200)


def _again(snapshot: Snapshot) -> Response[Any]:
    """What this key was answered, as it stands now."""
    replayed = {"Idempotent-Replayed": "true"}
    if snapshot.error is not None and snapshot.state in ("failed", "read"):
        error = snapshot.error
        problems = msgspec.convert(error["errors"], list[Problem])
        status = 422 if snapshot.state == "failed" else 409
        return problem(status, error["code"], error["detail"], problems, replayed)
    return _response(snapshot, 202 if snapshot.state in ("reading", "recording") else 200, replayed)


def _response(snapshot: Snapshot, status: int, more: dict[str, str] | None = None) -> Response[Any]:
    headers = {"Location": f"{PATHS[snapshot.register]}/{snapshot.id}", **(more or {})}
    return Response(snapshots.told(snapshot), status_code=status, headers=headers)


def _uploaded(pool: Pool, key: str, digest: bytes) -> Snapshot | None:
    with pool.connection() as conn:
        known = snapshots.uploaded(conn, key)
        if known is None:
            return None
        if known[0] != digest:
            raise KeyReused
        return snapshots.existing(conn, known[1])


def _keep(pool: Pool, key: str, digest: bytes, id: UUID) -> None:
    with pool.connection() as conn:
        snapshots.keep_upload(conn, key, digest, id)


def _is_new(pool: Pool, register: Register, sha256: str) -> bool:
    with pool.connection() as conn:
        known = snapshots.by_digest(conn, register, sha256)
    return known is None or known.reached != "recorded"


def _existing(pool: Pool, id: UUID) -> Snapshot:
    with pool.connection() as conn:
        return snapshots.existing(conn, id)


def _found(request: AnyRequest, register: Register, id: UUID) -> Snapshot:
    with request.app.state.pool.connection() as conn:
        found = snapshots.find(conn, id)
    if found is None or found.register != register:
        raise Unknown("not-found", "Такого снимка нет")
    return found


def _listed(request: AnyRequest, register: Register, limit: int, cursor: str | None) -> dict[str, Any]:
    after = decoded(cursor, tuple[datetime, UUID]) if cursor else None
    with request.app.state.pool.connection() as conn:
        found = snapshots.page(conn, register, limit + 1, after)
    page = paged(found, limit, lambda last: (last.started_at, last.id))
    return {**page, "items": [snapshots.told(one) for one in page["items"]]}
