"""Wiring: routes, what they depend on, and what stands before them."""

import asyncio
import gc
from collections import deque
from collections.abc import AsyncGenerator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, asynccontextmanager
from functools import partial
from typing import Any

import msgspec
from litestar import Litestar, Request, Response, Router
from litestar.di import Provide
from litestar.enums import ScopeType
from litestar.openapi.config import OpenAPIConfig
from litestar.routes import HTTPRoute
from litestar.template import TemplateConfig
from litestar.types import (
    ASGIApp,
    ControllerRouterHandler,
    ExceptionHandlersMap,
    HTTPScope,
    Message,
    Receive,
    ReceiveMessage,
    Scope,
    Send,
)
from msgspec import Struct, field

from ckr_es import logs
from ckr_es.api import problems
from ckr_es.api.accesses import AccessController, watch
from ckr_es.api.asked import Checked, command_request, refuse_other_media, refuse_unknown_query, travel
from ckr_es.api.auth import authorise
from ckr_es.api.cases import CaseController
from ckr_es.api.clusters import ClusterController
from ckr_es.api.erasure import ErasureController
from ckr_es.api.events import EventController
from ckr_es.api.extracts import ExtractController
from ckr_es.api.figures import Figures
from ckr_es.api.follow_ups import FollowUpController
from ckr_es.api.functions import FunctionController
from ckr_es.api.funding import FundingController
from ckr_es.api.group_services import GroupServiceController
from ckr_es.api.health import HealthController, docs, docs_asset, metrics, openapi, root
from ckr_es.api.imports import PATH as IMPORTS
from ckr_es.api.imports import ImportController
from ckr_es.api.kpi import KpiController
from ckr_es.api.ledger import LedgerController
from ckr_es.api.loads import Loads
from ckr_es.api.lookups import LookupController
from ckr_es.api.participants import ParticipantController
from ckr_es.api.periods import PeriodController
from ckr_es.api.plans import PlanController
from ckr_es.api.projections import ProjectionController
from ckr_es.api.providers import ProviderController
from ckr_es.api.reads import Reader
from ckr_es.api.recording import record
from ckr_es.api.registry import PATHS, RegistryController
from ckr_es.api.reports import ReportController
from ckr_es.api.roadmap import RoadmapController
from ckr_es.api.rule_sets import KpiSetController, RuleSetController
from ckr_es.api.schema import SchemaController
from ckr_es.api.scoring import ScoringController
from ckr_es.api.search import SearchController
from ckr_es.api.spool import Spool
from ckr_es.api.support import SupportController
from ckr_es.application import ServiceTracking
from ckr_es.audit.folder import Folder
from ckr_es.projections.follower import Follower
from ckr_es.registry.registries import Registries
from ckr_es.store import keys, staff
from ckr_es.store.database import Database, Pool
from ckr_es.store.keys import Key
from ckr_es.store.settings import Settings
from ckr_es.store.staff import Session
from ckr_es.store.together import Together
from ckr_es.store.writer import Overloaded

MAX_BODY = 1_000_000
UPLOADS = (*PATHS.values(), IMPORTS)
BODY_PATIENCE = 20.0  # seconds a client has to send its body
AT_ONCE = 256  # calls let in
PATIENCE = 0.5  # seconds a call waits for its turn; with the writer's patience within the promised two


class Site(Struct, frozen=True, kw_only=True):
    """What may stand beside the API in one application: routes, how they are written, how refusals look there."""

    routes: Sequence[ControllerRouterHandler] = (root,)
    dependencies: Mapping[str, Provide] = {}
    templates: TemplateConfig[Any] | None = None
    handlers: ExceptionHandlersMap = field(default_factory=lambda: problems.HANDLERS)


