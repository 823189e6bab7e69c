"""Who may be served: the conditions of the concept, section 5, each with the sources it rests on.

Pure: the registry's answers, the papers and the memberships are passed in as now understood (corrections
applied), in the order they were recorded. What is found for a condition becomes plain inputs, and
`verdicts.judge` makes the verdict of them.
"""

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any, Literal, NamedTuple
from uuid import UUID

from msgspec import Struct

from ckr_es.rules.rule_sets import CONDITIONS, Condition, RuleSet, in_force
from ckr_es.rules.support import Support
from ckr_es.rules.verdicts import CODE_TESTS, HINTS, OKVED_VERSION, ON_REGISTRY, Verdict, hits_of, judge

Via = Literal["entry", "snapshot", "dadata"]


class RegistryCheck(Struct, frozen=True, kw_only=True):
    """What a register answered about the participant as of a day; the record's fields only when found.

    A field is None when that register does not hold it. `via` says who read it (entry: a person, a client).
    """

    event_id: UUID
    source: str
    as_of: date
    result: Literal["found", "absent", "unavailable"]
    category: Literal["micro", "small", "medium"] | None = None
    included_on: date | None = None
    region_code: str | None = None
    okved_main: str | None = None
    okved_additional: tuple[str, ...] | None = ()
    okved_version: str = OKVED_VERSION
    status: str | None = None
    headcount: int | None = None
    licences: tuple[str, ...] = ()
    via: Via = "entry"


class SupportCheck(Struct, frozen=True, kw_only=True):
    """What the register of support recipients held of the participant as of a day."""

    event_id: UUID
    source: str
    as_of: date
    supports: tuple[Support, ...]


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


class Check(Struct, frozen=True, kw_only=True):
    """One condition's verdict. `inputs` holds plain JSON values, so that the log gives it back unchanged."""

    condition: Condition
    verdict: Verdict
    explanation: str
    inputs: dict[str, Any]
    event_id: UUID | None


class _Gathered(NamedTuple):
    """The inputs of a condition and the records they come from."""

    inputs: dict[str, Any]
    registry: UUID | None = None
    declaration: UUID | None = None


# The field that a register must hold to speak of a condition.
_SPEAKS: dict[Condition, str] = {
    "E0": "region_code",
    "E1": "category",
    "E2": "included_on",
    "E8": "status",
    **dict.fromkeys(CODE_TESTS, "okved_additional"),
}


def assess(
    applied_on: date,
    decided_on: date,
    checks: Sequence[RegistryCheck],
    evidence: Sequence[Evidence],
    memberships: Sequence[Membership],
    rules: RuleSet | None = None,
) -> tuple[Check, ...]:
    """The verdicts E0 … E9, in this order, on an application of `applied_on` decided on `decided_on`.

    `rules` are those in force on the day of the application unless given.
    """
    rules = rules or in_force(applied_on)
    declarations = _declarations(applied_on, decided_on, evidence)
    found: list[Check] = []
    for condition in CONDITIONS:
        if condition in ON_REGISTRY:
            given = _registry(condition, applied_on, decided_on, checks, declarations, rules)
        elif condition == "E3":
            given = _member(applied_on, memberships)
        else:
            given = _taxes(applied_on, evidence)
        judged = judge(condition, given.inputs, rules)
        rests_on = {"registry": given.registry, "declaration": given.declaration}
        found.append(
            Check(
                condition=condition,
                verdict=judged.verdict,
                explanation=judged.explanation,
                inputs=given.inputs,
                event_id=rests_on[judged.rests_on] if judged.rests_on else None,
            )
        )
    return tuple(found)


