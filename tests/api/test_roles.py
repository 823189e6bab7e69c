"""Who may do what: every route of the application is tried with every role, and with no key at all."""

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import httpx
import pytest
from api.centre import (
    Centre,
    Client,
    accept,
    act,
    application,
    cluster,
    firm,
    migrator,
    plain_case,
    plan_of_2021,
    problem,
    ready_firm,
)
from api.conftest import serving, settings_for
from litestar import Litestar, get
from litestar.routes import HTTPRoute

from ckr_es.api.app import _admit, create_app
from ckr_es.api.auth import ANYONE
from ckr_es.store import keys
from ckr_es.store.database import Database

ROLES = ("operator", "manager", "auditor", "analyst", "admin")
OPEN = {
    "/", "/health/live", "/health/ready", "/metrics", "/api/docs", "/api/v1/openapi.json", "/api/v1/asyncapi.json",
    "/api/v1/schema/events", "/api/v1/schema/events/{tag:str}",
}  # fmt: skip
STEPS = {
    "code": "tourism",
    "label": "2019-Q1",
    "year": "2021",
    "item": "11",
    "kpi": "services",
    "kpi_set": "2023",
    "asset": "start.js",
    "version": "2021.1",
    "path": "x",
    "tag": "plan.set",
    "name": "kpi",
    "function": "FN.б",
}


@pytest.fixture(scope="module")
def world(centre: Centre) -> dict[str, str]:
    """Two clusters; a member of each, a member of both, a firm of none; a case of each."""
    operator = centre.operator
    for code in ("tourism", "organic"):
        cluster(operator, code)
    ids = {
        "tourist": ready_firm(operator, 1, "tourism"),
        "farmer": ready_firm(operator, 2, "organic"),
        "both": ready_firm(operator, 3, "tourism", "organic"),
        "none": firm(operator, 4),
    }
    ids["their_case"] = plain_case(operator, ids["farmer"], "organic")
    ids["own_case"] = plain_case(operator, ids["tourist"], "tourism")
    ids["shared_case"] = plain_case(operator, ids["both"], "organic")
    return ids


def _routes(app: Litestar) -> Iterator[tuple[str, str, Any]]:
    for route in app.routes:
        if isinstance(route, HTTPRoute):
            for method, handler in route.route_handler_map.items():
                if method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
                    yield method, route.path, handler[0] if isinstance(handler, tuple) else handler


def _address(path: str) -> str:
    filled = []
    for part in path.split("/"):
        name, _, kind = part.strip("{}").partition(":")
        filled.append(part if not kind else str(uuid4()) if kind == "uuid" else STEPS[name])
    return "/".join(filled)


def _ask(client: Client, method: str, path: str) -> httpx.Response:
    body = None if method == "GET" else {}
    headers = {"Idempotency-Key": uuid4().hex} if body is not None else {}
    return client.http.request(method, _address(path), json=body, headers=headers)


def test_every_route_names_its_roles(app: Litestar) -> None:
    assert len(list(_routes(app))) > 45
    for method, path, handler in _routes(app):
        allowed = handler.opt.get("roles")
        if path.startswith("/api/openapi"):
            assert allowed is None  # the library's own pages are nobody's
            continue
        assert allowed, (method, path)
        assert allowed == ANYONE or allowed <= set(ROLES), (method, path)
        if allowed == ANYONE:
            assert method == "GET"
            assert path in OPEN or path.startswith("/api/docs/"), path


def test_no_route_answers_without_a_key(centre: Centre, app: Litestar) -> None:
    before = centre.kept()
    for method, path, handler in _routes(app):
        answer = _ask(centre.nobody, method, path)
        if handler.opt.get("roles", set()) == ANYONE:
            assert answer.status_code in (200, 302), path
        else:
            problem(answer, 401, "key-required")
    assert centre.kept() == before


@pytest.mark.parametrize("role", ROLES)
def test_a_role_is_refused_exactly_what_is_not_its_own(centre: Centre, app: Litestar, role: str) -> None:
    before = centre.kept()
    client: Client = getattr(centre, role)
    for method, path, handler in _routes(app):
        allowed = handler.opt.get("roles", set())
        answer = _ask(client, method, path)
        if allowed == ANYONE or role in allowed:
            assert answer.status_code not in (401, 403, 405, 500), (method, path, answer.text)
        else:
            problem(answer, 403, "role-not-allowed")
    assert centre.kept() == before


