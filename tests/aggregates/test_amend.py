"""A stream with its corrections reads as if it had never been wrong."""

from datetime import date
from typing import Any
from uuid import UUID

import pytest
from aggregates.cases import ELIGIBLE, PACKAGE, SERVED, act, completed
from aggregates.given import history, invalid, refused
from msgspec.structs import replace

from ckr_es.aggregates import cluster, participant, plan, service_case
from ckr_es.aggregates.amend import amend, day, fold, understood
from ckr_es.aggregates.cluster import Corrected, Proposed, Retitled, Voided
from ckr_es.aggregates.facts import Entry, Fact, Kind
from ckr_es.rules.kpi_sets import Policy
from ckr_es.rules.values import Agreement, Document

TODAY = date(2021, 12, 31)
PROPOSED = Proposed(code="organic", title="Органика", production=True, proposed_on=date(2021, 1, 15))
FORMED = cluster.Formed(formed_on=date(2021, 2, 1), agreement=Agreement(number="1", date=date(2021, 2, 1)))
RETITLED = Retitled(title="Органика-2", retitled_on=date(2021, 3, 1))
FIRM = participant.Registered(
    kind="legal_entity", registered_on=date(2021, 1, 10), inn="2460066195", name="ООО «Мёд»"
)
PERSON = participant.Registered(
    kind="entrepreneur", registered_on=date(2021, 1, 10), identity_commitment="ab" * 32
)
JOINED = participant.JoinedCluster(cluster="organic", joined_on=date(2021, 2, 1))
LEFT = participant.LeftCluster(cluster="organic", left_on=date(2021, 3, 1), reason="Заявление")


class Stream:
    """What was recorded, the n-th event under the id n."""

    def __init__(self, kind: Kind[Any], *events: Fact) -> None:
        self.kind = kind
        self.history = history(*events)

    def amend(self, n: int, fields: dict[str, Any] | None, **other: Any) -> int:
        """Record the correction of the n-th event; returns its own number."""
        said = {"reason": "Ошибка", "today": TODAY, "late_reason": None, **other}
        [event] = amend(self.kind, self.history, UUID(int=n), replacement=fields, **said)
        self.history.append(Entry(UUID(int=len(self.history) + 1), event))
        return len(self.history)

    def correct(self, n: int, **fields: Any) -> int:
        return self.amend(n, fields)

    def void(self, n: int) -> int:
        return self.amend(n, None)

    @property
    def state(self) -> Any:
        return fold(self.kind, self.history)

    @property
    def last(self) -> Any:
        return self.history[-1].event

    @property
    def facts(self) -> list[Any]:
        return [entry.event for entry in understood(self.history)]


@pytest.fixture
def stream() -> Stream:
    return Stream(cluster.KIND, PROPOSED, RETITLED)


# --- what a correction is


def test_a_void_keeps_the_day_of_what_it_voids(stream: Stream) -> None:
    stream.void(2)
    assert stream.last == Voided(voids=UUID(int=2), reason="Ошибка", effective_on=date(2021, 3, 1))
    assert stream.facts == [PROPOSED]


def test_a_void_of_what_was_corrected_keeps_the_corrected_day(stream: Stream) -> None:
    stream.correct(2, retitled_on="2021-04-01")
    stream.void(2)
    assert stream.last.effective_on == date(2021, 4, 1)


def test_a_correction_holds_the_whole_record_as_it_should_have_been(stream: Stream) -> None:
    stream.correct(2, title="Органика-3")
    assert stream.last == Corrected(
        corrects=UUID(int=2), reason="Ошибка", replacement=replace(RETITLED, title="Органика-3")
    )
    assert stream.last.effective_on == date(2021, 3, 1)
    assert stream.facts == [PROPOSED, replace(RETITLED, title="Органика-3")]


def test_a_correction_moves_the_day_only_when_it_says_so(stream: Stream) -> None:
    stream.correct(2, retitled_on="2021-03-15")
    assert stream.last.effective_on == date(2021, 3, 15)


def test_a_correction_is_read_in_the_place_and_under_the_id_of_the_original(stream: Stream) -> None:
    stream.correct(1, title="Органика-0")
    assert [entry.event_id for entry in understood(stream.history)] == [UUID(int=1), UUID(int=2)]
    assert stream.state.title == "Органика-2"


def test_a_reason_for_coming_late_belongs_to_the_correction(stream: Stream) -> None:
    stream = Stream(cluster.KIND, PROPOSED, replace(RETITLED, late_reason="Поздно"))
    stream.amend(2, {"title": "Органика-3"}, late_reason="Проверка")
    assert stream.last.late_reason == "Проверка"
    assert stream.last.replacement.late_reason is None
    stream.amend(2, None, late_reason="Ещё проверка")
    assert stream.last.late_reason == "Ещё проверка"


