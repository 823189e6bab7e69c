"""The body of a correction: either `void` or the fields that replace those of the record."""

from typing import Any
from uuid import UUID

from msgspec import Struct

from ckr_es.rules import Invalid, Problem
from ckr_es.rules.values import Text


class Correction(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`void: true`, or `replacement` with those fields of the record that change."""

    event_id: UUID
    reason: Text
    void: bool = False
    replacement: dict[str, Any] | None = None
    late_reason: Text | None = None


def replacement(given: Correction) -> dict[str, Any] | None:
    """The fields to replace, None for a void; exactly one of the two must be asked for."""
    if given.void == bool(given.replacement):
        detail = "Укажите либо void: true, либо replacement с полями записи"
        raise Invalid("void-or-replacement", detail, [Problem("/replacement", "void-or-replacement", detail)])
    return given.replacement
