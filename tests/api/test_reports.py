"""Reports over HTTP: what they list is what the KPIs count, and a closed version is the same bytes for ever."""

import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from typing import Any

import httpx
import openpyxl
import pytest
from api.centre import (
    CHECKED,
    MARCH,
    Centre,
    Client,
    accept,
    act,
    application,
    cluster,
    complex_case,
    file_all,
    firm,
    firm_inn,
    found,
    ogrnip,
    person_inn,
    plain_case,
    plan_of_2021,
    problem,
    ready_firm,
)
from pypdf import PdfReader

PERSON, INN = "Безымянная Персона Тайновна", person_inn(777)
WHY = "Отчёты участников собраны не все"
FORMS = ("json", "xlsx", "pdf")
LATE = "проверка"


class World:
    """A cluster, two firms and a person served in two quarters, one of them by a complex service; Q1 closed."""

    def __init__(self, centre: Centre) -> None:
        operator = centre.operator
        self.centre = centre
        centre.manager.put("/plans/2021", **plan_of_2021())
        self.cluster = cluster(operator, "organic", production=True)
        cluster(operator, "empty")
        self.alpha, self.beta = (ready_firm(operator, n, "organic") for n in (1, 2))
        made = operator.done(
            "/participants", kind="entrepreneur", inn=INN, ogrn=ogrnip(777), name=PERSON,
            registered_on="2020-05-01", contacts="tayna@example.org",
        )  # fmt: skip
        self.person = str(made["id"])
        operator.done(f"/participants/{self.person}/memberships", cluster="organic", joined_on="2020-06-01")
        file_all(operator, self.person)
        self.plain = [plain_case(operator, who, "organic") for who in (self.alpha, self.alpha, self.person)]
        self.acts = [accept(operator, case)["events"][0]["event_id"] for case in self.plain[::2]]
        accept(operator, self.plain[1], 1, "2021-05-10")
        package = complex_case(operator, self.beta, "organic")
        accept(operator, package, 1, "2021-03-25")
        accept(operator, package, 2, "2021-04-15")
        operator.done(
            f"/participants/{self.alpha}/sales-reports",
            quarter="2021-Q1",
            amount_kopecks=1_234_567_89,
            evidence="x",
        )
        self.closed = centre.manager.done(
            "/periods/2021-Q1/closing", approved_by="Директор", deviations={"jobs_created": WHY}
        )
        self.bytes = {form: got(centre.auditor, f"/periods/2021-Q1/report.{form}").content for form in FORMS}


@pytest.fixture(scope="module")
def world(centre: Centre) -> World:
    return World(centre)


def got(client: Client, path: str, **query: Any) -> httpx.Response:
    answer = client.get(path, **query)
    assert answer.status_code == 200, f"{path} {query}: {answer.status_code} {answer.text[:600]}"
    return answer


def text_of(form: str, content: bytes) -> str:
    """Everything a reader of the file may find in it."""
    if form == "json":
        return content.decode()
    if form == "pdf":
        read = PdfReader(BytesIO(content))
        return (
            "".join(page.extract_text() for page in read.pages) + read.attachments["report.json"][0].decode()
        )
    book = openpyxl.load_workbook(BytesIO(content))
    return "\n".join(str(cell.value) for sheet in book for row in sheet.iter_rows() for cell in row)


