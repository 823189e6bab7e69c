"""Rebuilding on the page: an administrator sees how far it is and what it found; others only see."""

import re

import httpx
import psycopg
from playwright.sync_api import expect
from web.conftest import Cookies, Site, Visits, axe

from ckr_es.projections.rebuilds import REBUILDING

TITLE = "Деньги и исполнители"


def test_an_administrator_compares_and_rebuilds_and_sees_what_came_of_it(visits: Visits, site: Site) -> None:
    page = visits.signed_in("admin", "/system")
    row = page.get_by_role("row", name=TITLE)
    row.get_by_role("button", name="Сравнить").click()
    expect(row).to_contain_text("сравнена с журналом", timeout=20_000)
    expect(row).to_contain_text("различий нет")
    row.get_by_role("button", name="Заполнить заново").click()
    expect(row.get_by_text("заполнена", exact=True)).to_be_visible(timeout=20_000)
    assert axe(page) == []
    ((actor, switched),) = site.rows(
        "select actor, switched from ckr.rebuild where name = 'funding' order by started_at desc limit 1"
    )
    ((admin,),) = site.rows("select id from ckr.staff where login = 'admin'")
    assert (actor, switched) == (admin, True)


def test_a_difference_is_shown_and_replaced_on_a_word(visits: Visits, site: Site) -> None:
    with psycopg.connect(site.database.conninfo("ckr_projector"), autocommit=True) as conn:
        conn.execute("update funding.provider set name = name || '!'")
    page = visits.signed_in("admin", "/system")
    row = page.get_by_role("row", name=TITLE)
    row.get_by_role("button", name="Заполнить заново").click()
    expect(row.get_by_text("не заменена")).to_be_visible(timeout=20_000)
    expect(row).to_contain_text(re.compile(r"provider — только в живой \d+, только в новой \d+"))
    row.get_by_role("button", name="Заменить, приняв различия").click()
    expect(row).to_contain_text("различия приняты", timeout=20_000)
    expect(row.get_by_role("button", name="Заменить, приняв различия")).to_have_count(0)


def test_while_one_goes_on_its_progress_moves_by_itself(visits: Visits, site: Site) -> None:
    page = visits.signed_in("admin")
    with psycopg.connect(site.database.conninfo("ckr_projector"), autocommit=True) as conn:
        conn.execute("select pg_advisory_lock(%s)", (REBUILDING,))
        conn.execute(
            "insert into ckr.rebuild (id, name, actor, shadow_only, accept_differences, backend, done, upto) "
            "values (gen_random_uuid(), 'kpi', 'проверка', false, false, pg_backend_pid(), 10, 200)"
        )
        page.goto("/system")
        row = page.get_by_role("row", name="Учёт показателей")
        expect(row).to_contain_text("запись № 10 из 200")
        expect(page.get_by_role("button", name="Сравнить")).to_have_count(0)
        assert axe(page) == []
        conn.execute("update ckr.rebuild set done = 150 where actor = 'проверка'")
        expect(row).to_contain_text("запись № 150 из 200")
    expect(row).to_contain_text("прервано")
    expect(row.get_by_role("button", name="Сравнить")).to_be_visible()


def test_others_look_and_an_order_that_means_nothing_is_refused(site: Site, cookies: Cookies) -> None:
    seen = httpx.get(f"{site.base}/system", headers=cookies("auditor"), trust_env=False)
    assert seen.status_code == 200
    assert 'name="how"' not in seen.text
    for role, sent, status in (
        ("auditor", {"name": "kpi", "how": "replace"}, 403),
        ("admin", {"name": "kpi", "how": "both"}, 422),
        ("admin", {"name": "nonsense", "how": "compare"}, 404),
    ):
        own = httpx.get(f"{site.base}/account", headers=cookies(role), trust_env=False).text
        found = re.search(r'name="csrf" value="([^"]+)"', own)
        assert found
        answer = httpx.post(
            f"{site.base}/system/rebuild",
            data={**sent, "csrf": found[1]},
            headers=cookies(role),
            trust_env=False,
        )
        assert answer.status_code == status, answer.text[:300]
