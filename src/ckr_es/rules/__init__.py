"""Rules that belong to no single aggregate: small pure values, and the one way to say no."""

from collections.abc import Sequence
from typing import Any

from msgspec import Struct


class Problem(Struct, frozen=True):
    """One thing that is wrong: where (JSON pointer), by which rule (stable code), and in words for people."""

    pointer: str
    code: str
    detail: str
    given: Any = None


class Refused(Exception):
    """A command that the rules do not allow. `code` is for programs, `detail` (Russian) for people."""

    def __init__(self, code: str, detail: str, problems: Sequence[Problem] = ()) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail
        self.problems = tuple(problems)


class Invalid(Refused):
    """A value that can't be right, whatever the state of things."""


class Forbidden(Refused):
    """Allowed by the rules, but not to this person."""


class Unknown(Refused):
    """What the command or the question is about does not exist."""