def test_a_quarter_lists_what_its_kpis_count(world: World, auditor: Client) -> None:
    report = auditor.read("/periods/2021-Q1/report.json")
    figures = auditor.figures(as_of="2021-03-31", known_position=report["known_position"])
    table = {row["kpi"]: row for row in report["rows"]}
    assert {kpi: row["actual"] for kpi, row in table.items()} == figures
    assert table["sales"]["actual"] == 1234.56789
    assert table["jobs_created"]["deviation"] == WHY
    assert table["services"]["plan"] == 545
    assert len(report["supported"]) == figures["supported_smes"] == 3
    assert [(one["participant"]["name"], one["category"], one["okved"]) for one in report["supported"]] == [
        ("Фирма 1", "micro", "10.39"), ("Фирма 2", "micro", "10.39"), (None, "micro", "10.39"),
    ]  # fmt: skip
    services = report["services"]
    assert services["before"] + sum(item["n"] for item in services["items"]) == figures["services"] == 3
    assert [(s["act"]["accepted_on"], s["act"]["complex"]) for s in services["items"]] == [
        ("2021-03-20", False), ("2021-03-20", False), ("2021-03-25", True),
    ]  # fmt: skip
    assert [(c["code"], len(c["members"])) for c in report["clusters"]] == [("empty", 0), ("organic", 3)]
    assert report["clusters"][1]["members"][0]["participant"]["inn"] == firm_inn(1)
    closing = auditor.read("/periods/2021-Q1")["closings"][0]
    for name in ("known_position", "kpi_set", "policy", "version", "approved_by", "as_of", "ledger_root"):
        assert report[name] == closing[name], name
    assert closing["deviations"] == {"jobs_created": WHY}
    assert report["dated_at"] == world.closed["recorded_at"]
    assert report["status"] == "closed"


def test_the_next_quarter_lists_its_own_services_and_counts_those_before(
    world: World, auditor: Client
) -> None:
    for label, before, listed in (("2021-Q2", 3, 2), ("2021", 0, 5)):
        report = auditor.read(f"/periods/{label}/report.json")
        assert (report["status"], report["version"], report["approved_by"]) == ("draft", None, None)
        assert (report["services"]["before"], len(report["services"]["items"])) == (before, listed)
        assert [len(one["acts"]) for one in report["supported"]] == [2, 2, 1]
    empty = auditor.read("/periods/2018-Q3/report.json")
    assert (empty["supported"], empty["services"], empty["clusters"]) == ([], {"before": 0, "items": []}, [])
    for form in FORMS:
        got(auditor, f"/periods/2018-Q3/report.{form}")


@pytest.mark.parametrize(("policy", "counts"), [("once", [1, 1, 0, 1, 1]), ("none", [1, 1, 0, 0, 1])])
def test_a_complex_service_counts_as_the_policy_has_it(
    world: World, manager: Client, auditor: Client, policy: str, counts: list[int]
) -> None:
    plan = {**plan_of_2021(), "policy": {"complex_in_services": policy, "centre_created_on": "2021-02-01"}}
    set_ = manager.put("/plans/2021", **plan, late_reason="уточнение").json()
    report = auditor.read("/periods/2021/report.json", min_position=set_["position"])
    table = {row["kpi"]: row["actual"] for row in report["rows"]}
    assert [item["n"] for item in report["services"]["items"]] == counts
    assert sum(counts) == table["services"]
    assert (table["jobs_created"], table["sales"]) == (None, None)
    assert "н/п" in text_of("xlsx", got(auditor, "/periods/2021/report.xlsx", part="kpi").content)
    manager.put("/plans/2021", **plan_of_2021(), late_reason="обратно")


def test_every_form_has_its_type_its_name_and_the_digest_as_etag(world: World, centre: Centre) -> None:
    types = {
        "json": "application/json",
        "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        "pdf": "application/pdf",
    }
    for form, media in types.items():
        path = f"/periods/2021-Q1/report.{form}"
        answer = got(centre.analyst, path)
        assert answer.headers["content-type"] == media
        assert answer.headers["content-disposition"] == f'attachment; filename="ckr-2021-Q1-v1.{form}"'
        digest = json.loads(world.bytes["json"])["digest"]
        assert answer.headers["etag"] == f'"{digest}"'
        assert digest in text_of(form, answer.content)
        head = centre.auditor.http.head(f"/api/v1{path}")
        assert (head.status_code, head.content) == (200, b"")
        assert head.headers["content-length"] == str(len(answer.content))
        assert "etag" not in got(centre.auditor, path, draft="true").headers
        problem(centre.admin.get(path), 403, "role-not-allowed")
        problem(centre.client("auditor", "organic").get(path), 403, "cluster-key")
        problem(centre.nobody.get(path), 401, "key-required")


def test_the_digest_is_over_the_text_before_it(world: World) -> None:
    text = world.bytes["json"]
    before = text[: text.rindex(b',"digest":"')] + b"}"
    assert hashlib.sha256(before).hexdigest() == json.loads(text)["digest"]


