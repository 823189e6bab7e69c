"""A mark that a benchmark has to reach, and how often it was reached in several runs."""

from collections.abc import Sequence
from typing import Any

from msgspec import Struct


class Mark(Struct, frozen=True):
    """What was measured and what is wanted: at least so much, or `at_most`."""

    name: str
    measured: float
    wanted: float
    at_most: bool = False

    @property
    def reached(self) -> bool:
        return self.measured <= self.wanted if self.at_most else self.measured >= self.wanted

    def __str__(self) -> str:
        bound = "at most" if self.at_most else "at least"
        return f"{self.name}: {self.measured:,.2f}, wanted {bound} {self.wanted:,}"


def over_runs(runs: Sequence[Sequence[Mark]]) -> dict[str, dict[str, Any]]:
    """For each mark: in how many of the runs it was reached, and what was measured in each."""
    found: dict[str, dict[str, Any]] = {}
    for marks in runs:
        for mark in marks:
            one = found.setdefault(
                mark.name,
                {"wanted": mark.wanted, "at_most": mark.at_most, "reached": 0, "of": 0, "measured": []},
            )
            one["reached"] += mark.reached
            one["of"] += 1
            one["measured"].append(mark.measured)
    return found
