"""Random histories, put right at random, read as if they had been right from the start."""

from collections.abc import Sequence
from datetime import date
from typing import Any, get_args
from uuid import UUID

import msgspec
from hypothesis import assume, event, given, settings
from hypothesis import strategies as st
from msgspec.structs import fields, replace
from shapes import DAYS, instances

from ckr_es.aggregates import cluster, participant, plan, service_case
from ckr_es.aggregates.amend import amend, fold, understood
from ckr_es.aggregates.facts import Entry, Fact, Kind
from ckr_es.aggregates.service_case import (
    Completed,
    ComponentAdded,
    EligibilityDecided,
    Opened,
    ServiceAccepted,
    Verdict,
    open_case,
    settle,
)
from ckr_es.rules import Refused, scoring
from ckr_es.rules.scoring import Quantitative

TODAY = date(2021, 12, 31)
FREE = st.none()

REGISTERED = instances(participant.Registered, kind=st.just("legal_entity"), inn=st.just("2460066195"))
PARTICIPANT = [
    instances(participant.JoinedCluster, agreement=FREE),
    instances(participant.LeftCluster),
    instances(participant.JoinedCluster, agreement=FREE),
    instances(participant.LeftCluster),
    instances(participant.JobsReported),
    instances(participant.SalesReported),
    instances(participant.EvidenceFiled, document=FREE),
    instances(
        participant.RegistryChecked,
        **dict.fromkeys(
            ("category", "included_on", "region_code", "okved_main", "okved_additional", "status"), FREE
        ),
    ),
    instances(participant.ProductLaunched),
    instances(participant.FollowedUp),
]
EARLY = st.sampled_from([date(2021, 3, 1), date(2021, 3, 2)])
OPENED = instances(
    Opened,
    participant_id=st.just(UUID(int=1)),
    complex=st.just(True),
    source=FREE,
    external_id=FREE,
    applied_on=EARLY,
)
SCORED_ON = st.just(date(2021, 3, 2))
SHEET = scoring.questionnaire("2021.1")
LEAST = {i.key: i.minimum if isinstance(i, Quantitative) else i.choices[0].key for i in SHEET.indicators}
SCORED = st.one_of(
    instances(service_case.Scored, scored_on=SCORED_ON, questionnaire=FREE, answers=FREE),
    *(
        instances(
            service_case.Scored,
            scored_on=SCORED_ON,
            questionnaire=st.just(SHEET.version),
            answers=st.just({**LEAST, "export_share": share}),
            score=st.just(score),
        )
        for share, score in ((0, 0), (25, 8))
    ),
)
COMPONENT = instances(ComponentAdded, provider_id=FREE, funding=FREE)
FIRST, SECOND = (
    instances(
        ComponentAdded,
        provider_id=FREE,
        funding=FREE,
        service=st.just(service),
        added_on=st.just(date(2021, 3, 2)),
    )
    for service in ("SVC.а", "SVC.б")
)
DECIDED = instances(
    EligibilityDecided,
    decision=st.sampled_from(["eligible", "eligible", "eligible", "refused"]),
    decided_on=st.one_of(EARLY, instances(date)),
    checks=st.just((Verdict(condition="E0", verdict="pass", explanation="…", inputs={}),)),
    overrides=st.just(()),
    rule_set=st.just("2021.1"),
)
ACT, ACT_1, ACT_2 = (
    instances(ServiceAccepted, component_no=st.sampled_from(numbers), accepted_on=st.sampled_from(DAYS[4:]))
    for numbers in ((1, 2, 3), (1,), (2,))
)
CASE = [
    *([ACT] * 4),
    COMPONENT,
    COMPONENT,
    DECIDED,
    SCORED,
    instances(service_case.AgreementSigned),
    instances(service_case.Cancelled),
    instances(service_case.SupportReported),
]


