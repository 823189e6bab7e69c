"""The rules of eligibility for whoever asks what a decision was made under: every set, whole, with its sources."""

from typing import Any

import msgspec
from litestar import Controller, get
from litestar.params import FromPath

from ckr_es.api.auth import READ, roles
from ckr_es.rules import okved, rule_sets
from ckr_es.rules.verdicts import CODE_TESTS

Version = FromPath[str]


class RuleSetController(Controller):
    path = "/rule-sets"
    tags = ["rule sets"]

    @get("/", sync_to_thread=False, **roles(READ))
    def list_rule_sets(self) -> dict[str, Any]:
        """Every set, the earliest first; an application is judged by the set in force on its day."""
        return {"items": rule_sets.rule_sets()}

    @get("/{version:str}", sync_to_thread=False, **roles(READ))
    def show(self, version: Version) -> dict[str, Any]:
        """One set: the wording and source of each condition, and what each OKVED code means for it."""
        found = rule_sets.rule_set(version)
        tested = {rule: condition for condition, test in CODE_TESTS.items() for rule in test.rules}
        return {
            **msgspec.structs.asdict(found),
            "conditions": list(rule_sets.conditions(found.valid_from).values()),
            "okved": [
                {**msgspec.structs.asdict(rule), "condition": tested.get(rule.rule)}
                for rule in okved.rules(found.valid_from).values()
            ],
        }