def test_parts_versions_and_drafts_are_chosen(world: World, auditor: Client) -> None:
    path = "/periods/2021-Q1/report.json"
    kpi = auditor.read(path, part="kpi")
    assert (kpi["parts"], "supported" in kpi, "rows" in kpi) == (["kpi"], False, True)
    two = auditor.http.get(f"/api/v1{path}?part=clusters&part=kpi").json()
    assert two["parts"] == ["kpi", "clusters"]
    assert auditor.get(path, version=1).content == world.bytes["json"]
    draft = auditor.read(path, draft="true", known_position=world.closed["position"] - 1)
    assert (draft["status"], draft["known_position"]) == ("draft", world.closed["position"] - 1)
    assert draft["supported"] == json.loads(world.bytes["json"])["supported"]
    then = auditor.read(path, known_at=world.closed["recorded_at"])
    assert then == json.loads(world.bytes["json"])
    before = auditor.read(path, known_position=world.closed["position"] - 1)
    assert before["status"] == "draft"
    problem(auditor.get(path, version=2), 404, "version-unknown")
    problem(auditor.get("/periods/2019/report.pdf", version=1), 404, "version-unknown")
    problem(auditor.get(path, version=1, draft="true"), 422, "ambiguous")
    problem(auditor.get(path, version=0), 422, "query-invalid")
    problem(auditor.get(path, part="all"), 422, "query-invalid")
    problem(auditor.get(path, as_of="2021-01-01"), 422, "unknown-query")
    problem(auditor.get("/periods/2021-Q5/report.json"), 422, "period-invalid")
    problem(auditor.get(path, known_position=10**9), 503, "projection-behind")


def test_no_form_tells_who_a_person_is(world: World, auditor: Client) -> None:
    reference = world.person[:8]
    for form in FORMS:
        for label in ("2021-Q1", "2021"):
            said = text_of(form, got(auditor, f"/periods/{label}/report.{form}").content)
            assert reference in said
            assert not [mark for mark in ("Безымянн", "Тайновна", INN, "tayna", ogrnip(777)) if mark in said]


def test_a_deviation_is_of_a_row_of_the_table(world: World, manager: Client) -> None:
    wrong = manager.post(
        "/periods/2018-Q1/closing", approved_by="x", deviations={"services": "y", "a/b": "z"}
    )
    assert problem(wrong, 422, "unknown-kpi")["errors"] == [
        {
            "pointer": "/deviations/a~1b",
            "code": "unknown-kpi",
            "detail": "В таблице нет показателя «a/b»",
            "given": "a/b",
        }
    ]
    problem(
        manager.post("/periods/2018-Q1/closing", approved_by="x", deviations={"sales": ""}),
        422,
        "text-invalid",
    )


