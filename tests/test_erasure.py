"""A person comes in by every way there is, is erased, and is found nowhere; what was counted stays as it was."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import date
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

import httpx
import psycopg
import pytest
from api.centre import (
    Body,
    Centre,
    Client,
    accept,
    cluster,
    file_all,
    firm_inn,
    ogrnip,
    person_inn,
    plain_case,
    problem,
    receipt,
)
from imports.test_lists import book
from psycopg import sql
from pypdf import PdfReader
from python_calamine import load_workbook
from registry import dadata_server
from registry.dadata_server import party, suggestions
from registry.generator import Received, Sme, write_sme, write_support
from test_privacy import served

from ckr_es.audit.checkpoints import PublicKey
from ckr_es.audit.replay import replay_decisions
from ckr_es.projections import rebuild
from ckr_es.store.database import Database
from ckr_es.store.settings import Settings

NAME, RENAMED = "Голубикина Устинья Саввична", "Брусникина Устинья Саввична"
MAIL, PHONE, OTHER = "ustinya-marker@example.org", "+7 391 444-55-66", "+7 391 444-77-88"
INN, OGRNIP = person_inn(646_464), ogrnip(717_171)
MARKERS = ("Голубикин", "Брусникин", "Устинья", MAIL, PHONE, "444-55-66", OTHER, INN, OGRNIP)
FORMS = [form for marker in MARKERS for form in (marker, json.dumps(marker)[1:-1], marker.encode().hex())]
ACT: Body = {"act_number": "7-ПД", "act_date": "2021-12-30", "basis": "Отзыв согласия от 28.12.2021"}
TABLES = """
    select n.nspname, c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where c.relkind in ('r', 'm', 'p') and n.nspname not in ('information_schema', 'pg_toast')
    order by 1, 2
"""


class World(NamedTuple):
    centre: Centre
    database: Database
    home: Path
    who: str
    case: str
    hashes: tuple[str, ...]
    file: str
    signed: httpx.Response
    before: dict[str, bytes]
    knew: set[str]


def known_in(text: str) -> set[str]:
    folded = text.casefold()
    return {form for form in FORMS if form.casefold() in folded}


def dumped(database: Database) -> Iterator[tuple[str, str]]:
    """Every table of every schema, the server's own statistics among them, as text."""
    with psycopg.connect(database.admin_conninfo(), autocommit=True) as conn:
        for schema, table in conn.execute(TABLES).fetchall():
            query = sql.SQL("select t::text from {} t").format(sql.Identifier(schema, table))
            yield f"{schema}.{table}", "\n".join(row for (row,) in conn.execute(query))


def knowing(database: Database) -> dict[str, set[str]]:
    return {table: found for table, text in dumped(database) if (found := known_in(text))}


def person(**other: Any) -> Body:
    return {
        "kind": "entrepreneur", "inn": INN, "ogrn": OGRNIP, "name": NAME, "registered_on": "2021-01-15",
        "contacts": f"{MAIL}, {PHONE}", **other,
    }  # fmt: skip


def uploaded(client: Client, path: str, body: bytes) -> Body:
    said = {"Idempotency-Key": uuid4().hex, "Content-Type": "application/octet-stream", "Prefer": "wait=30"}
    answer = client.http.post(f"/api/v1{path}", content=body, headers=said)
    assert answer.status_code in (200, 201), answer.text
    told: Body = answer.json()
    return told


def lines(*commands: tuple[str, Body]) -> bytes:
    return b"".join(json.dumps({"path": path, "body": body}).encode() + b"\n" for path, body in commands)


def hashed(path: str, body: Body) -> str:
    said = (
        "POST",
        f"/api/v1{path}",
        json.dumps(body, sort_keys=True, ensure_ascii=False, separators=(",", ":")),
    )
    return sha256("\n".join(said).encode()).hexdigest()


def printed(answer: httpx.Response) -> str:
    assert answer.status_code == 200, answer.text
    if answer.headers["content-type"].startswith("application/pdf"):
        return "\n".join(page.extract_text() for page in PdfReader(BytesIO(answer.content)).pages)
    if "spreadsheet" in answer.headers["content-type"]:
        sheets = load_workbook(BytesIO(answer.content))
        return str([sheets.get_sheet_by_name(name).to_python() for name in sheets.sheet_names])
    return answer.text


REPORTS = ("/periods/2021-Q1/report.json", "/periods/2021-Q1/report.xlsx", "/periods/2021-Q1/report.pdf")


