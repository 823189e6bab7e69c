"""The loaded snapshot answers for whom it was searched, as of its day, and otherwise says why it can't."""

from collections.abc import Iterator
from datetime import date
from typing import NamedTuple

import pytest
from api.centre import firm_inn, person_inn
from registry.generator import Sme, write_sme
from registry.test_loading import loaded, registered

from ckr_es.application import ServiceTracking
from ckr_es.registry.port import Absent, Found, Unavailable
from ckr_es.registry.snapshot_lookup import SnapshotRegistry
from ckr_es.store.database import Database

MARCH, APRIL = date(2021, 3, 10), date(2021, 4, 10)
STRANGER, NEIGHBOUR, LATE = firm_inn(90), firm_inn(91), firm_inn(92)


class World(NamedTuple):
    registry: SnapshotRegistry
    march: str
    april: str


@pytest.fixture(scope="module")
def world(database: Database, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A complete snapshot of March and one file of April; participants 1 … 4, the last of whom came after March."""
    folder = tmp_path_factory.mktemp("files")
    tracking = ServiceTracking(database)
    for inn in (firm_inn(1), person_inn(2), firm_inn(3)):
        registered(tracking, inn)
    told = [Sme(inn=firm_inn(1), headcount=5), Sme(inn=person_inn(2), region="77"), Sme(inn=NEIGHBOUR)]
    march = loaded(tracking, write_sme(folder / "march.zip", given=told, as_of=MARCH))
    registered(tracking, LATE)
    april = loaded(
        tracking, write_sme(folder / "april.xml", given=[Sme(inn=firm_inn(1), headcount=6)], as_of=APRIL)
    )
    yield World(SnapshotRegistry(tracking), march.sha256, april.sha256)
    tracking.close()


def test_a_firm_is_found_as_of_the_latest_snapshot_that_holds_it(world: World) -> None:
    before, after = (world.registry.lookup(firm_inn(1), day) for day in (date(2021, 4, 9), APRIL))
    assert isinstance(before, Found)
    assert isinstance(after, Found)
    assert (before.as_of, before.company.headcount, before.answer_sha256) == (MARCH, 5, world.march)
    assert (after.as_of, after.company.headcount, after.answer_sha256) == (APRIL, 6, world.april)
    assert (after.via, after.source, after.company.status) == ("snapshot", "ЕРСМСП", None)


def test_a_person_is_found_without_name_and_number(world: World) -> None:
    answer = world.registry.lookup(person_inn(2), MARCH)
    assert isinstance(answer, Found)
    assert (answer.company.kind, answer.company.region_code) == ("entrepreneur", "77")
    assert (answer.company.name, answer.company.ogrn) == (None, None)


def test_a_firm_of_the_region_is_found_though_it_is_no_participant(world: World) -> None:
    answer = world.registry.lookup(NEIGHBOUR, MARCH)
    assert isinstance(answer, Found)
    assert answer.company.name == "ТАЁЖНЫЙ МЁД"


def test_a_participant_that_a_complete_snapshot_lacks_is_absent(world: World) -> None:
    for day in (MARCH, APRIL):  # April's is one file of many: March's still holds
        answer = world.registry.lookup(firm_inn(3), day)
        assert isinstance(answer, Absent)
        assert (answer.as_of, answer.answer_sha256) == (MARCH, world.march)


@pytest.mark.parametrize(
    ("inn", "day", "reason"),
    [
        (STRANGER, MARCH, "не искали"),
        (LATE, MARCH, "не искали"),
        (STRANGER, date(2021, 5, 1), "не полный"),
        (firm_inn(1), date(2021, 3, 9), "не загружен"),
        (firm_inn(1), date(2021, 5, 12), "слишком старый"),
    ],
    ids=["a stranger", "one who came later", "a part of the register", "no snapshot yet", "an old snapshot"],
)
def test_what_a_snapshot_does_not_tell_is_unavailable(world: World, inn: str, day: date, reason: str) -> None:
    answer = world.registry.lookup(inn, day)
    assert isinstance(answer, Unavailable)
    assert reason in answer.reason


def test_a_snapshot_holds_for_31_days(world: World) -> None:
    assert isinstance(world.registry.lookup(firm_inn(1), date(2021, 5, 11)), Found)