def create_app(settings: Settings | None = None, site: Site | None = None) -> Litestar:
    """The API over one database, and what stands beside it; with no settings, those of the environment."""
    site = site or Site()
    logs.configure()  # each worker is a process of its own
    settings = settings or Settings.from_environment()

    @asynccontextmanager
    async def running(app: Litestar) -> AsyncGenerator[None, None]:
        threads = ThreadPoolExecutor(settings.pool_size, thread_name_prefix="call")
        asyncio.get_running_loop().set_default_executor(threads)
        with Database.open(settings) as database:
            app.state.database = database
            tracking = ServiceTracking(database)
            app.state.tracking = tracking
            app.state.pool = pool = tracking.recorder.pool
            app.state.known_keys = Together(partial(_keys, pool), most=AT_ONCE)
            app.state.known_sessions = Together(partial(_sessions, pool), most=AT_ONCE)
            app.state.threads = asyncio.Semaphore(settings.pool_size)
            app.state.spool = Spool(settings.data_dir)
            app.state.notary = Folder(settings.notary_folder)
            app.state.loads = loads = Loads()
            app.state.registries = Registries(tracking, settings)
            app.state.fns_contact = settings.fns_contact
            follower = Follower(database)
            follower.start()
            _spare_the_collector()
            try:
                yield
            finally:
                await asyncio.to_thread(follower.stop)
                await asyncio.to_thread(loads.stop)
                await asyncio.to_thread(tracking.close)
                gc.unfreeze()

    app = Litestar(
        [
            Router(
                "/api/v1",
                route_handlers=[
                    ClusterController,
                    ParticipantController,
                    ExtractController,
                    CaseController,
                    SearchController,
                    GroupServiceController,
                    ScoringController,
                    RuleSetController,
                    KpiSetController,
                    ProviderController,
                    PlanController,
                    FundingController,
                    PeriodController,
                    ReportController,
                    RoadmapController,
                    FunctionController,
                    FollowUpController,
                    SupportController,
                    KpiController,
                    EventController,
                    LedgerController,
                    SchemaController,
                    ErasureController,
                    AccessController,
                    RegistryController,
                    LookupController,
                    ImportController,
                ],
            ),
            HealthController,
            ProjectionController,
            *site.routes,
            metrics,
            openapi,
            docs,
            docs_asset,
        ],
        dependencies={
            "tracking": Provide(_tracking, sync_to_thread=False),
            "reading": Provide(_reading, sync_to_thread=False),
            "figures": Provide(_figures, sync_to_thread=False),
            "registries": Provide(_registries, sync_to_thread=False),
            "notary": Provide(_notary, sync_to_thread=False),
            "pool": Provide(_pool, sync_to_thread=False),
            "asked": Provide(command_request),
            "when": Provide(travel, sync_to_thread=False),
            **site.dependencies,
        },
        before_request=_admit,
        exception_handlers=site.handlers,
        template_config=site.templates,
        dto=Checked,
        return_dto=None,
        lifespan=[running],
        openapi_config=OpenAPIConfig(
            title="ckr_es", version="1", path="/api/openapi", render_plugins=[], use_handler_docstrings=True
        ),
        request_max_body_size=MAX_BODY,
        before_send=[_no_store],
        logging_config=None,
    )
    app.state.query_names = _query_names(app)
    app.asgi_handler = Gate(app.asgi_handler)
    return app


def _spare_the_collector() -> None:
    """Collecting cycles took a third of a busy server: what is loaded by now stays for good, and calls leave few."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000)


async def _admit(request: Request[Any, Any, Any]) -> None:
    """Before a route does anything: may this caller, is the request of its kind, is there a thread for it?"""
    handler = request.route_handler
    await authorise(request, handler)
    refuse_unknown_query(request, handler)
    refuse_other_media(request, handler)
    turn = request.scope.get("turn")
    if isinstance(turn, ExitStack) and not isinstance(handler, record):
        await _take(request.app.state.threads, turn)
    await watch(request)


def _keys(pool: Pool, ids: Sequence[str]) -> Sequence[Key | None]:
    with pool.connection() as conn:
        return keys.find_each(conn, ids)


def _sessions(pool: Pool, tokens: Sequence[bytes]) -> Sequence[Session | None]:
    with pool.connection() as conn:
        return staff.sessions(conn, tokens)


def _tracking(request: Request[Any, Any, Any]) -> ServiceTracking:
    tracking: ServiceTracking = request.app.state.tracking
    return tracking


def _registries(request: Request[Any, Any, Any]) -> Registries:
    registries: Registries = request.app.state.registries
    return registries


def _notary(request: Request[Any, Any, Any]) -> Folder:
    notary: Folder = request.app.state.notary
    return notary


def _pool(request: Request[Any, Any, Any]) -> Pool:
    pool: Pool = request.app.state.pool
    return pool


def _reading(request: Request[Any, Any, Any]) -> Reader:
    state = request.app.state
    caller = getattr(request.state, "caller", None)
    return Reader(state.pool, state.tracking, caller.cluster if caller else None)


def _figures(request: Request[Any, Any, Any]) -> Figures:
    return Figures(request.app.state.pool, request.app.state.tracking)


def _query_names(app: Litestar) -> dict[str, frozenset[str]]:
    """Which query parameters each route knows, its dependencies' included."""
    return {
        handler.handler_id: frozenset(parameter.field_alias for parameter in kwargs.expected_query_params)
        for route in app.routes
        if isinstance(route, HTTPRoute)
        for handler, kwargs in route.route_handler_map.values()
    }