@pytest.mark.parametrize("recorded", [RETITLED, replace(RETITLED, late_reason="Поздно")])
def test_correcting_to_what_already_stands_is_no_news(recorded: Retitled) -> None:
    entries = history(PROPOSED, recorded)
    said: Any = {"title": "Органика-2"}
    assert amend(cluster.KIND, entries, UUID(int=2), "Ошибка", said, TODAY, None) == ()
    stream = Stream(cluster.KIND, PROPOSED, recorded)
    stream.correct(2, title="Органика-3")
    said = {"title": "Органика-3", "retitled_on": "2021-03-01"}
    assert amend(cluster.KIND, stream.history, UUID(int=2), "Снова", said, TODAY, "Поздно") == ()


# --- corrections of corrections


def test_the_latest_correction_wins(stream: Stream) -> None:
    stream.correct(2, title="A")
    stream.correct(2, title="B")
    assert stream.state.title == "B"


def test_a_second_correction_starts_from_the_first(stream: Stream) -> None:
    stream.correct(2, title="A")
    stream.correct(2, retitled_on="2021-05-01")
    assert stream.facts[1] == Retitled(title="A", retitled_on=date(2021, 5, 1))


def test_a_correction_is_corrected_itself(stream: Stream) -> None:
    first = stream.correct(2, title="A")
    second = stream.correct(first, title="B")
    third = stream.correct(second, title="C")
    assert stream.state.title == "C"
    stream.void(third)
    assert stream.state.title == "B"
    stream.void(second)
    assert stream.state.title == "A"
    stream.void(first)
    assert stream.state.title == "Органика-2"


def test_a_voided_correction_gives_way_to_the_one_before_it(stream: Stream) -> None:
    stream.correct(2, title="A")
    second = stream.correct(2, title="B")
    stream.void(second)
    assert stream.state.title == "A"


def test_correcting_what_a_later_correction_replaced_changes_what_comes_back(stream: Stream) -> None:
    first = stream.correct(2, title="A")
    second = stream.correct(2, title="B")
    stream.correct(first, title="C")
    assert stream.state.title == "B"
    stream.void(second)
    assert stream.state.title == "C"


def test_a_void_of_a_void_brings_the_record_back_as_corrected(stream: Stream) -> None:
    stream.correct(2, title="A")
    void = stream.void(2)
    assert stream.state.title == "Органика"
    again = stream.void(void)
    assert stream.state.title == "A"
    stream.void(again)
    assert stream.state.title == "Органика"
    stream.void(again + 1)
    assert stream.state.title == "A"


def test_what_came_back_may_be_voided_again(stream: Stream) -> None:
    stream.void(stream.void(2))
    stream.void(2)
    assert stream.facts == [PROPOSED]


def test_a_record_amended_a_thousand_times_deep_is_still_read(stream: Stream) -> None:
    last = 2
    for _ in range(3001):
        stream.history.append(
            Entry(
                UUID(int=len(stream.history) + 1),
                Voided(voids=UUID(int=last), reason="…", effective_on=TODAY),
            )
        )
        last = len(stream.history)
    assert stream.facts == [PROPOSED]


# --- refusals


def test_only_a_record_of_this_stream_is_corrected(stream: Stream) -> None:
    for fields in (None, {"title": "A"}):
        with refused("not-in-this-stream"):
            stream.amend(99, fields)


def test_what_is_voided_is_neither_voided_nor_corrected(stream: Stream) -> None:
    void = stream.void(2)
    for fields in (None, {"title": "A"}):
        with refused("already-voided"):
            stream.amend(2, fields)
    stream.void(void)
    for fields in (None, {"title": "A"}):
        with refused("already-voided"):
            stream.amend(void, fields)


def test_a_correction_under_a_void_is_amended_without_bringing_the_record_back(stream: Stream) -> None:
    correction = stream.correct(2, title="A")
    void = stream.void(2)
    stream.correct(correction, title="B")
    assert stream.facts == [PROPOSED]
    stream.void(void)
    assert stream.state.title == "B"


def test_a_void_is_voided_and_not_corrected(stream: Stream) -> None:
    void = stream.void(2)
    with refused("not-correctable"):
        stream.amend(void, {"reason": "Иначе"})


