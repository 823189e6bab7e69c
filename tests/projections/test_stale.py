"""Stale cases: each rule by its table, what was known when, and the SQL against a fold that reads the rules aloud."""

from datetime import date, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from projections.conftest import project, reader, record
from projections.histories import CODES, World, dates, histories
from projections.test_directory import case_status, everything, folded

from ckr_es.aggregates import participant, service_case
from ckr_es.projections import directory_reads as directory
from ckr_es.rules.rule_sets import in_force

IN_SQL = settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
OUT_OF_DATE, CONTRADICTS = "register-answer-out-of-date", "register-contradicts"
ABSENT_THEN, INCLUDED_AFTER = "not-in-register-on-service-date", "included-after-service"
MARCH, APPLIED, DECIDED = date(2021, 3, 5), date(2021, 3, 10), date(2021, 3, 11)
SERVED, JULY, AUGUST = date(2021, 6, 20), date(2021, 7, 10), date(2021, 8, 10)
SOON = date(2021, 3, 20)


class Firm:
    """A participant of a world, what the register said of it, and its case."""

    def __init__(self, world, n=0):
        self.w, self.n = world, n
        self.w.register(n, "legal_entity", date(2020, 11, 1))
        self.who, self.case = self.w.id("participant", n), self.w.id("case", n)

    def extract(self, as_of):
        """Another register has the firm: it says nothing of the one of SMEs."""
        self.w.of(
            self.n,
            participant.RegistryChecked(
                source="ЕГРЮЛ", as_of=as_of, result="found", status="active", answer_sha256="ab" * 32
            ),
        )

    def said(self, result, as_of, via="snapshot", included_on=None, region="24"):
        """The position of the answer."""
        found = result == "found"
        event = participant.RegistryChecked(
            source="реестр",
            as_of=as_of,
            result=result,
            via=via,
            included_on=(included_on or date(2018, 8, 10)) if found else None,
            region_code=region if found else None,
            answer_sha256=f"{len(self.w.records):064}",
        )
        self.w.of(self.n, event)
        return len(self.w.records)

    def applied(self, on=APPLIED, complex=False):
        opened = service_case.Opened(
            participant_id=self.who, cluster=CODES[0], complex=complex, applied_on=on
        )
        self.w.happen("case", self.case, opened, self.who)
        if complex:
            scored = service_case.Scored(scored_on=on, score=70, conclusion="да")
            self.w.happen("case", self.case, scored, self.who)
        for no, service in enumerate(("SVC.а", "SVC.б") if complex else ("SVC.а",), 1):
            component = service_case.ComponentAdded(
                component_no=no,
                service=service,
                added_on=on,
                mandatory=True,
                cost_kopecks=1,
                participant_payment_kopecks=0,
            )
            self.w.happen("case", self.case, component, self.who)

    def decided(self, on=DECIDED, rests_on=None, decision="eligible"):
        """On the answer at that position."""
        event_id = self.w.records[rests_on - 1].event_id if rests_on else None
        verdict = service_case.Verdict(
            condition="E2", verdict="pass", explanation="", inputs={}, event_id=event_id
        )
        event = service_case.EligibilityDecided(
            decision=decision, decided_on=on, rule_set="2021.1", checks=(verdict,)
        )
        self.w.happen("case", self.case, event, self.who)

    def served(self, no=1, on=SERVED):
        self.w.accept(self.n, no, on)

    def eligible(self, **answer):
        """A case decided on what the register said in March."""
        found = self.said("found", MARCH, **answer)
        self.applied()
        self.decided(rests_on=found)
        return found

    def corrected(self, position, **replacement):
        self.w.correct(position - 1, replacement or None)


def nothing_said(f):
    f.applied()
    return SOON, [(OUT_OF_DATE, None)]


def an_answer_of_31_days_ago(f):
    f.eligible()
    return MARCH + timedelta(31), []


def an_answer_of_32_days_ago(f):
    f.eligible()
    return MARCH + timedelta(32), [(OUT_OF_DATE, MARCH)]


