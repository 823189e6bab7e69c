"""A file is judged without recording, and committed as its rows sent one by one: same decisions, same events."""

import json
import random
from datetime import date
from itertools import count
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import msgspec
import pytest
from api.centre import firm_inn, person_inn
from imports.commands import Line, cluster, firm, line, written

from ckr_es.api.calls import contract
from ckr_es.application import KeyReused, Replayed, Request, ServiceTracking
from ckr_es.commands import Registration, register
from ckr_es.imports import course, deciding, door, importing, rows
from ckr_es.imports.course import Import
from ckr_es.imports.importing import Caller, Order, commit, preview
from ckr_es.imports.rehearsal import Rehearsal
from ckr_es.registry.loading import Stopped, Watch
from ckr_es.rules import Forbidden, Refused
from ckr_es.rules.validation import parse
from ckr_es.store.door import Command, Outcome, append

TODAY = date(2021, 12, 31)
OPERATOR = Caller("operator-1", "operator", TODAY)
CONTRACT = contract()
numbers = count(1000, 100)  # each test has firms of its own
codes = (f"c{n}" for n in count())  # … and a cluster


def looked(tracking: ServiceTracking, path: Path, caller: Caller = OPERATOR) -> Import:
    return preview(tracking, CONTRACT, Order(path=path, caller=caller), Watch())


def recorded(
    tracking: ServiceTracking, id: UUID, caller: Caller = OPERATOR, watch: Watch | None = None
) -> Import:
    return commit(tracking, CONTRACT, id, caller, watch or Watch())


def query(tracking: ServiceTracking, text: str, *given: object) -> list[tuple[Any, ...]]:
    with tracking.recorder.connect() as conn:
        return conn.execute(text.encode(), given).fetchall()


def told(tracking: ServiceTracking, id: UUID, phase: rows.Phase) -> list[dict[str, Any]]:
    with tracking.recorder.connect() as conn:
        return list(rows.all_told(conn, id, phase))


def by_row(tracking: ServiceTracking, id: UUID, phase: rows.Phase) -> list[tuple[Any, ...]]:
    """What became of each row, as far as a preview can know it."""
    return [
        (t["no"], t["outcome"], t["types"], t["error"] and t["error"]["code"])
        for t in told(tracking, id, phase)
    ]


def events(tracking: ServiceTracking, after: int) -> list[tuple[str, Any]]:
    """What was recorded, without what is chosen by chance."""
    found = query(
        tracking,
        "select type, body::text, stream_id, event_id from ckr.event where position > %s order by position",
        after,
    )
    chance: dict[str, str] = {}
    for n, (_, _, stream, event) in enumerate(found):
        chance |= {str(event): f"event {n}"}
        chance.setdefault(str(stream), f"stream {n}")
    shown = []
    for type_, body, stream, _ in found:
        fields = json.loads(body)
        fields.pop("identity_commitment", None)
        text = json.dumps(fields, sort_keys=True)
        for id, name in chance.items():
            text = text.replace(id, name)
        shown.append((f"{type_} {chance[str(stream)]}", text))
    return shown


def one_by_one(tracking: ServiceTracking, lines: list[Line]) -> None:
    """As a client would send them; references as the client would know them from the answers."""
    made: dict[str, str] = {}
    for each in lines:
        path, body = each["path"], dict(each["body"])
        if isinstance(who := body.get("participant_id"), dict):
            body["participant_id"] = made.get(who.get("ref") or f"inn:{who.get('inn')}", str(uuid4()))
        call, steps = CONTRACT.find(path)
        for name, text in steps.items():
            if ("id", "uuid") in call.template and name == "id":
                steps[name] = UUID(made.get(text, str(uuid4())))
        request = Request(
            key=each["key"], request_hash=json.dumps([path, each["body"]]).encode(), actor="operator-1",
            role="operator", correlation_id=uuid4(), today=TODAY,
        )  # fmt: skip
        try:
            answer = call.do(tracking, request, steps, parse(call.body, body, TODAY))
        except (Refused, Replayed, KeyReused):
            continue
        made[each["key"]] = made[f"ref:{each['key']}"] = answer.receipt.id
        if "inn" in body:
            made[f"inn:{body['inn']}"] = answer.receipt.id
        if "external_id" in body:
            made[f"{body['source']}:{body['external_id']}"] = answer.receipt.id


