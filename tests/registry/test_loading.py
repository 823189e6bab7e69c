"""From a register's file to records: each participant is told of once, or nothing is recorded at all."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from api.centre import firm_inn, person_inn
from registry.generator import Sme, write_sme

from ckr_es.aggregates import participant
from ckr_es.aggregates.participant import Participant
from ckr_es.application import Request, ServiceTracking
from ckr_es.commands import Registration, register
from ckr_es.registry.loading import Order, Watch, load
from ckr_es.registry.recording import Clerk
from ckr_es.registry.snapshots import Snapshot
from ckr_es.store.database import Database

TODAY = date(2021, 6, 1)
CLERK = Clerk(actor="test", role="operator", today=TODAY)


@pytest.fixture(scope="module")
def tracking(database: Database) -> Iterator[ServiceTracking]:
    running = ServiceTracking(database)
    yield running
    running.close()


def request() -> Request:
    return Request(
        key=uuid4().hex, request_hash=b"", actor="test", role="operator", correlation_id=uuid4(), today=TODAY
    )


def registered(tracking: ServiceTracking, inn: str) -> UUID:
    kind = "entrepreneur" if len(inn) == 12 else "legal_entity"
    given = Registration(kind=kind, inn=inn, name="Имярек", registered_on=date(2020, 3, 1))
    return UUID(register(tracking, request(), given).receipt.id)


def loaded(tracking: ServiceTracking, path: Path, clerk: Clerk = CLERK, **order: object) -> Snapshot:
    return load(tracking, Order(path=path, clerk=clerk, **order), Watch())


def known(tracking: ServiceTracking, id: UUID) -> Participant:
    return tracking.streams([id]).known(participant.KIND, id, "Участник")


def test_a_complete_archive_tells_of_each_participant(tracking: ServiceTracking, tmp_path: Path) -> None:
    firm, person, gone = (registered(tracking, inn) for inn in (firm_inn(1), person_inn(2), firm_inn(3)))
    path = write_sme(
        tmp_path / "sme.zip",
        300,
        members=5,
        given=[Sme(inn=firm_inn(1), additional=["62.01"], licences=["Перевозка"]), Sme(inn=person_inn(2))],
    )
    done = loaded(tracking, path)
    assert (done.state, done.complete, done.records) == ("recorded", True, 302)
    assert (done.found, done.absent, done.unchanged) == (2, 1, 0)
    checks = [known(tracking, who).checks[-1] for who in (firm, person, gone)]
    assert [(check.result, check.via, check.as_of) for check in checks] == [
        ("found", "snapshot", date(2021, 3, 10)),
        ("found", "snapshot", date(2021, 3, 10)),
        ("absent", "snapshot", date(2021, 3, 10)),
    ]
    head = tracking.recorder.head()
    again = loaded(tracking, path)
    assert (again.id, again.found, again.absent, again.unchanged) == (done.id, 2, 1, 3)
    assert tracking.recorder.head() == head
