"""An event in its envelope: as proposed, as a row of the log, and as recorded."""

import os
from collections import deque
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import get_args
from uuid import UUID

import msgspec
from eventsourcing.domain import DomainEventProtocol
from eventsourcing.persistence import (
    Cipher,
    Compressor,
    JSONTranscoder,
    Mapper,
    MapperDeserialisationError,
    Notification,
    StoredEvent,
    Transcoder,
)
from msgspec import Struct

from ckr_es.aggregates import Event

NOBODY = UUID(int=0)
UNRECORDED = datetime.min.replace(tzinfo=UTC)

_random: deque[bytes] = deque()
os.register_at_fork(after_in_child=_random.clear)

_decoder: msgspec.json.Decoder[Event] = msgspec.json.Decoder(Event)
_tags = {kind: str(kind.__struct_config__.tag) for kind in get_args(Event)}


class Proposed(Struct, frozen=True, kw_only=True):
    """What a decision wants recorded, at this version of this stream."""

    originator_id: UUID
    originator_version: int
    event_id: UUID
    event: Event
    participant_id: UUID | None = None
    causation_id: UUID | None = None


class Recorded(Struct, frozen=True, kw_only=True):
    """An event of the log. `recorded_at` is the database's clock (UTC), `effective_on` the business date."""

    position: int
    event_id: UUID
    originator_id: UUID
    originator_version: int
    event: Event
    recorded_at: datetime
    actor: str
    role: str
    correlation_id: UUID
    causation_id: UUID | None
    command_key: str
    effective_on: date
    participant_id: UUID | None
    leaf: bytes


@dataclass(frozen=True)
class StoredRow(Notification):
    """A row of ckr.event. On the way in only what the caller knows is filled; `id` (the position) is 0."""

    originator_id: UUID
    event_id: UUID
    effective_on: date
    participant_id: UUID | None = None
    causation_id: UUID | None = None
    actor: str = ""
    role: str = ""
    correlation_id: UUID = NOBODY
    command_key: str = ""
    leaf: bytes = b""
    recorded_at: datetime = UNRECORDED


class EventMapper(Mapper[UUID]):
    """Proposed to row, row to Recorded. The topic is the event's tag: moving a class never moves history."""

    def __init__(
        self,
        transcoder: Transcoder | None = None,
        compressor: Compressor | None = None,
        cipher: Cipher | None = None,
    ) -> None:
        if compressor or cipher:
            raise ValueError(
                "the log is read with plain SQL: its bodies are neither compressed nor enciphered"
            )
        super().__init__(transcoder or JSONTranscoder())

    def to_stored_event(self, domain_event: DomainEventProtocol[UUID]) -> StoredRow:
        assert isinstance(domain_event, Proposed)
        p = domain_event
        body = encode(p.event)
        topic = tag(p.event)
        decode(topic, body)  # nothing enters the log that could not be read back
        return StoredRow(
            originator_id=p.originator_id,
            originator_version=p.originator_version,
            topic=topic,
            state=body,
            id=0,
            event_id=p.event_id,
            effective_on=p.event.effective_on,
            participant_id=p.participant_id,
            causation_id=p.causation_id,
        )

    def to_domain_event(self, stored_event: StoredEvent) -> Recorded:
        assert isinstance(stored_event, StoredRow)
        s = stored_event
        return Recorded(
            position=s.id,
            event_id=s.event_id,
            originator_id=s.originator_id,
            originator_version=s.originator_version,
            event=decode(s.topic, s.state),
            recorded_at=s.recorded_at,
            actor=s.actor,
            role=s.role,
            correlation_id=s.correlation_id,
            causation_id=s.causation_id,
            command_key=s.command_key,
            effective_on=s.effective_on,
            participant_id=s.participant_id,
            leaf=s.leaf,
        )


def fresh_id() -> UUID:
    """A random UUID. Whoever asks the kernel lets the interpreter go and waits for it again: so for many at a time."""
    while not _random:
        drawn = os.urandom(16 * 256)
        _random.extend(drawn[n : n + 16] for n in range(0, len(drawn), 16))
    try:
        return UUID(bytes=_random.pop(), version=4)
    except IndexError:  # another thread had the last
        return fresh_id()


def tag(event: Event) -> str:
    return str(event.__struct_config__.tag)


def encode(event: Event) -> bytes:
    """The body: JSON without spaces, the tag first."""
    return msgspec.json.encode(event)


def decode(topic: str, body: bytes) -> Event:
    """Only events of the union can come out, whatever a row says. Raises MapperDeserialisationError."""
    try:
        event = _decoder.decode(body)
    except msgspec.MsgspecError as e:
        raise MapperDeserialisationError(f"{topic}: {e}") from e
    if _tags[type(event)] != topic:
        raise MapperDeserialisationError(f"the body of a row of type {topic} is of type {tag(event)}")
    return event
