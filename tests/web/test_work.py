"""The daily work through forms alone: from a firm nobody knew to a figure that is one more; what only managers do."""

from datetime import UTC, datetime
from uuid import UUID

import pytest
from api.centre import firm_inn, person_inn
from playwright.sync_api import Page, Route, expect
from web.conftest import YEAR_END, Site, Visits, axe

from ckr_es.rules.calendar import today

ON = today(datetime.now(UTC))
MONTH = ON.replace(day=1)


def _send(page: Page, leads: str, button: str = "Записать") -> str:
    """Presses the button and follows to where it leads; the id that stands in the address."""
    page.get_by_role("button", name=button, exact=True).click()
    page.wait_for_url(f"**{leads}*")
    return page.url.partition("?")[0].rpartition("/")[2]


def _fill(page: Page, **typed: str) -> None:
    for name, value in typed.items():
        field = page.locator(f"[name='{name.replace('__', '.')}']")
        if field.evaluate("field => field.tagName") == "SELECT":
            field.select_option(value)
        else:
            field.fill(value)


def _services(page: Page) -> int:
    page.goto("/kpi")
    row = page.get_by_role("row").filter(has_text="Количество услуг").first
    return int((row.locator("a.fact").text_content() or "").replace("\xa0", ""))


def _register(page: Page, inn: str, name: str, **typed: str) -> str:
    page.goto("/record/participants")
    _fill(page, inn=inn, name=name, registered_on=ON.isoformat(), **typed)
    return _send(page, "/participants/")


def _ready(page: Page, site: Site, inn: str, name: str, okved: str = "10.39", **typed: str) -> str:
    """Registered, looked up, with its papers and its cluster."""
    who = _register(page, inn, name, **typed)
    page.goto(f"/record/participants/{who}/registry-checks")
    _fill(
        page,
        as_of=ON.isoformat(),
        category="micro",
        included_on="2018-08-10",
        region_code="24",
        okved_main=okved,
        status="active",
    )
    _send(page, "/participants/")
    page.goto(f"/record/participants/{who}/evidence")
    _fill(page, kind="tax_certificate", as_of=MONTH.isoformat(), debt_kopecks="0")
    _send(page, "/participants/")
    page.goto(f"/record/participants/{who}/evidence")
    _fill(page, kind="declaration", as_of=ON.isoformat())
    for condition in ("E5", "E6", "E7"):
        page.locator(f"[name=covers][value={condition}]").check()
    _send(page, "/participants/")
    page.goto(f"/record/participants/{who}/memberships")
    _fill(page, cluster=site.subjects["code"], joined_on=ON.isoformat())
    _send(page, "/participants/")
    return who


def _open(page: Page, site: Site, inn: str, **typed: str) -> str:
    page.goto("/record/cases")
    _fill(page, inn=inn, cluster=site.subjects["code"], applied_on=ON.isoformat(), service="SVC.е", **typed)
    page.get_by_role("button", name="Найти участника").click()
    expect(page.locator("#looked")).to_contain_text("Туристско-рекреационный")
    return _send(page, "/cases/")


@pytest.fixture
def working(visits: Visits) -> Visits:
    """Forms lead to pages that may not be there yet; and they are refused."""
    visits.foretold |= {f"status of {status}" for status in (403, 404, 409, 422)}
    return visits


def test_an_operator_works_from_registration_to_the_figure(working: Visits, site: Site) -> None:
    page = working.signed_in("operator")
    before = _services(page)
    _ready(page, site, firm_inn(901), "ООО «Первая»")
    page.get_by_role("link", name="Открыть дело").click()
    expect(page.locator("[name=inn]")).to_have_value(firm_inn(901))
    _fill(page, cluster=site.subjects["code"], applied_on=ON.isoformat(), service="SVC.е")
    case = _send(page, "/cases/")
    page.get_by_role("link", name="Решение о соответствии условиям").click()
    expect(page.locator("#looked")).to_contain_text("Все условия выполнены")
    expect(page.locator(".weighed")).to_have_count(10)
    assert axe(page) == []
    _fill(page, decision="eligible")
    _send(page, "/cases/", "Принять решение")
    page.goto(f"/record/cases/{case}/agreement")
    _fill(page, number="Д-901", signed_on=ON.isoformat())
    _send(page, "/cases/")
    page.goto(f"/record/cases/{case}/acceptances")
    expect(page.locator("[name=component_no]")).to_have_value("1")
    _fill(page, act_number="А-901", accepted_on=ON.isoformat())
    _send(page, "/cases/")
    assert _services(page) == before + 1


