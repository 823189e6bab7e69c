"""Who gives the demonstration year's services beside the centre's own staff, and whose money pays for them."""

from collections.abc import Iterator
from datetime import date
from typing import Final
from uuid import UUID

from msgspec import Struct

from ckr_es import commands
from ckr_es.aggregates import provider
from ckr_es.aggregates.service_case import ConflictAnswered
from ckr_es.demo.applications import Application
from ckr_es.demo.desk import Act
from ckr_es.rules.values import Agreement

CONTRACTS: Final = date(2021, 1, 11)
PRICE: Final = 180_000_00  # the most that one firm's service may cost
_BASIS: Final = "Запрос котировок, протокол № {}"


class _Provider(Struct, frozen=True):
    inn: str
    name: str
    services: str
    of_centre: bool = False


MARKETING: Final = _Provider("2461203013", "ООО «Енисейский маркетинг»", "жз")
EXPORT: Final = _Provider("2463118807", "АО «Сибирские выставки»", "гд")
LAW: Final = _Provider("2464087319", "ООО «Правовой дом»", "е")
TRAINING: Final = _Provider("2465141801", "АНО ДПО «Школа предпринимателя»", "и")
MEDIA: Final = _Provider("2466150220", "ООО «Медиа группа центра»", "м", of_centre=True)
SLOW: Final = _Provider("2462039415", "ООО «Проектсмета»", "к")
PROVIDERS: Final = (MARKETING, EXPORT, LAW, TRAINING, MEDIA, SLOW)
BLOCKED_ON, UNBLOCKED_ON = date(2021, 6, 1), date(2021, 10, 1)
_ANSWER: Final = "Отобран запросом котировок наравне с другими, цена ниже средней"


def acts() -> Iterator[Act]:
    for no, one in enumerate(PROVIDERS, start=1):
        yield _act(one, _registered(no, one), CONTRACTS)
    yield _act(SLOW, provider.Blocked(blocked_on=BLOCKED_ON, reason="Сроки сорваны дважды"), BLOCKED_ON)
    settled = provider.Unblocked(unblocked_on=UNBLOCKED_ON, reason="Недостатки устранены")
    yield _act(SLOW, settled, UNBLOCKED_ON)
    more = provider.ServicesChanged(
        changed_on=date(2021, 5, 17),
        services=("SVC.ж", "SVC.з", "SVC.в"),
        prices_kopecks={"SVC.ж": PRICE, "SVC.з": PRICE},
        contract=Agreement(number="И-7", date=date(2021, 5, 17)),
    )
    yield _act(MARKETING, more, more.changed_on)


def giver(a: Application, no: int) -> UUID | None:
    """Who gives a component of the application (counted from 0); None for own staff."""
    for one in PROVIDERS:
        if a.services[no][-1] in one.services:
            blocked = one is SLOW and a.applied_on < UNBLOCKED_ON and a.decided_on >= BLOCKED_ON
            return None if blocked or a.applied_on < CONTRACTS else _id(one)
    return None


def answers(a: Application) -> tuple[ConflictAnswered, ...]:
    """What the agreement says of components that the centre's own group gives."""
    return tuple(
        ConflictAnswered(component_no=no + 1, answer=_ANSWER)
        for no in range(len(a.services))
        if giver(a, no) == _id(MEDIA)
    )


def budget(a: Application) -> str:
    """Most is paid by the federal budget."""
    return "federal" if a.complex or int(a.number[-4:]) % 5 else "regional"


def grade(a: Application, no: int) -> int | None:
    """How the firm grades what a provider gave it."""
    return None if giver(a, no) is None else 3 + (int(a.number[-4:]) * 7 + no) % 3


def _registered(no: int, one: _Provider) -> provider.Registered:
    services = tuple(f"SVC.{letter}" for letter in one.services)
    return provider.Registered(
        registered_on=CONTRACTS,
        services=services,
        inn=one.inn,
        name=one.name,
        prices_kopecks=dict.fromkeys(services, PRICE),
        selection_basis=_BASIS.format(no),
        contract=Agreement(number=f"И-{no}", date=CONTRACTS),
        of_centre=one.of_centre,
    )


def _id(one: _Provider) -> UUID:
    return commands.provider_stream(one.inn)


def _act(one: _Provider, event: provider.Happening, on: date) -> Act:
    if isinstance(event, provider.Registered):
        return Act(
            on=on,
            about=one.name,
            do=lambda desk: commands.register_provider(desk.tracking, desk.request, event),
        )
    return Act(
        on=on,
        about=one.name,
        do=lambda desk: commands.on_provider(desk.tracking, desk.request, _id(one), event),
    )
