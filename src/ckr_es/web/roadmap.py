"""The roadmap as a table with a strip of time in each row: what is done, due, overdue, and on what evidence."""

from collections.abc import Sequence
from datetime import date
from typing import Any, Final

from litestar import Response, get
from litestar.di import NamedDependency
from markupsafe import Markup

from ckr_es.api.auth import READ_FIGURES, roles
from ckr_es.api.figures import Figures
from ckr_es.api.roadmap import WithStatus
from ckr_es.rules.roadmap import measures, terms
from ckr_es.web.page import Shown, told
from ckr_es.web.shown import day, periods
from ckr_es.web.words import MARKS

WIDTH: Final = 432
HEIGHT: Final = 20


@get("/roadmap", sync_to_thread=True, include_in_schema=False, **roles(READ_FIGURES, whole_centre=True))
def roadmap(page: Shown, figures: NamedDependency[Figures], status: WithStatus = None) -> Response[Any]:
    """Every measure as of the day, or those that stand so."""
    found = told(figures.roadmap(page.when, None))["items"]
    return page.show(
        "roadmap.html",
        rows=[
            {**row, "strip": _strip(row["terms"], page.when.as_of)}
            for row in found
            if status in (None, row["status"])
        ],
        counts={mark: sum(row["status"] == mark for row in found) for mark in MARKS},
        chosen=status,
        axis=_axis(page.when.as_of),
    )


def _years() -> tuple[int, int]:
    """The first and last year that the roadmap speaks of."""
    days = [on for no in measures() for term in terms(no) for on in (term.first, term.last)]
    return min(days).year, max(days).year


FIRST, LAST = _years()
SPAN: Final = (date(LAST + 1, 1, 1) - date(FIRST, 1, 1)).days


def _x(on: date) -> float:
    return round(min(max((on - date(FIRST, 1, 1)).days / SPAN, 0), 1) * WIDTH, 1)


def _axis(as_of: date) -> Markup:
    """The years over the strips."""
    parts = Markup()
    for year in range(FIRST, LAST + 1):
        parts += Markup('<text x="{x}" y="13">{year}</text>').format(x=_x(date(year, 1, 1)) + 3, year=year)
    return _svg("strip strip-axis", parts, as_of, "Годы: " + ", ".join(map(str, range(FIRST, LAST + 1))))


def _strip(said: Sequence[dict[str, Any]], as_of: date) -> Markup:
    """The terms of one measure over the years of the roadmap, and the day that is looked at."""
    parts = Markup()
    for term in said:
        begin, end = _x(date.fromisoformat(term["first_day"])), _x(date.fromisoformat(term["last_day"]))
        parts += Markup(
            '<rect class="term term-{status}" x="{x}" y="4" width="{w}" height="12" rx="2"/>'
        ).format(status=term["status"], x=begin + 1, w=round(max(end - begin - 1, 2), 1))
    label = "; ".join(
        f"{periods(term['period'])} — {MARKS[term['status']]}, до {day(term['due_on'])}" for term in said
    )
    return _svg("strip", parts, as_of, label)


def _svg(kind: str, parts: Markup, as_of: date, label: str) -> Markup:
    years = Markup().join(
        Markup('<path class="strip-year" d="M{x},0V{h}"/>').format(x=_x(date(year, 1, 1)), h=HEIGHT)
        for year in range(FIRST, LAST + 1)
    )
    today = Markup('<path class="strip-day" d="M{x},0V{h}"/>').format(x=_x(as_of), h=HEIGHT)
    return Markup(
        '<svg class="{kind}" role="img" viewBox="0 0 {w} {h}" width="{w}" height="{h}" aria-label="{label}">'
        "{parts}</svg>"
    ).format(kind=kind, w=WIDTH, h=HEIGHT, label=label, parts=years + parts + today)