def counted(centre: Centre, known: int) -> dict[str, bytes]:
    """What must not change: closed reports, and the table and evidence as known before the erasure."""
    found = {path: centre.auditor.http.get(f"/api/v1{path}").content for path in REPORTS}
    for path, items in (("/kpi", "rows"), ("/kpi/supported_smes/evidence", "items")):
        answer = centre.auditor.read(path, as_of="2021-12-31", known_position=known)
        found[path] = json.dumps(answer[items]).encode()
    return found


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with tempfile.TemporaryDirectory(prefix="ckr-es-") as folder, dadata_server.serving() as dadata:
        Path(folder).chmod(0o711)
        home = Path(folder, "data")
        environ = {"CKR_DADATA_TOKEN": "t", "CKR_DADATA_URL": dadata.url}
        dadata.answers(suggestions(party(INN, ogrn=OGRNIP, name={"short_with_opf": f"ИП {RENAMED}"})))
        with (
            served(home, home.parent / "server.log", **environ) as base,
            Database.open(Settings(data_dir=home)) as database,
        ):
            centre = Centre(base, database)
            yield planted(centre, database, home)
            centre.close()


def planted(centre: Centre, database: Database, home: Path) -> World:
    """The person by every way in: commands well and badly told, files of each kind, registers, leftovers."""
    operator = centre.operator
    cluster(operator, "berries")
    centre.manager.done("/periods/2020-Q1/closing", approved_by="директор")
    problem(operator.post("/participants", **person(registered_on="2020-02-01")), 409, "period-closed")
    hashes = [hashed("/participants", person(registered_on="2020-02-01"))]
    who = operator.done("/participants", key="person", **person())["id"]
    assert operator.done("/participants", **person())["events"] == []
    hashes.append(hashed("/participants", person()))
    operator.done(f"/participants/{who}/memberships", cluster="berries", joined_on="2021-01-20")
    file_all(operator, who)
    case = plain_case(operator, who, "berries")
    accept(operator, case)
    told_of = reported(centre)
    change: Body = {"changed_on": "2021-05-01", "name": RENAMED}
    operator.done(f"/participants/{who}/identity", **change)
    hashes.append(hashed(f"/participants/{who}/identity", change))
    refused = {"changed_on": "2020-02-02", "contacts": PHONE}
    problem(operator.post(f"/participants/{who}/identity", **refused), 409, "period-closed")
    hashes.append(hashed(f"/participants/{who}/identity", refused))

    contacts = {"changed_on": "2021-05-02", "contacts": f"{MAIL}, {OTHER}"}
    commits = lines(("/participants", person()), (f"/participants/inn:{INN}/identity", contacts))
    waits = lines(("/participants", person(name=RENAMED)), (f"/participants/{who}/identity", contacts))
    wrong = lines(
        ("/participants", person(registered_on=RENAMED, inn=INN[:-1])), ("/participants", person(a=MAIL))
    )
    listed = book(
        home.parent / "list.xlsx",
        ("Лист", [
            ("Вид", "ИНН", "Наименование", "Дата регистрации", "Контакты"),
            ("ИП", INN, RENAMED, date(2021, 1, 15), MAIL),
            ("ИП", INN, "x", RENAMED, MAIL),
        ]),
    )  # fmt: skip
    for body in (commits, waits, wrong, listed.read_bytes()):
        told = uploaded(operator, "/imports", body)
        assert told["state"] == "previewed", told
        hashes.append(sha256(body).hexdigest())
        if body is commits:
            answer = operator.post(f"/imports/{told['id']}/commit", headers={"Prefer": "wait=30"})
            assert answer.json()["recorded"]["rows"]["refused"] == 0, answer.text
    listed.unlink()
    sme = write_sme(
        home.parent / "sme.zip", 20, given=[Sme(inn=INN), Sme(inn=firm_inn(5))], as_of=date.today()
    )
    support = write_support(home.parent / "pp.zip", [Received(inn=INN)], as_of=date.today())
    for path, file in (("sme", sme), ("support", support)):
        assert uploaded(operator, f"/registry/{path}-snapshots", file.read_bytes())["found"] == 1
        file.unlink()
    for source in ("snapshot", "dadata"):
        operator.done(f"/participants/{who}/registry-lookups", source=source)
        told = operator.post("/registry/lookups", key=None, inn=INN, source=source).json()
        assert told["company"]["inn"] == INN
        hashes.append(told["answer_sha256"] if source == "dadata" else "\0")
    operator.post("/participants/search", key=None, q="брусник")
    Path(home, "spool").mkdir(exist_ok=True)
    Path(home, "spool", "upload-4194303-left").write_text(RENAMED)
    centre.manager.done("/periods/2021-Q1/closing", approved_by="директор")
    centre.auditor.read("/participants", min_position=centre.head())
    with psycopg.connect(database.admin_conninfo(), autocommit=True) as conn:
        conn.execute("analyze")
    before = counted(centre, centre.head())
    knew = set(knowing(database))
    signed = centre.auditor.get("/ledger/checkpoint", min_position=centre.head())
    return World(centre, database, home, str(who), case, tuple(hashes), told_of, signed, before, knew)


