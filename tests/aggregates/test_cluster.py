"""A cluster is proposed, formed, lives, and is dissolved."""

from datetime import date
from typing import Any

import pytest
from aggregates.given import asked_twice_is_no_news, given, refused
from msgspec.structs import replace

from ckr_es.aggregates.cluster import (
    KIND,
    Dissolved,
    Formed,
    Proposed,
    Reorganised,
    Retitled,
    decide,
)
from ckr_es.aggregates.cluster_life import (
    ActivityHeld,
    BrandRegistered,
    EquipmentApproved,
    PotentialAssessed,
    ProgrammeApproved,
    ProjectFinished,
    ProjectLaunched,
)
from ckr_es.rules.values import Agreement, Document

PROPOSED_ON, FORMED_ON, DISSOLVED_ON = date(2021, 1, 15), date(2021, 2, 1), date(2021, 11, 30)
BEFORE = date(2021, 1, 14)
DOCUMENT = Document(title="Решение", number="7", date=date(2021, 3, 1))
PROPOSED = Proposed(code="organic", title="Органика", production=True, proposed_on=PROPOSED_ON)
FORMED = Formed(formed_on=FORMED_ON, agreement=Agreement(number="1", date=FORMED_ON))
REORGANISED = Reorganised(into="association", reorganised_on=date(2021, 6, 1))
DISSOLVED = Dissolved(dissolved_on=DISSOLVED_ON, reason="Решение участников")
LAUNCHED = ProjectLaunched(
    title="Линия розлива", launched_on=date(2021, 4, 1), function="FN.и", document=DOCUMENT
)
FINISHED = ProjectFinished(title="Линия розлива", finished_on=date(2021, 9, 1), result="Запущена")
LIFE = [
    ProgrammeApproved(title="Программа", approved_on=FORMED_ON, function="FN.б", document=DOCUMENT),
    PotentialAssessed(title="Анализ", assessed_on=FORMED_ON, function="FN.а", document=DOCUMENT),
    BrandRegistered(title="Бренд", registered_on=FORMED_ON, function="FN.з", document=DOCUMENT),
    LAUNCHED,
    EquipmentApproved(title="Сушилка", approved_on=FORMED_ON, function="FN.в", document=DOCUMENT),
    ActivityHeld(title="Форум", held_on=FORMED_ON, function="FN.л", document=DOCUMENT),
]
DAYS = {
    "approved_on",
    "assessed_on",
    "registered_on",
    "launched_on",
    "held_on",
    "formed_on",
    "retitled_on",
    "reorganised_on",
    "dissolved_on",
    "finished_on",
}


def on(event: Any, day: date) -> Any:
    """The same event on another day."""
    [name] = DAYS & set(event.__struct_fields__)
    return replace(event, **{name: day})


@pytest.mark.parametrize(
    ("before", "event"),
    [
        ([], PROPOSED),
        ([PROPOSED], FORMED),
        ([PROPOSED], Retitled(title="Органика Сибири", retitled_on=FORMED_ON)),
        *(([PROPOSED], event) for event in LIFE),
        ([PROPOSED, LAUNCHED], FINISHED),
        ([PROPOSED, FORMED], REORGANISED),
        ([PROPOSED, FORMED], DISSOLVED),
        ([PROPOSED, FORMED, REORGANISED], DISSOLVED),
    ],
    ids=lambda value: type(value).__name__ if not isinstance(value, list) else "",
)
def test_what_is_decided_is_recorded_and_asked_twice_is_no_news(before: list[Any], event: Any) -> None:
    assert decide(given(KIND, *before), event) == (event,)
    asked_twice_is_no_news(KIND, before, lambda cluster: decide(cluster, event))


def test_a_reason_for_coming_late_makes_no_news_of_what_stands() -> None:
    late = replace(FORMED, late_reason="Нашли протокол")
    assert decide(given(KIND, PROPOSED, FORMED), late) == ()
    assert decide(given(KIND, PROPOSED, late), FORMED) == ()
    assert decide(given(KIND, PROPOSED), late) == (late,)