def history(chance: random.Random, first: int, code: str) -> list[Line]:
    """Firms and entrepreneurs whose commands come mixed, twice, too early, and wrong."""
    keys = (f"{code}-{n}" for n in count(100))
    lines: list[Line] = []
    unit = {"quantity": 1, "unit": "шт"}
    for n in range(first, first + 6):
        person = n % 3 == 0
        inn = person_inn(n) if person else firm_inn(n)
        own = firm(n, code)
        text = json.dumps(own).replace(firm_inn(n), inn)
        if person:
            text = text.replace('"legal_entity"', '"entrepreneur"')
        own = json.loads(text)
        complex_ = {"cluster": code, "complex": True, "applied_on": "2021-03-10"}
        opening = line("/cases", participant_id={"inn": inn}, **complex_)
        opening["key"] = f"complex-{code}-{n}"
        case = f"/cases/ref:complex-{code}-{n}"
        own += [
            opening,
            line(f"{case}/scoring", scored_on="2021-03-10", score=80, conclusion="годен"),
            line(f"{case}/components", service="SVC.ж", cost_kopecks=100),
            line(f"{case}/components", service="SVC.з", cost_kopecks=100),
            line(f"{case}/eligibility-decision", decision="eligible", decided_on="2021-03-11"),
            line(f"{case}/acceptances", component_no=1, act_number="1", accepted_on="2021-05-01", **unit),
            line(f"{case}/acceptances", component_no=2, act_number="2", accepted_on="2021-05-02", **unit),
            line("/cases", participant_id={"inn": inn}, **complex_),
            line(f"/participants/inn:{inn}/memberships/{code}/end", left_on="2021-06-01", reason="сам"),
        ]  # fmt: skip
        for _ in range(chance.randrange(3)):  # out of order
            i, j = chance.randrange(len(own)), chance.randrange(len(own))
            own[i], own[j] = own[j], own[i]
        own += [json.loads(json.dumps(each)) for each in chance.sample(own, 4)]  # again
        for each in own:
            if not str(each.get("key", "")).startswith("complex-"):
                each["key"] = next(keys)
        lines += own
    twice = chance.sample(lines, 5)  # the same key, for the same and for another command
    lines += [*twice, {**twice[0], "body": {**twice[0]["body"], "late_reason": "иначе"}}]
    # Streams of firms interleave, each in its own order.
    return cluster(code) + lines


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("batch", [7, 1000])
def test_committed_is_what_the_same_rows_one_by_one_would_be(
    tracking: ServiceTracking,
    twin: ServiceTracking,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    seed: int,
    batch: int,
) -> None:
    monkeypatch.setattr(importing, "BATCH", batch)
    lines = history(random.Random(seed), next(numbers), next(codes))
    path = written(tmp_path / "file.ndjson", lines)
    ours, theirs = tracking.recorder.head(), twin.recorder.head()
    one = looked(tracking, path)
    assert tracking.recorder.head() == ours
    judged = by_row(tracking, one.id, "preview")
    assert one.preview is not None
    done = recorded(tracking, one.id)
    assert by_row(tracking, one.id, "commit") == judged
    assert done.recorded == one.preview
    outcomes = done.recorded["rows"]
    assert all(outcomes.values()), outcomes
    assert done.recorded["events"]["service-case.completed"]
    one_by_one(twin, lines)
    assert events(tracking, ours) == events(twin, theirs)


def test_a_preview_leaves_nothing_but_its_rows(tracking: ServiceTracking, tmp_path: Path) -> None:
    tables = ("event", "command", "identity")
    kept = "select " + ", ".join(f"(select count(*) from ckr.{table})" for table in tables)
    before = query(tracking, kept)
    lines = [*cluster(code := next(codes)), *firm(next(numbers), code)]
    one = looked(tracking, written(tmp_path / "file.ndjson", lines))
    assert (one.state, one.rows) == ("previewed", len(lines))
    assert one.preview is not None
    assert one.preview["rows"] == {"recorded": 11, "unchanged": 0, "replayed": 0, "refused": 0}
    assert one.preview["events"]["service-case.service-accepted"] == 1
    assert query(tracking, kept) == before
    assert query(tracking, "select count(*) from imports.row where import_id = %s", one.id) == [(11,)]


