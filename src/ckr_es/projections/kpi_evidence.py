"""What stands behind a figure: the facts that count in it, and those that do not, each with its reason.

One statement each.
`conn` may be any role that reads projections. `position` is what is known; it must have been reached.
"""

from datetime import date
from uuid import UUID

import msgspec
from msgspec import Struct

from ckr_es.projections.kpi_reads import Figure, figure, known, sides
from ckr_es.projections.kpi_statements import EVIDENCE, UNCOUNTED
from ckr_es.projections.log import Record, Session, records
from ckr_es.projections.uncounted import CLUSTERS, HEARD, Judge, Uncounted
from ckr_es.rules.kpi_sets import Policy


class About(Struct, frozen=True, kw_only=True):
    """Narrows evidence to a participant, a case, a cluster, or to one event."""

    participant: UUID | None = None
    case: UUID | None = None
    cluster: str | None = None
    event: UUID | None = None


class Evidence(Struct, frozen=True, kw_only=True):
    """A counted fact; `position` is where it was recorded and the key of the next page."""

    event_id: UUID
    type: str
    position: int
    effective_on: date
    cluster: str | None
    participant_id: UUID | None
    case_id: UUID | None
    n: Figure
    voided_by: UUID | None


ANY = About()


def evidence(
    conn: Session,
    kpi: str,
    as_of: date,
    position: int,
    after: int | None = None,
    limit: int = 100,
    about: About = ANY,
) -> list[Evidence]:
    """The facts that make the figure, in the order recorded; `after` is the position of the last one seen.

    Their `n` sum to the figure. Unknown("unknown-kpi") for a row that no KPI set has.
    """
    row = known(kpi)
    asked = {
        **sides((as_of, position), kpi=kpi),
        **msgspec.structs.asdict(about),
        "after": after or 0,
        "limit": limit,
    }
    return [
        Evidence(
            event_id=event_id,
            type=type_,
            position=at,
            effective_on=day,
            cluster=cluster,
            participant_id=participant_id,
            case_id=case_id,
            n=figure(row, n),
            voided_by=voided_by,
        )
        for event_id, type_, at, day, cluster, participant_id, case_id, n, voided_by in conn.execute(
            EVIDENCE, asked
        )
    ]


def uncounted(
    conn: Session,
    kpi: str,
    as_of: date,
    position: int,
    after: int | None = None,
    limit: int = 100,
    about: About = ANY,
    *,
    kpi_set: str,
    policy: Policy,
) -> tuple[list[Uncounted], int | None]:
    """What could count in the row and does not, in the order recorded, and the position to go on from (None: the end).

    `kpi_set` and `policy` are those of the year, as `counted` tells them. `limit` bounds the facts that are looked
    at, so a page may hold fewer, even none, though more follow.
    """
    judge = Judge(known(kpi), kpi_set, policy, as_of, position)
    asked = {
        **msgspec.structs.asdict(about),
        "position": position,
        "types": judge.types,
        "heard": HEARD,
        "clusters": CLUSTERS,
        "complex": judge.of_complex_cases,
        "after": after or 0,
        "limit": limit + 1,
    }
    page: list[Record] = []
    for *columns, is_asked in conn.execute(UNCOUNTED, asked):
        (record,) = records([tuple(columns)])
        if record.position <= position:
            judge.hear(record)
        if is_asked:
            page.append(record)
    following = page[limit - 1].position if len(page) > limit else None
    judged = (judge.uncounted(record) for record in page[:limit])
    return [one for one in judged if one and about.cluster in (None, one.cluster)], following
