"""The functions of the centre (concept, section 4): what was recorded for each of them."""

from typing import Any

from litestar import Controller, get
from litestar.di import NamedDependency
from litestar.params import FromPath

from ckr_es.api.asked import When
from ckr_es.api.auth import READ, roles
from ckr_es.api.moments import Cursor, Limit
from ckr_es.api.reads import Reader
from ckr_es.rules import Unknown
from ckr_es.rules.catalogue import FUNCTIONS

Reading = NamedDependency[Reader]


class FunctionController(Controller):
    path = "/functions"
    tags = ["functions"]

    @get("/", sync_to_thread=True, **roles(READ, whole_centre=True))
    def list_functions(self, when: When, reading: Reading) -> dict[str, Any]:
        """All 18 with the events that may be recorded for them, and how many were, by year."""
        return reading.functions(when)

    @get("/{function:str}", sync_to_thread=True, **roles(READ, whole_centre=True))
    def show(
        self,
        function: FromPath[str],
        when: When,
        reading: Reading,
        limit: Limit = 100,
        cursor: Cursor = None,
    ) -> dict[str, Any]:
        """What was recorded for one function and stands, by day."""
        if function not in FUNCTIONS:
            raise Unknown("not-found", f"Нет функции «{function}»: коды от «FN.а» до «FN.т», буква русская")
        return reading.function(function, when, limit, cursor)
