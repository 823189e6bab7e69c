"""The rules as data, for whoever asks what a decision or a table was made under: every set, whole, with its sources."""

from typing import Any

import msgspec
from litestar import Controller, get
from litestar.params import FromPath

from ckr_es.api.auth import READ, READ_FIGURES, roles
from ckr_es.rules import Unknown, kpi_sets, okved, rule_sets
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


class KpiSetController(Controller):
    path = "/kpi-sets"
    tags = ["rule sets"]

    @get("/", sync_to_thread=False, **roles(READ_FIGURES))
    def list_kpi_sets(self) -> dict[str, Any]:
        """Every KPI table there is; the plan of a year names the one that counts it."""
        return {"items": list(kpi_sets.kpi_sets().values())}

    @get("/{kpi_set:str}", sync_to_thread=False, **roles(READ_FIGURES))
    def show(self, kpi_set: FromPath[str]) -> kpi_sets.KpiSet:
        """One table: its rows, and which ledger lines each sums under the default policy."""
        if (found := kpi_sets.kpi_sets().get(kpi_set)) is None:
            raise Unknown("not-found", f"Нет набора показателей «{kpi_set}»")
        return found