def test_the_same_file_twice_is_no_news(tracking: ServiceTracking, tmp_path: Path) -> None:
    lines = [*cluster(code := next(codes)), *firm(next(numbers), code)]
    path = written(tmp_path / "file.ndjson", lines)
    one = looked(tracking, path)
    assert looked(tracking, path).id == one.id
    done = recorded(tracking, one.id)
    head = tracking.recorder.head()
    again = recorded(tracking, one.id)
    assert msgspec.to_builtins(again) == msgspec.to_builtins(done)
    assert looked(tracking, path) == done
    # Somebody else, with keys of his own, has nothing new to say either.
    other = Caller("operator-2", "operator", TODAY)
    theirs = recorded(tracking, looked(tracking, path, other).id, other)
    assert theirs.recorded is not None
    assert theirs.recorded["rows"]["unchanged"] == len(lines)
    # The same rows in another file of the same caller: their keys are known.
    path.write_text(path.read_text() + "\n\n")
    third = recorded(tracking, looked(tracking, path).id)
    assert third.recorded is not None
    assert third.recorded["rows"]["replayed"] == len(lines)
    assert tracking.recorder.head() == head


def test_a_key_is_the_callers_own_idempotency_key(tracking: ServiceTracking, tmp_path: Path) -> None:
    n = next(numbers)
    body = {"kind": "legal_entity", "inn": firm_inn(n), "name": "Ф", "registered_on": "2020-03-01"}
    one = looked(tracking, written(tmp_path / "file.ndjson", [line("/participants", f"key-{n}", **body)]))
    recorded(tracking, one.id)
    stored = tracking.recorder.stored_answer(f"operator-1:key-{n}")
    assert stored is not None
    assert stored.rows[0].correlation_id == one.id
    assert stored.rows[0].actor == "operator-1"


def test_refused_rows_leave_their_keys_free(tracking: ServiceTracking, tmp_path: Path) -> None:
    n, code = next(numbers), next(codes)
    early = firm(n, code)
    one = recorded(tracking, looked(tracking, written(tmp_path / "a.ndjson", early)).id)
    assert one.recorded is not None
    assert one.recorded["rows"]["refused"] > 0
    mended = [*cluster(code), *early]
    two = recorded(tracking, looked(tracking, written(tmp_path / "b.ndjson", mended)).id)
    assert two.recorded is not None
    assert two.recorded["rows"]["refused"] == 0


def test_an_operator_imports_no_plan(tracking: ServiceTracking, tmp_path: Path) -> None:
    document = {"title": "Соглашение"}
    plan = line("/plans/2019/funding", "plan", federal_kopecks=1, regional_kopecks=1, document=document)
    path = written(tmp_path / "file.ndjson", [plan])
    one = looked(tracking, path)
    assert [row[3] for row in by_row(tracking, one.id, "preview")] == ["role-not-allowed"]
    manager = Caller("manager-1", "manager", TODAY)
    with pytest.raises(Forbidden):
        recorded(tracking, one.id, manager)
    done = recorded(tracking, looked(tracking, path, manager).id, manager)
    assert done.recorded is not None
    assert done.recorded["events"] == {"plan.funding-set": 1}


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("nonsense", "malformed-json"),
        ('{"path": "/clusters"', "malformed-json"),
        ('{"path": "/clusters"}', "required"),
        ('{"path": "/clusters", "body": {}, "extra": 1}', "unknown-field"),
        ('{"path": 5, "body": {}}', "wrong-type"),
        ("[1]", "wrong-type"),
        ('{"path": "/nowhere", "body": {}}', "path-unknown"),
        ('{"path": "clusters", "body": {}}', "path-unknown"),
        ('{"path": "/periods/2021-Q1/closing", "body": {"approved_by": "x"}}', "path-unknown"),
        ('{"path": "/participants/x/memberships", "body": {}}', "not-found"),
        ('{"path": "/participants/inn:1/memberships", "body": {}}', "not-found"),
        ('{"path": "/participants/ref:none/memberships", "body": {}}', "not-found"),
        ('{"path": "/plans/21x", "body": {}}', "role-not-allowed"),
        ('{"path": "/clusters", "body": {"code": "x", "surprise": 1}}', "required"),
        ('{"path": "/clusters", "body": 5}', "wrong-type"),
        ('{"path": "/clusters", "body": {}, "key": "  "}', "idempotency-key-invalid"),
        ('{"path": "/clusters\\u0000", "body": {}}', "text-invalid"),
        ('{"path": "/clusters", "body": {"title": "a\\u0000b"}}', "required"),
        ('{"path": "/cases", "body": {"participant_id": {"ref": "none"}}}', "reference-unknown"),
        ('{"path": "/cases", "body": {"participant_id": {"inn": "1", "x": 2}}}', "reference-unknown"),
        (f'{{"path": "/clusters", "body": {{"title": "{"x" * 1_000_000}"}}}}', "line-too-long"),
        (f'{{"path": "/clusters", "body": {"[" * 100_000}', "malformed-json"),
        (b'{"path": "/clusters", "body": {"title": "\xcf\xf0"}}', "encoding-invalid"),
        ('{"path": "/clusters", "body": {"title": "\\ud800"}}', None),
    ],
)
def test_a_bad_line_is_refused_and_its_neighbours_are_not(
    tracking: ServiceTracking, tmp_path: Path, text: str | bytes, code: str | None
) -> None:
    lines = cluster(next(codes))
    one = looked(tracking, written(tmp_path / "file.ndjson", [lines[0], text, lines[1]]))
    judged = by_row(tracking, one.id, "preview")
    assert [row[1] for row in judged] == ["recorded", "refused", "recorded"]
    assert code is None or judged[1][3] == code
    assert told(tracking, one.id, "preview")[1]["line"] == 2
    done = recorded(tracking, one.id)
    assert done.recorded == one.preview


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "file-empty"),
        (b" \n\n", "file-empty"),
        ("{}".encode("utf-16"), "encoding-unknown"),
        (b"\x89PNG\r\n\x1a\n\0\0", "file-unknown"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "file-unknown"),
        (b"PK\x03\x04", "archive-damaged"),
    ],
)
def test_what_is_no_file_of_commands_is_refused_whole(
    tracking: ServiceTracking, tmp_path: Path, content: bytes, code: str
) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(Refused) as refused:
        looked(tracking, path)
    assert refused.value.code == code
    with pytest.raises(Refused, match="file-not-found"):
        looked(tracking, tmp_path / "nothing")