def noise(world: World, events: int) -> None:
    """That many further events: new firms and acts, and what is known of the closed quarter corrected all over."""
    operator, head = world.centre.operator, world.centre.head()
    organic = f"/clusters/{world.cluster}"

    def late(path: str, **body: Any) -> dict[str, Any]:
        return operator.done(path, **body, late_reason=LATE)

    def one(n: int) -> None:
        who = firm(operator, n, "organic")
        late(f"/participants/{who}/registry-checks", **found())
        late(f"/participants/{who}/evidence", kind="tax_certificate", as_of=MARCH, debt_kopecks=0)
        late(f"/participants/{who}/evidence", kind="declaration", covers=["E5", "E6", "E7"], as_of=CHECKED)
        case = late("/cases", **application(who, "organic"))["id"]
        late(f"/cases/{case}/eligibility-decision", decision="eligible", decided_on="2021-03-11")
        accepted = late(f"/cases/{case}/acceptances", **act(1, "2021-03-22"))["events"][0]["event_id"]
        moved = {"accepted_on": "2021-03-23"}
        late(f"/cases/{case}/corrections", event_id=accepted, reason="ошибка", replacement=moved)
        sales = {"quarter": "2021-Q1", "evidence": "x"}
        for amount in range(20):
            late(f"/participants/{who}/sales-reports", **sales, amount_kopecks=n * 1000 + amount)
        late(f"/cases/{case}/corrections", event_id=accepted, reason="нет акта", void=True)

    for name in ("Топинамбур", "Пастернак"):
        operator.done(f"/participants/{world.alpha}/identity", changed_on="2021-06-01", name=f"ООО «{name}»")
        operator.done(f"{organic}/title", title=f"Кластер {name}", retitled_on="2021-06-02")
    for accepted, case in zip(world.acts, world.plain[::2], strict=True):
        if world.centre.rows("select 1 from ckr.event where body ->> 'voids' = %s", accepted):
            continue
        late(f"/cases/{case}/corrections", event_id=accepted, reason="нет акта", void=True)
    late(f"/participants/{world.beta}/memberships/organic/end", left_on="2021-02-01", reason="x")
    checked = found(as_of="2021-03-24", category="medium", okved_main="01.13")
    late(f"/participants/{world.beta}/registry-checks", **checked)
    with ThreadPoolExecutor(8) as callers:
        list(callers.map(one, range(head + 10_000, head + 10_000 + events // 31 + 1)))
    assert world.centre.head() >= head + events
    world.centre.auditor.read("/kpi", min_position=world.centre.head())


def assert_unchanged(world: World) -> None:
    for form in FORMS:
        path = f"/periods/2021-Q1/report.{form}"
        assert got(world.centre.auditor, path, version=1).content == world.bytes[form], form


def test_a_closed_quarter_is_the_same_bytes_whatever_comes_after(world: World, auditor: Client) -> None:
    noise(world, 600)
    assert_unchanged(world)
    now = auditor.read("/periods/2021-Q1/report.json", draft="true")
    assert now["digest"] != json.loads(world.bytes["json"])["digest"]
    assert len(now["supported"]) == auditor.figures(as_of="2021-03-31")["supported_smes"]
    names = [one["participant"]["name"] for one in auditor.read("/periods/2021/report.json")["supported"]]
    assert "ООО «Пастернак»" in names


def test_a_restatement_goes_from_a_version_to_what_is_known(world: World, centre: Centre) -> None:
    auditor, path = centre.auditor, "/periods/2021-Q1/restatement"
    told = auditor.read(path)
    services = next(row for row in told["rows"] if row["kpi"] == "services")
    assert (services["from"], services["delta"]) == (3, -2)
    for form in ("xlsx", "pdf"):
        answer = got(centre.analyst, f"{path}.{form}")
        assert answer.headers["content-disposition"].startswith(
            'attachment; filename="ckr-2021-Q1-v1-restated-'
        )
        said = text_of(form, answer.content).replace("\n", "")
        for event in services["events"]:
            assert event["event_id"] in said, event
        assert (
            got(auditor, f"{path}.{form}", known_position=told["meta"]["known_position"]).content
            == answer.content
        )
    centre.deputy.done("/periods/2021-Q1/reopening", reason="уточнение")
    opened = auditor.read("/periods/2021-Q1/report.json")
    assert opened == json.loads(world.bytes["json"]), (
        "until it is closed again, the last version is the submitted one"
    )
    centre.deputy.done("/periods/2021-Q1/closing", approved_by="Директор")
    latest = auditor.read("/periods/2021-Q1/report.json")
    assert (latest["version"], latest["rows"][2]["actual"]) == (2, 1)
    assert_unchanged(world)
    assert not [row for row in auditor.read(path)["rows"] if row["delta"]]
    first = auditor.read(path, version=1)
    assert (first["version"], [r["delta"] for r in first["rows"] if r["kpi"] == "services"]) == (1, [-2])
    problem(auditor.get(path, version=3), 404, "version-unknown")
    problem(auditor.get(f"{path}.pdf", version=3), 404, "version-unknown")
    problem(auditor.get("/periods/2016-Q1/restatement.xlsx"), 404, "not-closed")


@pytest.mark.slow
def test_a_closed_quarter_is_the_same_bytes_after_ten_thousand_events(world: World) -> None:
    noise(world, 10_000)
    assert_unchanged(world)
