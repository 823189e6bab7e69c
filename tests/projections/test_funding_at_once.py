"""Several processes sign, cancel and put right at once over one PostgreSQL: no agreement is beyond a limit."""

import multiprocessing
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import date
from random import Random
from typing import Any
from uuid import UUID, uuid4

import pytest
from api.conftest import settings_for
from projections.conftest import reader, record
from projections.histories import DOCUMENT, START, World
from projections.test_funding import SOURCES, standing

from ckr_es import commands
from ckr_es.aggregates import plan, service_case
from ckr_es.aggregates.facts import Entry
from ckr_es.application import Request, ServiceTracking
from ckr_es.projections import funding_reads
from ckr_es.projections.follower import Follower, await_position
from ckr_es.projections.rebuild import rebuild
from ckr_es.rules import Refused
from ckr_es.store.database import Database
from ckr_es.store.settings import Settings
from ckr_es.store.writer import OutcomeUnknown, Overloaded

CASES, PROCESSES, THREADS, MOVES = 30, 2, 6, 25
YEARS = (2021, 2022)
LIMITS = {"federal": 30_000, "regional": 15_000}  # a case holds 7,000 to 7,029


def request(role: str) -> Request:
    return Request(
        key=f"t:{uuid4()}",
        request_hash=b"h",
        actor=f"t-{role}",
        role=role,
        correlation_id=None,
        today=date(2022, 12, 31),
    )


def set_limits(tracking: ServiceTracking, year: int, federal: int, regional: int) -> None:
    event = plan.FundingSet(year=year, federal_kopecks=federal, regional_kopecks=regional, document=DOCUMENT)
    commands.on_plan(tracking, request("manager"), event)


def decided(event: service_case.Happening) -> Callable[[service_case.ServiceCase], Any]:
    return lambda state: service_case.decide(state, event)


def accepted(day: date) -> Callable[[service_case.ServiceCase], Any]:
    return lambda state: state.accept(
        component_no=1, act_number="А", accepted_on=day, quantity=1, unit="час", late_reason=None
    )


def move(tracking: ServiceTracking, rng: Random, cases: list[UUID]) -> None:
    """One command about one case, or at times other limits of a year."""
    id, day = rng.choice(cases), date(rng.choice(YEARS), rng.randint(4, 9), 1)
    match rng.randrange(12):
        case 0 | 1 | 2 | 3:
            signed = service_case.AgreementSigned(number="Д", signed_on=day)
            commands.on_case(tracking, request("operator"), id, decided(signed))
        case 4 | 5:
            gone = service_case.Cancelled(cancelled_on=day, reason="отказ")
            commands.on_case(tracking, request("operator"), id, decided(gone))
        case 6:
            commands.on_case(tracking, request("operator"), id, accepted(day))
        case 7:
            federal, regional = (rng.randint(limit // 2, limit * 3 // 2) for limit in LIMITS.values())
            set_limits(tracking, day.year, federal, regional)
        case _:
            history = tracking.streams([id]).history(id)
            entry = rng.choice(history)
            amended = replacement(rng, entry, day)
            commands.correct(
                tracking, request("manager"), service_case.KIND, id, str(id), entry.event_id, "ошибка", amended, None
            )  # fmt: skip


def replacement(rng: Random, entry: Entry, day: date) -> dict[str, Any] | None:
    """None for a void."""
    fact = getattr(entry.event, "replacement", entry.event)
    possible: dict[type[Any], dict[str, Any]] = {
        service_case.AgreementSigned: {"signed_on": day.isoformat()},
        service_case.ComponentAdded: {
            "cost_kopecks": rng.randint(5_000, 20_000),
            "funding": rng.choice(["federal", "regional", "иное"]),
        },
    }
    return possible.get(type(fact)) if rng.random() < 0.6 else None


def work(settings: Settings, seed: int, cases: list[UUID]) -> Counter[str]:
    """A process: threads that move at once, each by its own dice; how often each refusal was met."""

    def play(n: int) -> Counter[str]:
        rng, met = Random(f"{seed} {n}"), Counter[str]()
        for _ in range(MOVES):
            try:
                move(tracking, rng, cases)
                met["done"] += 1
            except (Overloaded, OutcomeUnknown):
                met["unanswered"] += 1
            except Refused as refused:
                met[refused.code] += 1
        return met

    with (
        Database.open(settings) as database,
        closing(ServiceTracking(database)) as tracking,
        ThreadPoolExecutor(THREADS) as threads,
    ):
        return sum(threads.map(play, range(THREADS)), Counter[str]())


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
            with multiprocessing.get_context("spawn").Pool(PROCESSES) as pool:
                met: Counter[str] = sum(
                    pool.starmap(work, [(settings, seed * 10 + n, cases) for n in range(PROCESSES)]),
                    Counter[str](),
                )
            with closing(ServiceTracking(database)) as tracking:
                log = [
                    tracking.mapper.to_domain_event(row)
                    for row in tracking.recorder.select_notifications(1, 100_000)
                ]
            assert met["done"] > 40, met
            assert met["funding-exceeded"] > 5, met
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