def no_answer_that_says_nothing_makes_an_older_one_younger(f):
    f.eligible()
    f.said("unavailable", JULY)
    return JULY, [(OUT_OF_DATE, MARCH)]


def a_hint_proves_nothing(f):
    f.eligible()
    f.said("found", JULY, via="dadata")
    return JULY, [(OUT_OF_DATE, MARCH)]


def another_register_makes_no_answer_younger(f):
    f.eligible()
    f.extract(JULY)
    return JULY, [(OUT_OF_DATE, MARCH)]


def an_answer_of_a_later_day_is_not_there_yet(f):
    f.eligible()
    f.said("absent", JULY)
    return SOON, []


def a_new_answer_that_agrees(f):
    f.eligible()
    f.said("found", JULY)
    return JULY, []


def excluded_in_july(f):
    f.eligible()
    f.said("absent", JULY)
    return JULY, [(CONTRADICTS, JULY)]


def excluded_in_july_and_back_in_august(f):
    f.eligible()
    f.said("absent", JULY)
    f.said("found", AUGUST, included_on=AUGUST)
    return AUGUST, []


def excluded_and_not_asked_again(f):
    f.eligible()
    f.said("absent", JULY)
    return JULY + timedelta(32), [(OUT_OF_DATE, JULY), (CONTRADICTS, JULY)]


def moved_to_another_region(f):
    f.eligible()
    f.said("found", JULY, region="77")
    return JULY, [(CONTRADICTS, JULY)]


def a_register_that_holds_no_region(f):
    f.eligible()
    f.said("found", JULY, region=None)
    return JULY, []


def of_one_day_the_answer_recorded_last_counts(f):
    f.eligible()
    f.said("found", JULY, via="entry")
    f.said("absent", JULY)
    return JULY, [(CONTRADICTS, JULY)]


def of_one_day_an_answer_recorded_before_counts_no_more(f):
    f.eligible()
    f.said("absent", JULY, via="entry")
    f.said("found", JULY)
    return JULY, []


def an_older_answer_recorded_later_contradicts_nothing(f):
    f.eligible()
    f.said("absent", MARCH - timedelta(3))
    return SOON, []


def a_decision_on_a_hint_after_an_older_answer(f):
    f.said("absent", MARCH - timedelta(3))
    f.eligible(via="dadata")
    return SOON, []


def the_answer_decided_on_was_an_error_of_ours(f):
    found = f.eligible()
    f.corrected(found, result="absent", included_on=None, region_code=None)
    return SOON, [(CONTRADICTS, MARCH)]


def the_answer_decided_on_is_voided_and_an_older_one_left(f):
    f.said("absent", MARCH - timedelta(3))
    found = f.eligible()
    f.corrected(found)
    return SOON, [(CONTRADICTS, MARCH - timedelta(3))]


def the_answer_decided_on_is_voided_and_none_left(f):
    found = f.eligible()
    f.corrected(found)
    return SOON, [(OUT_OF_DATE, None)]


def a_contradiction_that_is_voided(f):
    f.eligible()
    f.said("found", JULY - timedelta(1))
    absent = f.said("absent", JULY)
    f.corrected(absent)
    return JULY, []


def a_contradiction_of_another_day_after_all(f):
    f.eligible()
    absent = f.said("absent", JULY)
    f.corrected(absent, as_of=AUGUST.isoformat())
    return AUGUST, [(CONTRADICTS, AUGUST)]


def an_application_that_would_rest_on_a_found_answer(f):
    f.said("found", MARCH)
    f.applied()
    f.said("absent", SOON)
    return SOON, [(CONTRADICTS, SOON)]


def an_application_that_rested_on_nothing_better(f):
    f.said("absent", MARCH)
    f.applied()
    f.said("absent", SOON)
    return SOON, []


def an_application_whose_found_answer_was_too_old(f):
    f.said("found", APPLIED - timedelta(32))
    f.applied()
    f.said("absent", SOON)
    return SOON, []


