"""An import taken back: every event that it recorded is voided, the last one first, or none of them."""

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any, Final
from uuid import UUID

from msgspec import Struct
from psycopg.rows import class_row

from ckr_es.aggregates import cluster, group_service, participant, plan, provider, service_case
from ckr_es.aggregates.facts import Kind
from ckr_es.application import Request, ServiceTracking
from ckr_es.commands import correct
from ckr_es.imports import course, door, windows
from ckr_es.imports.course import Import
from ckr_es.imports.deciding import Desk, Prepared, Row, Verdict
from ckr_es.imports.importing import STATES, Caller, connected
from ckr_es.imports.preparing import Clerk
from ckr_es.imports.rehearsal import Rehearsal
from ckr_es.registry.loading import Stopped, Watch
from ckr_es.rules import Forbidden, Problem, Refused

Conn = course.Conn

WINDOW: Final = 500  # rows taken back at once; a row may have recorded several events
MOST_TOLD: Final = 500
KINDS: Final[dict[str, Kind[Any]]] = {
    kind.noun: kind
    for kind in (
        cluster.KIND,
        participant.KIND,
        service_case.KIND,
        group_service.KIND,
        provider.KIND,
        plan.KIND,
    )
}
FOLLOWS: Final = "service-case.completed"  # comes and goes with the act that it follows from
DONE: Final = "already-voided"  # by somebody else, or before an interruption

OURS: Final = """
    select e.position, e.event_id, e.stream_id, e.type, v.no, v.line, v.subject
    from (select no, line, subject, first_position, last_position from imports.verdict
          where import_id = %s and phase = 'commit' and outcome = 'recorded' and no < %s
          order by no desc limit %s) v
    join ckr.event e on e.position between v.first_position and v.last_position
    order by v.no desc, e.position desc
"""
# What others recorded since, and what it rests on: a firm or cluster that was registered, a case that was opened, the
# register's answer or membership that a decision was made on, the record that a correction replaced.
RESTING: Final = """
    with ours as materialized (
        select e.position, e.event_id, e.stream_id, e.type, e.participant_id, v.line, v.subject
        from imports.verdict v join ckr.event e on e.position between v.first_position and v.last_position
        where v.import_id = %(id)s and v.phase = 'commit' and v.outcome = 'recorded')
    select distinct on (x.position) o.line, x.event_id, x.type, x.position
    from ours o
    cross join lateral (
        select * from ckr.event e
        where o.type = 'participant.registered' and e.participant_id = o.stream_id
        union all
        select * from ckr.event e
        where o.type in ('cluster.proposed', 'cluster.formed')
          and e.type in ('participant.joined-cluster', 'service-case.opened') and e.body ->> 'cluster' = o.subject
        union all
        select * from ckr.event e
        where o.type in ('cluster.proposed', 'service-case.opened') and e.stream_id = o.stream_id
        union all
        select * from ckr.event e
        where o.type = 'service-case.opened' and e.participant_id = o.participant_id
          and e.type in ('participant.product-launched', 'participant.followed-up')
          and e.body ->> 'case_id' = o.stream_id::text
        union all
        select * from ckr.event e
        where o.participant_id = o.stream_id and e.participant_id = o.participant_id
          and e.type = 'service-case.eligibility-decided'
          and exists (select from json_array_elements(e.body -> 'checks') c
                      where c ->> 'event_id' = o.event_id::text)
        union all
        select * from ckr.event e where e.body ->> 'corrects' = o.event_id::text
    ) x
    where x.position > o.position and x.body ->> 'voids' is null
      and not exists (select from ours where ours.position = x.position)
      and not exists (
          select from ckr.event v where v.body ->> 'voids' = x.event_id::text
          and not exists (select from ckr.event w where w.body ->> 'voids' = v.event_id::text))
    order by x.position limit %(limit)s
"""
COUNT: Final = "update imports.import set done = %s, reverted = coalesce(reverted, 0) + %s where id = %s"


class Taken(Struct, frozen=True):
    """An event of the import, to be voided."""

    position: int
    event_id: UUID
    stream_id: UUID
    type: str
    no: int
    line: int
    subject: str

    @property
    def kind(self) -> Kind[Any]:
        return KINDS[self.type.partition(".")[0]]


def revert(
    tracking: ServiceTracking, id: UUID, caller: Caller, reason: str, late_reason: str | None, watch: Watch
) -> Import:
    """The import with all that it recorded voided; one that is reverted stays as it is.

    Refused("import-rests") lists what others recorded on top of it: then nothing is voided. Raises Stopped; then, and
    after a crash, the next one goes on.
    """
    with connected(tracking) as conn, course.at_work(conn, id):
        one = course.find(conn, id)
        watch.began(id)
        match one.reached:
            case "reverted":
                return one
            case "committed":
                _free(tracking, conn, one, caller, reason, late_reason)
                course.moved(conn, id, "reverting", done=one.rows + 1, reason=reason, late_reason=late_reason)
            case "reverting":
                pass
            case _:
                raise Refused("not-committed", f"Импорт нельзя отменить: {STATES[one.reached]}")
        _take_back(tracking, conn, course.find(conn, id), caller, watch)
        course.moved(conn, id, "reverted")
        return course.find(conn, id)


