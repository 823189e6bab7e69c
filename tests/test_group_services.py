"""A list of hundreds in two round trips; one that is overtaken is decided again whole; one that a file brings."""

from collections.abc import Callable, Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from api.centre import firm_inn, person_inn
from imports.commands import Line, cluster, firm, line, written
from imports.test_importing import CONTRACT, OPERATOR, TODAY, looked, query, recorded, told
from imports.test_reverting import back, standing

from ckr_es.aggregates import participant, service_case
from ckr_es.application import NO_KEY, Request, ServiceTracking, Streams, stream_id
from ckr_es.commands import group_services, on_participant
from ckr_es.commands.group_services import Draft, GroupService
from ckr_es.rules import Refused
from ckr_es.rules.values import Document
from ckr_es.store.database import Database
from ckr_es.store.prepared import Prepared
from ckr_es.store.reads import Reads

MANY = 300
SERVED = [
    "service-case.opened",
    "service-case.component-added",
    "service-case.eligibility-decided",
    "service-case.service-accepted",
]


@pytest.fixture(scope="module")
def tracking(database: Database) -> Iterator[ServiceTracking]:
    running = ServiceTracking(database)
    yield running
    running.close()


def request(key: str | None = None) -> Request:
    return Request(
        key=key or uuid4().hex,
        request_hash=b"",
        actor="operator-1",
        role="operator",
        correlation_id=None,
        today=TODAY,
    )


def ready(n: int, code: str) -> list[Line]:
    """A firm with all its papers, and no service yet."""
    return firm(n, code)[:5]


def person(n: int, code: str) -> list[Line]:
    who = f"/participants/inn:{person_inn(n)}"
    papers = [
        {
            **each,
            "path": each["path"].replace(f"/participants/inn:{firm_inn(n)}", who),
            "key": f"e{each['key']}",
        }
        for each in ready(n, code)[1:]
    ]
    body = {"kind": "entrepreneur", "inn": person_inn(n), "name": f"Лицо {n}", "registered_on": "2020-03-01"}
    return [line("/participants", f"person {n}", **body), *papers]


def put_in(tracking: ServiceTracking, tmp_path: Path, lines: list[Line]) -> None:
    done = recorded(tracking, looked(tracking, written(tmp_path / "firms.ndjson", lines)).id)
    assert done.recorded is not None
    assert done.recorded["rows"]["refused"] == 0


