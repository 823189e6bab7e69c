"""The ledger's lines, summed in Python, against a fold that reads the history aloud."""

from collections import Counter, defaultdict
from datetime import date

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from projections.histories import Entry, amend, dates, eventful, figures, histories, plan

from ckr_es.projections.kpi import Ledger
from ckr_es.projections.plans import Plans
from ckr_es.projections.sheet import Sheet
from ckr_es.rules.kpi_sets import Policy, applicable, known_rows, kpi_sets, measures
from ckr_es.rules.money import thousand_roubles

SLOW = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))


DAYS = [date(2020, 12, 31), date(2022, 3, 31)] + [date(2021, m, d) for m in range(1, 13) for d in (1, 2, 28)]


def summed(lines, records, as_of, position):
    """The table from lines alone; the policy is that of the latest plan known, as the fold finds it."""
    policy, kpi_set = Policy(), "2021"
    streams = defaultdict(list)
    for r in records:
        if r.position <= position:
            streams[r.originator_id].append(Entry(r.event_id, r.event))
    for entries in streams.values():
        for _, e in amend.understood(entries):
            if isinstance(e, plan.PlanSet) and e.year == as_of.year:
                policy, kpi_set = e.policy, e.kpi_set
    totals = Counter()
    for line in lines:
        if line.position <= position and line.day <= as_of:
            totals[line.kpi, "stock"] += line.n
            if line.day >= date(as_of.year, 1, 1):
                totals[line.kpi, "flow"] += line.n
    table = {}
    for row in kpi_sets()[kpi_set].rows:
        n = sum(totals[kpi, "stock" if row.stock else "flow"] for kpi in measures(row, policy))
        table[row.kpi] = n if applicable(row, policy, as_of.year) else None
    return {
        kpi: thousand_roubles(n) if n is not None and known_rows()[kpi].unit == "thousand_roubles" else n
        for kpi, n in table.items()
    }


@SLOW
@given(histories(), st.data())
def test_lines_sum_to_the_figures_on_any_day_at_any_position(records, data):
    ledger = Ledger()
    lines = [line for r in records for line in ledger.apply(r)]
    for _ in range(6):
        as_of, position = data.draw(dates), data.draw(st.integers(0, len(records)))
        assert summed(lines, records, as_of, position) == figures(records, as_of, position)


def test_a_year_in_which_much_was_put_right():
    records = eventful()
    ledger = Ledger()
    lines = [line for r in records for line in ledger.apply(r)]
    for position in range(len(records) + 1):
        for as_of in DAYS:
            assert summed(lines, records, as_of, position) == figures(records, as_of, position)


@SLOW
@given(histories())
def test_no_fact_is_counted_twice_and_nothing_empty_is_posted(records):
    ledger = Ledger()
    counted = Counter()
    for r in records:
        for line in ledger.apply(r):
            assert line.n != 0
            assert (line.position, line.event_id) == (r.position, r.event_id.int)
            counted[line.fact_id, line.kpi, line.day, line.cluster, line.participant_id, line.case_id] += (
                line.n
            )
    # The latest headcount takes back the one before it, on another day.
    standing = Counter((key[0], key[1]) for key, n in counted.items() if n and key[1] != "headcount")
    assert all(times == 1 for times in standing.values())


@SLOW
@given(histories())
def test_a_plan_has_one_version_at_a_time(records):
    plans, sheet = Plans(), Sheet()
    for r in records:
        if type(r.event).__module__.endswith("plan"):
            plans.post(r, sheet)
    rows = sheet._rows["plan"]
    assert all(known_from < known_to for _, known_from, known_to, *_ in rows)
