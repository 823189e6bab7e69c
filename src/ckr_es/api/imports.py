"""Imports: a file of commands is previewed, recorded on a word, and can be taken back."""

import asyncio
import hashlib
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final, Literal
from uuid import UUID

import msgspec
from litestar import Controller, Request, Response, get, post
from litestar.params import FromPath, HeaderParameter, JSONBody, QueryParameter
from litestar.response import Stream
from msgspec import Struct

from ckr_es.api import spool
from ckr_es.api.asked import command_key
from ckr_es.api.auth import READ, RECORD, roles
from ckr_es.api.calls import contract
from ckr_es.api.loads import Loads, interrupted, seconds
from ckr_es.api.moments import Cursor, Limit, decoded, paged
from ckr_es.api.problems import BadRequest, problem
from ckr_es.application import KeyReused
from ckr_es.imports import course, errors, rows
from ckr_es.imports.course import Import
from ckr_es.imports.importing import Caller, Order, commit, preview
from ckr_es.imports.reverting import revert
from ckr_es.registry.loading import Stopped, Watch
from ckr_es.rules import Problem
from ckr_es.rules.calendar import today
from ckr_es.rules.values import Text
from ckr_es.store.database import Pool

AnyRequest = Request[Any, Any, Any]
Id = FromPath[UUID]

PATH: Final = "/api/v1/imports"
XLSX: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
MEDIA: Final = ("application/x-ndjson", "text/csv", XLSX, "application/octet-stream")
CONTRACT: Final = contract()

Key = Annotated[str | None, HeaderParameter(name="Idempotency-Key", required=False)]
Prefer = Annotated[str | None, HeaderParameter(name="Prefer", required=False)]
Outcome = Annotated[
    Literal["recorded", "unchanged", "replayed", "refused"] | None, QueryParameter(required=False)
]
Form = Annotated[Literal["ndjson", "xlsx"], QueryParameter(required=False)]


