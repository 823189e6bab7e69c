"""The directory: clusters, participants, memberships, register answers and cases as understood after each event. Pure.

A row is a function of its stream's folded state. Persons are rows without a name: their identity is joined
from the vault when somebody who may see it reads.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from msgspec import Struct

from ckr_es.aggregates import cluster, participant, service_case
from ckr_es.aggregates.amend import fold
from ckr_es.aggregates.facts import Correction, Entry, Kind, Void
from ckr_es.projections.directory_tables import CREATE, EARLIER, INDEXES, TABLES
from ckr_es.projections.log import Heard, Record, Session, all_but, records
from ckr_es.projections.projection import Projection
from ckr_es.projections.sheet import Row, Sheet

Rows = dict[tuple[str, UUID], Row]
Positions = Mapping[UUID, int]


def _cluster(stream_id: UUID, c: cluster.Cluster, _: Positions) -> Rows:
    row = (
        c.proposed.code,
        c.title,
        c.proposed.production,
        c.proposed.specialisation,
        c.proposed.kind,
        c.proposed.curated,
        c.proposed.proposed_on,
        c.formed and c.formed.formed_on,
        c.reorganised and c.reorganised.reorganised_on,
        c.reorganised and c.reorganised.legal_inn,
        c.dissolved and c.dissolved.dissolved_on,
    )
    return {("cluster", stream_id): row}


def _participant(stream_id: UUID, p: participant.Participant, positions: Positions) -> Rows:
    r = p.registered
    rows: Rows = {("participant", stream_id): (r.kind, r.inn, p.ogrn, p.name, r.registered_on)}
    for m in p.memberships:
        rows["membership", m.event_id] = (stream_id, m.cluster, m.joined_on, m.left_on)
    for c in p.checks:
        said = (c.via, c.as_of, c.result, c.included_on, c.region_code)
        rows["registry_answer", c.event_id] = (stream_id, positions[c.event_id], *said)
    return rows


def _array(values: Iterable[str]) -> str:
    """As PostgreSQL writes it; codes and dates need no quotes."""
    return f"{{{','.join(values)}}}"


def _rests_on(decided: service_case.EligibilityDecided) -> UUID | None:
    """The answer that made the firm one of the register."""
    return next((verdict.event_id for verdict in decided.checks if verdict.condition == "E2"), None)


def _service_case(stream_id: UUID, c: service_case.ServiceCase, _: Positions) -> Rows:
    row = (
        c.opened.participant_id,
        c.opened.cluster,
        c.opened.complex,
        _array(component.service for component in c.components),
        c.opened.applied_on,
        c.decided and c.decided.decision,
        c.decided and c.decided.decided_on,
        c.decided and _rests_on(c.decided),
        c.agreement and c.agreement.number,
        c.agreement and c.agreement.signed_on,
        _array(act.accepted_on.isoformat() for act in c.accepted),
        _array(str(act.component_no) for act in c.accepted),
        [act.act_number for act in c.accepted],
        c.completed and c.completed.completed_on,
        c.cancelled and c.cancelled.cancelled_on,
        c.opened.source,
        c.opened.external_id,
    )
    return {("service_case", stream_id): row}


class Shape(Struct, frozen=True):
    """How a stream of one kind is understood, and the rows that make it up."""

    kind: Kind[Any]
    rows: Callable[[UUID, Any, Positions], Rows]


_CLUSTER = Shape(cluster.KIND, _cluster)
_PARTICIPANT = Shape(participant.KIND, _participant)
_CASE = Shape(service_case.KIND, _service_case)

# What changes no row is left out; `evolve` does not mind.
HEARD: dict[type[Any], Shape] = {
    cluster.Proposed: _CLUSTER,
    cluster.Formed: _CLUSTER,
    cluster.Retitled: _CLUSTER,
    cluster.Reorganised: _CLUSTER,
    cluster.Dissolved: _CLUSTER,
    cluster.Voided: _CLUSTER,
    cluster.Corrected: _CLUSTER,
    participant.Registered: _PARTICIPANT,
    participant.IdentityChanged: _PARTICIPANT,
    participant.RegistryChecked: _PARTICIPANT,
    participant.JoinedCluster: _PARTICIPANT,
    participant.LeftCluster: _PARTICIPANT,
    participant.Voided: _PARTICIPANT,
    participant.Corrected: _PARTICIPANT,
    service_case.Opened: _CASE,
    service_case.EligibilityDecided: _CASE,
    service_case.ComponentAdded: _CASE,
    service_case.AgreementSigned: _CASE,
    service_case.ServiceAccepted: _CASE,
    service_case.Completed: _CASE,
    service_case.Cancelled: _CASE,
    service_case.Voided: _CASE,
    service_case.Corrected: _CASE,
}


class _Stream(Struct):
    entries: list[Entry] = []
    positions: dict[UUID, int] = {}
    state: Any = None
    rows: Rows = {}


class Directory:
    """Versions of the tables, stream by stream; those `known` it has from their beginning."""

    def __init__(self, heard: Mapping[type[Any], Shape] = HEARD) -> None:
        self.heard = heard
        self.known: set[UUID] = set()
        self._streams: defaultdict[UUID, _Stream] = defaultdict(_Stream)

    def post(self, recorded: Heard, sheet: Sheet) -> None:
        shape = self.heard.get(type(recorded.event))
        if shape is None:
            return
        stream_id, event = recorded.originator_id, recorded.event
        stream = self._streams[stream_id]
        stream.entries.append(Entry(recorded.event_id, event))
        if isinstance(event, participant.RegistryChecked):
            stream.positions[recorded.event_id] = recorded.position
        if isinstance(event, Void | Correction):
            stream.state = fold(shape.kind, stream.entries)
        else:
            stream.state = shape.kind.evolve(stream.state, event, recorded.event_id)
        rows = {} if stream.state is None else shape.rows(stream_id, stream.state, stream.positions)
        for table, id in {**stream.rows, **rows}:
            before, after = stream.rows.get((table, id)), rows.get((table, id))
            sheet.replace(table, id, recorded.position, before, after)
        stream.rows = rows


def prime(conn: Session, position: int, batch: Sequence[Record], directory: Directory) -> None:
    """A row depends on its own stream alone."""
    streams = list({record.originator_id for record in batch} - directory.known)
    unwritten = Sheet()
    for record in records(conn.execute(EARLIER, (streams, position, all_but(directory.heard)))):
        directory.post(record, unwritten)
    directory.known.update(streams)


UNHEARD = all_but(HEARD)
DIRECTORY = Projection(
    name="directory",
    version=4,
    tables=TABLES,
    create=CREATE,
    indexes=INDEXES,
    unheard=UNHEARD,
    fold=Directory,
    prime=prime,
)
