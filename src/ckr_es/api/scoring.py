"""Questionnaires of the extended assessment, and what a body says of one."""

from datetime import date
from typing import Annotated, Any

from litestar import Controller, get
from litestar.params import FromPath
from msgspec import Meta, Struct

from ckr_es.aggregates.service_case import Scored
from ckr_es.api.auth import READ, roles
from ckr_es.rules import Invalid, Problem, scoring
from ckr_es.rules.values import Number, Text

Version = FromPath[str]


class NewScoring(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """With `answers`, score and conclusion follow from the questionnaire, by default the one of `scored_on`."""

    scored_on: date
    score: Annotated[int, Meta(ge=0, le=100)] | None = None
    conclusion: Text | None = None
    questionnaire: Number | None = None
    answers: dict[str, int | str] | None = None
    late_reason: Text | None = None


class ScoringController(Controller):
    path = "/scoring/questionnaires"
    tags = ["scoring"]

    @get("/", sync_to_thread=False, **roles(READ))
    def list_questionnaires(self) -> dict[str, Any]:
        """Every version of the questionnaire, the earliest first."""
        shown = ("version", "title", "valid_from", "status")
        return {"items": [{name: getattr(q, name) for name in shown} for q in scoring.questionnaires()]}

    @get("/{version:str}", sync_to_thread=False, **roles(READ))
    def show(self, version: Version) -> scoring.Questionnaire:
        """One version with its indicators, their points, and the conclusions it suggests."""
        return scoring.questionnaire(version)


def scored(given: NewScoring) -> Scored:
    """The event that the body asks for; a score that differs from the answers is left for the case to refuse."""
    if given.answers is None:
        return _by_hand(given)
    version = given.questionnaire or scoring.questionnaire_on(given.scored_on).version
    found = scoring.score(version, given.answers)
    return Scored(
        scored_on=given.scored_on,
        score=found.score if given.score is None else given.score,
        conclusion=given.conclusion or found.conclusion,
        questionnaire=version,
        answers=given.answers,
        late_reason=given.late_reason,
    )


def _by_hand(given: NewScoring) -> Scored:
    if given.score is None or given.conclusion is None:
        problems = [
            Problem(f"/{name}", "required", f"Без ответов анкеты поле «{name}» обязательно")
            for name in ("score", "conclusion")
            if getattr(given, name) is None
        ]
        raise Invalid(problems[0].code, problems[0].detail, problems)
    return Scored(
        scored_on=given.scored_on,
        score=given.score,
        conclusion=given.conclusion,
        questionnaire=given.questionnaire,
        late_reason=given.late_reason,
    )
