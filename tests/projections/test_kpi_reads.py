"""SQL over the ledger against the fold, figures against their evidence, differences against their events."""

from calendar import monthrange
from datetime import date, timedelta
from decimal import Decimal

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from projections.conftest import project, reader, record
from projections.histories import END, START, World, dates, eventful, figures, histories

from ckr_es.aggregates import cluster, participant, service_case
from ckr_es.aggregates.facts import Correction, Void
from ckr_es.projections import kpi_changes, kpi_evidence, kpi_reads
from ckr_es.projections.kpi_evidence import Line, Moving
from ckr_es.rules import Invalid, Unknown
from ckr_es.rules.kpi_sets import Policy, known_rows, kpi_sets

IN_SQL = settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
KPIS = list(known_rows())
OF_2021 = [row.kpi for row in kpi_sets()["2021"].rows]


def actual(conn, as_of, position):
    return {row["kpi"]: row["actual"] for row in kpi_reads.table(conn, as_of, position).rows}


@IN_SQL
@given(histories(), st.sampled_from([1, 3, 1_000]), st.sampled_from([1, 4, 30, 1_024]), st.data())
def test_the_table_is_the_fold_and_says_why(databases, records, most, segment, data):
    with databases() as database:
        record(database, records)
        project(database, most, segment)
        moments = st.tuples(dates, st.integers(0, len(records)))
        with reader(database) as conn:
            for _ in range(5):
                one, two = data.draw(moments), data.draw(moments)
                before, after = figures(records, *one), figures(records, *two)
                assert actual(conn, *one) == before
                assert actual(conn, *two) == after
                for kpi in KPIS:
                    lines = kpi_evidence.evidence(conn, kpi, *two)
                    assert sum(line.n for line in lines) == (after.get(kpi) or 0)
                    assert len({line.event_id for line in lines}) == len(lines)
                    assert all(line.position <= two[1] and line.effective_on <= two[0] for line in lines)
                changes = kpi_changes.diff(conn, *one, *two).rows
                assert [c.kpi for c in changes] == [*after, *(kpi for kpi in before if kpi not in after)]
                for c in changes:
                    assert (c.from_, c.to) == (before.get(c.kpi), after.get(c.kpi))
                    if c.from_ is None or c.to is None:
                        assert (c.delta, c.events) == (None, ())
                    else:
                        assert c.delta == c.to - c.from_ == sum(e.n for e in c.events)
            kpi, position = data.draw(st.sampled_from(KPIS)), len(records)
            for point in kpi_reads.series(conn, kpi, START, END, "quarter", position):
                assert point.actual == figures(records, point.as_of, position).get(kpi)


@IN_SQL
@given(histories(), st.data())
def test_an_event_shows_its_lines_and_all_about_its_fact(databases, records, data):
    """Asked of the records of its participant and of clusters only; whole, against every line there is."""
    of = {r.event_id: r for r in records}
    with databases() as database:
        record(database, records)
        project(database)
        position = data.draw(st.integers(0, len(records)))
        with reader(database) as conn:
            every = [
                Line(*row)
                for row in conn.execute(
                    "select position, event_id, fact_id, kpi, day, cluster, participant_id, case_id, n from kpi.line"
                    " where position <= %s",
                    (position,),
                )
            ]
            for r in records[:position]:
                fact = r
                while isinstance(fact.event, Void | Correction):
                    fact = of[getattr(fact.event, "voids", None) or fact.event.corrects]
                moving = Moving(r.event_id, fact.event_id, fact.position, r.participant_id)
                mine = [
                    line for line in every if r.event_id == line.event_id or fact.event_id == line.fact_id
                ]
                found, after = [], None
                while page := kpi_evidence.lines(conn, moving, position, after, 7):
                    found += page
                    after = kpi_evidence.line_key(page[-1])
                assert found == sorted(mine, key=kpi_evidence.line_key)


