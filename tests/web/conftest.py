"""A real server over the demonstration year, and a real browser that looks at it, as each role."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from api.conftest import serving, settings_for
from conftest import execute
from msgspec import Struct
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from ckr_es import demo
from ckr_es.application import ServiceTracking
from ckr_es.projections.follower import await_position
from ckr_es.store import staff
from ckr_es.store.database import Database
from ckr_es.store.embedded import EmbeddedServer
from ckr_es.store.keys import ROLES
from ckr_es.web.app import create_app

CHROMIUM = shutil.which("chromium")
REQUIRED = os.environ.get("CKR_BROWSER") == "required"
ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
AXE = (Path(__file__).parent / "vendor" / "axe.min.js").read_text("utf-8")
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
YEAR_END = demo.LAST_DAY.isoformat()
Cookies = Callable[[str], dict[str, str]]


class Site(Struct, frozen=True):
    """A server over the year, the passwords of its staff and a session of each, and ids of things that are in it."""

    base: str
    database: Database
    passwords: dict[str, str]
    subjects: dict[str, str]
    sessions: dict[str, list[Any]]  # the cookies of who has signed in

    def rows(self, query: str, *params: object) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.database.admin_conninfo(), autocommit=True) as conn:
            return conn.execute(query.encode(), params).fetchall()

    def as_migrator(self) -> psycopg.Connection[Any]:
        conn = psycopg.connect(self.database.admin_conninfo(), autocommit=True)
        conn.execute("set role ckr_migrator")
        return conn


@pytest.fixture(scope="session")
def site(server: EmbeddedServer, template: str) -> Iterator[Site]:
    """The year is played once for all that look at it."""
    from ckr_es.store.schema import migrate

    execute(server, "create database {} template {} strategy file_copy", "web_year", template)
    with ExitStack() as stack:
        database = stack.enter_context(Database.on(server, "web_year"))
        migrate(database.admin_conninfo())
        base = stack.enter_context(serving(create_app(settings_for(database))))
        tracking = ServiceTracking(database)
        try:
            demo.run(tracking, demo.year())
            head = tracking.recorder.head()
        finally:
            tracking.close()
        with psycopg.connect(database.conninfo("ckr_reader"), autocommit=True) as conn:
            await_position(conn, ["kpi", "directory", "ledger"], head, 60)
        found = Site(base, database, {}, {}, {})
        with found.as_migrator() as conn:
            for role in ROLES:
                found.passwords[role] = staff.create(conn, login=role, name=f"Проверка {role}", role=role)[1]
        found.subjects.update(_subjects(found))
        yield found
    execute(server, "drop database {} with (force)", "web_year")


@pytest.fixture(scope="module")  # while one runs, no other test of the process may run an event loop
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        why = "no chromium on this machine: apt-get install chromium"
        if REQUIRED:
            pytest.fail(why)
        pytest.skip(why)
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        try:
            yield running
        finally:
            running.close()


class Visits:
    """Pages of browsers that are watched: no error in the console, no request to anywhere else, unless foretold."""

    def __init__(self, browser: Browser, site: Site) -> None:
        self._browser = browser
        self._site = site
        self._contexts: list[BrowserContext] = []
        self.wrong: list[str] = []
        self.foretold: set[str] = set()  # parts of messages

    def open(self, path: str | None = None, width: int = 1280, height: int = 900, **options: Any) -> Page:
        """A browser of its own, signed in nowhere."""
        options = {"locale": "ru-RU", "timezone_id": "Asia/Krasnoyarsk", **options}
        context = self._browser.new_context(
            base_url=self._site.base, viewport={"width": width, "height": height}, **options
        )
        self._contexts.append(context)
        context.set_default_timeout(10_000)
        page = context.new_page()
        page.on("console", lambda said: self._hear(said.type, said.text))
        page.on("pageerror", lambda error: self._hear("error", str(error)))
        page.on("request", lambda asked: self._asked(asked.url))
        if path is not None:
            page.goto(path)
        return page

    def signed_in(self, role: str, path: str = "/", anew: bool = False, **options: Any) -> Page:
        """The first of a role signs in by hand, the next ones go on with that session; `anew` for who will sign out."""
        page = self.open(**options)
        if anew or (cookies := self._site.sessions.get(role)) is None:
            page.goto("/login")
            page.get_by_label("Логин").fill(role)
            page.get_by_label("Пароль").fill(self._site.passwords[role])
            page.get_by_role("button", name="Войти").click()
            page.wait_for_url(lambda url: "/login" not in url)
            if not anew:
                self._site.sessions[role] = page.context.cookies()
        else:
            page.context.add_cookies(cookies)
        page.goto(path)
        return page

    def close(self) -> None:
        for context in self._contexts:
            context.close()

    def _hear(self, kind: str, text: str) -> None:
        if kind in ("error", "warning") and not any(part in text for part in self.foretold):
            self.wrong.append(text)

    def _asked(self, url: str) -> None:
        if not url.startswith((f"{self._site.base}/", "data:", "blob:", "about:")):
            self.wrong.append(f"a request to {url}")


@pytest.fixture
def visits(browser: Browser, site: Site) -> Iterator[Visits]:
    watched = Visits(browser, site)
    try:
        yield watched
    finally:
        watched.close()
    assert watched.wrong == []


@pytest.fixture(scope="session")
def cookies(site: Site) -> Cookies:
    """As the browser of somebody with this role sends them."""

    @cache
    def of(role: str) -> dict[str, str]:
        sent = {"login": role, "password": site.passwords[role]}
        answer = httpx.post(f"{site.base}/login", data=sent, trust_env=False)
        assert answer.status_code == 303, answer.text
        return {"Cookie": answer.headers["set-cookie"].partition(";")[0], "Accept": "text/html"}

    return of


@pytest.fixture
def signed_in(visits: Visits) -> Callable[..., Page]:
    return visits.signed_in


def axe(page: Page) -> list[str]:
    """What WCAG 2.2 AA has against the page as it is now, a line for each element."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE)
    found = page.evaluate(
        "tags => axe.run(document, {runOnly: {type: 'tag', values: tags}}).then(said => said.violations"
        ".flatMap(v => v.nodes.map(n => `${v.id}: ${n.html.slice(0, 160)} ${n.failureSummary}`)))",
        WCAG,
    )
    lines: list[str] = found
    return lines


