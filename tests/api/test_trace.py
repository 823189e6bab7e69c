"""GET /events/{id} and `ckr audit trace`: why an event is there, what came of it, in which figures it stands."""

import json
import sys
from collections import Counter, defaultdict
from collections.abc import Callable
from typing import Any, get_args
from uuid import uuid4

import pytest
from api.centre import (
    CHECKED,
    MARCH,
    Body,
    Centre,
    Client,
    accept,
    application,
    cluster,
    complex_case,
    file_all,
    firm,
    found,
    plain_case,
    plan_of_2021,
    problem,
    ready_firm,
)

from ckr_es.aggregates import Event
from ckr_es.cli import main
from ckr_es.reports import words
from ckr_es.rules.decision import Decision
from ckr_es.rules.kpi_sets import Measure
from ckr_es.rules.verdicts import Verdict

Command = Callable[..., tuple[int, str, str]]
LATE = "Нашли ошибку при сверке"


@pytest.fixture(scope="module")
def organic(operator: Client, manager: Client) -> str:
    manager.put("/plans/2021", **plan_of_2021())
    return cluster(operator, "organic")


class Story:
    """An act of March that was counted in the report of the quarter, moved afterwards, voided, and restored."""

    def __init__(self, centre: Centre, organic: str) -> None:
        operator, manager = centre.operator, centre.manager
        self.who = firm(operator, 1, organic)
        file_all(operator, self.who)
        self.case = plain_case(operator, self.who, organic)
        self.act = accept(operator, self.case)["events"][0]["event_id"]
        self.closing = manager.done("/periods/2021-Q1/closing", approved_by="Иванова")["events"][0]

        def put_right(event_id: str, **how: Any) -> str:
            done = manager.done(
                f"/cases/{self.case}/corrections",
                event_id=event_id, reason="акт датирован иначе", late_reason=LATE, **how,
            )  # fmt: skip
            return str(done["events"][0]["event_id"])

        self.moved = put_right(self.act, replacement={"accepted_on": "2021-04-02"})
        self.moved_again = put_right(self.moved, replacement={"accepted_on": "2021-05-03"})
        self.void = put_right(self.act, void=True)
        self.unvoid = put_right(self.void, void=True)


@pytest.fixture(scope="module")
def story(centre: Centre, organic: str) -> Story:
    return Story(centre, organic)


def trace(client: Client, event_id: str, **query: Any) -> Body:
    return client.read(f"/events/{event_id}", **query)


def ids(related: list[Body]) -> list[str]:
    return [one["event_id"] for one in related]


def decision_of(client: Client, case: str) -> str:
    kind = "service-case.eligibility-decided"
    return str(client.read("/events", stream=case, type=kind)["items"][-1]["event_id"])


def test_causes_and_effects_are_told_both_ways_and_so_is_the_correlation(
    operator: Client, auditor: Client, organic: str
) -> None:
    who = ready_firm(operator, 2, organic)
    case = complex_case(operator, who, organic)
    accept(operator, case, 1, "2021-05-01")
    headers = {"X-Correlation-Id": str(uuid4())}
    last, completed = accept(operator, case, 2, "2021-05-02", headers=headers)["events"]
    product = operator.done(
        f"/participants/{who}/products", headers=headers,
        title="Сироп", markets=["russian"], launched_on="2021-05-03", case_id=case, evidence="x",
    )["events"][0]  # fmt: skip
    told = trace(auditor, last["event_id"])
    assert told["causes"] == []
    assert ids(told["effects"]) == told["caused"] == told["same_command"] == [completed["event_id"]]
    assert ids(told["correlated"]["items"]) == [completed["event_id"], product["event_id"]]
    assert told["correlated"]["next"] is None
    effect = trace(auditor, completed["event_id"])
    assert effect["causation_id"] == last["event_id"]
    assert ids(effect["causes"]) == [last["event_id"]]
    assert effect["effects"] == []
    by_cause = auditor.read("/events", causation_id=last["event_id"])["items"]
    assert ids(by_cause) == [completed["event_id"]]


