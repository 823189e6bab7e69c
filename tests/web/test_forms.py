"""Forms: errors at their fields, one record for a double click, nothing lost without a connection or scripts."""

import re
from collections.abc import Callable
from uuid import uuid4

import httpx
import pytest
from api.centre import firm_inn
from playwright.sync_api import Page, Route, expect
from web.conftest import Cookies, Site, Visits, axe
from web.test_pages import VISITED

from ckr_es.rules.validation import fields_of
from ckr_es.web.entries import FORMS
from ckr_es.web.forms import Form

SignedIn = Callable[..., Page]


def _registered(site: Site, inn: str) -> int:
    query = "select count(*) from ckr.event where type = 'participant.registered' and body ->> 'inn' = %s"
    return int(site.rows(query, inn)[0][0])


def _fill_in(page: Page, inn: str, name: str = "ООО «Проба»") -> None:
    page.locator("[name=inn]").fill(inn)
    page.get_by_label("Наименование").fill(name)
    page.get_by_label("Дата регистрации в центре").fill("2021-11-01")


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.path)
def test_a_form_asks_for_nothing_that_its_command_does_not_know(form: Form) -> None:
    known = fields_of(form.call.body)
    given: set[str] = set()
    for field in form.fields:
        assert field.label != field.name.rpartition(".")[2]  # it is called something
        said = {name.partition(".")[0] for name in (field.name, field.about)} & set(known)
        assert said
        given |= set() if field.optional else said
    needed = {name for name, (_, needed) in known.items() if needed}
    assert needed - {"event_id", "values", "policy"} <= given  # those a form says itself, or part by part


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without"])
def test_errors_stand_at_the_field_and_what_was_typed_stays(
    visits: Visits, site: Site, scripts: bool
) -> None:
    visits.foretold.add("status of 422")
    page = visits.signed_in("operator", "/record/participants", java_script_enabled=scripts)
    _fill_in(page, "2466000018")
    page.get_by_label("Дата регистрации в центре").fill("")
    page.get_by_role("button", name="Записать").click()
    expect(page.get_by_role("alert")).to_contain_text("Не записано.")
    wrong = page.locator(".field-wrong")
    expect(wrong).to_have_count(2)
    expect(wrong.nth(0)).to_contain_text("Контрольное число ИНН не сходится")
    expect(wrong.nth(0)).to_contain_text("inn-invalid")
    expect(wrong.nth(1)).to_contain_text("Не указано обязательное поле")
    expect(page.locator("[name=inn]")).to_have_value("2466000018")
    expect(page.get_by_label("Наименование")).to_have_value("ООО «Проба»")
    if scripts:
        assert axe(page) == []
    inn = firm_inn(881 + scripts)
    page.locator("[name=inn]").fill(inn)
    page.get_by_label("Дата регистрации в центре").fill("2021-11-01")
    visits.foretold.add("status of 404")  # the firm's page is not built yet
    page.get_by_role("button", name="Записать").click()
    page.wait_for_url("**/participants/*")
    assert _registered(site, inn) == 1


def test_a_double_click_records_once(visits: Visits, site: Site) -> None:
    visits.foretold.add("status of 404")
    page = visits.signed_in("operator", "/record/participants", java_script_enabled=False)
    inn = firm_inn(883)
    _fill_in(page, inn)
    sent = {
        field: page.locator(f"[name={field}]").input_value()
        for field in ("csrf", "key", "inn", "kind", "name", "registered_on")
    }
    answers = [page.request.post("/record/participants", form=sent, max_redirects=0) for _ in range(2)]
    assert [answer.status for answer in answers] == [303, 303]
    assert answers[0].headers["location"] == answers[1].headers["location"]
    assert _registered(site, inn) == 1
    again = page.request.post("/record/participants", form={**sent, "name": "Другое"}, max_redirects=0)
    assert again.status == 422
    assert "уже записана с другими данными" in again.text()


