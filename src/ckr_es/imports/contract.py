"""The commands that a line may ask for: those of the HTTP contract, found by their path.

The table is made by the API of its own routes, so a line is read, judged and recorded as the call is.
"""

import hashlib
from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec
from msgspec import Struct

from ckr_es.application import Answer
from ckr_es.rules import Unknown

API: Final = "/api/v1"

Steps = dict[str, Any]
Do = Callable[..., Answer]
"""Called with the tracking, the request, the steps and the body, and by name with what else the command `needs`."""


class Call(Struct, frozen=True):
    """A command: `template` holds steps of the path, those in braces as ("id", "uuid")."""

    method: str
    template: tuple[str | tuple[str, str], ...]
    roles: frozenset[str]
    body: Any
    do: Do
    whole_centre: bool = False
    needs: frozenset[str] = frozenset()

    def digest(self, steps: Steps, body: Any) -> bytes:
        """What the API makes of the same command: SHA-256 over method, path and body."""
        parts = (str(steps[part[0]]) if isinstance(part, tuple) else part for part in self.template)
        path = "/".join((API, *parts))
        said = (self.method.encode(), path.encode(), msgspec.json.encode(body, order="sorted"))
        return hashlib.sha256(b"\n".join(said)).digest()


class Contract:
    """Finds the command of a path; a path that names none, or one that no import may ask for, is Unknown."""

    def __init__(self, calls: Sequence[Call]) -> None:
        self.calls = tuple(calls)
        self._by_shape: dict[tuple[int, str], list[Call]] = {}
        for call in calls:
            self._by_shape.setdefault((len(call.template), str(call.template[0])), []).append(call)

    def find(self, path: str) -> tuple[Call, Steps]:
        """The command, and its steps as they are written."""
        parts = path.split("/")
        if parts[0] == "" and len(parts) > 1:
            for call in self._by_shape.get((len(parts) - 1, parts[1]), ()):
                if (steps := _matched(call.template, parts[1:])) is not None:
                    return call, steps
        raise Unknown("path-unknown", "Такой команды нет, или в импорт она не входит")


def _matched(template: tuple[str | tuple[str, str], ...], parts: list[str]) -> Steps | None:
    steps: Steps = {}
    for wanted, part in zip(template, parts, strict=True):
        if isinstance(wanted, tuple):
            if not part:
                return None
            steps[wanted[0]] = part
        elif wanted != part:
            return None
    return steps
