"""An erasure is whole or is nothing: whoever is at work, whoever is faster, whatever breaks in between."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from api.centre import Body, Centre, Client, firm, ogrnip, person_inn, problem
from api.test_imports import commit, looked
from imports.commands import line

DOOR, SME, IMPORT = 7161934518202111, 7161934518202121, 716193451
ACT: Body = {"act_number": "1", "act_date": "2021-12-30", "basis": "Отзыв согласия"}


def entrepreneur(operator: Client, n: int) -> str:
    made = operator.done(
        "/participants",
        kind="entrepreneur",
        inn=person_inn(n),
        name=f"Стойкий{n} Пётр",
        registered_on="2021-02-01",
        contacts=f"p{n}@example.org",
    )
    return str(made["id"])


def proposed(centre: Centre, n: int) -> tuple[str, str]:
    """A person whose erasure awaits its second word, and the route of it."""
    who = entrepreneur(centre.operator, n)
    path = f"/participants/{who}/erasure"
    assert centre.admin.post(path, **ACT).status_code == 202
    return who, path


def state(centre: Centre, who: str) -> tuple[Any, ...]:
    """All that an erasure would change."""
    return (
        centre.rows("select count(*) from ckr.identity where participant_id = %s", who),
        centre.rows("select count(*) from ckr.event where stream_id = %s", who),
        centre.rows("select encode(request_hash, 'hex') from ckr.command where subject = %s", who),
        centre.rows("select state, sha256 from imports.import order by id"),
        centre.rows("select count(*) from imports.row"),
        centre.rows("select confirmed_by, destroyed::text from ckr.erasure where participant_id = %s", who),
    )


@contextmanager
def held(centre: Centre, *lock: int) -> Iterator[None]:
    with psycopg.connect(centre.database.admin_conninfo(), autocommit=True) as conn:
        conn.execute(f"select pg_advisory_lock({', '.join(map(str, lock))})".encode())
        yield


def waiting_at_the_door(centre: Centre) -> int:
    """The server process that has emptied everything and waits to record it."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        found = centre.rows(
            "select pid from pg_stat_activity where wait_event_type = 'Lock' and wait_event = 'advisory'"
            " and query like '%%ckr.append%%' and datname = current_database() and xact_start is not null"
        )
        if found:
            return int(found[0][0])
        time.sleep(0.02)
    raise AssertionError("nobody waits at the door")


def test_what_breaks_between_the_emptying_and_the_event_leaves_all_as_it_was(centre: Centre) -> None:
    who, path = proposed(centre, 1)
    looked(centre.operator, [line("/participants", inn=person_inn(1), kind="entrepreneur", name="Стойкий1 Пётр",
                                  registered_on="2021-02-01")])  # fmt: skip
    before = state(centre, who)
    key = uuid4().hex
    answers: list[Any] = []
    with held(centre, DOOR):
        asking = threading.Thread(target=lambda: answers.append(centre.manager.post(path, key=key, **ACT)))
        asking.start()
        centre.rows("select pg_terminate_backend(%s)", waiting_at_the_door(centre))
        asking.join(20)
    problem(answers[0], 503, "outcome-unknown")
    assert state(centre, who) == before
    done = centre.manager.post(path, key=key, **ACT)
    assert done.status_code == 200
    after = state(centre, who)
    assert (after[0], after[4]) == ([(0,)], [(0,)])
    assert after[3] != before[3]
    again = centre.manager.post(path, key=key, **ACT)
    assert (again.headers["idempotent-replayed"], again.json()) == ("true", done.json())


@pytest.mark.parametrize("lock", [(SME,), (SME + 1,)])
def test_nobody_is_erased_while_a_register_is_loaded(centre: Centre, lock: tuple[int, ...]) -> None:
    who, path = proposed(centre, 10 + lock[0] - SME)
    before = state(centre, who)
    with held(centre, *lock):
        problem(centre.manager.post(path, key=f"busy-{lock}", **ACT), 409, "work-in-progress")
    assert state(centre, who) == before
    assert centre.manager.post(path, key=f"busy-{lock}", **ACT).status_code == 200


def test_nobody_is_erased_while_an_import_is_worked_at_or_recorded_by_half(centre: Centre) -> None:
    who, path = proposed(centre, 20)
    told = looked(
        centre.operator, [line(f"/participants/{who}/identity", changed_on="2021-03-01", name="Стойкий20")]
    )
    hashed = centre.rows("select hashtext(%s)", told["id"])[0][0]
    with held(centre, IMPORT, hashed):
        problem(centre.manager.post(path, **ACT), 409, "work-in-progress")
    centre.rows(
        "update imports.import set state = 'committing', done = 0 where id = %s returning 1", told["id"]
    )
    problem(centre.manager.post(path, **ACT), 409, "import-unfinished")
    assert commit(centre.operator, told["id"]).status_code == 200
    assert centre.operator.read(f"/participants/{who}")["name"] == "Стойкий20"
    assert centre.manager.post(path, **ACT).status_code == 200


def test_an_import_that_names_others_only_goes_on(centre: Centre) -> None:
    _, path = proposed(centre, 30)
    told = looked(centre.operator, [line("/participants", inn=person_inn(31), kind="entrepreneur", name="Иная",
                                         registered_on="2021-02-01")])  # fmt: skip
    assert centre.manager.post(path, **ACT).status_code == 200
    assert commit(centre.operator, told["id"]).json()["recorded"]["rows"]["recorded"] == 1