def a_refused_case_asks_for_nothing(f):
    f.eligible()
    f.decided(on=SOON, decision="refused")
    f.said("absent", JULY)
    return JULY, []


def a_cancelled_case_asks_for_nothing(f):
    f.eligible()
    f.w.cancel(f.n, SOON)
    f.said("absent", JULY)
    return JULY, []


def a_completed_case_asks_for_nothing(f):
    f.eligible()
    f.served()
    f.said("absent", JULY)
    return JULY, []


def served_after_the_register_said_absent(f):
    f.eligible()
    f.said("absent", SERVED)
    f.served()
    return AUGUST, [(ABSENT_THEN, SERVED, SERVED, 1)]


def an_act_that_is_yet_to_come(f):
    f.eligible()
    f.said("absent", SERVED - timedelta(5))
    f.served()
    return SERVED - timedelta(1), [(CONTRADICTS, SERVED - timedelta(5))]


def served_in_between_and_back_in_august(f):
    f.eligible()
    f.served(on=JULY + timedelta(2))
    f.said("found", AUGUST, included_on=AUGUST)
    return AUGUST, [(INCLUDED_AFTER, AUGUST, JULY + timedelta(2), 1)]


def before_august_comes_nobody_knows(f):
    f.eligible()
    f.served(on=JULY + timedelta(2))
    f.said("found", AUGUST, included_on=AUGUST)
    return AUGUST - timedelta(1), []


def included_on_the_very_day_of_the_act(f):
    f.eligible()
    f.served(on=JULY + timedelta(2))
    f.said("found", AUGUST, included_on=JULY + timedelta(2))
    return AUGUST, []


def only_the_first_answer_after_the_act_tells(f):
    f.eligible()
    f.served(on=SERVED)
    f.said("found", JULY)
    f.said("found", AUGUST, included_on=AUGUST)
    return AUGUST, []


def a_hint_after_the_act_tells_nothing(f):
    f.eligible()
    f.served(on=JULY + timedelta(2))
    f.said("found", AUGUST, included_on=AUGUST, via="dadata")
    return AUGUST, []


def a_complex_case_half_served_and_cancelled(f):
    found = f.said("found", MARCH)
    f.applied(complex=True)
    f.decided(rests_on=found)
    f.said("absent", JULY)
    f.served(no=2, on=JULY + timedelta(2))
    f.w.cancel(f.n, AUGUST)
    return AUGUST, [(ABSENT_THEN, JULY, JULY + timedelta(2), 2)]


def a_complex_case_in_progress(f):
    found = f.said("found", MARCH)
    f.applied(complex=True)
    f.decided(rests_on=found)
    f.said("absent", JULY)
    f.served(no=2, on=JULY)
    f.served(no=1, on=AUGUST)
    return JULY, [(CONTRADICTS, JULY), (ABSENT_THEN, JULY, JULY, 2)]


def an_act_put_right_to_another_day(f):
    f.eligible()
    f.said("absent", SERVED)
    f.served()
    act = len(f.w.records)
    f.corrected(act, accepted_on=(SERVED - timedelta(1)).isoformat())
    return AUGUST, []


SCENES = [
    nothing_said, an_answer_of_31_days_ago, an_answer_of_32_days_ago,
    no_answer_that_says_nothing_makes_an_older_one_younger, a_hint_proves_nothing,
    another_register_makes_no_answer_younger, an_answer_of_a_later_day_is_not_there_yet,
    a_new_answer_that_agrees, excluded_in_july,
    excluded_in_july_and_back_in_august, excluded_and_not_asked_again, moved_to_another_region,
    a_register_that_holds_no_region, of_one_day_the_answer_recorded_last_counts,
    of_one_day_an_answer_recorded_before_counts_no_more, an_older_answer_recorded_later_contradicts_nothing,
    a_decision_on_a_hint_after_an_older_answer, the_answer_decided_on_was_an_error_of_ours,
    the_answer_decided_on_is_voided_and_an_older_one_left, the_answer_decided_on_is_voided_and_none_left,
    a_contradiction_that_is_voided, a_contradiction_of_another_day_after_all,
    an_application_that_would_rest_on_a_found_answer, an_application_that_rested_on_nothing_better,
    an_application_whose_found_answer_was_too_old, a_refused_case_asks_for_nothing,
    a_cancelled_case_asks_for_nothing, a_completed_case_asks_for_nothing, served_after_the_register_said_absent,
    an_act_that_is_yet_to_come, served_in_between_and_back_in_august, before_august_comes_nobody_knows,
    included_on_the_very_day_of_the_act, only_the_first_answer_after_the_act_tells,
    a_hint_after_the_act_tells_nothing, a_complex_case_half_served_and_cancelled, a_complex_case_in_progress,
    an_act_put_right_to_another_day,
]  # fmt: skip


