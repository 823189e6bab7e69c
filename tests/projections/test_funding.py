"""Balances and the register of providers are what the log says, on any day and as known at any position."""

from collections import Counter, defaultdict
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from uuid import UUID

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from projections.conftest import project, reader, record
from projections.histories import SERVICES, START, World, dates, histories

from ckr_es.aggregates import amend, plan, provider, service_case
from ckr_es.aggregates.facts import Entry
from ckr_es.projections import funding_reads

IN_SQL = settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
YEARS = (2020, 2021, 2022)
SOURCES = ("federal", "regional", "other")


def understood(records, position):
    """The facts that stand, by stream."""
    streams = defaultdict(list)
    for r in records:
        if r.position <= position:
            streams[r.originator_id].append(Entry(r.event_id, r.event))
    return {id: [event for _, event in amend.understood(entries)] for id, entries in streams.items()}


def money(records, position):
    """Section 3 of the concept, read aloud: (year, source, kopecks, own, signed, accepted, cancelled) a component."""
    found = []
    for events in understood(records, position).values():
        components, acts, signed, cancelled = {}, {}, None, None
        for e in events:
            match e:
                case service_case.ComponentAdded():
                    components[e.component_no] = e
                case service_case.AgreementSigned():
                    signed = e.signed_on
                case service_case.ServiceAccepted():
                    acts[e.component_no] = e
                case service_case.Cancelled():
                    cancelled = e.cancelled_on
        for no, c in components.items():
            accepted = acts[no].accepted_on if no in acts else None
            if signed or accepted:
                source = c.funding if c.funding in SOURCES else "other"
                kopecks = max(0, c.cost_kopecks - c.participant_payment_kopecks)
                gone = cancelled if accepted is None else None
                year = (signed or accepted).year
                found.append((year, source, kopecks, c.participant_payment_kopecks, signed, accepted, gone))
    return found


def by(day, as_of):
    return day is not None and day <= as_of


def standing(records, year, as_of, position):
    """Per source: reserved, spent, and the same of what firms pay."""
    sums = {source: [0, 0, 0, 0] for source in SOURCES}
    for of, source, kopecks, own, signed, accepted, gone in money(records, position):
        if of != year:
            continue
        if by(accepted, as_of):
            sums[source][1] += kopecks
            sums[source][3] += own
        elif by(signed, as_of) and not by(gone, as_of):
            sums[source][0] += kopecks
            sums[source][2] += own
    return sums


def limits(records, year, as_of, position):
    """The limits set last of those whose paper is of that day or before."""
    set_ = [
        e
        for events in understood(records, position).values()
        for e in events
        if isinstance(e, plan.FundingSet) and e.year == year and e.effective_on <= as_of
    ]
    return set_[-1] if set_ else None


@IN_SQL
@given(histories(), st.sampled_from([1, 4, 1_000]), st.data())
def test_a_balance_is_the_fold_of_the_log(databases, records, most, data):
    with databases() as database:
        record(database, records)
        project(database, most)
        with reader(database) as conn:
            for _ in range(5):
                as_of, position = data.draw(dates), data.draw(st.integers(0, len(records)))
                year = data.draw(st.sampled_from(YEARS))
                found = funding_reads.balance(conn, year, as_of, position)
                *rows, total = found.rows
                expected = standing(records, year, as_of, position)
                limit = limits(records, year, as_of, position)
                assert {
                    r.source: [
                        r.reserved_kopecks,
                        r.spent_kopecks,
                        r.own_reserved_kopecks,
                        r.own_spent_kopecks,
                    ]
                    for r in rows
                } == expected
                assert [r.limit_kopecks for r in rows[:2]] == (
                    [limit.federal_kopecks, limit.regional_kopecks] if limit else [None, None]
                )
                assert found.document == (limit.document if limit else None)
                taken = total.reserved_kopecks + total.spent_kopecks
                assert taken == sum(r + s for r, s, _, _ in expected.values())
                if limit:
                    assert total.free_kopecks == limit.federal_kopecks + limit.regional_kopecks - taken
                items, after = [], None
                while True:
                    page = funding_reads.money(conn, as_of, position, year=year, after=after, limit=2)
                    items += page.items
                    if (after := page.next) is None:
                        break
                for source in SOURCES:
                    mine = [i for i in items if i["source"] == source]
                    for state, n in (("reserved", 0), ("spent", 1)):
                        assert sum(i["kopecks"] for i in mine if i["state"] == state) == expected[source][n]