def test_a_complex_case_is_scored_and_gets_its_components(working: Visits, site: Site) -> None:
    page = working.signed_in("operator")
    _ready(page, site, firm_inn(902), "ООО «Вторая»")
    page.goto("/record/cases")
    _fill(page, inn=firm_inn(902), cluster=site.subjects["code"], applied_on=ON.isoformat())
    page.get_by_label("Комплексная услуга").check()
    page.get_by_role("button", name="Найти участника").click()
    case = _send(page, "/cases/")
    page.goto(f"/record/cases/{case}/scoring")
    assert axe(page) == []
    page.get_by_text("Ещё:").click()
    _fill(page, scored_on=ON.isoformat(), score="80", conclusion="Готов")
    _send(page, "/cases/")
    for service in ("SVC.ж", "SVC.з"):
        page.goto(f"/record/cases/{case}/components")
        _fill(page, service=service, cost_kopecks="50 000,00")
        _send(page, "/cases/")
    query = (
        "select body ->> 'cost_kopecks' from ckr.event where stream_id = %s and type like '%%component-added'"
    )
    assert site.rows(query, UUID(case)) == [("5000000",), ("5000000",)]
    page.goto(f"/record/cases/{case}/cancellation")
    _fill(page, cancelled_on=ON.isoformat(), reason="Заявитель передумал")
    _send(page, "/cases/")


def test_a_condition_is_decided_away_by_whoever_may(working: Visits, site: Site) -> None:
    page = working.signed_in("operator")
    _ready(page, site, firm_inn(903), "ООО «Третья»", okved="11.01")  # spirits: an excise code
    case = _open(page, site, firm_inn(903))
    page.goto(f"/record/cases/{case}/eligibility-decision")
    expect(page.locator("[name='overrides.E4']")).to_have_count(0)
    _fill(page, decision="eligible")
    page.get_by_role("button", name="Принять решение").click()
    expect(page.get_by_role("alert")).to_contain_text("condition-failed")

    manager = working.signed_in("manager", f"/record/cases/{case}/eligibility-decision")
    _fill(manager, decision="eligible")
    manager.get_by_role("button", name="Принять решение").click()
    expect(manager.locator(".field-wrong")).to_contain_text("fail")
    _fill(manager, overrides__E4="Подакцизное не производится: письмо от сегодня")
    _send(manager, "/cases/", "Принять решение")
    query = (
        "select body -> 'overrides' -> 0 ->> 'condition' from ckr.event where stream_id = %s and type like %s"
    )
    assert site.rows(query, UUID(case), "%eligibility-decided") == [("E4",)]


def test_a_record_is_put_right_with_a_reason(working: Visits, site: Site) -> None:
    page = working.signed_in("operator")
    who = _register(page, firm_inn(904), "ООО «Четвертая»")
    query = "select event_id from ckr.event where stream_id = %s order by position desc limit 1"
    (event,) = site.rows(query, UUID(who))[0]
    manager = working.signed_in("manager", f"/events/{event}")
    manager.get_by_role("link", name="Исправить").click()
    expect(manager.locator("[name='replacement.name']")).to_have_value("ООО «Четвертая»")
    assert axe(manager) == []
    _fill(manager, replacement__name="")
    manager.get_by_role("button", name="Исправить").click()
    expect(manager.locator(".field-wrong")).to_have_count(1)
    _fill(manager, replacement__name="ООО «Четвёртая»", reason="Опечатка")
    _send(manager, f"/participants/{who}", "Исправить")
    read = "select body -> 'replacement' ->> 'name', body ->> 'reason' from ckr.event where body ->> 'corrects' = %s"
    assert site.rows(read, str(event)) == [("ООО «Четвёртая»", "Опечатка")]

    manager.goto(f"/record/corrections/{event}")
    _fill(manager, reason="Не тот участник")
    manager.get_by_label("Отменить: этого не было").check()
    _send(manager, "/events/", "Исправить")
    manager.goto(f"/record/corrections/{event}")
    expect(manager.get_by_role("heading", level=1)).to_be_visible()
    expect(manager.locator("main")).to_contain_text("уже отменена")


