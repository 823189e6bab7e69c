"""What was typed into a form that only asks (GET): a blank is nothing, a wrong value stands at its field."""

from collections.abc import Callable, Collection
from datetime import date, datetime
from typing import Annotated, Any, Final, TypeVar
from uuid import UUID

import msgspec
from litestar.params import QueryParameter

from ckr_es.rules import Invalid, Problem
from ckr_es.rules.calendar import KRASNOYARSK

Text = Annotated[str, QueryParameter(required=False, max_length=200)]
OrganisationInn = Annotated[str, msgspec.Meta(pattern="^[0-9]{10}$")]
PAGE: Final = 50  # lines of a list shown at once
# The most that the API gives at once: more than there are clusters, members of one, providers.
ALL: Final = 500
LARGEST: Final = 2**62
T = TypeVar("T")


class Typed:
    """Reads fields one by one and keeps what is wrong with them, by field."""

    def __init__(self) -> None:
        self.problems: dict[str, list[Problem]] = {}

    def day(self, name: str, text: str) -> date | None:
        return self._read(name, text, date.fromisoformat, "date-invalid", "Нужна дата")

    def instant(self, name: str, text: str) -> datetime | None:
        """RFC 3339, or what a browser's field of date and time holds: that is of Krasnoyarsk."""
        return self._read(name, text.replace(" ", "+"), _instant, "instant-invalid", "Нужны дата и время")

    def number(self, name: str, text: str, least: int = 0) -> int | None:
        def read(said: str) -> int:
            value = int("".join(said.split()))
            if not least <= value <= LARGEST:
                raise ValueError(said)
            return value

        return self._read(name, text, read, "number-invalid", f"Нужно целое число не меньше {least}")

    def id(self, name: str, text: str) -> UUID | None:
        return self._read(
            name, text, UUID, "id-invalid", "Нужен номер вида 1745e7c7-1fb1-5b30-819b-4fae299557ea"
        )

    def choice(self, name: str, text: str, type_: Any, detail: str = "Такого варианта нет") -> Any:
        """What the API takes there: one of its values, or text of its pattern."""
        return self._read(
            name, text, lambda said: msgspec.convert(said, type_, strict=False), "filter-invalid", detail
        )

    def one_of(self, name: str, text: str, known: Collection[str]) -> str | None:
        """What is among those that there are."""
        if text.strip() and text.strip() not in known:
            self.refuse(name, "filter-invalid", "Такого здесь нет")
        return text.strip() or None

    def refuse(self, name: str, code: str, detail: str) -> None:
        self.problems.setdefault(name, []).append(Problem(f"/{name}", code, detail))

    @property
    def status(self) -> int:
        return 422 if self.problems else 200

    def _read(self, name: str, text: str, read: Callable[[str], T], code: str, detail: str) -> T | None:
        if not text.strip():
            return None
        try:
            return read(text.strip())
        except ValueError:
            self.refuse(name, code, detail)
            return None


def tab(name: str, text: str, type_: Any) -> Any:
    """A choice that is made by links: what no link leads to is no mistake in typing, and has no field to stand at."""
    typed = Typed()
    found = typed.choice(name, text, type_, f"Фильтр «{name}» так не задаётся")
    if typed.problems:
        (problem,) = typed.problems[name]
        raise Invalid(problem.code, problem.detail, [problem])
    return found


def local(at: datetime | None) -> str:
    """For an input of a date and time, which knows no offset."""
    return f"{at.astimezone(KRASNOYARSK):%Y-%m-%dT%H:%M:%S}" if at else ""


def _instant(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    return at if at.tzinfo else at.replace(tzinfo=KRASNOYARSK)