class Reverting(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    reason: Text
    late_reason: Text | None = None


class CommandFile(spool.FileOperation):
    media = MEDIA


_read: Final[dict[str, Any]] = {"sync_to_thread": True, **roles(READ, whole_centre=True)}


class ImportController(Controller):
    path = "/imports"
    tags = ["imports"]

    @post(
        "/",
        request_max_body_size=spool.LARGEST,
        operation_class=CommandFile,
        **roles(RECORD, whole_centre=True),
    )
    async def preview(
        self, request: AnyRequest, idempotency_key: Key = None, prefer: Prefer = None
    ) -> Response[Any]:
        """NDJSON of commands, or a list of staff as XLSX or CSV: every row judged, nothing recorded."""
        if request.headers.get("content-type", "").lower().startswith("multipart/"):
            raise BadRequest("import-file-required", "Тело запроса — сам файл, а не форма с ним", 415)
        key = command_key(request, idempotency_key)
        state = request.app.state
        spooled = await state.spool.take(request)
        try:
            digest = hashlib.sha256(f"{PATH}\n{spooled.sha256}".encode()).digest()
            used = await asyncio.to_thread(_used, state.pool, key, digest)
            if used is not None and used.state != "interrupted":
                spooled.path.unlink()
                return _told(used, replayed=True)
            caller = _caller(request)
            is_new = await asyncio.to_thread(_is_new, state.pool, caller.actor, spooled.sha256)
            order = Order(path=spooled.path, caller=caller)
        except BaseException:
            spooled.path.unlink(missing_ok=True)
            raise
        return await _worked(
            request,
            key,
            digest,
            prefer,
            lambda watch: preview(state.tracking, CONTRACT, order, watch),
            spooled.path,
            201 if is_new else 200,
        )

    @post("/{id:uuid}/commit", status_code=200, **roles(RECORD, whole_centre=True))
    async def commit(
        self, request: AnyRequest, id: Id, idempotency_key: Key = None, prefer: Prefer = None
    ) -> Response[Any]:
        """All rows that the rules allow now are recorded; the others are told of in the errors."""
        state, caller = request.app.state, _caller(request)
        said = f"{PATH}/{id}/commit"
        return await _asked(
            request,
            id,
            said,
            idempotency_key,
            prefer,
            lambda watch: commit(state.tracking, CONTRACT, id, caller, watch),
        )

    @post("/{id:uuid}/revert", status_code=200, **roles(RECORD, whole_centre=True))
    async def revert(
        self,
        request: AnyRequest,
        id: Id,
        data: JSONBody[Reverting],
        idempotency_key: Key = None,
        prefer: Prefer = None,
    ) -> Response[Any]:
        """Every event of the import is voided, or none: what others recorded on top of it is listed."""
        state, caller = request.app.state, _caller(request)
        said = f"{PATH}/{id}/revert\n{data.reason}\n{data.late_reason or ''}"
        return await _asked(
            request,
            id,
            said,
            idempotency_key,
            prefer,
            lambda watch: revert(state.tracking, id, caller, data.reason, data.late_reason, watch),
        )

    @get("/", **_read)
    def list_imports(self, request: AnyRequest, limit: Limit = 100, cursor: Cursor = None) -> dict[str, Any]:
        """Imports, the latest first: how far each is and what it came to."""
        after = decoded(cursor, tuple[datetime, UUID]) if cursor else None
        with request.app.state.pool.connection() as conn:
            found = course.page(conn, limit + 1, after)
        page = paged(found, limit, lambda last: (last.started_at, last.id))
        return {**page, "items": [course.told(one) for one in page["items"]]}

    @get("/{id:uuid}", **_read)
    def show(self, request: AnyRequest, id: Id) -> dict[str, Any]:
        """One import: what it would record, or did, counted by outcome and by event."""
        return course.told(_found(request, id))

    @get("/{id:uuid}/rows", **_read)
    def list_rows(
        self,
        request: AnyRequest,
        id: Id,
        limit: Limit = 100,
        cursor: Cursor = None,
        outcome: Outcome = None,
    ) -> dict[str, Any]:
        """What each row would record, or did: outcome, events, and why it is refused."""
        one = _found(request, id)
        after = decoded(cursor, int) if cursor else 0
        with request.app.state.pool.connection() as conn:
            found = rows.told(conn, id, errors.phase_of(one), after, limit + 1, outcome)
        return paged(found, limit, lambda last: last["no"])

    @get("/{id:uuid}/errors", **_read)
    def show_errors(self, request: AnyRequest, id: Id, format: Form = "ndjson") -> Response[Any] | Stream:
        """What is refused, a line or a row each: row, column, value, message."""
        one, tracking = _found(request, id), request.app.state.tracking
        if format == "ndjson":

            def lines() -> Iterator[bytes]:
                with closing(tracking.recorder.connect()) as conn:
                    yield from errors.lines(errors.of(conn, one))

            return Stream(lines(), media_type="application/x-ndjson")
        with tempfile.TemporaryDirectory() as folder, closing(tracking.recorder.connect()) as conn:
            path = Path(folder, "errors.xlsx")
            errors.workbook(errors.of(conn, one), path)
            named = {"Content-Disposition": f'attachment; filename="errors-{id}.xlsx"'}
            return Response(path.read_bytes(), media_type=XLSX, headers=named)


async def _asked(
    request: AnyRequest,
    id: UUID,
    said: str,
    idempotency_key: str | None,
    prefer: str | None,
    work: Callable[[Watch], Import],
) -> Response[Any]:
    key, digest = command_key(request, idempotency_key), hashlib.sha256(said.encode()).digest()
    pool = request.app.state.pool
    await asyncio.to_thread(_existing, pool, id)
    used = await asyncio.to_thread(_used, pool, key, digest)
    if used is not None and used.state in ("committed", "reverted", *course.MOVING) and used.error is None:
        return _told(used, replayed=True)
    return await _worked(request, key, digest, prefer, work, None, 200)


async def _worked(
    request: AnyRequest,
    key: str,
    digest: bytes,
    prefer: str | None,
    work: Callable[[Watch], Import],
    path: Path | None,
    status: int,
) -> Response[Any]:
    pool, loads = request.app.state.pool, request.app.state.loads
    assert isinstance(loads, Loads)
    load = loads.start(work, path)
    try:
        ended = await load.ended(seconds(prefer), lambda began: _keep(pool, key, digest, began))
    except Stopped:
        return interrupted()
    if isinstance(ended, UUID):
        return _told(await asyncio.to_thread(_existing, pool, ended), 202)
    return _told(ended, status)


def _told(one: Import, status: int = 200, *, replayed: bool = False) -> Response[Any]:
    headers = {"Location": f"{PATH}/{one.id}"} | ({"Idempotent-Replayed": "true"} if replayed else {})
    if one.reached == "failed" and one.error is not None:
        problems = msgspec.convert(one.error["errors"], list[Problem])
        return problem(422, one.error["code"], one.error["detail"], problems, headers)
    moving = one.state in course.MOVING
    return Response(course.told(one), status_code=202 if moving else status, headers=headers)


def _caller(request: AnyRequest) -> Caller:
    caller = request.state.caller
    return Caller(caller.actor, caller.role, today(datetime.now(UTC)))


def _used(pool: Pool, key: str, digest: bytes) -> Import | None:
    with pool.connection() as conn:
        known = course.uploaded(conn, key)
        if known is None:
            return None
        if known[0] != digest:
            raise KeyReused
        return course.find(conn, known[1])


def _keep(pool: Pool, key: str, digest: bytes, id: UUID) -> None:
    with pool.connection() as conn:
        course.keep_upload(conn, key, digest, id)


def _is_new(pool: Pool, actor: str, sha256: str) -> bool:
    with pool.connection() as conn:
        return course.of_file(conn, actor, sha256) is None


def _existing(pool: Pool, id: UUID) -> Import:
    with pool.connection() as conn:
        return course.find(conn, id)


def _found(request: AnyRequest, id: UUID) -> Import:
    return _existing(request.app.state.pool, id)
