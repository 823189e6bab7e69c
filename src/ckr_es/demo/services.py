"""The services of the demonstration year: who applied for what and when, and what came of it.

First the applications are drawn, all from one generator; then each becomes the acts that the application code is
asked to do: papers, case, scoring, components, decision, agreement, acceptances.
"""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from random import Random
from typing import Final, Literal

from msgspec import Struct
from msgspec.structs import replace

from ckr_es import commands
from ckr_es.aggregates import participant, service_case
from ckr_es.application import Answer
from ckr_es.demo.desk import Act, Desk
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

_PLAIN_MONTHS: Final = (
    (1, 5),
    (2, 9),
    (3, 14),
    (4, 14),
    (5, 13),
    (6, 14),
    (7, 9),
    (8, 10),
    (9, 13),
    (10, 12),
    (11, 9),
)
_COMPLEX_MONTHS: Final = (
    (1, 5),
    (2, 11),
    (3, 14),
    (4, 14),
    (5, 13),
    (6, 12),
    (7, 9),
    (8, 10),
    (9, 9),
    (10, 5),
)
_HOURS: Final = frozenset("аеклн")  # services given by the hour
_GROUNDS: Final = {
    "56.10": "Алкогольной лицензии нет, в меню нет подакцизных товаров: меню и декларация приложены",
    "09.90": "Услуги бурения и обслуживания техники, полезные ископаемые не добываются: договоры приложены",
}
_UNUSED: Final = "46.34.2"
_UNUSED_GROUND: Final = "Код 46.34.2 не используется: выписка о видах деятельности, лицензии в реестре нет"


class Application(Struct, frozen=True, kw_only=True):
    """`accepted_on`: the day of each component's act. `entered_late`: the day its act reached the system."""

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
    score: int = 0

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


def acts(firm: Firm, asked: Sequence[Application]) -> Iterator[Act]:
    """What one firm's applications (in their order) make people do, its papers included."""
    filed: set[tuple[str, date]] = set()
    for a in asked:
        yield from _papers(firm, a, filed)
        yield from _case(firm, a)


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
        score=rng.randint(55, 96),
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


def _applied_on(rng: Random, firm: Firm, months: Sequence[tuple[int, int]]) -> date:
    """A working day of the year on which the firm was a member already."""
    earliest = firm.joined_on + timedelta(days=7)
    possible = [(month, weight) for month, weight in months if date(2021, month, 22) >= earliest]
    (month,) = rng.choices([m for m, _ in possible], [w for _, w in possible])
    first = max(earliest, date(2021, month, 12 if month == 1 else 1))
    return workday(first + timedelta(days=rng.randrange(max(1, 26 - first.day))))


def _services(rng: Random, firm: Firm, count: int) -> tuple[str, ...]:
    (asks,) = (one.asks for one in CLUSTERS if one.code == firm.cluster)
    return tuple(f"SVC.{letter}" for letter in rng.sample(asks, count))


def _quantities(rng: Random, services: Sequence[str]) -> tuple[int, ...]:
    return tuple(rng.randint(2, 16) if service[-1] in _HOURS else 1 for service in services)


def _papers(firm: Firm, a: Application, filed: set[tuple[str, date]]) -> Iterator[Act]:
    """What section 5 asks for, unless the firm has filed it for an earlier application."""
    published = a.applied_on.replace(day=10)  # the register comes out on the 10th
    if published > a.applied_on:
        published = (a.applied_on.replace(day=1) - timedelta(days=1)).replace(day=10)
    debt = 184_320_15 if a.obstacle == "debt" else 0
    papers = (
        ("check", published, _check(firm, a, published)),
        (
            "certificate",
            a.applied_on.replace(day=1),
            participant.EvidenceFiled(
                kind="tax_certificate", as_of=a.applied_on.replace(day=1), debt_kopecks=debt
            ),
        ),
        (
            "declaration",
            date(2021, 1, 1),
            participant.EvidenceFiled(
                kind="declaration", as_of=a.applied_on, covers=("E5", "E6", "E7")
            ),
        ),
    )  # fmt: skip
    for kind, day, event in papers:
        if (kind, day) not in filed:
            filed.add((kind, day))
            yield on_firm(a.applied_on, a.number, event, name=f"{a.number} {kind}")


def _check(firm: Firm, a: Application, published: date) -> participant.RegistryChecked:
    source = "Единый реестр субъектов МСП"
    if a.obstacle == "absent":
        return participant.RegistryChecked(source=source, as_of=published, result="absent")
    additional = firm.okved_additional
    if a.obstacle == "excise":
        additional = (*additional, "11.05")
    elif a.manager_decides:
        additional = (*additional, _UNUSED)
    return participant.RegistryChecked(
        source=source,
        as_of=published,
        result="found",
        category=firm.category,
        included_on=firm.included_on,
        region_code="19" if a.obstacle == "elsewhere" else "24",
        okved_main=firm.okved_main,
        okved_additional=additional,
        status="liquidating" if a.obstacle == "liquidating" else "active",
        headcount=firm.headcount,
    )