def test_a_period_is_closed_on_the_table_that_was_shown(working: Visits, site: Site) -> None:
    page = working.signed_in("manager", "/record/periods/2020-Q3/closing")
    expect(page.get_by_role("table", name="Что закрепится")).to_contain_text("Количество")
    page.get_by_role("button", name="Закрыть период").click()
    expect(page.locator(".field-wrong")).to_contain_text("required")
    _fill(page, approved_by="Директор")
    _send(page, "/periods/2020-Q3", "Закрыть период")
    page.goto("/record/periods/2020-Q3/reopening")
    _fill(page, reason="Проверка")
    page.get_by_role("button", name="Открыть период").click()
    expect(page.get_by_role("alert")).to_contain_text("same-person")
    assert (
        working.signed_in("operator", "/record/periods/2020-Q3/closing")
        .locator(".problem-status")
        .text_content()
        == "403"
    )


def _held(site: Site, title: str) -> list[tuple[int]]:
    """How many participants the group services of that title have."""
    query = """
        select json_array_length(body -> 'participants') from ckr.event
        where type = 'group-service.held' and body ->> 'title' = %s
    """
    return site.rows(query, title)


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without"])
def test_a_pasted_list_is_checked_line_by_line_and_recorded_whole(
    working: Visits, site: Site, scripts: bool
) -> None:
    page = working.signed_in("operator", java_script_enabled=scripts)
    inns = [firm_inn(910 + 10 * scripts + n) for n in range(3)]
    for n, inn in enumerate(inns[:2]):
        _ready(page, site, inn, f"ООО «Слушатель {n}»")
    _register(page, inns[2], "ООО «Без бумаг»")
    title = f"Тренинг {'с' if scripts else 'без'}"
    page.goto("/record/group-services")
    _fill(
        page,
        title=title,
        service="SVC.и",
        cluster=site.subjects["code"],
        held_on=ON.isoformat(),
        participants=f"{inns[0]}\t3\r\n{inns[1]}\t1\r\n{inns[2]}\t2\r\n",
    )
    expect(page.get_by_role("button", name="Записать всем")).to_have_count(0)
    page.get_by_role("button", name="Проверить список").click()
    lines = page.locator("#looked tbody tr")
    expect(lines).to_have_count(3)
    expect(lines.nth(0)).to_contain_text("можно")
    expect(lines.nth(2)).to_contain_text("condition-failed")
    expect(page.get_by_role("button", name="Записать всем")).to_have_count(0)
    assert _held(site, title) == []
    if scripts:
        assert axe(page) == []
    _fill(page, participants=f"{inns[0]}\t3\n{inns[1]}\tмного\n")
    page.get_by_role("button", name="Проверить список").click()
    expect(page.locator(".field-wrong")).to_contain_text("Строка 2")
    _fill(page, participants=f"{inns[0]}\t3\n{inns[1]}\n")
    page.get_by_role("button", name="Проверить список").click()
    expect(page.locator("#looked")).to_contain_text("запишется всем, участников — 2")
    assert _held(site, title) == []
    _send(page, "/group-services/", "Записать всем")
    assert _held(site, title) == [(2,)]


