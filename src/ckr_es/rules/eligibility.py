"""Who may be served: the conditions of the concept, section 5, as verdicts with their reasons.

Pure: the registry's answers, the papers and the memberships are passed in as now understood (corrections
applied), in the order they were recorded.
"""

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any, Final, Literal, get_args
from uuid import UUID

from msgspec import Struct

from ckr_es.rules import Problem, Refused, okved

RULE_SET: Final = "2021.1"

Condition = Literal["E0", "E1", "E2", "E3", "E4", "E5", "E6", "E7", "E8", "E9"]
Verdict = Literal["pass", "fail", "review", "not_checked"]
Decision = Literal["eligible", "refused"]

CONDITIONS: Final[tuple[Condition, ...]] = get_args(Condition)
REGION: Final = "24"
REGISTRY_VALID_FOR_DAYS: Final = 31
OKVED_VERSION: Final = "2014"

_ON_REGISTRY: Final[tuple[Condition, ...]] = ("E0", "E1", "E2", "E4", "E5", "E6", "E7", "E8")
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


class RegistryCheck(Struct, frozen=True, kw_only=True):
    """What a register answered about the participant as of a day; the record's fields only when found."""

    event_id: UUID
    source: str
    as_of: date
    result: Literal["found", "absent", "unavailable"]
    category: Literal["micro", "small", "medium"] | None = None
    included_on: date | None = None
    region_code: str | None = None
    okved_main: str | None = None
    okved_additional: tuple[str, ...] = ()
    okved_version: str = OKVED_VERSION
    status: str | None = None
    headcount: int | None = None
    licences: tuple[str, ...] = ()


class Evidence(Struct, frozen=True, kw_only=True):
    """A paper on file: a tax certificate has `debt_kopecks`, a declaration `covers` some of E5, E6, E7."""

    event_id: UUID
    kind: Literal["tax_certificate", "declaration", "document"]
    as_of: date
    debt_kopecks: int | None = None
    covers: tuple[str, ...] = ()


class Membership(Struct, frozen=True, kw_only=True):
    """A member from `joined_on`, no longer on `left_on`."""

    event_id: UUID
    cluster: str
    joined_on: date
    left_on: date | None = None


