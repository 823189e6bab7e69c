"""What earlier support means for a new one: notes beside the conditions, for a person to weigh (209-ФЗ, 14(5)).

The concept does not bar such firms, the law does, so a note asks for a look and stops nobody.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any, Final, Literal
from uuid import UUID

import msgspec
from msgspec import Struct

from ckr_es.rules.eligibility import SupportCheck
from ckr_es.rules.support import Support, Violation
from ckr_es.rules.verdicts import Verdict

NoteCode = Literal["analogous-support", "support-violation"]
NOTES: Final[tuple[NoteCode, ...]] = ("analogous-support", "support-violation")
BARRED_YEARS: Final = {"misuse": 3, "other": 1}


class Note(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A matter that a person should weigh, as a decision keeps it; `inputs` holds plain JSON values."""

    code: NoteCode
    verdict: Verdict
    explanation: str
    inputs: dict[str, Any]
    event_id: UUID | None = None


def notes(
    applied_on: date, decided_on: date, forms: Iterable[str], checks: Sequence[SupportCheck]
) -> tuple[Note, ...]:
    """On the latest answer of the register of support known for the day of the decision.

    `forms` are the forms of support (register's codes) applied for; none yet means any.
    """
    known = [c for c in checks if c.as_of <= decided_on]
    check = max(reversed(known), key=lambda c: c.as_of, default=None)
    inputs: dict[str, Any] = {"applied_on": applied_on.isoformat()}
    if check is not None:
        inputs |= {
            "source": check.source,
            "as_of": check.as_of.isoformat(),
            "supports": msgspec.json.decode(msgspec.json.encode(check.supports)),
        }
    found = []
    for code in NOTES:
        own = {**inputs, "forms": sorted(set(forms))} if code == "analogous-support" else inputs
        verdict, words = weigh(code, own)
        found.append(
            Note(
                code=code,
                verdict=verdict,
                explanation=words,
                inputs=own,
                event_id=check.event_id if check else None,
            )
        )
    return tuple(found)


def weigh(code: NoteCode, inputs: Mapping[str, Any]) -> tuple[Verdict, str]:
    """The verdict and its words, from the inputs alone, so that it can be run again."""
    if "supports" not in inputs:
        return "not_checked", "Сведений реестра получателей поддержки о заявителе нет."
    applied_on = date.fromisoformat(inputs["applied_on"])
    as_of = date.fromisoformat(inputs["as_of"])
    supports = msgspec.convert(inputs["supports"], tuple[Support, ...])
    if code == "analogous-support":
        same = [s for s in supports if _analogous(s, inputs["forms"], applied_on)]
        if not same:
            return "pass", f"Действующей поддержки той же формы в реестре на {as_of:%d.%m.%Y} нет."
        told = "; ".join(
            f"{s.form}/{s.kind} от {s.decided_on:%d.%m.%Y}, оказал {s.provider_inn}"
            f"{f', срок до {s.until:%d.%m.%Y}' if s.until else ''}"
            for s in same
        )
        return "review", f"Аналогичная поддержка, срок которой не истёк: {told}. Нужно решение человека."
    barring = [(s, v) for s in supports for v in s.violations if _bars(v, applied_on)]
    if not barring:
        return "pass", f"Нарушений, действующих на день заявки, в реестре на {as_of:%d.%m.%Y} нет."
    told = "; ".join(
        f"{'нецелевое использование' if v.kind == 'misuse' else 'нарушение порядка'} по поддержке "
        f"от {s.decided_on:%d.%m.%Y}"
        f"{f', выявлено {v.found_on:%d.%m.%Y}' if v.found_on else ', день не указан'}"
        for s, v in barring
    )
    return "review", f"Нарушение менее года (трёх лет) назад: {told}. Нужно решение человека."


def _analogous(support: Support, forms: Sequence[str], on: date) -> bool:
    """Same form, decided before, and its term not over; without a term it is of the same calendar year."""
    if (forms and support.form not in forms) or support.decided_on > on:
        return False
    if support.ended_on is not None and support.ended_on <= on:
        return False
    return support.until >= on if support.until else support.decided_on.year == on.year


def _bars(violation: Violation, on: date) -> bool:
    """A year, or three for misuse, unless it was remedied in time; a violation without a day asks for a look."""
    if violation.remedied_on and (
        violation.remedy_by is None or violation.remedied_on <= violation.remedy_by
    ):
        return False
    if violation.found_on is None:
        return True
    years = BARRED_YEARS[violation.kind]
    return violation.found_on <= on < _years_later(violation.found_on, years)


def _years_later(day: date, years: int) -> date:
    try:
        return day.replace(year=day.year + years)
    except ValueError:  # 29 February
        return day.replace(year=day.year + years, month=3, day=1)
