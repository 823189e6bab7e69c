"""Values as the registers write them: days ДД.ММ.ГГГГ, numbers of a fixed length; each error names its place."""

from datetime import date
from functools import lru_cache
from typing import Any

from msgspec import Struct

from ckr_es.registry.archive import refused
from ckr_es.rules import Invalid


class Place(Struct):
    """Where in the register we are: in which member, at which document; `today` is what no day may pass."""

    member: str
    today: date
    line: int = 1
    document: Any = None

    def refused(self, code: str, detail: str) -> Invalid:
        id = self.document.get("ИдДок") if self.document is not None else None
        of = f" (ИдДок {id[:36]})" if id else ""
        return refused(code, f"{detail}{of}", self.member, self.line)

    def day(self, text: str | None, name: str) -> date:
        """A day that was, or Invalid."""
        if text is None:
            raise self.refused("required", f"Не указано «{name}»")
        found = _day(text)
        if found is None:
            raise self.refused("date-invalid", f"{name} «{text[:20]}»: нужна дата вида ДД.ММ.ГГГГ")
        if found > self.today:
            raise self.refused("date-in-future", f"{name} «{text}» ещё не наступила")
        return found

    def some_day(self, text: str | None, name: str, *, past: bool = True) -> date | None:
        """As `day`, where there may be none; a term may lie ahead (`past=False`)."""
        if not text:
            return None
        if past:
            return self.day(text, name)
        if (found := _day(text)) is None:
            raise self.refused("date-invalid", f"{name} «{text[:20]}»: нужна дата вида ДД.ММ.ГГГГ")
        return found


@lru_cache(maxsize=50_000)
def _day(text: str) -> date | None:
    if len(text) != 10 or text[2] != "." or text[5] != "." or not text.isascii():
        return None
    try:
        return date(int(text[6:]), int(text[3:5]), int(text[:2]))
    except ValueError:
        return None


def number(
    text: str | None,
    length: int,
    name: str,
    place: Place,
    code: str = "number-invalid",
    *,
    shown: bool = True,
) -> str:
    """So many digits; what may be a person's is not repeated by the error."""
    if text is not None and len(text) == length and text.isascii() and text.isdigit():
        return text
    given = f" «{text[:40]}»" if shown and text else ""
    raise place.refused(code, f"{name}{given}: нужно {length} цифр")


def integer(text: str | None, name: str, place: Place) -> int | None:
    if text is None or not text.strip():
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise place.refused("number-invalid", f"{name} «{text[:20]}»: нужно целое число")
    return int(text)
