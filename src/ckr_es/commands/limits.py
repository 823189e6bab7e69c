"""How many complex services a participant may take in a year (policy of that year)."""

from collections.abc import Sequence
from uuid import UUID, uuid4

from ckr_es.aggregates import plan, service_case
from ckr_es.aggregates.facts import Entry, Fact
from ckr_es.aggregates.service_case import Opened, ServiceCase
from ckr_es.application import ServiceTracking, Streams, stream_id
from ckr_es.rules import Refused
from ckr_es.rules.kpi_sets import Policy


def within_limit(streams: Streams, who: UUID, year: int, policy: Policy) -> None:
    taken = 0
    for id in streams.recorded:
        first = streams.recorded[id][0].event if streams.recorded[id] else None
        if isinstance(first, Opened) and first.participant_id == who:
            taken += _taken_in(streams.state(service_case.KIND, id)) == year
    if taken >= policy.complex_limit:
        raise Refused(
            "complex-limit", f"Комплексных услуг в {year} году: {taken}, больше правила не допускают"
        )


def still_within_limit(
    tracking: ServiceTracking,
    streams: Streams,
    before: ServiceCase | None,
    after: ServiceCase | None,
) -> None:
    """What brings a complex case back, or into another year, asks for the limit again."""
    year = _taken_in(after)
    if after is None or year is None or year == _taken_in(before):
        return
    plan_id = stream_id("plan", str(year))
    policy = (tracking.streams([plan_id]).state(plan.KIND, plan_id) or plan.Plan()).policy
    within_limit(streams, after.opened.participant_id, year, policy)


def _taken_in(case: ServiceCase | None) -> int | None:
    """The year whose limit a complex case counts against; None for one that was cancelled or refused."""
    if case is None or not case.opened.complex or case.cancelled is not None:
        return None
    if case.decided is not None and case.decided.decision != "eligible":
        return None
    return case.opened.applied_on.year


def entries_after(streams: Streams, id: UUID, facts: Sequence[Fact]) -> list[Entry]:
    return [*streams.history(id), *(Entry(uuid4(), fact) for fact in facts)]
