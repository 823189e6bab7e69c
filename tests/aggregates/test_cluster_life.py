"""What is done for a cluster: programmes in versions, projects with those who take part, and what stands of it."""

from datetime import date
from typing import Any
from uuid import UUID

import pytest
from aggregates.given import asked_twice_is_no_news, given, history, invalid, refused
from msgspec.structs import replace

from ckr_es.aggregates.amend import amend
from ckr_es.aggregates.cluster import KIND, Corrected, Proposed, Voided, decide
from ckr_es.aggregates.cluster_life import (
    ActivityHeld,
    EquipmentApproved,
    Item,
    Link,
    Partner,
    ProgrammeApproved,
    ProjectFinished,
    ProjectLaunched,
    lived,
)
from ckr_es.rules.values import Document

DAY, LATER, NEW_YEAR_EVE = date(2021, 2, 1), date(2021, 9, 1), date(2021, 12, 31)
DOCUMENT = Document(title="Решение")
PROPOSED = Proposed(code="organic", title="Органика", production=True, proposed_on=date(2021, 1, 15))
MILL, KILN = UUID(int=11), UUID(int=12)
PROGRAMME = ProgrammeApproved(
    title="Программа",
    approved_on=DAY,
    function="FN.б",
    document=DOCUMENT,
    kind="programme",
    version=1,
    approved_by="Совет кластера",
    first_year=2021,
    last_year=2023,
)
PROJECT = ProjectLaunched(
    title="Линия розлива",
    launched_on=DAY,
    function="FN.ж",
    document=DOCUMENT,
    kind="interregional",
    participants=(MILL, KILN),
    partners=(Partner(name="Завод тары", region="Томская область"),),
    chain=(
        Link(supplier="Завод тары", consumer=str(MILL), what="бутыль"),
        Link(supplier=str(MILL), consumer=str(KILN), what="сироп"),
    ),
)
FINISHED = ProjectFinished(title="Линия розлива", finished_on=LATER, result="Запущена")
WEBINAR = ActivityHeld(
    title="Вебинар", held_on=DAY, function="FN.п", document=DOCUMENT, kind="webinar", attendees=17
)
EQUIPMENT = EquipmentApproved(
    title="Сушка",
    approved_on=DAY,
    function="FN.в",
    document=DOCUMENT,
    items=(Item(name="Сушильная камера", quantity=2), Item(name="Учёт партий", software=True)),
)


@pytest.mark.parametrize(
    "event", [PROGRAMME, PROJECT, WEBINAR, EQUIPMENT], ids=lambda event: type(event).__name__
)
def test_what_was_done_is_recorded_whole_and_asked_twice_is_no_news(event: Any) -> None:
    assert decide(given(KIND, PROPOSED), event) == (event,)
    asked_twice_is_no_news(KIND, [PROPOSED], lambda cluster: decide(cluster, event))


def test_a_version_of_a_programme_is_approved_once_and_an_update_is_the_next() -> None:
    known = given(KIND, PROPOSED, PROGRAMME)
    with refused("version-taken"):
        decide(known, replace(PROGRAMME, approved_on=LATER))
    for news in (
        replace(PROGRAMME, approved_on=LATER, version=2),
        replace(PROGRAMME, title="Стратегия", kind="strategy"),
        replace(PROGRAMME, approved_on=LATER, version=None),
    ):
        assert decide(known, news) == (news,)


def test_a_version_is_not_taken_by_correcting_another_into_it() -> None:
    past = history(PROPOSED, PROGRAMME, replace(PROGRAMME, approved_on=LATER, version=2))
    with refused("version-taken"):
        amend(KIND, past, UUID(int=3), "Опечатка", {"version": 1}, NEW_YEAR_EVE, None)
    assert amend(KIND, past, UUID(int=3), "Опечатка", {"version": 3}, NEW_YEAR_EVE, None)


def test_years_of_a_programme_go_forward() -> None:
    with invalid("years-reversed", "/last_year"):
        decide(given(KIND, PROPOSED), replace(PROGRAMME, last_year=2020))
    assert decide(given(KIND, PROPOSED), replace(PROGRAMME, last_year=2021))


@pytest.mark.parametrize(
    ("link", "pointer"),
    [
        (Link(supplier="Чужой завод", consumer=str(MILL), what="тара"), "/chain/0/supplier"),
        (Link(supplier=str(MILL), consumer=str(UUID(int=13)), what="тара"), "/chain/0/consumer"),
    ],
)
def test_a_chain_links_those_who_take_part(link: Link, pointer: str) -> None:
    with invalid("not-in-project", pointer):
        decide(given(KIND, PROPOSED), replace(PROJECT, chain=(link,)))


def test_what_stands_is_told_by_day_with_the_end_of_a_project() -> None:
    before = replace(WEBINAR, held_on=date(2021, 1, 20), function="FN.л")
    past = history(PROPOSED, PROJECT, WEBINAR, before, FINISHED)
    told = lived(past, LATER)
    assert [(one.event_id.int, one.kind) for one in told] == [
        (4, "activity"),
        (2, "project"),
        (3, "activity"),
    ]
    assert [one.finished for one in told] == [None, FINISHED, None]
    assert [one.finished for one in lived(past, DAY)] == [None, None, None]
    assert [one.event_id.int for one in lived(past, LATER, kind="project")] == [2]
    assert [one.event_id.int for one in lived(past, LATER, function="FN.п")] == [3]
    assert [one.event_id.int for one in lived(past, LATER, after=(DAY, UUID(int=2)))] == [3]


def test_what_is_void_is_not_told_and_what_is_corrected_is_told_as_it_was() -> None:
    corrected = Corrected(
        corrects=UUID(int=3), reason="Сосчитали", replacement=replace(WEBINAR, attendees=19)
    )
    past = history(PROPOSED, PROJECT, WEBINAR, corrected)
    assert [getattr(one.record, "attendees", None) for one in lived(past, LATER)] == [None, 19]
    past = history(*(e for _, e in past), Voided(voids=UUID(int=2), reason="Не было", effective_on=DAY))
    assert [one.event_id.int for one in lived(past, LATER)] == [3]
