"""SQL over the ledger against the fold, figures against their evidence, differences against their events."""

from calendar import monthrange
from datetime import date, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from projections.conftest import project, reader, record
from projections.histories import END, START, World, dates, figures, histories

from ckr_es.projections import kpi_reads
from ckr_es.rules import Invalid, Unknown
from ckr_es.rules.kpi_sets import KPI_SETS

IN_SQL = settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
KPIS = [row.kpi for row in KPI_SETS["2021"]]


def actual(conn, as_of, position):
    return {row["kpi"]: row["actual"] for row in kpi_reads.table(conn, as_of, position).rows}


@IN_SQL
@given(histories(), st.sampled_from([1, 3, 1_000]), st.data())
def test_the_table_is_the_fold_and_says_why(databases, records, most, data):
    with databases() as database:
        record(database, records)
        project(database, most)
        moments = st.tuples(dates, st.integers(0, len(records)))
        with reader(database) as conn:
            for _ in range(5):
                one, two = data.draw(moments), data.draw(moments)
                before, after = figures(records, *one), figures(records, *two)
                assert actual(conn, *one) == before
                assert actual(conn, *two) == after
                for kpi in KPIS:
                    lines = kpi_reads.evidence(conn, kpi, *two)
                    assert sum(line.n for line in lines) == (after[kpi] or 0)
                    assert len({line.event_id for line in lines}) == len(lines)
                    assert all(line.position <= two[1] and line.effective_on <= two[0] for line in lines)
                changes = kpi_reads.diff(conn, *one, *two)
                assert [c.kpi for c in changes] == KPIS
                for c in changes:
                    assert (c.from_, c.to) == (before[c.kpi], after[c.kpi])
                    if c.from_ is None or c.to is None:
                        assert (c.delta, c.events) == (None, ())
                    else:
                        assert c.delta == c.to - c.from_ == sum(e.n for e in c.events)
            kpi, position = data.draw(st.sampled_from(KPIS)), len(records)
            for point in kpi_reads.series(conn, kpi, START, END, "quarter", position):
                assert point.actual == figures(records, point.as_of, position)[kpi]


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
            first = kpi_reads.evidence(*then, limit=3)
            rest = kpi_reads.evidence(*then, after=first[-1].position, limit=3)
            now = kpi_reads.evidence(conn, "services", date(2021, 12, 31), len(w.records))
            assert [x.event_id for x in first + rest] == [r.event_id for r in accepted]
            assert [x.event_id for x in now] == [r.event_id for r in accepted if r is not accepted[2]]
            void = w.records[-1].event_id
            assert [x.voided_by for x in first + rest] == [None, None, void, None, None]
        w.correct(w.records[-1].position - 1, None)
        record(database, w.records[-1:])
        project(database)
        with reader(database) as conn:
            back = kpi_reads.evidence(conn, "services", date(2021, 12, 31), len(w.records))
            assert [x.voided_by for x in back] == [None] * 5
            assert [x.voided_by for x in kpi_reads.evidence(conn, *then[1:])] == [None] * 5


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
                kpi_reads.evidence(conn, "nonsense", END, 0)
            with pytest.raises(Invalid, match="too-many-points"):
                kpi_reads.series(conn, "services", START, START + timedelta(days=2_000), "day", 0)
            empty = kpi_reads.table(conn, END, 0)
            assert empty.kpi_set == "2021"
            assert [(r["plan"], r["percent"]) for r in empty.rows] == [(None, None)] * len(KPIS)
