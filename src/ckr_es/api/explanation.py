"""Eligibility as people read it: per condition the verdict, its data, the text of the rule, who may override."""

from datetime import date
from typing import Any

import msgspec

from ckr_es.aggregates.participant import Participant
from ckr_es.aggregates.service_case import ServiceCase
from ckr_es.commands import assess, notes
from ckr_es.rules import Refused
from ckr_es.rules.decision import overridable_by
from ckr_es.rules.rule_sets import conditions, in_force


def explained(state: ServiceCase, who: Participant, decided_on: date) -> dict[str, Any]:
    """The ten verdicts and the notes as if the case were decided on this day.

    `decision_possible`: eligible without any override; `obstacle` is what bars it beside the conditions.
    """
    checks = assess(state, who, decided_on)
    rules = in_force(state.opened.applied_on)
    worded = conditions(rules.valid_from)
    obstacle = _obstacle(state, decided_on)
    return {
        "decision_possible": obstacle is None and all(check.verdict == "pass" for check in checks),
        "obstacle": obstacle,
        "decision": state.decided and state.decided.decision,
        "rule_set": {"id": rules.id, "valid_from": rules.valid_from, "citation": rules.citation},
        "checks": [
            {
                **msgspec.structs.asdict(check),
                "title": worded[check.condition].title,
                "rule": worded[check.condition].text,
                "citation": worded[check.condition].citation,
                "overridable_by": overridable_by(check.condition, check.verdict),
            }
            for check in checks
        ],
        "notes": [{"event_id": None, **msgspec.to_builtins(note)} for note in notes(state, who, decided_on)],
    }


def _obstacle(state: ServiceCase, decided_on: date) -> dict[str, str] | None:
    try:
        state.examinable(decided_on)
    except Refused as refusal:
        return {"code": refusal.code, "detail": refusal.detail}
    return None