def test_fixed_fields_are_not_corrected(stream: Stream) -> None:
    with invalid("field-fixed", "/replacement/code"):
        stream.amend(1, {"code": "digital", "title": "Цифра"})
    with invalid("unknown-field", "/replacement/surprise", "/replacement/late_reason", "/replacement/code"):
        stream.amend(1, {"code": "digital", "surprise": 1, "late_reason": "Поздно"})
    stream.amend(1, {"code": "organic", "title": "Цифра"})
    assert stream.facts[0] == replace(PROPOSED, title="Цифра")


@pytest.mark.parametrize(
    ("kind", "event", "fields"),
    [
        (participant.KIND, FIRM, {"kind": "organisation"}),
        (participant.KIND, FIRM, {"inn": "7707083893"}),
        (participant.KIND, PERSON, {"identity_commitment": "cd" * 32}),
        (service_case.KIND, SERVED[0], {"participant_id": str(UUID(int=1))}),
        (service_case.KIND, SERVED[0], {"complex": True}),
        (service_case.KIND, SERVED[0], {"source": "portal"}),
        (service_case.KIND, SERVED[0], {"external_id": "7"}),
        (service_case.KIND, SERVED[1], {"component_no": 2}),
        (service_case.KIND, ELIGIBLE, {"decision": "refused"}),
        (service_case.KIND, ELIGIBLE, {"checks": []}),
        (service_case.KIND, ELIGIBLE, {"rule_set": "2022.1"}),
        (service_case.KIND, ELIGIBLE, {"overrides": [{"condition": "E4", "ground": "…"}]}),
        (
            plan.KIND,
            plan.FundingSet(
                year=2021, federal_kopecks=1, regional_kopecks=1, document=Document(title="Закон")
            ),
            {"year": 2022},
        ),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_what_identifies_a_record_or_was_decided_by_rule_is_fixed(
    kind: Kind[Any], event: Fact, fields: dict[str, Any]
) -> None:
    before = [] if kind.check is not service_case.check or event is SERVED[0] else [SERVED[0]]
    stream = Stream(kind, *before, event)
    with invalid("field-fixed", f"/replacement/{next(iter(fields))}"):
        stream.amend(len(stream.history), fields)


@pytest.mark.parametrize("fields", [{"via": "snapshot"}, {"answer_sha256": "cd" * 32}])
def test_how_an_answer_came_is_fixed(fields: dict[str, str]) -> None:
    absent = participant.RegistryChecked(
        source="ЕГРЮЛ", as_of=date(2021, 3, 1), result="absent", answer_sha256="ab" * 32
    )
    stream = Stream(participant.KIND, FIRM, absent)
    with invalid("field-fixed", f"/replacement/{next(iter(fields))}"):
        stream.amend(2, fields)


def test_fixed_fields_may_be_repeated_as_they_are() -> None:
    stream = Stream(service_case.KIND, *SERVED)
    stream.correct(
        3,
        decision="eligible",
        overrides=[],
        checks=[
            {
                "condition": "E0",
                "verdict": "pass",
                "explanation": "Край",
                "inputs": {"region_code": "24"},
            }
        ],
        decided_on="2021-03-09",
    )
    assert stream.facts[2] == replace(ELIGIBLE, decided_on=date(2021, 3, 9))


def test_a_replacement_is_as_valid_as_a_new_record(stream: Stream) -> None:
    with invalid("date-in-future", "/replacement/retitled_on"):
        stream.amend(2, {"retitled_on": "2022-01-01"})
    with invalid("text-invalid", "/replacement/title"):
        stream.amend(2, {"title": ""})
    with invalid("wrong-type", "/replacement/title"):
        stream.amend(2, {"title": None})


def test_an_optional_field_is_taken_away_with_null() -> None:
    stream = Stream(cluster.KIND, replace(PROPOSED, specialisation="Мёд"))
    stream.correct(1, specialisation=None)
    assert stream.facts == [PROPOSED]


def test_a_person_is_not_named_by_way_of_a_correction() -> None:
    for field, value in (("name", "Иванов И. И."), ("ogrn", "1022402652469")):
        with invalid("personal-data", f"/{field}"):
            Stream(participant.KIND, PERSON).amend(1, {field: value})


def test_a_stream_that_could_not_have_been_recorded_so_is_refused_and_says_where(stream: Stream) -> None:
    with refused("cluster-not-proposed") as first:
        stream.void(1)
    assert str(UUID(int=2)) in first.value.detail
    assert [problem.given for problem in first.value.problems] == [str(UUID(int=2))]
    with refused("before-proposal"):
        stream.correct(1, proposed_on="2021-03-02")
    assert stream.correct(1, proposed_on="2021-03-01")


def test_a_void_is_not_taken_back_over_what_was_recorded_since() -> None:
    stream = Stream(participant.KIND, FIRM, JOINED, LEFT)
    void = stream.void(3)
    stream.history.append(Entry(UUID(int=5), replace(LEFT, left_on=date(2021, 4, 1))))
    with refused("not-a-member"):
        stream.void(void)


def test_a_restored_component_does_not_share_its_number() -> None:
    stream = Stream(service_case.KIND, *PACKAGE)
    void = stream.void(4)
    [added] = stream.state.add_component(
        service="SVC.г",
        added_on=date(2021, 3, 1),
        cost_kopecks=1,
        participant_payment_kopecks=0,
        mandatory=True,
        provider_id=None,
        funding=None,
        late_reason=None,
    )
    stream.history.append(Entry(UUID(int=7), added))
    with refused("duplicate-component"):
        stream.void(void)


# --- what follows from others


def test_a_completion_is_amended_with_its_acts_and_not_by_hand() -> None:
    stream = Stream(service_case.KIND, *PACKAGE, act(1, 5), act(2, 7), completed(7))
    for fields in (None, {"completed_on": "2021-04-08"}):
        with refused("not-correctable"):
            stream.amend(8, fields)


def test_neither_is_what_amended_the_completion() -> None:
    """A completion brought back by hand would stand beside the one that came since."""
    stream = Stream(service_case.KIND, *PACKAGE, act(1, 5), act(2, 7), completed(7))
    stream.void(6)
    [voided] = service_case.settle(stream.history, None)
    stream.history.append(Entry(UUID(int=10), voided))
    with refused("not-correctable"):
        stream.void(10)

    stream = Stream(service_case.KIND, *PACKAGE, act(1, 5), act(2, 7), completed(7))
    stream.correct(7, accepted_on="2021-04-09")
    [corrected] = service_case.settle(stream.history, None)
    stream.history.append(Entry(UUID(int=10), corrected))
    for fields in (None, {"completed_on": "2021-04-08"}):
        with refused("not-correctable"):
            stream.amend(10, fields)


@pytest.mark.parametrize(
    "event",
    [
        participant.IdentityChanged(changed_on=date(2021, 2, 1), identity_commitment="cd" * 32),
        participant.IdentityErased(act_number="3", erased_on=date(2021, 9, 1), basis="Заявление"),
    ],
)
def test_what_the_vault_did_is_not_undone_in_the_log(event: Fact) -> None:
    with refused("not-correctable"):
        Stream(participant.KIND, PERSON, event).void(2)


# --- no loops


def test_a_correction_names_only_what_was_recorded_before_it(stream: Stream) -> None:
    """So no loop can come about: the id of the next event is known to nobody, and so is in no history."""
    for fields in (None, {"title": "A"}):
        with refused("not-in-this-stream"):
            stream.amend(3, fields)


@pytest.mark.parametrize("pair", [(3, 3), (4, 3), (4, 4)])
def test_even_a_forged_loop_is_read_to_its_end(stream: Stream, pair: tuple[int, int]) -> None:
    for target in pair:
        forged = Corrected(corrects=UUID(int=target), reason="…", replacement=RETITLED)
        stream.history.append(Entry(UUID(int=len(stream.history) + 1), forged))
    assert stream.facts == [PROPOSED, RETITLED]


# --- the day an amendment moves away from


def test_the_day_of_a_record_is_the_one_now_understood(stream: Stream) -> None:
    assert day(stream.history, UUID(int=2)) == date(2021, 3, 1)
    correction = stream.correct(2, retitled_on="2021-04-01")
    assert day(stream.history, UUID(int=2)) == date(2021, 4, 1)
    assert day(stream.history, UUID(int=correction)) == date(2021, 4, 1)
    void = stream.void(2)
    assert day(stream.history, UUID(int=2)) is None
    assert day(stream.history, UUID(int=void)) == date(2021, 4, 1)
    assert day(stream.history, UUID(int=99)) is None


def test_policy_is_corrected_as_a_whole() -> None:
    set_ = plan.PlanSet(
        year=2021,
        kpi_set="2021",
        values={"clusters": 5},
        policy=Policy(),
        document=Document(title="Соглашение", date=date(2021, 2, 1)),
    )
    stream = Stream(plan.KIND, set_)
    with invalid("unknown-kpi", "/values/luck"):
        stream.amend(1, {"values": {"luck": 1}})
    stream.correct(1, values={"clusters": 6}, policy={"complex_limit": 2})
    assert stream.state.policy == Policy(complex_limit=2)
    assert stream.state.plan.values == {"clusters": 6}
