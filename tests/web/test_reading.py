"""Firms, cases, clusters: what an auditor looks through, with scripts and without, and what no address may hold."""

from collections.abc import Callable
from urllib.parse import unquote

import pytest
from playwright.sync_api import Page, expect
from web.conftest import YEAR_END, Site, Visits

SignedIn = Callable[..., Page]


def test_an_auditor_goes_from_the_firm_to_the_record_behind_a_condition(
    signed_in: SignedIn, site: Site
) -> None:
    page = signed_in("auditor", f"/participants/{site.subjects['participant']}?as_of={YEAR_END}")
    expect(page.get_by_role("link", name="Приобщить документ")).to_have_count(0)  # an auditor records nothing
    page.get_by_role("table", name="Дела участника").get_by_role("rowheader").first.get_by_role(
        "link"
    ).click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Дело")
    conditions = page.get_by_role("table", name="Условия")
    expect(conditions.get_by_role("row")).to_have_count(11)  # with the head
    line = conditions.get_by_role("row").filter(has_text="E9")
    expect(line).to_contain_text("Концепция, раздел 5, условие 9")
    line.get_by_text("Исходные данные").click()
    expect(line.get_by_text("Задолженность", exact=True)).to_be_visible()
    line.get_by_role("link", name="запись, на которой стоит E9").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Документ приобщён")
    assert page.url.endswith(f"?as_of={YEAR_END}")


def test_a_decision_against_a_verdict_says_who_and_why(signed_in: SignedIn, site: Site) -> None:
    case = site.rows(
        "select stream_id from ckr.event where type = 'service-case.eligibility-decided' "
        "and json_array_length(body -> 'overrides') > 0 order by position limit 1"
    )[0][0]
    page = signed_in("auditor", f"/cases/{case}?as_of={YEAR_END}")
    line = page.get_by_role("table", name="Условия").get_by_role("row").filter(has_text="решил иначе:")
    expect(line).to_have_count(1)
    expect(line).to_contain_text("решает человек")


def test_a_corrected_record_is_linked_with_what_replaced_it(signed_in: SignedIn, site: Site) -> None:
    firm = site.subjects["corrected_firm"]
    page = signed_in("auditor", f"/participants/{firm}?as_of={YEAR_END}")
    page.get_by_role("link", name="записью №").first.click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("исправлена")


def test_what_a_correction_replaced_is_struck_through(signed_in: SignedIn, site: Site) -> None:
    page = signed_in("auditor", f"/participants/{site.subjects['corrected_firm']}")
    ((position,),) = site.rows(
        "select position from ckr.event where event_id::text in "
        "(select body ->> 'corrects' from ckr.event where participant_id = %s) order by position limit 1",
        site.subjects["corrected_firm"],
    )
    row = page.get_by_role("row").filter(
        has=page.get_by_text(f"№ {position:,}".replace(",", "\u00a0"), exact=True)
    )
    said = row.first.locator(".gist.void")
    assert "line-through" in said.evaluate("one => getComputedStyle(one).textDecorationLine")


def test_an_undecided_case_shows_the_conditions_as_they_are(signed_in: SignedIn, site: Site) -> None:
    page = signed_in("manager", f"/cases/{site.subjects['undecided']}")
    expect(page.get_by_text("Решения ещё нет.")).to_be_visible()
    expect(page.locator(".leg-next")).to_have_count(1)
    expect(page.get_by_role("table", name="Условия").get_by_role("row")).to_have_count(11)


def test_everything_is_read_and_found_without_scripts(visits: Visits) -> None:
    page = visits.signed_in("auditor", f"/clusters?as_of={YEAR_END}", java_script_enabled=False)
    page.get_by_role("link", name="Действует").click()
    page.get_by_role("link", name="Цифровой кластер").click()
    page.get_by_role("table", name="Участники кластера").get_by_role("link", name="ООО").first.click()
    name = page.get_by_role("heading", level=1).text_content() or ""
    page.get_by_text("Числа к графикам").click()
    expect(page.get_by_role("table", name="Отчёты по кварталам")).to_be_visible()
    page.get_by_role("search").get_by_role("searchbox").fill(name)
    page.get_by_role("button", name="Найти", exact=True).click()
    expect(page.get_by_role("link", name=name, exact=True)).to_be_visible()
    assert f"as_of={YEAR_END}" in page.url
    page.get_by_role("link", name="Дела").first.click()
    page.get_by_role("combobox", name="Услуга").select_option("комплексная")
    page.locator("main").get_by_role("button", name="Найти").click()
    expect(page.get_by_role("table", name="Дела").get_by_text("комплексная:").first).to_be_visible()
    expect(page.get_by_role("table", name="Дела").get_by_role("row")).to_have_count(51)
    page.get_by_role("link", name="Дальше").click()
    assert "complex=true" in page.url
    assert f"as_of={YEAR_END}" in page.url


