"""Every page, whoever adds it: it names its roles, it is accessible, silent, quick, and fits a telephone and a desk."""

import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from api.conftest import settings_for
from litestar import Litestar
from litestar.routes import HTTPRoute
from playwright.sync_api import Page
from web.conftest import YEAR_END, Site, Visits, axe

from ckr_es.api.app import _admit
from ckr_es.api.auth import ANYONE
from ckr_es.store.keys import ROLES
from ckr_es.web.app import create_app

# Every page by its route: where to look at it. In braces: `subjects` of tests/web/conftest.py.
VISITED = {
    "/login": "/login",
    "/account": "/account",
    "/kpi": f"/kpi?as_of={YEAR_END}",
    "/kpi/{kpi:str}": f"/kpi/services?as_of={YEAR_END}",
    "/events/{event_id:uuid}": f"/events/{{event}}?as_of={YEAR_END}",
    "/participants": f"/participants?as_of={YEAR_END}",
    "/participants/{id:uuid}": f"/participants/{{participant}}?as_of={YEAR_END}",
    "/cases": f"/cases?as_of={YEAR_END}",
    "/cases/{id:uuid}": f"/cases/{{case}}?as_of={YEAR_END}",
    "/clusters": f"/clusters?as_of={YEAR_END}",
    "/clusters/{code:str}": f"/clusters/{{cluster}}?as_of={YEAR_END}",
    "/providers": f"/providers?as_of={YEAR_END}",
    "/providers/{id:uuid}": f"/providers/{{provider}}?as_of={YEAR_END}",
    "/search": f"/search?q=2021&as_of={YEAR_END}",
    "/search/persons": "/search/persons",
    "/record": "/record",
    "/record/participants": "/record/participants",
    "/record/participants/{id:uuid}/evidence": "/record/participants/{participant}/evidence",
}
FILES = {"/static/{bundle:str}/{name:path}", "/favicon.ico"}
NO_PAGES = {"/", "/moment", "/moment/at", *FILES}  # they lead on, or are a part
MORE = (
    f"/kpi/services?as_of={YEAR_END}&counted=false",
    "/kpi/sales?as_of=2021-06-30&known_position=900",
    "/events/{correction}",
    "/events/{corrected}",
    f"/cases?eligibility=stale&as_of={YEAR_END}",
    "/cases/{undecided}",
    f"/participants/{{corrected_firm}}?as_of={YEAR_END}",
    f"/participants/{{person}}?as_of={YEAR_END}",
    f"/participants?q=нет такого&as_of={YEAR_END}",
    f"/search?q=сибри&as_of={YEAR_END}",
    "/nowhere",
)
OTHERS = ("/api", "/health", "/metrics")
QUICK = 0.2  # seconds

app = pytest.fixture(scope="module")(lambda site: create_app(settings_for(site.database)))


def _pages(app: Litestar) -> Iterator[tuple[str, str, Any]]:
    for route in app.routes:
        if isinstance(route, HTTPRoute) and not route.path.startswith(OTHERS):
            for method, (handler, _) in route.route_handler_map.items():
                if method != "OPTIONS":
                    yield method, route.path, handler


def _role(allowed: frozenset[str]) -> str:
    return next(role for role in ("manager", "auditor", "admin") if role in allowed)


def _visit(visits: Visits, site: Site, address: str, width: int) -> Page:
    address = address.format_map(site.subjects)
    visits.foretold.add("status of 404") if address == "/nowhere" else None
    if address == "/login":
        return visits.open(address, width=width)
    return visits.signed_in("manager", address, width=width)


def test_every_page_stands_in_the_table(app: Litestar) -> None:
    assert {path for method, path, _ in _pages(app) if method == "GET"} == {*VISITED, *NO_PAGES}


def test_every_page_names_its_roles_and_has_no_hook_of_its_own(app: Litestar) -> None:
    for method, path, handler in _pages(app):
        allowed = handler.opt.get("roles")
        assert allowed == ANYONE or (allowed and allowed <= set(ROLES)), (method, path)
        assert allowed != ANYONE or path in {"/login", *FILES}, path
        assert handler.resolve_before_request() is _admit, path


@pytest.mark.parametrize("width", [360, 1600])
@pytest.mark.parametrize("address", [*VISITED.values(), *MORE])
def test_a_page_is_accessible_and_fits(visits: Visits, site: Site, address: str, width: int) -> None:
    page = _visit(visits, site, address, width)
    assert axe(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.locator("h1").count() == 1
    assert page.locator("main").count() == 1


@pytest.mark.parametrize("address", list(VISITED.values()))
def test_a_page_is_answered_in_time(site: Site, cookies: dict[str, str], address: str) -> None:
    address = address.format_map(site.subjects)
    with httpx.Client(base_url=site.base, headers=cookies, trust_env=False) as client:
        took = []
        for _ in range(5):
            began = time.perf_counter()
            answer = client.get(address)
            took.append(time.perf_counter() - began)
            assert answer.status_code == 200, answer.text[:2000]
            assert "cyrillic" not in str(answer.headers)
    assert min(took) < QUICK, took


@pytest.fixture(scope="module")
def cookies(site: Site) -> dict[str, str]:
    """As the manager's browser sends them."""
    sent = {"login": "manager", "password": site.passwords["manager"]}
    answer = httpx.post(f"{site.base}/login", data=sent, trust_env=False)
    assert answer.status_code == 303, answer.text
    return {"Cookie": answer.headers["set-cookie"].partition(";")[0], "Accept": "text/html"}