def test_a_command_that_names_no_correlation_begins_one_that_others_may_go_on_with(
    operator: Client, auditor: Client, organic: str
) -> None:
    who = ready_firm(operator, 6, organic)
    opened, component = operator.done("/cases", **application(who, organic))["events"]
    first = trace(auditor, opened["event_id"])
    assert first["correlation_id"] == opened["event_id"]
    assert ids(first["correlated"]["items"]) == [component["event_id"]]
    later = operator.done(
        f"/participants/{who}/evidence", headers={"X-Correlation-Id": first["correlation_id"]},
        kind="document", as_of=MARCH, document={"title": "Письмо"},
    )["events"][0]  # fmt: skip
    whole = [opened["event_id"], component["event_id"], later["event_id"]]
    for event_id in whole:
        told = trace(auditor, event_id)
        assert told["correlation_id"] == opened["event_id"]
        assert ids(told["correlated"]["items"]) == [other for other in whole if other != event_id]
    assert ids(auditor.read("/events", correlation_id=opened["event_id"])["items"]) == whole


def test_a_long_correlation_is_begun_and_the_log_lists_the_rest(
    operator: Client, auditor: Client, organic: str
) -> None:
    headers = {"X-Correlation-Id": str(uuid4())}
    who = firm(operator, 3)
    first = operator.done(
        f"/participants/{who}/memberships", headers=headers, cluster=organic, joined_on=MARCH
    )
    for n in range(102):
        operator.done(
            f"/participants/{who}/evidence", headers=headers,
            kind="document", as_of=MARCH, document={"title": f"Письмо {n}"},
        )  # fmt: skip
    told = trace(auditor, first["events"][0]["event_id"])
    assert len(told["correlated"]["items"]) == 100
    rest = auditor.http.get(f"{told['correlated']['next']}&limit=500").json()["items"]
    assert len(rest) == 103
    assert ids(rest)[1:101] == ids(told["correlated"]["items"])


def test_a_decision_names_its_rules_its_verdicts_and_the_records_it_rests_on(
    operator: Client, auditor: Client, organic: str
) -> None:
    who = ready_firm(operator, 4, organic)
    case = plain_case(operator, who, organic)
    done = accept(operator, case, on="2021-06-01")
    decided = decision_of(auditor, case)
    told = trace(auditor, decided)["decision"]
    assert told["event"]["event_id"] == decided
    assert (told["decision"], told["decided_on"]) == ("eligible", "2021-03-11")
    assert told["rule_set"]["id"] == "2021.1"
    assert "Концепция" in told["rule_set"]["citation"]
    assert [c["condition"] for c in told["checks"]] == [f"E{n}" for n in range(10)]
    assert all(c["verdict"] == c["again"] == "pass" and c["rule"] and c["citation"] for c in told["checks"])
    assert [note["code"] for note in told["notes"]] == ["analogous-support", "support-violation"]
    of_firm = auditor.read("/events", stream=who)["items"]
    assert ids(told["inputs"]) == ids([e for e in of_firm if e["type"] != "participant.registered"]), (
        "membership, registry check, certificate, declaration"
    )
    assert trace(auditor, done["events"][0]["event_id"])["decision"] == told
    for used in told["inputs"]:
        assert ids(trace(auditor, used["event_id"])["used_by"]) == [decided]
    assert trace(auditor, of_firm[0]["event_id"])["used_by"] == []
    assert trace(auditor, told["inputs"][0]["event_id"])["decision"] is None


def test_an_input_that_was_put_right_since_says_so_and_the_decision_still_follows_from_what_it_kept(
    operator: Client, manager: Client, auditor: Client, organic: str
) -> None:
    who = firm(operator, 5, organic)
    file_all(operator, who, okved_additional=["11.05"], licences=["Производство пива; Л-1"])
    case = operator.done("/cases", **application(who, organic))["id"]
    manager.done(
        f"/cases/{case}/eligibility-decision",
        decision="eligible",
        decided_on="2021-03-11",
        overrides=[{"condition": "E4", "ground": "Лицензии сданы"}],
    )
    decided = decision_of(auditor, case)
    check = next(c for c in trace(auditor, decided)["decision"]["checks"] if c["condition"] == "E4")
    assert (check["verdict"], check["again"], check["override"]) == ("fail", "fail", "Лицензии сданы")
    corrected = operator.done(
        f"/participants/{who}/corrections",
        event_id=check["event_id"], reason="не та выписка", late_reason=LATE, void=True,
    )["events"][0]  # fmt: skip
    told = trace(auditor, decided)["decision"]
    assert {e["event_id"]: e["voided_by"] for e in told["inputs"]}[check["event_id"]] == [
        corrected["event_id"]
    ]
    assert next(c for c in told["checks"] if c["condition"] == "E4") == check


