"""Each row decided as the API would decide it, after the rows before it; what it needs is read for many at once."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import count
from typing import Any, Final, Literal, Protocol
from uuid import UUID

from msgspec import Struct

from ckr_es.application import Answer, KeyReused, Replayed, Request, ServiceTracking
from ckr_es.imports import windows
from ckr_es.imports.rehearsal import UNRECORDED, Cut, Decided, Gathered, Missing, Rehearsal, Wanted, rehearsed
from ckr_es.rules import Forbidden, Invalid, Problem, Refused, Unknown

Outcome = Literal["recorded", "unchanged", "replayed", "refused"]
BATCH: Final = 1000  # rows decided, and sent to the door, at once
MOST_ASKED: Final = 20  # times that one row may need more
SHORTEST: Final = 32  # rows that it always looks ahead
STATUS: Final = ((Invalid, 422), (Forbidden, 403), (Unknown, 404), (Refused, 409))


class Row(Struct, frozen=True):
    """A command as the file has it: its number, where it stands, and what it says, or why it says nothing."""

    no: int
    line: int
    sheet: str | None
    kind: str | None
    path: str | None
    key: str | None
    body: str | None
    error: dict[str, Any] | None = None


class Refusal(Struct, frozen=True):
    """Why a row is not recorded, as the API would have answered it."""

    status: int
    code: str
    detail: str
    errors: tuple[Problem, ...] = ()


class Verdict(Struct):
    """What became of a row; `gathered` is the command, where one is to go to the door.

    A replay is `ours` when its events are of this import: of a row before, or of this one before an interruption.
    """

    row: Row
    outcome: Outcome
    subject: str | None = None
    types: tuple[str, ...] = ()
    first_position: int | None = None
    last_position: int | None = None
    refusal: Refusal | None = None
    gathered: Gathered | None = None
    ours: bool = False


Act = Callable[[ServiceTracking], Answer]


class Prepared(Struct):
    """A command, and what makes it."""

    request: Request
    act: Act


class Source(Protocol):
    """What rows ask for, and under which key."""

    def key(self, row: Row) -> str: ...

    def prepare(self, row: Row, window: Rehearsal) -> Prepared:
        """Raises Refused for a row that asks for nothing that could be done, and the window's Missing."""


class Desk:
    """Decides rows by the window; `commits` when what it gathers goes to the door."""

    def __init__(
        self,
        tracking: ServiceTracking,
        conn: windows.Conn,
        source: Source,
        *,
        commits: bool,
    ) -> None:
        self._tracking = tracking
        self._conn = conn
        self._source = source
        self._commits = commits
        self._reach = BATCH
        self._places: Iterator[int] = count(UNRECORDED + 1)
        self._moved: set[UUID] = set()

    def decide(self, rows: Sequence[Row]) -> tuple[list[Verdict], Rehearsal]:
        """Verdicts of the rows, up to one that must see them recorded first.

        Where such rows are many, it looks less far ahead: what was read for rows beyond is of no use.
        """
        if not self._commits:
            return self._decide(rows)
        verdicts, window = self._decide(rows[: self._reach])
        self._reach = min(BATCH, 2 * max(len(verdicts), SHORTEST))
        return verdicts, window

    def _decide(self, rows: Sequence[Row]) -> tuple[list[Verdict], Rehearsal]:
        moved = None if self._commits else self._moved
        window = Rehearsal(self._places, cuts=self._commits, moved=moved)
        tracking = rehearsed(self._tracking, window)
        prepared: list[Prepared | Refusal | None] = [None] * len(rows)
        verdicts: list[Verdict] = []
        satisfied: set[int] = set()
        asked: Counter[int] = Counter()
        while len(verdicts) < len(rows):
            n = len(verdicts)
            gathered = len(window.gathered)
            try:
                verdict = self._one(rows, n, prepared, window, tracking)
            except Missing as missing:
                asked[n] += 1
                assert asked[n] <= MOST_ASKED, "what is asked for is another thing each time"
                self._read_ahead(rows, n, prepared, window, tracking, missing.wanted, satisfied)
                continue
            except Cut:
                assert verdicts
                break
            if len(window.gathered) > gathered:
                verdict.gathered = window.gathered[-1]
            verdicts.append(verdict)
        return verdicts, window

    def _read_ahead(
        self,
        rows: Sequence[Row],
        n: int,
        prepared: list[Prepared | Refusal | None],
        window: Rehearsal,
        tracking: ServiceTracking,
        wanted: Wanted,
        satisfied: set[int],
    ) -> None:
        """All that this row and those after it ask for next, in one go."""
        window.ahead = True
        for later in range(n + 1, len(rows)):
            if window.head is None:
                wanted.keys.add(self._source.key(rows[later]))
            if later in satisfied:
                continue
            try:
                self._one(rows, later, prepared, window, tracking)
            except Missing as missing:
                wanted |= missing.wanted
            except (Decided, Cut):
                satisfied.add(later)
        window.ahead = False
        window.learn(wanted, windows.find(self._conn, wanted))

    def _one(
        self,
        rows: Sequence[Row],
        n: int,
        prepared: list[Prepared | Refusal | None],
        window: Rehearsal,
        tracking: ServiceTracking,
    ) -> Verdict:
        row = rows[n]
        ready = prepared[n]
        if ready is None:
            try:
                ready = self._source.prepare(row, window)
            except Refused as refused:
                ready = refusal_of(refused)
                if window.ahead:
                    return _refused(row, ready)  # a row before may yet make right what it refers to
            prepared[n] = ready
        if isinstance(ready, Refusal):
            return _refused(row, ready)
        try:
            answer = ready.act(tracking)
        except (Refused, Replayed, KeyReused) as error:
            return _refused(row, refusal_of(error))
        return self._told(row, answer, ready.request, window)

    def _told(self, row: Row, answer: Answer, request: Request, window: Rehearsal) -> Verdict:
        receipt = answer.receipt
        types = tuple(event.type for event in receipt.events)
        verdict = Verdict(row, "recorded" if types else "unchanged", receipt.id, types)
        if types and answer.replayed:
            verdict.outcome = "replayed"
            stored = window.answers[request.key]
            assert stored is not None
            if stored.rows[-1].id < UNRECORDED:
                verdict.first_position, verdict.last_position = stored.rows[0].id, stored.rows[-1].id
                verdict.ours = stored.rows[0].correlation_id == request.correlation_id
        return verdict


class Stored(Refused):
    """A refusal that was found before."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.code, refusal.detail, refusal.errors)
        self.refusal = refusal


def refusal_of(error: Refused | Replayed | KeyReused) -> Refusal:
    match error:
        case Stored():
            return error.refusal
        case Replayed():
            return refusal_of(error.refused)
        case KeyReused():
            detail = "Этот ключ (key) уже использован для другой команды"
            return Refusal(422, "idempotency-key-reused", detail, (Problem("/key", "reused", detail),))
    status = next(code for kind, code in STATUS if isinstance(error, kind))
    return Refusal(status, error.code, error.detail, error.problems)


def malformed(code: str, detail: str) -> Refusal:
    """Of what can't be read."""
    return Refusal(400, code, detail, (Problem("", code, detail),))


def _refused(row: Row, refusal: Refusal) -> Verdict:
    return Verdict(row, "refused", refusal=refusal)
