"""Several processes sign, cancel and put right at once over one PostgreSQL: no agreement is beyond a limit."""

import multiprocessing
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from datetime import date
from typing import Any
from uuid import UUID

import pytest
from api.conftest import settings_for
from projections.conftest import reader, record
from projections.funding_moves import CASES, LIMITS, PROCESSES, YEARS, set_limits, work
from projections.histories import START, World
from projections.test_funding import SOURCES, standing

from ckr_es.aggregates import plan
from ckr_es.aggregates.facts import Entry
from ckr_es.application import ServiceTracking
from ckr_es.projections import funding_reads
from ckr_es.projections.follower import Follower, await_position
from ckr_es.projections.rebuild import rebuild


def held(events: Iterable[Entry]) -> Mapping[tuple[int, str], int]:
    """What one case holds, by year and source."""
    found: defaultdict[tuple[int, str], int] = defaultdict(int)
    for year in YEARS:
        sums = standing([_Known(e.event_id, e.event) for e in events], year, date(2023, 1, 1), 0)
        for source in SOURCES:
            found[year, source] = sums[source][0] + sums[source][1]
    return found


class _Known:
    """As much of a record as `standing` looks at."""

    position = 0
    originator_id = UUID(int=0)

    def __init__(self, event_id: UUID, event: Any) -> None:
        self.event_id, self.event = event_id, event


@pytest.mark.parametrize("seed", [1, 2])
def test_no_agreement_is_beyond_a_limit_and_a_balance_is_the_fold_of_the_log(
    databases: Any, seed: int
) -> None:
    world = World()
    world.propose(0, True, START)
    world.form(0, START)
    world.register(0, "legal_entity", START)
    world.list_provider(0, START)
    for n in range(CASES):
        world.open(n, 0, 0, False, START)
    cases = [world.id("case", n) for n in range(CASES)]
    with databases() as database:
        record(database, world.records)
        settings = settings_for(database)
        follower = Follower(database)
        follower.start()
        try:
            with closing(ServiceTracking(database)) as tracking:
                for year in YEARS:
                    set_limits(tracking, year, *LIMITS.values())
            fresh = multiprocessing.get_context("spawn")
            with ProcessPoolExecutor(PROCESSES, mp_context=fresh) as pool:
                seeds = [seed * 10 + n for n in range(PROCESSES)]
                each = pool.map(work, [settings] * PROCESSES, seeds, [cases] * PROCESSES, timeout=60)
                met: Counter[str] = sum(each, Counter[str]())
            with closing(ServiceTracking(database)) as tracking:
                log = [
                    tracking.mapper.to_domain_event(row)
                    for row in tracking.recorder.select_notifications(1, 100_000)
                ]
            assert met["done"] > 40, met
            assert met["funding-exceeded"] > 0, met  # else it was no test of limits
            within_limits_after_each(log, set(cases))
            with reader(database) as conn:
                await_position(conn, ["funding"], len(log), 20)
                for as_of in (date(2021, 6, 15), date(2021, 12, 31), date(2022, 12, 31)):
                    for position in (len(log), len(log) - 20):
                        for year in YEARS:
                            *rows, _ = funding_reads.balance(conn, year, as_of, position).rows
                            assert {r.source: [r.reserved_kopecks, r.spent_kopecks] for r in rows} == {
                                source: sums[:2]
                                for source, sums in standing(log, year, as_of, position).items()
                            }
        finally:
            follower.stop()
        assert rebuild("funding", database).differences == ()


def within_limits_after_each(log: list[Any], cases: set[UUID]) -> None:
    """Whatever took money left no more taken than the limits that were known then; a cut alone may."""
    limits: dict[int, Any] = {}
    streams: defaultdict[UUID, list[Entry]] = defaultdict(list)
    holding: dict[UUID, Mapping[tuple[int, str], int]] = {}
    for r in log:
        if isinstance(r.event, plan.FundingSet):
            limits[r.event.year] = r.event
        if r.originator_id not in cases:
            continue
        streams[r.originator_id].append(Entry(r.event_id, r.event))
        before = holding.get(r.originator_id, {})
        after = holding[r.originator_id] = held(streams[r.originator_id])
        for (year, source), kopecks in after.items():
            if kopecks <= before.get((year, source), 0) or year not in limits:
                continue
            limit = {"federal": limits[year].federal_kopecks, "regional": limits[year].regional_kopecks}
            used = {s: sum(each[year, s] for each in holding.values()) for s in SOURCES}
            if source in limit:
                assert used[source] <= limit[source], r
            assert sum(used.values()) <= sum(limit.values()), r