def test_corrections_are_told_from_the_fact_and_from_each_of_them(auditor: Client, story: Story) -> None:
    chain = [story.moved, story.moved_again, story.void, story.unvoid]
    for event_id, path in {
        story.act: [],
        story.moved: [story.act],
        story.moved_again: [story.moved, story.act],
        story.void: [story.act],
        story.unvoid: [story.void, story.act],
    }.items():
        told = trace(auditor, event_id)["corrections"]
        assert told["fact"]["event_id"] == story.act
        assert told["amends"] == path
        assert ids(told["chain"]) == chain
        assert [one["amends"] for one in told["chain"]] == [story.act, story.moved, story.act, story.void]
        assert {one["reason"] for one in told["chain"]} == {"акт датирован иначе"}
        assert told["stands_as"] == story.moved_again
        assert told["voided_by"] is None
        assert told["now"]["accepted_on"] == "2021-05-03"
        assert told["now"]["type"] == "service-case.service-accepted"
    act = trace(auditor, story.act)
    assert act["corrected_by"] == [story.moved]
    assert act["voided_by"] == [story.void]


def test_corrections_are_told_as_they_were_known(auditor: Client, story: Story) -> None:
    at = {event: trace(auditor, event)["position"] for event in (story.act, story.moved, story.void)}
    voided = trace(auditor, story.act, known_position=at[story.void])["corrections"]
    assert (voided["stands_as"], voided["voided_by"], voided["now"]) == (None, story.void, None)
    moved = trace(auditor, story.act, known_position=at[story.moved])
    assert moved["corrections"]["stands_as"] == story.moved
    assert moved["corrections"]["now"]["accepted_on"] == "2021-04-02"
    assert moved["meta"]["known_position"] == at[story.moved]
    alone = trace(auditor, story.act, known_position=at[story.act])
    assert alone["corrections"]["stands_as"] == story.act
    assert alone["corrections"]["chain"] == alone["reports"] == []
    assert {line["event_id"] for line in alone["kpi_lines"]["items"]} == {story.act}
    problem(auditor.get(f"/events/{story.act}", known_position=at[story.act] - 1), 404, "not-found")


def test_the_lines_of_an_event_and_of_its_corrections_sum_to_what_counts_now(
    auditor: Client, story: Story
) -> None:
    lines = trace(auditor, story.act)["kpi_lines"]["items"]
    assert {line["fact_id"] for line in lines} == {story.act}
    assert {line["kpi"] for line in lines} == {"service_plain", "supported_smes"}
    cells: defaultdict[tuple[str, str], int] = defaultdict(int)
    for line in lines:
        cells[line["kpi"], line["day"]] += line["n"]
    standing = {cell: n for cell, n in cells.items() if n}
    assert standing == {("service_plain", "2021-05-03"): 1, ("supported_smes", "2021-05-03"): 1}
    own = [line for line in lines if line["event_id"] == story.act]
    assert {(line["day"], line["n"], line["position"]) for line in own} == {
        ("2021-03-20", 1, trace(auditor, story.act)["position"])
    }
    of_void = trace(auditor, story.void)["kpi_lines"]["items"]
    assert of_void == lines, "a correction shows the lines of the fact it is about, its own among them"
    shown = auditor.read("/kpi/services/evidence", as_of="2021-12-31", event=story.act)["items"]
    assert [(e["event_id"], e["n"]) for e in shown] == [(story.act, 1)]


def test_the_lines_come_in_pages(auditor: Client, story: Story) -> None:
    whole = trace(auditor, story.act)["kpi_lines"]["items"]
    paged: list[Body] = []
    cursor = None
    while True:
        page = trace(auditor, story.act, limit=3, cursor=cursor)["kpi_lines"]
        assert len(page["items"]) <= 3
        paged += page["items"]
        if (cursor := page["next_cursor"]) is None:
            break
    assert paged == whole
    assert len(whole) > 3
    problem(auditor.get(f"/events/{story.act}", cursor="x"), 422, "cursor-invalid")


