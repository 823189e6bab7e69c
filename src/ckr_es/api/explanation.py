"""What the API explains: eligibility, per condition with rule, data and who may override; and an event's trace."""

from datetime import date
from typing import Any

import msgspec

from ckr_es.aggregates.participant import Participant
from ckr_es.aggregates.service_case import ServiceCase
from ckr_es.api.moments import encoded
from ckr_es.audit.trace import Trace
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
        "rule_set": rules.told(),
        "checks": [
            {
                **msgspec.structs.asdict(check),
                **worded[check.condition].told(),
                "overridable_by": overridable_by(check.condition, check.verdict),
            }
            for check in checks
        ],
        "notes": [{"event_id": None, **msgspec.to_builtins(note)} for note in notes(state, who, decided_on)],
    }


def told(trace: Trace) -> dict[str, Any]:
    """A trace as GET /events/{id} answers it: its long lists with a way to go on, and where the ledger proves it."""
    body = msgspec.structs.asdict(trace)
    correlated, more = body.pop("correlated"), body.pop("more_correlated")
    after = body.pop("more_lines")
    following = f"/api/v1/events?correlation_id={trace.correlation_id}" if more else None
    return {
        **body,
        "inclusion": f"/api/v1/ledger/inclusion?position={trace.position}",
        "correlated": {"items": correlated, "next": following},
        "kpi_lines": {"items": trace.kpi_lines, "next_cursor": encoded(after) if after else None},
    }


def _obstacle(state: ServiceCase, decided_on: date) -> dict[str, str] | None:
    try:
        state.examinable(decided_on)
    except Refused as refusal:
        return {"code": refusal.code, "detail": refusal.detail}
    return None
