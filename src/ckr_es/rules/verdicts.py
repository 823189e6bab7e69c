"""From the inputs of a condition to its verdict: pure, and on plain JSON values, so that an auditor can run it again.

`judge` reads nothing but the inputs that a decision keeps and the rule set that it names.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from typing import Any, Final, Literal

from msgspec import Struct

from ckr_es.rules import okved
from ckr_es.rules.rule_sets import Condition, RuleSet

Verdict = Literal["pass", "fail", "review", "not_checked"]
Inputs = Mapping[str, Any]

OKVED_VERSION: Final = "2014"
ON_REGISTRY: Final[tuple[Condition, ...]] = ("E0", "E1", "E2", "E4", "E5", "E6", "E7", "E8")
HINTS: Final = frozenset({"dadata"})  # who is asked for convenience and never trusted for rights

_CATEGORIES: Final = {
    "micro": "микропредприятие",
    "small": "малое предприятие",
    "medium": "среднее предприятие",
}
# reference.md 2.5: a register says "bankrupt" at any stage, and only конкурсное производство is an obstacle.
_STATUSES: Final[dict[str, tuple[Verdict, str]]] = {
    "active": ("pass", "действует"),
    "liquidating": ("fail", "в стадии ликвидации"),
    "liquidated": ("fail", "ликвидирован"),
    "reorganizing": ("fail", "в процессе реорганизации"),
    "bankruptcy_sale": ("fail", "в процедуре конкурсного производства или реализации имущества"),
    "bankrupt": ("review", "в процедуре банкротства, стадия неизвестна"),
}


class Judged(Struct, frozen=True):
    """A verdict in words, and which of its sources it rests on (`registry`, `declaration` or neither)."""

    verdict: Verdict
    explanation: str
    rests_on: Literal["registry", "declaration"] | None = "registry"


class _Codes(Struct, frozen=True):
    """What OKVED codes can say about a condition, and what a HARD hit means there."""

    subject: str
    rules: frozenset[str]
    hard: Verdict
    declared: bool = True


_EXCISE_AND_MINERALS: Final = _Codes(
    "подакцизные товары и полезные ископаемые",
    frozenset(
        {
            "EXCISE_PRODUCTION",
            "EXCISE_SALE",
            "MINERALS_EXTRACTION",
            "MINERALS_COMMON",
            "MINERALS_SERVICE",
            "MINERALS_SALE",
        }
    ),
    hard="fail",
    declared=False,
)
# Status is what counts in E5 and E6 and the code is only its sign, so even a HARD hit asks a person.
_FINANCE: Final = _Codes(
    "кредитную, страховую или иную финансовую деятельность",
    frozenset({"CREDIT", "MICROFINANCE", "INSURANCE", "FUND", "PENSION_FUND", "SECURITIES", "PAWNSHOP"}),
    hard="review",
)
_PSA: Final = _Codes("участие в соглашении о разделе продукции", frozenset({"PSA"}), hard="review")
_GAMBLING: Final = _Codes("игорный бизнес", frozenset({"GAMBLING"}), hard="fail")

CODE_TESTS: Final[dict[Condition, _Codes]] = {
    "E4": _EXCISE_AND_MINERALS,
    "E5": _FINANCE,
    "E6": _PSA,
    "E7": _GAMBLING,
}


def judge(condition: Condition, inputs: Inputs, rules: RuleSet) -> Judged:
    """The verdict of http.md's table. Inputs of a decision recorded under this rule set give its verdict again."""
    if condition == "E3":
        return _member(inputs)
    if condition == "E9":
        return _taxes(inputs)
    judged = _on_registry(condition, inputs, rules)
    if inputs.get("via") in HINTS and judged.verdict in ("pass", "fail"):
        needed = "нужна запись самого реестра или, где оно допустимо, решение человека"
        hint = f"{judged.explanation} Справочный сервис прав не подтверждает: {needed}."
        return Judged("review", hint, judged.rests_on)
    return judged


