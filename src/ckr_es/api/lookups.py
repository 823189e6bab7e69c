"""Questions to a register about one firm: told without a record, or recorded of a participant."""

from datetime import UTC, datetime
from typing import Any

from litestar import Controller, post
from litestar.di import NamedDependency
from litestar.params import JSONBody
from msgspec import Struct

from ckr_es.api.auth import RECORD, roles
from ckr_es.registry.registries import Registries, Source, told
from ckr_es.rules.calendar import today
from ckr_es.rules.values import Inn, Text


class LookUp(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    source: Source
    late_reason: Text | None = None


class Question(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The INN stands in the body: a person's stays out of URLs (152-ФЗ)."""

    inn: Inn
    source: Source


Lookups = NamedDependency[Registries]


class LookupController(Controller):
    path = "/registry/lookups"
    tags = ["registry"]

    @post("/", sync_to_thread=True, status_code=200, **roles(RECORD))
    def look_up(self, data: JSONBody[Question], registries: Lookups) -> dict[str, Any]:
        """What a register says today of the firm with this INN; nothing is recorded."""
        return told(registries.lookup(data.source, data.inn, today(datetime.now(UTC))))
