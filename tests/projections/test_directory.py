"""The directory travels in both times, sorts and finds Russian names, and pages without losing a row."""

from collections import defaultdict
from datetime import date
from uuid import UUID

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from projections.conftest import project, reader, record
from projections.histories import KINDS, START, World, dates, histories

from ckr_es.aggregates import amend, cluster, participant, service_case
from ckr_es.aggregates.facts import Entry
from ckr_es.projections import directory_reads as directory
from ckr_es.projections.timeline import timeline
from ckr_es.store.door import Command, Identity
from ckr_es.store.envelope import EventMapper, Proposed
from ckr_es.store.recorder import Recorder

IN_SQL = settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))


def folded(records, position):
    streams = defaultdict(list)
    for r in records:
        if r.position <= position:
            streams[r.originator_id].append(Entry(r.event_id, r.event))
    noun = {r.originator_id: type(r.event).__module__.rpartition(".")[2] for r in records}
    kinds = {**KINDS, "service_case": KINDS["case"]}
    return {id: amend.fold(kinds[noun[id]], entries) for id, entries in streams.items()}


def everything(read, *args, **filters):
    """All pages, two rows each."""
    items, after = [], None
    while True:
        page = read(*args, after=after, limit=2, **filters)
        items += page.items
        if page.next is None:
            return items
        after = page.next


def come(day, as_of):
    return day if day is not None and day <= as_of else None


def case_status(c, as_of):
    acts = [a for a in c.accepted if a.accepted_on <= as_of]
    if c.cancelled and c.cancelled.cancelled_on <= as_of:
        return "cancelled"
    if (c.completed and c.completed.completed_on <= as_of) or (acts and not c.opened.complex):
        return "completed"
    if acts:
        return "in_progress"
    if c.agreement and c.agreement.signed_on <= as_of:
        return "agreed"
    return c.decided.decision if c.decided and c.decided.decided_on <= as_of else "open"


@IN_SQL
@given(histories(), st.sampled_from([1, 4, 1_000]), st.data())
def test_lists_are_the_folded_streams(databases, records, most, data):
    with databases() as database:
        record(database, records)
        project(database, most)
        with reader(database) as conn:
            for _ in range(5):
                as_of, position = data.draw(dates), data.draw(st.integers(0, len(records)))
                states = folded(records, position)
                of = {
                    kind: {id: s for id, s in states.items() if isinstance(s, kind)}
                    for kind in (cluster.Cluster, participant.Participant, service_case.ServiceCase)
                }
                at = (conn, as_of, position)
                found = {
                    c["code"]: (c["status"], c["formed_on"], c["dissolved_on"])
                    for c in everything(directory.clusters, *at)
                }
                assert found == {
                    c.proposed.code: (
                        "dissolved"
                        if c.dissolved and c.dissolved.dissolved_on <= as_of
                        else "formed"
                        if c.formed and c.formed.formed_on <= as_of
                        else "proposed",
                        come(c.formed and c.formed.formed_on, as_of),
                        come(c.dissolved and c.dissolved.dissolved_on, as_of),
                    )
                    for c in of[cluster.Cluster].values()
                    if c.proposed.proposed_on <= as_of
                }
                people = everything(directory.participants, *at)
                assert {p["id"] for p in people} == {
                    id for id, p in of[participant.Participant].items() if p.registered.registered_on <= as_of
                }
                assert len(people) == len({p["id"] for p in people})
                for code in ("organic", "digital"):
                    assert {p["id"] for p in everything(directory.members, conn, code, as_of, position)} == {
                        id
                        for id, p in of[participant.Participant].items()
                        for m in p.memberships
                        if m.cluster == code
                        and m.joined_on <= as_of
                        and (m.left_on is None or as_of < m.left_on)
                    }
                rows = everything(directory.cases, *at)
                assert {c["id"]: (c["status"], c["accepted_on"]) for c in rows} == {
                    id: (
                        case_status(c, as_of),
                        sorted(a.accepted_on for a in c.accepted if a.accepted_on <= as_of),
                    )
                    for id, c in of[service_case.ServiceCase].items()
                    if c.opened.applied_on <= as_of
                }
                statuses = {c["status"] for c in rows}
                for status in statuses:
                    some = everything(directory.cases, *at, status=status, complex=True)
                    assert [c["id"] for c in some] == [
                        c["id"] for c in rows if c["status"] == status and c["complex"]
                    ]


