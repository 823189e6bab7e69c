"""Search over everything the centre keeps a record of: typed hits, the best first, each with why it was found."""

from typing import Annotated, Any

from litestar import Controller, get, post
from litestar.di import NamedDependency
from litestar.params import JSONBody, QueryParameter
from msgspec import Meta, Struct

from ckr_es.api.asked import When
from ckr_es.api.auth import READ, roles
from ckr_es.api.moments import Cursor, Limit
from ckr_es.api.reads import Reader
from ckr_es.projections.search import Kind
from ckr_es.rules.values import Private

Reading = NamedDependency[Reader]


class Question(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What must not stand in a URL: the name or INN of a natural person."""

    q: Private
    kind: Kind | None = None
    limit: Annotated[int, Meta(ge=1, le=500)] = 100
    cursor: str | None = None


class SearchController(Controller):
    path = "/search"
    tags = ["search"]

    @get("/", sync_to_thread=True, **roles(READ))
    def search(
        self,
        when: When,
        reading: Reading,
        q: Annotated[str, QueryParameter(max_length=200)],
        kind: Annotated[Kind | None, QueryParameter(required=False)] = None,
        limit: Limit = 100,
        cursor: Cursor = None,
    ) -> dict[str, Any]:
        """By name, INN, OGRN, code, number of an agreement or act; natural persons are searched by POST."""
        return reading.search(when, limit, cursor, q=q, kind=kind, persons=False)

    @post("/", sync_to_thread=True, status_code=200, **roles(READ))
    def search_persons(self, data: JSONBody[Question], when: When, reading: Reading) -> dict[str, Any]:
        """The same search with natural persons: what identifies them stays out of URLs (152-ФЗ)."""
        return reading.search(when, data.limit, data.cursor, q=data.q, kind=data.kind, persons=True)
