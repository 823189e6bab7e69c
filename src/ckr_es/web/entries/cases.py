"""What is recorded of a case: from the application to the act, with the decision on each condition before it."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any, Final

from ckr_es.aggregates.service_case import AgreementSigned, Cancelled
from ckr_es.api.asked import Travel
from ckr_es.api.cases import Acceptance, Decision, NewCase, NewComponent
from ckr_es.api.scoring import NewScoring
from ckr_es.application import Receipt
from ckr_es.rules import Invalid, Problem, Unknown
from ckr_es.rules.calendar import today
from ckr_es.rules.scoring import Qualitative, Quantitative, questionnaire_on
from ckr_es.web.entries.subjects import about_case, by_inn, case, clusters, firm, providers, service_title
from ckr_es.web.fields import Asked, Body, Field, Options, Typed, asked_for
from ckr_es.web.forms import Form
from ckr_es.web.page import told
from ckr_es.web.words import DECISIONS


def _to_case(receipt: Receipt, _: Any) -> str:
    return f"/cases/{receipt.id}"


# the application


def _known_firm(asked: Asked) -> Typed:
    return {"inn": firm(asked, asked.of)["inn"] or ""} if asked.of else {}


def _found(asked: Asked, said: Body) -> Mapping[str, Any] | None:
    """The participant of the INN, or what is wrong with it."""
    if not said.get("inn"):
        return None
    (who,) = by_inn(asked, [said["inn"]])
    if isinstance(who, Problem):
        raise Invalid(who.code, who.detail, [Problem("/inn", who.code, who.detail)])
    try:
        found = firm(asked, who)
        return {"firm": found, "names": asked.page.names(asked.reading, found)}
    except Unknown as unknown:
        raise Invalid(
            unknown.code, "Участник не найден", [Problem("/inn", unknown.code, "Участник не найден")]
        ) from None


def _for_firm(asked: Asked, said: Body) -> Body:
    """The firm by its id: its INN stands in no record of the case."""
    known = _found(asked, said)
    others = {name: value for name, value in said.items() if name != "inn"}
    return {**others, "participant_id": known["firm"]["id"]} if known else others


PROVIDER: Final[dict[str, Any]] = {
    "kind": "choice",
    "options": providers,
    "label": "Исполнитель",
    "help": "В скобках — услуги, которые он оказывает. Не указан — услугу оказывает сам центр.",
    "codes": frozenset({"provider-blocked", "service-not-offered"}),
}
PRICE: Final[dict[str, Any]] = {"codes": frozenset({"above-price"})}
APPLICATION: Final[dict[str, Any]] = {
    "cluster": {"kind": "choice", "options": clusters},
    "applied_on": {"label": "Дата заявки"},
    "complex": {
        "label": "Комплексная услуга",
        "help": "Скоринг и не меньше двух разных услуг. Сами услуги добавляют к делу потом.",
    },
    "service": {"help": "Для простого дела: одна услуга."},
    "cost_kopecks": {"label": "Стоимость, ₽", "help": "Для простого дела.", **PRICE},
    "participant_payment_kopecks": {"label": "Из неё платит участник, ₽"},
    "provider_id": PROVIDER,
    "funding": {"help": "Например: субсидия 2021 года."},
    "source": {"label": "Из какой системы заявка"},
}

# the decision


def _decided_on(typed: Typed) -> date | None:
    try:
        return date.fromisoformat(typed["decided_on"])
    except (KeyError, ValueError):
        return None


def _examined(asked: Asked, typed: Typed) -> Mapping[str, Any] | None:
    """The conditions as they stand on the day of the decision; None without a day that they could stand on."""
    on = _decided_on(typed)
    if on is None or on > today(datetime.now(UTC)):
        return None
    try:
        found: Mapping[str, Any] = told(asked.reading.eligibility(asked.id, Travel(on, None, None, None)))
    except Unknown:
        return None  # before the application
    return {**found, "on": on.isoformat()}


def _overrides(asked: Asked, typed: Typed) -> Sequence[Field]:
    """A ground for each condition that this role may decide away."""
    examined = _examined(asked, typed)
    mine = [
        check
        for check in (examined["checks"] if examined else ())
        if asked.page.caller.role in check["overridable_by"]
    ]
    return [
        Field(
            name=f"overrides.{check['condition']}",
            about=f"checks.{check['condition']}",
            label=f"{check['condition']} · {check['title']}: основание",
            kind="area",
            help=check["explanation"],
            optional=True,
            group="" if n else "Решить самому, хотя условие не выполнено",
        )
        for n, check in enumerate(mine)
    ]


def _as_decision(_: Asked, said: Body) -> Body:
    grounds = said.get("overrides", {})
    overrides = [{"condition": condition, "ground": ground} for condition, ground in grounds.items()]
    return {**said, "overrides": overrides} if overrides else said


# scoring, components and acts


def _questions(asked: Asked, typed: Typed) -> Sequence[Field]:
    """The questionnaire that was in force on the day."""
    try:
        on = date.fromisoformat(typed["scored_on"])
    except ValueError:
        on = asked.page.when.as_of
    asks = questionnaire_on(on)
    return [
        Field(
            name=f"answers.{one.key}",
            label=one.title,
            help=one.question.replace("в копейках", "в рублях"),
            group="" if n else f"{asks.title}, анкета {asks.version}",
            **_answer(one),
        )
        for n, one in enumerate(asks.indicators)
    ]


def _answer(one: Quantitative | Qualitative) -> dict[str, Any]:
    if isinstance(one, Quantitative):
        return {"kind": "money" if one.unit == "kopeck" else "number"}
    return {"kind": "choice", "options": tuple((choice.key, choice.title) for choice in one.choices)}


def _open_components(asked: Asked) -> Options:
    return [
        (str(one["component_no"]), f"№ {one['component_no']}: {service_title(one['service'])}")
        for one in case(asked)["components"]
        if one["accepted_on"] is None
    ]


def _act(asked: Asked) -> Typed:
    waiting = _open_components(asked)
    return {"component_no": waiting[0][0]} if len(waiting) == 1 else {}


# the agreement


def _conflicts(asked: Asked, _: Typed) -> Sequence[Field]:
    """An answer for each component that somebody of the firm's or the centre's own group is to give."""
    silent = [
        one for one in told(asked.reading.conflicts(asked.id, asked.page.when))["items"] if not one["answer"]
    ]
    return [
        Field(
            name=f"answers.{no}",
            about="conflicts_answered",
            label=f"Услуга {no}: почему всё же он",
            help="; ".join(one["detail"] for one in silent if one["component_no"] == no) + ".",
            kind="area",
            group="" if n else "Конфликт интересов: обоснуйте выбор исполнителя",
        )
        for n, no in enumerate(sorted({one["component_no"] for one in silent}))
    ]


def _as_agreed(_: Asked, said: Body) -> Body:
    answers = said.get("answers", {})
    others = {name: value for name, value in said.items() if name != "answers"}
    answered = [{"component_no": int(no), "answer": answer} for no, answer in answers.items()]
    return {**others, "conflicts_answered": answered} if answered else others


# what may still come of the case: the rules of the aggregate decide, this only spares a vain way to them


def _goes_on(case: Mapping[str, Any]) -> bool:
    return case["status"] not in ("cancelled", "completed")


def _is_complex(case: Mapping[str, Any]) -> bool:
    return _goes_on(case) and bool(case["complex"])


def _is_undecided(case: Mapping[str, Any]) -> bool:
    return _goes_on(case) and not any(one["accepted_on"] for one in case["components"])


def _is_agreed_on(case: Mapping[str, Any]) -> bool:
    return case["status"] == "eligible" or (case["status"] == "in_progress" and case["agreement"] is None)


def _is_provided(case: Mapping[str, Any]) -> bool:
    served = case["status"] in ("eligible", "agreed", "in_progress", "completed")
    return served and any(one["accepted_on"] is None for one in case["components"])


MONEY: Final[dict[str, Any]] = {
    "cost_kopecks": {"label": "Стоимость, ₽", **PRICE},
    "provider_id": PROVIDER,
    "participant_payment_kopecks": {"label": "Из неё платит участник, ₽"},
}

FORMS: Final = (
    Form(
        path="/cases",
        title="Открыть дело",
        lead="Заявка участника на одну услугу или на комплексную.",
        then=_to_case,
        begun_at="/participants/{id}",
        initial=_known_firm,
        look=_found,
        shows="looked/firm.html",
        check="Найти участника",
        body=_for_firm,
        fields=(
            Field(
                name="inn",
                label="ИНН участника",
                about="participant_id",
                help="По нему найдётся участник; в журнал дела ИНН не попадает.",
                private=True,
            ),
            *asked_for(NewCase, but=("participant_id",), **APPLICATION),
        ),
    ),
    Form(
        path="/cases/{id}/scoring",
        title="Записать скоринг",
        fits=_is_complex,
        about=about_case,
        lead="По анкете балл и вывод получаются сами. Без анкеты укажите их вручную.",
        then=_to_case,
        initial=lambda asked: {"scored_on": asked.page.when.as_of.isoformat()},
        more=_questions,
        fields=asked_for(
            NewScoring,
            but=("questionnaire",),
            score={"label": "Балл без анкеты", "help": "От 0 до 100.", "rare": True},
            conclusion={"label": "Вывод без анкеты", "rare": True},
        ),
    ),
    Form(
        path="/cases/{id}/components",
        title="Добавить услугу в комплекс",
        fits=_is_complex,
        about=about_case,
        then=_to_case,
        fields=asked_for(
            NewComponent,
            mandatory={"label": "Обязательная: без неё комплекс не завершён", "initial": True},
            **MONEY,
        ),
    ),
    Form(
        path="/cases/{id}/eligibility-decision",
        title="Решение о соответствии условиям",
        fits=_is_undecided,
        about=about_case,
        then=_to_case,
        initial=lambda asked: {"decided_on": asked.page.when.as_of.isoformat()},
        more=_overrides,
        look=_examined,
        shows="looked/conditions.html",
        told="checks",
        check="Показать условия на эту дату",
        body=_as_decision,
        submit="Принять решение",
        fields=asked_for(
            Decision,
            only=("decided_on", "decision"),
            decided_on={"help": "Условия проверяются на этот день."},
            decision={"options": tuple(DECISIONS.items())},
        ),
    ),
    Form(
        path="/cases/{id}/agreement",
        title="Записать договор",
        fits=_is_agreed_on,
        about=about_case,
        then=_to_case,
        more=_conflicts,
        body=_as_agreed,
        fields=asked_for(
            AgreementSigned,
            but=("conflicts_answered",),
            number={"label": "Номер договора"},
            signed_on={"label": "Дата договора"},
        ),
    ),
    Form(
        path="/cases/{id}/acceptances",
        title="Принять услугу по акту",
        fits=_is_provided,
        about=about_case,
        then=_to_case,
        initial=_act,
        fields=asked_for(
            Acceptance,
            component_no={"label": "Какая услуга", "options": _open_components},
            quantity={"initial": "1"},
            unit={"initial": "услуга", "help": "Чего столько: услуга, консультация, отчёт."},
        ),
    ),
    Form(
        path="/cases/{id}/cancellation",
        title="Прекратить дело",
        fits=_goes_on,
        about=about_case,
        then=_to_case,
        fields=asked_for(Cancelled, cancelled_on={"label": "Дата прекращения"}),
    ),
)
