"""Whatever happened and was corrected, at any position: the lists of a report make the figures of its KPI table."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from projections.conftest import project, reader, record
from projections.histories import eventful, figures, histories

from ckr_es.reports import making
from ckr_es.rules.calendar import period

LABELS = ("2020", "2020-Q4", "2021-Q1", "2021-Q2", "2021-Q3", "2021-Q4", "2021", "2022-Q1")
IN_SQL = settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))


def assert_lists_make_the_figures(conn, records, label, position):
    report = making.report(conn, label, position)
    days = period(label)
    expected = figures(records, days.last, position)
    table = {row.kpi: row.actual for row in report.kpi}
    assert table == expected
    # A later KPI set has no such rows; the lists are there all the same.
    assert len(report.supported) == expected.get("supported_smes", len(report.supported))
    assert len({one.participant.id for one in report.supported}) == len(report.supported)
    listed = report.services.items
    counted = report.services.before + sum(item.n for item in listed)
    assert counted == expected.get("services", counted)
    assert all(days.first <= item.act.accepted_on <= days.last for item in listed)
    acts = [act.event_id for one in report.supported for act in one.acts]
    assert len(set(acts)) == len(acts)
    assert {item.act.event_id for item in listed} <= set(acts)
    assert len(report.clusters) == expected["clusters"]
    assert sum(cluster.production for cluster in report.clusters) == expected["clusters_production"]
    for one in report.supported:
        assert one.participant.kind != "entrepreneur" or one.participant.name is None


@IN_SQL
@given(histories(), st.tuples(*(st.floats(0, 1) for _ in LABELS)))
def test_the_lists_make_the_figures(databases, records, parts):
    with databases() as database:
        record(database, records)
        project(database)
        with reader(database) as conn:
            for label, part in zip(LABELS, parts, strict=True):
                assert_lists_make_the_figures(conn, records, label, int(part * len(records)))


def test_the_lists_make_the_figures_at_every_position_of_an_eventful_history(databases):
    records = eventful()
    with databases() as database:
        record(database, records)
        project(database)
        with reader(database) as conn:
            for position in range(len(records) + 1):
                for label in ("2020", "2021-Q2", "2021"):
                    assert_lists_make_the_figures(conn, records, label, position)


@IN_SQL
@given(histories(), st.data())
def test_a_report_at_a_position_is_the_same_whatever_was_recorded_after_it(databases, records, data):
    label, position = data.draw(st.sampled_from(LABELS)), data.draw(st.integers(0, len(records)))
    with databases() as database:
        record(database, records[:position])
        project(database)
        with reader(database) as conn:
            before = making.report(conn, label, position)
        record(database, records[position:])
        project(database)
        with reader(database) as conn:
            after = making.report(conn, label, position)
    assert after == before