def _on_registry(condition: Condition, inputs: Inputs, rules: RuleSet) -> Judged:
    match inputs.get("result"):
        case None:
            since, until = _day(inputs["not_before"]), _day(inputs["not_after"])
            gap = f"Нет проверки по реестру МСП с данными не ранее {since} и не позднее {until}."
            return Judged("not_checked", gap, None)
        case "unavailable":
            return Judged("not_checked", f"Реестр МСП на {_day(inputs['as_of'])} был недоступен.")
        case "absent":
            return _absent(condition, inputs)
    if condition in CODE_TESTS:
        return _codes(condition, CODE_TESTS[condition], inputs, rules)
    return _FOUND[condition](inputs, rules)


def _absent(condition: Condition, inputs: Inputs) -> Judged:
    absent = f"Заявителя нет в едином реестре субъектов МСП на {_day(inputs['as_of'])}"
    match condition:
        case "E1":
            return Judged("fail", f"{absent}, категория субъекта МСП не подтверждена.")
        case "E2":
            return Judged("fail", f"{absent}.")
    return Judged("not_checked", f"{absent}, поэтому сведений для этого условия нет.")


def _region(inputs: Inputs, rules: RuleSet) -> Judged:
    on, code = _day(inputs["as_of"]), inputs["region_code"]
    if code is None:
        return Judged("not_checked", f"В записи реестра на {on} нет кода региона.")
    if code == rules.region:
        return Judged("pass", f"Регион по реестру на {on}: {code}, Красноярский край.")
    return Judged("fail", f"Регион по реестру на {on}: {code}, а не {rules.region} (Красноярский край).")


def _category(inputs: Inputs, _: RuleSet) -> Judged:
    on, category = _day(inputs["as_of"]), inputs["category"]
    if category is None:
        return Judged("not_checked", f"В записи реестра на {on} нет категории субъекта МСП.")
    return Judged("pass", f"Категория по реестру МСП на {on}: {_CATEGORIES[category]}.")


def _included(inputs: Inputs, _: RuleSet) -> Judged:
    on, since = _day(inputs["as_of"]), inputs["included_on"]
    if since is None:
        return Judged("not_checked", f"Ответ на {on} — не из реестра МСП: даты включения в него нет.")
    return Judged("pass", f"Заявитель есть в едином реестре субъектов МСП на {on}, включён {_day(since)}.")


def _status(inputs: Inputs, _: RuleSet) -> Judged:
    unknown: tuple[Verdict, str] = ("not_checked", "не указано или неизвестно")
    verdict, words = _STATUSES.get(inputs["status"] or "", unknown)
    return Judged(verdict, f"Состояние по реестру на {_day(inputs['as_of'])}: {words}.")


_FOUND: Final[dict[Condition, Callable[[Inputs, RuleSet], Judged]]] = {
    "E0": _region,
    "E1": _category,
    "E2": _included,
    "E8": _status,
}


def _codes(condition: Condition, test: _Codes, inputs: Inputs, rules: RuleSet) -> Judged:
    """E4 – E7: the codes as the test itself (E4), or as signs against what was declared (E5 – E7)."""
    on = _day(inputs["as_of"])
    if gap := _unreadable(inputs):
        return Judged("not_checked", gap)
    hits = hits_of(condition, inputs, rules)
    grave = [hit for hit in hits if hit.rule.mode in ("HARD", "REVIEW")]
    if test.declared and inputs["declaration"] is None:
        text = (
            f"Нет декларации об условии {condition} за год заявки с датой не позднее "
            f"{_day(inputs['decided_on'])}"
        )
        signs = f", а коды ОКВЭД на {on} указывают на {test.subject}: {_named(grave)}" if grave else ""
        return Judged("not_checked", f"{text}{signs}.", None)
    # The gravest hit decides, and the explanation names all hits that are as grave.
    for mode, means in (("HARD", test.hard), ("REVIEW", "review")):
        if decisive := [hit for hit in hits if hit.rule.mode == mode]:
            what = "условие не выполнено" if means == "fail" else "нужно решение человека"
            also = "" if test.declared else _licences(inputs["licences"])
            text = f"Коды ОКВЭД на {on} указывают на {test.subject}: {_named(decisive)}; {what}.{also}"
            return Judged("fail" if means == "fail" else "review", text)
    # Only ALLOW_REVIEW and INFO are left: worth a note, no obstacle.
    text = f"Ни один код ОКВЭД на {on} не указывает на {test.subject}"
    if harmless := [*hits, *_by_the_way(condition, inputs, rules)]:
        text = f"{text} так, чтобы это препятствовало; к сведению: {_named(harmless)}"
    if test.declared:
        text = f"{text}; условие подтверждено декларацией на {_day(inputs['declared_as_of'])}"
    return Judged("pass", f"{text}.", "registry" if hits or not test.declared else "declaration")