def test_what_identifies_a_person_is_nowhere_but_in_rows_that_go(
    tracking: ServiceTracking, tmp_path: Path
) -> None:
    n, code = next(numbers), next(codes)
    inn = person_inn(n)
    who = {"kind": "entrepreneur", "inn": inn, "name": "Персонажева Анна", "registered_on": "2020-03-01"}
    lines = [
        *cluster(code),
        line("/participants", None, **who),
        line(f"/participants/inn:{inn}/memberships", None, cluster=code, joined_on="2020-03-01"),
        line(f"/participants/inn:{inn}/memberships", None, cluster="nowhere", joined_on="2020-03-01"),
        line("/participants", None, **{**who, "inn": inn[:-1], "name": "Персонажева Анна"}),
    ]
    one = looked(tracking, written(tmp_path / "file.ndjson", lines))
    everything = """
        select (select count(*) from {0} t where t::text like '%%' || %s || '%%'
                or t::text like '%%Персонажева%%')"""
    places = ("ckr.event", "ckr.command", "imports.import", "imports.verdict", "imports.row")
    assert query(tracking, everything.format("imports.row"), inn) == [(4,)]
    done = recorded(tracking, one.id)
    assert done.recorded is not None
    assert done.recorded["rows"] == {"recorded": 4, "unchanged": 0, "replayed": 0, "refused": 2}
    for place in places:
        assert query(tracking, everything.format(place), inn[:-1]) == [(0,)], place
    assert query(tracking, "select count(*) from ckr.identity where inn = %s", inn) == [(1,)]


def test_rows_that_nobody_commits_go_in_time(tracking: ServiceTracking, tmp_path: Path) -> None:
    path = written(tmp_path / "old.ndjson", cluster(next(codes)))
    old = looked(tracking, path)
    query(
        tracking,
        "update imports.import set started_at = started_at - interval '8 days' where id = %s returning 1",
        old.id,
    )
    looked(tracking, written(tmp_path / "new.ndjson", cluster(next(codes))))
    with tracking.recorder.connect() as conn:
        assert course.find(conn, old.id).state == "expired"
    assert query(tracking, "select count(*) from imports.row where import_id = %s", old.id) == [(0,)]
    with pytest.raises(Refused) as refused:
        recorded(tracking, old.id)
    assert refused.value.code == "not-previewed"
    assert looked(tracking, path).id != old.id


def stops_after(calls: int) -> Watch:
    left = iter(range(calls))
    return Watch(stopped=lambda: next(left, None) is None)


def test_a_commit_that_stopped_goes_on(
    tracking: ServiceTracking, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing, "BATCH", 4)
    lines = [*cluster(code := next(codes)), *firm(next(numbers), code)]
    one = looked(tracking, written(tmp_path / "file.ndjson", lines))
    for _ in range(2):
        with pytest.raises(Stopped):
            recorded(tracking, one.id, watch=stops_after(0))
    with tracking.recorder.connect() as conn:
        stopped = course.find(conn, one.id)
    assert (stopped.state, stopped.done) == ("interrupted", 8)
    done = recorded(tracking, one.id)
    assert done.recorded == one.preview