def test_a_lost_connection_loses_nothing_that_was_typed(visits: Visits, site: Site) -> None:
    visits.foretold |= {"ERR_FAILED", "ERR_INTERNET_DISCONNECTED", "status of 404"}
    page = visits.signed_in("operator", "/record/participants")
    inn = firm_inn(884)
    _fill_in(page, inn)
    lost: list[str] = []

    def lose(route: Route) -> None:
        """The request arrives, its answer does not."""
        if route.request.method != "POST":
            return route.continue_()
        lost.append(route.request.post_data or "")
        if len(lost) == 1:
            route.fetch(max_redirects=0)
            return route.abort()
        return route.continue_()

    page.route("**/record/participants", lose)
    page.get_by_role("button", name="Записать").click()
    expect(page.locator("[data-sending]")).to_contain_text("Введённое сохранено")
    page.wait_for_url("**/participants/*")
    assert len(lost) == 2
    assert lost[0] == lost[1]
    assert _registered(site, inn) == 1
    assert page.evaluate("sessionStorage.length") == 0


def test_what_was_typed_is_there_after_a_reload_and_gone_after_signing_out(visits: Visits) -> None:
    page = visits.signed_in("operator", "/record/participants", anew=True)
    _fill_in(page, "2466000017")
    page.reload()
    expect(page.locator("[name=inn]")).to_have_value("2466000017")
    page.goto("/account")
    page.get_by_role("button", name="Выйти", exact=True).click()
    page.wait_for_url("**/login")
    assert page.evaluate("sessionStorage.length") == 0


def test_a_document_is_filed_with_its_sum_in_roubles(visits: Visits, site: Site) -> None:
    visits.foretold |= {"status of 404", "status of 422"}
    page = visits.signed_in("operator", f"/record/participants/{site.subjects['participant']}/evidence")
    page.get_by_label("На дату").last.fill("2021-11-01")
    page.get_by_label("Задолженность").fill("12,345")
    page.get_by_role("button", name="Записать").click()
    expect(page.locator(".field-wrong")).to_contain_text("Нужна сумма в рублях")
    page.get_by_label("Задолженность").fill("1 234,50")
    title = f"Справка {uuid4().hex[:6]}"
    page.get_by_label("Название документа").fill(title)
    page.get_by_role("button", name="Записать").click()
    page.wait_for_url("**/participants/*")
    query = "select body ->> 'debt_kopecks' from ckr.event where body -> 'document' ->> 'title' = %s"
    assert site.rows(query, title) == [("123450",)]


NEVER = ("", "\0", "9" * 5000, "ж" * 3000)  # no form can be recorded with these
ODD = (*NEVER, "-1", "2021-13-45", "😀';--", "NaN", ";")


@pytest.mark.parametrize("address", [one for one in VISITED.values() if one.startswith("/record/")])
def test_whatever_is_typed_a_form_answers_what_is_wrong(site: Site, cookies: Cookies, address: str) -> None:
    address = address.format_map(site.subjects)
    with httpx.Client(base_url=site.base, headers=cookies("manager"), trust_env=False) as client:
        shown = client.get(address).text
        form = shown[shown.index("<form method") :]
        hidden = {"csrf", "key", "check"}
        names = set(re.findall(r'name="([^"]+)"', form)) - hidden
        (csrf,) = set(re.findall(r'name="csrf" value="([^"]+)"', form))
        for odd in ODD:
            sent = {"csrf": csrf, "key": uuid4().hex, **dict.fromkeys(names, odd)}
            looked = client.post(address, data={**sent, "check": "yes"})
            assert looked.status_code in (200, 422), (odd, looked.text[-1500:])
            if odd in NEVER:
                answer = client.post(address, data=sent)
                assert answer.status_code in (409, 422), (odd, answer.text[-1500:])


def test_every_form_is_offered_by_some_page(site: Site, cookies: Cookies) -> None:
    pages = [
        path for route, path in VISITED.items() if not route.startswith("/record/") and route != "/login"
    ]
    events = ("event", "registered", "held", "proposed", "planned", "reported", "entered")
    pages += [f"/events/{{{one}}}" for one in events]
    led = set()
    with httpx.Client(base_url=site.base, headers=cookies("manager"), trust_env=False) as client:
        for path in pages:
            text = client.get(path.format_map(site.subjects)).text
            for link in re.findall(r'href="(/record[^"?]*)', text):
                begun = client.get(link) if link.startswith("/record/corrections/") else None
                led.add(begun.headers["location"].partition("?")[0] if begun else link)
    ways = {
        form.path: re.compile("/record" + re.sub(r"\\{\w+\\}", "[^/]+", re.escape(form.path)))
        for form in FORMS
    }
    assert [path for path, way in ways.items() if not any(map(way.fullmatch, led))] == []