def reported(centre: Centre) -> str:
    """The id of a file by which the person went to the register of support; the answer names them too."""
    codes = centre.manager.read("/support-register/codes")["codes"]
    sender = {"inn": firm_inn(900), "name": "Центр"}
    assert centre.manager.put("/support-register/codes", codes={**codes, "sender": sender}).status_code == 201
    file = centre.operator.done("/support-register/files", accepted_to="2021-04-02")["id"]
    path = f"/support-register/files/{file}"
    sent = centre.auditor.get(f"{path}/file.xml").text
    assert {"Голубикин", INN, OGRNIP} <= known_in(sent)
    (document,) = centre.auditor.read(path)["documents"]
    said = f'<РезОбр ИдДок="{document["document_id"]}" КодРезОбр="01" НаимПолуч="{NAME} {INN}"/>'
    headers = {"Idempotency-Key": uuid4().hex, "Content-Type": "application/xml"}
    for content, status in ((f"<Файл>{said}</Файл>", 200), (f"<Файл>{said}", 422), (sent, 422)):
        told = centre.operator.http.post(f"/api/v1{path}/answer", content=content.encode(), headers=headers)
        assert told.status_code == status, told.text
        assert not known_in(told.text)
        headers = {**headers, "Idempotency-Key": uuid4().hex}
    return str(file)


def search(client: Client, q: str) -> list[Any]:
    found: list[Any] = client.post("/participants/search", key=None, q=q).json()["items"]
    return found


@pytest.fixture(scope="module")
def erased(world: World) -> Body:
    """The receipt of the erasure, after all that stands before it."""
    centre, path = world.centre, f"/participants/{world.who}/erasure"
    problem(centre.manager.post(path, **ACT), 409, "erasure-not-proposed")
    for field in ("act_number", "basis"):
        named = problem(centre.admin.post(path, **{**ACT, field: f"о {RENAMED[:10]}"}), 422, "personal-data")
        assert not known_in(json.dumps(named))
    problem(centre.operator.post(path, **ACT), 403, "role-not-allowed")
    problem(centre.admin.post(path, **{**ACT, "act_date": "2121-01-01"}), 422, "date-in-future")
    head = centre.head()
    proposed = centre.admin.post(path, key="erase", **ACT)
    assert (proposed.status_code, proposed.json()["status"]) == (202, "proposed")
    again = centre.admin.post(path, key="erase", **ACT)
    assert (again.headers["idempotent-replayed"], again.json()) == ("true", proposed.json())
    problem(centre.admin.post(path, key="erase", **{**ACT, "act_number": "8"}), 422, "idempotency-key-reused")
    assert centre.head() == head
    differs = problem(centre.manager.post(path, **{**ACT, "act_number": "8-ПД"}), 409, "erasure-differs")
    assert [error["pointer"] for error in differs["errors"]] == ["/act_number"]
    assert search(centre.operator, "брусник")
    for q in ("брусникина", INN, OGRNIP):
        found = centre.operator.post("/search", key=None, q=q).json()["items"]
        assert [hit["id"] for hit in found] == [world.who], q
    paper = printed(centre.auditor.get(f"/participants/{world.who}/extract.pdf"))
    assert {INN, OGRNIP, "Брусникин"} <= known_in(paper)
    done = centre.manager.post(path, key="confirm", **ACT)
    assert done.status_code == 200, done.text
    again = centre.manager.post(path, key="confirm", **ACT)
    assert (again.headers["idempotent-replayed"], again.json()) == ("true", done.json())
    problem(centre.manager.post(path, **ACT), 409, "identity-erased")
    problem(centre.admin.post(path, **{**ACT, "act_number": "9"}), 409, "identity-erased")
    return receipt(done)


def test_the_person_was_everywhere(world: World) -> None:
    expected = {"ckr.identity", "imports.row", "imports.verdict", "registry.sme", "registry.support"}
    assert world.knew == expected


