"""The extended assessment (scoring) of a firm, by questionnaires as versioned data (concept, section 5, service а).

A scoring names the version it was answered under, so a version that was ever in force is never edited: a change is
the next one. No source names the indicators; `status` and `source` of a version say whose they are.
"""

from collections.abc import Mapping
from datetime import date
from functools import cache
from importlib.resources import files
from typing import Literal, Protocol

import msgspec
from msgspec import Struct, field

from ckr_es.rules import Invalid, Problem, Unknown
from ckr_es.rules.validation import escape

Answers = Mapping[str, int | str]


class Band(Struct, frozen=True, forbid_unknown_fields=True):
    """From this value, up to the next band, the answer is worth so many points."""

    low: int = field(name="from")
    points: int


class Choice(Struct, frozen=True, forbid_unknown_fields=True):
    key: str
    title: str
    points: int


class Indicator(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind"):
    key: str
    title: str
    question: str


class Quantitative(Indicator, frozen=True, kw_only=True, tag="quantitative"):
    """Answered by a whole number of its unit; the first band begins at `minimum`."""

    unit: Literal["year", "percent", "unit", "kopeck"]
    minimum: int
    maximum: int
    bands: tuple[Band, ...]

    def points(self, answer: object, at: str) -> int | Problem:
        if type(answer) is not int:
            return Problem(at, "wrong-type", f"«{self.title}»: нужно целое число")
        if not self.minimum <= answer <= self.maximum:
            return Problem(at, "out-of-range", f"«{self.title}»: от {self.minimum} до {self.maximum}")
        return next(band.points for band in reversed(self.bands) if band.low <= answer)


class Qualitative(Indicator, frozen=True, kw_only=True, tag="qualitative"):
    """Answered by the key of one of its choices."""

    choices: tuple[Choice, ...]

    def points(self, answer: object, at: str) -> int | Problem:
        allowed = {choice.key: choice.points for choice in self.choices}
        if not isinstance(answer, str):
            return Problem(at, "wrong-type", f"«{self.title}»: нужен ключ ответа: {', '.join(allowed)}")
        if answer not in allowed:
            return Problem(at, "unknown-value", f"«{self.title}»: допустимы {', '.join(allowed)}")
        return allowed[answer]


class Conclusion(Struct, frozen=True, forbid_unknown_fields=True):
    """What is suggested from this score, up to the next one."""

    low: int = field(name="from")
    text: str


class Questionnaire(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One version; its greatest points sum to 100. A "proposal" is ours, "approved" is the centre's."""

    version: str
    valid_from: date
    title: str
    status: Literal["proposal", "approved"]
    source: str
    indicators: tuple[Quantitative | Qualitative, ...]
    conclusions: tuple[Conclusion, ...]


class Scoring(Struct, frozen=True):
    """Points by indicator, their sum (0..100), and the conclusion that this sum suggests."""

    points: dict[str, int]
    score: int
    conclusion: str


class Assessed(Protocol):
    """A recorded scoring; `questionnaire` and `answers` are there both or neither."""

    @property
    def scored_on(self) -> date: ...
    @property
    def score(self) -> int: ...
    @property
    def questionnaire(self) -> str | None: ...
    @property
    def answers(self) -> Answers | None: ...


@cache
def questionnaires() -> tuple[Questionnaire, ...]:
    """All versions, the earliest first."""
    text = files(__package__).joinpath("scoring_questionnaires.json").read_bytes()
    known = msgspec.json.decode(text, type=list[Questionnaire])
    return tuple(sorted(known, key=lambda q: q.valid_from))


def questionnaire(version: str) -> Questionnaire:
    """The questionnaire of that version, or Unknown("questionnaire-unknown")."""
    for known in questionnaires():
        if known.version == version:
            return known
    raise Unknown("questionnaire-unknown", "Анкеты этой версии нет")


def questionnaire_on(day: date) -> Questionnaire:
    """The version in force on a day, or Invalid("questionnaire-unknown") before the first one."""
    in_force = [known for known in questionnaires() if known.valid_from <= day]
    if not in_force:
        raise _wrong("/questionnaire", "questionnaire-unknown", f"На {day} анкеты ещё нет")
    return in_force[-1]


def score(version: str, answers: Answers) -> Scoring:
    """What the answers are worth, or Invalid with a Problem for each that is missing, unknown or out of place.

    No problem repeats an answer: what is typed into the wrong field may be personal.
    """
    sheet = _named(version)
    points: dict[str, int] = {}
    problems: list[Problem] = []
    for indicator in sheet.indicators:
        at = f"/answers/{indicator.key}"
        if indicator.key not in answers:
            problems.append(Problem(at, "required", f"«{indicator.title}»: нет ответа"))
            continue
        match indicator.points(answers[indicator.key], at):
            case Problem() as problem:
                problems.append(problem)
            case worth:
                points[indicator.key] = worth
    asked = {indicator.key for indicator in sheet.indicators}
    problems += [
        Problem(f"/answers/{escape(key)}", "unknown-indicator", f"Такого показателя в анкете {version} нет")
        for key in answers
        if key not in asked
    ]
    if problems:
        raise Invalid(problems[0].code, problems[0].detail, problems)
    total = sum(points.values())
    suggested = next(c.text for c in reversed(sheet.conclusions) if c.low <= total)
    return Scoring(points, total, suggested)


def confirm(scored: Assessed) -> None:
    """Invalid unless the recorded score is what its answers give; one without answers has nothing to confirm.

    "score-differs" names both scores; "questionnaire-not-in-force": the version is younger than the scoring.
    """
    if scored.questionnaire is None and scored.answers is None:
        return
    if scored.questionnaire is None:
        raise _wrong("/questionnaire", "required", "К ответам указывается версия анкеты")
    if scored.answers is None:
        raise _wrong("/answers", "required", "К версии анкеты прилагаются ответы")
    if scored.scored_on < (valid_from := _named(scored.questionnaire).valid_from):
        detail = f"Анкета {scored.questionnaire} действует с {valid_from}"
        raise _wrong("/questionnaire", "questionnaire-not-in-force", detail)
    found = score(scored.questionnaire, scored.answers).score
    if found != scored.score:
        detail = f"По ответам анкеты {scored.questionnaire} получается {found}, а указано {scored.score}"
        raise _wrong("/score", "score-differs", detail)


def difference(scored: Assessed) -> str | None:
    """How scoring the same answers again differs from what was recorded, in words; None when it does not."""
    try:
        confirm(scored)
    except Invalid as wrong:
        return wrong.detail
    return None


def _named(version: str) -> Questionnaire:
    """The questionnaire that a body names: one that does not exist makes the body wrong."""
    try:
        return questionnaire(version)
    except Unknown as unknown:
        raise _wrong("/questionnaire", unknown.code, unknown.detail) from unknown


def _wrong(pointer: str, code: str, detail: str) -> Invalid:
    return Invalid(code, detail, [Problem(pointer, code, detail)])