def test_the_reports_an_event_stands_in_and_those_it_moved(auditor: Client, story: Story) -> None:
    (counted,) = trace(auditor, story.act)["reports"]
    assert (counted["label"], counted["version"], counted["relation"]) == ("2021-Q1", 1, "counted")
    assert counted["closing"] == story.closing["event_id"]
    rows = {row["kpi"]: (row["no"], row["n"], row["submitted"], row["now"]) for row in counted["rows"]}
    assert rows == {"services": ("2", 1, 1, 0), "supported_smes": ("4", 1, 1, 0)}
    (moved,) = trace(auditor, story.moved)["reports"]
    assert moved["relation"] == "restates"
    assert {row["kpi"]: row["n"] for row in moved["rows"]} == {"services": -1, "supported_smes": -1}
    restated = auditor.read("/periods/2021-Q1/restatement")["rows"]
    named = {row["kpi"]: ids(row["events"]) for row in restated if row["events"]}
    assert named["services"] == [story.moved]


def test_what_all_facts_count_in_a_closed_report_is_that_report(auditor: Client, story: Story) -> None:
    """And what they count there now is the table of its day as known now."""
    submitted: Counter[str] = Counter()
    now: Counter[str] = Counter()
    for kind in ("cluster.formed", "service-case.service-accepted", "service-case.completed"):
        for event in auditor.read("/events", type=kind, limit=500)["items"]:
            for report in trace(auditor, event["event_id"])["reports"]:
                for row in report["rows"]:
                    submitted[row["kpi"]] += row["submitted"]
                    now[row["kpi"]] += row["now"]
    (closing,) = auditor.read("/periods/2021-Q1")["closings"]
    pinned = {row["kpi"]: row["actual"] for row in closing["table"] if row["actual"]}
    assert pinned == +submitted
    assert {kpi: n for kpi, n in auditor.figures(as_of="2021-03-31").items() if n} == +now


def test_what_moves_many_figures_at_once_is_told_by_its_own_lines(
    operator: Client, manager: Client, auditor: Client
) -> None:
    """Reports of members count no longer when their cluster turns out never to have been formed."""
    code = cluster(operator, "late")
    firms = [firm(operator, 20 + n, code) for n in range(3)]
    reports = [
        operator.done(
            f"/participants/{who}/jobs-reports", late_reason=LATE,
            quarter="2021-Q2", headcount=10, jobs_created=2, evidence="П-4",
        )["events"][0]["event_id"]
        for who in firms
    ]  # fmt: skip
    formed = auditor.read("/events", stream=code, type="cluster.formed")["items"][0]["event_id"]
    void = manager.done(
        f"/clusters/{code}/corrections", event_id=formed, reason="не создан", late_reason=LATE, void=True
    )["events"][0]
    lines = trace(auditor, void["event_id"])["kpi_lines"]["items"]
    taken = {(line["fact_id"], line["n"]) for line in lines if line["kpi"] == "jobs_declared"}
    assert taken == {(report, -2) for report in reports}
    assert {line["event_id"] for line in lines if line["fact_id"] == formed} == {formed, void["event_id"]}
    of_report = trace(auditor, reports[0])["kpi_lines"]["items"]
    assert [line["n"] for line in of_report if line["kpi"] == "jobs_declared"] == [2, -2]
    assert of_report[-1]["event_id"] == void["event_id"]


def test_what_counts_nowhere_has_neither_lines_nor_reports(
    operator: Client, auditor: Client, story: Story
) -> None:
    who = firm(operator, 30)
    done = operator.done(f"/participants/{who}/registry-checks", **found(as_of=CHECKED, late_reason=LATE))
    told = trace(auditor, done["events"][0]["event_id"])
    assert told["kpi_lines"] == {"items": [], "next_cursor": None}
    assert told["reports"] == []
    assert told["corrections"]["stands_as"] == told["event_id"]
    assert trace(auditor, story.closing["event_id"])["reports"] == []


def test_an_event_says_where_its_place_in_the_ledger_is_proved(auditor: Client, story: Story) -> None:
    told = trace(auditor, story.act)
    assert told["inclusion"] == f"/api/v1/ledger/inclusion?position={told['position']}"
    exported = auditor.get("/events.ndjson", after=told["position"] - 1).text.splitlines()[0]
    assert (told["leaf"], told["position"]) == (
        json.loads(exported)["leaf"],
        json.loads(exported)["position"],
    )


