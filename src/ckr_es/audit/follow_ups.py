"""Follow-up of complex services as of a day, as known at a position: completed cases, and what their firms reported."""

from collections.abc import Iterator
from datetime import date
from typing import Final
from uuid import UUID

from ckr_es.aggregates import participant
from ckr_es.aggregates.follow_up import FollowUp, follow_up
from ckr_es.application import ServiceTracking
from ckr_es.projections import directory_reads as directory
from ckr_es.projections.log import Session

CASES: Final = 500  # read at a time


def found(
    conn: Session,
    tracking: ServiceTracking,
    as_of: date,
    position: int,
    *,
    participant_id: UUID | None = None,
    cluster: str | None = None,
    after: directory.Key | None = None,
) -> Iterator[tuple[FollowUp, directory.Key]]:
    """Each follow-up by application date, with the key to go on from; two reads for 500 cases."""
    while True:
        page = directory.cases(
            conn,
            as_of,
            position,
            participant_id=participant_id,
            cluster=cluster,
            status="completed",
            complex=True,
            after=after,
            limit=CASES,
        )
        streams = tracking.streams({case["participant_id"] for case in page.items}, position)
        for case in page.items:
            who = case["participant_id"]
            known = streams.known(participant.KIND, who, "Участник")
            asked = follow_up(case["id"], who, case["cluster"], case["completed_on"], known, as_of)
            yield asked, (case["applied_on"], case["id"])
        if (after := page.next) is None:
            return
