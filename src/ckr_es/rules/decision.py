"""Who may decide what on which verdicts: overrides by role and ground (http.md, "Eligibility conditions")."""

from collections.abc import Mapping, Sequence
from typing import Final, Literal

from msgspec import Struct

from ckr_es.rules import Problem, Refused
from ckr_es.rules.eligibility import Check
from ckr_es.rules.rule_sets import CONDITIONS, Condition
from ckr_es.rules.verdicts import Verdict

Decision = Literal["eligible", "refused"]
ROLES: Final = ("operator", "manager")
FAILS_OVERRIDABLE: Final[frozenset[Condition]] = frozenset({"E4", "E7"})
# What a look-up service says of them is a review as well, and still only the register itself settles it.
REVIEWS_OVERRIDABLE: Final[frozenset[Condition]] = frozenset({"E4", "E5", "E6", "E7", "E8"})


class Override(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A person's answer to a condition that does not pass, with the ground for it."""

    condition: str
    ground: str


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


def overridable_by(condition: Condition, verdict: Verdict) -> tuple[str, ...]:
    """The roles that may decide this verdict away; nobody may where it is not_checked."""
    match verdict:
        case "review" if condition in REVIEWS_OVERRIDABLE:
            return ROLES
        case "fail" if condition in FAILS_OVERRIDABLE:
            return ("manager",)
        case _:
            return ()


def _why_not(
    override: Override, decision: Decision, verdicts: Mapping[Condition, Verdict], role: str
) -> str | None:
    condition = next((c for c in verdicts if c == override.condition), None)
    if decision == "refused":
        return "При отказе условия не преодолеваются"
    if not override.ground.strip():
        return "Преодоление условия требует основания"
    if condition is None:
        return "Такого условия нет: условия называются E0 … E9"
    if verdicts[condition] == "pass":
        return f"Условие {condition} выполнено, преодолевать нечего"
    allowed = overridable_by(condition, verdicts[condition])
    if role in allowed:
        return None
    if not allowed:
        return f"Условие {condition} не может преодолеть никто"
    if allowed == ROLES:
        return f"Условие {condition} преодолевает сотрудник или руководитель"
    return f"Невыполненное условие {condition} преодолевает только руководитель"