def test_who_may_not_read_the_log_may_not_trace(centre: Centre, story: Story) -> None:
    problem(centre.analyst.get(f"/events/{story.act}"), 403, "role-not-allowed")
    problem(centre.client("operator", "organic").get(f"/events/{story.act}"), 403, "cluster-key")
    problem(centre.nobody.get(f"/events/{story.act}"), 401, "key-required")


def test_a_trace_is_three_statements_whatever_the_event(centre: Centre, story: Story) -> None:
    import psycopg

    from ckr_es.audit.trace import trace as read

    asked: list[object] = []

    class Counting(psycopg.Connection[Any]):
        def execute(self, *args: Any, **kwargs: Any) -> Any:
            asked.append(args[0])
            return super().execute(*args, **kwargs)

    head = centre.head()
    with Counting.connect(centre.database.conninfo("ckr_reader"), autocommit=True) as conn:
        for event in (story.act, story.unvoid, story.closing["event_id"]):
            asked.clear()
            read(conn, trace(centre.auditor, event)["position"], head)
            assert len(asked) == 3


# --- in the terminal


@pytest.fixture
def ckr(centre: Centre, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """`ckr audit trace` in this process: its exit code, what it answers, and what it says beside that."""
    monkeypatch.setenv("DATABASE_URL", centre.database.admin_conninfo())

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["ckr", "audit", "trace", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        return int(ended.value.code or 0), said.out, said.err

    return run


def test_the_command_line_answers_json_as_the_api_does(ckr: Command, centre: Centre, story: Story) -> None:
    at = str(trace(centre.auditor, story.void)["position"])
    for arguments, query in (
        ((story.void, "--limit", "2"), {"limit": 2}),
        ((at, "--known-position", at), {"known_position": at}),
    ):
        code, out, err = ckr(*arguments, "--json")
        assert code == 0, err
        assert json.loads(out) == trace(centre.auditor, story.void, **query)


def test_every_event_measure_and_verdict_has_a_russian_name() -> None:
    assert set(words.EVENTS) == {str(kind.__struct_config__.tag) for kind in get_args(Event)}
    assert set(words.MEASURES) == set(get_args(Measure))
    assert set(words.VERDICTS) == set(get_args(Verdict))
    assert set(words.DECISIONS) == set(get_args(Decision))


def test_people_read_it_in_russian(ckr: Command, auditor: Client, story: Story) -> None:
    _, said, _ = ckr(story.act)
    positions = [trace(auditor, event)["position"] for event in (story.act, story.moved_again)]
    for told in (
        f"{positions[0]}: Услуга принята по акту", "20.03.2021", "2021-05-03",
        f"Действует в словах записи {positions[1]}.", "акт датирован иначе", "соответствует; правила 2021.1",
        "не проверено", "Строки показателей", "отдельные услуги", "Закрытые отчёты", "2021-Q1",
    ):  # fmt: skip
        assert told in said, f"{told}\n{said}"
    _, who, _ = ckr(auditor.read("/events", stream=story.who)["items"][1]["event_id"])
    assert "опирается на неё" in who
    assert "В показателях не считается." in who
    assert "В закрытых отчётах не стоит." in who


def test_the_command_line_refuses_in_one_line(ckr: Command, story: Story) -> None:
    for arguments, told in (
        (("act-7",), "не event_id и не позиция"),
        ((str(uuid4()),), "Такой записи нет"),
        (("999999999",), "Такой записи нет"),
        ((story.act, "--cursor", "x"), "Недействительный курсор"),
    ):
        code, out, err = ckr(*arguments)
        assert (code != 0, out) == (True, "")
        assert told in err
        assert err.splitlines()[-1].startswith("ckr: ")


def test_what_people_wrote_is_shown_as_it_is(ckr: Command, operator: Client, story: Story) -> None:
    who = firm(operator, 40)
    title = "[bold]Письмо[/red] [x]"
    done = operator.done(
        f"/participants/{who}/evidence", late_reason=LATE,
        kind="document", as_of=MARCH, document={"title": title},
    )  # fmt: skip
    code, out, err = ckr(done["events"][0]["event_id"])
    assert code == 0, err
    assert title in out
