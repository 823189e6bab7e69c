"""Clusters: how they form, what is done for them, who their members are."""

from typing import Annotated, Any

from litestar import Controller, Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter

from ckr_es.aggregates import cluster, cluster_life
from ckr_es.api.asked import Asked, When, answered
from ckr_es.api.auth import READ, RECORD, roles
from ckr_es.api.corrections import Correction, replacement
from ckr_es.api.moments import Cursor, Limit
from ckr_es.api.reads import Reader
from ckr_es.api.recording import record
from ckr_es.application import Receipt, ServiceTracking
from ckr_es.commands import cluster_stream, correct, on_cluster
from ckr_es.projections.directory_reads import ClusterStatus
from ckr_es.rules import Unknown

Tracking = NamedDependency[ServiceTracking]
Reading = NamedDependency[Reader]
Code = FromPath[str]
WithStatus = Annotated[ClusterStatus | None, QueryParameter(required=False)]
OfKind = Annotated[cluster_life.LifeKind | None, QueryParameter(required=False)]
OfFunction = Annotated[str | None, QueryParameter(required=False)]


class ClusterController(Controller):
    path = "/clusters"
    tags = ["clusters"]

    @record("/", **roles(RECORD))
    def propose(
        self, data: JSONBody[cluster.Proposed], asked: Asked, tracking: Tracking
    ) -> Response[Receipt]:
        """A cluster is proposed under a code of its own."""
        return answered(on_cluster(tracking, asked, data.code, data))

    @record("/{code:str}/formation", **roles(RECORD))
    def form(
        self, code: Code, data: JSONBody[cluster.Formed], asked: Asked, tracking: Tracking
    ) -> Response[Receipt]:
        """The agreement is signed: from that day the cluster is curated."""
        return answered(on_cluster(tracking, asked, code, data))

    @record("/{code:str}/title", **roles(RECORD))
    def retitle(
        self, code: Code, data: JSONBody[cluster.Retitled], asked: Asked, tracking: Tracking
    ) -> Response[Receipt]:
        """The cluster has another title from that day."""
        return answered(on_cluster(tracking, asked, code, data))

    @record("/{code:str}/reorganisation", **roles(RECORD))
    def reorganise(
        self, code: Code, data: JSONBody[cluster.Reorganised], asked: Asked, tracking: Tracking
    ) -> Response[Receipt]:
        """The cluster becomes an association."""
        return answered(on_cluster(tracking, asked, code, data))

    @record("/{code:str}/dissolution", **roles(RECORD))
    def dissolve(
        self, code: Code, data: JSONBody[cluster.Dissolved], asked: Asked, tracking: Tracking
    ) -> Response[Receipt]:
        """The cluster is no longer curated on that day."""
        return answered(on_cluster(tracking, asked, code, data))

    @record("/{code:str}/programmes", **roles(RECORD))
    def approve_programme(
        self, code: Code, data: JSONBody[cluster_life.ProgrammeApproved], asked: Asked, tracking: Tracking
    ) -> Response[Receipt]:
        """A development strategy or programme is approved."""
        return answered(on_cluster(tracking, asked, code, data))

    @record("/{code:str}/assessments", **roles(RECORD))
    def assess_potential(
        self, code: Code, data: JSONBody[cluster_life.PotentialAssessed], asked: Asked, tracking: Tracking
    ) -> Response[Receipt]:
        """The cluster's potential is assessed."""
        return answered(on_cluster(tracking, asked, code, data))

    @record("/{code:str}/brands", **roles(RECORD))
    def register_brand(
        self, code: Code, data: JSONBody[cluster_life.BrandRegistered], asked: Asked, tracking: Tracking
    ) -> Response[Receipt]:
        """A brand of the cluster is registered."""
        return answered(on_cluster(tracking, asked, code, data))

    @record("/{code:str}/projects", **roles(RECORD))
    def launch_project(
        self, code: Code, data: JSONBody[cluster_life.ProjectLaunched], asked: Asked, tracking: Tracking
    ) -> Response[Receipt]:
        """A joint project begins."""
        return answered(on_cluster(tracking, asked, code, data))

    @record("/{code:str}/projects/end", **roles(RECORD))
    def finish_project(
        self, code: Code, data: JSONBody[cluster_life.ProjectFinished], asked: Asked, tracking: Tracking
    ) -> Response[Receipt]:
        """The joint project of that title has ended."""
        return answered(on_cluster(tracking, asked, code, data))

    @record("/{code:str}/equipment", **roles(RECORD))
    def approve_equipment(
        self, code: Code, data: JSONBody[cluster_life.EquipmentApproved], asked: Asked, tracking: Tracking
    ) -> Response[Receipt]:
        """Shared equipment or software is approved."""
        return answered(on_cluster(tracking, asked, code, data))

    @record("/{code:str}/activities", **roles(RECORD))
    def hold_activity(
        self, code: Code, data: JSONBody[cluster_life.ActivityHeld], asked: Asked, tracking: Tracking
    ) -> Response[Receipt]:
        """A webinar, round table, strategic session or campaign was held."""
        return answered(on_cluster(tracking, asked, code, data))

    @record("/{code:str}/corrections", **roles(RECORD))
    def correct(
        self, code: Code, data: JSONBody[Correction], asked: Asked, tracking: Tracking
    ) -> Response[Receipt]:
        """Void or replace one record of the cluster."""
        return answered(
            correct(
                tracking,
                asked,
                cluster.KIND,
                cluster_stream(code),
                code,
                data.event_id,
                data.reason,
                replacement(data),
                data.late_reason,
            )
        )

    @get("/", sync_to_thread=True, **roles(READ))
    def list_clusters(
        self,
        when: When,
        reading: Reading,
        status: WithStatus = None,
        limit: Limit = 100,
        cursor: Cursor = None,
    ) -> dict[str, Any]:
        """Clusters as of a day, as known at a position; `status=proposed` are the prospective ones."""
        return reading.clusters(when, limit, cursor, status)

    @get("/{code:str}", sync_to_thread=True, **roles(READ))
    def show(self, code: Code, when: When, reading: Reading) -> Response[Any]:
        """One cluster as of a day, as known at a position."""
        return reading.entity(cluster.KIND, cluster_stream(code), code, when, code)

    @get("/{code:str}/life", sync_to_thread=True, **roles(READ))
    def life(
        self,
        code: Code,
        when: When,
        reading: Reading,
        kind: OfKind = None,
        function: OfFunction = None,
        limit: Limit = 100,
        cursor: Cursor = None,
    ) -> dict[str, Any]:
        """What was done for the cluster and stands, by day; of a project also how it ended."""
        return reading.life(code, when, limit, cursor, kind=kind, function=function)

    @get("/{code:str}/members", sync_to_thread=True, **roles(READ))
    def members(
        self, code: Code, when: When, reading: Reading, limit: Limit = 100, cursor: Cursor = None
    ) -> dict[str, Any]:
        """Who is a member on that day (half-open: no longer on the day of leaving)."""
        if not reading.sees(code):
            raise Unknown("not-found", "Кластер не найден")
        return reading.members(code, when, limit, cursor)

    @get("/{code:str}/timeline", sync_to_thread=True, **roles(READ))
    def timeline(
        self, code: Code, when: When, reading: Reading, limit: Limit = 100, cursor: Cursor = None
    ) -> dict[str, Any]:
        """Everything recorded about the cluster, corrections struck through and linked."""
        if not reading.sees(code):
            raise Unknown("not-found", "Кластер не найден")
        return reading.timeline(cluster_stream(code), None, when, limit, cursor)
