"""The money of a year: limits, what agreements hold, what acts spent, what is left, and what it comes to."""

from typing import Any

from litestar import Response, get
from litestar.di import NamedDependency

from ckr_es.api.auth import READ_FIGURES, roles
from ckr_es.api.funding import OfSource
from ckr_es.api.moments import Cursor
from ckr_es.api.reads import Reader
from ckr_es.web.asked import PAGE
from ckr_es.web.page import Shown, told


@get("/funding", sync_to_thread=True, include_in_schema=False, **roles(READ_FIGURES, whole_centre=True))
def funding(
    page: Shown, reading: NamedDependency[Reader], source: OfSource = None, cursor: Cursor = None
) -> Response[Any]:
    """Of the year of the day that is looked at, by source and in total; and the services that hold the money."""
    year = page.when.as_of.year
    found = told(Response(reading.money(page.when, PAGE, cursor, year=year, source=source)))
    return page.show(
        "funding.html",
        balance=told(Response(reading.funding(year, page.when))),
        found=found,
        names=page.names(reading, found),
        source=source,
    )