def test_a_commit_whose_last_step_was_not_noted_goes_on(
    tracking: ServiceTracking, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Recorded by the door, and then the process died: the rows are told of as recorded, each once."""
    n, code = next(numbers), next(codes)
    own = firm(n, code)
    lines = [*cluster(code), *own[:3], own[2], *own[3:], own[1]]
    one = looked(tracking, written(tmp_path / "file.ndjson", lines))

    class Died(BaseException):
        pass

    def dies(*_: object) -> None:
        raise Died

    with monkeypatch.context() as patched:
        patched.setattr(rows, "tell", dies)
        with pytest.raises(Died):
            recorded(tracking, one.id)
    head = tracking.recorder.head()
    judged = by_row(tracking, one.id, "preview")
    done = recorded(tracking, one.id)
    assert tracking.recorder.head() == head
    assert done.recorded == one.preview
    assert by_row(tracking, one.id, "commit") == judged
    assert done.recorded is not None
    assert done.recorded["rows"]["replayed"] == 2


def test_rows_that_others_overtake_are_decided_again(
    tracking: ServiceTracking, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    n, code = next(numbers), next(codes)
    person = {"kind": "entrepreneur", "inn": person_inn(n), "name": "Имярек", "registered_on": "2020-03-01"}
    lines = [
        *cluster(code),
        *firm(n, code),
        line("/participants", f"person-{n}", **person),
        line(f"/participants/inn:{person_inn(n)}/memberships", f"joins-{n}", cluster=code, joined_on="2020-03-01"),
    ]  # fmt: skip
    one = looked(tracking, written(tmp_path / "file.ndjson", lines))
    overtaking = iter([True])

    def faster(conn: Any, commands: list[Command]) -> list[Outcome]:
        if next(overtaking, False):
            for inn, kind in ((firm_inn(n), "legal_entity"), (person_inn(n), "entrepreneur")):
                request = Request(
                    key=uuid4().hex, request_hash=b"", actor="x", role="operator", correlation_id=uuid4(), today=TODAY,
                )  # fmt: skip
                given = Registration(kind=kind, inn=inn, name="Раньше", registered_on=date(2020, 2, 1))  # type: ignore[arg-type]
                register(tracking, request, given)
        return append(conn, commands)

    monkeypatch.setattr(door, "append", faster)
    done = recorded(tracking, one.id)
    assert done.recorded is not None
    assert done.recorded["rows"] == {"recorded": 11, "unchanged": 2, "replayed": 0, "refused": 0}
    assert [row[1] for row in by_row(tracking, one.id, "commit")].index("unchanged") == 2


def test_a_row_that_the_database_refuses_harms_no_other(
    tracking: ServiceTracking, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    n, code = next(numbers), next(codes)
    one = looked(tracking, written(tmp_path / "file.ndjson", [*cluster(code), *firm(n, code)]))

    def spoilt(conn: Any, commands: list[Command]) -> list[Outcome]:
        return append(
            conn,
            [msgspec.structs.replace(c, actor="a\nb") if c.key.endswith(f":j{n}") else c for c in commands],
        )

    monkeypatch.setattr(door, "append", spoilt)
    done = recorded(tracking, one.id)
    assert done.recorded is not None
    assert done.recorded["rows"] == {"recorded": 10, "unchanged": 0, "replayed": 0, "refused": 1}
    assert by_row(tracking, one.id, "commit")[-1][3] == "server-error"


def test_two_do_not_work_at_one_import(tracking: ServiceTracking, tmp_path: Path) -> None:
    one = looked(tracking, written(tmp_path / "file.ndjson", cluster(next(codes))))
    with tracking.recorder.connect() as conn, course.at_work(conn, one.id):
        with pytest.raises(Refused) as refused:
            recorded(tracking, one.id)
        assert refused.value.code == "import-in-progress"


def test_windows_are_read_in_a_few_questions(
    tracking: ServiceTracking, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not one for each row: that is what makes an import fast."""
    asked = []
    learn = Rehearsal.learn

    def counted(self: Rehearsal, *given: Any) -> None:
        asked.append(1)
        learn(self, *given)

    monkeypatch.setattr(deciding.Rehearsal, "learn", counted)
    first, code = next(numbers), next(codes)
    lines = [*cluster(code), *(each for n in range(first, first + 50) for each in firm(n, code))]
    looked(tracking, written(tmp_path / "file.ndjson", lines))
    assert len(asked) <= 3
