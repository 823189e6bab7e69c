"""Makes the extract about a participant out of the log, up to a position.

The firm is told what stands as now understood, in the fields that FOR_FIRM names and no others: scoring, verdicts and
who recorded it stay inside. An audit sees every record, what put it right, who recorded it when, and its leaf. What is
told of a natural person comes from the vault as it is, so an erasure changes what is printed.
"""

from collections.abc import Mapping
from datetime import UTC, date
from types import MappingProxyType
from typing import Final, NamedTuple
from uuid import UUID

import msgspec

from ckr_es.aggregates import participant, service_case
from ckr_es.aggregates.amend import on_the_day, understood
from ckr_es.aggregates.facts import Entry
from ckr_es.projections import directory_reads, ledger
from ckr_es.projections.follower import await_position
from ckr_es.projections.log import Session
from ckr_es.projections.timeline import Moment, timeline
from ckr_es.reports.extract import (
    Amended,
    Audience,
    Checkpoint,
    Extract,
    Given,
    Line,
    Membership,
    Recorded,
    Subject,
)
from ckr_es.reports.making import Waiting
from ckr_es.reports.report import signed
from ckr_es.reports.statements import DRAWN, RECORDED_AT
from ckr_es.rules import Unknown
from ckr_es.rules.values import ERASED
from ckr_es.store import door
from ckr_es.store.envelope import decode, tag

FOR_FIRM: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "participant.registered": ("kind", "inn", "ogrn", "name"),
        "participant.identity-changed": ("ogrn", "name"),
        "participant.registry-checked": ("source", "result", "category", "okved_main", "status"),
        "participant.evidence-filed": ("kind", "debt_kopecks", "covers", "document"),
        "participant.joined-cluster": ("cluster", "agreement"),
        "participant.left-cluster": ("cluster", "reason"),
        "participant.jobs-reported": ("quarter", "headcount", "jobs_created", "evidence"),
        "participant.sales-reported": ("quarter", "amount_kopecks", "evidence"),
        "participant.product-launched": ("title", "markets", "case_id", "evidence"),
        "participant.followed-up": ("case_id", "month", "headcount", "sales_kopecks", "satisfaction"),
        "participant.identity-erased": ("act_number", "basis"),
        "service-case.opened": ("cluster", "complex"),
        "service-case.eligibility-decided": ("decision",),
        "service-case.component-added": ("service", "cost_kopecks", "participant_payment_kopecks"),
        "service-case.agreement-signed": ("number",),
        "service-case.service-accepted": ("service", "act_number", "quantity", "unit", "attendees", "grade"),
        "service-case.completed": (),
        "service-case.cancelled": ("reason",),
        "service-case.support-reported": ("component_no",),
    }
)


class Identity(NamedTuple):
    """What the vault says of a natural person."""

    name: str | None
    inn: str | None
    ogrn: str | None


def identity_of(stored: door.Identity | None) -> Identity | None:
    """The vault's row as it is told."""
    if stored is None:
        return None
    fields = msgspec.json.decode(stored.fields)
    return Identity(fields.get("name"), stored.inn, fields.get("ogrnip"))


def extract(
    conn: Session,
    id: UUID,
    as_of: date,
    position: int,
    audience: Audience,
    *,
    identity: Identity | None,
    cluster: str | None = None,
    checkpoint: Checkpoint | None = None,
    wait: Waiting = await_position,
) -> Extract:
    """`identity` is the vault's row of a natural person, None once it is erased.

    Unknown("not-found") before the participant was registered.
    """
    wait(conn, ["directory", "ledger"], position)
    moments = timeline(conn, id, position, cluster=cluster, limit=None)
    histories: dict[UUID, list[Entry]] = {}
    for moment in moments:
        event = decode(moment.type, msgspec.json.encode(moment.body))
        histories.setdefault(moment.stream, []).append(Entry(moment.event_id, event))
    known = on_the_day(participant.KIND, histories.get(id, ()), as_of)
    if known is None:
        raise Unknown("not-found", "Участник не найден")
    cases = [
        (stream, case)
        for stream, history in histories.items()
        if isinstance(history[0].event, service_case.Opened)
        and (case := on_the_day(service_case.KIND, history, as_of)) is not None
    ]
    cases.sort(key=lambda found: (found[1].opened.applied_on, found[0]))
    numbers = {case_id: no for no, (case_id, _) in enumerate(cases, 1)}
    if audience == "audit":
        lines = _recorded(moments, as_of, numbers)
        root = ledger.root(conn, position).hex()
    else:
        positions = {moment.event_id: moment.position for moment in moments}
        lines = _standing(histories, as_of, numbers, positions)
        root = None
    recorded_at = conn.execute(RECORDED_AT, {"position": position}).fetchone()
    titles = {
        c["code"]: c["title"] for c in directory_reads.clusters(conn, as_of, position, limit=1000).items
    }
    return signed(
        Extract(
            audience=audience,
            as_of=as_of,
            known_position=position,
            known_recorded_at=recorded_at[0].astimezone(UTC) if recorded_at else None,
            cluster=cluster,
            subject=_subject(id, known, identity),
            memberships=tuple(
                Membership(
                    cluster=m.cluster, title=titles.get(m.cluster), joined_on=m.joined_on, left_on=m.left_on
                )
                for m in known.memberships
            ),
            services=tuple(
                given for case_id, case in cases for given in _given(numbers[case_id], case_id, case)
            ),
            history=tuple(lines),
            ledger_root=root,
            checkpoint=checkpoint,
        )
    )


