"""Clusters: the list, and one cluster with its members on the day, its part of the figures and its life."""

from typing import Any

from litestar import Controller, Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath

from ckr_es.aggregates import cluster
from ckr_es.api.asked import Travel, When
from ckr_es.api.auth import READ, roles
from ckr_es.api.figures import Figures
from ckr_es.api.moments import Cursor
from ckr_es.api.reads import Reader
from ckr_es.commands import cluster_stream
from ckr_es.projections.directory_reads import ClusterStatus
from ckr_es.web.asked import ALL, PAGE, Text, tab
from ckr_es.web.page import Shown, told

Reading = NamedDependency[Reader]


class ClusterPages(Controller):
    path = "/clusters"
    include_in_schema = False

    @get("/", sync_to_thread=True, **roles(READ))
    def listed(self, when: When, page: Shown, reading: Reading, status: Text = "") -> Response[Any]:
        """Clusters as of the day, by where they stand."""
        wanted = tab("status", status, ClusterStatus)
        known = told(reading.clusters(when, ALL, None, None))["items"]
        found = [one for one in known if wanted in (None, one["status"])]
        return page.show("clusters.html", found=found, known=known, wanted=wanted)

    @get("/{code:str}", sync_to_thread=True, **roles(READ))
    def show(
        self,
        code: FromPath[str],
        when: When,
        page: Shown,
        reading: Reading,
        figures: NamedDependency[Figures],
        cursor: Cursor = None,
    ) -> Response[Any]:
        """One cluster: its members, what it adds to the figures, what was done for it, every record."""
        stream = cluster_stream(code)
        history = told(reading.timeline(stream, None, when, PAGE, cursor))
        return page.show(
            "cluster.html",
            cluster=told(reading.entity(cluster.KIND, stream, code, when, code)),
            members=told(reading.members(code, when, ALL, None)),
            life=told(reading.life(code, when, ALL, None, kind=None, function=None))["items"],
            figures=told(figures.outlook(when, code))["rows"],
            history=history,
            names=page.names(reading, history),
        )


def titles(reading: Reader, when: Travel) -> dict[str, str]:
    """What clusters are called, by code."""
    return {one["code"]: one["title"] for one in reading.clusters(when, ALL, None, None)["items"]}
