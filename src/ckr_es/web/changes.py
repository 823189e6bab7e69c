"""What changed between two moments: why it was 401 then and is 405 now, down to the records that make it so."""

from datetime import datetime
from typing import Any, Final

from litestar import Response, get
from litestar.di import NamedDependency

from ckr_es.api.asked import Travel
from ckr_es.api.auth import READ_FIGURES, roles
from ckr_es.api.figures import Figures
from ckr_es.api.kpi import OfCluster
from ckr_es.api.moments import Cursor, decoded, encoded
from ckr_es.api.reads import Reader
from ckr_es.web.asked import Text, Typed, local
from ckr_es.web.page import Shown, told

FEW: Final = 8  # records of a figure that stand beside those of others
PAGE: Final = 100  # records of one figure at once


@get("/kpi/change", sync_to_thread=True, include_in_schema=False, **roles(READ_FIGURES, whole_centre=True))
def change(
    page: Shown,
    figures: NamedDependency[Figures],
    reading: NamedDependency[Reader],
    from_as_of: Text = "",
    from_known_at: Text = "",
    from_known_position: Text = "",
    kpi: Text = "",
    cluster: OfCluster = None,
    cursor: Cursor = None,
) -> Response[Any]:
    """From the moment asked for to that of the page; with `kpi` all records of this one figure."""
    typed = Typed()
    on = typed.day("from_as_of", from_as_of)
    at = typed.instant("from_known_at", from_known_at)
    position = typed.number("from_known_position", from_known_position)
    if at is not None and position is not None:
        typed.refuse("from_known_position", "ambiguous", "Укажите время или запись, не оба")
    when, found = page.when, None
    if (on or at or position is not None) and not typed.problems:
        if at is None and position is None:
            at, position = when.known_at, when.known_position
        start = Travel(on or when.as_of, at, position, None)
        found = told(figures.diff(start, when.as_of, when.known_position, _text(when.known_at), cluster))
    closed = [one for one in told(figures.periods(when))["items"] if one["version"]]
    rows = found["rows"] if found else []
    moved = [shorter(row, kpi, cursor) for row in rows if row["events"] or row["delta"]]
    return page.show(
        "change.html",
        status=typed.status,
        found=found,
        moved=moved,
        names=page.names(reading, moved, {"cluster": cluster}),
        kpi=kpi,
        typed={
            "from_as_of": from_as_of or when.as_of.isoformat(),
            "from_known_at": local(at) or from_known_at,
            "from_known_position": from_known_position,
        },
        problems=typed.problems,
        closed=closed,
        cluster=cluster,
    )


def shorter(row: dict[str, Any], kpi: str, cursor: str | None) -> dict[str, Any]:
    """The row with a page of its records when it is the one that is looked at, else with the first few of them."""
    events = row["events"]
    begin = decoded(cursor, int) if cursor and kpi == row["kpi"] else 0
    end = begin + (PAGE if kpi == row["kpi"] else FEW)
    more = encoded(end) if len(events) > end else None
    return {**row, "count": len(events), "events": events[max(begin, 0) : end], "next_cursor": more}


def _text(at: datetime | None) -> str | None:
    return at.isoformat() if at else None
