"""From the rows of a snapshot to records: what it says of each participant, and what of that is news."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from datetime import date
from typing import Any, Final, TypeAlias
from uuid import UUID, uuid4

import msgspec
import stamina
from msgspec import Struct
from msgspec.structs import replace
from psycopg import Connection
from psycopg.rows import dict_row
from psycopg.sql import SQL
from psycopg_pool import PoolTimeout

from ckr_es.aggregates import participant, reporting_period
from ckr_es.aggregates.participant import RegistryChecked, SupportChecked
from ckr_es.application import Request, ServiceTracking, stream_id
from ckr_es.commands import on_participant
from ckr_es.registry.archive import refused
from ckr_es.registry.port import checked
from ckr_es.registry.snapshot_lookup import answer_of
from ckr_es.registry.snapshots import Snapshot
from ckr_es.rules import Refused
from ckr_es.rules.calendar import periods_of
from ckr_es.rules.support import Support
from ckr_es.store.writer import OutcomeUnknown, Overloaded

Conn = Connection[Any]
Checked: TypeAlias = RegistryChecked | SupportChecked

SUPPORT: Final = "ЕРСМСП-ПП"
PAGE: Final = 200  # participants whose streams are read at once
DESKS: Final = 8  # commands under way, so that the writer gathers them; half a server's calls at most
MOST_SUPPORTS: Final = 200

# Whom the register can be asked about: everybody whose INN is known, the vault's too.
_PARTICIPANTS: Final = SQL("""
    select e.stream_id, e.position, coalesce(e.body ->> 'inn', i.inn) as inn
    from ckr.event e left join ckr.identity i on i.participant_id = e.stream_id
    where e.type = 'participant.registered' and coalesce(e.body ->> 'inn', i.inn) is not null
""")
ASKED: Final = SQL("select inn from ({}) p where position <= %s").format(_PARTICIPANTS)
# Who came after the reading began was not looked for: such a participant may be found here, and is never absent.
SAID_BY_SME: Final = SQL("""
    select p.stream_id as participant_id, r.*
    from ({}) p
    left join registry.sme r on r.snapshot_id = %(id)s and r.inn = p.inn
    where r.inn is not null or (%(complete)s and p.position <= %(known)s)
    order by p.position
""").format(_PARTICIPANTS)
SAID_BY_SUPPORT: Final = SQL("""
    select p.stream_id as participant_id, r.inn, r.supports, r.member, r.line
    from ({}) p
    left join lateral (
        select inn, jsonb_agg(supports) as supports, min(member) as member, min(line) as line
        from registry.support where snapshot_id = %(id)s and inn = p.inn group by inn
    ) r on true
    where r.inn is not null or (%(complete)s and p.position <= %(known)s)
    order by p.position
