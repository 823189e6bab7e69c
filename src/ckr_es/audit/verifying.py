"""The whole log looked through: leaves and roots worked out anew from the rows, and held against what was signed.

A fault has the positions that it lies between: exactly one where the row itself, its stored leaf or the notary's own
leaves give it away; for a root, all between it and the last one that is true.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Self

import psycopg
from eventsourcing.persistence import MapperDeserialisationError
from msgspec import Struct

from ckr_es.audit.checkpoints import BadCheckpoint, Checkpoint, PublicKey
from ckr_es.audit.folder import Folder
from ckr_es.rules import Refused
from ckr_es.store.envelope import decode
from ckr_es.store.ledger import Tree, envelope, leaf

FETCH = 5_000
MOST = 100  # faults that are told; the rest are counted
HASH = 32

HEAD = "select coalesce(max(position), 0) from ckr.event"
ROWS = """
    select position, stream_id::text, stream_version, type,
           to_char(recorded_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), actor, command_key, body::text,
           event_id::text, role, correlation_id::text, causation_id::text, effective_on::text, participant_id::text,
           leaf
    from ckr.event where position > %s and position <= %s order by position
"""
# A body that somebody made unreadable is a fault of its row.
CLOSINGS = r"""
    select position, body ->> 'label', (body ->> 'known_position')::bigint, decode(body ->> 'ledger_root', 'hex')
    from ckr.event
    where type = 'period.closed' and body ->> 'ledger_root' ~ '^[0-9a-f]{64}$'
      and body ->> 'known_position' ~ '^\d{1,18}$'
"""

Connection = psycopg.Connection[tuple[Any, ...]]
Progress = Callable[[int, int], None]


class Pinned(Struct, frozen=True):
    """Somebody stated this root of the log's first `size` events; `signed`: the notary."""

    what: str
    size: int
    root: bytes
    signed: bool


class Fault(Struct, frozen=True):
    """What is wrong from position `first` to `last`, in Russian; `signed`: it contradicts what the notary signed."""

    first: int
    last: int
    detail: str
    signed: bool = False

    def __str__(self) -> str:
        where = f"позиция {self.first}" if self.first == self.last else f"позиции {self.first}–{self.last}"
        return f"{where}: {self.detail}"


class Verified(Struct, frozen=True, kw_only=True):
    """`roots` are those that were found true, by size; of more faults than are told, `faulty` is the number."""

    size: int
    root: bytes
    roots: tuple[int, ...]
    faults: tuple[Fault, ...]
    faulty: int
    seconds: float


def head(conn: Connection) -> int:
    row = conn.execute(HEAD).fetchone()
    assert row is not None
    return int(row[0])


class Seen:
    """The notary's hashes, event by event: of the leaf and of its envelope."""

    def __init__(self, folder: Folder, after: int = 0) -> None:
        self._files = [path.open("rb") for path in (folder.leaves, folder.envelopes)]
        for file in self._files:
            file.seek(after * HASH)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for file in self._files:
            file.close()

    def other(self, leaf: bytes, envelope: bytes) -> str | None:
        """What of the next event is not as it was seen (Russian)."""
        was_leaf, was_envelope = (file.read(HASH) for file in self._files)
        if was_leaf != leaf:
            return "не та запись, что подписана"
        if was_envelope != envelope:
            return "event_id, роль, причина, дата или участник не те, что видел нотариус"
        return None


def hashes(row: tuple[Any, ...]) -> tuple[bytes, bytes]:
    """Of the leaf and of the envelope."""
    return leaf(*row[:8]), envelope(*row[8:14])


def rows(conn: Connection, after: int, upto: int) -> Iterator[tuple[Any, ...]]:
    """The columns of the leaf, of the envelope, and the stored leaf, in the order of positions."""
    with conn.transaction(), conn.cursor("rows", binary=True) as cursor:
        cursor.itersize = FETCH
        yield from cursor.execute(ROWS, (after, upto))


def signed_by(checkpoint: Checkpoint) -> Pinned:
    return Pinned(f"контрольная точка {checkpoint.size}", checkpoint.size, checkpoint.root, True)


def closings(conn: Connection) -> list[Pinned]:
    """The roots that closed periods hold."""
    found = conn.execute(CLOSINGS).fetchall()
    return [Pinned(f"закрытие {label}, позиция {at}", size, root, False) for at, label, size, root in found]


