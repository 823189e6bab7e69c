"""The moment that a read is about, and where a list goes on: what every question to the API shares."""

import base64
import binascii
from datetime import date, datetime
from typing import Annotated, Any, Final

import msgspec
from litestar import Response
from litestar.params import QueryParameter
from msgspec import Struct

from ckr_es.api.asked import Travel
from ckr_es.application import ServiceTracking
from ckr_es.projections.follower import await_position
from ckr_es.rules import Invalid, Problem
from ckr_es.store.database import Pool

Limit = Annotated[int, QueryParameter(required=False, ge=1, le=500)]
Cursor = Annotated[str | None, QueryParameter(required=False)]


class Moment(Struct, frozen=True):
    """A read's day, the position it knows, and the log's head when it was asked."""

    as_of: date
    position: int
    head: int
    known_at: datetime | None

    def meta(self, kpi_set: str | None = None, policy: Any = None) -> dict[str, Any]:
        return {
            "as_of": self.as_of,
            "known_at": self.known_at,
            "known_position": self.position,
            "head_position": self.head,
            "kpi_set": kpi_set,
            "policy": policy,
        }


def moment_of(pool: Pool, tracking: ServiceTracking, when: Travel, *projections: str) -> Moment:
    """Resolves what is known, and waits for the projections to be there (at most 2 s, else 503)."""
    recorder = tracking.recorder
    head = recorder.head()
    position = when.known_position
    if when.known_at is not None:
        position = recorder.position_at(when.known_at)
    wanted = max(head if position is None else position, when.min_position or 0)
    if projections or wanted > head:
        with pool.connection() as conn:
            # What lies beyond the head can only be waited for where somebody follows the log.
            await_position(conn, list(projections) or ["directory"], wanted)
        head = max(head, wanted)
    return Moment(when.as_of, wanted if position is None else position, head, when.known_at)


def paged(found: list[Any], limit: int, key: Any) -> dict[str, Any]:
    items = found[:limit]
    return {"items": items, "next_cursor": encoded(key(items[-1])) if len(found) > limit else None}


def encoded(key: object) -> str:
    """An opaque cursor; what it holds must be no personal data."""
    return base64.urlsafe_b64encode(msgspec.json.encode(key)).decode().rstrip("=")


def decoded(cursor: str, type_: Any) -> Any:
    try:
        raw = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        return msgspec.json.decode(raw, type=type_)
    except (ValueError, binascii.Error, msgspec.DecodeError, msgspec.ValidationError) as error:
        detail = "Недействительный курсор: берите next_cursor из прошлого ответа"
        raise Invalid("cursor-invalid", detail, [Problem("/cursor", "cursor-invalid", detail)]) from error


FIGURES: Final = msgspec.json.Encoder(decimal_format="number")


def plain_numbers(body: dict[str, Any]) -> Response[Any]:
    """Figures are exact decimals inside and plain JSON numbers outside."""
    return Response(FIGURES.encode(body), media_type="application/json")
