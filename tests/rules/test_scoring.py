"""The shipped questionnaires, band by band and choice by choice, and all that can be wrong with answers."""

import re
from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aggregates.given import invalid
from msgspec.structs import replace

from ckr_es.aggregates.service_case import Scored
from ckr_es.rules import Unknown, scoring
from ckr_es.rules.scoring import Qualitative, Quantitative, Questionnaire
from ckr_es.store.envelope import decode

GOLDEN = Path(__file__).parent.parent / "events" / "service-case.scored~2.json"

PUBLISHED = {"2021.1": "7126b9c069afe6f25350cd8b82f03fae3ba85e57c2959d712356c6cca5ed98ce"}
"""SHA-256 of each version: a version is never edited, a change is the next one."""

BANDS: dict[str, tuple[int, list[tuple[int, int]]]] = {
    "years_operating": (200, [(0, 0), (1, 3), (3, 6), (5, 8)]),
    "headcount_change": (1_000_000, [(-100, 0), (-10, 3), (0, 6), (10, 10)]),
    "revenue_change": (1_000_000, [(-100, 0), (-10, 3), (0, 6), (10, 9), (25, 12)]),
    "own_products_share": (100, [(0, 0), (25, 3), (50, 6), (75, 8)]),
    "export_share": (100, [(0, 0), (1, 3), (10, 6), (25, 8)]),
    "cluster_partners": (1000, [(0, 0), (1, 3), (2, 5), (4, 8)]),
    "planned_investment_kopecks": (
        1_000_000_000_00,
        [(0, 0), (100_000_00, 2), (1_000_000_00, 4), (10_000_000_00, 6)],
    ),
}
"""Of 2021.1: the greatest answer, and from which answer on it is worth how much."""
CHOICES = {
    "digital_maturity": {"paper": 0, "accounting": 4, "processes": 8, "integrated": 12},
    "document_readiness": {"none": 0, "partial": 6, "complete": 13},
    "request_clarity": {"unclear": 0, "goal": 7, "plan": 15},
}
WORST: dict[str, int | str] = {
    **{key: bands[0][0] for key, (_, bands) in BANDS.items()},
    **{key: next(iter(choices)) for key, choices in CHOICES.items()},
}
BEST: dict[str, int | str] = {
    **{key: greatest for key, (greatest, _) in BANDS.items()},
    **{key: list(choices)[-1] for key, choices in CHOICES.items()},
}
every_version = pytest.mark.parametrize("sheet", scoring.questionnaires(), ids=lambda q: q.version)


def edges() -> list[tuple[str, int, int]]:
    """Each band's first and last answer, with its points."""
    found = []
    for key, (greatest, bands) in BANDS.items():
        ends = [low - 1 for low, _ in bands[1:]] + [greatest]
        for (low, points), high in zip(bands, ends, strict=True):
            found += [(key, low, points), (key, high, points)]
    return found


# --- the data


def test_a_version_that_was_published_is_never_edited() -> None:
    digests = {
        q.version: sha256(msgspec.json.encode(q, order="sorted")).hexdigest()
        for q in scoring.questionnaires()
    }
    assert digests == PUBLISHED


@every_version
def test_greatest_points_sum_to_100_and_the_least_to_0(sheet: Questionnaire) -> None:
    worth = [
        [step.points for step in (i.bands if isinstance(i, Quantitative) else i.choices)]
        for i in sheet.indicators
    ]
    assert sum(map(max, worth)) == 100
    assert sum(map(min, worth)) == 0
    assert all(points == sorted(points) for points in worth)


@every_version
def test_every_answer_in_range_has_a_band_and_every_score_a_conclusion(sheet: Questionnaire) -> None:
    for indicator in sheet.indicators:
        if isinstance(indicator, Quantitative):
            lows = [band.low for band in indicator.bands]
            assert lows[0] == indicator.minimum
            assert lows == sorted(set(lows))
            assert lows[-1] <= indicator.maximum
    lows = [conclusion.low for conclusion in sheet.conclusions]
    assert lows[0] == 0
    assert lows == sorted(set(lows))
    assert lows[-1] <= 100