def training(code: str, whom: Sequence[UUID], **other: Any) -> GroupService:
    said: dict[str, Any] = {"service": "SVC.и", "held_on": date(2021, 3, 20), "title": "Тренинг", **other}
    return GroupService(cluster=code, participants=tuple(whom), **said)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every statement of the write side, by name or text, on its way to the server."""
    seen: list[str] = []
    send, fetch = Prepared.send, Reads._fetch

    def sending(self: Prepared, *given: Any) -> None:
        seen.append(self._name.decode())
        send(self, *given)

    def fetching(self: Reads, text: str, *given: Any) -> Any:
        seen.append(text)
        return fetch(self, text, *given)

    monkeypatch.setattr(Prepared, "send", sending)
    monkeypatch.setattr(Reads, "_fetch", fetching)
    return seen


def test_three_hundred_firms_are_two_statements_and_looking_at_them_is_three(
    tracking: ServiceTracking, tmp_path: Path, asked: list[str]
) -> None:
    lines = [*cluster("many"), *(each for n in range(MANY) for each in ready(n, "many"))]
    put_in(tracking, tmp_path, [*lines, *person(MANY, "many")])
    whom = [stream_id("participant", firm_inn(n)) for n in range(MANY)]

    asked.clear()
    inns = tuple(firm_inn(n) for n in range(MANY))
    draft = Draft(
        service="SVC.и", cluster="many", held_on=date(2021, 3, 20), participants=(*inns, person_inn(MANY))
    )
    look = group_services.look(tracking, request(NO_KEY), draft)
    assert look.errors == ()
    assert len(look.names) == MANY + 1
    assert len(asked) == 3, asked  # the persons' ids, all streams, the persons' names

    asked.clear()
    answer = group_services.hold(tracking, request(), training("many", whom))
    assert len(answer.receipt.events) == 1 + 4 * MANY
    assert asked == ["ckr_load", "ckr_append"]

    # A reason that looks like an INN is asked for once, not once for each event that holds it.
    asked.clear()
    given = training("many", whom, title="Семинар", late_reason="Письмо 246600001712")
    group_services.hold(tracking, request(), given)
    assert len(asked) == 3


class Overtaken(ServiceTracking):
    """Between what it first reads and what it records, somebody else records."""

    def __init__(self, tracking: ServiceTracking, rival: Callable[[], object]) -> None:
        self.mapper, self.recorder = tracking.mapper, tracking.recorder
        self.rival = rival
        self.decided = 0

    def record(self, asked: Request, id: UUID, subject: str, decide: Any, **given: Any) -> Any:
        def deciding(streams: Streams) -> Any:
            self.decided += 1
            if self.decided == 1:
                self.rival()
            return decide(streams)

        return super().record(asked, id, subject, deciding, **given)


def test_a_list_that_is_overtaken_is_decided_again_whole(tracking: ServiceTracking, tmp_path: Path) -> None:
    firms = range(1000, 1006)
    put_in(tracking, tmp_path, [*cluster("race"), *(each for n in firms for each in ready(n, "race"))])
    whom = [stream_id("participant", firm_inn(n)) for n in firms]
    since = "select position, type from ckr.event where position > %s order by position"

    def overtaken_by(**paper: Any) -> Overtaken:
        event = participant.EvidenceFiled(**paper)
        return Overtaken(tracking, lambda: on_participant(tracking, request(), whom[3], event))

    letter = overtaken_by(kind="document", as_of=date(2021, 3, 2), document=Document(title="Письмо"))
    ((head,),) = query(tracking, "select max(position) from ckr.event")
    group_services.hold(letter, request(), training("race", whom))
    assert letter.decided == 2
    assert [type_ for _, type_ in query(tracking, since, head)] == [
        "participant.evidence-filed",
        "group-service.held",
        *SERVED * 6,
    ]

    debt = overtaken_by(kind="tax_certificate", as_of=date(2021, 3, 1), debt_kopecks=5)
    ((head,),) = query(tracking, "select max(position) from ckr.event")
    with pytest.raises(Refused) as refused:
        group_services.hold(debt, request(), training("race", whom, title="Ещё"))
    assert refused.value.code == "participants-refused"
    assert [(p.pointer, p.code) for p in refused.value.problems] == [("/participants/3", "condition-failed")]
    assert debt.decided == 2
    assert [type_ for _, type_ in query(tracking, since, head)] == ["participant.evidence-filed"]


def test_an_event_whose_services_were_reported_outside_is_not_voided(
    tracking: ServiceTracking, tmp_path: Path
) -> None:
    firms = range(3000, 3003)
    put_in(tracking, tmp_path, [*cluster("told"), *(each for n in firms for each in ready(n, "told"))])
    whom = [stream_id("participant", firm_inn(n)) for n in firms]
    done = group_services.hold(tracking, request(), training("told", whom)).receipt
    id, held = UUID(done.id), done.events[0].event_id
    reported = service_case.SupportReported(
        component_no=1, support_id=uuid4(), reported_on=date(2021, 4, 1), file="0104.xml"
    )
    case = group_services.case_of(id, whom[1])
    tracking.record(request(), case, str(case), lambda _: (reported,))
    head = tracking.recorder.head()
    with pytest.raises(Refused) as refused:
        group_services.correct(tracking, request(), id, held, "Не состоялось", None, None)
    assert refused.value.code == "cases-rest"
    assert [problem.pointer for problem in refused.value.problems] == ["/participants/1"]
    assert tracking.recorder.head() == head


def test_a_file_may_ask_for_it_and_name_participants_by_inn(
    tracking: ServiceTracking, tmp_path: Path
) -> None:
    code = "file"
    firms = range(2000, 2030)
    lines = [*cluster(code), *(each for n in firms for each in ready(n, code))]
    people = [each for n in range(2100, 2130) for each in person(n, code)]
    event = {"service": "SVC.и", "cluster": code, "held_on": "2021-03-20"}
    whom = [{"inn": firm_inn(n)} for n in firms] + [{"inn": person_inn(n)} for n in range(2100, 2130)]
    asked = line(
        "/group-services",
        "group",
        **event,
        title="Тренинг",
        participants=whom,
        attendance=[{"participant_id": {"inn": person_inn(2100)}, "attendees": 2}],
    )
    wrong = line("/group-services", "wrong", **event, title="Ещё", participants=[{"inn": firm_inn(2999)}])
    looked_at = looked(tracking, written(tmp_path / "group.ndjson", [*lines, *people, asked, wrong]))
    assert looked_at.preview is not None
    assert looked_at.preview["events"]["group-service.held"] == 1
    done = recorded(tracking, looked_at.id)
    assert done.recorded is not None
    assert done.recorded["rows"]["refused"] == 1
    (row,) = (t for t in told(tracking, done.id, "commit") if t["error"])
    assert row["error"]["code"] in ("not-found", "reference-unknown")
    assert done.recorded["events"]["service-case.service-accepted"] == 60

    back(tracking, done.id)
    assert standing(tracking, done.id) == []


def test_the_command_is_in_the_contract_of_imports() -> None:
    call, _ = CONTRACT.find("/group-services")
    assert call.body is GroupService
    with pytest.raises(Refused):
        CONTRACT.find("/group-services/check")
    assert OPERATOR.role in call.roles
