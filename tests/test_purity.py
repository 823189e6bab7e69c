"""The two lowest floors get time and ids from outside: of `uuid` and `datetime` they use the types alone."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import ckr_es

ROOT = Path(ckr_es.__file__).parent
MODULES = sorted(path for floor in ("rules", "aggregates") for path in (ROOT / floor).glob("*.py"))
CLOCKS = {"now", "utcnow", "today", "uuid1", "uuid3", "uuid4", "uuid5", "uuid7"}


def impurities(text: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(text)):
        match node:
            case ast.ImportFrom(module="uuid", names=names):
                yield from (f"uuid.{name.name}" for name in names if name.name != "UUID")
            case ast.Import(names=names):
                yield from (name.name for name in names if name.name in ("uuid", "datetime", "time"))
            case ast.Attribute(value=ast.Name(id="date" | "datetime" | "uuid"), attr=attr) if attr in CLOCKS:
                yield attr


@pytest.mark.parametrize("module", MODULES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_rules_and_aggregates_read_no_clock_and_make_no_ids(module: Path) -> None:
    assert list(impurities(module.read_text("utf-8"))) == []


@pytest.mark.parametrize(
    "text",
    ["from uuid import UUID, uuid4", "import uuid", "import time", "date.today()", "datetime.now(UTC)"],
)
def test_an_impurity_is_found(text: str) -> None:
    assert list(impurities(text))
