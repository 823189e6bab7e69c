"""The KPI table, and what stands behind each figure of it: the first two of three clicks from a figure to an event."""

from datetime import date
from typing import Annotated, Any, Final
from uuid import UUID

from litestar import Controller, Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter

from ckr_es.api.asked import When
from ckr_es.api.auth import READ_FIGURES, roles
from ckr_es.api.figures import Figures
from ckr_es.api.kpi import OfCluster
from ckr_es.api.moments import Cursor
from ckr_es.api.reads import Reader
from ckr_es.projections.kpi_evidence import About
from ckr_es.projections.kpi_reads import known
from ckr_es.web.page import Shown, told
from ckr_es.web.sparkline import sparkline

Asking = NamedDependency[Figures]
PAGE: Final = 50  # facts shown at once
OptionalId = Annotated[UUID | None, QueryParameter(required=False)]


class KpiPages(Controller):
    path = "/kpi"
    include_in_schema = False

    @get("/", sync_to_thread=True, **roles(READ_FIGURES, whole_centre=True))
    def table(
        self, page: Shown, figures: Asking, reading: NamedDependency[Reader], cluster: OfCluster = None
    ) -> Response[Any]:
        """Plan, fact, percent and forecast of every row, and how the year went."""
        outlook = told(figures.outlook(page.when, cluster))
        courses = {
            course["kpi"]: sparkline(
                [(date.fromisoformat(p["as_of"]), p["actual"]) for p in course["points"]], course["plan"]
            )
            for course in told(figures.courses(page.when, cluster))["rows"]
        }
        return page.show(
            "kpi.html",
            outlook=outlook,
            courses=courses,
            cluster=cluster,
            names=page.names(reading, {"cluster": cluster}),
        )

    @get("/{kpi:str}", sync_to_thread=True, **roles(READ_FIGURES, whole_centre=True))
    def figure(
        self,
        kpi: FromPath[str],
        when: When,
        page: Shown,
        figures: Asking,
        reading: NamedDependency[Reader],
        counted: Annotated[bool, QueryParameter(required=False)] = True,
        participant: OptionalId = None,
        case: OptionalId = None,
        event: OptionalId = None,
        cluster: OfCluster = None,
        cursor: Cursor = None,
    ) -> Response[Any]:
        """The facts that sum to the figure (or what does not count in it, and why), and its course over the year."""
        row = known(kpi)
        outlook = told(figures.outlook(when, cluster))
        shown = next((one for one in outlook["rows"] if one["kpi"] == kpi), None)
        about = About(participant=participant, case=case, event=event, cluster=cluster)
        read = figures.evidence if counted else figures.uncounted
        course = told(figures.series(when, kpi, date(when.as_of.year, 1, 1), when.as_of, "month", cluster))[
            "points"
        ]
        evidence = told(read(kpi, when, about, PAGE, cursor))
        return page.show(
            "figure.html",
            row=row,
            shown=shown,
            meta=outlook["meta"],
            evidence=evidence,
            names=page.names(reading, evidence, {"cluster": cluster}),
            counted=counted,
            course=course,
            option=_option(row.title, course, shown and shown["plan"]),
            narrowed=any((participant, case, event)),
            cluster=cluster,
        )


def _option(title: str, course: list[dict[str, Any]], plan: float | None) -> dict[str, Any]:
    """An ECharts option: the figure by months, and the plan as a line across."""
    series: dict[str, Any] = {
        "type": "line",
        "name": title,
        "step": "end",
        "areaStyle": {},
        "data": [[point["as_of"], point["actual"]] for point in course],
    }
    if plan is not None:
        series["markLine"] = {
            "symbol": "none",
            "label": {"formatter": "план", "position": "insideStartTop"},
            "data": [{"yAxis": plan}],
        }
    return {"xAxis": {"type": "time"}, "yAxis": {"type": "value"}, "series": [series]}
