"""Search from the header of every page; natural persons are looked for by a form whose address names nobody."""

from typing import Any, Final, get_args

from litestar import Controller, Request, Response, get, post
from litestar.concurrency import sync_to_thread
from litestar.di import NamedDependency

from ckr_es.api.auth import READ, roles
from ckr_es.api.moments import Cursor
from ckr_es.api.reads import Reader
from ckr_es.projections.search import Kind
from ckr_es.web.asked import PAGE, Text, tab
from ckr_es.web.page import Page, Shown, told

Reading = NamedDependency[Reader]
LONGEST: Final = 200  # characters that are looked for


class SearchPages(Controller):
    path = "/search"
    include_in_schema = False

    @get("/", sync_to_thread=True, **roles(READ))
    def search(
        self, page: Shown, reading: Reading, q: Text = "", kind: Text = "", cursor: Cursor = None
    ) -> Response[Any]:
        """What is found by these words or numbers, the best first, by its kind."""
        return _show(page, reading, q, kind, cursor, persons=False)

    @get("/persons", sync_to_thread=True, **roles(READ))
    def ask(self, page: Shown, reading: Reading) -> Response[Any]:
        """The form that names nobody in its address."""
        return _show(page, reading, "", "", None, persons=True)

    @post("/persons", status_code=200, **roles(READ))
    async def search_persons(
        self, request: Request[Any, Any, Any], page: Shown, reading: Reading
    ) -> Response[Any]:
        """The same search with natural persons."""
        sent = await request.form()
        q, kind, cursor = (str(sent.get(name, "")) for name in ("q", "kind", "cursor"))
        return await sync_to_thread(_show, page, reading, q[:LONGEST], kind, cursor or None, persons=True)


def _show(
    page: Page, reading: Reader, q: str, kind: str, cursor: str | None, *, persons: bool
) -> Response[Any]:
    asked = tab("kind", kind, Kind)
    found = (
        told(reading.search(page.when, PAGE, cursor, q=q, kind=asked, persons=persons))
        if q.strip()
        else {"items": [], "next_cursor": None}
    )
    by_kind: dict[str, list[dict[str, Any]]] = {}  # the kind of the best hit first
    for hit in found["items"]:
        by_kind.setdefault(hit["kind"], []).append(hit)
    return page.show(
        "search.html",
        q=q.strip(),
        kind=asked,
        kinds=get_args(Kind),
        found=by_kind,
        next_cursor=found["next_cursor"],
        persons=persons,
    )
