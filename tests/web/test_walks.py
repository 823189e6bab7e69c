"""What people come for: why a figure is what it is, in three clicks; and what was known then."""

import json
import re
from base64 import b64decode
from collections.abc import Callable
from html import unescape
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from playwright.sync_api import Page, expect
from web.conftest import YEAR_END, Cookies, Site, Visits
from web.test_pages import VISITED

from ckr_es.store.ledger import included

SignedIn = Callable[..., Page]


def test_three_clicks_lead_from_the_table_to_the_event(signed_in: SignedIn) -> None:
    page = signed_in("auditor", f"/kpi?as_of={YEAR_END}")
    page.get_by_role("link", name="Количество услуг, предоставленных").first.click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Количество услуг")
    page.get_by_role("table", name="Записи, сумма которых").get_by_role("link").first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Услуга принята по акту")
    expect(page.get_by_text("Номер акта").first).to_be_visible()
    leaf = page.locator("dt", has_text="Лист").locator("+ dd").inner_text()
    page.get_by_role("link", name="Доказательство включения").click()
    expect(page.get_by_text("Путь к корню")).to_be_visible()
    expect(page.get_by_text("Нотариус эту запись ещё не подписал")).to_be_visible()  # none runs here
    with page.expect_download() as downloading:
        page.get_by_role("link", name="скачать JSON").click()
    proof = json.loads(downloading.value.path().read_bytes())
    assert proof["leaf"] == leaf
    path, root = [b64decode(one) for one in proof["hashes"]], b64decode(proof["root"])
    assert included(bytes.fromhex(leaf), proof["position"] - 1, proof["size"], path, root)
    assert not included(bytes.fromhex(leaf), proof["position"], proof["size"], path, root)


def test_the_view_of_a_moment_is_kept_by_every_link(visits: Visits) -> None:
    page = visits.signed_in("auditor", "/kpi?as_of=2021-06-30&known_position=900")
    expect(page.get_by_text("Показано прошлое.")).to_be_visible()
    for link in page.locator("main a, nav a").all():
        address = link.get_attribute("href") or ""
        assert "as_of=2021-06-30" in address, address
        assert "known_position=900" in address, address
    page.get_by_role("link", name="Вернуться к настоящему").click()
    expect(page.get_by_text("Показано прошлое.")).to_have_count(0)
    assert page.url.endswith("/kpi")


PAST = {"as_of": ["2021-06-30"], "known_position": ["3000"]}
LISTS = [path for route, path in VISITED.items() if not route.startswith("/record/") and route != "/login"]


@pytest.mark.parametrize("path", LISTS)
def test_no_page_loses_the_moment(site: Site, cookies: Cookies, path: str) -> None:
    """A link keeps both dates, or says others, or leads back to now; comparisons say the one they begin with."""
    bare = urlsplit(path.format_map(site.subjects))
    asked = {**parse_qs(bare.query), **PAST}
    role = "auditor" if path != "/record" else "manager"
    with httpx.Client(base_url=site.base, headers=cookies(role), trust_env=False) as client:
        answer = client.get(bare.path, params=asked)
    assert answer.status_code == 200, answer.text[:500]
    now = re.search(r'<a href="([^"]*)">Вернуться к настоящему', answer.text)
    assert now
    links = [unescape(link) for link in re.findall(r'<a [^>]*?href="(/[^"]*)"', answer.text)]
    others = ("/api/", "/health", "/metrics")
    lost = [
        link
        for link in links
        if link != unescape(now[1])
        and not link.startswith(others)
        and not ({"as_of", "known_position"} <= (said := parse_qs(urlsplit(link).query)).keys())
        and "from_known_position" not in said
    ]
    assert lost == []


def test_the_two_dates_work_without_scripts(visits: Visits, site: Site) -> None:
    page = visits.signed_in("auditor", "/kpi/services?counted=false", java_script_enabled=False)
    expect(page.get_by_role("slider")).to_have_count(0)
    page.get_by_label("на дату").fill(YEAR_END)
    page.get_by_label("как было известно на").fill("2021-01-01T00:00:00")
    page.get_by_role("button", name="Показать").click()
    assert page.url == (
        f"{site.base}/kpi/services?counted=false&as_of={YEAR_END}&known_at=2021-01-01T00%3A00%3A00%2B07%3A00"
    )
    expect(page.get_by_text("Показано прошлое.")).to_be_visible()
    page.get_by_label("как было известно на").fill("")
    page.get_by_role("button", name="Показать").click()
    assert page.url == f"{site.base}/kpi/services?counted=false&as_of={YEAR_END}"


