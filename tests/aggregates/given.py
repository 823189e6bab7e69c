"""Given these events, when that is decided, then those are recorded."""

from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

import pytest

from ckr_es.aggregates.amend import fold
from ckr_es.aggregates.facts import Entry, Fact, Kind
from ckr_es.rules import Invalid, Refused


def history(*events: Fact) -> list[Entry]:
    """The events as they were recorded, under the ids 1, 2, 3 …"""
    return [Entry(UUID(int=n), event) for n, event in enumerate(events, start=1)]


def given(kind: Kind[Any], *events: Fact) -> Any:
    return fold(kind, history(*events))


def refused(code: str) -> Any:
    return pytest.raises(Refused, check=lambda e: type(e) is Refused and e.code == code)


def invalid(code: str, *pointers: str) -> Any:
    return pytest.raises(
        Invalid, check=lambda e: e.code == code and [p.pointer for p in e.problems] == list(pointers)
    )


def asked_twice_is_no_news(
    kind: Kind[Any], before: Sequence[Fact], decide: Callable[[Any], Sequence[Fact]]
) -> None:
    """Whatever the decision recorded, deciding the same on top of it records nothing."""
    recorded = decide(given(kind, *before))
    assert recorded
    assert decide(given(kind, *before, *recorded)) == ()