@IN_SQL
@given(histories(), st.data())
def test_what_a_decision_counts_with_is_exact_however_far_the_tables_are(databases, records, data):
    upto = data.draw(st.integers(0, len(records)))
    but = data.draw(st.sampled_from(sorted({r.originator_id for r in records})))
    with databases() as database:
        record(database, records[:upto])
        if upto:
            project(database)
        record(database, records[upto:])
        with reader(database) as conn:
            for year in YEARS:
                others = [r for r in records if r.originator_id != but]
                expected = Counter()  # to which a source of nothing is no source
                for of, source, kopecks, _, _, _, gone in money(others, len(records)):
                    if of == year and gone is None and kopecks:
                        expected[source] += kopecks
                assert Counter(funding_reads.held_by_log(conn, year, [but])) == expected


@IN_SQL
@given(histories(), st.data())
def test_a_provider_is_what_was_recorded_and_rated_by_what_was_accepted(databases, records, data):
    with databases() as database:
        record(database, records)
        project(database, 4)
        with reader(database) as conn:
            for _ in range(5):
                as_of, position = data.draw(dates), data.draw(st.integers(0, len(records)))
                found = {p["id"]: p for p in funding_reads.providers(conn, as_of, position).items}
                states = {}
                for r in records:
                    if r.position <= position and r.originator_id.int >> 32 == 5:
                        states.setdefault(r.originator_id, []).append(Entry(r.event_id, r.event))
                folded = {id: amend.fold(provider.KIND, entries) for id, entries in states.items()}
                there = {id: p for id, p in folded.items() if p and p.registered.registered_on <= as_of}
                assert found.keys() == there.keys()
                for id, p in there.items():
                    offer, block = p.offer_on(as_of), p.block_on(as_of)
                    assert found[id]["services"] == list(offer.services)
                    assert found[id]["prices_kopecks"] == offer.prices_kopecks
                    assert found[id]["of_centre"] == offer.of_centre
                    assert found[id]["blocked"] == (block is not None)
                    assert found[id]["rating"] == rating(records, id, as_of, position)
                some = funding_reads.providers(conn, as_of, position, blocked=True, service=SERVICES[0])
                assert [p["id"] for p in some.items] == sorted(
                    id for id, p in found.items() if p["blocked"] and SERVICES[0] in p["services"]
                )


def rating(records, id: UUID, as_of: date, position: int):
    accepted, in_work, cancelled, grades, who, paid = 0, 0, 0, [], set(), 0
    for events in understood(records, position).values():
        mine = {
            e.component_no: e
            for e in events
            if isinstance(e, service_case.ComponentAdded) and e.provider_id == id
        }
        acts = {e.component_no: e for e in events if isinstance(e, service_case.ServiceAccepted)}
        signed = [e.signed_on for e in events if isinstance(e, service_case.AgreementSigned)]
        gone = [e.cancelled_on for e in events if isinstance(e, service_case.Cancelled)]
        for no, c in mine.items():
            act = acts.get(no)
            if act and act.accepted_on <= as_of:
                accepted += 1
                grades.append(act.grade)
                who.add(act.participant_id)
                paid += max(0, c.cost_kopecks - c.participant_payment_kopecks) + c.participant_payment_kopecks
            elif signed and not act and gone and gone[0] <= as_of:
                cancelled += 1
            elif signed and signed[0] <= as_of:
                in_work += 1
    return {
        "grade": float(rounded) if (rounded := mean(grades)) is not None else None,
        "graded": len(grades),
        "accepted": accepted,
        "in_work": in_work,
        "cancelled": cancelled,
        "participants": len(who),
        "paid_kopecks": paid,
    }


def mean(grades):
    if not grades:
        return None
    return (Decimal(sum(grades)) / len(grades)).quantize(Decimal("0.01"), ROUND_HALF_UP)


def test_an_offer_and_a_block_have_their_days(databases):
    w = World()
    w.list_provider(0, START)
    w.of_provider(0, provider.ServicesChanged(changed_on=date(2021, 5, 1), services=(SERVICES[2],)))
    w.of_provider(0, provider.Blocked(blocked_on=date(2021, 6, 1), reason="срыв"))
    w.of_provider(0, provider.Unblocked(unblocked_on=date(2021, 7, 1), reason="исправлено"))
    with databases() as database:
        record(database, w.records)
        project(database)
        with reader(database) as conn:

            def on(day, position=4):
                (p,) = funding_reads.providers(conn, day, position).items
                return p["services"], p["blocked_on"]

            assert on(date(2021, 4, 30)) == (list(SERVICES[:2]), None)
            assert on(date(2021, 5, 1)) == ([SERVICES[2]], None)
            assert on(date(2021, 6, 30)) == ([SERVICES[2]], date(2021, 6, 1))
            assert on(date(2021, 7, 1)) == ([SERVICES[2]], None)
            assert on(date(2021, 7, 1), 3) == ([SERVICES[2]], date(2021, 6, 1))
            assert funding_reads.providers(conn, START.replace(year=2019), 4).items == []
            assert funding_reads.providers(conn, START, 4, q="ель 0").items
            assert not funding_reads.providers(conn, START, 4, q="берёза").items
