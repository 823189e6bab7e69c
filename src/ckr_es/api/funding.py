"""The money of a year: limits, what agreements reserved and acts spent, and which cases hold it."""

from typing import Annotated, Any

from litestar import Controller, get
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter

from ckr_es.aggregates.funding import Source
from ckr_es.api.asked import When
from ckr_es.api.auth import READ_FIGURES, roles
from ckr_es.api.moments import Cursor, Limit
from ckr_es.api.plans import year_of
from ckr_es.api.reads import Reader

Reading = NamedDependency[Reader]
Year = FromPath[int]
OfSource = Annotated[Source | None, QueryParameter(required=False)]


class FundingController(Controller):
    path = "/plans/{year:int}/funding"
    tags = ["plans"]

    @get("/", sync_to_thread=True, **roles(READ_FIGURES, whole_centre=True))
    def balance(self, year: Year, when: When, reading: Reading) -> dict[str, Any]:
        """By source and in total: limit, reserved, spent, free, and what it comes to by the end of the year."""
        return reading.funding(year_of(year), when)

    @get("/lines", sync_to_thread=True, **roles(READ_FIGURES, whole_centre=True))
    def lines(
        self,
        year: Year,
        when: When,
        reading: Reading,
        limit: Limit = 100,
        cursor: Cursor = None,
        source: OfSource = None,
    ) -> dict[str, Any]:
        """The components behind the balance: each reserved, spent or released on the day."""
        return reading.money(when, limit, cursor, year=year_of(year), source=source)
