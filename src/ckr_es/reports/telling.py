"""What a record says, in Russian: its fields by their names, in the order in which it has them."""

import re
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any, Final

from ckr_es.reports import russian
from ckr_es.reports.fields import FIELDS
from ckr_es.reports.words import VALUES, VERDICTS

_DAY: Final = re.compile(r"\d{4}-\d\d-\d\d")
# Answers to a questionnaire are in its own terms: they stay in the attachment. An extract is about one participant.
_UNTOLD: Final = frozenset({"type", "participant_id", "answers"})
_UUID: Final = re.compile(r"([0-9a-f]{8})-[0-9a-f-]{27}")


def told(body: Mapping[str, Any], names: Mapping[str, str]) -> str:
    """`names`: what to call what the body names by ids and codes."""
    return "; ".join(
        f"{FIELDS.get(field, field)}: {_value(field, value, names)}"
        for field, value in body.items()
        if value != [] and field not in _UNTOLD
    )


def _value(field: str, value: Any, names: Mapping[str, str]) -> str:
    match value:
        case None:
            return russian.NONE
        case bool():
            return "да" if value else "нет"
        case int() if field.endswith("_kopecks"):
            return f"{russian.number(Decimal(value) / 100, 2)} руб."
        case int() | float():
            return str(value)
        case str() if field == "cluster":
            return names.get(value, value)
        case str():
            return _text(value, names)
        case list() | tuple():
            return ", ".join(_value(field, one, names) for one in value)
        case {"type": _}:
            return told(value, names)
        case {"condition": condition, "verdict": verdict, **_rest}:
            return f"{condition} {VERDICTS.get(verdict, verdict)}"
        case {"explanation": str(text), **_rest}:
            return text
        case {"title": _, **_rest} | {"number": _, **_rest}:
            return " ".join(_paper(value))
        case dict() if field.endswith("_kopecks"):
            return ", ".join(f"{_text(of, names)} {_value(field, one, names)}" for of, one in value.items())
        case dict():
            return told(value, names)
    return str(value)


def _text(value: str, names: Mapping[str, str]) -> str:
    if _DAY.fullmatch(value):
        return russian.day(date.fromisoformat(value))
    if found := _UUID.fullmatch(value):
        return names.get(value, found[1])
    return VALUES.get(value, value.removeprefix("SVC."))


def _paper(said: Mapping[str, Any]) -> list[str]:
    """«Справка № 12 от 01.03.2021»."""
    words = [str(said["title"])] if said.get("title") else []
    words += [f"№ {said['number']}"] if said.get("number") else []
    words += [f"от {russian.day(date.fromisoformat(said['date']))}"] if said.get("date") else []
    return words