def test_a_condition_of_a_line_is_decided_away_by_whoever_may(working: Visits, site: Site) -> None:
    _ready(working.signed_in("operator"), site, firm_inn(930), "ООО «Перегонка»", okved="11.01")
    page = working.signed_in("manager", "/record/group-services")
    _fill(
        page,
        title="Ярмарка",
        service="SVC.д",
        cluster=site.subjects["code"],
        held_on=ON.isoformat(),
        participants=firm_inn(930),
    )
    page.get_by_role("button", name="Проверить список").click()
    expect(page.locator("#looked")).to_contain_text("нельзя")
    page.get_by_label("Строка 1, ООО «Перегонка», E4: основание").fill("Не производит: письмо")
    page.get_by_role("button", name="Проверить список").click()
    expect(page.locator("#looked")).to_contain_text("запишется всем")
    _send(page, "/group-services/", "Записать всем")
    assert _held(site, "Ярмарка") == [(1,)]


def test_a_list_sent_over_a_lost_connection_is_recorded_once(working: Visits, site: Site) -> None:
    working.foretold |= {"ERR_FAILED"}
    page = working.signed_in("operator")
    _ready(page, site, firm_inn(940), "ООО «Связь»")
    page.goto("/record/group-services")
    _fill(
        page,
        title="Обрыв",
        service="SVC.и",
        cluster=site.subjects["code"],
        held_on=ON.isoformat(),
        participants=firm_inn(940),
    )
    page.get_by_role("button", name="Проверить список").click()
    expect(page.locator("#looked")).to_contain_text("запишется всем")
    lost: list[str] = []

    def lose(route: Route) -> None:
        """The request arrives, its answer does not."""
        lost.append(route.request.post_data or "")
        if len(lost) == 1:
            route.fetch(max_redirects=0)
            return route.abort()
        return route.continue_()

    page.route("**/record/group-services", lose)
    page.get_by_role("button", name="Записать всем").click()
    expect(page.locator("[data-sending]")).to_contain_text("Введённое сохранено")
    page.wait_for_url("**/group-services/*")
    assert len(lost) == 2
    assert lost[0] == lost[1]
    assert _held(site, "Обрыв") == [(1,)]


def test_a_person_stands_in_no_address_and_in_nothing_that_stays(working: Visits, site: Site) -> None:
    page = working.signed_in("operator")
    addresses: list[str] = []
    page.on("request", lambda asked: addresses.append(asked.url))
    inn = person_inn(905)
    _ready(page, site, inn, "Петров Пётр Петрович", kind="entrepreneur")
    case = _open(page, site, inn)
    assert not any(inn in address for address in addresses)
    assert page.evaluate("sessionStorage.length + localStorage.length") == 0
    query = "select body::text from ckr.event where stream_id = %s"
    assert all(inn not in body for (body,) in site.rows(query, UUID(case)))


def test_each_role_sees_the_forms_that_it_may_send(working: Visits) -> None:
    operator = working.signed_in("operator", "/record")
    expect(operator.get_by_role("link", name="Открыть дело")).to_be_visible()
    expect(operator.get_by_role("link", name="План года")).to_have_count(0)
    manager = working.signed_in("manager", "/record")
    expect(manager.get_by_role("link", name="План года")).to_be_visible()
    expect(manager.get_by_role("link", name="Закрыть период")).to_be_visible()


def test_a_case_offers_what_may_still_come_of_it(working: Visits, site: Site) -> None:
    page = working.signed_in("operator")
    inn = firm_inn(907)
    _ready(page, site, inn, "ООО «По порядку»")
    case = _open(page, site, inn)
    acts = page.get_by_role("navigation", name="Записать")
    page.goto(f"/cases/{case}")
    assert acts.get_by_role("link").all_inner_texts() == [
        "Решение о соответствии условиям",
        "Прекратить дело",
    ]
    over = site.subjects["accepted"]
    page.goto(f"/cases/{over}")
    expect(acts).to_have_count(0)
    page.goto(f"/cases/{over}?as_of={YEAR_END}")
    expect(acts.get_by_role("link", name="Записать договор")).to_be_visible()
    page.goto(f"/clusters/{site.subjects['cluster']}")
    expect(acts.get_by_role("link", name="Ликвидировать кластер")).to_be_visible()
    expect(acts.get_by_role("link", name="Записать соглашение о создании")).to_have_count(0)