def test_what_roles_may_is_as_the_contract_says(app: Litestar) -> None:
    may: dict[str, set[tuple[str, str]]] = {
        role: {
            (method, path)
            for method, path, handler in _routes(app)
            if role in handler.opt.get("roles", set())
        }
        for role in ROLES
    }
    places = set().union(*may.values())
    rebuild = {("POST", "/api/v1/projections/{name:str}/rebuild")}
    assert [role for role in ROLES if may[role] & rebuild] == ["admin"]
    asking = {place for place in places if place[1].endswith("/search")}
    commands = {place for place in places if place[0] != "GET"} - asking - rebuild
    reads = {place for place in places if place[0] == "GET"}
    of_managers = {place for place in commands if place[1].startswith(("/api/v1/periods", "/api/v1/plans"))}
    erasure = {("POST", "/api/v1/participants/{id:uuid}/erasure")}
    of_managers |= erasure | {("PUT", "/api/v1/support-register/codes")}
    assert may["manager"] >= commands
    assert may["operator"] & commands == commands - of_managers
    assert may["auditor"] >= reads
    for role in ("auditor", "analyst", "admin"):
        # An administrator proposes an erasure, and records nothing by it.
        assert may[role] & commands == (erasure if role == "admin" else set())
    assert all(
        path.startswith(("/api/v1/kpi", "/api/v1/periods", "/api/v1/plans", "/api/v1/roadmap"))
        for _, path in may["analyst"]
    )


def test_no_route_has_a_hook_in_place_of_the_admission(app: Litestar) -> None:
    """Of several `before_request` Litestar calls only the nearest: one on a route would let everybody in."""
    hooks = {(method, path): handler.resolve_before_request() for method, path, handler in _routes(app)}
    assert [place for place, hook in hooks.items() if hook is not _admit] == []


def test_a_route_without_roles_is_refused_to_everyone(centre: Centre, database: Database) -> None:
    @get("/api/v1/forgotten", sync_to_thread=False)
    def forgotten() -> dict[str, str]:
        """Its author forgot to say whose it is."""
        return {"secret": "told"}

    app = create_app(settings_for(database, 2))
    app.register(forgotten)
    with serving(app) as base:
        for role in ROLES:
            client = Client(base, getattr(centre, role).key)
            problem(client.get("/forgotten"), 403, "role-not-allowed")
            client.http.close()
        nobody = Client(base, None)
        problem(nobody.get("/forgotten"), 401, "key-required")
        nobody.http.close()


def test_a_revoked_key_opens_nothing(centre: Centre) -> None:
    client = centre.client("auditor")
    assert client.get("/kpi").status_code == 200
    with migrator(centre.database) as conn:
        keys.revoke(conn, client.actor)
    problem(client.get("/kpi"), 401, "key-unknown")


def test_a_key_with_another_secret_opens_nothing(centre: Centre) -> None:
    key = centre.auditor.key
    assert key is not None
    head, tail = key[:-1], key[-1]
    for wrong in (head + ("a" if tail != "a" else "b"), head, key + "a", key.upper()):
        client = Client(centre.base, wrong)
        assert client.get("/kpi").status_code == 401
        client.http.close()
    client = Client(centre.base, None)
    for scheme in ("bearer", "BEARER"):
        answer = client.http.get("/api/v1/kpi", headers={"Authorization": f"{scheme} {key}"})
        assert answer.status_code == 200
    client.http.close()


# --- keys of one cluster


