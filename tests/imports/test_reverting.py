"""An import is taken back whole, or what stands on it is told of and nothing moves."""

from datetime import date
from itertools import count
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from api.centre import firm_inn, person_inn
from imports.commands import Line, cluster, firm, line, written
from imports.test_importing import CONTRACT, OPERATOR, TODAY, looked, query, recorded, stops_after

from ckr_es.aggregates import cluster as clusters
from ckr_es.aggregates import participant, service_case
from ckr_es.application import ServiceTracking, stream_id
from ckr_es.commands import case_stream
from ckr_es.imports import course, reverting
from ckr_es.imports.course import Import
from ckr_es.imports.importing import Caller
from ckr_es.imports.reverting import revert
from ckr_es.registry.loading import Stopped, Watch
from ckr_es.rules import Refused

numbers = count(50_000, 100)
codes = (f"r{n}" for n in count())


def done(tracking: ServiceTracking, path: Path, lines: list[Line], caller: Caller = OPERATOR) -> Import:
    one = recorded(tracking, looked(tracking, written(path, lines), caller).id, caller)
    assert one.recorded is not None
    assert one.recorded["rows"]["refused"] == 0
    return one


def back(
    tracking: ServiceTracking, id: UUID, caller: Caller = OPERATOR, watch: Watch | None = None
) -> Import:
    return revert(tracking, id, caller, "ошибочный файл", None, watch or Watch())


def standing(tracking: ServiceTracking, id: UUID) -> list[Any]:
    """What the import recorded and nobody took back."""
    return query(
        tracking,
        """
        select e.type from imports.verdict v join ckr.event e on e.position between v.first_position and v.last_position
        where v.import_id = %s and v.phase = 'commit' and v.outcome = 'recorded'
          and not exists (select from ckr.event x where x.body ->> 'voids' = e.event_id::text)""",
        id,
    )


def complex_case(n: int, code: str) -> list[Line]:
    case, unit = f"/cases/crm:complex-{n}", {"quantity": 1, "unit": "шт"}
    opened = {"cluster": code, "complex": True, "applied_on": "2021-03-10"}
    return [
        line(
            "/cases",
            participant_id={"inn": firm_inn(n)},
            source="crm",
            external_id=f"complex-{n}",
            **opened,
        ),
        line(f"{case}/scoring", scored_on="2021-03-10", score=80, conclusion="годен"),
        line(f"{case}/components", service="SVC.ж", cost_kopecks=100),
        line(f"{case}/components", service="SVC.з", cost_kopecks=100),
        line(f"{case}/eligibility-decision", decision="eligible", decided_on="2021-03-11"),
        line(f"{case}/acceptances", component_no=1, act_number="1", accepted_on="2021-05-01", **unit),
        line(f"{case}/acceptances", component_no=2, act_number="2", accepted_on="2021-05-02", **unit),
    ]


def test_all_that_was_recorded_is_voided_and_can_be_imported_again(
    tracking: ServiceTracking, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reverting, "WINDOW", 3)
    n, code = next(numbers), next(codes)
    lines = [{k: v for k, v in each.items() if k != "key"} for each in [*cluster(code), *firm(n, code)]]
    lines += complex_case(n, code)
    one = done(tracking, tmp_path / "file.ndjson", lines)
    assert one.recorded is not None
    assert one.recorded["events"]["service-case.completed"] == 1
    taken = back(tracking, one.id)
    assert (taken.state, taken.reason) == ("reverted", "ошибочный файл")
    # The completion goes with its act.
    assert standing(tracking, one.id) == []
    assert taken.reverted == sum(one.recorded["events"].values()) - 1
    who = stream_id("participant", firm_inn(n))
    streams = tracking.streams([who, stream_id("cluster", code), case_stream("crm", f"complex-{n}")])
    assert streams.state(participant.KIND, who) is None
    assert streams.state(clusters.KIND, stream_id("cluster", code)) is None
    assert streams.state(service_case.KIND, case_stream("crm", f"complex-{n}")) is None
    head = tracking.recorder.head()
    assert back(tracking, one.id) == taken
    assert tracking.recorder.head() == head
    again = done(tracking, tmp_path / "file.ndjson", lines)
    assert again.id != one.id
    assert again.recorded == one.recorded


def test_what_others_recorded_on_top_is_listed_and_nothing_is_voided(
    tracking: ServiceTracking, tmp_path: Path
) -> None:
    n, code = next(numbers), next(codes)
    one = done(tracking, tmp_path / "one.ndjson", [*cluster(code), *firm(n, code)])
    who, other = f"/participants/inn:{firm_inn(n)}", firm_inn(n + 1)
    new = {"kind": "legal_entity", "inn": other, "name": "Другая", "registered_on": "2020-03-01"}
    product = {"title": "Сок", "markets": ["russian"], "launched_on": "2021-06-01", "evidence": "x"}
    report = {"quarter": "2021-Q2", "headcount": 5, "jobs_created": 1, "evidence": "справка"}
    later = [
        line("/participants", **new),
        line(f"/participants/inn:{other}/memberships", cluster=code, joined_on="2020-03-01"),
        line(f"{who}/products", case_id={"source": "crm", "external_id": str(n)}, **product),
        line(f"{who}/jobs-reports", **report),
    ]
    two = done(tracking, tmp_path / "two.ndjson", later)
    head = tracking.recorder.head()
    with pytest.raises(Refused) as refused:
        back(tracking, one.id)
    assert refused.value.code == "import-rests"
    told = {problem.detail.split(" запись ")[1].split(" (")[0] for problem in refused.value.problems}
    assert told == {"participant.joined-cluster", "participant.product-launched", "participant.jobs-reported"}
    assert tracking.recorder.head() == head
    with tracking.recorder.connect() as conn:
        stopped = course.find(conn, one.id)
    assert stopped.state == "committed"
    assert stopped.error is not None
    back(tracking, two.id)
    assert back(tracking, one.id).error is None
    assert standing(tracking, one.id) == []