def test_a_plan_is_shown_as_it_is_and_set_anew(working: Visits, site: Site) -> None:
    page = working.signed_in("manager", "/record/plans/2021")
    assert page.locator("[name='values.services']").input_value() != ""
    page.goto("/record/plans/2019")
    _fill(page, values__services="600", document__title="Приказ")
    _send(page, "/kpi")
    query = "select body -> 'values' ->> 'services' from ckr.event where type = 'plan.set' and body ->> 'year' = '2019'"
    assert site.rows(query) == [("600",)]


def test_a_late_record_says_why(working: Visits, site: Site) -> None:
    page = working.signed_in(
        "operator", f"/record/participants/{site.subjects['participant']}/jobs-reports?as_of={YEAR_END}"
    )
    _fill(page, quarter="2021-Q1", headcount="12", jobs_created="1", evidence="Письмо")
    page.get_by_role("button", name="Записать").click()
    expect(page.locator(".field-wrong")).to_contain_text("period-closed")
    _fill(page, late_reason="Письмо пришло поздно")
    _send(page, f"/participants/{site.subjects['participant']}")


def test_a_register_is_asked_and_having_no_answer_is_recorded_as_such(working: Visits, site: Site) -> None:
    page = working.signed_in("operator")
    who = _register(page, firm_inn(906), "ООО «Нет ответа»")
    page.goto(f"/record/participants/{who}/registry-lookups")
    _send(page, f"/participants/{who}", "Запросить и записать")
    query = "select body ->> 'result' from ckr.event where stream_id = %s and type like '%%registry-checked'"
    assert [result for (result,) in site.rows(query, UUID(who))] in (["unavailable"], ["absent"])
    page.goto(f"/record/participants/{who}/registry-lookups")
    _fill(page, source="dadata")
    page.get_by_role("button", name="Запросить и записать").click()
    expect(page.get_by_role("alert")).to_contain_text("lookup-not-configured")


def test_a_provider_is_entered_offers_something_else_and_is_barred(working: Visits, site: Site) -> None:
    page = working.signed_in("operator", "/providers")
    page.get_by_role("link", name="Внести исполнителя").click()
    inn = firm_inn(908)
    _fill(page, inn=inn, name="ООО «Новый исполнитель»")
    page.get_by_label("м · Проведение информационных кампаний").first.check()
    _fill(page, prices__е="1000")
    page.get_by_role("button", name="Записать").click()
    expect(page.locator(".field-wrong")).to_contain_text("price-without-service")
    expect(page.locator("[name='prices.е']")).to_have_value("1000")
    _fill(page, prices__е="", prices__м="50 000,00")
    id = _send(page, "/providers/")
    query = (
        "select body -> 'prices_kopecks' from ckr.event where stream_id = %s order by position desc limit 1"
    )
    assert site.rows(query, UUID(id)) == [({"SVC.м": 5_000_000},)]

    acts = page.get_by_role("navigation", name="Записать")
    acts.get_by_role("link", name="Изменить услуги и цены").click()
    assert page.locator("[name='prices.м']").input_value() == "50000,00"
    _fill(page, prices__м="40 000")
    _send(page, "/providers/")
    assert site.rows(query, UUID(id)) == [({"SVC.м": 4_000_000},)]

    acts.get_by_role("link", name="Заблокировать исполнителя").click()
    _fill(page, reason="Сорвал сроки")
    _send(page, "/providers/")
    expect(page.get_by_text("Сорвал сроки").first).to_be_visible()
    expect(acts.get_by_role("link", name="Заблокировать исполнителя")).to_have_count(0)
    acts.get_by_role("link", name="Снять блокировку").click()
    _fill(page, reason="Разобрались")
    _send(page, "/providers/")
    expect(acts.get_by_role("link", name="Заблокировать исполнителя")).to_be_visible()


