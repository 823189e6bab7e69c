"""A half-year of reporting to the register of support, told through the API, with every state worked out by hand."""

from typing import Any
from uuid import uuid4

from api.centre import (
    Client,
    accept,
    cluster,
    file_all,
    firm_inn,
    ogrn,
    ogrnip,
    person_inn,
    plain_case,
    problem,
)
from lxml import etree

REGISTER = "/support-register"


def test_a_half_year_of_reporting(operator: Client, manager: Client, auditor: Client) -> None:
    # --- the centre says who it is, and under which codes it reports
    problem(operator.post(f"{REGISTER}/files", accepted_to="2021-12-31"), 409, "nothing-due")
    shown = auditor.read(f"{REGISTER}/codes")
    assert (shown["set_on"], len(shown["codes"]["services"])) == (None, 14)
    assert shown["unverified"]  # nobody could look these up: a person confirms them by setting the table

    # --- two firms and an entrepreneur get a service each in March
    cluster(operator, "organic")
    people = {"alpha": ("legal_entity", firm_inn(1), ogrn(1), "ООО «Альфа»")}
    people["beta"] = ("legal_entity", firm_inn(2), ogrn(2), "ООО «Бета»")
    people["gamma"] = ("entrepreneur", person_inn(3), ogrnip(3), "Морошкина Дарья Павловна")
    cases, acts = {}, {}
    for name, (kind, inn, number, title) in people.items():
        who = operator.done(
            "/participants", kind=kind, inn=inn, ogrn=number, name=title, registered_on="2020-03-01"
        )["id"]
        operator.done(f"/participants/{who}/memberships", cluster="organic", joined_on="2020-03-01")
        file_all(operator, who)
        cases[name] = plain_case(operator, who, "organic", service="SVC.и")
        accepted = accept(operator, cases[name], on="2021-03-25", quantity=8, unit="час")
        acts[name] = accepted["events"][0]["event_id"]

    def states(**query: Any) -> dict[str, str]:
        found = {item["case_id"]: item["state"] for item in auditor.read(REGISTER, **query)["items"]}
        return {name: found[case] for name, case in cases.items() if case in found}

    assert states(as_of="2021-03-24") == {}
    assert set(states(as_of="2021-04-05").values()) == {"to_report"}
    assert auditor.read(REGISTER, as_of="2021-04-05")["totals"]["overdue"] == 0
    assert auditor.read(REGISTER, as_of="2021-04-06")["totals"]["overdue"] == 3

    # --- no file before the sender is known; then one file of all three
    problem(
        operator.post(f"{REGISTER}/files", made_on="2021-04-02", accepted_to="2021-12-31"),
        409,
        "sender-not-set",
    )
    sender = {"inn": firm_inn(900), "name": "АНО «Центр развития бизнеса»"}
    done = manager.put(f"{REGISTER}/codes", codes={**shown["codes"], "sender": sender})
    assert done.status_code == 201
    first = operator.post(f"{REGISTER}/files", made_on="2021-04-02", accepted_to="2021-12-31")
    assert first.status_code == 201
    assert set(states(as_of="2021-04-02").values()) == {"in_file"}
    file = etree.fromstring(auditor.http.get(first.headers["location"]).content)
    assert (file.get("ВерсФорм"), file.get("КолДок")) == ("4.04", "3")
    sizes = {(size.get("РазмПод"), size.get("ЕдПод")) for size in file.iter("РазмПод")}
    assert sizes == {("8.00", "3")}  # eight hours
    assert {form.get("КодФорм") for form in file.iter("ФормПод")} == {"0500"}  # training
    (person,) = file.iter("ФИО")
    assert (person.get("Фамилия"), person.get("Имя")) == ("Морошкина", "Дарья")

    # --- the FNS takes two of them and not the third
    def answer(file_id: str, on: str, **codes: str) -> None:
        documents = auditor.read(f"{REGISTER}/files/{file_id}")["documents"]
        by_case = {document["case_id"]: document["document_id"] for document in documents}
        said = "".join(
            f'<РезОбр ИдДок="{by_case[cases[name]]}" КодРезОбр="{code}"/>' for name, code in codes.items()
        )
        content = f'<?xml version="1.0" encoding="windows-1251"?><Файл>{said}</Файл>'.encode("cp1251")
        headers = {"Content-Type": "application/xml", "Idempotency-Key": uuid4().hex}
        path = f"/api/v1{REGISTER}/files/{file_id}/answer?answered_on={on}"
        told = operator.http.post(path, content=content, headers=headers)
        assert told.status_code == 200, told.text

    answer(first.json()["id"], "2021-04-09", alpha="01", beta="02", gamma="01")
    assert states(as_of="2021-04-09") == {"alpha": "accepted", "beta": "rejected", "gamma": "accepted"}

    # --- in May an act turns out to be void, and another to be of ten hours
    void = {"event_id": acts["alpha"], "reason": "Акт подписан не тем лицом", "void": True}
    voided = operator.done(f"/cases/{cases['alpha']}/corrections", **void)
    more = {"event_id": acts["gamma"], "reason": "Ошибка в объёме", "replacement": {"quantity": 10}}
    operator.done(f"/cases/{cases['gamma']}/corrections", **more)
    assert states(as_of="2021-05-12") == {"alpha": "to_annul", "beta": "rejected", "gamma": "to_correct"}
    then = states(as_of="2021-05-12", known_position=voided["position"] - 1)
    assert then == {"alpha": "accepted", "beta": "rejected", "gamma": "accepted"}

    # --- the next file annuls, reports again and corrects, under the same ids
    second = operator.post(f"{REGISTER}/files", made_on="2021-06-02", accepted_to="2021-12-31")
    file = etree.fromstring(auditor.http.get(second.headers["location"]).content)
    ids = {item["support_id"]: item["case_id"] for item in auditor.read(REGISTER)["items"]}
    signs = {ids[document.get("ИдПоддерж")]: document.get("ПрОбр") for document in file.findall("Документ")}
    assert signs == {cases["alpha"]: "03", cases["beta"]: "01", cases["gamma"]: "02"}
    answer(second.json()["id"], "2021-06-09", alpha="01", beta="01", gamma="01")
    assert states() == {"alpha": "annulled", "beta": "accepted", "gamma": "corrected"}
    assert auditor.read(REGISTER)["totals"] == {"annulled": 1, "accepted": 1, "corrected": 1, "overdue": 0}
    problem(operator.post(f"{REGISTER}/files", accepted_to="2021-12-31"), 409, "nothing-due")