def the_check(
    condition: Condition, applied_on: date, checks: Iterable[RegistryCheck], rules: RuleSet
) -> RegistryCheck | None:
    """The answer that a condition rests on: the latest one not older than the rules allow that speaks of it.

    Of one day's answers the one recorded last. A register that does not hold the field is passed over as long as
    another speaks, so is our own look-up that found nobody to ask; and a hint (see `verdicts.HINTS`) as long as a
    register or a person speaks.
    """
    valid = [c for c in checks if _not_before(applied_on, rules) <= c.as_of <= applied_on]
    speaking = [c for c in valid if _speaks(c, condition)]
    trusted = [c for c in speaking if c.via not in HINTS]
    return max(reversed(trusted or speaking or valid), key=lambda c: c.as_of, default=None)


def _speaks(check: RegistryCheck, condition: Condition) -> bool:
    match check.result:
        case "found":
            return getattr(check, _SPEAKS[condition]) is not None
        case "unavailable":
            return check.via == "entry"
        case "absent":
            return True


def _not_before(applied_on: date, rules: RuleSet) -> date:
    return date.fromordinal(max(applied_on.toordinal() - rules.registry_valid_for_days, 1))


def _registry(
    condition: Condition,
    applied_on: date,
    decided_on: date,
    checks: Sequence[RegistryCheck],
    declarations: Sequence[Evidence],
    rules: RuleSet,
) -> _Gathered:
    check = the_check(condition, applied_on, checks, rules)
    if check is None:
        since = _not_before(applied_on, rules)
        return _Gathered({"not_before": since.isoformat(), "not_after": applied_on.isoformat()})
    inputs: dict[str, Any] = {
        "source": check.source,
        "as_of": check.as_of.isoformat(),
        "result": check.result,
    }
    if check.via in HINTS:
        inputs["via"] = check.via
    if check.result != "found":
        return _Gathered(inputs, check.event_id)
    if condition not in CODE_TESTS:
        value = getattr(check, _SPEAKS[condition])
        inputs[_SPEAKS[condition]] = value.isoformat() if isinstance(value, date) else value
        return _Gathered(inputs, check.event_id)
    inputs |= {
        "okved_main": check.okved_main,
        "okved_additional": None if check.okved_additional is None else list(check.okved_additional),
        "okved_version": check.okved_version,
    }
    declaration: Evidence | None = None
    if CODE_TESTS[condition].declared:
        declaration = next((d for d in reversed(declarations) if condition in d.covers), None)
        inputs["decided_on"] = decided_on.isoformat()
        inputs["declaration"] = str(declaration.event_id) if declaration else None
        inputs["declared_as_of"] = declaration.as_of.isoformat() if declaration else None
    else:
        inputs["licences"] = list(check.licences)
    inputs["hits"] = [
        {"code": h.code, "prefix": h.rule.prefix, "rule": h.rule.rule, "mode": h.rule.mode}
        for h in hits_of(condition, inputs, rules)
    ]
    return _Gathered(inputs, check.event_id, declaration.event_id if declaration else None)


def _declarations(applied_on: date, decided_on: date, evidence: Iterable[Evidence]) -> list[Evidence]:
    """Those that count for the application, the latest last."""
    valid = [
        e
        for e in evidence
        if e.kind == "declaration" and e.as_of.year == applied_on.year and e.as_of <= decided_on
    ]
    return sorted(valid, key=lambda e: e.as_of)


def _member(applied_on: date, memberships: Iterable[Membership]) -> _Gathered:
    active = [
        m for m in memberships if m.joined_on <= applied_on and (m.left_on is None or applied_on < m.left_on)
    ]
    inputs = {
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
    return _Gathered(inputs, active[0].event_id if active else None)


def _taxes(applied_on: date, evidence: Iterable[Evidence]) -> _Gathered:
    first = applied_on.replace(day=1)
    certificates = [e for e in evidence if e.kind == "tax_certificate"]
    certificate = next((e for e in reversed(certificates) if e.as_of == first), None)
    others = sorted({e.as_of.isoformat() for e in certificates if e.as_of != first})
    inputs: dict[str, Any] = {
        "on": first.isoformat(),
        "debt_kopecks": certificate.debt_kopecks if certificate else None,
        "other_days": others,
    }
    return _Gathered(inputs, certificate.event_id if certificate else None)