def test_evidence_pages_by_position_and_names_what_voids(databases):
    w = World()
    w.propose(0, True, START)
    w.form(0, START)
    w.register(0, "legal_entity", START)
    for n in range(5):
        w.open(n, 0, 0, False, START)
        w.accept(n, 1, date(2021, 1, 10 + n))
    accepted = [r for r in w.records if type(r.event).__name__ == "ServiceAccepted"]
    known = len(w.records)
    w.correct(accepted[2].position - 1, None)
    with databases() as database:
        record(database, w.records)
        project(database)
        with reader(database) as conn:
            then = (conn, "services", date(2021, 12, 31), known)
            first = kpi_evidence.evidence(*then, limit=3)
            rest = kpi_evidence.evidence(*then, after=first[-1].position, limit=3)
            now = kpi_evidence.evidence(conn, "services", date(2021, 12, 31), len(w.records))
            assert [x.event_id for x in first + rest] == [r.event_id for r in accepted]
            assert [x.event_id for x in now] == [r.event_id for r in accepted if r is not accepted[2]]
            void = w.records[-1].event_id
            assert [x.voided_by for x in first + rest] == [None, None, void, None, None]
        w.correct(w.records[-1].position - 1, None)
        record(database, w.records[-1:])
        project(database)
        with reader(database) as conn:
            back = kpi_evidence.evidence(conn, "services", date(2021, 12, 31), len(w.records))
            assert [x.voided_by for x in back] == [None] * 5
            assert [x.voided_by for x in kpi_evidence.evidence(conn, *then[1:])] == [None] * 5


def test_points_of_a_series():
    days = list(kpi_reads._days(date(2021, 1, 15), date(2021, 4, 10), "month"))
    assert days == [date(2021, 1, 31), date(2021, 2, 28), date(2021, 3, 31), date(2021, 4, 10)]
    assert list(kpi_reads._days(date(2021, 1, 15), date(2021, 3, 31), "quarter")) == [date(2021, 3, 31)]
    assert list(kpi_reads._days(date(2021, 1, 15), date(2021, 5, 31), "quarter")) == [
        date(2021, 3, 31),
        date(2021, 5, 31),
    ]
    assert list(kpi_reads._days(START, START, "month")) == [START]
    assert len(list(kpi_reads._days(START, END, "day"))) == (END - START).days + 1
    assert all(
        d.day == monthrange(d.year, d.month)[1] for d in kpi_reads._days(START, date(2022, 3, 31), "month")
    )


def test_what_is_refused(databases):
    with databases() as database:
        project(database)
        with reader(database) as conn:
            with pytest.raises(Unknown):
                kpi_evidence.evidence(conn, "nonsense", END, 0)
            with pytest.raises(Invalid, match="too-many-points"):
                kpi_reads.series(conn, "services", START, START + timedelta(days=2_000), "day", 0)
            empty = kpi_reads.table(conn, END, 0)
            assert empty.kpi_set == "2021"
            assert [(r["plan"], r["percent"]) for r in empty.rows] == [(None, None)] * len(OF_2021)


FACTS = {
    "services": service_case.ServiceAccepted,
    "supported_smes": service_case.ServiceAccepted,
    "paid_services": service_case.ServiceAccepted,
    "complex_services": service_case.Completed,
    "jobs_created": participant.JobsReported,
    "employees": participant.JobsReported,
    "sales": participant.SalesReported,
    "new_products": participant.ProductLaunched,
    "new_products_foreign": participant.ProductLaunched,
    "clusters_production": cluster.Formed,
}


def all_uncounted(conn, kpi, as_of, position, limit=500, kpi_set=None):
    known_set, policy = kpi_reads.counted(conn, as_of, position)
    found, after = [], 0
    while after is not None:
        page, after = kpi_evidence.uncounted(
            conn, kpi, as_of, position, after, limit, kpi_set=kpi_set or known_set, policy=policy
        )
        found += page
    return found


@IN_SQL
@given(histories(), st.data())
def test_a_fact_counts_or_there_is_a_reason(databases, records, data):
    """Together the two lists hold every fact once; only a cluster that came and went is in both, by its two events."""
    with databases() as database:
        record(database, records)
        project(database)
        with reader(database) as conn:
            for _ in range(3):
                as_of, position = data.draw(dates), data.draw(st.integers(0, len(records)))
                limit = data.draw(st.sampled_from([1, 7, 500]))
                for kpi, kind in FACTS.items():
                    facts = {
                        r.event_id for r in records if r.position <= position and isinstance(r.event, kind)
                    }
                    counted = {
                        e.event_id for e in kpi_evidence.evidence(conn, kpi, as_of, position, limit=500)
                    }
                    rest = all_uncounted(conn, kpi, as_of, position, limit)
                    assert len({u.event_id for u in rest}) == len(rest)
                    gone = {u.event_id for u in rest if u.reason == "dissolved"}
                    assert not counted & ({u.event_id for u in rest} - gone)
                    assert facts <= counted | {u.event_id for u in rest}


