"""What firms report in the demonstration year: jobs and sales of each quarter, new products, how they fare."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from random import Random
from typing import Final, Literal
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from ckr_es import commands
from ckr_es.aggregates import participant
from ckr_es.application import Answer
from ckr_es.demo.applications import Application
from ckr_es.demo.desk import Act, Desk
from ckr_es.demo.firms import Firm, workday
from ckr_es.demo.services import on_firm
from ckr_es.rules import calendar

JOBS: Final = 17
SALES: Final = 204_300_000  # roubles
PRODUCTS: Final = 16
QUARTERS: Final = ("2021-Q1", "2021-Q2", "2021-Q3", "2021-Q4")
LATE: Final = {"2021-Q1": date(2021, 5, 20), "2021-Q3": date(2021, 11, 18)}
LATE_FIRMS: Final = 3
_ANSWERS: Final = 0.93  # of the firms, each quarter
_TITLES: Final = {
    "tourism": "Маршрут выходного дня",
    "arctic": "Экспедиционный тур",
    "digital": "Программный комплекс",
    "organic": "Органический набор",
    "resource-service": "Услуга выездного ремонта",
}
_MARKETS: Final[tuple[tuple[Literal["russian", "foreign"], ...], ...]] = (
    (("russian",),) * 11 + (("foreign",),) * 2 + (("russian", "foreign"),) * 3
)
_UNKNOWN: Final = UUID(int=0)  # the case is known only when it was opened: the desk fills it in


class Report(Struct, frozen=True, kw_only=True):
    """One firm's quarter. `mistyped`: the amount was first entered with a zero too many."""

    firm: int
    quarter: str
    entered_on: date
    headcount: int
    jobs_created: int = 0
    amount_kopecks: int = 0
    late: bool = False
    mistyped: bool = False


def reports(rng: Random, firms: Sequence[Firm], left: Mapping[int, date]) -> list[Report]:
    """Amounts that sum to SALES, created jobs that sum to JOBS; a few come after their quarter was closed."""
    drawn: list[Report] = []
    weights: list[float] = []
    for quarter in QUARTERS:
        last = calendar.quarter(quarter).last
        for n, firm in enumerate(firms):
            if firm.joined_on <= last < left.get(n, date.max) and rng.random() < _ANSWERS:
                entered_on = workday(last + timedelta(days=rng.randint(7, 16)))
                headcount = max(1, firm.headcount + rng.choice((-1, 0, 0, 0, 1)))
                drawn.append(Report(firm=n, quarter=quarter, entered_on=entered_on, headcount=headcount))
                weights.append(firm.headcount**0.6 * rng.lognormvariate(0, 0.6))
    share = SALES / sum(weights)
    drawn = [
        replace(r, amount_kopecks=round(share * w) * 100 + rng.randrange(100))
        for r, w in zip(drawn, weights, strict=True)
    ]
    late: list[int] = []
    for quarter, day in LATE.items():
        for i in rng.sample([i for i, r in enumerate(drawn) if r.quarter == quarter], LATE_FIRMS):
            drawn[i] = replace(drawn[i], late=True, entered_on=day)
            late.append(i)
    others = sorted(set(range(len(drawn))) - set(late))
    for i in (late[0], late[-1], *rng.sample(others, JOBS - 5)):
        drawn[i] = replace(drawn[i], jobs_created=1)
    for i in rng.sample([i for i in others if drawn[i].jobs_created], 3):
        drawn[i] = replace(drawn[i], jobs_created=2)
    (slip,) = rng.sample([i for i, r in enumerate(drawn) if r.quarter == "2021-Q2"], 1)
    drawn[slip] = replace(drawn[slip], mistyped=True)
    return drawn


def acts(r: Report) -> Iterator[Act]:
    about = f"отчёт {r.firm} {r.quarter}"
    late_reason = "Участник прислал отчёт после закрытия квартала" if r.late else None
    yield on_firm(
        r.entered_on,
        about,
        participant.JobsReported(
            quarter=r.quarter,
            headcount=r.headcount,
            jobs_created=r.jobs_created,
            evidence=f"РСВ за {r.quarter}",
            late_reason=late_reason,
        ),
    )
    amount = r.amount_kopecks * 10 if r.mistyped else r.amount_kopecks
    yield on_firm(
        r.entered_on,
        about,
        participant.SalesReported(
            quarter=r.quarter,
            amount_kopecks=amount,
            evidence=f"Справка о выручке за {r.quarter}",
            late_reason=late_reason,
        ),
        name=about,
    )
    if r.mistyped:
        yield _retyped(r, about)


def _retyped(r: Report, about: str) -> Act:
    def do(desk: Desk) -> Answer:
        return commands.correct(
            desk.tracking,
            desk.request,
            participant.KIND,
            desk.id("firm"),
            str(desk.id("firm")),
            desk.event(about),
            "Лишний ноль при вводе: в справке сумма в десять раз меньше",
            {"amount_kopecks": r.amount_kopecks},
            None,
        )

    return Act(on=workday(r.entered_on + timedelta(days=1)), about=about, role="manager", do=do)


def products(
    rng: Random, firms: Sequence[Firm], asked: Sequence[Application], left: Mapping[int, date]
) -> Iterator[tuple[int, Act]]:
    """New products of firms whose complex service had helped them."""
    helped = [a for a in asked if a.complex and a.last_act < date(2021, 11, 10) and a.firm not in left]
    for no, a in enumerate(rng.sample(helped, PRODUCTS), start=1):
        day = workday(a.last_act + timedelta(days=rng.randint(12, 38)))
        launched = participant.ProductLaunched(
            title=f"{_TITLES[firms[a.firm].cluster]} № {no}",
            markets=_MARKETS[no - 1],
            launched_on=day,
            case_id=_UNKNOWN,
            evidence="Декларация о соответствии"
            if "organic" in firms[a.firm].cluster
            else "Прайс-лист, договор",
        )
        yield a.firm, on_firm(day, a.number, launched, case=a.number, name=f"{a.number} товар")


def follow_ups(rng: Random, firms: Sequence[Firm], asked: Sequence[Application]) -> Iterator[tuple[int, Act]]:
    """Three months after a complex service: how the firm fares (concept, function т)."""
    for a in asked:
        if a.complex and a.last_act < date(2021, 9, 1) and rng.random() < 0.6:
            month = a.last_act.month + 3
            said = participant.FollowedUp(
                case_id=_UNKNOWN,
                month=f"2021-{month:02}",
                headcount=firms[a.firm].headcount + rng.randint(0, 2),
                sales_kopecks=rng.randint(60, 900) * 1_000_00,
                satisfaction=rng.choice((3, 4, 4, 5, 5, 5)),
            )
            on = workday(said.effective_on + timedelta(days=rng.randint(4, 10)))
            yield a.firm, on_firm(on, a.number, said, case=a.number)