def test_a_key_of_a_cluster_sees_only_that_cluster(centre: Centre, world: dict[str, str]) -> None:
    one = centre.client("operator", cluster="tourism")
    assert [item["code"] for item in one.read("/clusters")["items"]] == ["tourism"]
    for path in ("/clusters/organic", "/clusters/organic/members", "/clusters/organic/timeline"):
        problem(one.get(path), 404, "not-found")
    for path in ("", "/timeline"):
        assert one.get(f"/clusters/tourism{path}").status_code == 200
        assert one.get(f"/participants/{world['tourist']}{path}").status_code == 200
        assert one.get(f"/participants/{world['both']}{path}").status_code == 200
        problem(one.get(f"/participants/{world['farmer']}{path}"), 404, "not-found")
        problem(one.get(f"/cases/{world['their_case']}{path}"), 404, "not-found")
        problem(one.get(f"/cases/{world['shared_case']}{path}"), 404, "not-found")
        assert one.get(f"/cases/{world['own_case']}{path}").status_code == 200
    problem(one.get(f"/cases/{world['their_case']}/eligibility"), 404, "not-found")
    seen = {item["id"] for page in one.walk("/participants") for item in page}
    assert seen == {world["tourist"], world["both"]}
    found = one.post("/participants/search", key=None, q="Фирма").json()["items"]
    assert {item["id"] for item in found} == seen
    problem(one.get("/participants", cluster="organic"), 404, "not-found")
    assert {item["id"] for item in one.read("/cases")["items"]} == {world["own_case"]}
    assert one.read("/cases", participant_id=world["both"])["items"] == []
    problem(one.get("/cases", cluster="organic"), 404, "not-found")


def test_a_shared_participant_shows_a_cluster_only_its_own_cases(
    centre: Centre, world: dict[str, str]
) -> None:
    one = centre.client("operator", cluster="tourism")
    lines = one.read(f"/participants/{world['both']}/timeline")["items"]
    assert lines
    assert world["shared_case"] not in {line["stream"] for line in lines}


def test_a_key_of_a_cluster_gets_nothing_of_the_whole_centre(
    centre: Centre, app: Litestar, world: dict[str, str]
) -> None:
    whole = [(method, path) for method, path, handler in _routes(app) if handler.opt.get("whole_centre")]
    assert {("GET", "/api/v1/kpi"), ("GET", "/api/v1/events"), ("GET", "/api/v1/events.ndjson")} <= set(whole)
    made = {role: centre.client(role, cluster="tourism") for role in ROLES}
    for method, path, handler in _routes(app):
        if handler.opt.get("whole_centre"):
            for role in set(ROLES) & handler.opt.get("roles", set()):
                problem(_ask(made[role], method, path), 403, "cluster-key")


def test_a_key_of_a_cluster_records_nothing_elsewhere(centre: Centre, world: dict[str, str]) -> None:
    one = centre.client("operator", cluster="tourism")
    event = {"title": "Вебинар", "held_on": "2021-02-01", "function": "FN.л", "document": {"title": "П"}}
    proposal = {"code": "mine", "title": "Мой", "production": False, "proposed_on": "2021-01-10"}
    report = {"quarter": "2021-Q1", "headcount": 1, "jobs_created": 1, "evidence": "x"}
    before = centre.kept()
    for path, body in (
        ("/clusters", proposal),
        ("/clusters/organic/activities", event),
        (f"/participants/{world['farmer']}/jobs-reports", report),
        (f"/participants/{world['farmer']}/identity", {"changed_on": "2021-01-10", "contacts": "x"}),
        (f"/participants/{world['none']}/memberships", {"cluster": "organic", "joined_on": "2021-01-10"}),
        (f"/participants/{world['both']}/memberships/organic/end", {"left_on": "2021-05-01", "reason": "x"}),
        (f"/cases/{world['their_case']}/acceptances", act()),
        (f"/cases/{world['shared_case']}/cancellation", {"cancelled_on": "2021-04-01", "reason": "x"}),
        ("/cases", application(world["tourist"], "organic")),
        ("/cases", application(world["farmer"], "tourism")),
    ):
        answer = one.post(path, **body)
        assert answer.status_code == 404, f"{path} {body}: {answer.status_code} {answer.text}"
    assert centre.kept() == before
    assert one.post("/clusters/tourism/activities", **event).status_code == 200
    assert one.post(f"/participants/{world['tourist']}/jobs-reports", **report).status_code == 200
    accept(one, world["own_case"])


