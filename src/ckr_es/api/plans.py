"""The plan of a year: KPI set, policy, values, funding."""

from typing import Any

from litestar import Controller, Response, get, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import Struct

from ckr_es.aggregates import plan
from ckr_es.api.asked import Asked, When, answered
from ckr_es.api.auth import MANAGE, READ_FIGURES, roles
from ckr_es.api.corrections import Correction, replacement
from ckr_es.api.moments import Cursor, Limit
from ckr_es.api.reads import Reader
from ckr_es.application import Receipt, ServiceTracking, stream_id
from ckr_es.commands import correct, on_plan
from ckr_es.rules import Invalid, Problem
from ckr_es.rules.kpi_sets import Policy
from ckr_es.rules.money import Kopecks
from ckr_es.rules.values import Document, Text

Tracking = NamedDependency[ServiceTracking]
Reading = NamedDependency[Reader]
Year = FromPath[int]


class NewPlan(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Plan values by KPI: `sales` in thousand roubles, everything else in units."""

    kpi_set: Text
    values: dict[str, plan.PlanValue]
    policy: Policy
    document: Document
    late_reason: Text | None = None


class NewFunding(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    federal_kopecks: Kopecks
    regional_kopecks: Kopecks
    document: Document
    late_reason: Text | None = None


class PlanController(Controller):
    path = "/plans/{year:int}"
    tags = ["plans"]

    @put("/", sync_to_thread=True, **roles(MANAGE, whole_centre=True))
    def set_plan(
        self, year: Year, data: JSONBody[NewPlan], asked: Asked, tracking: Tracking
    ) -> Response[Receipt]:
        """Which KPI set and policy count the year, and what is promised."""
        event = plan.PlanSet(
            year=year_of(year),
            kpi_set=data.kpi_set,
            values=data.values,
            policy=data.policy,
            document=data.document,
            late_reason=data.late_reason,
        )
        return answered(on_plan(tracking, asked, event))

    @put("/funding", sync_to_thread=True, **roles(MANAGE, whole_centre=True))
    def set_funding(
        self, year: Year, data: JSONBody[NewFunding], asked: Asked, tracking: Tracking
    ) -> Response[Receipt]:
        """The limits of the subsidy in the year."""
        event = plan.FundingSet(
            year=year_of(year),
            federal_kopecks=data.federal_kopecks,
            regional_kopecks=data.regional_kopecks,
            document=data.document,
            late_reason=data.late_reason,
        )
        return answered(on_plan(tracking, asked, event))

    @post("/corrections", sync_to_thread=True, **roles(MANAGE, whole_centre=True))
    def correct(
        self, year: Year, data: JSONBody[Correction], asked: Asked, tracking: Tracking
    ) -> Response[Receipt]:
        """Void or replace one record of the plan; the table of the year follows."""
        label = str(year_of(year))
        id = stream_id("plan", label)
        return answered(
            correct(
                tracking,
                asked,
                plan.KIND,
                id,
                label,
                data.event_id,
                data.reason,
                replacement(data),
                data.late_reason,
            )
        )

    @get("/", sync_to_thread=True, **roles(READ_FIGURES, whole_centre=True))
    def show(self, year: Year, when: When, reading: Reading) -> Response[Any]:
        """The plan as known at a position."""
        label = str(year_of(year))
        return reading.entity(plan.KIND, stream_id("plan", label), label, when, None)

    @get("/timeline", sync_to_thread=True, **roles(READ_FIGURES, whole_centre=True))
    def timeline(
        self, year: Year, when: When, reading: Reading, limit: Limit = 100, cursor: Cursor = None
    ) -> dict[str, Any]:
        """Every plan that the year ever had, with what was put right."""
        return reading.timeline(stream_id("plan", str(year_of(year))), None, when, limit, cursor)


def year_of(year: int) -> int:
    if not 2000 <= year <= 2100:
        raise Invalid(
            "year-invalid",
            "Год от 2000 до 2100",
            [Problem("/year", "year-invalid", "Год от 2000 до 2100", year)],
        )
    return year
