"""The README tells the truth: its tables are complete, and its first calls work."""

import re
from pathlib import Path
from typing import get_args

from ckr_es.aggregates import Event
from ckr_es.projections.kpi_changes import ChangeKind
from ckr_es.projections.uncounted import Reason
from ckr_es.rules.kpi_sets import kpi_sets

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


def test_every_file_named_as_proof_exists() -> None:
    proofs = re.findall(r"`(tests/[^`]+)`", README)
    assert proofs
    assert [proof for proof in proofs if not (Path(__file__).parent.parent / proof).exists()] == []
