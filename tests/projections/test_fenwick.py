"""Running totals of the days of a year at the ends of segments, against the plain sum over lines."""

from collections import Counter
from datetime import date, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from projections.conftest import project, projector, reader, record
from projections.histories import CODES, dates, histories

from ckr_es.projections import kpi_reads
from ckr_es.projections.kpi import Ledger
from ckr_es.projections.kpi_tables import projection
from ckr_es.projections.rebuild import renew
from ckr_es.projections.sheet import Sheet
from ckr_es.projections.sums import Sums
from ckr_es.rules.kpi_sets import applicable, known_rows, kpi_sets, measures
from ckr_es.rules.money import thousand_roubles

IN_SQL = settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
SEGMENTS = st.sampled_from([1, 2, 5, 17, 64])
NODES = "select kpi, slice, year, node, upto, cum from kpi.fenwick order by 1, 2, 3, 4, 5"


def summed(lines, counted, as_of, position, cluster):
    """The table from lines alone, those of one cluster or all."""
    kpi_set, policy = counted
    totals = Counter()
    for line in lines:
        if line.position <= position and line.day <= as_of and cluster in (None, line.cluster):
            totals[line.kpi, "stock"] += line.n
            if line.day >= date(as_of.year, 1, 1):
                totals[line.kpi, "flow"] += line.n
    table = {}
    for row in kpi_sets()[kpi_set].rows:
        n = sum(totals[kpi, "stock" if row.stock else "flow"] for kpi in measures(row, policy))
        money = known_rows()[row.kpi].unit == "thousand_roubles"
        table[row.kpi] = (
            (thousand_roubles(n) if money else n) if applicable(row, policy, as_of.year) else None
        )
    return table


@IN_SQL
@given(histories(), SEGMENTS, st.sampled_from([1, 3, 1_000]), st.data())
def test_the_tree_is_the_plain_sum_for_the_centre_and_for_each_cluster(
    databases, records, segment, most, data
):
    ledger = Ledger()
    lines = [line for r in records for line in ledger.apply(r)]
    with databases() as database:
        record(database, records)
        project(database, most, segment)
        with reader(database) as conn:
            # Positions at the borders of segments, and the last one.
            near = st.integers(0, len(records) // segment).map(lambda n: n * segment)
            positions = st.one_of(near, near.map(lambda n: min(n + 1, len(records))), st.just(len(records)))
            for _ in range(6):
                as_of, position = data.draw(dates), data.draw(positions)
                counted = kpi_reads.counted(conn, as_of, position)
                for cluster in (None, *CODES):
                    table = kpi_reads.table(conn, as_of, position, cluster)
                    expected = summed(lines, counted, as_of, position, cluster)
                    assert {row["kpi"]: row["actual"] for row in table.rows} == expected
            as_of, position = data.draw(dates), data.draw(positions)
            for kpi in known_rows():
                for point in kpi_reads.series(
                    conn, kpi, as_of, as_of + timedelta(days=40), "day", position, CODES[0]
                ):
                    counted = kpi_reads.counted(conn, point.as_of, position)
                    assert point.actual == summed(lines, counted, point.as_of, position, CODES[0]).get(kpi)


@IN_SQL
@given(histories(), SEGMENTS, st.sampled_from([1, 3, 7, 1_000]))
def test_the_tree_grows_the_same_however_it_was_fed(databases, records, segment, most):
    with databases() as database:
        record(database, records)
        project(database, most, segment)
        with reader(database) as conn:
            grown = conn.execute(NODES).fetchall()
        renewed = renew(projection(segment), database)
        assert (renewed.differences, renewed.switched) == ((), True)
        with reader(database) as conn:
            assert conn.execute(NODES).fetchall() == grown


@pytest.mark.parametrize("year", [2021, 2024])
def test_every_day_of_a_year_is_in_its_nodes(databases, year):
    """One line a day: the figure on each day is its number in the year."""
    days = [
        date(year, 1, 1) + timedelta(days=n) for n in range((date(year, 12, 31) - date(year, 1, 1)).days + 1)
    ]
    with databases() as database:
        project(database, segment=366)
        with projector(database) as conn:
            conn.execute("set search_path = kpi")
            sums, sheet = Sums(366), Sheet()
            for n, day in enumerate(days, 1):
                sums.reach(n)
                sums.add(("service_plain", None, day), 1)
            sheet.add_text("fenwick", sums.close(conn, 366))
            sheet.write(conn)
        with reader(database) as conn:
            shown = kpi_reads.series(conn, "services", days[0], days[-1], "day", 366)
            assert [point.actual for point in shown] == list(range(1, len(days) + 1))
            assert kpi_reads.table(conn, date(year + 1, 1, 1), 366).rows[2]["actual"] == 0
