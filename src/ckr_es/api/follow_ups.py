"""Follow-up of firms that got complex services: what is due and overdue, and the effect (concept, function т)."""

from typing import Annotated, Any
from uuid import UUID

from litestar import Controller, get
from litestar.di import NamedDependency
from litestar.params import QueryParameter

from ckr_es.aggregates.follow_up import Status
from ckr_es.api.asked import When
from ckr_es.api.auth import READ, roles
from ckr_es.api.moments import Cursor, Limit
from ckr_es.api.reads import Reader

Reading = NamedDependency[Reader]
OfCluster = Annotated[str | None, QueryParameter(required=False)]
OfParticipant = Annotated[UUID | None, QueryParameter(required=False)]
WithStatus = Annotated[Status | None, QueryParameter(required=False)]


class FollowUpController(Controller):
    path = "/follow-ups"
    tags = ["follow-ups"]

    @get("/", sync_to_thread=True, **roles(READ))
    def list(
        self,
        when: When,
        reading: Reading,
        status: WithStatus = None,
        participant_id: OfParticipant = None,
        cluster: OfCluster = None,
        limit: Limit = 100,
        cursor: Cursor = None,
    ) -> dict[str, Any]:
        """Completed complex cases with what is asked 3, 6 and 12 months after; `status`: the worst of the three."""
        return reading.follow_ups(
            when, limit, cursor, status=status, participant_id=participant_id, cluster=cluster
        )

    @get("/effect", sync_to_thread=True, **roles(READ))
    def effect(self, when: When, reading: Reading, cluster: OfCluster = None) -> dict[str, Any]:
        """Headcount, sales of a month and satisfaction against the baseline, over all these services."""
        return reading.follow_up_effect(when, cluster)