def test_no_table_knows_the_person(world: World, erased: Body) -> None:
    assert [event["type"] for event in erased["events"]] == ["participant.identity-erased"]
    assert knowing(world.database) == {}


def test_no_hash_is_left_that_could_be_tried_out(world: World, erased: Body) -> None:
    for table, text in dumped(world.database):
        assert not [digest for digest in world.hashes if digest in text], table


def test_no_file_knows_the_person(world: World, erased: Body) -> None:
    """The tables' own files too: they are written anew. What PostgreSQL keeps besides (WAL) is not ours to empty."""
    with psycopg.connect(world.database.admin_conninfo(), autocommit=True) as conn:
        conn.execute("checkpoint")
    texts = [marker.encode() for marker in MARKERS]
    looked = 0
    for path in (world.home.parent / "server.log", *world.home.rglob("*")):
        if path.is_file() and "pg_wal" not in path.parts:
            looked += 1
            content = path.read_bytes()
            assert not [text for text in texts if text in content], path
    assert looked > 300
    assert list(Path(world.home, "spool").iterdir()) == []


def test_no_answer_export_or_report_names_the_person(world: World, erased: Body) -> None:
    centre, who = world.centre, world.who
    imports = [item["id"] for item in centre.auditor.read("/imports")["items"]]
    for path in (
        f"/participants/{who}", f"/participants/{who}/timeline", "/participants", "/clusters/berries/members",
        f"/cases/{world.case}", f"/cases/{world.case}/eligibility", "/events?limit=500", "/events.ndjson", "/imports",
        *(f"/imports/{id}/{part}" for id in imports for part in ("rows", "errors", "errors?format=xlsx")),
        "/registry/sme-snapshots", "/registry/support-snapshots", *REPORTS, "/erasures", "/access-log",
        f"/participants/{who}/erasure", f"/participants/{who}/erasure/act", f"/participants/{who}/erasure/log-extract",
        f"/participants/{who}/erasure/act?format=json", "/support-register", "/support-register/files",
        f"/support-register/files/{world.file}",
        *(f"/participants/{who}/extract.{form}" for form in ("pdf", "json?for=audit", "xlsx?for=audit")),
    ):  # fmt: skip
        assert not known_in(printed(centre.auditor.http.get(f"/api/v1{path}"))), path
    problem(centre.auditor.get(f"/support-register/files/{world.file}/file.xml"), 409, "identity-erased")
    for q in ("брусник", "голубик", "удалено"):
        assert search(centre.operator, q) == []
    assert centre.operator.post("/participants/search", key=None, inn=INN).json()["items"] == []
    for q in ("Брусникина Устинья", "бурсникина", "устинья", "голубикина", INN, INN[:8], OGRNIP, MAIL, PHONE):
        told = centre.operator.post("/search", key=None, q=q)
        assert told.status_code == 200
        assert who not in {hit["id"] for hit in told.json()["items"]}, q
    (hit,) = centre.operator.post("/search", key=None, q="А-1", kind="case").json()["items"]
    assert hit["title"].endswith(": удалено")


def test_what_was_counted_and_submitted_is_the_same(world: World, erased: Body) -> None:
    assert counted(world.centre, int(erased["position"]) - 1) == world.before


def test_the_log_still_proves_itself_and_its_decisions(world: World, erased: Body) -> None:
    done = replay_decisions(world.database)
    assert (done.decisions, done.differences) == (1, ())
    # Against what the notary signed before the erasure, and against what it has signed since.
    after = world.centre.auditor.get("/ledger/checkpoint", min_position=erased["position"])
    assert (world.signed.status_code, after.status_code) == (200, 200)
    auditor = world.centre.auditor
    extract = auditor.read(f"/participants/{world.who}/extract.json", for_="audit")
    covers = PublicKey.read(auditor.get("/ledger/key").text).opened(extract["checkpoint"]["note"])
    assert covers.size == extract["checkpoint"]["size"] >= extract["known_position"]
    command = [sys.executable, "-m", "ckr_es.cli", "audit", "verify", "--json"]
    for n, checkpoint in enumerate((world.signed, after)):
        path = world.home.parent / f"checkpoint-{n}"
        path.write_bytes(checkpoint.content)
        command += ["--checkpoint", str(path)]
    environ = {**os.environ, "CKR_DATA_DIR": str(world.home)}
    verified = subprocess.run(command, capture_output=True, text=True, env=environ, check=False)
    assert verified.returncode == 0, verified.stdout + verified.stderr
    for name in ("kpi", "directory", "ledger", "funding"):
        assert rebuild.rebuild(name, world.database, lambda *_: None, True).differences == ()


