"""All 101 rules, and how a code finds its rule."""

import csv
from datetime import date
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ckr_es.rules import Invalid, okved
from ckr_es.rules.verdicts import CODE_TESTS

with (Path(okved.__file__).parent / "okved2_rules.csv").open(encoding="utf-8", newline="") as file:
    ALL = list(csv.DictReader(file, delimiter=";"))
DAY = date(2021, 12, 31)
LINES = [line for line in ALL if line["valid_from"] <= DAY.isoformat()]

codes = st.from_regex(r"[0-9]{2}(\.[0-9]{1,2}(\.[0-9]{1,2})?)?", fullmatch=True, alphabet="0123456789.")


def test_all_101_rules_are_read_and_no_prefix_twice() -> None:
    assert len(LINES) == 101
    assert list(okved.rules(DAY)) == [line["prefix"] for line in LINES]


@pytest.mark.parametrize("line", LINES, ids=lambda line: line["prefix"])
def test_a_rule_speaks_of_its_own_prefix_and_of_what_lies_under_it(line: dict[str, str]) -> None:
    rule = okved.match(line["prefix"], DAY)
    assert rule == msgspec.convert(line, okved.Rule)
    assert okved.okved_code(line["prefix"]) == line["prefix"]
    longer = {other["prefix"] for other in LINES if other["prefix"].startswith(line["prefix"])}
    for tail in ("", "0", "1", "9", ".00", ".9", ".99", ".0.9"):
        code = line["prefix"] + tail
        if okved.well_formed(code) and not any(code.startswith(p) for p in longer - {line["prefix"]}):
            assert okved.match(code, DAY) == rule


@given(codes)
def test_the_longest_prefix_wins(code: str) -> None:
    prefixes = [line["prefix"] for line in LINES if code.startswith(line["prefix"])]
    rule = okved.match(code, DAY)
    assert (rule and rule.prefix) == max(prefixes, key=len, default=None)


@pytest.mark.parametrize(
    ("code", "prefix"),
    [
        ("12.00", "12"),
        ("12.00.2", "12"),
        ("12.00.3", "12.00.3"),
        ("08.12.2", "08.12.2"),
        ("08.12.1", "08.12.1"),
        ("08.12", "08.1"),
        ("08.11.3", "08.11"),
        ("07.29.41", "07"),
        ("09.10.1", "09.10"),
        ("09.10.3", "09.10.3"),
        ("05.10.21", "05.10.2"),
        ("05.10.11", "05"),
        ("19.20.11", "19.20.1"),
        ("19.20.2", "19.20"),
        ("29.10.5", "29.10"),
        ("29.10.2", "29.10.2"),
        ("47.30.11", "47.30.1"),
        ("47.30.12", "47.30.12"),
        ("56.10.1", "56.10"),
        ("64.92.6", "64.92.6"),
        ("64.92.1", "64.92"),
        ("64.99.11", "64.99.11"),
        ("64.99.12", "64.99.1"),
        ("65.12", "65.1"),
        ("92.13", "92.1"),
        ("10.39", None),
        ("62.01", None),
        ("08", None),
        ("1", None),
        ("", None),
        ("01.20", None),
        ("64.91", None),
    ],
)
def test_codes_and_their_rules(code: str, prefix: str | None) -> None:
    rule = okved.match(code, DAY)
    assert (rule and rule.prefix) == prefix


def test_each_code_is_hit_once_and_the_main_one_comes_first() -> None:
    found = okved.hits("56.10", ["10.39", "11.05", "56.10", "12.00", "11.05"], DAY)
    assert [(h.code, h.main, h.rule.prefix) for h in found] == [
        ("56.10", True, "56.10"),
        ("11.05", False, "11.05"),
        ("12.00", False, "12"),
    ]
    assert okved.hits("10.39", [], DAY) == ()


def test_every_rule_belongs_to_one_condition_or_to_none_by_name() -> None:
    used = [name for test in CODE_TESTS.values() for name in test.rules]
    assert len(used) == len(set(used))
    assert {line["rule"] for line in LINES} == {*used, "NONE"}


@pytest.mark.parametrize("text", ["62", "62.0", "62.01", "62.01.1", "62.01.11", " 62.01 "])
def test_codes_are_read(text: str) -> None:
    assert okved.okved_code(text) == text.strip()


@pytest.mark.parametrize(
    "text",
    ["", "6", "620", "62.", "62.011", "62.01.", "62.01.111", "62,01", "62 01", "٦٢.٠١", "62.01\n.1", "A2.01"],
)
def test_other_texts_are_no_codes(text: str) -> None:
    with pytest.raises(Invalid) as refusal:
        okved.okved_code(text)
    assert refusal.value.code == "okved-invalid"