class Override(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A person's answer to a condition that does not pass, with the ground for it."""

    condition: str
    ground: str


class Check(Struct, frozen=True, kw_only=True):
    """One condition's verdict. `inputs` holds plain JSON values, so that the log gives it back unchanged."""

    condition: Condition
    verdict: Verdict
    explanation: str
    inputs: dict[str, Any]
    event_id: UUID | None


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


def assess(
    applied_on: date,
    decided_on: date,
    checks: Sequence[RegistryCheck],
    evidence: Sequence[Evidence],
    memberships: Sequence[Membership],
) -> tuple[Check, ...]:
    """The verdicts E0 … E9, in this order, on an application of `applied_on` decided on `decided_on`."""
    check = _the_check(applied_on, checks)
    if check is None or check.result != "found":
        on_registry = _without_record(applied_on, check)
    else:
        declarations = _declarations(applied_on, decided_on, evidence)
        on_registry = [
            _region(check),
            _category(check),
            _included(check),
            *(_codes(c, test, check, declarations, decided_on) for c, test in CODE_TESTS.items()),
            _status(check),
        ]
    verdicts = {
        c.condition: c for c in (*on_registry, _member(applied_on, memberships), _taxes(applied_on, evidence))
    }
    return tuple(verdicts[condition] for condition in CONDITIONS)


def decide(decision: Decision, checks: Sequence[Check], overrides: Sequence[Override], role: str) -> None:
    """Whether this person may decide so; else Refused, with all the verdicts as its problems.

    "override-not-allowed": an override that is empty, twice, not needed, not this role's, or of a refusal;
    "condition-failed": a fail or review without an override; "condition-not-checked": nobody overrides that;
    "all-conditions-pass": nothing to refuse for.
    """
    verdicts = {check.condition: check.verdict for check in checks}
    if tuple(verdicts) != CONDITIONS or len(checks) != len(CONDITIONS):
        raise ValueError("a decision rests on all the verdicts, in their order")
    problems = [Problem(f"/checks/{c.condition}", c.verdict, c.explanation) for c in checks]

    overridden = {override.condition for override in overrides}
    if len(overridden) < len(overrides):
        raise Refused("override-not-allowed", "Условие преодолевается один раз", problems)
    for override in overrides:
        if reason := _why_not(override, decision, verdicts, role):
            raise Refused("override-not-allowed", reason, problems)

    left = {condition: verdict for condition, verdict in verdicts.items() if condition not in overridden}
    open_conditions = [condition for condition, verdict in left.items() if verdict != "pass"]
    if decision == "refused":
        if not open_conditions:
            raise Refused("all-conditions-pass", "Все условия выполнены, оснований для отказа нет", problems)
        return
    if failed := [c for c in open_conditions if left[c] in ("fail", "review")]:
        detail = f"Не выполнены или требуют решения условия: {', '.join(failed)}"
        raise Refused("condition-failed", detail, problems)
    if open_conditions:
        detail = f"Не проверены условия: {', '.join(open_conditions)}"
        raise Refused("condition-not-checked", detail, problems)


def _why_not(
    override: Override, decision: Decision, verdicts: dict[Condition, Verdict], role: str
) -> str | None:
    if decision == "refused":
        return "При отказе условия не преодолеваются"
    if not override.ground.strip():
        return "Преодоление условия требует основания"
    match next((v for c, v in verdicts.items() if c == override.condition), None):
        case "review" if role in ("operator", "manager"):
            return None
        case "fail" if override.condition in ("E4", "E7") and role == "manager":
            return None
        case "fail" if override.condition in ("E4", "E7"):
            return f"Невыполненное условие {override.condition} преодолевает только руководитель"
        case "review":
            return f"Условие {override.condition} преодолевает сотрудник или руководитель"
        case "pass":
            return f"Условие {override.condition} выполнено, преодолевать нечего"
        case "fail" | "not_checked":
            return f"Условие {override.condition} не может преодолеть никто"
        case None:
            return "Такого условия нет: условия называются E0 … E9"


def _the_check(applied_on: date, checks: Iterable[RegistryCheck]) -> RegistryCheck | None:
    """The latest answer not older than 31 days; of one day's answers the one recorded last."""
    valid = [c for c in checks if _not_before(applied_on) <= c.as_of <= applied_on]
    return max(reversed(valid), key=lambda c: c.as_of, default=None)


def _not_before(applied_on: date) -> date:
    return date.fromordinal(max(applied_on.toordinal() - REGISTRY_VALID_FOR_DAYS, 1))


def _without_record(applied_on: date, check: RegistryCheck | None) -> list[Check]:
    if check is None:
        since = _not_before(applied_on)
        gap = f"Нет проверки по реестру МСП с данными не ранее {_day(since)} и не позднее {_day(applied_on)}."
        inputs = {"not_before": since.isoformat(), "not_after": applied_on.isoformat()}
        return [_check(c, "not_checked", gap, inputs, None) for c in _ON_REGISTRY]
    if check.result == "unavailable":
        gap = f"Реестр МСП на {_day(check.as_of)} был недоступен."
        return [_check(c, "not_checked", gap, _asked(check), check) for c in _ON_REGISTRY]
    absent = f"Заявителя нет в едином реестре субъектов МСП на {_day(check.as_of)}"
    fails = {
        "E1": f"{absent}, категория субъекта МСП не подтверждена.",
        "E2": f"{absent}.",
    }
    gap = f"{absent}, поэтому сведений для этого условия нет."
    return [
        _check(c, "fail" if c in fails else "not_checked", fails.get(c, gap), _asked(check), check)
        for c in _ON_REGISTRY
    ]


def _region(check: RegistryCheck) -> Check:
    inputs = {**_asked(check), "region_code": check.region_code}
    on = _day(check.as_of)
    match check.region_code:
        case None:
            return _check("E0", "not_checked", f"В записи реестра на {on} нет кода региона.", inputs, check)
        case code if code == REGION:
            return _check(
                "E0", "pass", f"Регион по реестру на {on}: {code}, Красноярский край.", inputs, check
            )
        case code:
            text = f"Регион по реестру на {on}: {code}, а не {REGION} (Красноярский край)."
            return _check("E0", "fail", text, inputs, check)


def _category(check: RegistryCheck) -> Check:
    inputs = {**_asked(check), "category": check.category}
    if check.category is None:
        text = f"В записи реестра на {_day(check.as_of)} нет категории субъекта МСП."
        return _check("E1", "not_checked", text, inputs, check)
    text = f"Категория по реестру МСП на {_day(check.as_of)}: {_CATEGORIES[check.category]}."
    return _check("E1", "pass", text, inputs, check)


def _included(check: RegistryCheck) -> Check:
    since = check.included_on
    inputs = {**_asked(check), "included_on": since.isoformat() if since else None}
    text = f"Заявитель есть в едином реестре субъектов МСП на {_day(check.as_of)}"
    return _check("E2", "pass", f"{text}, включён {_day(since)}." if since else f"{text}.", inputs, check)


def _member(applied_on: date, memberships: Iterable[Membership]) -> Check:
    active = [
        m for m in memberships if m.joined_on <= applied_on and (m.left_on is None or applied_on < m.left_on)
    ]
    inputs: dict[str, Any] = {
        "on": applied_on.isoformat(),
        "memberships": [
            {
                "event_id": str(m.event_id),
                "cluster": m.cluster,
                "joined_on": m.joined_on.isoformat(),
                "left_on": m.left_on.isoformat() if m.left_on else None,
            }
            for m in active
        ],
    }
    if not active:
        return _check(
            "E3", "fail", f"На {_day(applied_on)} заявитель не состоит ни в одном кластере.", inputs, None
        )
    names = ", ".join(f"«{m.cluster}» с {_day(m.joined_on)}" for m in active)
    text = f"На {_day(applied_on)} заявитель состоит в кластере: {names}."
    return _check("E3", "pass", text, inputs, active[0])


def _codes(
    condition: Condition,
    test: _Codes,
    check: RegistryCheck,
    declarations: Sequence[Evidence],
    decided_on: date,
) -> Check:
    """E4 – E7: the codes as the test itself (E4), or as signs against what was declared (E5 – E7)."""
    inputs: dict[str, Any] = {
        **_asked(check),
        "okved_main": check.okved_main,
        "okved_additional": list(check.okved_additional),
        "okved_version": check.okved_version,
    }
    declaration: Evidence | None = None
    if test.declared:
        declaration = next((d for d in reversed(declarations) if condition in d.covers), None)
        inputs["decided_on"] = decided_on.isoformat()
        inputs["declaration"] = str(declaration.event_id) if declaration else None
        inputs["declared_as_of"] = declaration.as_of.isoformat() if declaration else None
    else:
        inputs["licences"] = list(check.licences)
    if (gap := _unreadable(check)) or check.okved_main is None:
        return _check(condition, "not_checked", gap, inputs, check)

    found = okved.hits(check.okved_main, check.okved_additional)
    hits = [hit for hit in found if hit.rule.rule in test.rules]
    inputs["hits"] = [
        {"code": h.code, "prefix": h.rule.prefix, "rule": h.rule.rule, "mode": h.rule.mode} for h in hits
    ]
    on = _day(check.as_of)
    if test.declared and declaration is None:
        text = f"Нет декларации об условии {condition} за год заявки с датой не позднее {_day(decided_on)}"
        signs = f", а коды ОКВЭД на {on} указывают на {test.subject}: {_named(hits)}" if hits else ""
        return _check(condition, "not_checked", f"{text}{signs}.", inputs, None)
    return _weigh(condition, test, check, hits, declaration, inputs)


def _weigh(
    condition: Condition,
    test: _Codes,
    check: RegistryCheck,
    hits: Sequence[okved.Hit],
    declaration: Evidence | None,
    inputs: dict[str, Any],
) -> Check:
    """The gravest hit decides, and the explanation names all hits that are as grave."""
    on = _day(check.as_of)
    verdict_of: dict[str, Verdict] = {"HARD": test.hard, "REVIEW": "review"}
    outcomes: tuple[tuple[Verdict, str], ...] = (
        ("fail", "условие не выполнено"),
        ("review", "нужно решение человека"),
    )
    for verdict, means in outcomes:
        if decisive := [hit for hit in hits if verdict_of.get(hit.rule.mode) == verdict]:
            text = f"Коды ОКВЭД на {on} указывают на {test.subject}: {_named(decisive)}; {means}."
            return _check(condition, verdict, text, inputs, check)
    # Only ALLOW_REVIEW and INFO are left: worth a note, no obstacle.
    text = f"Ни один код ОКВЭД на {on} не указывает на {test.subject}"
    if hits:
        text = f"Коды ОКВЭД на {on} указывают на {test.subject}, но не препятствуют: {_named(hits)}"
    if declaration:
        text = f"{text}; условие подтверждено декларацией на {_day(declaration.as_of)}"
    return _check(condition, "pass", f"{text}.", inputs, check if hits else declaration or check)


def _unreadable(check: RegistryCheck) -> str:
    """Why these codes can't be held against OKVED2 rules; empty when they can."""
    on = _day(check.as_of)
    if check.okved_version != OKVED_VERSION:
        versions = f"по версии {check.okved_version}, а правила составлены по версии {OKVED_VERSION}"
        return f"Коды ОКВЭД на {on} даны {versions}."
    if check.okved_main is None:
        return f"В записи реестра на {on} нет основного кода ОКВЭД."
    if not all(okved.well_formed(code) for code in (check.okved_main, *check.okved_additional)):
        return f"Среди кодов ОКВЭД на {on} есть записанные не по форме, сличить их с правилами нельзя."
    return ""


def _status(check: RegistryCheck) -> Check:
    inputs = {**_asked(check), "status": check.status}
    unknown: tuple[Verdict, str] = ("not_checked", "не указано или неизвестно")
    verdict, words = _STATUSES.get(check.status or "", unknown)
    return _check("E8", verdict, f"Состояние по реестру на {_day(check.as_of)}: {words}.", inputs, check)


def _declarations(applied_on: date, decided_on: date, evidence: Iterable[Evidence]) -> list[Evidence]:
    """Those that count for the application, the latest last."""
    valid = [
        e
        for e in evidence
        if e.kind == "declaration" and e.as_of.year == applied_on.year and e.as_of <= decided_on
    ]
    return sorted(valid, key=lambda e: e.as_of)


def _taxes(applied_on: date, evidence: Iterable[Evidence]) -> Check:
    """Only a certificate for the first day of the month proves that day; a fresher one does not."""
    first = applied_on.replace(day=1)
    certificates = [e for e in evidence if e.kind == "tax_certificate"]
    certificate = next((e for e in reversed(certificates) if e.as_of == first), None)
    debt = certificate.debt_kopecks if certificate else None
    inputs = {"on": first.isoformat(), "debt_kopecks": debt}
    if certificate is None:
        others = ", есть справка лишь на другой день" if certificates else ""
        return _check("E9", "not_checked", f"Нет справки о налогах на {_day(first)}{others}.", inputs, None)
    if debt is None:
        text = f"В справке о налогах на {_day(first)} не указана сумма задолженности."
        return _check("E9", "not_checked", text, inputs, certificate)
    # The sum may be an entrepreneur's: it stands in the inputs, not in words that travel.
    if debt > 0:
        return _check("E9", "fail", f"По справке на {_day(first)} есть задолженность.", inputs, certificate)
    return _check("E9", "pass", f"По справке на {_day(first)} задолженности нет.", inputs, certificate)


def _check(
    condition: Condition,
    verdict: Verdict,
    explanation: str,
    inputs: dict[str, Any],
    rests_on: RegistryCheck | Evidence | Membership | None,
) -> Check:
    return Check(
        condition=condition,
        verdict=verdict,
        explanation=explanation,
        inputs=inputs,
        event_id=rests_on.event_id if rests_on else None,
    )


def _asked(check: RegistryCheck) -> dict[str, Any]:
    return {"source": check.source, "as_of": check.as_of.isoformat(), "result": check.result}


def _named(hits: Iterable[okved.Hit]) -> str:
    return ", ".join(
        f"{h.code} ({'основной' if h.main else 'дополнительный'}, правило {h.rule.prefix} "
        f"«{h.rule.name.rstrip('.')}»)"
        for h in hits
    )


def _day(day: date) -> str:
    return f"{day:%d.%m.%Y}"
