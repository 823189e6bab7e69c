"""The KPI table for any day as known at any position, and what stands behind each figure."""

from datetime import date
from typing import Annotated, Any, Literal
from uuid import UUID

from litestar import Controller, Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter

from ckr_es.api.asked import When
from ckr_es.api.auth import READ_FIGURES, roles
from ckr_es.api.figures import Figures
from ckr_es.api.moments import Cursor, Limit
from ckr_es.projections.kpi_evidence import About

Asking = NamedDependency[Figures]
OptionalId = Annotated[UUID | None, QueryParameter(required=False)]
OfCluster = Annotated[str | None, QueryParameter(required=False)]
Position = Annotated[int | None, QueryParameter(required=False, ge=0, le=2**62)]


class KpiController(Controller):
    path = "/kpi"
    tags = ["kpi"]

    @get("/", sync_to_thread=True, **roles(READ_FIGURES, whole_centre=True))
    def table(self, when: When, figures: Asking, cluster: OfCluster = None) -> Response[Any]:
        """Plan, fact and percent of every row (concept, section 7); `sales` in thousand roubles.

        Of one `cluster`, or of the centre, whose plan it is. A firm counts in the cluster that served it first.
        """
        return figures.table(when, cluster)

    @get("/diff", sync_to_thread=True, **roles(READ_FIGURES, whole_centre=True))
    def diff(
        self,
        when: When,
        figures: Asking,
        to_as_of: Annotated[date | None, QueryParameter(required=False)] = None,
        to_known_position: Position = None,
        to_known_at: Annotated[str | None, QueryParameter(required=False)] = None,
        cluster: OfCluster = None,
    ) -> Response[Any]:
        """Two tables side by side, and the events whose amounts sum to each delta."""
        return figures.diff(when, to_as_of, to_known_position, to_known_at, cluster)

    @get("/series", sync_to_thread=True, **roles(READ_FIGURES, whole_centre=True))
    def series(
        self,
        when: When,
        figures: Asking,
        kpi: Annotated[str, QueryParameter()],
        start: Annotated[date, QueryParameter(name="from")],
        end: Annotated[date, QueryParameter(name="to")],
        step: Annotated[Literal["day", "month", "quarter"], QueryParameter(required=False)] = "month",
        cluster: OfCluster = None,
    ) -> Response[Any]:
        """One figure over days, months or quarters, for charts."""
        return figures.series(when, kpi, start, end, step, cluster)

    @get("/forecast", sync_to_thread=True, **roles(READ_FIGURES, whole_centre=True))
    def forecast(self, when: When, figures: Asking, cluster: OfCluster = None) -> Response[Any]:
        """The table with what is to be expected on 31 December, and a traffic light against the plan."""
        return figures.outlook(when, cluster)

    @get("/{kpi:str}/evidence", sync_to_thread=True, **roles(READ_FIGURES, whole_centre=True))
    def evidence(
        self,
        kpi: FromPath[str],
        when: When,
        figures: Asking,
        counted: Annotated[bool, QueryParameter(required=False)] = True,
        participant: OptionalId = None,
        case: OptionalId = None,
        event: OptionalId = None,
        cluster: OfCluster = None,
        limit: Limit = 100,
        cursor: Cursor = None,
    ) -> Response[Any]:
        """The facts behind a figure: their `n` sum to it. With `counted=false` those that do not count, and why.

        Of the latter `limit` bounds how many are looked at: a page may hold fewer though more follow.
        """
        about = About(participant=participant, case=case, event=event, cluster=cluster)
        read = figures.evidence if counted else figures.uncounted
        return read(kpi, when, about, limit, cursor)
