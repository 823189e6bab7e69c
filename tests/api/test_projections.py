"""Rebuilding through the API: who may, what is told meanwhile and in the end, and what the log keeps out of it."""

import time
from typing import Any

import httpx
import psycopg
import pytest
from api.centre import Body, Centre, Client, cluster, problem

from ckr_es.projections.rebuilds import REBUILDING


@pytest.fixture(scope="module")
def organic(operator: Client) -> str:
    return cluster(operator, "organic")


def rebuilt(centre: Centre, name: str) -> Body:
    """The account of the last rebuild, once it is over."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        (one,) = [p for p in centre.auditor.read("/projections")["projections"] if p["name"] == name]
        if one["rebuild"] and one["rebuild"]["state"] != "running":
            account: Body = one["rebuild"]
            return account
        time.sleep(0.05)
    raise AssertionError("it never ended")


def titles(centre: Centre) -> list[str]:
    return [one["title"] for one in centre.operator.read("/clusters")["items"]]


def ask(centre: Centre, name: str, **how: Any) -> httpx.Response:
    return centre.admin.post(f"/projections/{name}/rebuild", **how)


def test_a_projection_is_rebuilt_and_gives_account(centre: Centre, organic: str) -> None:
    centre.operator.read("/clusters", min_position=centre.head())
    answer = ask(centre, "directory")
    assert answer.status_code == 202
    assert answer.headers["location"] == "/api/v1/projections"
    account = rebuilt(centre, "directory")
    assert account["id"] == answer.json()["id"]
    assert account["state"] == "done"
    assert account["switched"] is True
    assert account["differences"] == []
    assert account["position"] == centre.head()
    assert account["actor"] == centre.admin.actor


def test_only_beside_the_live_one_nothing_is_switched(centre: Centre, organic: str) -> None:
    assert ask(centre, "kpi", shadow=True).status_code == 202
    account = rebuilt(centre, "kpi")
    assert (account["shadow_only"], account["switched"], account["state"]) == (True, False, "done")


def test_a_difference_stays_until_it_is_accepted(centre: Centre, organic: str) -> None:
    with psycopg.connect(centre.database.conninfo("ckr_projector"), autocommit=True) as conn:
        conn.execute("update directory.cluster set title = 'подделка' where code = %s", (organic,))
    ask(centre, "directory")
    account = rebuilt(centre, "directory")
    assert account["switched"] is False
    (differs,) = account["differences"]
    assert differs["table"] == "cluster"
    assert differs["only_live"] == differs["only_rebuilt"] > 0
    assert titles(centre) == ["подделка"]
    ask(centre, "directory", accept_differences=True)
    assert rebuilt(centre, "directory")["switched"] is True
    assert titles(centre) == ["Кластер organic"]


def test_a_second_one_is_refused_while_the_first_goes_on(centre: Centre, organic: str) -> None:
    with psycopg.connect(centre.database.conninfo("ckr_projector"), autocommit=True) as conn:
        conn.execute("select pg_advisory_lock(%s)", (REBUILDING,))
        problem(ask(centre, "kpi"), 409, "rebuild-running")
    assert ask(centre, "kpi").status_code == 202
    rebuilt(centre, "kpi")


def test_what_is_no_projection_and_no_order_is_refused(centre: Centre) -> None:
    problem(ask(centre, "nonsense"), 404, "unknown-projection")
    assert ask(centre, "kpi", shadow="да").status_code == 422
    assert ask(centre, "kpi", shadows=True).status_code == 422
    problem(centre.manager.post("/projections/kpi/rebuild"), 403, "role-not-allowed")
    problem(centre.auditor.post("/projections/kpi/rebuild"), 403, "role-not-allowed")