@pytest.fixture(scope="module")
def played(databases):
    """All scenes in one log, a participant each: a connection to its tables, and by scene who, when and what."""
    world, asked = World(), {}
    for n, scene in enumerate(SCENES):
        firm = Firm(world, n)
        asked[scene] = (firm.who, *scene(firm))
    with databases() as database:
        record(database, world.records)
        project(database)
        with reader(database) as conn:
            yield conn, asked


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.__name__)
def test_a_case_is_stale_when_its_rule_says_so(played, scene):
    conn, asked = played
    who, as_of, expected = asked[scene]
    found = told(conn, as_of, 10_000, participant_id=who)
    assert found == {(code, answer, *(act or (None, None))) for code, answer, *act in expected}


def told(conn, as_of, position, **filters):
    """What is said of the one case, without its words."""
    items = everything(directory.cases, conn, as_of, position, eligibility="stale", **filters)
    assert len(items) <= 1
    return {(s.code, s.answer_as_of, s.accepted_on, s.component_no) for i in items for s in i["stale"]}


def test_what_is_recorded_later_was_not_known_before(databases):
    firm = Firm(World())
    firm.eligible()
    firm.said("found", JULY - timedelta(9))
    absent = firm.said("absent", JULY)
    firm.corrected(absent)
    voided = len(firm.w.records)
    with databases() as database:
        record(database, firm.w.records)
        project(database)
        with reader(database) as conn:
            assert told(conn, JULY, absent - 1) == set()
            assert told(conn, JULY, absent) == {(CONTRADICTS, JULY, None, None)}
            assert told(conn, JULY, voided) == set()
            for day in (date.min, date.max):
                told(conn, day, voided)


def test_words_name_days_and_other_filters_go_with_it(databases):
    world = World()
    firm = Firm(world)
    firm.eligible()
    absent = firm.said("absent", JULY)
    firm.served(on=JULY + timedelta(2))
    firm.said("found", AUGUST, included_on=AUGUST)
    other = Firm(world, 1)
    other.said("found", JULY)
    other.applied(on=JULY)
    other.said("found", AUGUST, region="77")
    Firm(world, 2).applied()
    at = len(world.records)
    with databases() as database:
        record(database, world.records)
        project(database)
        with reader(database) as conn:

            def words(as_of, **filters):
                items = everything(directory.cases, conn, as_of, at, eligibility="stale", **filters)
                return [s.detail for item in items for s in item["stale"]]

            of = {"participant_id": firm.who}
            assert words(date(2021, 4, 30), **of) == [
                "Последний ответ реестра МСП дан на 05.03.2021, на 30.04.2021 ему больше 31 дн."
            ]
            gone = ["На 10.07.2021 участника нет в реестре МСП, а дело опирается на другой ответ"]
            assert words(JULY, **of) == gone
            served = [
                "Акт 12.07.2021: по ответу на 10.08.2021 получатель услуги включён в реестр МСП позже, 10.08.2021",
                "Акт 12.07.2021: по ответу на 10.07.2021 получателя услуги не было в реестре МСП",
            ]
            assert words(AUGUST, **of) == served
            moved = "По реестру МСП на 10.08.2021 у участника регион 77, а не 24, а дело опирается на другой ответ"
            never = "Ответа реестра МСП об участнике ещё нет"
            assert sorted(words(AUGUST)) == sorted([*served, never, moved])
            assert words(AUGUST, status="completed") == served
            assert sorted(words(AUGUST, status="open")) == sorted([never, moved])
            assert words(AUGUST, complex=True) == words(AUGUST, cluster=CODES[1]) == []
            (case,) = directory.cases(conn, JULY, at, eligibility="stale", **of).items
            assert case["stale"][0].event_id == world.records[absent - 1].event_id
            (plain,) = directory.cases(conn, JULY, at, **of).items
            assert {**plain, "stale": case["stale"]} == case


