"""What people come for: why a figure is what it is, in three clicks; and what was known then."""

from collections.abc import Callable

from playwright.sync_api import Page, expect
from web.conftest import YEAR_END, Site, Visits

SignedIn = Callable[..., Page]


def test_three_clicks_lead_from_the_table_to_the_event(signed_in: SignedIn) -> None:
    page = signed_in("auditor", f"/kpi?as_of={YEAR_END}")
    page.get_by_role("link", name="Количество услуг, предоставленных").first.click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Количество услуг")
    page.get_by_role("table", name="Записи, сумма которых").get_by_role("link").first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Услуга принята по акту")
    expect(page.get_by_text("Номер акта").first).to_be_visible()
    page.get_by_role("link", name="Доказательство включения").click()
    assert '"hashes"' in (page.text_content("body") or "")


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