def registered(name, n):
    event = participant.Registered(
        kind="legal_entity", registered_on=START, inn=f"24000000{n:02}", ogrn=f"10224000000{n:02}", name=name
    )
    return UUID(int=n), event


def person(recorder, n, name):
    """An entrepreneur, the way the application records one: the identity goes to the vault."""
    who = UUID(int=n)
    event = participant.Registered(kind="entrepreneur", registered_on=START, identity_commitment="0" * 64)
    proposed = Proposed(
        originator_id=who, originator_version=1, event_id=UUID(int=1000 + n), event=event, participant_id=who
    )
    fields = f'{{"name":"{name}","ogrnip":"304240000000001","contacts":{{"phone":"1"}}}}'
    outcome = recorder.append(
        Command(
            key=f"person-{n}",
            request_hash=b"",
            actor="s-1",
            role="operator",
            correlation_id=who,
            status=201,
            subject=str(who),
            version=1,
            rows=(EventMapper().to_stored_event(proposed),),
            identity=Identity(
                participant_id=who,
                inn="246600000001",
                fields=fields.encode(),
                salt=b"s" * 32,
                commitment=b"c" * 32,
            ),
        )
    )
    assert outcome.kind == "recorded"


def test_names_sort_and_are_found_in_russian_and_persons_only_by_those_who_may_see_them(databases):
    w = World()
    for name, n in (("ООО Яблоко", 1), ("АО Ёлка", 2), ("АО Ежевика", 3), ("АО ЁРШ", 4)):
        who, event = registered(name, n)
        w.happen("participant", who, event, who)
    with databases() as database:
        record(database, w.records)
        with Recorder(database, 2) as recorder:
            person(recorder, 5, "Ёлкина Анна")
        project(database)
        at = (START, 5)
        with reader(database) as conn:

            def names(**filters):
                return [p["name"] for p in everything(directory.participants, conn, *at, **filters)]

            assert names() == ["АО Ежевика", "АО Ёлка", "АО ЁРШ", "ООО Яблоко", None]
            everyone = ["АО Ежевика", "АО Ёлка", "АО ЁРШ", "Ёлкина Анна", "ООО Яблоко"]
            assert names(include_persons=True) == everyone
            assert names(q="елк") == ["АО Ёлка"]
            assert names(q="ЁЛК", include_persons=True) == ["АО Ёлка", "Ёлкина Анна"]
            assert names(q="%") == []
            assert names(inn="2400000002") == ["АО Ёлка"]
            assert names(inn="246600000001") == []
            assert names(inn="246600000001", include_persons=True) == ["Ёлкина Анна"]
            assert names(kind="entrepreneur") == [None]
            (anna,) = directory.participants(conn, *at, id=UUID(int=5), include_persons=True).items
            assert (anna["ogrn"], anna["contacts"], anna["memberships"]) == (
                "304240000000001",
                {"phone": "1"},
                [],
            )
            assert directory.participants(conn, START.replace(year=2019), 5).items == []


def test_a_timeline_shows_what_was_struck_and_put_right_as_known_then(databases):
    w = World()
    w.propose(0, True, START)
    w.form(0, START)
    w.register(0, "legal_entity", START)
    w.open(0, 0, 0, False, START)
    w.accept(0, 1, date(2021, 2, 1))
    act = w.records[-1]
    w.correct(act.position - 1, {"accepted_on": "2021-03-01"})
    corrected = w.records[-1]
    w.correct(act.position - 1, None)
    void = w.records[-1]
    w.correct(void.position - 1, None)
    back = w.records[-1]
    who = w.id("participant", 0)
    with databases() as database:
        record(database, w.records)
        with reader(database) as conn:
            all_of_it = timeline(conn, who, back.position)
            assert [m.position for m in all_of_it] == list(range(3, back.position + 1))
            assert [m.position for m in timeline(conn, who, back.position, after=5, limit=2)] == [6, 7]

            def of(record, position):
                (moment,) = timeline(conn, who, position, after=record.position - 1, limit=1)
                return moment.struck, [(c["kind"], UUID(c["event_id"])) for c in moment.corrections]

            assert of(act, act.position) == (False, [])
            assert of(act, corrected.position) == (False, [("corrected_by", corrected.event_id)])
            then = [("corrected_by", corrected.event_id), ("voided_by", void.event_id)]
            assert of(act, void.position) == (True, then)
            assert of(void, back.position) == (True, [("voided_by", back.event_id)])
            assert of(act, back.position) == (False, [*then, ("voided_by", back.event_id)])