def asked(kind: Kind[Any], state: Any, fact: Any) -> tuple[Fact, ...]:
    """What is recorded when this is decided."""
    if kind is not service_case.KIND:
        module = {cluster.KIND: cluster, participant.KIND: participant, plan.KIND: plan}[kind]
        return module.decide(state, fact)
    if isinstance(fact, Opened):
        return open_case(state, fact, None)
    if state is None:
        raise Refused("not-opened", "")
    match fact:
        case ServiceAccepted():
            return state.accept(
                component_no=fact.component_no,
                act_number=fact.act_number,
                accepted_on=fact.accepted_on,
                quantity=fact.quantity,
                unit=fact.unit,
                late_reason=None,
            )
        case ComponentAdded():
            named = {field.name: getattr(fact, field.name) for field in fields(fact)}
            del named["component_no"]
            return state.add_component(**named)
        case EligibilityDecided() if fact == state.decided:
            return ()
        case _:
            return service_case.decide(state, fact)


class Twins:
    """The same story told twice: right from the start, and with errors that are put right sooner or later."""

    def __init__(self, kind: Kind[Any]) -> None:
        self.kind = kind
        self.right: list[Entry] = []
        self.actual: list[Entry] = []
        self.errors: dict[UUID, Any] = {}
        """By event id: what should have been recorded, None for what should not."""
        self.ids = iter(UUID(int=n) for n in range(1, 10_000))

    def happens(self, said: Any, other: Any) -> None:
        """Recorded in both stories, in one of them perhaps not as it was; or in neither, when one refuses it."""
        try:
            right = asked(self.kind, fold(self.kind, self.right), said)
            if not right:
                return
            fact: Any = right[0]
            recorded_as = mistaken(self.kind, fact, other)
            actual = asked(self.kind, fold(self.kind, self.actual), recorded_as)
        except Refused:
            return
        if actual[:1] != (recorded_as,):
            return
        event_id = next(self.ids)
        for story, events in ((self.right, right), (self.actual, actual)):
            story.append(Entry(event_id, events[0]))
            self.follow(story, events[1:])
        if fact != recorded_as:
            self.errors[event_id] = fact
        assert asked(self.kind, fold(self.kind, self.actual), recorded_as) == ()

    def invented(self, fact: Any) -> None:
        """Recorded though it never happened."""
        try:
            events = asked(self.kind, fold(self.kind, self.actual), fact)
        except Refused:
            return
        if events:
            event_id = next(self.ids)
            self.actual.append(Entry(event_id, events[0]))
            self.follow(self.actual, events[1:])
            self.errors[event_id] = None

    def put_right(self, event_id: UUID) -> bool:
        true = self.errors[event_id]
        said = None if true is None else plain(self.kind, true)
        if self.amended(event_id, said) is None:
            return False
        del self.errors[event_id]
        return True

    def put_all_right(self) -> bool:
        """Whichever can be put right, until none can; some wait for others."""
        while any(self.put_right(event_id) for event_id in list(self.errors)):
            pass
        return not self.errors

    def detour(self, entry: Entry, other: Any) -> None:
        """A correction, or a void, that was itself a mistake and is taken back: nothing has changed."""
        before = self.facts(self.actual), fold(self.kind, self.actual)
        said = plain(self.kind, other) if isinstance(other, type(entry.event)) else None
        mistake = self.amended(entry.event_id, said)
        if mistake not in (None, entry.event_id):
            assert self.amended(mistake, None) is not None
        assert (self.facts(self.actual), fold(self.kind, self.actual)) == before

    def amended(self, event_id: UUID, said: dict[str, Any] | None) -> UUID | None:
        """The id under which the amendment was recorded; None when it was refused."""
        try:
            events = amend(self.kind, self.actual, event_id, "Ошибка", said, TODAY, None)
        except Refused:
            return None
        new = next(self.ids)
        self.actual += [Entry(new, event) for event in events]
        if self.kind is service_case.KIND:
            self.follow(self.actual, settle(self.actual, None))
        return new if events else event_id

    def follow(self, story: list[Entry], events: Sequence[Fact]) -> None:
        story += [Entry(next(self.ids), event) for event in events]
        if self.kind is service_case.KIND:
            assert settle(story, None) == ()

    def facts(self, story: list[Entry]) -> list[Entry]:
        return [entry for entry in understood(story) if not isinstance(entry.event, Completed)]


