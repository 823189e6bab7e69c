"""Reporting periods: what was submitted, by whom, what it is now, which records moved it, and its files."""

from datetime import date
from typing import Any, Final

from litestar import Controller, Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath

from ckr_es.api.auth import READ_FIGURES, roles
from ckr_es.api.figures import Figures
from ckr_es.api.periods import Version
from ckr_es.api.reads import Reader
from ckr_es.application import stream_id
from ckr_es.rules.calendar import period
from ckr_es.web.changes import shorter
from ckr_es.web.page import Page, Shown, told

Asking = NamedDependency[Figures]
HISTORY: Final = 500  # closings and openings of one period: there are a few


class PeriodPages(Controller):
    path = "/periods"
    include_in_schema = False

    @get("/", sync_to_thread=True, **roles(READ_FIGURES, whole_centre=True))
    def periods(self, page: Shown, figures: Asking) -> Response[Any]:
        """Every period that was ever closed, and those of the year that are over or under way."""
        closed = told(figures.periods(page.when))["items"]
        known = {one["label"] for one in closed}
        others = [period(label) for label in _of_year(page.when.as_of) if label not in known]
        return page.show(
            "periods.html",
            closed=closed,
            drafts=[one for one in others if one.first <= page.when.as_of],
        )

    @get("/{label:str}", sync_to_thread=True, **roles(READ_FIGURES, whole_centre=True))
    def show(
        self,
        label: FromPath[str],
        page: Shown,
        figures: Asking,
        reading: NamedDependency[Reader],
        version: Version = None,
    ) -> Response[Any]:
        """One version as submitted beside what is known now; a period that was never closed has only drafts."""
        known = told(figures.period(label, page.when))
        submitted = restated = None
        if known["closings"]:
            restated = told(figures.restatement(label, page.when, version))
            submitted = next(one for one in known["closings"] if one["version"] == restated["version"])
        rows = restated["rows"] if restated else []
        moved = [shorter(row, "", None) for row in rows if row["events"] or row["delta"]]
        return page.show(
            "period.html",
            period=known,
            submitted=submitted,
            plans={row["kpi"]: row["plan"] for row in submitted["table"]} if submitted else {},
            restated=restated,
            moved=moved,
            names=page.names(reading, moved),
            history=_history(page, reading, label),
        )


def _of_year(day: date) -> list[str]:
    return [*(f"{day.year:04}-Q{n}" for n in range(1, 5)), f"{day.year:04}"]


def _history(page: Page, reading: Reader, label: str) -> list[dict[str, Any]]:
    """Closings and openings as recorded, for those who may read the log."""
    if not page.reads_log:
        return []
    timeline = reading.timeline(stream_id("period", label), None, page.when, HISTORY, None)
    items: list[dict[str, Any]] = told(timeline)["items"]
    return items