def test_a_key_of_a_cluster_corrects_nothing_elsewhere(centre: Centre, world: dict[str, str]) -> None:
    one = centre.client("operator", cluster="tourism")

    def first(path: str, type: str) -> str:
        items = centre.auditor.read(f"{path}/timeline")["items"]
        return next(str(item["event_id"]) for item in items if item["type"] == type)

    fresh = plain_case(centre.operator, world["tourist"], "tourism")
    opened = first(f"/cases/{fresh}", "service-case.opened")
    joined = first(f"/participants/{world['tourist']}", "participant.joined-cluster")
    items = centre.auditor.read(f"/participants/{world['both']}/timeline")["items"]
    elsewhere = next(item["event_id"] for item in items if item["body"].get("cluster") == "organic")
    theirs = first(f"/cases/{world['their_case']}", "service-case.opened")
    before = centre.head()
    for path, body in (
        (f"/cases/{world['their_case']}", {"event_id": theirs, "void": True}),
        (f"/cases/{fresh}", {"event_id": opened, "replacement": {"cluster": "organic"}}),
        (f"/participants/{world['tourist']}", {"event_id": joined, "replacement": {"cluster": "organic"}}),
        (
            f"/participants/{world['both']}",
            {"event_id": elsewhere, "replacement": {"joined_on": "2020-03-02"}},
        ),
        (f"/participants/{world['both']}", {"event_id": elsewhere, "void": True}),
    ):
        answer = one.post(f"{path}/corrections", reason="ошибка", **body)
        assert answer.status_code == 404, f"{path} {body}: {answer.status_code} {answer.text}"
    assert centre.head() == before


def test_the_natural_key_of_anothers_case_tells_a_cluster_nothing(
    centre: Centre, world: dict[str, str]
) -> None:
    body = {"source": "crm", "external_id": "secret"}
    centre.operator.done("/cases", **application(world["farmer"], "organic", **body))
    one = centre.client("operator", cluster="tourism")
    problem(one.post("/cases", **application(world["tourist"], "tourism", **body)), 404, "not-found")


# --- operators and managers


def test_only_managers_set_plans_and_close_periods(centre: Centre, world: dict[str, str]) -> None:
    for role in ("operator", "auditor", "analyst", "admin"):
        client: Client = getattr(centre, role)
        problem(client.put("/plans/2021", **plan_of_2021()), 403, "role-not-allowed")
        problem(client.post("/periods/2020-Q1/closing", approved_by="x"), 403, "role-not-allowed")
        problem(client.post("/periods/2020-Q1/reopening", reason="x"), 403, "role-not-allowed")


def test_another_manager_opens_a_period_and_its_next_closing_is_the_second(centre: Centre) -> None:
    manager, deputy = centre.manager, centre.deputy
    problem(manager.post("/periods/2020-Q3/reopening", reason="x"), 409, "not-closed")
    closed = manager.post("/periods/2020-Q3/closing", approved_by="директор", note="в срок")
    assert closed.status_code == 201
    problem(manager.post("/periods/2020-Q3/closing", approved_by="директор"), 409, "already-closed")
    problem(manager.post("/periods/2020-Q3/reopening", reason="ошибка"), 403, "same-person")
    shown = centre.analyst.read("/periods/2020-Q3")
    assert (shown["status"], shown["version"]) == ("closed", 1)
    deputy.done("/periods/2020-Q3/reopening", reason="ошибка")
    assert centre.analyst.read("/periods/2020-Q3")["status"] == "open"
    problem(deputy.post("/periods/2020-Q3/reopening", reason="ещё"), 409, "not-closed")
    again = deputy.done("/periods/2020-Q3/closing", approved_by="директор")
    shown = centre.analyst.read("/periods/2020-Q3")
    assert (shown["status"], shown["version"], again["version"]) == ("closed", 2, 3)
    assert [closing["version"] for closing in shown["closings"]] == [1, 2]
    assert shown["closings"][0]["closed_by"] == manager.actor
    listed = {item["label"]: item for item in centre.analyst.read("/periods")["items"]}
    assert listed["2020-Q3"]["version"] == 2


def test_actors_are_keys_and_never_names(centre: Centre, world: dict[str, str]) -> None:
    events = centre.auditor.read("/events", limit=500)["items"]
    assert {event["actor"] for event in events} <= {client.actor for client in centre.made if client.key}
    assert "проверка" not in centre.auditor.get("/events.ndjson").text