def _subjects(site: Site) -> dict[str, str]:
    def one(query: str) -> str:
        return str(site.rows(query)[0][0])

    def first(type: str, what: str = "event_id") -> str:
        return one(f"select {what} from ckr.event where type = '{type}' order by position limit 1")

    corrected = "body ->> 'corrects'"
    return {
        "accepted": first("service-case.service-accepted", "stream_id"),
        "group": first("group-service.held", "stream_id"),
        "held": first("group-service.held"),
        "code": first("cluster.proposed", "body ->> 'code'"),
        "proposed": first("cluster.proposed"),
        "planned": first("plan.set"),
        "measure": first("roadmap.measure-reported", "body ->> 'item'"),
        "reported": first("roadmap.measure-reported"),
        "event": one(
            "select event_id from ckr.event where type = 'service-case.service-accepted' order by position limit 1"
        ),
        "correction": one(f"select event_id from ckr.event where {corrected} is not null limit 1"),
        "corrected": one(f"select {corrected} from ckr.event where {corrected} is not null limit 1"),
        "participant": one(
            "select stream_id from ckr.event where type = 'participant.registered' "
            "and body ->> 'kind' = 'legal_entity' order by position limit 1"
        ),
        "registered": one(
            "select event_id from ckr.event where type = 'participant.registered' "
            "and body ->> 'kind' = 'legal_entity' order by position limit 1"
        ),
        "person": one("select participant_id from ckr.identity where inn is not null limit 1"),
        "case": one(
            "select stream_id from ckr.event where type = 'service-case.eligibility-decided' order by position limit 1"
        ),
        "provider": one(
            "select stream_id from ckr.event where type = 'provider.registered' order by position limit 1"
        ),
        "entered": one(
            "select event_id from ckr.event where type = 'provider.registered' order by position limit 1"
        ),
        "cluster": one("select code from directory.cluster order by formed_on limit 1"),
        "undecided": one(
            "select id || '?as_of=' || applied_on from directory.service_case "
            "where known_to is null and decided_on > applied_on order by applied_on, id limit 1"
        ),
        "corrected_firm": one(
            f"select participant_id from ckr.event where {corrected} is not null and participant_id is not null limit 1"
        ),
    }