def _free(
    tracking: ServiceTracking, conn: Conn, one: Import, caller: Caller, reason: str, late_reason: str | None
) -> None:
    """Refused when anything rests on what is to go, or when the rules do not let a record go."""
    query = {"id": one.id, "limit": MOST_TOLD}
    problems = [
        Problem(
            f"/{line}", "rests", f"На строке {line} держится запись {type_} (позиция {position})", str(id)
        )
        for line, id, type_, position in conn.execute(RESTING, query).fetchall()
    ]
    if not problems:
        voids = _Voids(one.id, caller, reason, late_reason)
        desk = Desk(tracking, conn, voids, commits=False)
        for taken in _windows(conn, one.id, one.rows + 1):
            verdicts, window = desk.decide(voids.rows(taken))
            windows.spill(conn, window)
            problems += [_problem(verdict) for verdict in _refused(verdicts)]
            if len(problems) >= MOST_TOLD:
                break
        windows.prepare(conn)  # that was not recorded, and what comes now is
    if problems:
        detail = "Импорт не отменён: на нём держатся более поздние записи, или правила не дают отменить его"
        refusal = Refused("import-rests", detail, problems[:MOST_TOLD])
        course.fail(conn, one.id, refusal, "committed")
        raise refusal


def _take_back(tracking: ServiceTracking, conn: Conn, one: Import, caller: Caller, watch: Watch) -> None:
    assert one.reason is not None
    voids = _Voids(one.id, caller, one.reason, one.late_reason)
    desk = Desk(tracking, conn, voids, commits=True)
    for taken in _windows(conn, one.id, one.done):
        verdicts = door.settle(conn, desk, voids.rows(taken))
        voided = sum(verdict.outcome in ("recorded", "replayed") for verdict in verdicts)
        if refused := _refused(verdicts):
            # Somebody recorded on top of it meanwhile.
            conn.execute(COUNT, (taken[0].no + 1, voided, one.id))
            refusal = Refused(
                "import-rests", "Отмена остановилась на записи", [_problem(v) for v in refused[:MOST_TOLD]]
            )
            course.fail(conn, one.id, refusal, "reverting")
            raise refusal
        conn.execute(COUNT, (taken[-1].no, voided, one.id))
        watch.moved(one.rows - taken[-1].no + 1, one.rows, "отмена")
        if watch.stopped():
            raise Stopped


def _windows(conn: Conn, id: UUID, before: int) -> Iterator[list[Taken]]:
    while True:
        with conn.cursor(row_factory=class_row(Taken)) as cursor:
            taken = cursor.execute(OURS, (id, before, WINDOW)).fetchall()
        if not taken:
            return
        yield taken
        before = taken[-1].no


class _Voids:
    """Rows that ask for a void each."""

    def __init__(self, id: UUID, caller: Caller, reason: str, late_reason: str | None) -> None:
        self._clerk = Clerk(actor=caller.actor, role=caller.role, today=caller.today, import_id=id)
        self._reason = reason
        self._late_reason = late_reason
        self._taken: dict[int, Taken] = {}

    def rows(self, taken: Sequence[Taken]) -> list[Row]:
        self._taken = {one.position: one for one in taken if one.type != FOLLOWS}
        return [
            Row(position, one.line, None, None, None, None, None) for position, one in self._taken.items()
        ]

    def key(self, row: Row) -> str:
        return f"{self._clerk.actor}:import-revert:{self._clerk.import_id}:{row.no}"

    def prepare(self, row: Row, window: Rehearsal) -> Prepared:
        one = self._taken[row.no]
        if one.kind is plan.KIND and self._clerk.role != "manager":
            raise Forbidden("role-not-allowed", f"Роли «{self._clerk.role}» это не разрешено")
        request = Request(
            key=self.key(row),
            request_hash=hashlib.sha256(f"void {one.event_id} {self._reason}".encode()).digest(),
            actor=self._clerk.actor,
            role=self._clerk.role,
            correlation_id=self._clerk.import_id,
            today=self._clerk.today,
        )
        return Prepared(
            request,
            lambda tracking: correct(
                tracking,
                request,
                one.kind,
                one.stream_id,
                one.subject,
                one.event_id,
                self._reason,
                None,
                self._late_reason,
            ),
        )


def _refused(verdicts: Sequence[Verdict]) -> list[Verdict]:
    return [v for v in verdicts if v.refusal is not None and v.refusal.code != DONE]


def _problem(verdict: Verdict) -> Problem:
    assert verdict.refusal is not None
    line = verdict.row.line
    return Problem(f"/{line}", verdict.refusal.code, f"Строка {line}: {verdict.refusal.detail}")
