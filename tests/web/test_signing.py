"""Signing in: the cookie, the session behind it, what a stranger may try, and what nobody may read anywhere."""

import re
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import httpx
import pytest
from api.centre import firm_inn
from web.conftest import Site

from ckr_es.store import staff

COOKIE = "__Host-ckr"


class Visitor:
    """A browser without a screen. It sends the cookie itself: httpx keeps secure ones from plain HTTP."""

    def __init__(self, site: Site) -> None:
        self.http = httpx.Client(base_url=site.base, trust_env=False, headers={"Accept": "text/html"})
        self.token = ""

    def headers(self, **more: str) -> dict[str, str]:
        return {**({"Cookie": f"{COOKIE}={self.token}"} if self.token else {}), **more}

    def get(self, path: str, **more: str) -> httpx.Response:
        return self.http.get(path, headers=self.headers(**more))

    def post(self, path: str, sent: dict[str, Any], **more: str) -> httpx.Response:
        return self.http.post(path, data=sent, headers=self.headers(**more))

    def sign_in(self, login: str, password: str, next: str = "/") -> httpx.Response:
        answer = self.post("/login", {"login": login, "password": password, "next": next})
        if found := re.match(rf"{COOKIE}=([^;]*)", answer.headers.get("set-cookie", "")):
            self.token = found[1]
        return answer

    def csrf(self) -> str:
        found = re.search(r'name="csrf" value="([^"]+)"', self.get("/account").text)
        assert found
        return found[1]


@pytest.fixture
def visitor(site: Site) -> Iterator[Visitor]:
    found = Visitor(site)
    yield found
    found.http.close()


@pytest.fixture(autouse=True)
def nobody_tried_before(site: Site) -> None:
    with site.as_migrator() as conn:
        conn.execute("delete from ckr.failed_sign_in")


def test_the_cookie_is_bound_to_this_host_and_read_by_no_script(site: Site, visitor: Visitor) -> None:
    answer = visitor.sign_in("operator", site.passwords["operator"], "/kpi?as_of=2021-12-31")
    assert (answer.status_code, answer.headers["location"]) == (303, "/kpi?as_of=2021-12-31")
    flags = {flag.strip().lower() for flag in answer.headers["set-cookie"].split(";")[1:]}
    assert {"secure", "httponly", "samesite=lax", "path=/"} <= flags
    assert not any(flag.startswith("domain") for flag in flags)
    assert visitor.get("/account").status_code == 200


def test_a_page_is_strict_about_what_it_is_made_of(site: Site, visitor: Visitor) -> None:
    visitor.sign_in("operator", site.passwords["operator"])
    for path in ("/login", "/account", "/kpi", "/nowhere"):
        answer = visitor.get(path)
        assert answer.headers["content-security-policy"] == (
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
            "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
        )
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-content-type-options"] == "nosniff"


def test_what_a_page_is_made_of_is_kept_by_browsers(visitor: Visitor) -> None:
    address = re.search(r'href="(/static/[^"]+\.css)"', visitor.get("/login").text)
    assert address
    answer = visitor.get(address[1])
    assert "immutable" in answer.headers["cache-control"]
    assert answer.headers["content-type"].startswith("text/css")
    assert visitor.get("/static/x/vendor/vendored.json").status_code == 404
    assert visitor.get("/static/x/../page.py").status_code == 404


def test_nobody_who_is_not_signed_in_sees_a_page(visitor: Visitor) -> None:
    answer = visitor.get("/kpi?as_of=2021-12-31")
    assert answer.status_code == 303
    assert answer.headers["location"] == "/login?next=%2Fkpi%3Fas_of%3D2021-12-31"
    program = visitor.http.get("/kpi", headers={"Accept": "application/json"})
    assert (program.status_code, program.json()["code"]) == (401, "key-required")


def test_one_is_led_nowhere_else_after_signing_in(site: Site, visitor: Visitor) -> None:
    for elsewhere in ("https://example.org/", "//example.org", "/\\example.org", "javascript:alert(1)"):
        assert visitor.sign_in("operator", site.passwords["operator"], elsewhere).headers["location"] == "/"


def test_a_token_from_before_is_of_no_use(site: Site, visitor: Visitor) -> None:
    visitor.sign_in("operator", site.passwords["operator"])
    before = visitor.token
    visitor.sign_in("operator", site.passwords["operator"])
    assert visitor.token != before
    visitor.token = before
    assert visitor.get("/account").status_code == 303
    visitor.token = "chosen-by-somebody-else"
    visitor.sign_in("operator", site.passwords["operator"])
    assert visitor.token != "chosen-by-somebody-else"


def test_what_changes_anything_must_come_from_the_page(site: Site, visitor: Visitor) -> None:
    visitor.sign_in("operator", site.passwords["operator"])
    before = site.rows("select count(*) from ckr.event, ckr.session")
    for sent in ({}, {"csrf": "x"}, {"csrf": "я"}):
        assert visitor.post("/logout/everywhere", sent).status_code == 403
        assert visitor.post("/record/participants", sent).status_code == 403
    refused = visitor.http.post(
        "/api/v1/participants", json={}, headers=visitor.headers(**{"Idempotency-Key": "x", "Accept": "*/*"})
    )
    assert (refused.status_code, refused.json()["code"]) == (403, "csrf")
    assert site.rows("select count(*) from ckr.event, ckr.session") == before