def verify(
    conn: Connection,
    pinned: Iterable[Pinned],
    seen: Seen | None = None,
    signed: int = 0,
    progress: Progress = lambda _done, _of: None,
) -> Verified:
    """All of the log up to its head; `seen` is what the notary saw of the first `signed` events."""
    began = time.monotonic()
    found = _Found()
    tree = Tree()
    upto = head(conn)
    stated: dict[int, list[Pinned]] = {}
    for pin in pinned:
        stated.setdefault(pin.size, []).append(pin)
    good = found.roots(tree, stated.get(0, ()), 0)
    before = ""
    for row in rows(conn, 0, upto):
        position, recorded_at = row[0], row[4]
        if position != tree.size + 1:
            found.add(tree.size + 1, position - 1, "записей здесь нет", signed=tree.size < signed)
            break  # whatever follows is not where it was
        hash, beyond = hashes(row)
        found.row(row, hash, before)
        if seen and position <= signed and (other := seen.other(hash, beyond)):
            found.add(position, position, other, signed=True)
        before = recorded_at
        tree.add(hash)
        if tree.size in stated:
            good = found.roots(tree, stated[tree.size], good)
        if position % FETCH == 0:
            progress(position, upto)
    else:
        for pin in (pin for pins in stated.values() for pin in pins if pin.size > tree.size):
            detail = f"журнал кончается раньше: {pin.what}"
            found.add(tree.size + 1, pin.size, detail, signed=pin.signed)
    progress(upto, upto)
    return Verified(
        size=tree.size,
        root=tree.root(),
        roots=tuple(found.true),
        faults=tuple(found.told),
        faulty=found.count,
        seconds=time.monotonic() - began,
    )


class _Found:
    def __init__(self) -> None:
        self.told: list[Fault] = []
        self.count = 0
        self.true: list[int] = []

    def add(self, first: int, last: int, detail: str, *, signed: bool = False) -> None:
        self.count += 1
        if len(self.told) < MOST:
            self.told.append(Fault(first, last, detail, signed))

    def row(self, row: tuple[Any, ...], hash: bytes, before: str) -> None:
        """What a row says against itself and against the one before it."""
        position, _, _, type, recorded_at, actor, key, body, *_, effective_on, _, stored = row
        if stored != hash:
            self.add(position, position, "запись не та, от которой её хеш")
        if recorded_at <= before:
            self.add(position, position, f"время записи {recorded_at} не позже предыдущего {before}")
        if "\n" in type + actor + key:
            self.add(position, position, "перевод строки в поле хеша")
        try:
            if str(decode(type, body.encode()).effective_on) != effective_on:
                self.add(position, position, f"дата события в записи не та, что в колонке ({effective_on})")
        except (MapperDeserialisationError, Refused, ValueError) as error:
            self.add(position, position, f"запись не читается: {error}")

    def roots(self, tree: Tree, stated: Iterable[Pinned], good: int) -> int:
        """The last size whose root is known to be true."""
        root = tree.root()
        wrong = [pin for pin in stated if pin.root != root]
        for pin in wrong:
            self.add(good + 1, tree.size, f"корень журнала не тот: {pin.what}", signed=pin.signed)
        if wrong:
            return good
        self.true.append(tree.size)
        return tree.size


def opened(paths: Sequence[Path], key: Path) -> tuple[list[Checkpoint], list[str]]:
    """The checkpoints that this key signed, and what is wrong with the others (Russian). Raises OSError."""
    good: list[Checkpoint] = []
    bad: list[str] = []
    for path in paths:
        try:
            good.append(PublicKey.read(key.read_text("utf-8")).opened(path.read_text("utf-8")))
        except (BadCheckpoint, UnicodeDecodeError) as error:
            bad.append(f"контрольная точка {path}: {error}")
    return good, bad


def believed(folder: Folder, notes: Sequence[Checkpoint]) -> int:
    """How far one of these checkpoints proves the notary's leaves; with them a fault has its exact position."""
    roots = {note.size: note.root for note in notes}
    most, tree, proven = max(roots, default=0), Tree(), 0
    if not most or not folder.leaves.exists() or not folder.envelopes.exists():
        return 0
    with folder.leaves.open("rb") as file:
        while tree.size < most and len(hash := file.read(HASH)) == HASH:
            tree.add(hash)
            if tree.size in roots and roots[tree.size] == tree.root():
                proven = tree.size
    return proven


def differing(conn: Connection, folder: Folder, after: int, upto: int) -> tuple[int, str] | None:
    """The first position whose row is missing or is not the one that the notary saw, and how so (Russian)."""
    position = after
    with Seen(folder, after) as seen:
        for row in rows(conn, after, upto):
            position += 1
            if row[0] != position:
                return position, "записей здесь нет"
            if other := seen.other(*hashes(row)):
                return position, other
    return None if position == upto else (position + 1, "записей здесь нет")