@every_version
def test_keys_are_latin_and_words_are_russian(sheet: Questionnaire) -> None:
    keys = [indicator.key for indicator in sheet.indicators]
    assert len(keys) == len(set(keys))
    words = [sheet.title, sheet.source, *(c.text for c in sheet.conclusions)]
    for indicator in sheet.indicators:
        words += [indicator.title, indicator.question]
        if isinstance(indicator, Qualitative):
            choices = [choice.key for choice in indicator.choices]
            assert len(choices) == len(set(choices))
            keys += choices
            words += [choice.title for choice in indicator.choices]
    assert all(re.fullmatch(r"[a-z][a-z_]{0,40}", key) for key in keys)
    assert all(re.match(r"[А-ЯЁ]", text) and text == " ".join(text.split()) for text in words)


@every_version
def test_money_is_in_kopecks_and_no_number_is_long_enough_to_be_a_persons_inn(sheet: Questionnaire) -> None:
    asked = [i for i in sheet.indicators if isinstance(i, Quantitative)]
    assert [i.key for i in asked if i.unit == "kopeck"] == [i.key for i in asked if "kopecks" in i.key]
    assert all(i.minimum >= -100 and i.maximum <= 10**11 for i in asked)


def test_the_first_questionnaire_says_that_it_is_a_proposal() -> None:
    first = scoring.questionnaires()[0]
    assert (first.version, first.valid_from, first.status) == ("2021.1", date(2021, 1, 1), "proposal")
    assert "предложение" in first.source


# --- which version


@pytest.mark.parametrize("day", [date(2021, 1, 1), date(2021, 12, 31)])
def test_the_version_in_force_on_a_day(day: date) -> None:
    assert scoring.questionnaire_on(day) is scoring.questionnaire("2021.1")


def test_before_the_first_version_there_is_none() -> None:
    with invalid("questionnaire-unknown", "/questionnaire"):
        scoring.questionnaire_on(date(2020, 12, 31))


def test_a_version_nobody_knows() -> None:
    with pytest.raises(Unknown, check=lambda e: e.code == "questionnaire-unknown"):
        scoring.questionnaire("2021.2")
    with invalid("questionnaire-unknown", "/questionnaire"):
        scoring.score("2021.2", BEST)


# --- points


@pytest.mark.parametrize(("key", "answer", "points"), edges())
def test_a_number_is_worth_what_its_band_is(key: str, answer: int, points: int) -> None:
    found = scoring.score("2021.1", {**WORST, key: answer})
    assert (found.points[key], found.score) == (points, points)


@pytest.mark.parametrize(
    ("key", "answer", "points"),
    [(key, choice, points) for key, choices in CHOICES.items() for choice, points in choices.items()],
)
def test_a_choice_is_worth_its_points(key: str, answer: str, points: int) -> None:
    found = scoring.score("2021.1", {**WORST, key: answer})
    assert (found.points[key], found.score) == (points, points)


def test_the_tables_here_are_the_whole_questionnaire() -> None:
    sheet = scoring.questionnaire("2021.1")
    assert [i.key for i in sheet.indicators] == [*BANDS, *CHOICES]
    for indicator in sheet.indicators:
        match indicator:
            case Quantitative(key=key, bands=bands, maximum=maximum):
                assert (maximum, [(band.low, band.points) for band in bands]) == BANDS[key]
            case Qualitative(key=key, choices=choices):
                assert {choice.key: choice.points for choice in choices} == CHOICES[key]


@pytest.mark.parametrize(
    ("change", "score", "says"),
    [
        ({}, 100, "в первую очередь"),
        ({"digital_maturity": "paper", "own_products_share": 0}, 80, "в первую очередь"),
        (
            {"digital_maturity": "paper", "export_share": 0, "years_operating": 4},
            78,
            "комплексная услуга ЦКР",
        ),
        (
            {"request_clarity": "unclear", "document_readiness": "none", "digital_maturity": "paper"},
            60,
            "ЦКР",
        ),
        (
            {
                "request_clarity": "unclear",
                "document_readiness": "none",
                "digital_maturity": "paper",
                "years_operating": 4,
            },
            58,
            "после доработки",
        ),
        ({key: WORST[key] for key in BANDS}, 40, "после доработки"),
        ({key: WORST[key] for key in BANDS} | {"document_readiness": "partial"}, 33, "преждевременна"),
        (WORST, 0, "преждевременна"),
    ],
    ids=lambda value: str(value) if isinstance(value, int) else "",
)
def test_the_sum_suggests_a_conclusion(change: dict[str, int | str], score: int, says: str) -> None:
    found = scoring.score("2021.1", {**BEST, **change})
    assert found.score == score == sum(found.points.values())
    assert says in found.conclusion


# --- what is wrong with answers