def test_a_decision_of_others_rests_on_the_membership_it_cites(
    tracking: ServiceTracking, tmp_path: Path
) -> None:
    n, code = next(numbers), next(codes)
    own = firm(n, code)
    done(tracking, tmp_path / "firm.ndjson", [*cluster(code), own[0]])
    evidence = done(tracking, tmp_path / "evidence.ndjson", own[1:5])
    cases = done(tracking, tmp_path / "cases.ndjson", own[5:8])
    with pytest.raises(Refused, match="import-rests"):
        back(tracking, evidence.id)
    back(tracking, cases.id)
    back(tracking, evidence.id)
    assert standing(tracking, evidence.id) == []


def test_a_correction_of_others_is_not_lost(tracking: ServiceTracking, tmp_path: Path) -> None:
    n, code = next(numbers), next(codes)
    one = done(tracking, tmp_path / "file.ndjson", [*cluster(code), *firm(n, code)])
    ((event,),) = query(
        tracking,
        "select event_id from ckr.event where type = 'participant.jobs-reported' and stream_id = %s",
        stream_id("participant", firm_inn(n)),
    )
    path = f"/participants/inn:{firm_inn(n)}/corrections"
    mended = line(path, event_id=str(event), reason="опечатка", replacement={"jobs_created": 2})
    correction = done(tracking, tmp_path / "mended.ndjson", [mended])
    with pytest.raises(Refused) as refused:
        back(tracking, one.id)
    assert refused.value.problems[0].code == "rests"
    back(tracking, correction.id)
    back(tracking, one.id)


def test_what_the_rules_do_not_let_go_is_told_of(tracking: ServiceTracking, tmp_path: Path) -> None:
    n = next(numbers)
    inn = person_inn(n)
    who = {"kind": "entrepreneur", "inn": inn, "name": "Имярек", "registered_on": "2020-03-01"}
    lines = [
        line("/participants", **who),
        line(f"/participants/inn:{inn}/identity", changed_on="2020-04-01", name="Имярек Новый"),
    ]
    one = done(tracking, tmp_path / "file.ndjson", lines)
    with pytest.raises(Refused) as refused:
        back(tracking, one.id)
    assert {p.code for p in refused.value.problems} == {"not-correctable", "not-registered"}
    document = {"title": "Соглашение"}
    plan = line("/plans/2018/funding", federal_kopecks=1, regional_kopecks=1, document=document)
    manager = Caller("manager-1", "manager", TODAY)
    plans = done(tracking, tmp_path / "plan.ndjson", [plan], manager)
    with pytest.raises(Refused) as refused:
        back(tracking, plans.id)
    assert [p.code for p in refused.value.problems] == ["role-not-allowed"]
    assert back(tracking, plans.id, manager).reverted == 1


def test_only_what_is_committed_is_taken_back(tracking: ServiceTracking, tmp_path: Path) -> None:
    one = looked(tracking, written(tmp_path / "file.ndjson", cluster(next(codes))))
    with pytest.raises(Refused) as refused:
        back(tracking, one.id)
    assert refused.value.code == "not-committed"


def test_a_revert_that_stopped_goes_on(
    tracking: ServiceTracking, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reverting, "WINDOW", 4)
    n, code = next(numbers), next(codes)
    one = done(tracking, tmp_path / "file.ndjson", [*cluster(code), *firm(n, code)])
    with pytest.raises(Stopped):
        back(tracking, one.id, watch=stops_after(0))
    with tracking.recorder.connect() as conn:
        stopped = course.find(conn, one.id)
    assert (stopped.state, stopped.reverted) == ("interrupted", 5)  # a row had two
    left = len(standing(tracking, one.id))
    assert 0 < left < 12
    taken = back(tracking, one.id)
    assert taken.reverted == 12
    assert standing(tracking, one.id) == []


def test_a_later_day_is_not_in_the_way(tracking: ServiceTracking, tmp_path: Path) -> None:
    """Whoever takes back does so on a day of his own."""
    n = next(numbers)
    body = {"kind": "legal_entity", "inn": firm_inn(n), "name": "Ф", "registered_on": "2020-03-01"}
    one = done(tracking, tmp_path / "file.ndjson", [line("/participants", **body)])
    assert back(tracking, one.id, Caller("other", "manager", date(2022, 1, 10))).reverted == 1
    assert CONTRACT.calls
