"""Every page, whoever adds it: it names its roles, it is accessible, silent, quick, and fits a telephone and a desk."""

import re
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from api.conftest import settings_for
from litestar import Litestar
from litestar.routes import HTTPRoute
from playwright.sync_api import Page
from web.conftest import YEAR_END, Cookies, Site, Visits, axe

from ckr_es.api.app import _admit
from ckr_es.api.auth import ANYONE
from ckr_es.demo.firms import CLUSTERS
from ckr_es.reports.words import EVENTS
from ckr_es.rules.catalogue import SERVICES
from ckr_es.store.keys import ROLES
from ckr_es.web import words
from ckr_es.web.app import create_app

# Every page by its route: where to look at it. In braces: `subjects` of tests/web/conftest.py.
VISITED = {
    "/login": "/login",
    "/account": "/account",
    "/kpi": f"/kpi?as_of={YEAR_END}",
    "/kpi/{kpi:str}": f"/kpi/services?as_of={YEAR_END}",
    "/kpi/change": f"/kpi/change?as_of={YEAR_END}&from_as_of=2021-10-05&from_known_position=4600",
    "/periods": f"/periods?as_of={YEAR_END}",
    "/periods/{label:str}": "/periods/2021-Q2",
    "/roadmap": f"/roadmap?as_of={YEAR_END}",
    "/funding": f"/funding?as_of={YEAR_END}",
    "/support-register": f"/support-register?as_of={YEAR_END}",
    "/follow-ups": f"/follow-ups?as_of={YEAR_END}",
    "/log": f"/log?as_of={YEAR_END}",
    "/ledger": "/ledger?position=100&old=50&new=900",
    "/system": "/system",
    "/access-log": "/access-log",
    "/erasures": "/erasures",
    "/events/{event_id:uuid}": f"/events/{{event}}?as_of={YEAR_END}",
    "/participants": f"/participants?as_of={YEAR_END}",
    "/participants/{id:uuid}": f"/participants/{{participant}}?as_of={YEAR_END}",
    "/cases": f"/cases?as_of={YEAR_END}",
    "/cases/{id:uuid}": f"/cases/{{case}}?as_of={YEAR_END}",
    "/clusters": f"/clusters?as_of={YEAR_END}",
    "/clusters/{code:str}": f"/clusters/{{cluster}}?as_of={YEAR_END}",
    "/group-services": f"/group-services?as_of={YEAR_END}",
    "/group-services/{id:uuid}": f"/group-services/{{group}}?as_of={YEAR_END}",
    "/providers": f"/providers?as_of={YEAR_END}",
    "/providers/{id:uuid}": f"/providers/{{provider}}?as_of={YEAR_END}",
    "/search": f"/search?q=2021&as_of={YEAR_END}",
    "/search/persons": "/search/persons",
    "/record": "/record",
    "/record/participants": "/record/participants",
    **{
        f"/record/participants/{{id:uuid}}/{step}": f"/record/participants/{{participant}}/{step}"
        for step in (
            "registry-lookups",
            "registry-checks",
            "evidence",
            "memberships",
            "jobs-reports",
            "sales-reports",
            "products",
            "follow-ups",
            "identity",
        )
    },
    "/record/participants/{id:uuid}/memberships/{code:str}/end": (
        "/record/participants/{participant}/memberships/{code}/end"
    ),
    "/record/participants/{id:uuid}/corrections": "/record/participants/{participant}/corrections?of={registered}",
    "/record/cases": "/record/cases?of={participant}",
    **{
        f"/record/cases/{{id:uuid}}/{step}": f"/record/cases/{{case}}/{step}?as_of={YEAR_END}"
        for step in (
            "scoring",
            "components",
            "eligibility-decision",
            "agreement",
            "acceptances",
            "cancellation",
        )
    },
    "/record/cases/{id:uuid}/corrections": "/record/cases/{accepted}/corrections?of={event}",
    "/record/group-services": "/record/group-services",
    "/record/group-services/{id:uuid}/corrections": "/record/group-services/{group}/corrections?of={held}",
    "/record/clusters": "/record/clusters",
    **{
        f"/record/clusters/{{code:str}}/{step}": f"/record/clusters/{{code}}/{step}"
        for step in (
            "formation",
            "title",
            "programmes",
            "assessments",
            "brands",
            "projects",
            "projects/end",
            "equipment",
            "activities",
            "reorganisation",
            "dissolution",
        )
    },
    "/record/clusters/{code:str}/corrections": "/record/clusters/{code}/corrections?of={proposed}",
    "/record/providers": "/record/providers",
    **{
        f"/record/providers/{{id:uuid}}/{step}": f"/record/providers/{{provider}}/{step}"
        for step in ("services", "blocking", "unblocking")
    },
    "/record/providers/{id:uuid}/corrections": "/record/providers/{provider}/corrections?of={entered}",
    "/record/periods/{label:str}/closing": "/record/periods/2021-Q4/closing",
    "/record/periods/{label:str}/reopening": "/record/periods/2021-Q1/reopening",
    "/record/plans/{year:int}": "/record/plans/2021",
    "/record/plans/{year:int}/funding": "/record/plans/2021/funding",
    "/record/plans/{year:int}/corrections": "/record/plans/2021/corrections?of={planned}",
    "/record/roadmap/{item:str}/reports": "/record/roadmap/11/reports",
    "/record/roadmap/{item:str}/corrections": "/record/roadmap/{measure}/corrections?of={reported}",
}
FILES = {"/static/{bundle:str}/{name:path}", "/favicon.ico"}
NO_PAGES = {
    "/",
    "/moment",
    "/moment/at",
    "/record/corrections/{event_id:uuid}",
    *FILES,
}  # they lead on, or are a part
MORE = (
    f"/kpi/services?as_of={YEAR_END}&counted=false",
    "/kpi/sales?as_of=2021-06-30&known_position=900",
    f"/kpi/change?as_of={YEAR_END}",
    f"/kpi/change?as_of={YEAR_END}&from_as_of=2020-12-31&kpi=sales",
    "/kpi/change?from_as_of=x&from_known_at=2021-01-01T00:00&from_known_position=1",
    f"/kpi/change?as_of={YEAR_END}&from_as_of=2021-06-30&from_known_position=3354&known_position=4000",
    "/periods/2021-Q4",
    f"/roadmap?as_of={YEAR_END}&status=overdue&known_position=3000",
    "/funding?as_of=2021-06-30&source=other&known_position=900",
    "/support-register?as_of=2022-02-10&state=in_file",
    "/support-register?as_of=2020-01-01&overdue=true",
    "/follow-ups?as_of=2022-02-20&status=overdue",
    "/log?participant={participant}&type=participant.registered&known_position=4000",
    "/log?type=service-case.voided",
    "/log?case=x&recorded_from=y",
    "/ledger?position=x&old=900&new=50",
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
WIDTHS = (360, 1600)
QUICK = 0.2  # seconds
VALUES = {value for values in words.VALUES.values() for value in values if "_" in value}
VOCABULARY = (*EVENTS, *SERVICES, *VALUES, *(one.code for one in CLUSTERS))
# An id, whole or its beginning (a person is «ИП 1a2b3c4d» to who may not know the name), or a code of the vocabulary.
# What stands in «…» is quoted from what was recorded.
CODES = re.compile(
    r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f-]{22}"
    r"|(?<!ИП )\b(?=[a-f]*\d)(?=\d*[a-f])[0-9a-f]{8}\b"
    rf"|(?<![\w«-])(?:{'|'.join(map(re.escape, VOCABULARY))})(?![\w-])"
)