def drawn(conn: Session, seed: str, count: int, as_of: date, position: int) -> tuple[list[UUID], int]:
    """A sample of those who were served in the year up to the day, and how many they are; the KPI lines must be there.

    The first in the order of SHA-256("seed:id"): who knows the seed and the population can draw it again.
    """
    since = date(as_of.year, 1, 1)
    asked = {"seed": seed, "count": count, "since": since, "as_of": as_of, "position": position}
    rows = conn.execute(DRAWN, asked).fetchall()
    return [id for id, _ in rows], rows[0][1] if rows else 0


def _subject(id: UUID, known: participant.Participant, identity: Identity | None) -> Subject:
    if known.registered.kind == "entrepreneur":
        said = identity or Identity(ERASED, None, None)
    else:
        said = Identity(known.name, known.registered.inn, known.ogrn)
    return Subject(
        id=id, kind=known.registered.kind, **said._asdict(), registered_on=known.registered.registered_on
    )


def _given(no: int, case_id: UUID, case: service_case.ServiceCase) -> list[Given]:
    acts = {act.component_no: act for act in case.accepted}
    found = []
    for component in case.components or (None,):
        act = acts.get(component.component_no) if component else None
        found.append(
            Given(
                no=no,
                case_id=case_id,
                applied_on=case.opened.applied_on,
                cluster=case.opened.cluster,
                complex=case.opened.complex,
                decision=case.decided.decision if case.decided else None,
                decided_on=case.decided.decided_on if case.decided else None,
                agreement_number=case.agreement.number if case.agreement else None,
                signed_on=case.agreement.signed_on if case.agreement else None,
                cancelled_on=case.cancelled.cancelled_on if case.cancelled else None,
                service=component.service if component else None,
                cost_kopecks=component.cost_kopecks if component else None,
                participant_payment_kopecks=component.participant_payment_kopecks if component else None,
                act_number=act.act_number if act else None,
                accepted_on=act.accepted_on if act else None,
            )
        )
    return found


def _recorded(moments: list[Moment], as_of: date, numbers: Mapping[UUID, int]) -> list[Line]:
    """Every record of what had happened by the day, and whatever put one of these right."""
    shown: set[str] = set()
    lines = []
    for moment in moments:
        amends = moment.body.get("voids") or moment.body.get("corrects")
        if moment.effective_on > as_of and amends not in shown:
            continue
        shown.add(str(moment.event_id))
        body = {name: value for name, value in moment.body.items() if name not in ("type", "late_reason")}
        recorded = Recorded(
            position=moment.position,
            event_id=moment.event_id,
            recorded_at=moment.recorded_at.astimezone(UTC),
            actor=moment.actor,
            role=moment.role,
            late_reason=moment.body.get("late_reason"),
            struck=moment.struck,
            amended=tuple(
                Amended(position=c["position"], kind=c["kind"], reason=c["reason"])
                for c in moment.corrections
                if c["amends"] == str(moment.event_id)
            ),
            leaf=moment.leaf,
        )
        lines.append(
            Line(
                no=numbers.get(moment.stream),
                effective_on=moment.effective_on,
                type=moment.type,
                body=body,
                recorded=recorded,
            )
        )
    return lines


def _standing(
    histories: Mapping[UUID, list[Entry]],
    as_of: date,
    numbers: Mapping[UUID, int],
    positions: Mapping[UUID, int],
) -> list[Line]:
    """What stands of what had happened by the day, by day and then as recorded, in the words for the firm."""
    standing = sorted(
        (
            (event.effective_on, positions[event_id], stream, event)
            for stream, history in histories.items()
            for event_id, event in understood(history)
            if event.effective_on <= as_of and tag(event) in FOR_FIRM
        ),
        key=lambda found: found[:2],
    )
    return [
        Line(
            no=numbers.get(stream),
            effective_on=day,
            type=tag(event),
            body={
                name: msgspec.to_builtins(value)
                for name in FOR_FIRM[tag(event)]
                if (value := getattr(event, name)) not in (None, (), frozenset())
            },
            recorded=None,
        )
        for day, _, stream, event in standing
    ]