def test_going_back_to_an_old_title_is_news() -> None:
    renamed = Retitled(title="Органика Сибири", retitled_on=FORMED_ON)
    back = Retitled(title="Органика", retitled_on=date(2021, 3, 1))
    assert decide(given(KIND, PROPOSED), back) == ()
    assert decide(given(KIND, PROPOSED, renamed), back) == (back,)


def test_a_code_is_taken_once() -> None:
    with refused("cluster-code-taken"):
        decide(given(KIND, PROPOSED), replace(PROPOSED, title="Другая органика"))


@pytest.mark.parametrize(
    "event", [FORMED, *LIFE, FINISHED, REORGANISED, DISSOLVED], ids=lambda e: type(e).__name__
)
def test_nothing_happens_to_a_cluster_nobody_proposed(event: Any) -> None:
    with refused("cluster-not-proposed"):
        decide(None, event)


@pytest.mark.parametrize("event", [FORMED, *LIFE], ids=lambda e: type(e).__name__)
def test_nothing_happens_before_the_proposal(event: Any) -> None:
    decide(given(KIND, PROPOSED), on(event, PROPOSED_ON))
    with refused("before-proposal"):
        decide(given(KIND, PROPOSED), on(event, BEFORE))


def test_a_cluster_is_formed_once() -> None:
    with refused("already-formed"):
        decide(given(KIND, PROPOSED, FORMED), on(FORMED, date(2021, 3, 1)))


@pytest.mark.parametrize("event", [REORGANISED, DISSOLVED], ids=lambda e: type(e).__name__)
def test_only_a_formed_cluster_is_reorganised_or_dissolved(event: Any) -> None:
    with refused("cluster-not-formed"):
        decide(given(KIND, PROPOSED), event)
    with refused("before-formation"):
        decide(given(KIND, PROPOSED, FORMED), on(event, date(2021, 1, 31)))
    assert decide(given(KIND, PROPOSED, FORMED), on(event, FORMED_ON))


def test_a_cluster_is_reorganised_once() -> None:
    with refused("already-reorganised"):
        decide(given(KIND, PROPOSED, FORMED, REORGANISED), on(REORGANISED, date(2021, 7, 1)))


def test_a_cluster_is_dissolved_once() -> None:
    with refused("already-dissolved"):
        decide(given(KIND, PROPOSED, FORMED, DISSOLVED), on(DISSOLVED, date(2021, 10, 1)))


@pytest.mark.parametrize(
    "event",
    [*LIFE, Retitled(title="Иное", retitled_on=DISSOLVED_ON), REORGANISED],
    ids=lambda e: type(e).__name__,
)
def test_nothing_happens_from_the_day_of_dissolution_on(event: Any) -> None:
    gone = given(KIND, PROPOSED, FORMED, DISSOLVED)
    with refused("cluster-dissolved"):
        decide(gone, on(event, DISSOLVED_ON))
    the_day_before = on(event, date(2021, 11, 29))
    assert decide(gone, the_day_before) == (the_day_before,)


def test_a_project_ends_only_after_it_began() -> None:
    with refused("project-not-launched"):
        decide(given(KIND, PROPOSED, LAUNCHED), replace(FINISHED, title="Другой проект"))
    with refused("before-launch"):
        decide(given(KIND, PROPOSED, LAUNCHED), on(FINISHED, date(2021, 3, 31)))
    same_day = on(FINISHED, date(2021, 4, 1))
    assert decide(given(KIND, PROPOSED, LAUNCHED), same_day) == (same_day,)


@pytest.mark.parametrize(
    ("day", "active"),
    [(date(2021, 1, 31), False), (FORMED_ON, True), (date(2021, 11, 29), True), (DISSOLVED_ON, False)],
)
def test_members_are_admitted_from_the_formation_until_the_day_before_the_dissolution(
    day: date, active: bool
) -> None:
    cluster = given(KIND, PROPOSED, FORMED, DISSOLVED)
    assert cluster.active_on(day) is active
    if active:
        cluster.admit(day)
    else:
        with refused("cluster-not-formed"):
            cluster.admit(day)


def test_a_proposed_cluster_admits_nobody() -> None:
    with refused("cluster-not-formed"):
        given(KIND, PROPOSED).admit(date(2021, 12, 31))
