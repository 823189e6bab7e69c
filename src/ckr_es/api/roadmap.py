"""The roadmap: what was done for its measures, what is due and what is overdue."""

from typing import Annotated, Any

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter
from msgspec import Struct

from ckr_es.aggregates import roadmap
from ckr_es.api.asked import Asked, When, answered
from ckr_es.api.auth import READ_FIGURES, RECORD, roles
from ckr_es.api.corrections import Correction, replacement
from ckr_es.api.figures import Figures
from ckr_es.api.moments import Cursor, Limit
from ckr_es.api.reads import Reader
from ckr_es.api.reports import in_form, read_as
from ckr_es.application import Receipt, ServiceTracking, stream_id
from ckr_es.commands import correct, on_roadmap
from ckr_es.rules import Invalid, Unknown
from ckr_es.rules.roadmap import measure
from ckr_es.rules.values import Day, Document, FunctionCode, Number, Text

Tracking = NamedDependency[ServiceTracking]
Asking = NamedDependency[Figures]
Reading = NamedDependency[Reader]
Item = FromPath[str]
WithStatus = Annotated[roadmap.Status | None, QueryParameter(required=False)]


class NewReport(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`period` is one of the measure's terms, or a quarter or year that only one of them meets."""

    period: Number
    done_on: Day
    result: Text
    complete: bool = True
    document: Document | None = None
    function: FunctionCode | None = None
    late_reason: Text | None = None


class RoadmapController(Controller):
    path = "/roadmap"
    tags = ["roadmap"]

    @post("/{item:str}/reports", sync_to_thread=True, **roles(RECORD, whole_centre=True))
    def report(
        self, item: Item, data: JSONBody[NewReport], asked: Asked, tracking: Tracking
    ) -> Response[Receipt]:
        """Something was done for a measure; `complete: false` while more of that period is to come."""
        event = roadmap.MeasureReported(
            item=_measure(item),
            period=data.period,
            done_on=data.done_on,
            result=data.result,
            complete=data.complete,
            document=data.document,
            function=data.function,
            late_reason=data.late_reason,
        )
        return answered(on_roadmap(tracking, asked, event))

    @post("/{item:str}/corrections", sync_to_thread=True, **roles(RECORD, whole_centre=True))
    def correct(
        self, item: Item, data: JSONBody[Correction], asked: Asked, tracking: Tracking
    ) -> Response[Receipt]:
        """Void or replace one report."""
        return answered(
            correct(
                tracking,
                asked,
                roadmap.KIND,
                stream_id("roadmap", _measure(item)),
                item,
                data.event_id,
                data.reason,
                replacement(data),
                data.late_reason,
            )
        )

    @get("/", sync_to_thread=True, **roles(READ_FIGURES, whole_centre=True))
    def show(self, when: When, figures: Asking, status: WithStatus = None) -> dict[str, Any]:
        """Every measure with its terms as of the day; `status` leaves only those that stand so."""
        return figures.roadmap(when, status)

    @get("/report.json", **read_as("json"))
    def json(self, when: When, figures: Asking) -> Response[bytes]:
        """The canonical report; its last member is the SHA-256 of all before it."""
        return in_form(figures.roadmap_report(when), "json", lasting=False)

    @get("/report.xlsx", **read_as("xlsx"))
    def xlsx(self, when: When, figures: Asking) -> Response[bytes]:
        """The roadmap as a workbook: № | мероприятие | срок | отметка | результат | документ."""
        return in_form(figures.roadmap_report(when), "xlsx", lasting=False)

    @get("/report.pdf", **read_as("pdf"))
    def pdf(self, when: When, figures: Asking) -> Response[bytes]:
        """The same as PDF/A."""
        return in_form(figures.roadmap_report(when), "pdf", lasting=False)

    @get("/{item:str}", sync_to_thread=True, **roles(READ_FIGURES, whole_centre=True))
    def one(self, item: Item, when: When, figures: Asking) -> dict[str, Any]:
        """One measure with its terms."""
        return figures.measure(_measure(item), when)

    @get("/{item:str}/timeline", sync_to_thread=True, **roles(READ_FIGURES, whole_centre=True))
    def timeline(
        self, item: Item, when: When, reading: Reading, limit: Limit = 100, cursor: Cursor = None
    ) -> dict[str, Any]:
        """All that was recorded on the measure, with what was put right."""
        return reading.timeline(stream_id("roadmap", _measure(item)), None, when, limit, cursor)


def _measure(item: str) -> str:
    """A path that leads nowhere is 404, not a wrong value."""
    try:
        return measure(item)
    except Invalid as wrong:
        raise Unknown("not-found", wrong.detail) from wrong
