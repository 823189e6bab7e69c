"""Who gives services for the centre: entered in the register, what is offered and for how much, barred from it."""

from collections.abc import Mapping
from typing import Any, Final

from ckr_es.api.providers import Blocking, NewProvider, NewServices, Unblocking
from ckr_es.application import Receipt
from ckr_es.rules.catalogue import SERVICES
from ckr_es.web.entries.subjects import found_by_inn, provider, service_title
from ckr_es.web.fields import Asked, Body, Field, Typed, asked_for, found, shown_in
from ckr_es.web.forms import Form
from ckr_es.web.shown import letter

PERSON: Final = "person"  # of a specialist the INN is typed, and the participant recorded
GROUP: Final = "group_persons"


def _to_provider(receipt: Receipt, _: Any) -> str:
    return f"/providers/{receipt.id}"


def _about(asked: Asked) -> str:
    return str(provider(asked)["name"] or "удалено")


def _as_offered(asked: Asked, said: Body) -> Body:
    """Prices by the codes of services, participants by their ids: no INN of a person stands in what is recorded."""
    body = {name: value for name, value in said.items() if name not in ("prices", PERSON, GROUP)}
    if prices := said.get("prices"):
        body["prices_kopecks"] = {f"SVC.{of}": price for of, price in prices.items()}
    if person := said.get(PERSON):
        (body["participant_id"],) = found_by_inn(asked, PERSON, [person])
    if persons := said.get(GROUP):
        body["group_participants"] = found_by_inn(asked, GROUP, persons)
    return body


def _now(asked: Asked) -> Typed:
    """What is offered now: the new offer begins with it."""
    known = provider(asked)
    said = {field.name: shown_in(field, found(known, field.name)) for field in OFFER if field.name != GROUP}
    prices = {f"prices.{letter(code)}": price for code, price in known["prices_kopecks"].items()}
    return {**said, **{field.name: shown_in(field, prices.get(field.name)) for field in PRICES}}


def _is_open(one: Mapping[str, Any]) -> bool:
    return not one["blocked"]


def _is_blocked(one: Mapping[str, Any]) -> bool:
    return bool(one["blocked"])


PRICES: Final = tuple(
    Field(
        name=f"prices.{letter(code)}",
        label=f"Услуга «{letter(code)}»",
        kind="money",
        optional=True,
        about=f"prices_kopecks.{code}",
        group="" if n else "Не дороже, ₽ за услугу одному участнику",
    )
    for n, code in enumerate(SERVICES)
)
OFFER: Final = (
    *asked_for(
        NewServices,
        only=("services", "contract", "selection_basis", "of_centre", "group"),
        services={
            "kind": "choices",
            "options": tuple((code, service_title(code)) for code in SERVICES),
            "label": "Какие услуги оказывает",
        },
        contract_number={"label": "Номер договора"},
        contract_date={"label": "Дата договора"},
        selection_basis={"label": "Как выбран", "help": "Например: запрос котировок, протокол № 1."},
        of_centre={"label": "Связан с центром: услуги у него требуют обоснования в договоре"},
        group={"label": "Группа лиц: ИНН организаций", "help": "По одному в строке.", "rare": True},
    ),
    Field(
        name=GROUP,
        label="Группа лиц: ИНН участников-предпринимателей",
        kind="lines",
        help="По одному в строке. В журнал попадут не ИНН, а сами участники.",
        about="group_participants",
        optional=True,
        private=True,
        rare=True,
    ),
)

FORMS: Final = (
    Form(
        path="/providers",
        title="Внести исполнителя",
        lead="Организация — по ИНН и названию, специалист — как участник, которого центр уже знает.",
        then=_to_provider,
        body=_as_offered,
        fields=(
            *asked_for(
                NewProvider,
                only=("inn", "name"),
                inn={"label": "ИНН организации"},
                name={"label": "Название организации"},
            ),
            Field(
                name=PERSON,
                label="Или ИНН специалиста",
                about="participant_id",
                help="По нему найдётся участник; сам ИНН в журнал не попадает.",
                optional=True,
                private=True,
            ),
            *asked_for(
                NewProvider,
                only=("registered_on",),
                registered_on={"label": "С какой даты", "help": "Сегодня, если не указано."},
            ),
            *OFFER,
            *PRICES,
        ),
    ),
    Form(
        path="/providers/{id}/services",
        title="Изменить услуги и цены",
        lead="Всё, что исполнитель предлагает с этой даты: чего здесь нет, того он больше не предлагает.",
        about=_about,
        then=_to_provider,
        initial=_now,
        body=_as_offered,
        fields=(
            *asked_for(
                NewServices,
                only=("changed_on",),
                changed_on={"label": "С какой даты", "help": "Сегодня, если не указано."},
            ),
            *OFFER,
            *PRICES,
        ),
    ),
    Form(
        path="/providers/{id}/blocking",
        title="Заблокировать исполнителя",
        lead="С этой даты он не получает новых услуг и договоров; прежние договоры исполняются.",
        about=_about,
        then=_to_provider,
        fits=_is_open,
        fields=asked_for(Blocking, blocked_on={"label": "С какой даты", "help": "Сегодня, если не указано."}),
    ),
    Form(
        path="/providers/{id}/unblocking",
        title="Снять блокировку",
        about=_about,
        then=_to_provider,
        fits=_is_blocked,
        fields=asked_for(
            Unblocking, unblocked_on={"label": "С какой даты", "help": "Сегодня, если не указано."}
        ),
    ),
)
