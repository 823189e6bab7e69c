"""How values look on a page: what templates call filters. They take plain JSON, as the API answers it."""

from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

from ckr_es.reports import russian, telling, words
from ckr_es.reports.fields import TITLES
from ckr_es.reports.russian import NONE
from ckr_es.rules import scoring
from ckr_es.rules.calendar import KRASNOYARSK
from ckr_es.rules.catalogue import SERVICES
from ckr_es.web.words import UNITS, VALUES

UNTOLD: Final = frozenset({
    "answer_sha256", "answers", "case_id", "checks", "code", "component_no", "event_id", "group_service_id",
    "identity_commitment", "kind", "licences", "mandatory", "notes", "okved_additional", "okved_version",
    "questionnaire", "rule_set", "voids",
})  # fmt: skip
NBSP: Final = "\u00a0"
MONTHS: Final = (
    "января", "февраля", "марта", "апреля", "мая", "июня",
    "июля", "августа", "сентября", "октября", "ноября", "декабря",
)  # fmt: skip


def number(value: float | Decimal | None, digits: int | None = None) -> str:
    """1 234,5; as many decimals as there are (at most two) unless told; a dash where there is none."""
    if value is None:
        return NONE
    exact = Decimal(str(value))
    if digits is None:
        digits = min(2, max(0, -int(exact.normalize().as_tuple().exponent)))
    return russian.number(exact, digits)


def money(kopecks: int | None) -> str:
    """Kopecks as 1 234,56 ₽."""
    return NONE if kopecks is None else f"{russian.number(Decimal(kopecks).scaleb(-2), 2)}{NBSP}₽"


def percent(value: float | None) -> str:
    return NONE if value is None else f"{number(value, 1)}{NBSP}%"


def signed(value: float | None) -> str:
    """A difference, with its sign."""
    return number(value) if value is None or value <= 0 else f"+{number(value)}"


def day(value: str | date | None) -> str:
    """31.12.2021"""
    return NONE if value is None else russian.day(_date(value))


def long_day(value: str | date) -> str:
    """31 декабря 2021 года"""
    on = _date(value)
    return f"{on.day}{NBSP}{MONTHS[on.month - 1]} {on.year}{NBSP}года"


def moment(value: str | datetime | None) -> str:
    """31.12.2021 12:30:45, of Krasnoyarsk."""
    if value is None:
        return NONE
    at = datetime.fromisoformat(value) if isinstance(value, str) else value
    return f"{at.astimezone(KRASNOYARSK):%d.%m.%Y %H:%M:%S}"


def quarter(label: str) -> str:
    """«II кв. 2021»"""
    return russian.of_period(label).replace("квартал", "кв.").removesuffix(" года")


def service(code: str) -> str:
    """The name of a service, as a line begins."""
    title = SERVICES.get(code, code)
    return title[:1].upper() + title[1:]


def letter(code: str) -> str:
    """The letter of a service in the concept."""
    return code.removeprefix("SVC.")


def gist(body: Mapping[str, Any], names: Mapping[str, str], *beside: str) -> str:
    """What a record says, in a line, by `names`; long lists, hashes and what stands beside it are left out."""
    said = body.get("replacement", body)
    return telling.told(
        {name: value for name, value in said.items() if name not in UNTOLD and value not in beside}, names
    )


def event(tag: str) -> str:
    """The name of an event, by its tag."""
    return words.EVENTS.get(tag, tag)


def unit(code: str) -> str:
    return UNITS.get(code, code)


def field(name: str) -> str:
    """What a field of a record is called; a service by its name, where they are what a table is by."""
    return service(name) if name in SERVICES else TITLES.get(name, name)


def fact(value: Any, name: str = "") -> str:
    """Any plain value of a record as people read it, by the name of its field."""
    match value:
        case None:
            return NONE
        case bool():
            return "да" if value else "нет"
        case int() if name.endswith("_kopecks"):
            return money(value)
        case int() | float() if name not in ("year", "first_year", "last_year", "position", "component_no"):
            return number(value)
        case str() if name.endswith("_on") or name in ("as_of", "date", "declared_as_of", "on", "until"):
            return day(value)
        case str():
            return VALUES.get(name, {}).get(value, value)
        case list():
            return ", ".join(fact(one, name) for one in value) or NONE
    return str(value)


def periods(label: str) -> str:
    """A period, or a span of them as the roadmap has it: «I квартал 2021 года — II квартал 2021 года»."""
    return " — ".join(map(russian.of_period, label.split("/")))


def month(label: str) -> str:
    """06.2021, of "2021-06"."""
    year, _, number = label.partition("-")
    return f"{number}.{year}"


def person(id: str) -> str:
    """How a natural person is called where nobody has to know who it is: as in reports."""
    return f"ИП {id[:8]}"


def short(id: str) -> str:
    return id[:8]


def answers(said: Mapping[str, Any], version: str) -> list[tuple[str, str]]:
    """What a questionnaire asked, in its words, and what was answered."""
    told = []
    for one in scoring.questionnaire(version).indicators:
        if (answer := said.get(one.key)) is None:
            continue
        if isinstance(one, scoring.Qualitative):
            answer = next((choice.title for choice in one.choices if choice.key == answer), answer)
        elif one.unit == "kopeck":
            answer = money(int(answer))
        told.append((one.title, fact(answer)))
    return told


def replaced(record: Mapping[str, Any]) -> bool:
    """Whether a record of a timeline reads otherwise now: a correction of it stands, which nobody voided since."""
    amends = record["corrections"]

    def void(id: str) -> bool:
        return any(
            one["kind"] == "voided_by" and one["amends"] == id and not void(one["event_id"]) for one in amends
        )

    return any(
        one["kind"] == "corrected_by" and one["amends"] == record["event_id"] and not void(one["event_id"])
        for one in amends
    )


FILTERS: Final[Mapping[str, Callable[..., Any]]] = {
    "number": number,
    "money": money,
    "percent": percent,
    "signed": signed,
    "day": day,
    "long_day": long_day,
    "moment": moment,
    "event": event,
    "unit": unit,
    "field": field,
    "gist": gist,
    "letter": letter,
    "letter_and_service": lambda code: (code, f"{letter(code)} · {service(code)}"),
    "quarter": quarter,
    "service": service,
    "answers": answers,
    "fact": fact,
    "replaced": replaced,
    "person": person,
    "short_id": short,
    "lower_first": russian.lower_first,
    "period": russian.of_period,
    "periods": periods,
    "month": month,
}


def _date(value: str | date) -> date:
    return date.fromisoformat(value) if isinstance(value, str) else value
