"""Signing in and out: a session in the database, its token in a cookie that no script reads."""

from typing import Annotated, Any, Final

import structlog
from litestar import Controller, Request, Response, get, post
from litestar.concurrency import sync_to_thread
from litestar.datastructures import Cookie
from litestar.di import NamedDependency
from litestar.params import QueryParameter
from litestar.response import Redirect

from ckr_es.api.auth import ANYONE, COOKIE, roles
from ckr_es.store import staff
from ckr_es.store.database import Pool
from ckr_es.web.page import SIGNED_IN, Shown, is_local, render

AnyRequest = Request[Any, Any, Any]
Asking = NamedDependency[Pool]
Next = Annotated[str, QueryParameter(required=False)]
HOME: Final = {"admin": "/system"}  # who reads no figures begins elsewhere
LONGEST: Final = 200  # characters of a login or password that are looked at

log = structlog.get_logger()


class Signing(Controller):
    include_in_schema = False

    @get("/", sync_to_thread=False, **roles(SIGNED_IN))
    def home(self, page: Shown) -> Redirect:
        """What the role begins with."""
        return Redirect(page.link(HOME.get(page.caller.role, "/kpi")), status_code=303)

    @get("/login", sync_to_thread=False, **roles(ANYONE))
    def ask(self, next: Next = "/") -> Response[Any]:
        """The form of login and password; `next` is where one was going."""
        return _ask(next)

    @post("/login", status_code=200, **roles(ANYONE))
    async def sign_in(self, request: AnyRequest, pool: Asking) -> Response[Any]:
        """A session of its own for every sign-in: a token from before is of no use after it."""
        return await sync_to_thread(_sign_in, request, pool, await request.form())

    @post("/logout", sync_to_thread=True, status_code=200, **roles(SIGNED_IN))
    def sign_out(self, page: Shown, pool: Asking) -> Redirect:
        """Ends this session."""
        session = page.caller.session
        if session is not None:
            with pool.connection() as conn:
                staff.end(conn, session.token_hash)
        return _to_login()

    @post("/logout/everywhere", sync_to_thread=True, status_code=200, **roles(SIGNED_IN))
    def sign_out_everywhere(self, page: Shown, pool: Asking) -> Redirect:
        """Ends all sessions of this user."""
        with pool.connection() as conn:
            staff.end_all(conn, page.caller.actor)
        return _to_login()

    @get("/account", sync_to_thread=True, **roles(SIGNED_IN))
    def account(self, page: Shown, pool: Asking) -> Response[Any]:
        """Who is signed in, since when, and where else."""
        with pool.connection() as conn:
            sessions = staff.sessions_of(conn, page.caller.actor)
        return page.show("account.html", sessions=sessions)


def _sign_in(request: AnyRequest, pool: Pool, sent: Any) -> Response[Any]:
    login, password, onward = (str(sent.get(name, "")) for name in ("login", "password", "next"))
    login = login.strip().lower()[:LONGEST]
    address = request.client.host if request.client else ""
    with pool.connection() as conn:
        if staff.tried_too_often(conn, login, address):
            log.warning("sign-in throttled")
            wrong = "Слишком много попыток. Подождите 15 минут и попробуйте снова."
            return _ask(onward, login, wrong, status=429)
    id = None
    with pool.connection() as conn:
        if len(password) <= LONGEST:
            id = staff.verified(conn, login, password)
        if id is None:
            return _ask(onward, login, "Логин или пароль не подходит.", status=401)
        if before := request.cookies.get(COOKIE):
            staff.end(conn, staff.token_hash(before))
        staff.succeeded(conn, login, address)
        token = staff.begin(conn, id)
    log.info("signed in", actor=id)
    return Redirect(
        onward if is_local(onward) else "/",
        status_code=303,
        cookies=[_cookie(token, int(staff.LIFE.total_seconds()))],
    )


def _ask(onward: str, login: str = "", wrong: str = "", *, status: int = 200) -> Response[Any]:
    onward = onward if is_local(onward) else "/"
    return render("login.html", {"page": None, "next": onward, "login": login, "wrong": wrong}, status)


def _to_login() -> Redirect:
    return Redirect("/login", status_code=303, cookies=[_cookie("", 0)])


def _cookie(value: str, life: int) -> Cookie:
    """`__Host-`: browsers take it over TLS alone (or on this very machine) and send it to no other host."""
    return Cookie(COOKIE, value=value, max_age=life, path="/", secure=True, httponly=True, samesite="lax")
