"""What stands behind a figure: the facts that count in it, and those that do not, each with its reason.

And the other way round: what an event did to the figures, and in which submitted ones it stands. One statement each.
`conn` may be any role that reads projections. `position` is what is known; it must have been reached.
"""

from collections.abc import Mapping
from datetime import date
from itertools import groupby
from typing import Any, Literal, NamedTuple
from uuid import UUID

import msgspec
from msgspec import Struct

from ckr_es.projections.kpi_reads import Figure, figure, known, sides
from ckr_es.projections.kpi_statements import EVIDENCE, LINES, REPORTED, UNCOUNTED
from ckr_es.projections.log import Record, Session, records
from ckr_es.projections.uncounted import CLUSTERS, HEARD, Judge, Uncounted
from ckr_es.rules.kpi_sets import Policy, Row, known_rows, kpi_sets


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


class Line(Struct, frozen=True):
    """`event_id` is the event that made the line known (its cause), `fact_id` the one that is counted."""

    position: int
    event_id: UUID
    fact_id: UUID
    kpi: str
    day: date
    cluster: str | None
    participant_id: UUID | None
    case_id: UUID | None
    n: int


class Moving(NamedTuple):
    """An event, the fact that it is or amends and where that was recorded, and the participant it is about."""

    event: UUID
    fact: UUID
    since: int
    participant: UUID | None


LineKey = tuple[int, UUID, str, date, str]
"""Position, fact, measure, day, cluster of the last line seen: where the next page begins."""


class ReportedRow(Struct, frozen=True, kw_only=True):
    """A row of a submitted table. `n`: what the event's own lines add to it, as known now.

    `submitted` and `now`: what the fact counts in the figure as submitted, and for the same day as known now.
    """

    no: str
    kpi: str
    title: str
    unit: str
    n: Figure
    submitted: Figure
    now: Figure


class Reported(Struct, frozen=True, kw_only=True):
    """A closing of a period that the event stands in (`counted`), or whose figures it moved afterwards (`restates`)."""

    label: str
    version: int
    closing: UUID
    position: int
    as_of: date
    known_position: int
    relation: Literal["counted", "restates"]
    rows: tuple[ReportedRow, ...]


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


def lines(
    conn: Session, moving: Moving, position: int, after: LineKey | None = None, limit: int = 100
) -> list[Line]:
    """The signed lines that the event made, and all others about its fact, in the order recorded.

    `n` of `sales` and `paid_services` is in kopecks.
    """
    at, fact, measure, day, cluster = after or (0, UUID(int=0), "", date.min, "")
    asked = {
        **_moved(moving, position),
        "after": at,
        "after_fact": fact,
        "after_kpi": measure,
        "after_day": day,
        "after_cluster": cluster,
        "limit": limit,
    }
    return [
        Line(at, event_id, fact_id, measure, day, code, who, case, n)
        for measure, day, code, who, case, n, at, event_id, fact_id in conn.execute(LINES, asked)
    ]


def line_key(line: Line) -> LineKey:
    return line.position, line.fact_id, line.kpi, line.day, line.cluster or ""


def reported(conn: Session, moving: Moving, at: int, position: int) -> list[Reported]:
    """The closings in whose figures the event (recorded at `at`) or its fact counts, in the order closed."""
    asked = {**sides(), **_moved(moving, position)}
    found = conn.execute(REPORTED, asked).fetchall()
    reports = []
    for closing, rows in groupby(found, key=lambda row: row[:7]):
        label, version, event_id, closed_at, as_of, known_position, kpi_set = closing
        row_of = {**known_rows(), **{row.kpi: row for row in kpi_sets()[kpi_set].rows}}
        reports.append(
            Reported(
                label=label,
                version=version,
                closing=event_id,
                position=closed_at,
                as_of=as_of,
                known_position=known_position,
                relation="counted" if at <= known_position else "restates",
                rows=tuple(sorted((_reported(row_of, *row[7:]) for row in rows), key=lambda row: row.no)),
            )
        )
    return reports


def _reported(row_of: Mapping[str, Row], kpi: str, *amounts: int) -> ReportedRow:
    row = row_of[kpi]
    n, submitted, now = (figure(row, amount) for amount in amounts)
    return ReportedRow(no=row.no, kpi=kpi, title=row.title, unit=row.unit, n=n, submitted=submitted, now=now)


def _moved(moving: Moving, position: int) -> dict[str, Any]:
    return {**moving._asdict(), "position": position, "clusters": CLUSTERS}
