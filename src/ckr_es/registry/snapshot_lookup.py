"""The company look-up in the loaded snapshots of the register of SMEs: it says what they hold, and no more."""

from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from psycopg.rows import dict_row

from ckr_es.application import ServiceTracking, stream_id
from ckr_es.registry.port import Absent, Answer, Company, Found, Unavailable
from ckr_es.rules.rule_sets import in_force

SOURCE: Final = "ЕРСМСП"

# A firm that nobody looked for when the file was read may be missing here because it is of another region.
SAID: Final = """
    select s.sha256, s.last_as_of, s.complete, coalesce(p.position <= s.known_position, false) as asked, r.*
    from registry.snapshot s
    cross join (
        select min(position) as position from ckr.event
        where stream_id = %(who)s and type = 'participant.registered') p
    left join registry.sme r on r.snapshot_id = s.id and r.inn = %(inn)s
    where s.register = 'sme' and s.state in ('read', 'recorded') and s.staged and s.last_as_of <= %(as_of)s
    order by s.last_as_of desc, s.started_at desc
"""


class SnapshotRegistry:
    """Answers from the latest snapshot that can, if it is of the day asked about or not much older."""

    def __init__(self, tracking: ServiceTracking) -> None:
        self._tracking = tracking

    def lookup(self, inn: str, as_of: date) -> Answer:
        """Absent only for a participant that a complete snapshot was searched for."""
        recorder = self._tracking.recorder
        who = stream_id("participant", inn) if len(inn) == 10 else recorder.participant_by_inn(inn)
        with recorder.pool.connection() as conn, conn.cursor(row_factory=dict_row) as cursor:
            said = cursor.execute(SAID, {"who": who, "inn": inn, "as_of": as_of}).fetchall()
        now = datetime.now(UTC)
        oldest = as_of - timedelta(days=in_force(as_of).registry_valid_for_days)
        recent = [one for one in said if one["last_as_of"] >= oldest]
        for one in recent:
            if one["inn"] is not None or (one["complete"] and one["asked"]):
                return answer_of(one, one["sha256"], one["last_as_of"], now)
        if recent:
            reason = f"Снимок от {recent[0]['last_as_of']} о ней не говорит: {_why_not(recent[0])}"
        elif said:
            reason = f"Последний снимок реестра слишком старый: от {said[0]['last_as_of']}"
        else:
            reason = "Снимок реестра на этот день не загружен"
        return Unavailable(source=SOURCE, via="snapshot", reason=reason, retrieved_at=now)


def answer_of(row: dict[str, Any], sha256: str, as_of: date, now: datetime) -> Found | Absent:
    """What a snapshot of that day says by this row of registry.sme; by none (`inn` is None) that there is none."""
    if row["inn"] is None:
        return Absent(source=SOURCE, via="snapshot", as_of=as_of, retrieved_at=now, answer_sha256=sha256)
    company = Company(
        kind="legal_entity" if len(row["inn"]) == 10 else "entrepreneur",
        inn=row["inn"],
        ogrn=row["ogrn"],
        name=row["name"],
        region_code=row["region_code"],
        okved_main=row["okved_main"],
        okved_additional=tuple(row["okved_additional"]),
        okved_version=row["okved_version"],
        category=row["category"],
        included_on=row["included_on"],
        headcount=row["headcount"],
        licences=tuple(row["licences"]),
    )
    return Found(
        company=company,
        source=SOURCE,
        via="snapshot",
        as_of=row["as_of"],
        retrieved_at=now,
        answer_sha256=sha256,
    )


def _why_not(row: dict[str, Any]) -> str:
    return "её в нём не искали" if row["complete"] else "он не полный"