def test_no_address_names_a_person(visits: Visits, site: Site) -> None:
    page = visits.signed_in("manager", f"/participants/{site.subjects['person']}?as_of={YEAR_END}")
    name = page.get_by_role("heading", level=1).text_content() or ""
    assert name not in page.title()
    addresses = [link.get_attribute("href") or "" for link in page.locator("a").all()]
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"/participants?as_of={YEAR_END}")
    page.get_by_role("link", name="ищут отдельно").click()
    page.get_by_label("Имя, ИНН или ОГРНИП предпринимателя").fill(name)
    page.get_by_role("button", name="Искать").click()
    found = page.get_by_role("link", name=name, exact=True)
    expect(found.first).to_be_visible()
    addresses += [link.get_attribute("href") or "" for link in page.locator("a").all()]
    found.first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text(name)
    surname = name.split()[0]
    inn = site.rows("select inn from ckr.identity where participant_id = %s", site.subjects["person"])[0][0]
    assert not [one for one in map(unquote, [*addresses, *asked]) if surname in one or inn in one]


@pytest.mark.parametrize(
    ("path", "label", "said"),
    [
        ("/participants?inn=246473527860&q=сибири", "ИНН организации", "10 цифр"),
        ("/participants?cluster=нет", "Кластер", "Такого здесь нет: «нет»"),
        ("/participants?kind=human", "Кто", "Такого варианта нет: «human»"),
        ("/cases?cluster=нет", "Кластер", "Такого здесь нет"),
        ("/cases?status=gone", "Состояние", "Такого варианта нет"),
        ("/cases?complex=maybe", "Услуга", "Такого варианта нет"),
        ("/cases?eligibility=fresh", "Соответствие условиям", "Такого варианта нет"),
        ("/providers?inn=1", "ИНН организации", "10 цифр"),
        ("/providers?service=SVC.ы", "Услуга", "Такого здесь нет"),
        ("/providers?blocked=x", "Состояние", "Такого варианта нет"),
        ("/access-log?since=вчера", "Не раньше", "Нужны дата и время"),
    ],
)
def test_a_filter_that_means_nothing_is_refused_at_its_field(
    visits: Visits, path: str, label: str, said: str
) -> None:
    visits.foretold.add("status of 422")
    page = visits.signed_in("auditor", path)
    wrong = page.locator(".field-wrong")
    expect(wrong).to_have_count(1)
    expect(wrong.get_by_label(label, exact=True)).to_be_visible()
    expect(wrong).to_contain_text(said)
    expect(page.locator("main table")).to_have_count(0)


@pytest.mark.parametrize("path", ["/clusters?status=x", "/search?q=2021&kind=x", "/cases?participant_id=x"])
def test_a_tab_that_is_not_there_is_refused_in_words(visits: Visits, path: str) -> None:
    visits.foretold.add("status of 422")
    page = visits.signed_in("auditor", path)
    expect(page.get_by_text("так не задаётся")).to_be_visible()


def test_on_a_telephone_the_list_comes_first(visits: Visits) -> None:
    page = visits.signed_in("auditor", "/log", width=360)
    expect(page.get_by_label("Вид записи")).to_be_hidden()
    assert (page.locator("tbody tr").first.bounding_box() or {})["y"] < 600
    page.get_by_text("Отбор", exact=True).click()
    page.get_by_label("Вид записи").select_option(label="Запись по делу отменена")
    page.get_by_role("main").get_by_role("button", name="Найти").click()
    expect(page.get_by_label("Вид записи")).to_be_visible()