def test_each_reason(databases):
    """One history in which every reason holds, each by the record that shows it."""
    w = World()
    for n in range(3):
        w.propose(n, n != 1, START)
    w.form(0, START)
    w.form(1, START)
    w.dissolve(1, date(2021, 2, 1))
    w.form(2, date(2021, 8, 1))
    for n in range(4):
        w.register(n, "legal_entity", START)
    w.of(0, participant.JoinedCluster(cluster="organic", joined_on=START))
    for n, who, complex in (
        (0, 0, False),
        (1, 0, True),
        (2, 1, False),
        (3, 1, False),
        (4, 2, True),
        (5, 3, False),
    ):
        w.open(n, who, 0, complex, START)

    def last():
        return w.records[-1].event_id

    wanted = {}
    w.accept(0, 1, date(2021, 3, 1))
    first = last()
    w.correct(len(w.records) - 1, {"accepted_on": "2021-03-03"})
    redated = last()
    w.accept(1, 1, date(2021, 3, 4))
    wanted["supported_smes", last()] = ("counted-once", first)
    wanted["services", last()] = ("policy", None)
    wanted["paid_services", last()] = ("nothing-paid", None)
    w.accept(2, 1, date(2020, 12, 30))
    wanted["services", last()] = ("wrong-year", None)
    w.accept(3, 1, date(2021, 9, 1))
    wanted["services", last()] = wanted["supported_smes", last()] = ("after-as-of", None)
    w.accept(5, 1, date(2021, 4, 1))
    void = last()
    w.correct(len(w.records) - 1, None)
    wanted["services", void] = ("voided", last())
    opened = {r.originator_id: r.event_id for r in w.records if isinstance(r.event, service_case.Opened)}
    wanted["complex_services", opened[w.id("case", 1)]] = ("not-completed", None)
    wanted["services", opened[w.id("case", 4)]] = ("not-accepted", None)
    w.cancel(4, date(2021, 1, 5))
    wanted["services", opened[w.id("case", 4)]] = ("cancelled", last())
    w.record(
        "case",
        w.id("case", 9),
        service_case.Opened(
            participant_id=w.id("participant", 3), cluster="organic", complex=False, applied_on=START
        ),
        w.id("participant", 3),
    )
    refused = last()
    w.happen(
        "case",
        w.id("case", 9),
        service_case.EligibilityDecided(decision="refused", decided_on=START, rule_set="1", checks=()),
    )
    wanted["services", refused] = ("refused", last())
    reported = {"jobs_created": 0, "evidence": "РСВ"}
    w.of(0, participant.JobsReported(quarter="2021-Q1", headcount=5, **reported))
    wanted["jobs_created", last()] = ("nothing-reported", None)
    wanted["employees", last()] = ("earlier-quarter", None)
    w.of(0, participant.JobsReported(quarter="2021-Q2", headcount=5, jobs_created=2, evidence="РСВ"))
    old = last()
    w.of(0, participant.JobsReported(quarter="2021-Q2", headcount=5, jobs_created=1, evidence="РСВ"))
    wanted["jobs_created", old] = ("superseded", last())
    w.of(1, participant.SalesReported(quarter="2021-Q1", amount_kopecks=5, evidence="да"))
    wanted["sales", last()] = ("not-a-member", None)
    w.of(0, participant.SalesReported(quarter="2021-Q3", amount_kopecks=5, evidence="да"))
    wanted["sales", last()] = ("after-as-of", None)
    product = {
        "title": "чипсы",
        "launched_on": date(2021, 5, 1),
        "case_id": w.id("case", 0),
        "evidence": "да",
    }
    w.of(0, participant.ProductLaunched(markets=("russian",), **product))
    wanted["new_products_foreign", last()] = ("other-market", None)
    by_code = {(type(r.event).__name__, r.originator_id): r.event_id for r in w.records}
    wanted["clusters", by_code["Formed", w.id("cluster", 1)]] = (
        "dissolved",
        by_code["Dissolved", w.id("cluster", 1)],
    )
    wanted["clusters", by_code["Formed", w.id("cluster", 2)]] = ("after-as-of", None)
    w.set_plan(2021, Policy(complex_in_services="none"), 1)
    head = len(w.records)
    w.of(0, participant.SalesReported(quarter="2021-Q1", amount_kopecks=5, evidence="поздний"))
    later = last()
    with databases() as database:
        record(database, w.records)
        project(database)
        with reader(database) as conn:
            told = {}
            for kpi in {kpi for kpi, _ in wanted}:
                kpi_set = "2021" if kpi in OF_2021 else "2023"
                for u in all_uncounted(conn, kpi, date(2021, 6, 30), head, kpi_set=kpi_set):
                    told[kpi, u.event_id] = (u.reason, u.because_of)
            by_event = {key: told.get(key) for key in wanted}
            assert by_event == wanted
            kpi_set, policy = kpi_reads.counted(conn, date(2021, 6, 30), head)

            def about(kpi, **named):
                found, _ = kpi_evidence.uncounted(
                    conn,
                    kpi,
                    date(2021, 6, 30),
                    head,
                    about=kpi_evidence.About(**named),
                    kpi_set=kpi_set,
                    policy=policy,
                )
                return [(u.event_id, u.reason) for u in found]

            assert about("sales", event=later) == [(later, "not-known-yet")]
            assert about("services", event=later) == [(later, "another-record")]
            assert about("services", event=first) == []
            for event in (first, redated):
                (line,) = kpi_evidence.evidence(
                    conn, "services", date(2021, 6, 30), head, about=kpi_evidence.About(event=event)
                )
                assert (line.event_id, line.effective_on) == (first, date(2021, 3, 3))
            voiding = next(r.event_id for r in w.records if isinstance(r.event, service_case.Voided))
            assert about("services", event=voiding) == [(void, "voided")]
            assert about("complex_services", case=w.id("case", 0)) == [
                (opened[w.id("case", 0)], "plain-case")
            ]
            assert {reason for _, reason in about("services", participant=w.id("participant", 1))} == {
                "wrong-year",
                "after-as-of",
            }
            assert about("employees", participant=w.id("participant", 0))[0][1] == "not-applicable"