def test_the_erased_is_shown_as_erased_and_its_history_stays(world: World, erased: Body) -> None:
    auditor, who = world.centre.auditor, world.who
    for query in ({}, {"known_position": int(erased["position"]) - 1}):
        shown = auditor.read(f"/participants/{who}", **query)
        assert (shown["name"], shown["inn"], shown["ogrn"], shown["contacts"]) == (
            "удалено",
            None,
            None,
            None,
        )
        assert shown["identity_erased"]
        assert shown["memberships"]
    (listed,) = (item for item in auditor.read("/clusters/berries/members")["items"] if item["id"] == who)
    assert (listed["name"], listed["identity_erased"], listed["inn"]) == ("удалено", True, None)
    lines = auditor.read(f"/participants/{who}/timeline")["items"]
    committed = [
        line for line in lines if line["type"] in ("participant.registered", "participant.identity-changed")
    ]
    assert len(committed) == 3
    assert {line["identity"] for line in committed} == {"удалено"}
    assert lines[-1]["type"] == "participant.identity-erased"


def test_the_erased_is_not_renamed_but_still_reports(world: World, erased: Body) -> None:
    operator, who = world.centre.operator, world.who
    change = {"changed_on": "2021-06-01", "name": "Кто-то Иной"}
    problem(operator.post(f"/participants/{who}/identity", **change), 409, "identity-erased")
    problem(operator.post(f"/participants/{who}/registry-lookups", source="dadata"), 409, "identity-erased")
    report = {"quarter": "2021-Q2", "headcount": 3, "jobs_created": 1, "evidence": "справка"}
    assert operator.post(f"/participants/{who}/jobs-reports", **report).status_code == 200


def test_keys_stay_used_and_pending_imports_are_given_up(world: World, erased: Body) -> None:
    operator = world.centre.operator
    problem(operator.post("/participants", key="person", **person()), 422, "idempotency-key-reused")
    states = [item["state"] for item in operator.read("/imports")["items"]]
    assert sorted(states) == ["committed", "expired", "expired", "expired"]
    assert {item["file"]["name"] for item in operator.read("/imports")["items"]} == {None}


def test_the_papers_say_what_the_order_asks_for(world: World, erased: Body) -> None:
    auditor, who = world.centre.auditor, world.who
    event = erased["events"][0]
    act = auditor.read(f"/participants/{who}/erasure/act", format="json")
    assert (act["act_number"], act["act_date"], act["reason"]) == tuple(ACT.values())
    assert act["categories"] == ["contacts", "inn", "name", "ogrnip"]
    assert act["destroyed"] == {
        "identity": 1, "commands": 8, "import_rows": 6, "import_files": 4, "import_errors": 2, "registry_rows": 2,
    }  # fmt: skip
    assert [person["actor"] for person in act["persons"]] == [
        world.centre.admin.actor,
        world.centre.manager.actor,
    ]
    text = auditor.get(f"/participants/{who}/erasure/act", format="json").content
    assert sha256(text[:-77] + b"}").hexdigest() == act["digest"]
    paper = printed(auditor.get(f"/participants/{who}/erasure/act"))
    extract = printed(auditor.get(f"/participants/{who}/erasure/log-extract"))
    for said in ("Акт об уничтожении персональных данных", "7-ПД", "30.12.2021", "ОГРНИП", "Способ уничтожения",
                 "Отзыв согласия", "Подпись", "администратор"):  # fmt: skip
        assert said in paper
    for said in ("Выгрузка из журнала", "контактные данные", "Отзыв согласия", "ckr_es"):
        assert said in extract
    told = auditor.read(f"/participants/{who}/erasure/log-extract", format="json")
    assert (told["entry"]["leaf"], told["subjects"]) == (event["leaf"], [who])
    problem(world.centre.operator.get(f"/participants/{who}/erasure/act"), 403, "role-not-allowed")


def test_the_same_inn_again_is_another_participant(world: World, erased: Body) -> None:
    """Nobody is recognised by what was destroyed; a new application is a new ground for keeping the data."""
    anew = world.centre.operator.done("/participants", **person(late_reason="Новая заявка"))
    assert anew["id"] != world.who
    assert world.centre.operator.read(f"/participants/{anew['id']}")["name"] == NAME
    assert world.centre.auditor.read(f"/participants/{world.who}")["name"] == "удалено"