def plain(kind: Kind[Any], fact: Any) -> dict[str, Any]:
    """The fields that a correction may name, as JSON has them."""
    return {
        field.name: msgspec.json.decode(msgspec.json.encode(getattr(fact, field.name)))
        for field in fields(fact)
        if field.name not in kind.fixed and field.name != "late_reason"
    }


def mistaken(kind: Kind[Any], fact: Any, other: Any) -> Any:
    """The fact with the fields of another one of its shape, but for those no correction may touch."""
    fixed = kind.fixed | ({"service", "cluster"} if isinstance(fact, ServiceAccepted) else set())
    named = {field.name: getattr(other, field.name) for field in fields(fact) if field.name not in fixed}
    return replace(fact, **named)


def tell(
    data: st.DataObject,
    kind: Kind[Any],
    begun: Sequence[st.SearchStrategy[Any]],
    later: Sequence[st.SearchStrategy[Any]],
) -> Twins:
    twins = Twins(kind)
    steps = st.sampled_from(["right", "right", "wrong", "wrong", "invented", "fix", "detour"])
    plot = [(shape, data.draw(st.sampled_from(["right", "wrong"]))) for shape in begun]
    plot += data.draw(st.lists(st.tuples(st.sampled_from(later), steps), min_size=5, max_size=25))
    for shape, step in plot:
        fact, other = data.draw(shape), data.draw(shape)
        match step:
            case "right":
                twins.happens(fact, fact)
            case "wrong":
                twins.happens(fact, other)
            case "invented":
                twins.invented(fact)
            case "fix" if twins.errors:
                twins.put_right(data.draw(st.sampled_from(list(twins.errors))))
            case "detour" if twins.actual:
                twins.detour(data.draw(st.sampled_from(twins.actual)), fact)
    return twins


@given(st.data())
@settings(max_examples=300, deadline=None)
def test_a_case_put_right_is_the_case_that_was_never_wrong(data: st.DataObject) -> None:
    same_in_the_end(
        tell(data, service_case.KIND, [OPENED, SCORED, FIRST, SECOND, DECIDED, ACT_1, ACT_2], CASE)
    )


@given(st.data())
@settings(max_examples=300, deadline=None)
def test_a_participant_put_right_is_the_one_that_was_never_wrong(data: st.DataObject) -> None:
    same_in_the_end(tell(data, participant.KIND, [REGISTERED], PARTICIPANT))


def same_in_the_end(twins: Twins) -> None:
    state, errors = fold(twins.kind, twins.right), len(twins.errors)
    completed = getattr(state, "completed", None) is not None
    event(f"{min(errors, 3)} errors left" + (", completed" if completed else ""))
    assume(twins.put_all_right())
    assert twins.facts(twins.actual) == twins.facts(twins.right)
    assert fold(twins.kind, twins.actual) == fold(twins.kind, twins.right)


HAPPENINGS: dict[Kind[Any], st.SearchStrategy[Any]] = {
    kind: st.one_of(*(instances(shape) for shape in get_args(module.Happening) if shape is not Completed))
    for kind, module in (
        (cluster.KIND, cluster),
        (participant.KIND, participant),
        (plan.KIND, plan),
        (service_case.KIND, service_case),
    )
}


@given(st.sampled_from(list(HAPPENINGS)), st.data())
@settings(max_examples=500, deadline=None)
def test_whatever_is_asked_twice_is_no_news(kind: Kind[Any], data: st.DataObject) -> None:
    story: list[Entry] = []
    first = {
        cluster.KIND: instances(cluster.Proposed),
        participant.KIND: REGISTERED,
        service_case.KIND: OPENED,
    }
    asks = [data.draw(first.get(kind, HAPPENINGS[kind])), *data.draw(st.lists(HAPPENINGS[kind], max_size=12))]
    for n, fact in enumerate(asks, start=1):
        try:
            events = asked(kind, fold(kind, story), fact)
        except Refused:
            continue
        story += [Entry(UUID(int=100 * n + m), recorded) for m, recorded in enumerate(events)]
        assert asked(kind, fold(kind, story), fact) == ()