app = pytest.fixture(scope="module")(lambda site: create_app(settings_for(site.database)))


def _pages(app: Litestar) -> Iterator[tuple[str, str, Any]]:
    for route in app.routes:
        if isinstance(route, HTTPRoute) and not route.path.startswith(OTHERS):
            for method, (handler, _) in route.route_handler_map.items():
                if method != "OPTIONS":
                    yield method, route.path, handler


def _role(allowed: frozenset[str]) -> str:
    return next((role for role in ("manager", "auditor", "admin") if role in allowed), "manager")


def _reader(app: Litestar, route: str) -> str:
    """Who may look at the page of this route; at one of `MORE` the manager."""
    handlers = {path: handler for method, path, handler in _pages(app) if method == "GET"}
    return _role(handlers[route].opt["roles"]) if route in handlers else "manager"


def _visit(visits: Visits, site: Site, address: str, role: str) -> Page:
    address = address.format_map(site.subjects)
    visits.foretold |= {"status of 404"} if address == "/nowhere" else set()
    visits.foretold |= {"status of 422"} if "=x" in address else set()
    if address == "/login":
        return visits.open(address, width=WIDTHS[0])
    return visits.signed_in(role, address, width=WIDTHS[0])


def test_every_page_stands_in_the_table(app: Litestar) -> None:
    assert {path for method, path, _ in _pages(app) if method == "GET"} == {*VISITED, *NO_PAGES}


def test_every_page_names_its_roles_and_has_no_hook_of_its_own(app: Litestar) -> None:
    for method, path, handler in _pages(app):
        allowed = handler.opt.get("roles")
        assert allowed == ANYONE or (allowed and allowed <= set(ROLES)), (method, path)
        assert allowed != ANYONE or path in {"/login", *FILES}, path
        assert handler.resolve_before_request() is _admit, path


def _unnamed(page: Page) -> list[str]:
    """Ids and codes that the page shows as if they were words; where one is the thing itself, it stands as code."""
    said = page.evaluate(
        """() => {
            const main = document.querySelector("main").cloneNode(true);
            main.querySelectorAll("code, pre, script, input, textarea, select, .wrong").forEach(one => one.remove());
            return main.textContent;
        }"""
    )
    return [found[0] for found in CODES.finditer(said)]


@pytest.mark.parametrize("route", [*VISITED, *MORE])
def test_a_page_is_accessible_and_fits(app: Litestar, visits: Visits, site: Site, route: str) -> None:
    page = _visit(visits, site, VISITED.get(route, route), _reader(app, route))
    assert page.locator("h1").count() == 1
    assert page.locator("main").count() == 1
    assert _unnamed(page) == []
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        assert axe(page) == [], width
        assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("route", VISITED)
def test_a_page_is_answered_in_time(app: Litestar, site: Site, cookies: Cookies, route: str) -> None:
    address, sent = VISITED[route].format_map(site.subjects), cookies(_reader(app, route))
    with httpx.Client(base_url=site.base, headers=sent, trust_env=False) as client:
        took = []
        for _ in range(5):
            began = time.perf_counter()
            answer = client.get(address)
            took.append(time.perf_counter() - began)
            assert answer.status_code == 200, answer.text[:2000]
            assert "cyrillic" not in str(answer.headers)
    assert min(took) < QUICK, took
