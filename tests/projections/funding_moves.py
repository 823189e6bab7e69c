"""What the processes of `test_funding_at_once` do: a new process finds it by name, as it would not a test module."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import date
from random import Random
from typing import Any
from uuid import UUID, uuid4

from projections.histories import DOCUMENT

from ckr_es import commands
from ckr_es.aggregates import plan, service_case
from ckr_es.aggregates.facts import Entry
from ckr_es.application import Request, ServiceTracking
from ckr_es.rules import Refused
from ckr_es.store.database import Database
from ckr_es.store.settings import Settings
from ckr_es.store.writer import OutcomeUnknown, Overloaded

CASES, PROCESSES, THREADS, MOVES = 30, 2, 6, 25
YEARS = (2021, 2022)
LIMITS = {"federal": 15_000, "regional": 7_500}  # a case holds 7,000 to 7,029


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
        case 0 | 1 | 2 | 3 | 4:
            signed = service_case.AgreementSigned(number="Д", signed_on=day)
            commands.on_case(tracking, request("operator"), id, decided(signed))
        case 5:
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