async def _no_store(message: Message, _: Scope) -> None:
    """Unless the answer says itself how long it is good."""
    if message["type"] == "http.response.start":
        given = list(message["headers"])
        if not any(name == b"cache-control" for name, _ in given):
            given.append((b"cache-control", b"no-store"))
        message["headers"] = [*given, (b"x-content-type-options", b"nosniff")]


class Gate:
    """Lets in so many calls; who waits too long gets 503. HEAD is answered as GET, bodiless.

    Only work takes a turn: a body is read before, and a long answer is sent after, however slow the client. A file
    is taken without one: how many come at once and how slowly, the spool sees to.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.room = asyncio.Semaphore(AT_ONCE)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            await self.app(scope, receive, send)
            return
        if scope["method"] == "HEAD":
            # A copy: the server must go on seeing HEAD, or it waits for the body it was promised the length of.
            scope = {**scope, "method": "GET"}
            send = _without_body(send)
        if scope["path"] == "/health/live" or _is_upload(scope):
            await self.app(scope, receive, send)
            return
        try:
            async with asyncio.timeout(BODY_PATIENCE):
                receive = await _read_ahead(receive)
        except TimeoutError:
            await _send(send, problems.problem(408, "body-too-slow", "Тело запроса не пришло вовремя"))
            return
        turn = ExitStack()
        try:
            await _take(self.room, turn)
        except Overloaded:
            await _send(send, problems.overloaded())
            return
        scope["turn"] = turn  # type: ignore[typeddict-unknown-key]

        async def sending(message: Message) -> None:
            if message.get("more_body"):
                turn.close()
            await send(message)

        with turn:
            await self.app(scope, receive, sending)


async def _take(turns: asyncio.Semaphore, turn: ExitStack) -> None:
    """One of these turns, until `turn` is over; Overloaded when there is none in time."""
    if turns.locked():
        try:
            async with asyncio.timeout(PATIENCE):
                await turns.acquire()
        except TimeoutError:
            raise Overloaded("no turn in time") from None
    else:
        await turns.acquire()  # at once
    turn.callback(turns.release)


def _is_upload(scope: HTTPScope) -> bool:
    return scope["method"] == "POST" and scope["path"].rstrip("/") in UPLOADS


async def _read_ahead(receive: Receive) -> Receive:
    """All of the body, or the first part of one that is too large: the application refuses it."""
    read: deque[ReceiveMessage] = deque()
    size, more = 0, True
    while more and size <= MAX_BODY:
        message = await receive()
        read.append(message)
        more = message["type"] == "http.request" and message["more_body"]
        size += len(message["body"]) if message["type"] == "http.request" else 0

    async def again() -> ReceiveMessage:
        return read.popleft() if read else await receive()

    return again


def _without_body(send: Send) -> Send:
    async def headers_only(message: Message) -> None:
        if message["type"] == "http.response.body":
            if message.get("more_body"):
                return
            message["body"] = b""
        await send(message)

    return headers_only


async def _send(send: Send, answer: Response[Any]) -> None:
    headers = {"content-type": problems.MEDIA_TYPE, **answer.headers}
    await send(
        {
            "type": "http.response.start",
            "status": answer.status_code or 500,
            "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
        }
    )
    await send(
        {"type": "http.response.body", "body": msgspec.json.encode(answer.content), "more_body": False}
    )