def test_each_kind_of_change(databases):
    """What moved a figure is told by what happened: to the world, or to a record of ours."""
    w = World()
    for n in range(2):
        w.propose(n, True, START)
        w.form(n, START)
    for n in range(3):
        w.register(n, "legal_entity", START)
        w.of(n, participant.JoinedCluster(cluster="organic", joined_on=START))
    for n in range(3):
        w.open(n, n, 0, False, START)
    w.accept(0, 1, date(2021, 2, 1))
    w.accept(1, 1, date(2021, 2, 2))
    acts = [r for r in w.records if isinstance(r.event, service_case.ServiceAccepted)]
    w.correct(acts[1].position - 1, None)
    w.of(0, participant.JobsReported(quarter="2021-Q1", headcount=5, jobs_created=4, evidence="РСВ"))
    w.of(1, participant.SalesReported(quarter="2021-Q1", amount_kopecks=100_000, evidence="да"))
    sales = w.records[-1]
    before = len(w.records)
    w.correct(before - 3, None)  # the void of the act is void: the act stands again
    restored = w.records[-1].event_id
    w.correct(acts[0].position - 1, {"accepted_on": "2021-08-01"})
    moved = w.records[-1].event_id
    w.accept(2, 1, date(2021, 3, 3))
    added = w.records[-1].event_id
    w.of(0, participant.JobsReported(quarter="2021-Q1", headcount=5, jobs_created=1, evidence="РСВ-2"))
    superseded = w.records[-1].event_id
    w.correct(sales.position - 1, {"amount_kopecks": 150_000})
    corrected = w.records[-1].event_id
    w.dissolve(1, date(2021, 5, 1))
    removed = w.records[-1].event_id
    # Came and went between the two sides: it moves nothing, and is not named.
    w.open(3, 2, 0, False, START)
    w.accept(3, 1, date(2021, 4, 4))
    w.correct(len(w.records) - 1, None)
    w.set_plan(2021, Policy(jobs_method="growth"), 1)
    day = date(2021, 6, 30)
    with databases() as database:
        record(database, w.records)
        project(database)
        with reader(database) as conn:

            def kinds(to, to_day=day):
                changes = kpi_changes.diff(conn, day, before, to_day, to).rows
                return {c.kpi: {(e.event_id, e.kind, e.n) for e in c.events} for c in changes if c.events}

            told = kinds(len(w.records) - 1)
            assert told == {
                "clusters": {(removed, "removed", -1)},
                "clusters_production": {(removed, "removed", -1)},
                "services": {(restored, "restored", 1), (moved, "moved", -1), (added, "added", 1)},
                "supported_smes": {(restored, "restored", 1), (moved, "moved", -1), (added, "added", 1)},
                "jobs_created": {(superseded, "superseded", -3)},
                "sales": {(corrected, "corrected", Decimal("0.5"))},
            }
            # Under another policy what both sides know is counted otherwise.
            (counted,) = [r for r in w.records if isinstance(r.event, participant.JobsReported)][:1]
            assert kinds(len(w.records))["jobs_created"] == {(counted.event_id, "recounted", -4)}
            # Day by day on one side of knowledge: an act that the day has come for is there as it now stands.
            shifted = kpi_changes.diff(conn, day, len(w.records), date(2021, 8, 1), len(w.records)).rows
            (services,) = [c for c in shifted if c.kpi == "services"]
            assert [(e.event_id, e.kind, e.reason) for e in services.events] == [(moved, "moved", "ошибка")]