def on_firm(
    on: date,
    about: str,
    event: participant.Happening,
    *,
    case: str = "",
    name: str = "",
) -> Act:
    """`case` names the application whose case the event speaks of."""

    def do(desk: Desk) -> Answer:
        said = event
        if case and isinstance(said, participant.ProductLaunched | participant.FollowedUp):
            said = replace(said, case_id=desk.id(case))
        return commands.on_participant(desk.tracking, desk.request, desk.id("firm"), said)

    return Act(on=on, about=about, do=do, name=name)


def _case(firm: Firm, a: Application) -> Iterator[Act]:
    yield Act(on=a.applied_on, about=a.number, do=lambda desk: _open(desk, firm, a), name=a.number)
    if a.complex:
        scored = service_case.Scored(
            scored_on=workday(a.applied_on + timedelta(days=3)),
            score=a.score,
            conclusion="Комплексная услуга рекомендована",
        )
        yield _on_case(scored.scored_on, a, scored)
        for no in range(len(a.services)):
            yield _component(scored.scored_on, a, no)
    yield _decision(firm, a)
    if a.obstacle:
        return
    if a.cancelled:
        later = workday(a.decided_on + timedelta(days=9))
        yield _on_case(
            later, a, service_case.Cancelled(cancelled_on=later, reason="Заявитель отозвал заявку")
        )
        return
    signed = service_case.AgreementSigned(number=f"Д-{a.number[2:]}", signed_on=a.decided_on)
    yield _on_case(a.decided_on, a, signed)
    for no, day in enumerate(a.accepted_on, start=1):
        yield _acceptance(a, no, day)


def _open(desk: Desk, firm: Firm, a: Application) -> Answer:
    opened = service_case.Opened(
        participant_id=desk.id("firm"),
        cluster=firm.cluster,
        complex=a.complex,
        applied_on=a.applied_on,
        source="crm",
        external_id=a.number,
    )
    component = service_case.ComponentAdded(
        component_no=1,
        service=a.services[0],
        added_on=a.applied_on,
        mandatory=True,
        cost_kopecks=a.costs[0],
        participant_payment_kopecks=0,
    )
    return commands.open_case(desk.tracking, desk.request, opened, None if a.complex else component)


def _on_case(on: date, a: Application, event: service_case.Happening) -> Act:
    def do(desk: Desk) -> Answer:
        return commands.on_case(
            desk.tracking,
            desk.request,
            desk.id(a.number),
            lambda case: service_case.decide(case, event),
            [on],
        )

    return Act(on=on, about=a.number, do=do)


def _component(on: date, a: Application, no: int) -> Act:
    def do(desk: Desk) -> Answer:
        return commands.on_case(
            desk.tracking,
            desk.request,
            desk.id(a.number),
            lambda case: case.add_component(
                service=a.services[no],
                added_on=on,
                cost_kopecks=a.costs[no],
                participant_payment_kopecks=a.costs[no] // 10,
                mandatory=True,
                provider_id=None,
                funding=None,
                late_reason=None,
            ),
            [on],
        )

    return Act(on=on, about=a.number, do=do)


def _decision(firm: Firm, a: Application) -> Act:
    overrides: tuple[service_case.Override, ...] = ()
    if a.manager_decides:
        overrides = (service_case.Override(condition="E4", ground=_UNUSED_GROUND),)
    elif firm.asks_a_person and not a.obstacle:
        overrides = (service_case.Override(condition="E4", ground=_GROUNDS[firm.okved_main]),)
    return Act(
        on=a.decided_on,
        about=a.number,
        role="manager" if a.manager_decides else "operator",
        do=lambda desk: commands.decide_eligibility(
            desk.tracking,
            desk.request,
            desk.id(a.number),
            decision="refused" if a.obstacle else "eligible",
            decided_on=a.decided_on,
            overrides=overrides,
            late_reason=None,
        ),
    )


def _acceptance(a: Application, no: int, day: date) -> Act:
    late_reason = "Акт поступил от исполнителя после закрытия квартала" if a.entered_late else None

    def do(desk: Desk) -> Answer:
        return commands.on_case(
            desk.tracking,
            desk.request,
            desk.id(a.number),
            lambda case: case.accept(
                component_no=no,
                act_number=f"А-{a.number[2:]}/{no}",
                accepted_on=day,
                quantity=a.quantities[no - 1],
                unit="час" if a.services[no - 1][-1] in _HOURS else "единица",
                late_reason=late_reason,
            ),
            [day],
        )

    return Act(on=a.entered_late or day, about=a.number, do=do, name=f"{a.number}/{no}")
