"""The mass exclusion of 10 July, end to end: who is out, whose services went past the register, and who sees it."""

import json
from datetime import date
from typing import Any

import pytest
from api.centre import Centre, Client, accept, cluster, firm_inn, plain_case, problem, ready_firm
from api.test_registry import SME, send
from click.testing import CliRunner
from registry.generator import Sme, write_sme

from ckr_es.cli import ckr

CONTRADICTS, OUT_OF_DATE = "register-contradicts", "register-answer-out-of-date"
NOT_THEN, AFTERWARDS = "not-in-register-on-service-date", "included-after-service"


FIRMS = {"kept": 1, "dropped": 2, "returned": 3, "elsewhere": 4}


@pytest.fixture(scope="module")
def summer(centre: Centre, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Firms of March with a case each, and the register of June, July and August: three drop out, one comes back."""
    operator, folder = centre.operator, tmp_path_factory.mktemp("registers")
    for code in ("organic", "digital"):
        cluster(operator, code)
    cases = {}
    for name, n in FIRMS.items():
        code = "digital" if name == "elsewhere" else "organic"
        cases[name] = plain_case(operator, ready_firm(operator, n, code), code)

    def published(as_of: date, *names: str, back: tuple[str, ...] = ()) -> None:
        """The firms of that day's register; `back` are those included again on that very day."""
        given = [Sme(inn=firm_inn(FIRMS[name])) for name in names]
        given += [Sme(inn=firm_inn(FIRMS[name]), included_on=as_of) for name in back]
        path = write_sme(folder / f"{as_of}.zip", 20, given=given, as_of=as_of)
        loaded = send(operator, SME, path.read_bytes())
        assert (loaded.status_code, loaded.json()["found"]) == (201, len(given)), loaded.text

    published(date(2021, 6, 10), *FIRMS)
    published(date(2021, 7, 10), "kept")
    accept(operator, cases["returned"], on="2021-07-20")
    published(date(2021, 8, 10), "kept", back=("returned",))
    return cases


def stale(client: Client, cases: dict[str, str], **query: Any) -> dict[str, list[str]]:
    """Codes by the name of the case."""
    names = {id: name for name, id in cases.items()}
    items = [i for page in client.walk("/cases", eligibility="stale", **query) for i in page]
    assert len({i["id"] for i in items}) == len(items)
    return {names[i["id"]]: [s["code"] for s in i["stale"]] for i in items}


def test_the_mass_exclusion_is_told_from_an_answer_too_old(auditor: Client, summer: dict[str, str]) -> None:
    assert stale(auditor, summer, as_of="2021-06-09") == {name: [OUT_OF_DATE] for name in FIRMS}
    assert stale(auditor, summer, as_of="2021-07-09") == {}
    july = {name: [CONTRADICTS] for name in ("dropped", "returned", "elsewhere")}
    for limit in (1, 500):
        assert stale(auditor, summer, as_of="2021-07-10", limit=limit) == july
    assert stale(auditor, summer, as_of="2021-07-10", status="eligible", complex=False) == july
    assert stale(auditor, summer, as_of="2021-07-10", status="completed") == {}


def test_a_service_between_exclusion_and_return_went_past_the_register(
    auditor: Client, summer: dict[str, str]
) -> None:
    served = {"eligibility": "stale", "status": "completed"}
    (case,) = auditor.read("/cases", **served, as_of="2021-08-09")["items"]
    assert (case["id"], [s["code"] for s in case["stale"]]) == (summer["returned"], [NOT_THEN])
    (case,) = auditor.read("/cases", **served, as_of="2021-08-10")["items"]
    back, out = case["stale"]
    assert (back["code"], back["answer_as_of"], back["accepted_on"], back["component_no"]) == (
        AFTERWARDS,
        "2021-08-10",
        "2021-07-20",
        1,
    )
    assert "10.08.2021" in back["detail"]
    assert (out["code"], out["answer_as_of"], out["accepted_on"]) == (NOT_THEN, "2021-07-10", "2021-07-20")
    event = auditor.read(f"/events/{out['event_id']}")
    assert (event["type"], event["body"]["result"]) == ("participant.registry-checked", "absent")


def test_a_key_of_a_cluster_sees_its_own(centre: Centre, summer: dict[str, str]) -> None:
    bound = centre.client("operator", "digital")
    assert stale(bound, summer, as_of="2021-07-10") == {"elsewhere": [CONTRADICTS]}
    problem(bound.get("/cases", eligibility="stale", cluster="organic"), 404, "not-found")


def test_an_answer_is_known_from_its_recording_to_its_voiding(centre: Centre, summer: dict[str, str]) -> None:
    operator = centre.operator
    who = ready_firm(operator, 20, "organic")
    cases = {**summer, "late": plain_case(operator, who, "organic")}
    accept(operator, cases["late"], on="2021-03-20")
    before = centre.head()
    (event,) = operator.done(
        f"/participants/{who}/registry-checks", source="manual", as_of="2021-03-15", result="absent"
    )["events"]
    known = centre.head()
    operator.done(
        f"/participants/{who}/corrections", event_id=event["event_id"], reason="не тот участник", void=True
    )
    mine = {"participant_id": who, "as_of": "2021-03-31"}
    assert stale(operator, cases, **mine, known_position=before) == {}
    assert stale(operator, cases, **mine, known_position=known) == {"late": [NOT_THEN]}
    assert stale(operator, cases, **mine) == {}


def test_the_list_without_it_is_as_before_and_other_words_are_refused(
    auditor: Client, summer: dict[str, str]
) -> None:
    assert all("stale" not in item for item in auditor.read("/cases")["items"])
    assert len(auditor.read("/cases", as_of="2021-07-10", cluster="digital")["items"]) == 1
    problem(auditor.get("/cases", eligibility="fresh"), 422, "query-invalid")


def test_the_command_line_says_the_same(
    centre: Centre, summer: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", centre.database.admin_conninfo())
    monkeypatch.setenv("CKR_MIGRATE_DATABASE_URL", centre.database.admin_conninfo())

    def said(*arguments: str) -> str:
        done = CliRunner().invoke(ckr, ["registry", "stale", *arguments])
        assert (done.exit_code, done.exception) == (0, None), done.output
        return done.stdout

    answer = centre.auditor.read("/cases", eligibility="stale", as_of="2021-08-10")
    told = json.loads(said("--as-of", "2021-08-10", "--json"))
    assert (told["meta"], told["items"]) == (answer["meta"], answer["items"])
    bound = json.loads(said("--as-of", "2021-07-10", "--cluster", "digital", "--json"))["items"]
    assert [case["id"] for case in bound] == [summer["elsewhere"]]
    shown = said("--as-of", "2021-07-10")
    assert all(summer[name] in shown for name in ("dropped", "returned", "elsewhere"))
    assert "Фирма" not in shown
    assert "нечего" in said("--as-of", "2021-07-09")
