"""Whatever a record holds has a Russian name."""

from collections.abc import Iterator
from typing import Any

from ckr_es.audit.event_catalogue import components
from ckr_es.reports.fields import TITLES


def test_every_field_of_every_record_is_named() -> None:
    fields = set(named(components()))
    assert {"prices_kopecks", "selection_basis", "sender"} <= fields  # those of objects within records too
    assert fields - set(TITLES) - {"type"} == set()


def named(schema: Any) -> Iterator[str]:
    """Fields of objects, at any depth."""
    match schema:
        case dict():
            yield from schema.get("properties", {})
            for part in schema.values():
                yield from named(part)
        case list():
            for part in schema:
                yield from named(part)