def test_a_specialist_is_entered_as_the_participant_that_he_is(working: Visits, site: Site) -> None:
    page = working.signed_in("operator")
    inn = person_inn(909)
    who = _register(page, inn, "Иванов Иван Иванович", kind="entrepreneur")
    page.goto("/record/providers")
    _fill(page, person=inn)
    page.locator("[name='services'][value='SVC.е']").check()
    id = _send(page, "/providers/")
    query = "select body ->> 'participant_id', body::text from ckr.event where stream_id = %s"
    ((participant, body),) = site.rows(query, UUID(id))
    assert participant == who
    assert inn not in body


def test_a_conflict_of_interest_is_answered_where_the_agreement_is_recorded(
    working: Visits, site: Site
) -> None:
    page = working.signed_in("operator")
    page.goto("/record/providers")
    _fill(page, inn=firm_inn(910), name="ООО «Свой»")
    page.locator("[name='services'][value='SVC.е']").check()
    page.get_by_label("Связан с центром").check()
    provider = _send(page, "/providers/")
    inn = firm_inn(911)
    _ready(page, site, inn, "ООО «Чужой»")
    case = _open(page, site, inn, provider_id=provider)
    page.goto(f"/record/cases/{case}/eligibility-decision")
    _fill(page, decision="eligible")
    _send(page, "/cases/", "Принять решение")
    page.goto(f"/record/cases/{case}/agreement")
    _fill(page, number="Д-911", signed_on=ON.isoformat())
    expect(page.get_by_text("одной группы с центром")).to_be_visible()
    page.get_by_role("button", name="Записать").click()
    expect(page.get_by_role("alert")).to_contain_text("conflict-not-answered")
    expect(page.locator("[name='number']")).to_have_value("Д-911")
    _fill(page, answers__1="Дешевле остальных")
    _send(page, "/cases/")
    expect(page.get_by_text("В договоре: Дешевле остальных")).to_be_visible()


def test_a_void_leads_to_what_is_there_though_its_subject_is_gone(working: Visits, site: Site) -> None:
    page = working.signed_in("manager", "/record/clusters")
    _fill(page, code="mistaken", title="Записан по ошибке", proposed_on=ON.isoformat())
    _send(page, "/clusters/")
    page.get_by_role("link", name="Кластер предложен").click()
    page.get_by_role("link", name="Исправить").click()
    _fill(page, reason="Такого не было")
    page.get_by_label("Отменить: этого не было").check()
    _send(page, "/events/", "Исправить")
    expect(page.get_by_role("heading", level=1)).to_contain_text("отменена")
    expect(page.get_by_text("Такого не было").first).to_be_visible()


def test_a_correction_shows_all_of_a_plan_and_changes_what_was_changed(working: Visits, site: Site) -> None:
    page = working.signed_in("manager", "/record/plans/2018")
    _fill(page, values__services="500", values__jobs_created="7", document__title="Приказ")
    _send(page, "/kpi")
    ((event,),) = site.rows(
        "select event_id from ckr.event where type = 'plan.set' and body ->> 'year' = '2018'"
    )
    page.goto(f"/record/corrections/{event}")
    expect(page.locator("[name='replacement.values.jobs_created']")).to_have_value("7")
    _fill(page, reason="Опечатка в приказе", replacement__values__services="550")
    _send(page, "/kpi", "Исправить")
    read = "select body -> 'replacement' -> 'values' from ckr.event where body ->> 'corrects' = %s"
    ((values,),) = site.rows(read, str(event))
    assert (values["services"], values["jobs_created"]) == (550, 7)


