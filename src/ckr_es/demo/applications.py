"""Who applied for what in the demonstration year, and what came of it: all drawn from one generator."""

from collections.abc import Sequence
from datetime import date, timedelta
from random import Random
from typing import Final, Literal

from msgspec import Struct
from msgspec.structs import replace

from ckr_es.demo.firms import CLUSTERS, Firm, workday

SERVED: Final = 203
COMPLEX: Final = 150
OF_THREE: Final = 60  # complex services of three components, the others have two
PLAIN: Final = 190
PAID_LATER: Final = 5  # served firms that were refused for a debt first
UNUSED_CODES: Final = 2  # served firms with an excise code they do not use
CANCELLED: Final = 4
LAST_ACT: Final = date(2021, 12, 24)

Obstacle = Literal["excise", "absent", "elsewhere", "liquidating", "debt", ""]
# Those who got nothing: why their one application was refused. The others never applied.
OBSTACLES: Final[tuple[Obstacle, ...]] = ("excise",) * 4 + ("absent",) * 3 + ("elsewhere", "liquidating")

# How likely each month is, from January: firms hardly answer then, and a complex service needs time to be given.
_PLAIN_MONTHS: Final = (5, 9, 14, 14, 13, 14, 9, 10, 13, 12, 9)
_COMPLEX_MONTHS: Final = (5, 11, 14, 14, 13, 12, 9, 10, 9, 5)
HOURS: Final = frozenset("аеклн")  # services given by the hour


class Application(Struct, frozen=True, kw_only=True):
    """`accepted_on`: the day of each component's act. `entered_late`: the day its act reached the system.

    `strength`: how good a firm that asks for a complex service is, in percent.
    """

    number: str
    firm: int
    services: tuple[str, ...]
    complex: bool
    applied_on: date
    decided_on: date
    accepted_on: tuple[date, ...] = ()
    obstacle: Obstacle = ""
    cancelled: bool = False
    manager_decides: bool = False
    entered_late: date | None = None
    quantities: tuple[int, ...] = ()
    costs: tuple[int, ...] = ()
    strength: int = 0

    @property
    def last_act(self) -> date:
        return max(self.accepted_on)


def applications(rng: Random, firms: Sequence[Firm]) -> list[Application]:
    """In the order they came in, numbered."""
    order = rng.sample(range(len(firms)), len(firms))
    served, others = order[:SERVED], order[SERVED:]
    with_complex, only_plain = served[:COMPLEX], served[COMPLEX:]
    drawn = [_complex(rng, n, firms[n], 3 if i < OF_THREE else 2) for i, n in enumerate(with_complex)]
    plain = only_plain + rng.choices(served, k=PLAIN - len(only_plain))
    drawn += [_plain(rng, n, firms[n]) for n in plain]
    unused = {n for n in only_plain if firms[n].kind == "legal_entity" and not firms[n].asks_a_person}
    manager_decides = sorted(unused)[:UNUSED_CODES]
    drawn = [replace(a, manager_decides=a.firm in manager_decides) for a in drawn]
    for n, obstacle in zip(others, OBSTACLES, strict=False):
        drawn.append(replace(_plain(rng, n, firms[n]), obstacle=obstacle, accepted_on=()))
    drawn += _refused_for_debts(drawn, firms)
    cancelled = (_plain(rng, n, firms[n]) for n in with_complex[:CANCELLED])
    drawn += [replace(a, cancelled=True, accepted_on=()) for a in cancelled]
    drawn.sort(key=lambda a: (a.applied_on, a.firm, a.services))
    return [replace(a, number=f"З-2021-{n:04}") for n, a in enumerate(drawn, start=1)]


def _plain(rng: Random, n: int, firm: Firm) -> Application:
    applied_on = _applied_on(rng, firm, _PLAIN_MONTHS)
    decided_on = workday(applied_on + timedelta(days=rng.randint(2, 6)))
    accepted_on = workday(min(decided_on + timedelta(days=rng.randint(3, 25)), LAST_ACT))
    services = _services(rng, firm, 1)
    return Application(
        number="",
        firm=n,
        services=services,
        complex=False,
        applied_on=applied_on,
        decided_on=decided_on,
        accepted_on=(accepted_on,),
        quantities=_quantities(rng, services),
        costs=(rng.randint(12, 60) * 1_000_00,),
    )


def _complex(rng: Random, n: int, firm: Firm, components: int) -> Application:
    applied_on = _applied_on(rng, firm, _COMPLEX_MONTHS)
    decided_on = workday(applied_on + timedelta(days=rng.randint(6, 12)))
    days = sorted(rng.randint(10, 60) for _ in range(components))
    services = _services(rng, firm, components)
    return Application(
        number="",
        firm=n,
        services=services,
        complex=True,
        applied_on=applied_on,
        decided_on=decided_on,
        accepted_on=tuple(workday(min(decided_on + timedelta(days=d), LAST_ACT)) for d in days),
        quantities=_quantities(rng, services),
        costs=tuple(rng.randint(55, 160) * 1_000_00 for _ in range(components)),
        strength=rng.randint(55, 96),
    )


def _refused_for_debts(drawn: Sequence[Application], firms: Sequence[Firm]) -> list[Application]:
    """A month before their first application, these had asked with a debt of taxes."""
    first: dict[int, Application] = {}
    for a in drawn:
        if a.firm not in first or a.applied_on < first[a.firm].applied_on:
            first[a.firm] = a
    found = []
    for a in first.values():
        earlier = workday(a.applied_on.replace(day=1) - timedelta(days=12))
        if not a.complex and not a.obstacle and earlier.year == 2021 and earlier > firms[a.firm].joined_on:
            decided_on = workday(earlier + timedelta(days=3))
            found.append(
                replace(a, applied_on=earlier, decided_on=decided_on, obstacle="debt", accepted_on=())
            )
    return found[:PAID_LATER]


def _applied_on(rng: Random, firm: Firm, months: Sequence[int]) -> date:
    """A working day of the year on which the firm was a member already."""
    earliest = firm.joined_on + timedelta(days=7)
    possible = [
        (month, weight) for month, weight in enumerate(months, start=1) if date(2021, month, 22) >= earliest
    ]
    (month,) = rng.choices([m for m, _ in possible], [w for _, w in possible])
    first = max(earliest, date(2021, month, 12 if month == 1 else 1))
    return workday(first + timedelta(days=rng.randrange(max(1, 26 - first.day))))


def _services(rng: Random, firm: Firm, count: int) -> tuple[str, ...]:
    (asks,) = (one.asks for one in CLUSTERS if one.code == firm.cluster)
    return tuple(f"SVC.{letter}" for letter in rng.sample(asks, count))


def _quantities(rng: Random, services: Sequence[str]) -> tuple[int, ...]:
    return tuple(rng.randint(2, 16) if service[-1] in HOURS else 1 for service in services)
