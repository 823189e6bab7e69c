"""No agreement beyond the year's limits, whoever else signs one at the same time (concept, section 3)."""

from collections.abc import Sequence
from uuid import UUID

from ckr_es.aggregates import plan, service_case
from ckr_es.aggregates.amend import fold
from ckr_es.aggregates.facts import Correction, Entry, Fact, Void
from ckr_es.aggregates.funding import SETTING, TAKING, Source, check_limit, held, lines, raised
from ckr_es.aggregates.plan import FundingSet
from ckr_es.aggregates.service_case import AgreementSigned, ServiceAccepted, ServiceCase
from ckr_es.application import ServiceTracking, Streams, stream_id
from ckr_es.projections import funding_reads
from ckr_es.rules import Refused
from ckr_es.store import aside


def plan_stream(year: int) -> UUID:
    return stream_id("plan", str(year))


def within_funding(
    tracking: ServiceTracking,
    streams: Streams,
    id: UUID,
    before: ServiceCase | None,
    after: ServiceCase | None,
    facts: Sequence[Fact],
) -> None:
    """Refused where `facts` would have the case take more of a year's money than there is.

    What frees money, moves it from reserved to spent, or costs nothing is not looked into; neither is a year without
    a limit. Where there is one, the decision holds as long as nobody else takes money or sets another limit.
    """
    mine = held(lines(after))
    more = raised(held(lines(before)), mine)
    for year in sorted({year for year, _ in more}):
        limit = _limit(tracking, streams, year)
        if limit is None:
            continue
        if not any(isinstance(fact, AgreementSigned | Void | Correction) for fact in facts):
            _by_agreement_only(facts, year)
        streams.rests_on |= TAKING
        used = _used(tracking, year, id)
        for (of, source), kopecks in mine.items():
            if of == year:
                used[source] = used.get(source, 0) + kopecks
        check_limit(limit, used, [source for of, source in more if of == year])


def _limit(tracking: ServiceTracking, streams: Streams, year: int) -> FundingSet | None:
    """Read with the command, or now: then the decision rests on the limit by its types."""
    id = plan_stream(year)
    if id not in streams.recorded:
        streams.rests_on |= SETTING
        streams = tracking.streams([id])
    state = streams.state(plan.KIND, id)
    return state.funding if state else None


def _by_agreement_only(facts: Sequence[Fact], year: int) -> None:
    if any(isinstance(fact, ServiceAccepted) for fact in facts):
        raise Refused("not-agreed", f"На {year} год установлен лимит: платная услуга принимается по договору")
    raise Refused(
        "already-signed", "Договор уже подписан: его сумму меняет только исправление или новое дело"
    )


def _used(tracking: ServiceTracking, year: int, but: UUID) -> dict[Source, int]:
    """The year's money that all other cases hold, also by what is not recorded yet."""
    others = {
        rows[0].originator_id: [Entry(r.event_id, r.event) for r in rows] for rows in tracking.unrecorded()
    }
    others.pop(but, None)
    used = aside.in_thread(_held_by_log, tracking, year, [but, *others])
    for history in others.values():
        for (of, source), kopecks in held(lines(fold(service_case.KIND, history))).items():
            if of == year:
                used[source] = used.get(source, 0) + kopecks
    return used


def _held_by_log(tracking: ServiceTracking, year: int, but: Sequence[UUID]) -> dict[Source, int]:
    with tracking.pool.connection() as conn:
        return funding_reads.held_by_log(conn, year, but)
