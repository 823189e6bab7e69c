"""The README tells the truth: its tables are complete, and its first calls work."""

import re
from collections import defaultdict
from datetime import date
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest
from litestar.routes import HTTPRoute

from ckr_es.aggregates import Event
from ckr_es.aggregates.roadmap import MeasureNumber
from ckr_es.api.app import create_app
from ckr_es.projections import functions
from ckr_es.projections.kpi_changes import ChangeKind
from ckr_es.projections.uncounted import Reason
from ckr_es.rules.catalogue import FUNCTIONS, SERVICES
from ckr_es.rules.kpi_sets import kpi_sets
from ckr_es.rules.roadmap import measures
from ckr_es.rules.validation import parse
from ckr_es.rules.values import FunctionCode, ServiceCode
from ckr_es.store.settings import Settings

README = (Path(__file__).parent.parent / "README.md").read_text()


def _section(title: str) -> str:
    return README.split(f"\n## {title}\n")[1].split("\n## ")[0]


def test_every_event_stands_in_the_table_and_no_other() -> None:
    told = set(re.findall(r"`([a-z-]+\.[a-z-]+)`", _section("What is recorded")))
    assert told == {str(event.__struct_config__.tag) for event in get_args(Event)}


def test_every_kpi_stands_in_the_table_under_its_number() -> None:
    seven = _section("What is counted").split("kpi of set 2023")[0]
    told = re.findall(r"^\| ([0-9.]+) \| `([a-z_]+)`", seven, re.MULTILINE)
    assert told == [(row.no, row.kpi) for row in kpi_sets()["2021"].rows]


def test_every_reason_and_kind_that_the_readme_names_is_one() -> None:
    why_not, moved = (
        _section("What is counted")
        .split("Why is this one")[1]
        .split("Will the plan")[0]
        .split("**What moved?**")
    )
    reasons, kinds = (set(re.findall(r"`([a-z-]{3,})`", text)) for text in (why_not, moved))
    assert {"voided", "after-as-of"} <= reasons <= set(get_args(Reason))
    assert kinds == set(get_args(ChangeKind))


def test_every_command_is_named() -> None:
    from ckr_es.cli import ckr

    assert set(re.findall(r"`ckr ([a-z-]+)`", _section("Commands"))) == set(ckr.commands)


def _rows(head: str) -> dict[str, list[str]]:
    """A table of the section on the whole concept: its cells by what stands first in them."""
    table = (
        _section("The whole concept").split(f"| {head} | command | event | report |\n")[1].split("\n\n")[0]
    )
    rows = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in table.splitlines()[1:]]
    return {first.split()[0].strip("`"): cells for first, *cells in rows}


CONCEPT = {"function": FUNCTIONS, "service": SERVICES, "row of the roadmap": measures()}


@pytest.mark.parametrize("head", CONCEPT)
def test_every_line_of_the_concept_has_its_command_event_and_report(head: str) -> None:
    from ckr_es.cli import ckr

    routes = {
        (method, re.sub(r":[a-z]+}", "}", route.path.removeprefix("/api/v1")))
        for route in create_app(Settings(data_dir=Path("/nonexistent"))).routes
        if isinstance(route, HTTPRoute)
        for method in route.route_handler_map
    }
    tags = {str(event.__struct_config__.tag) for event in get_args(Event)}
    rows = _rows(head)
    assert list(rows) == list(CONCEPT[head])
    for line, (command, event, report) in rows.items():
        posts, reads = (re.findall(r"`([A-Z]+) ([^`?]+)`", cell) for cell in (command, report))
        assert posts, line
        assert all(method in ("POST", "PUT") for method, _ in posts), line
        assert all(method == "GET" for method, _ in reads), line
        assert {*posts, *reads} <= routes, line
        told = set(re.findall(r"`([a-z-]+\.[a-z-]+)`", event))
        assert told, line
        assert told <= tags, line
        commands = re.findall(r"`ckr ([a-z -]+)`", report)
        assert reads or commands, line
        for words in commands:
            found: Any = ckr
            for word in words.split():
                found = found.commands[word]


def test_every_function_service_and_row_of_the_roadmap_is_named_by_an_event() -> None:
    """By its type: a field of some event takes the very code."""
    fields: dict[Any, set[str]] = defaultdict(set)
    for event in get_args(Event):
        for hint in get_type_hints(event, include_extras=True).values():
            for kind in (FunctionCode, ServiceCode, MeasureNumber):
                if hint in (kind, kind | None):
                    fields[kind].add(str(event.__struct_config__.tag))
    for kind, codes in zip((FunctionCode, ServiceCode, MeasureNumber), CONCEPT.values(), strict=True):
        assert fields[kind], kind
        for code in codes:
            assert parse(kind, code, date(2021, 12, 31)) == code
    assert {str(event.__struct_config__.tag) for event in functions.NAMING} == fields[FunctionCode]


def test_every_file_named_as_proof_exists() -> None:
    proofs = re.findall(r"`(tests/[^`]+)`", README)
    assert proofs
    assert [proof for proof in proofs if not (Path(__file__).parent.parent / proof).exists()] == []