def test_who_changes_the_identity_meanwhile_is_heard_or_refused(centre: Centre) -> None:
    """Whatever the order: in the end nothing is kept, and nobody's change outlives the erasure."""
    who, path = proposed(centre, 40)
    statuses: list[int] = []

    def change(n: int) -> None:
        body = {"changed_on": "2021-03-01", "name": f"Стойкий40 Пётр {n}-й"}
        statuses.append(centre.operator.post(f"/participants/{who}/identity", **body).status_code)

    threads = [threading.Thread(target=change, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    done = centre.manager.post(path, **ACT)
    for thread in threads:
        thread.join(20)
    if done.status_code != 200:
        assert done.status_code in (409, 503)
        assert centre.manager.post(path, **ACT).status_code == 200
    assert set(statuses) <= {200, 409, 503}
    assert centre.rows("select count(*) from ckr.identity where participant_id = %s", who) == [(0,)]


def test_a_firm_loses_its_contacts_and_keeps_its_name(centre: Centre) -> None:
    operator = centre.operator
    who = firm(operator, 50)
    path = f"/participants/{who}/erasure"
    problem(centre.admin.post(path, **ACT), 409, "nothing-to-erase")
    operator.done(f"/participants/{who}/identity", changed_on="2021-03-01", contacts="Пётр, 8 391 222-33-44")
    assert centre.admin.post(path, **ACT).status_code == 202
    assert centre.manager.post(path, **ACT).status_code == 200
    shown = operator.read(f"/participants/{who}")
    assert (shown["name"], shown["contacts"], shown["identity_erased"]) == ("Фирма 50", None, True)
    operator.done(
        f"/participants/{who}/identity", changed_on="2021-04-01", contacts="Анна", name="Фирма 50 новая"
    )
    assert operator.read(f"/participants/{who}")["contacts"] == "Анна"
    again = {**ACT, "act_number": "2"}
    assert centre.admin.post(path, **again).status_code == 202
    assert centre.manager.post(path, **again).status_code == 200
    assert centre.auditor.read(f"/participants/{who}/erasure/act", format="json")["act_number"] == "2"


def test_a_later_proposal_replaces_the_earlier_one(centre: Centre) -> None:
    _, path = proposed(centre, 60)
    assert centre.admin.post(path, **{**ACT, "act_number": "1-а"}).status_code == 202
    problem(centre.manager.post(path, **ACT), 409, "erasure-differs")
    assert centre.manager.post(path, **{**ACT, "act_number": "1-а"}).status_code == 200


def test_an_erasure_is_no_line_of_an_import(centre: Centre) -> None:
    who, _ = proposed(centre, 70)
    told = looked(centre.operator, [line(f"/participants/{who}/erasure", **ACT)])
    assert told["preview"]["rows"]["refused"] == 1
    problem(centre.auditor.get(f"/participants/{uuid4()}/erasure"), 404, "not-found")
    problem(centre.auditor.get(f"/participants/{who}/erasure/act"), 404, "not-found")
    problem(centre.admin.post(f"/participants/{uuid4()}/erasure", **ACT), 404, "not-found")


def test_what_the_log_would_keep_for_ever_is_refused(centre: Centre) -> None:
    """A person's numbers and addresses in free text and in keys; another twelve digits are nobody's."""
    operator = centre.operator
    who = entrepreneur(operator, 80)
    before = centre.head()
    report = {"quarter": "2021-Q1", "headcount": 1, "jobs_created": 1}
    for text in (
        person_inn(80),
        f"ИП {person_inn(80)}, справка",
        ogrnip(5),
        "p@example.org",
        "тел. +7 (391) 222-33-44",
    ):
        told = problem(
            operator.post(f"/participants/{who}/jobs-reports", evidence=text, **report), 422, "personal-data"
        )
        assert text not in str(told)
    for key in (f"jobs-{person_inn(80)}", "p@example.org"):
        problem(
            operator.post(f"/participants/{who}/jobs-reports", key=key, evidence="x", **report),
            422,
            "personal-data",
        )
    new = {"kind": "entrepreneur", "inn": person_inn(81), "name": "Новый Пётр", "registered_on": "2021-02-01"}
    problem(operator.post("/participants", key=f"new-{person_inn(81)}", **new), 422, "personal-data")
    assert centre.head() == before
    told = looked(operator, [line(f"/participants/{who}/jobs-reports", evidence=person_inn(80), **report)])
    assert told["preview"]["rows"]["refused"] == 1
    for text in (person_inn(82), "202603101234", "№ 320240000051234", "8-391-222"):
        assert operator.post(f"/participants/{who}/jobs-reports", evidence=text, **report).status_code == 200


def test_a_proposal_says_where_free_text_names_the_person_all_the_same(centre: Centre) -> None:
    who = entrepreneur(centre.operator, 90)
    report = {"quarter": "2021-Q1", "headcount": 1, "jobs_created": 1}
    named = centre.operator.done(f"/participants/{who}/jobs-reports", evidence="со слов Стойкий90", **report)
    told = centre.admin.post(f"/participants/{who}/erasure", **ACT).json()
    assert told["mentions"] == [named["position"]]
