"""Each row decided as the API would decide it, after the rows before it; what it needs is read for many at once."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from itertools import count
from typing import Any, Final, Literal
from uuid import UUID

import msgspec
from msgspec import Struct

from ckr_es.application import (
    Answer,
    KeyReused,
    Replayed,
    Request,
    ServiceTracking,
)
from ckr_es.imports import windows
from ckr_es.imports.contract import Call, Contract, Steps
from ckr_es.imports.references import resolved_body, resolved_steps
from ckr_es.imports.rehearsal import UNRECORDED, Cut, Decided, Gathered, Missing, Rehearsal, Wanted, rehearsed
from ckr_es.rules import Forbidden, Invalid, Problem, Refused, Unknown
from ckr_es.rules.validation import parse

Outcome = Literal["recorded", "unchanged", "replayed", "refused"]
BATCH: Final = 1000  # rows decided, and sent to the door, at once
SHORTEST: Final = 32
API: Final = "/api/v1"
STATUS: Final = ((Invalid, 422), (Forbidden, 403), (Unknown, 404), (Refused, 409))


class Clerk(Struct, frozen=True, kw_only=True):
    """In whose name rows are decided, and for which import."""

    actor: str
    role: str
    today: date
    import_id: UUID


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


class _Prepared(Struct):
    request: Request
    act: Act


class Desk:
    """Decides rows by the window; `commits` when what it gathers goes to the door."""

    def __init__(
        self,
        tracking: ServiceTracking,
        conn: windows.Conn,
        contract: Contract,
        clerk: Clerk,
        *,
        commits: bool,
    ) -> None:
        self._tracking = tracking
        self._conn = conn
        self._contract = contract
        self._clerk = clerk
        self._commits = commits
        self._reach = BATCH
        self._places: Iterator[int] = count(UNRECORDED + 1)

    def decide(self, rows: Sequence[Row]) -> tuple[list[Verdict], Rehearsal]:
        """Verdicts of the rows, up to one that must see them recorded first.

        Where such rows are many, it looks less far ahead: what was read for rows beyond is of no use.
        """
        rows = rows[: self._reach]
        verdicts, window = self._decide(rows)
        self._reach = min(BATCH, 2 * max(len(verdicts), SHORTEST))
        return verdicts, window

    def _decide(self, rows: Sequence[Row]) -> tuple[list[Verdict], Rehearsal]:
        window = Rehearsal(self._places, cuts=self._commits)
        tracking = rehearsed(self._tracking, window)
        prepared: list[_Prepared | Refusal | None] = [None] * len(rows)
        verdicts: list[Verdict] = []
        satisfied: set[int] = set()
        while len(verdicts) < len(rows):
            n = len(verdicts)
            gathered = len(window.gathered)
            try:
                verdict = self._one(rows, n, prepared, window, tracking)
            except Missing as missing:
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
        prepared: list[_Prepared | Refusal | None],
        window: Rehearsal,
        tracking: ServiceTracking,
        wanted: Wanted,
        satisfied: set[int],
    ) -> None:
        """All that this row and those after it ask for next, in one go."""
        window.ahead = True
        for later in range(n + 1, len(rows)):
            if window.head is None:
                wanted.keys.add(_key_of(self._clerk, rows[later]))
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
        prepared: list[_Prepared | Refusal | None],
        window: Rehearsal,
        tracking: ServiceTracking,
    ) -> Verdict:
        row = rows[n]
        ready = prepared[n]
        if ready is None:
            try:
                ready = self._prepare(row, window)
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

    def _prepare(self, row: Row, window: Rehearsal) -> _Prepared:
        if row.error is not None:
            raise Stored(msgspec.convert(row.error, Refusal))
        assert row.path is not None
        assert row.body is not None
        call, said = self._contract.find(row.path)
        if self._clerk.role not in call.roles:
            raise Forbidden("role-not-allowed", f"Роли «{self._clerk.role}» это не разрешено")
        key = _key(self._clerk, row)
        steps = resolved_steps(call, said, window, self._clerk.actor)
        given = resolved_body(_json(row.body), window, self._clerk.actor)
        body = parse(call.body, given, self._clerk.today)
        request = Request(
            key=key,
            request_hash=_hash(call, steps, given),
            actor=self._clerk.actor,
            role=self._clerk.role,
            correlation_id=self._clerk.import_id,
            today=self._clerk.today,
        )
        return _Prepared(request, lambda tracking: call.do(tracking, request, steps, body))


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


def _json(body: str) -> Any:
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Stored(malformed("malformed-json", "Команда (body) не читается как JSON")) from error


def _refused(row: Row, refusal: Refusal) -> Verdict:
    return Verdict(row, "refused", refusal=refusal)


def _key(clerk: Clerk, row: Row) -> str:
    """As the caller's own Idempotency-Key; a row without one is this import's and no other's."""
    key = None if row.key is None else row.key.strip()
    if key is not None and not (0 < len(key) <= 200 and key.isprintable()):
        detail = "Ключ (key): от 1 до 200 печатных знаков"
        raise Invalid("idempotency-key-invalid", detail, [Problem("/key", "idempotency-key-invalid", detail)])
    return _key_of(clerk, row)


def _key_of(clerk: Clerk, row: Row) -> str:
    own = f"import:{clerk.import_id}:{row.no}" if row.key is None else row.key.strip()
    return f"{clerk.actor}:{own}"


def _hash(call: Call, steps: Steps, body: Any) -> bytes:
    """What the API makes of the same command: over method, path and body."""
    parts = (str(steps[part[0]]) if isinstance(part, tuple) else part for part in call.template)
    path = "/".join((API, *parts))
    said = (call.method.encode(), path.encode(), msgspec.json.encode(body, order="sorted"))
    return hashlib.sha256(b"\n".join(said)).digest()
