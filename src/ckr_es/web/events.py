"""One record of the log, with all that explains it: the third click from a figure, and the proof."""

from typing import Any, Final
from uuid import UUID

from litestar import Controller, Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath

from ckr_es.api.asked import When
from ckr_es.api.auth import READ, roles
from ckr_es.api.moments import Cursor
from ckr_es.api.reads import Reader
from ckr_es.web.page import Shown, told

Reading = NamedDependency[Reader]
LINES: Final = 50  # lines of the KPI ledger shown at once


class EventPages(Controller):
    path = "/events"
    include_in_schema = False

    @get("/{event_id:uuid}", sync_to_thread=True, **roles(READ, whole_centre=True))
    def show(
        self, event_id: FromPath[UUID], when: When, page: Shown, reading: Reading, cursor: Cursor = None
    ) -> Response[Any]:
        """Who, when (both dates), on what, what became of it, what it did to the figures, where it is proved."""
        event = told(reading.event(event_id, when, LINES, cursor))
        return page.show("event.html", event=event, names=page.names(reading, event))