def hits_of(condition: Condition, inputs: Inputs, rules: RuleSet) -> list[okved.Hit]:
    """The codes whose rule speaks of this condition; none when the codes can't be held against the rules."""
    return [hit for hit in _hits(inputs, rules) if hit.rule.rule in CODE_TESTS[condition].rules]


def _by_the_way(condition: Condition, inputs: Inputs, rules: RuleSet) -> list[okved.Hit]:
    """Codes that a rule names only to say that they are no obstacle; each is told under one condition."""
    told = {"64": "E5", "65": "E5", "66": "E5", "92": "E7"}
    return [
        hit
        for hit in _hits(inputs, rules)
        if hit.rule.rule == "NONE" and told.get(hit.code[:2], "E4") == condition
    ]


def _hits(inputs: Inputs, rules: RuleSet) -> tuple[okved.Hit, ...]:
    if _unreadable(inputs):
        return ()
    return okved.hits(inputs["okved_main"], inputs["okved_additional"], rules.valid_from)


def _unreadable(inputs: Inputs) -> str:
    """Why these codes can't be held against OKVED2 rules; empty when they can."""
    on, main, additional = _day(inputs["as_of"]), inputs["okved_main"], inputs["okved_additional"]
    if inputs["okved_version"] != OKVED_VERSION:
        versions = f"по версии {inputs['okved_version']}, а правила составлены по версии {OKVED_VERSION}"
        return f"Коды ОКВЭД на {on} даны {versions}."
    if main is None:
        return f"В записи реестра на {on} нет основного кода ОКВЭД."
    if additional is None:
        return f"В ответе на {on} нет дополнительных кодов ОКВЭД, а проверяется каждый код."
    if not all(okved.well_formed(code) for code in (main, *additional)):
        return f"Среди кодов ОКВЭД на {on} есть записанные не по форме, сличить их с правилами нельзя."
    return ""


def _licences(licences: Sequence[str]) -> str:
    """The most common human question about an excise code: is there a licence for it?"""
    return f" Лицензии в записи реестра: {'; '.join(licences) or 'нет'}."


def _member(inputs: Inputs) -> Judged:
    on, active = _day(inputs["on"]), inputs["memberships"]
    if not active:
        return Judged("fail", f"На {on} заявитель не состоит ни в одном кластере.")
    names = ", ".join(f"«{m['cluster']}» с {_day(m['joined_on'])}" for m in active)
    return Judged("pass", f"На {on} заявитель состоит в кластере: {names}.")


def _taxes(inputs: Inputs) -> Judged:
    """Only a certificate for the first day of the month proves that day; a fresher one does not."""
    on, debt = _day(inputs["on"]), inputs["debt_kopecks"]
    if debt is None:
        others = ", ".join(_day(day) for day in inputs.get("other_days", ()))
        besides = f" (справки на другие дни его не доказывают: {others})" if others else ""
        return Judged("not_checked", f"Нет справки о налогах с суммой долга на {on}{besides}.")
    # The sum may be an entrepreneur's: it stands in the inputs, not in words that travel.
    if debt > 0:
        return Judged("fail", f"По справке на {on} есть задолженность.")
    return Judged("pass", f"По справке на {on} задолженности нет.")


def _named(hits: Iterable[okved.Hit]) -> str:
    return ", ".join(
        f"{h.code} ({'основной' if h.main else 'дополнительный'}, правило {h.rule.prefix} "
        f"«{h.rule.name.rstrip('.')}»)"
        for h in hits
    )


def _day(day: str) -> str:
    return f"{date.fromisoformat(day):%d.%m.%Y}"