def test_a_correction_keeps_what_was_never_said_and_chooses_by_name(working: Visits, site: Site) -> None:
    page = working.signed_in("manager", "/record/providers")
    _fill(page, inn=firm_inn(912), name="ООО «Поправимый»")
    page.locator("[name='services'][value='SVC.е']").check()
    provider = _send(page, "/providers/")
    page.goto(f"/record/providers/{provider}/services")
    page.get_by_label("Связан с центром").check()
    _send(page, "/providers/")
    read = "select event_id, body from ckr.event where stream_id = %s order by position desc limit 1"
    ((changed, body),) = site.rows(read, UUID(provider))
    assert body["of_centre"] is True
    page.goto(f"/record/corrections/{changed}")
    page.locator("[name='replacement.of_centre']").uncheck()
    _fill(page, reason="Не связан")
    _send(page, "/providers/", "Исправить")
    ((_, body),) = site.rows(read, UUID(provider))
    assert body["replacement"]["of_centre"] is False
    inn = firm_inn(913)
    _ready(page, site, inn, "ООО «Заявитель»")
    case = _open(page, site, inn)
    ((added, body),) = site.rows(read, UUID(case))
    assert body.get("provider_id") is None
    page.goto(f"/record/corrections/{added}")
    _fill(page, reason="Не сам центр", replacement__provider_id=provider)
    _send(page, "/cases/", "Исправить")
    ((_, body),) = site.rows(read, UUID(case))
    assert body["replacement"]["provider_id"] == provider


def test_a_project_and_equipment_are_pasted_line_by_line(working: Visits, site: Site) -> None:
    page = working.signed_in("operator")
    inns = firm_inn(914), firm_inn(915)
    ids = [_register(page, inn, f"ООО «Звено {inn[-3:]}»") for inn in inns]
    code = site.subjects["code"]
    page.goto(f"/record/clusters/{code}/projects")
    _fill(
        page,
        title="Цепочка из списка",
        launched_on=ON.isoformat(),
        function="FN.и",
        document__title="Соглашение",
        participants="\n".join(inns),
        partners="Университет\tТомская область\nИнститут",
        chain=f"{inns[0]}; {inns[1]}; детали\n{inns[1]}; Институт; образцы; лишнее",
    )
    page.get_by_role("button", name="Записать").click()
    expect(page.locator(".field-wrong")).to_contain_text("Строка 2: В строке больше 3 частей")
    _fill(page, chain=f"{inns[0]}; {inns[1]}; детали\n{inns[1]}; Институт; образцы")
    _send(page, f"/clusters/{code}")
    read = "select event_id, body from ckr.event where body ->> 'title' = %s"
    ((_, body),) = site.rows(read, "Цепочка из списка")
    assert body["participants"] == ids
    assert body["partners"] == [{"name": "Университет", "region": "Томская область"}, {"name": "Институт"}]
    assert body["chain"] == [
        {"supplier": ids[0], "consumer": ids[1], "what": "детали"},
        {"supplier": ids[1], "consumer": "Институт", "what": "образцы"},
    ]

    page.goto(f"/record/clusters/{code}/equipment")
    _fill(
        page,
        title="Станки из списка",
        approved_on=ON.isoformat(),
        function="FN.в",
        document__title="Протокол",
        items="Станок; 0; 1 500 000,50\nПрограмма; 2; ; да",
    )
    page.get_by_role("button", name="Записать").click()
    expect(page.locator(".field-wrong")).to_contain_text("Строка 1:")
    _fill(page, items='"Станок; ЧПУ"; 1; 1 500 000,50\nПрограмма; 2; ; да')
    _send(page, f"/clusters/{code}")
    ((event, body),) = site.rows(read, "Станки из списка")
    assert body["items"] == [
        {"name": "Станок; ЧПУ", "cost_kopecks": 150_000_050},
        {"name": "Программа", "quantity": 2, "software": True},
    ]
    manager = working.signed_in("manager", f"/record/corrections/{event}")
    expect(manager.locator("[name='replacement.items']")).to_have_value(
        '"Станок; ЧПУ"; ; 1500000,50\nПрограмма; 2; ; да'  # one is what is meant where nothing is said
    )


def test_a_year_without_a_plan_says_so_and_leads_to_where_it_is_set(working: Visits) -> None:
    page = working.signed_in("manager", "/kpi?as_of=2017-05-01")
    page.locator("main").get_by_role("link", name="План года").click()
    page.wait_for_url("**/record/plans/2017?*")
    reading = working.signed_in("analyst", "/kpi?as_of=2017-05-01")
    expect(reading.get_by_text("План 2017 года не задан")).to_be_visible()
    expect(reading.locator("main").get_by_role("link", name="План года")).to_have_count(0)