def read_aloud(case, checks, as_of):
    """The rules of the issue, over what is understood on the day; `checks` in the order they were recorded."""
    rules = in_force(as_of)
    answers = sorted(
        (
            c
            for c in checks
            if c.as_of <= as_of and c.via != "dadata" and (c.result == "absent" or c.included_on)
        ),
        key=lambda c: c.as_of,
    )
    order = {c.event_id: (c.as_of, n) for n, c in enumerate(checks) if c.as_of <= as_of}

    def against(answer):
        return answer.result == "absent" or answer.region_code not in (None, rules.region)

    status, stale = case_status(case, as_of), set()
    latest = answers[-1] if answers else None
    if status in ("open", "eligible", "agreed", "in_progress"):
        named = (latest.as_of, latest.event_id) if latest else (None, None)
        if latest is None or latest.as_of < as_of - timedelta(rules.registry_valid_for_days):
            stale.add((OUT_OF_DATE, *named, None, None))
        if latest is not None and against(latest):
            applied_on = case.opened.applied_on
            if case.decided and case.decided.decided_on <= as_of:
                (rests_on,) = [v.event_id for v in case.decided.checks] or [None]
                newer = order.get(rests_on, (date.min, 0)) <= order[latest.event_id]
            else:
                since = applied_on - timedelta(rules.registry_valid_for_days)
                window = [a for a in answers if since <= a.as_of <= applied_on]
                newer = bool(window) and not against(window[-1])
            if newer:
                stale.add((CONTRADICTS, *named, None, None))
    for act in case.accepted:
        if act.accepted_on <= as_of:
            then = [a for a in answers if a.as_of <= act.accepted_on]
            if then and then[-1].result == "absent":
                stale.add((ABSENT_THEN, then[-1].as_of, then[-1].event_id, act.accepted_on, act.component_no))
            later = [a for a in answers if a.as_of > act.accepted_on]
            first = [a for a in later if a.as_of == later[0].as_of][-1:]
            for a in first:
                if a.result == "found" and a.included_on > act.accepted_on:
                    stale.add((INCLUDED_AFTER, a.as_of, a.event_id, act.accepted_on, act.component_no))
    return stale


@IN_SQL
@given(histories(), st.sampled_from([1, 4, 1_000]), st.data())
def test_stale_cases_are_the_rules_over_the_folded_streams(databases, records, most, data):
    with databases() as database:
        record(database, records)
        project(database, most)
        with reader(database) as conn:
            for _ in range(8):
                as_of, position = data.draw(dates), data.draw(st.integers(len(records) // 2, len(records)))
                states = folded(records, position)
                checks = {id: p.checks for id, p in states.items() if isinstance(p, participant.Participant)}
                expected = {
                    id: read_aloud(c, checks.get(c.opened.participant_id, ()), as_of)
                    for id, c in states.items()
                    if isinstance(c, service_case.ServiceCase) and c.opened.applied_on <= as_of
                }
                expected = {id: stale for id, stale in expected.items() if stale}
                items = everything(directory.cases, conn, as_of, position, eligibility="stale")
                found = {
                    i["id"]: {
                        (s.code, s.answer_as_of, s.event_id, s.accepted_on, s.component_no)
                        for s in i["stale"]
                    }
                    for i in items
                }
                assert found == expected
                assert len(items) == len(found)
                listed = [c["id"] for c in everything(directory.cases, conn, as_of, position)]
                assert [i["id"] for i in items] == [id for id in listed if id in found]
