"""The register of support over HTTP: due, in a file, answered, corrected, annulled; codes; and who is not named."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import httpx
import psycopg
import pytest
from api.centre import (
    DOCUMENT,
    Body,
    Centre,
    Client,
    accept,
    cluster,
    complex_case,
    file_all,
    firm_inn,
    ogrn,
    ogrnip,
    person_inn,
    plain_case,
    pointers,
    problem,
    receipt,
)
from lxml import etree

PATH = "/support-register"
SENDER = {"inn": firm_inn(900), "name": "АНО «Центр»"}
NAME, INN = "Клюквина Серафима Львовна", person_inn(31_313)


def codes(client: Client, **changes: Any) -> Body:
    return {**client.read(f"{PATH}/codes")["codes"], "sender": SENDER, **changes}


def firm(operator: Client, n: int, code: str) -> str:
    made = operator.done(
        "/participants",
        kind="legal_entity",
        inn=firm_inn(n),
        ogrn=ogrn(n),
        name=f"Фирма {n}",
        registered_on="2020-03-01",
    )
    operator.done(f"/participants/{made['id']}/memberships", cluster=code, joined_on="2020-03-01")
    file_all(operator, made["id"])
    return str(made["id"])


@pytest.fixture(scope="module")
def world(operator: Client, manager: Client) -> dict[str, str]:
    """Two services of a complex case and one of a plain one in March, one of a person in April."""
    assert manager.put(f"{PATH}/codes", codes=codes(manager)).status_code == 201
    for code in ("organic", "digital"):
        cluster(operator, code)
    ids = {"firm": firm(operator, 1, "organic"), "other": firm(operator, 2, "digital")}
    made = operator.done(
        "/participants",
        kind="entrepreneur",
        inn=INN,
        ogrn=ogrnip(5),
        name=f"ИП {NAME}",
        registered_on="2020-03-01",
    )
    ids["person"] = who = str(made["id"])
    operator.done(f"/participants/{who}/memberships", cluster="organic", joined_on="2020-03-01")
    file_all(operator, who)
    ids["complex"] = complex_case(operator, ids["firm"], "organic")
    for no in (1, 2):
        accept(operator, ids["complex"], no)
    ids["plain"] = plain_case(operator, ids["other"], "digital")
    ids["act"] = accept(operator, ids["plain"])["events"][0]["event_id"]
    ids["persons"] = plain_case(operator, who, "organic")
    ids["persons act"] = accept(operator, ids["persons"], on="2021-04-12")["events"][0]["event_id"]
    return ids


def listed(client: Client, **query: Any) -> dict[tuple[str, int], Body]:
    items = client.read(PATH, **query)["items"]
    return {(item["case_id"], item["component_no"]): item for item in items}


def states(client: Client, **query: Any) -> dict[tuple[str, int], tuple[str, str | None]]:
    return {key: (item["state"], item["due"]) for key, item in listed(client, **query).items()}


def downloaded(client: Client, id: str) -> Any:
    answer = client.get(f"{PATH}/files/{id}/file.xml")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/xml"
    return etree.fromstring(answer.content)


def answered(
    client: Client,
    id: str,
    *results: tuple[str, str],
    key: str = "",
    encoding: str = "windows-1251",
    **query: str,
) -> httpx.Response:
    said = "".join(
        f'<РезОбр ИдДок="{document}" КодРезОбр="{code}" НаимПолуч="{NAME}"/>' for document, code in results
    )
    text = f'<?xml version="1.0" encoding="{encoding}"?><Файл>{said}</Файл>'
    return sent(client, id, text.encode(encoding), key=key, **query)


def sent(client: Client, id: str, content: bytes, *, key: str = "", **query: str) -> httpx.Response:
    headers = {"Content-Type": "application/xml", "Idempotency-Key": key or uuid4().hex}
    return client.http.post(
        f"/api/v1{PATH}/files/{id}/answer", content=content, headers=headers, params=query
    )


@pytest.fixture(scope="module")
def first(operator: Client, world: dict[str, str]) -> Body:
    """The receipt of the file of the acts of March, made on 2 April."""
    return operator.done(f"{PATH}/files", key="first", made_on="2021-04-02", accepted_to="2021-03-31")


def test_accepted_services_are_due_until_the_fifth_of_the_next_month(
    auditor: Client, world: dict[str, str], first: Body
) -> None:
    before = {"known_position": first["position"] - 1}
    found = listed(auditor, as_of="2021-04-05", **before)
    assert set(found) == {(world["complex"], 1), (world["complex"], 2), (world["plain"], 1)}
    assert {(i["state"], i["due"], i["due_on"], i["overdue"]) for i in found.values()} == {
        ("to_report", "report", "2021-04-05", False)
    }
    late = auditor.read(PATH, as_of="2021-04-06", overdue=True, **before)
    assert (len(late["items"]), late["totals"]) == (3, {"to_report": 3, "overdue": 3})
    assert listed(auditor, as_of="2021-03-19", **before) == {}
    again = listed(auditor, as_of="2021-12-31", **before)
    assert {again[key]["support_id"] for key in found} == {item["support_id"] for item in found.values()}


def test_a_file_holds_what_was_due_and_is_named_from_the_vault_when_it_is_asked_for(
    operator: Client, auditor: Client, world: dict[str, str], first: Body
) -> None:
    assert [event["type"] for event in first["events"]] == ["support-file.made"]
    again = operator.post(f"{PATH}/files", key="first", made_on="2021-04-02", accepted_to="2021-03-31")
    assert (again.status_code, again.headers["idempotent-replayed"]) == (201, "true")
    assert again.headers["location"] == f"/api/v1{PATH}/files/{first['id']}/file.xml"
    shown = auditor.read(f"{PATH}/files/{first['id']}")
    assert (shown["count"], shown["waiting"], shown["made_on"]) == (3, 3, "2021-04-02")
    found = listed(auditor, as_of="2021-04-02")
    assert {item["state"] for item in found.values()} == {"in_file"}
    assert {item["document_id"] for item in found.values()} == {d["document_id"] for d in shown["documents"]}
    root = downloaded(operator, first["id"])
    assert root.get("ИдФайл") == shown["name"].removesuffix(".xml")
    assert [d.get("ИдПоддерж") for d in root.findall("Документ")] == [
        d["support_id"] for d in shown["documents"]
    ]
    assert {e.get("ИННЮЛ") for e in root.iter("СвЮЛ")} == {firm_inn(1), firm_inn(2)}
    assert {e.get("ИННЮЛ") for e in root.iter("СвПредПод")} == {SENDER["inn"]}
    once, twice = (operator.get(f"{PATH}/files/{first['id']}/file.xml").content for _ in range(2))
    assert once == twice
    problem(
        operator.post(f"{PATH}/files", made_on="2021-04-02", accepted_to="2021-03-31"), 409, "nothing-due"
    )


@pytest.fixture(scope="module")
def told(operator: Client, auditor: Client, first: Body) -> Body:
    """The receipt of the answer: the plain service rejected, the two others accepted."""
    documents = auditor.read(f"{PATH}/files/{first['id']}")["documents"]
    results = [(d["document_id"], "02" if d["service"]["service"] == "SVC.е" else "01") for d in documents]
    return receipt(answered(operator, first["id"], *results, key="told", answered_on="2021-04-09"))


def test_the_answer_accepts_and_rejects_document_by_document(
    operator: Client, auditor: Client, world: dict[str, str], first: Body, told: Body
) -> None:
    assert [event["type"] for event in told["events"]] == ["support-file.answered"]
    assert states(auditor, as_of="2021-04-09") == {
        (world["complex"], 1): ("accepted", None),
        (world["complex"], 2): ("accepted", None),
        (world["plain"], 1): ("rejected", "report"),
    }
    assert {state for state, _ in states(auditor, as_of="2021-04-08").values()} == {"in_file"}
    shown = auditor.read(f"{PATH}/files/{first['id']}")
    assert (shown["accepted"], shown["rejected"], shown["waiting"]) == (2, 1, 0)
    same = [(d["document_id"], {"accepted": "01", "rejected": "02"}[d["result"]]) for d in shown["documents"]]
    once = answered(operator, first["id"], *same, key="told", answered_on="2021-04-09")
    assert (once.headers["idempotent-replayed"], once.json()) == ("true", told)
    assert receipt(answered(operator, first["id"], *same))["events"] == []
    turned = [(same[0][0], "02" if same[0][1] == "01" else "01")]
    problem(answered(operator, first["id"], *turned), 409, "already-answered")
    problem(answered(operator, first["id"], *turned, key="told"), 422, "idempotency-key-reused")
    problem(answered(operator, first["id"], (str(uuid4()), "01")), 422, "document-unknown")
    problem(answered(operator, str(uuid4()), *same), 404, "not-found")
    problem(answered(operator, first["id"], *same, answered_on="2121-01-01"), 422, "date-in-future")


def test_what_comes_from_outside_is_read_with_care(operator: Client, first: Body) -> None:
    laughs = b'<!DOCTYPE x [<!ENTITY a "a"><!ENTITY b "&a;&a;&a;">]><x>&b;</x>'
    for content, code in (
        (laughs, "xml-entities-refused"),
        ("<Файл><РезОбр/></Файл>".encode(), "document-unknown"),
        ("<Файл/>".encode(), "answer-empty"),
        ("<Файл>".encode("cp1251"), "xml-encoding"),
        (b"", "xml-wrong-root"),
    ):
        problem(sent(operator, first["id"], content), 422, code)
    huge = "<Файл>".encode() + b" " * 1_100_000 + "</Файл>".encode()
    assert sent(operator, first["id"], huge).status_code == 413
    headers = {"Idempotency-Key": "x", "Content-Type": "application/json"}
    path = f"/api/v1{PATH}/files/{first['id']}/answer"
    problem(operator.http.post(path, content=b"{}", headers=headers), 415, "answer-file-required")
    problem(operator.http.post(path, content=laughs), 400, "idempotency-key-required")


def test_what_is_put_right_after_it_was_accepted_is_due_again(
    operator: Client, auditor: Client, world: dict[str, str], told: Body
) -> None:
    acts = {
        item["body"]["component_no"]: item["event_id"]
        for item in auditor.read(f"/cases/{world['complex']}/timeline")["items"]
        if item["type"] == "service-case.service-accepted"
    }
    fixed = operator.done(
        f"/cases/{world['complex']}/corrections",
        event_id=acts[1],
        reason="Ошибка в объёме",
        replacement={"quantity": 4},
    )
    operator.done(
        f"/cases/{world['complex']}/corrections", event_id=acts[2], reason="Акта не было", void=True
    )
    found = listed(auditor, as_of="2021-05-03")
    assert (found[world["complex"], 1]["state"], found[world["complex"], 2]["state"]) == (
        "to_correct",
        "to_annul",
    )
    assert found[world["complex"], 1]["service"]["quantity"] == 4
    then = listed(auditor, as_of="2021-05-03", known_position=fixed["position"] - 1)
    assert {item["state"] for key, item in then.items() if key[0] == world["complex"]} == {"accepted"}
    second = operator.done(f"{PATH}/files", made_on="2021-05-04", accepted_to="2021-12-31")
    root = downloaded(operator, second["id"])
    said = {d.get("ИдПоддерж"): d for d in root.findall("Документ")}
    signs = {id: d.get("ПрОбр") for id, d in said.items()}
    assert signs[found[world["complex"], 1]["support_id"]] == "02"
    assert signs[found[world["complex"], 2]["support_id"]] == "03"
    assert signs[found[world["plain"], 1]["support_id"]] == "01"
    (person,) = root.iter("СвФЛ")
    assert (person.get("ИННФЛ"), dict(person[0].attrib)) == (
        INN,
        {"Фамилия": "Клюквина", "Имя": "Серафима", "Отчество": "Львовна"},
    )
    documents = auditor.read(f"{PATH}/files/{second['id']}")["documents"]
    results = [(d["document_id"], "01") for d in documents]
    receipt(answered(operator, second["id"], *results, encoding="utf-8"))
    assert {key: state for key, (state, _) in states(auditor).items()} == {
        (world["complex"], 1): "corrected",
        (world["complex"], 2): "annulled",
        (world["plain"], 1): "accepted",
        (world["persons"], 1): "accepted",
    }
    files = [file["id"] for page in auditor.walk(f"{PATH}/files", limit=1) for file in page]
    assert files[0] == second["id"]
    assert len(files) == 2


def test_a_file_is_not_made_before_the_last_one(operator: Client, world: dict[str, str], told: Body) -> None:
    case = plain_case(operator, world["other"], "digital", service="SVC.н")
    accept(operator, case, on="2021-03-29")
    early = {"made_on": "2021-04-01", "accepted_to": "2021-03-31"}
    problem(operator.post(f"{PATH}/files", **early), 409, "before-last-file")
    operator.done(f"{PATH}/files", **{**early, "made_on": "2021-05-05"})


def test_an_act_that_moves_into_another_year_is_corrected_and_not_reported_again(
    operator: Client, auditor: Client, world: dict[str, str], told: Body
) -> None:
    case = plain_case(operator, world["other"], "digital", service="SVC.о")
    event = accept(operator, case, on="2021-03-30")["events"][0]["event_id"]
    own = {"support_ids": [listed(auditor)[case, 1]["support_id"]], "accepted_to": "2022-01-31"}
    first = operator.done(f"{PATH}/files", made_on="2021-05-06", **own)["id"]
    (document,) = auditor.read(f"{PATH}/files/{first}")["documents"]
    receipt(answered(operator, first, (document["document_id"], "01"), answered_on="2021-05-07"))
    moved = {"event_id": event, "reason": "Подписан в январе", "replacement": {"accepted_on": "2022-01-12"}}
    operator.done(f"/cases/{case}/corrections", **moved)
    second = operator.done(f"{PATH}/files", made_on="2022-02-03", **own)["id"]
    (again,) = auditor.read(f"{PATH}/files/{second}")["documents"]
    assert (again["operation"], again["support_id"]) == ("correct", document["support_id"])
    receipt(answered(operator, second, (again["document_id"], "01"), answered_on="2022-02-09"))


def test_a_file_that_was_not_sent_is_voided_and_all_is_due_again(
    operator: Client, auditor: Client, world: dict[str, str], told: Body
) -> None:
    case = plain_case(operator, world["firm"], "organic")
    accept(operator, case, on="2021-04-20")
    made = operator.done(f"{PATH}/files", accepted_to="2021-04-30")
    event = made["events"][0]["event_id"]
    assert listed(auditor)[case, 1]["state"] == "in_file"
    other = f"{PATH}/files/{auditor.read(f'{PATH}/files')['items'][1]['id']}/corrections"
    problem(operator.post(other, event_id=event, reason="x", void=True), 409, "not-in-this-stream")
    path = f"{PATH}/files/{made['id']}/corrections"
    operator.done(path, event_id=event, reason="Не отправляли", void=True)
    assert listed(auditor)[case, 1]["state"] == "to_report"
    problem(auditor.get(f"{PATH}/files/{made['id']}"), 404, "not-found")
    problem(auditor.get(f"{PATH}/files/{made['id']}/file.xml"), 404, "not-found")
    chosen = listed(auditor)[case, 1]["support_id"]
    problem(
        operator.post(f"{PATH}/files", support_ids=[str(uuid4())], accepted_to="2021-12-31"), 409, "not-due"
    )
    assert operator.done(f"{PATH}/files", support_ids=[chosen], accepted_to="2021-12-31")["events"]


def test_whatever_lacks_something_is_named_and_no_file_is_made(
    operator: Client, auditor: Client, centre: Centre, world: dict[str, str], told: Body
) -> None:
    bare = operator.done(
        "/participants", kind="legal_entity", inn=firm_inn(8), name="Без ОГРН", registered_on="2020-03-01"
    )["id"]
    operator.done(f"/participants/{bare}/memberships", cluster="organic", joined_on="2020-03-01")
    file_all(operator, bare)
    case = plain_case(operator, bare, "organic")
    accept(operator, case, on="2021-04-21")
    good = plain_case(operator, world["firm"], "organic", service="SVC.н")
    accept(operator, good, on="2021-04-21")
    head = centre.head()
    refused = problem(operator.post(f"{PATH}/files", accepted_to="2021-12-31"), 409, "support-incomplete")
    bad_id = listed(auditor)[case, 1]["support_id"]
    assert [(error["code"], error["given"]) for error in refused["errors"]] == [("ogrn-missing", bad_id)]
    assert centre.head() == head
    good_id = listed(auditor)[good, 1]["support_id"]
    operator.done(f"{PATH}/files", support_ids=[good_id], accepted_to="2021-12-31")
    operator.done(f"/participants/{bare}/identity", changed_on="2021-05-01", ogrn=ogrn(8))
    operator.done(f"{PATH}/files", accepted_to="2021-12-31")
    assert listed(auditor)[case, 1]["state"] == "in_file"


def test_no_service_is_in_two_files_however_many_are_made_at_once(
    operator: Client, auditor: Client, world: dict[str, str], told: Body
) -> None:
    cases = [plain_case(operator, world["firm"], "organic", applied_on=f"2021-03-{n}") for n in (10, 11)]
    for case in cases:
        accept(operator, case, on="2021-04-22")
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda _: operator.post(f"{PATH}/files", accepted_to="2021-12-31"), range(6)))
    assert sorted(a.status_code for a in answers) in ([200, 409, 409, 409, 409, 409], [201, *[409] * 5])
    assert {a.json()["code"] for a in answers if a.status_code == 409} == {"nothing-due"}


# --- codes


def test_codes_are_a_table_with_a_history(
    operator: Client, manager: Client, auditor: Client, world: Any
) -> None:
    shown = auditor.read(f"{PATH}/codes")
    assert (shown["set_by"], shown["unverified"]) == (manager.actor, [])
    assert shown["codes"]["sender"] == SENDER
    problem(operator.put(f"{PATH}/codes", codes=shown["codes"]), 403, "role-not-allowed")
    wrong = manager.put(f"{PATH}/codes", codes={**shown["codes"], "forms": [], "report_day": 31})
    assert ("/codes/report_day", "out-of-range") in pointers(problem(wrong, 422, "out-of-range"))
    missing = manager.put(f"{PATH}/codes", codes={**shown["codes"], "services": []})
    assert ("/codes/services", "required") in pointers(problem(missing, 422, "required"))
    same = manager.put(f"{PATH}/codes", codes=shown["codes"])
    assert same.json()["events"] == []
    changed = manager.put(f"{PATH}/codes", codes={**shown["codes"], "report_day": 10}, document=DOCUMENT)
    position = changed.json()["position"]
    assert auditor.read(f"{PATH}/codes")["codes"]["report_day"] == 10
    assert auditor.read(f"{PATH}/codes", known_position=position - 1)["codes"]["report_day"] == 5
    history = auditor.read(f"{PATH}/codes/timeline")["items"]
    assert [item["body"]["codes"]["report_day"] for item in history] == [5, 10]
    manager.put(f"{PATH}/codes", codes=shown["codes"])


# --- who sees what


def test_pages_and_filters_lose_nothing(auditor: Client, world: dict[str, str], told: Body) -> None:
    whole = auditor.read(PATH)
    pages = list(auditor.walk(PATH, limit=2))
    assert [item for page in pages for item in page] == whole["items"]
    assert sum(n for state, n in whole["totals"].items() if state != "overdue") == len(whole["items"])
    of_one = listed(auditor, participant_id=world["other"])
    assert of_one == listed(auditor, cluster="digital") != {}
    accepted = auditor.read(PATH, state="accepted")["items"]
    assert {item["state"] for item in accepted} == {"accepted"}
    problem(auditor.get(PATH, state="lost"), 422, "query-invalid")
    problem(auditor.get(PATH, cursor="x"), 422, "cursor-invalid")


def test_a_key_of_a_cluster_sees_its_own_services_and_no_file(
    centre: Centre, world: dict[str, str], first: Body
) -> None:
    own = centre.client("operator", cluster="digital")
    assert {item["cluster"] for item in listed(own).values()} == {"digital"}
    problem(own.get(PATH, cluster="organic"), 404, "not-found")
    for answer in (own.get(f"{PATH}/files"), own.get(f"{PATH}/files/{first['id']}/file.xml")):
        problem(answer, 403, "cluster-key")


def test_no_table_knows_who_was_named(centre: Centre, world: dict[str, str], told: Body) -> None:
    with psycopg.connect(centre.database.admin_conninfo(), autocommit=True) as conn:
        knowing = set(_knowing(conn))
    assert knowing == {"ckr.identity"}


def _knowing(conn: psycopg.Connection[Any]) -> Iterator[str]:
    query = """
        select n.nspname || '.' || c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
        where c.relkind = 'r' and n.nspname not in ('pg_catalog', 'information_schema')
    """
    for (table,) in conn.execute(query).fetchall():
        text = "\n".join(row for (row,) in conn.execute(f"select t::text from {table} t".encode()))
        if "Клюквин" in text or INN in text:
            yield table


def test_whoever_is_erased_can_be_reported_no_more(
    centre: Centre, operator: Client, auditor: Client, manager: Client, world: dict[str, str], told: Body
) -> None:
    second = auditor.read(f"{PATH}/files")["items"]
    named = [
        file["id"]
        for file in second
        if any(
            d["participant_id"] == world["person"]
            for d in auditor.read(f"{PATH}/files/{file['id']}")["documents"]
        )
    ]
    assert named
    case = plain_case(operator, world["person"], "organic", service="SVC.н")
    accept(operator, case, on="2021-04-23")
    assert listed(auditor)[case, 1]["state"] == "to_report"
    paper = {"act_number": "7", "act_date": "2021-12-30", "basis": "Отзыв согласия"}
    path = f"/participants/{world['person']}/erasure"
    assert centre.admin.post(path, **paper).status_code == 202
    manager.done(path, **paper)
    found = listed(auditor)[case, 1]
    assert (found["state"], found["due"], found["overdue"]) == ("erased", None, False)
    refused = problem(operator.get(f"{PATH}/files/{named[0]}/file.xml"), 409, "identity-erased")
    assert len(refused["errors"]) == 1
    assert auditor.read(f"{PATH}/files/{named[0]}")["accepted"] > 0
    problem(operator.post(f"{PATH}/files", accepted_to="2021-12-31"), 409, "nothing-due")
