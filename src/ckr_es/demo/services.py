"""What the applications of the demonstration year make people do: papers, case, scoring, decision, acts."""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from typing import Final

from msgspec.structs import replace

from ckr_es import commands
from ckr_es.aggregates import participant, service_case
from ckr_es.application import Answer
from ckr_es.demo import providers
from ckr_es.demo.applications import HOURS, Application
from ckr_es.demo.desk import Act, Desk
from ckr_es.demo.firms import Firm, workday
from ckr_es.rules import scoring

_GROUNDS: Final = {
    "56.10": "Алкогольной лицензии нет, в меню нет подакцизных товаров: меню и декларация приложены",
    "09.90": "Услуги бурения и обслуживания техники, полезные ископаемые не добываются: договоры приложены",
}
_UNUSED: Final = "46.34.2"
_UNUSED_GROUND: Final = "Код 46.34.2 не используется: выписка о видах деятельности, лицензии в реестре нет"


def acts(firm: Firm, asked: Sequence[Application]) -> Iterator[Act]:
    """What one firm's applications (in their order) make people do, its papers included."""
    filed: set[tuple[str, date]] = set()
    for a in asked:
        yield from _papers(firm, a, filed)
        yield from _case(firm, a)


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


def _scored(on: date, strength: int) -> service_case.Scored:
    """Answers as near as may be to so many percent of what each indicator is worth."""
    sheet = scoring.questionnaire_on(on)
    answers: dict[str, int | str] = {}
    for indicator in sheet.indicators:
        if isinstance(indicator, scoring.Quantitative):
            worth: dict[int | str, int] = {band.low: band.points for band in indicator.bands}
        else:
            worth = {choice.key: choice.points for choice in indicator.choices}
        wanted = strength * max(worth.values()) / 100
        _, answers[indicator.key] = min(
            ((abs(points - wanted), answer) for answer, points in worth.items()), key=lambda near: near[0]
        )
    result = scoring.score(sheet.version, answers)
    return service_case.Scored(
        scored_on=on,
        score=result.score,
        conclusion=result.conclusion,
        questionnaire=sheet.version,
        answers=answers,
    )


def _case(firm: Firm, a: Application) -> Iterator[Act]:
    yield Act(on=a.applied_on, about=a.number, do=lambda desk: _open(desk, firm, a), name=a.number)
    if a.complex:
        scored = _scored(workday(a.applied_on + timedelta(days=3)), a.strength)
        yield _on_case(scored.scored_on, a, scored)
        for no in range(len(a.services)):
            yield _component(scored.scored_on, a, no)
    yield _decision(firm, a)
    if a.obstacle:
        return
    signed = service_case.AgreementSigned(
        number=f"Д-{a.number[2:]}", signed_on=a.decided_on, conflicts_answered=providers.answers(a)
    )
    yield _on_case(a.decided_on, a, signed)
    if a.cancelled:
        later = workday(a.decided_on + timedelta(days=9))
        yield _on_case(
            later, a, service_case.Cancelled(cancelled_on=later, reason="Заявитель отозвал заявку")
        )
        return
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
        provider_id=providers.giver(a, 0),
        funding=providers.budget(a),
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
                provider_id=providers.giver(a, no),
                funding=providers.budget(a),
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
                unit="час" if a.services[no - 1][-1] in HOURS else "единица",
                grade=providers.grade(a, no - 1),
                late_reason=late_reason,
            ),
            [day],
        )

    return Act(on=a.entered_late or day, about=a.number, do=do, name=f"{a.number}/{no}")
