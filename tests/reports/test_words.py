"""Every kind that a record of a cluster may be of has a Russian name."""

from typing import get_args, get_type_hints

import pytest

from ckr_es.aggregates.cluster import Proposed
from ckr_es.aggregates.cluster_life import KINDS, Life
from ckr_es.cli import functions
from ckr_es.reports import words


@pytest.mark.parametrize("record", [Proposed, *get_args(Life)], ids=lambda record: record.__name__)
def test_every_kind_is_named(record: type[Life]) -> None:
    (optional,) = [hint for name, hint in get_type_hints(record).items() if name == "kind"] or [None]
    known = words.CLUSTERS if record is Proposed else words.LIFE
    assert {kind for literal in get_args(optional) for kind in get_args(literal)} <= set(known)


def test_every_sort_of_record_is_named() -> None:
    assert set(functions.KINDS) == set(KINDS.values())