@pytest.mark.parametrize(
    ("key", "answer", "code"),
    [
        *((key, low - 1, "out-of-range") for key, (_, ((low, _), *_)) in BANDS.items()),
        *((key, greatest + 1, "out-of-range") for key, (greatest, _) in BANDS.items()),
        ("years_operating", 10**30, "out-of-range"),
        ("years_operating", "5", "wrong-type"),
        ("years_operating", 5.0, "wrong-type"),
        ("years_operating", True, "wrong-type"),
        ("years_operating", None, "wrong-type"),
        *((key, 1, "wrong-type") for key in CHOICES),
        ("digital_maturity", True, "wrong-type"),
        ("digital_maturity", ["paper"], "wrong-type"),
        ("digital_maturity", "Paper", "unknown-value"),
        ("digital_maturity", "partial", "unknown-value"),
        ("digital_maturity", "", "unknown-value"),
        ("лишний", 1, "unknown-indicator"),
    ],
    ids=str,
)
def test_a_wrong_answer_is_named(key: str, answer: Any, code: str) -> None:
    with invalid(code, f"/answers/{key}"):
        scoring.score("2021.1", {**BEST, key: answer})


@pytest.mark.parametrize("key", BEST)
def test_a_missing_answer_is_named(key: str) -> None:
    with invalid("required", f"/answers/{key}"):
        scoring.score("2021.1", {name: answer for name, answer in BEST.items() if name != key})


def test_all_that_is_wrong_is_named_at_once_and_no_answer_is_repeated() -> None:
    answers: Any = {
        **BEST,
        "years_operating": 246600001034,
        "export_share": "Иванов Иван",
        "request_clarity": "Иванов Иван",
        "a/b~c": 1,
    }
    del answers["revenue_change"]
    with pytest.raises(scoring.Invalid) as told:
        scoring.score("2021.1", answers)
    assert [(p.pointer, p.code) for p in told.value.problems] == [
        ("/answers/years_operating", "out-of-range"),
        ("/answers/revenue_change", "required"),
        ("/answers/export_share", "wrong-type"),
        ("/answers/request_clarity", "unknown-value"),
        ("/answers/a~1b~0c", "unknown-indicator"),
    ]
    said = repr(told.value.problems) + str(told.value)
    assert "Иванов" not in said
    assert "246600001034" not in said


def test_no_answers_at_all_name_every_indicator() -> None:
    with invalid("required", *(f"/answers/{key}" for key in BEST)):
        scoring.score("2021.1", {})


# --- recorded scorings

RECORDED = Scored(
    scored_on=date(2021, 3, 2), score=100, conclusion="Да", questionnaire="2021.1", answers=dict(BEST)
)


@pytest.mark.parametrize(
    ("change", "code", "pointer", "says"),
    [
        ({"score": 99}, "score-differs", "/score", "получается 100, а указано 99"),
        ({"answers": dict(WORST)}, "score-differs", "/score", "получается 0, а указано 100"),
        ({"answers": {**BEST, "export_share": 101}}, "out-of-range", "/answers/export_share", "от 0 до 100"),
        ({"answers": None}, "required", "/answers", "ответы"),
        ({"questionnaire": None}, "required", "/questionnaire", "версия"),
        ({"questionnaire": "2020.9"}, "questionnaire-unknown", "/questionnaire", "нет"),
        ({"scored_on": date(2020, 12, 31)}, "questionnaire-not-in-force", "/questionnaire", "с 2021-01-01"),
    ],
    ids=lambda value: value if isinstance(value, str) and "-" in value else "",
)
def test_a_scoring_that_its_answers_do_not_bear_out(
    change: dict[str, Any], code: str, pointer: str, says: str
) -> None:
    wrong = replace(RECORDED, **change)
    with invalid(code, pointer):
        scoring.confirm(wrong)
    assert says in (scoring.difference(wrong) or "")


@pytest.mark.parametrize(
    "scored",
    [
        RECORDED,
        replace(RECORDED, conclusion="Решили иначе"),
        replace(RECORDED, score=7, questionnaire=None, answers=None),
        decode("service-case.scored", GOLDEN.read_bytes()),
        decode("service-case.scored", GOLDEN.with_name("service-case.scored.json").read_bytes()),
    ],
    ids=["answered", "another conclusion", "by hand", "golden", "golden, by hand"],
)
def test_a_scoring_scored_again_is_the_same(scored: Scored) -> None:
    scoring.confirm(scored)
    assert scoring.difference(scored) is None
