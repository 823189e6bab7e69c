"""Errors of the demonstration year and how they were put right: before a quarter was closed, and after."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import date, timedelta
from typing import Any, Final

from msgspec.structs import replace

from ckr_es import commands
from ckr_es.aggregates import participant, service_case
from ckr_es.aggregates.facts import Kind
from ckr_es.application import Answer
from ckr_es.demo.applications import Application
from ckr_es.demo.desk import Act, Desk

Q1: Final = (date(2021, 1, 1), date(2021, 3, 31))
Q2: Final = (date(2021, 4, 1), date(2021, 6, 30))
Q3: Final = (date(2021, 7, 1), date(2021, 9, 30))
CHECKED: Final = "Внутренняя проверка первичных документов"


def entered_late(asked: Sequence[Application]) -> list[Application]:
    """Three acts of closed quarters that reach the system after them."""
    days: dict[str, date] = {}

    def late(between: tuple[date, date], since: date, day: date) -> None:
        found = _pick(
            asked, lambda a: not a.complex and a.number not in days and _within(a.last_act, between, since)
        )
        days[found.number] = day

    late(Q1, date(2021, 3, 10), date(2021, 5, 18))
    late(Q3, date(2021, 8, 30), date(2021, 11, 15))
    late(Q3, date(2021, 9, 8), date(2021, 11, 15))
    return [replace(a, entered_late=days.get(a.number)) for a in asked]


def acts(asked: Sequence[Application]) -> Iterator[tuple[int, Act]]:
    """Acts by firm. Every record is put right at most once, so no pick may take another's."""
    taken: set[str] = set()
    served = Counter(a.firm for a in asked if a.accepted_on)

    def pick(wanted: Callable[[Application], bool]) -> Application:
        found = _pick(asked, lambda a: not a.entered_late and a.number not in taken and wanted(a))
        taken.add(found.number)
        return found

    def plain(a: Application, between: tuple[date, date], since: date) -> bool:
        return not a.complex and bool(a.accepted_on) and _within(a.last_act, between, since)

    # Before their quarters were closed.
    a = pick(lambda a: plain(a, Q1, date(2021, 2, 1)) and a.last_act < date(2021, 3, 20))
    right = {"accepted_on": str(a.last_act + timedelta(days=2))}
    yield _of_case(date(2021, 4, 12), a, "Ошибка в дате акта", right)
    a = pick(lambda a: plain(a, Q2, date(2021, 5, 1)) and a.quantities[0] > 1)
    yield _of_case(date(2021, 7, 9), a, "Ошибка в объёме услуги", {"quantity": a.quantities[0] + 2})
    a = pick(lambda a: a.accepted_on != () and a.applied_on < date(2021, 3, 1))
    yield (
        a.firm,
        _amended(
            date(2021, 4, 14),
            a.number,
            participant.KIND,
            ("firm", "вступление"),
            "Ошибка в номере соглашения",
            {"agreement": {"number": "С-2021/17", "date": "2021-01-11"}},
            None,
        ),
    )

    # After the first quarter was closed.
    a = pick(lambda a: plain(a, Q1, date(2021, 1, 1)) and served[a.firm] > 1 and _first_in(asked, a, Q1))
    yield _of_case(date(2021, 5, 12), a, "Акт подписан неуполномоченным лицом", None, CHECKED)
    a = pick(lambda a: plain(a, Q1, date(2021, 3, 22)))
    moved = {"accepted_on": "2021-04-06"}
    yield _of_case(date(2021, 5, 13), a, "Акт подписан в апреле", moved, CHECKED)

    # After the second.
    a = pick(lambda a: a.complex and _within(a.last_act, Q2, date(2021, 6, 15)))
    moved = {"accepted_on": "2021-07-06"}
    yield _of_case(date(2021, 8, 11), a, "Последний акт подписан в июле", moved, CHECKED)
    a = pick(lambda a: plain(a, Q2, date(2021, 4, 1)) and served[a.firm] > 1)
    yield _of_case(date(2021, 9, 2), a, "Услуга внесена дважды", None, CHECKED)

    # After the third.
    a = pick(lambda a: a.complex and _within(a.last_act, Q3, date(2021, 9, 10)))
    moved = {"accepted_on": "2021-10-05"}
    yield _of_case(date(2021, 11, 10), a, "Последний акт подписан в октябре", moved, CHECKED)


def product(launched: Sequence[tuple[int, Act]]) -> tuple[int, Act]:
    """A product of the third quarter was in fact launched in October."""
    n, one = next((n, act) for n, act in launched if Q3[0] <= act.on <= Q3[1])
    moved = {"launched_on": "2021-10-04"}
    reason = "Первая отгрузка была в октябре"
    names = ("firm", one.name)
    return n, _amended(date(2021, 11, 11), one.about, participant.KIND, names, reason, moved, CHECKED)


def _pick(asked: Sequence[Application], wanted: Callable[[Application], bool]) -> Application:
    return next(a for a in asked if a.accepted_on and wanted(a))


def _within(day: date, between: tuple[date, date], since: date) -> bool:
    return max(between[0], since) <= day <= between[1]


def _first_in(asked: Sequence[Application], a: Application, between: tuple[date, date]) -> bool:
    """Whether this was the firm's only service of those days: without it, the firm was not supported."""
    return not any(
        other is not a and other.firm == a.firm and day <= between[1]
        for other in asked
        for day in other.accepted_on
    )


def _of_case(
    on: date, a: Application, reason: str, replacement: dict[str, Any] | None, late_reason: str | None = None
) -> tuple[int, Act]:
    """The last act of the application's case, voided or put right."""
    names = (a.number, f"{a.number}/{len(a.accepted_on)}")
    return a.firm, _amended(on, a.number, service_case.KIND, names, reason, replacement, late_reason)


def _amended(
    on: date,
    about: str,
    kind: Kind[Any],
    names: tuple[str, str],
    reason: str,
    replacement: dict[str, Any] | None,
    late_reason: str | None,
) -> Act:
    """`names`: of the act that made the stream, and of the act whose record is wrong."""
    stream, record = names

    def do(desk: Desk) -> Answer:
        id = desk.id(stream)
        return commands.correct(
            desk.tracking,
            desk.request,
            kind,
            id,
            str(id),
            desk.event(record),
            reason,
            replacement,
            late_reason,
        )

    return Act(on=on, about=about, role="manager", do=do)
