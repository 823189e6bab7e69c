"""The log as a window of rows sees it: what was read of it, and what the rows before would record.

It stands where a command expects the recorder. Nothing is recorded by it: the commands are gathered, for the door or
for nobody. What is missing is not fetched one by one; Missing says what, and the caller reads for many rows at once.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

import msgspec
from msgspec import Struct, field

from ckr_es.aggregates.funding import MOVING
from ckr_es.application import Receipt, ServiceTracking
from ckr_es.store.database import Pool
from ckr_es.store.door import Command, Erasure, Guard, Identity, Outcome
from ckr_es.store.envelope import Recorded, StoredRow
from ckr_es.store.reads import Loaded, StoredAnswer

REFUSED: Final = 409
NO_LEAF: Final = b""
UNRECORDED: Final = 2**61  # positions beyond are of events that are not recorded


class Wanted(Struct):
    """What a decision asks for: streams, whole participants, command keys, persons by INN, rows of the vault."""

    streams: set[UUID] = field(default_factory=set)
    whole: set[UUID] = field(default_factory=set)
    keys: set[str] = field(default_factory=set)
    inns: set[str] = field(default_factory=set)
    vault: set[UUID] = field(default_factory=set)

    def __ior__(self, other: "Wanted") -> "Wanted":
        for name in self.__struct_fields__:
            getattr(self, name).update(getattr(other, name))
        return self

    def __bool__(self) -> bool:
        return any(getattr(self, name) for name in self.__struct_fields__)


class Missing(Exception):
    """Not read yet; the row is to be asked again when it is."""

    def __init__(self, wanted: Wanted) -> None:
        super().__init__("not read yet")
        self.wanted = wanted


class Decided(Exception):
    """While looking ahead: the row has all it needs, and what it would record is of no interest yet."""


class Cut(Exception):
    """The row must see what comes before it recorded: the door judges its guard by the log alone."""


class Found(Struct):
    """What was read of the log for some Wanted."""

    head: int
    streams: dict[UUID, list[StoredRow]]
    answers: dict[str, StoredAnswer]
    persons: dict[str, UUID]
    vault: dict[UUID, Identity]


class Gathered(Struct):
    """A command for the door, with the rows it would record; without any, `said` is its receipt."""

    command: Command
    rows: list[StoredRow]
    said: Receipt | None = None

    @property
    def rests_on(self) -> int | None:
        """The place of the event that it says nothing new after, where that is not recorded yet either."""
        return self.said.position if self.said is not None and self.said.position > UNRECORDED else None


class Rehearsal:
    """One window. `places` number what would be recorded; `cuts` when what is gathered goes to the door.

    `moved` are the cases whose money earlier windows would move, where those are not recorded either.
    """

    def __init__(self, places: Iterator[int], *, cuts: bool, moved: set[UUID] | None = None) -> None:
        self.places = places
        self.cuts = cuts
        self.moved: set[UUID] = set() if moved is None else moved
        self.ahead = False
        self.head: int | None = None
        self.gathered: list[Gathered] = []
        self.answers: dict[str, StoredAnswer | None] = {}
        self._streams: dict[UUID, list[StoredRow]] = {}
        self._whole: dict[UUID, set[UUID]] = {}
        self._persons: dict[str, UUID | None] = {}
        self._vault: dict[UUID, Identity | None] = {}
        self._touched: set[UUID | None] = set()
        self._types: set[str] = set()

    def learn(self, wanted: Wanted, found: Found) -> None:
        """What was asked for is known from now on, if only as not being there."""
        self.head = found.head if self.head is None else min(self.head, found.head)
        for id, rows in found.streams.items():
            self._streams.setdefault(id, rows)
        for id in wanted.streams:
            self._streams.setdefault(id, [])
        if wanted.whole:
            self._whole |= {who: set() for who in wanted.whole}
            for id, rows in self._streams.items():
                if rows and rows[0].participant_id in wanted.whole:
                    self._whole[rows[0].participant_id].add(id)
        for key in wanted.keys:
            self.answers.setdefault(key, found.answers.get(key))
        for inn in wanted.inns:
            self._persons.setdefault(inn, found.persons.get(inn))
        for id in wanted.vault:
            self._vault.setdefault(id, found.vault.get(id))

    # What commands ask of the recorder.

    def load(self, key: str, stream_ids: Iterable[UUID], participant: UUID | None = None) -> Loaded:
        wanted = Wanted(
            streams={id for id in stream_ids if id not in self._streams},
            whole={participant} - self._whole.keys() - {None},  # type: ignore[arg-type]
            keys={key} - self.answers.keys() - {""},
        )
        if wanted:
            raise Missing(wanted)
        assert self.head is not None
        if (answer := self.answers.get(key)) is not None:
            return Loaded(answer, {}, self.head)
        ids = set(stream_ids) | (self._whole[participant] if participant else set())
        return Loaded(None, {id: self._streams[id] for id in ids}, self.head)

    def stored_answer(self, key: str) -> StoredAnswer | None:
        if key not in self.answers:
            raise Missing(Wanted(keys={key}))
        return self.answers[key]

    def participant_by_inn(self, inn: str) -> UUID | None:
        return self.participants_by_inn([inn]).get(inn)

    def participants_by_inn(self, inns: Iterable[str]) -> dict[str, UUID]:
        wanted = set(inns)
        if missing := wanted - self._persons.keys():
            raise Missing(Wanted(inns=missing))
        return {inn: who for inn in wanted if (who := self._persons[inn]) is not None}

    def identity(self, participant_id: UUID) -> Identity | None:
        if participant_id not in self._vault:
            raise Missing(Wanted(vault={participant_id}))
        return self._vault[participant_id]

    def unrecorded(self) -> list[list[StoredRow]]:
        """The streams, whole, whose money would be moved by rows before this one.

        Where the rows go to the door, none may be counted on: it could refuse a row that frees what this one takes.
        """
        if self.cuts and self.moved:
            raise Cut
        if wanted := self.moved - self._streams.keys():
            raise Missing(Wanted(streams=wanted))
        return [self._streams[id] for id in self.moved if self._streams[id][-1].id > UNRECORDED]

    def append(self, command: Command, timeout: float = 0) -> Outcome:
        """As the door would answer if nobody else wrote; a refusal leaves its key free for another try."""
        if self.ahead:
            raise Decided
        if command.status == REFUSED:
            return Outcome("recorded")
        guard = command.guard
        if self.cuts and guard is not None and self._meets(guard):
            raise Cut
        now = datetime.now(UTC)
        rows = [_recorded(row, command, next(self.places), now) for row in command.rows]
        said = None
        if rows:
            self._record(command, rows)
        else:
            assert command.answer is not None
            said = msgspec.json.decode(command.answer, type=Receipt)
        self.gathered.append(Gathered(command, rows, said))
        self.answers[command.key] = StoredAnswer(
            command.request_hash, command.status, command.subject, command.version, command.answer, rows
        )
        if not rows:
            return Outcome("recorded")
        return Outcome("recorded", rows[0].id, rows[-1].id, now, (NO_LEAF,) * len(rows))

    def _meets(self, guard: Guard) -> bool:
        """Whether a row before would have recorded what the guard looks for; of types and persons it is cautious."""
        return guard.participant_id in self._touched and (
            not guard.types or not self._types.isdisjoint(guard.types)
        )

    def _record(self, command: Command, rows: Sequence[StoredRow]) -> None:
        for row in rows:
            # A list of its own for each state of the stream: what was loaded before stays as it was.
            self._streams[row.originator_id] = [*self._streams.get(row.originator_id, ()), row]
            self._touched |= {row.participant_id, None}
            self._types.add(row.topic)
            if row.topic in MOVING:
                self.moved.add(row.originator_id)
            if row.participant_id in self._whole:
                self._whole[row.participant_id].add(row.originator_id)
        match command.identity:
            case Identity() as identity:
                self._vault[identity.participant_id] = identity
                if identity.inn is not None:
                    self._persons[identity.inn] = identity.participant_id
            case Erasure(participant_id=id):
                self._vault[id] = None


def rehearsed(tracking: ServiceTracking, rehearsal: Rehearsal) -> ServiceTracking:
    """The write side with the rehearsal for its recorder: every command runs on it as on the log."""
    return _Rehearsed(tracking, rehearsal)


class _Rehearsed(ServiceTracking):
    def __init__(self, tracking: ServiceTracking, rehearsal: Any) -> None:
        # Not the library's: it would open a recorder of its own.
        self.mapper = tracking.mapper
        self.recorder = rehearsal
        self._rehearsal: Rehearsal = rehearsal
        self._log = tracking.pool

    @property
    def pool(self) -> Pool:
        return self._log

    def unrecorded(self) -> list[list[Recorded]]:
        return [[self.mapper.to_domain_event(row) for row in rows] for rows in self._rehearsal.unrecorded()]


def _recorded(row: StoredRow, command: Command, place: int, now: datetime) -> StoredRow:
    return replace(
        row,
        id=place,
        actor=command.actor,
        role=command.role,
        correlation_id=command.correlation_id,
        command_key=command.key,
        recorded_at=now,
    )


def answered_as(gathered: Gathered, position: int, recorded_at: datetime) -> Command:
    """The command that says nothing new, with where its stream really stands."""
    assert gathered.said is not None
    said = msgspec.structs.replace(gathered.said, position=position, recorded_at=recorded_at)
    answer = msgspec.json.encode(said).decode()
    return msgspec.structs.replace(gathered.command, answer=answer, expected=(), guard=None)