def test_the_outlook_knows_the_year_before(databases):
    w = World()
    w.propose(0, True, START)
    w.form(0, START)
    w.register(0, "legal_entity", START)
    for n, day in enumerate((date(2021, 2, 1), date(2021, 9, 1), date(2021, 10, 1), date(2022, 1, 15))):
        w.open(n, 0, 0, False, START)
        w.accept(n, 1, day)
    w.set_plan(2022, Policy(), 1)
    with databases() as database:
        record(database, w.records)
        project(database)
        with reader(database) as conn:
            table, forecasts = kpi_reads.outlook(conn, date(2022, 3, 1), len(w.records))
            assert table == kpi_reads.table(conn, date(2022, 3, 1), len(w.records))
            said = {row["kpi"]: f for row, f in zip(table.rows, forecasts, strict=True)}
            assert (said["services"].seasonal, said["services"].expected) == (3, 3)
            assert said["services"].linear == Decimal("6.1")
            assert said["clusters"].light == "green"
            _, unknown = kpi_reads.outlook(conn, date.min, len(w.records))
            assert {f.expected for f in unknown} == {Decimal(0), None}
            kpi_reads.outlook(conn, date.max, len(w.records))


class Counting(psycopg.Connection):
    """Says how many statements it was asked to run."""

    asked = 0

    def execute(self, *arguments, **options):
        self.asked += 1
        return super().execute(*arguments, **options)


def test_each_question_is_one_statement(databases):
    day, head = date(2021, 6, 30), 20
    with databases() as database:
        record(database, eventful()[:head])
        project(database)
        with Counting.connect(database.conninfo("ckr_app"), autocommit=True) as conn:
            counted = kpi_reads.counted(conn, day, head)
            questions = (
                lambda: kpi_reads.table(conn, day, head),
                lambda: kpi_reads.outlook(conn, day, head),
                lambda: kpi_reads.series(conn, "services", START, END, "month", head),
                lambda: kpi_changes.diff(conn, day, 5, END, head),
                lambda: kpi_evidence.evidence(conn, "services", day, head),
                lambda: kpi_evidence.uncounted(
                    conn, "services", day, head, kpi_set=counted[0], policy=counted[1]
                ),
            )
            for question in questions:
                conn.asked = 0
                question()
                assert conn.asked == 1
