"""What services were told to the register of support recipients, and how the firms fare that got complex ones."""

from functools import partial
from typing import Any, Final

from litestar import Controller, Response, get
from litestar.di import NamedDependency

from ckr_es.api.auth import READ, roles
from ckr_es.api.follow_ups import WithStatus
from ckr_es.api.moments import Cursor
from ckr_es.api.reads import Reader
from ckr_es.api.support import InState, OfCluster, OfParticipant, Overdue, files
from ckr_es.application import ServiceTracking
from ckr_es.store.database import Pool
from ckr_es.web.asked import PAGE
from ckr_es.web.page import Shown, told

Reading = NamedDependency[Reader]
FILES: Final = 24  # the latest of them: two years of months


class SupportPages(Controller):
    include_in_schema = False

    @get("/support-register", sync_to_thread=True, **roles(READ, whole_centre=True))
    def register(
        self,
        page: Shown,
        reading: Reading,
        tracking: NamedDependency[ServiceTracking],
        pool: NamedDependency[Pool],
        in_state: InState = None,
        overdue: Overdue = None,
        participant_id: OfParticipant = None,
        cluster: OfCluster = None,
        cursor: Cursor = None,
    ) -> Response[Any]:
        """Services by the day of their act, how many stand how, and the files that were made."""
        asked = partial(reading.supports, page.when, participant_id=participant_id, cluster=cluster)
        found = asked(PAGE, cursor, state=in_state, overdue=overdue)
        every = asked(1, None, state=None, overdue=None) if in_state or overdue else found
        return page.show(
            "support.html",
            found=(shown := told(Response(found))),
            names=page.names(reading, shown),
            totals=every["totals"],
            files=told(Response(files(tracking, pool, page.when, FILES, None)))["items"],
            state=in_state,
            overdue=overdue,
            narrowed=participant_id or cluster,
        )

    @get("/follow-ups", sync_to_thread=True, **roles(READ))
    def follow_ups(
        self,
        page: Shown,
        reading: Reading,
        status: WithStatus = None,
        participant_id: OfParticipant = None,
        cluster: OfCluster = None,
        cursor: Cursor = None,
    ) -> Response[Any]:
        """Firms with what is asked 3, 6 and 12 months after the service, and the effect over all of them."""
        found = reading.follow_ups(
            page.when, PAGE, cursor, status=status, participant_id=participant_id, cluster=cluster
        )
        return page.show(
            "follow_ups.html",
            found=(shown := told(Response(found))),
            names=page.names(reading, shown),
            effect=told(Response(reading.follow_up_effect(page.when, cluster)))["items"],
            chosen=status,
            narrowed=participant_id or cluster,
        )