def test_the_slider_goes_through_the_log(signed_in: SignedIn) -> None:
    page = signed_in("auditor", f"/kpi?as_of={YEAR_END}")
    slider = page.get_by_role("slider", name="Журнал")
    slider.focus()
    page.keyboard.press("Home")
    page.wait_for_url("**known_position=0")
    expect(page.get_by_text("Показано прошлое.")).to_be_visible()
    page.get_by_role("slider", name="Журнал").focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_url("**known_position=1")
    page.get_by_role("button", name="Показать").click()
    page.wait_for_url("**known_position=1")
    page.get_by_role("slider", name="Журнал").focus()
    page.keyboard.press("End")
    page.wait_for_url(f"**/kpi?as_of={YEAR_END}")


def test_an_auditor_finds_why_a_figure_is_another_now(visits: Visits, site: Site) -> None:
    ((submitted,),) = site.rows(
        "select body ->> 'known_position' from ckr.event where type = 'period.closed' and body ->> 'label' = '2021-Q2'"
    )
    page = visits.signed_in("auditor", f"/kpi?as_of=2021-06-30&known_position={submitted}")
    services = page.get_by_role("row", name="Количество услуг, предоставленных")
    then = services.get_by_role("link").inner_text()
    page.get_by_role("link", name="Что изменилось с тех пор").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Что изменилось")
    moved = page.get_by_role("table", name="Показатели в два момента").get_by_role(
        "row", name="Количество услуг, предоставленных"
    )
    before, after = (int(text.replace("\xa0", "")) for text in moved.locator(".side").all_inner_texts())
    assert before == int(then.replace("\xa0", ""))
    moved.get_by_role("link", name="записи").click()
    causes = page.get_by_role("table", name="Записи, вклад которых даёт изменение: Количество услуг")
    parts = [int(text.replace("−", "-")) for text in causes.locator(".delta").all_inner_texts()]
    assert before + sum(parts) == after != before
    expect(causes).to_contain_text("Последний акт подписан в июле")
    causes.get_by_role("link", name="Запись по делу исправлена").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Запись по делу исправлена")
    page.get_by_role("link", name="открыть").first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Услуга принята по акту")
    expect(page.get_by_text("Исправлена:")).to_be_visible()


def test_a_report_tells_what_moved_since_and_where_its_files_are(visits: Visits) -> None:
    page = visits.signed_in("analyst", "/periods?as_of=2021-12-31")
    page.get_by_role("link", name="II квартал 2021 года", exact=True).click()
    restated = page.request.get("/api/v1/periods/2021-Q2/restatement?as_of=2021-12-31").json()["rows"]
    moved = {row["kpi"]: row["delta"] for row in restated if row["events"] or row["delta"]}
    expect(page.get_by_text(f"С тех пор изменилось показателей: {len(moved)}.")).to_be_visible()
    table = page.get_by_role("table", name="Показатели: сдано и известно теперь")
    services = table.get_by_role("row", name="Количество услуг, предоставленных")
    expect(services).to_contain_text(f"{moved['services']}".replace("-", "−"))
    address = page.get_by_role("link", name="JSON").first.get_attribute("href") or ""
    answer = page.request.get(address)
    assert answer.status == 200
    assert "2021-Q2" in str(answer.json()["period"])


def test_all_of_it_can_be_read_and_asked_without_scripts(visits: Visits) -> None:
    page = visits.signed_in("auditor", f"/kpi/change?as_of={YEAR_END}", java_script_enabled=False)
    page.get_by_label("Было: на дату").fill("2021-10-05")
    page.get_by_label("или по запись №").fill("4 600")
    page.get_by_role("button", name="Сравнить").click()
    expect(page.get_by_role("table", name="Показатели в два момента")).to_be_visible()
    page.get_by_role("link", name="Все записи").first.click()
    expect(page.get_by_role("table", name="Записи, вклад").get_by_role("row")).to_have_count(101)
    page.goto("/log")
    page.get_by_label("Вид записи").select_option(label="Запись по делу отменена")
    page.get_by_role("button", name="Найти", exact=True).last.click()
    expect(page.get_by_role("table", name="Записи журнала")).to_contain_text("Услуга внесена дважды")
    page.goto("/ledger")
    page.get_by_label("Запись №").fill("100")
    page.get_by_role("button", name="Доказать").first.click()
    expect(page.get_by_text("Путь к корню")).to_be_visible()
    for address in ("/periods", "/roadmap", "/support-register", "/follow-ups", "/system", "/access-log"):
        page.goto(f"{address}?as_of={YEAR_END}")
        expect(page.get_by_role("table").first).to_be_visible()


def test_a_search_of_the_log_says_what_is_wrong_at_its_field(visits: Visits) -> None:
    visits.foretold.add("status of 422")
    page = visits.signed_in("auditor", "/log?case=x&type=service-case.opened")
    expect(page.locator(".field-wrong")).to_contain_text("Нужен номер вида")
    expect(page.get_by_label("Дело, номер")).to_have_value("x")
    expect(page.get_by_label("Вид записи")).to_have_value("service-case.opened")