def test_a_session_calls_the_api_under_the_id_of_its_user(site: Site, visitor: Visitor) -> None:
    visitor.sign_in("operator", site.passwords["operator"])
    assert visitor.get("/api/v1/kpi").json()["rows"]
    headers = visitor.headers(**{"X-CSRF-Token": visitor.csrf(), "Idempotency-Key": uuid4().hex})
    body = {"kind": "legal_entity", "inn": firm_inn(771), "name": "Фирма 771", "registered_on": "2021-11-02"}
    made = visitor.http.post("/api/v1/participants", json=body, headers=headers)
    assert made.status_code == 201, made.text
    ((actor, role),) = site.rows(
        "select actor, role from ckr.event where position = %s", made.json()["position"]
    )
    ((id,),) = site.rows("select id from ckr.staff where login = 'operator'")
    assert (actor, role) == (id, "operator")


def test_signing_out_ends_this_session_and_everywhere_all(site: Site, visitor: Visitor) -> None:
    with site.as_migrator() as conn:
        _, password = staff.create(conn, login="leaver", name="Уходящий", role="analyst")
    one, other = visitor, Visitor(site)
    for signing in (one, other):
        signing.sign_in("leaver", password)
    assert one.post("/logout", {"csrf": one.csrf()}).headers["location"] == "/login"
    assert one.get("/account").status_code == 303
    assert other.get("/account").status_code == 200
    one.sign_in("leaver", password)
    assert one.post("/logout/everywhere", {"csrf": one.csrf()}).status_code == 303
    assert other.get("/account").status_code == 303
    other.http.close()


def test_guessing_is_stopped_for_a_login_and_for_an_address(site: Site, visitor: Visitor) -> None:
    for _ in range(staff.TRIES_OF_LOGIN):
        answer = visitor.sign_in("manager", "wrong")
        assert answer.status_code == 401
        assert "Логин или пароль не подходит" in answer.text
    answer = visitor.sign_in("manager", site.passwords["manager"])
    assert answer.status_code == 429
    assert "Слишком много попыток" in answer.text
    assert visitor.sign_in("operator", site.passwords["operator"]).status_code == 303
    told = [visitor.sign_in(f"nobody-{n}", "wrong").status_code for n in range(staff.TRIES_OF_ADDRESS)]
    assert (told[0], told[-1]) == (401, 429)
    assert visitor.sign_in("operator", site.passwords["operator"]).status_code == 429


def test_who_is_disabled_or_has_a_new_password_is_out_at_once(site: Site, visitor: Visitor) -> None:
    with site.as_migrator() as conn:
        _, password = staff.create(conn, login="guest", name="Гость", role="auditor")
        visitor.sign_in("guest", password)
        assert visitor.get("/account").status_code == 200
        renewed = staff.renew_password(conn, "guest")
        assert visitor.get("/account").status_code == 303
        assert visitor.sign_in("guest", password).status_code == 401
        assert visitor.sign_in("guest", renewed).status_code == 303
        staff.disable(conn, "guest")
        assert visitor.get("/account").status_code == 303
        assert visitor.sign_in("guest", renewed).status_code == 401


def test_a_session_ends_by_itself(site: Site, visitor: Visitor) -> None:
    for column, ago in (("last_seen_at", staff.IDLE), ("expires_at", staff.LIFE)):
        visitor.sign_in("auditor", site.passwords["auditor"])
        assert visitor.get("/account").status_code == 200
        latest = "created_at = (select max(created_at) from ckr.session)"
        site.rows(
            f"update ckr.session set {column} = {column} - %s::interval where {latest} returning 1", ago
        )
        assert visitor.get("/account").status_code == 303


@pytest.mark.parametrize(
    ("role", "path", "status"),
    [
        ("operator", "/record", 200),
        ("auditor", "/record", 403),
        ("analyst", "/kpi", 200),
        ("analyst", "/record/participants", 403),
        ("admin", "/kpi", 403),
        ("admin", "/account", 200),
    ],
)
def test_a_role_sees_its_own_pages(site: Site, visitor: Visitor, role: str, path: str, status: int) -> None:
    visitor.sign_in(role, site.passwords[role])
    answer = visitor.get(path)
    assert answer.status_code == status
    if status == 403:
        assert "<h1>Нет права</h1>" in answer.text


def test_names_of_staff_lie_in_one_table(site: Site, visitor: Visitor) -> None:
    visitor.sign_in("operator", site.passwords["operator"])
    tables = site.rows(
        "select n.nspname, c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace "
        "where c.relkind in ('r', 'm', 'p') and n.nspname not in ('pg_catalog', 'information_schema')"
    )
    knowing = {
        f"{schema}.{name}"
        for schema, name in tables
        if site.rows(f"select 1 from {schema}.{name} t where t::text like %s limit 1", "%Проверка operator%")
    }
    assert knowing == {"ckr.staff"}
    assert not site.rows("select 1 from pg_stats where most_common_vals::text like %s", "%Проверка%")