""").format(_PARTICIPANTS)


class News(Struct, frozen=True):
    participant_id: UUID
    event: Checked


class Plan(Struct, frozen=True):
    """What there is to record; `unchanged` participants have been told the same before."""

    news: list[News]
    unchanged: int
    notes: list[str]


class Clerk(Struct, frozen=True, kw_only=True):
    """In whose name a snapshot is recorded, on which day."""

    actor: str
    role: str
    today: date
    late_reason: str | None = None


def asked(conn: Conn, known_position: int) -> frozenset[str]:
    """INNs of the participants registered by then."""
    return frozenset(inn for (inn,) in conn.execute(ASKED, (known_position,)))


def plan(tracking: ServiceTracking, conn: Conn, snapshot: Snapshot, clerk: Clerk) -> Plan:
    """Everything is judged before anything is recorded: Invalid, or Refused("period-closed") for the whole."""
    news: list[News] = []
    notes: list[str] = []
    unchanged = 0
    for page in _pages(_said(conn, snapshot, clerk.today, notes)):
        streams = tracking.streams([one.participant_id for one in page])
        for one in page:
            state = streams.state(participant.KIND, one.participant_id)
            if state is None:
                continue
            event = replace(one.event, late_reason=clerk.late_reason)
            if participant.decide(state, event):
                news.append(News(one.participant_id, event))
            else:
                unchanged += 1
    if clerk.late_reason is None:
        _refuse_closed(tracking, {one.event.as_of for one in news})
    return Plan(news, unchanged, notes)


def record(
    tracking: ServiceTracking,
    snapshot: Snapshot,
    news: Sequence[News],
    clerk: Clerk,
    recorded: Callable[[News], None],
    stopped: Callable[[], bool],
) -> None:
    """A command for each; `recorded` hears of those that made a record. The first failure ends it."""

    def command(one: News) -> bool:
        if stopped():
            return False
        request = Request(
            key=f"{clerk.actor}:registry:{uuid4()}",
            request_hash=hashlib.sha256(f"{snapshot.sha256} {one.participant_id}".encode()).digest(),
            actor=clerk.actor,
            role=clerk.role,
            correlation_id=snapshot.id,
            today=clerk.today,
        )
        for attempt in stamina.retry_context(
            on=(Overloaded, OutcomeUnknown, PoolTimeout), attempts=20, timeout=60
        ):
            with attempt:
                answer = on_participant(tracking, request, one.participant_id, one.event)
        return bool(answer.receipt.events)

    desks = ThreadPoolExecutor(DESKS, thread_name_prefix="registry")
    try:
        futures = {desks.submit(command, one): one for one in news}
        for future in as_completed(futures):
            if future.result():
                recorded(futures[future])
    finally:
        desks.shutdown(cancel_futures=True)


def _said(conn: Conn, snapshot: Snapshot, today: date, notes: list[str]) -> Iterator[News]:
    query = SAID_BY_SME if snapshot.register == "sme" else SAID_BY_SUPPORT
    given = {"id": snapshot.id, "complete": snapshot.complete, "known": snapshot.known_position}
    with conn.transaction(), conn.cursor("said", row_factory=dict_row) as cursor:
        for row in cursor.execute(query, given):
            event = _checked(snapshot, row, today, notes)
            try:
                msgspec.convert(msgspec.to_builtins(event), type(event))
            except msgspec.ValidationError as wrong:
                detail = f"Запись не годится для журнала: {wrong}"
                raise refused("record-invalid", detail, row["member"] or "", row["line"]) from wrong
            yield News(row["participant_id"], event)


def _checked(snapshot: Snapshot, row: dict[str, Any], today: date, notes: list[str]) -> Checked:
    assert snapshot.last_as_of is not None
    if snapshot.register == "support":
        supports = _supports(row["supports"] or [], notes)
        return SupportChecked(
            source=SUPPORT,
            as_of=snapshot.last_as_of,
            result="found" if supports else "absent",
            supports=supports,
            answer_sha256=snapshot.sha256,
        )
    return checked(answer_of(row, snapshot.sha256, snapshot.last_as_of, snapshot.started_at), today)


def _supports(documents: list[Any], notes: list[str]) -> tuple[Support, ...]:
    """Each once and always in one order, whatever the order of the documents; the latest if there are too many."""
    told = {support for document in documents for support in msgspec.convert(document, list[Support])}
    ordered = sorted(told, key=lambda s: (s.decided_on, s.number or "", msgspec.json.encode(s)))
    if len(ordered) > MOST_SUPPORTS:
        notes.append(f"У получателя {len(ordered)} поддержек, записаны последние {MOST_SUPPORTS}")
    return tuple(ordered[-MOST_SUPPORTS:])


def _refuse_closed(tracking: ServiceTracking, days: set[date]) -> None:
    labels = sorted({label for day in days for label in periods_of(day)})
    streams = tracking.streams([stream_id("period", label) for label in labels])
    for label in labels:
        state = reporting_period.fold(streams.history(stream_id("period", label)))
        if state is not None and not state.open:
            raise Refused(
                "period-closed", f"Период {label} закрыт: нужна причина позднего ввода (late_reason)"
            )


def _pages(said: Iterator[News]) -> Iterator[list[News]]:
    page: list[News] = []
    for one in said:
        page.append(one)
        if len(page) == PAGE:
            yield page
            page = []
    if page:
        yield page
