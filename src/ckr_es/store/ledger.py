"""The Merkle tree over the log's leaves: RFC 6962, section 2.1; its proofs by RFC 9162, sections 2.1.3 and 2.1.4.

Pure. A range is of leaves, from 0: `(begin, end)` without its end. Position p of the log is leaf p - 1. Nodes of
heights 8, 16 and 24 are worth keeping: with them any hash of the tree takes at most some 256 rows of each height.
"""

from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha256

from msgspec import Struct

Range = tuple[int, int]
HEIGHTS = (8, 16, 24)


class Run(Struct, frozen=True):
    """Neighbouring nodes of one height, by their numbers from 0; of height 0 they are leaves."""

    height: int
    first: int
    after: int


class Tree:
    """The right edge of a growing tree: one hash for each set bit of its size, so a log of any length fits."""

    def __init__(self, leaves: Iterable[bytes] = ()) -> None:
        self.size = 0
        self._edge: list[tuple[int, bytes]] = []  # perfect subtrees, higher ones first: (height, hash)
        for leaf in leaves:
            self.add(leaf)

    def add(self, hash: bytes, height: int = 0) -> None:
        """The hash of the next leaf, or of the next perfect subtree, never higher than the one before it."""
        self.size += 1 << height
        edge = self._edge
        while edge and edge[-1][0] == height:
            hash = node(edge.pop()[1], hash)
            height += 1
        edge.append((height, hash))

    def root(self) -> bytes:
        """Of nothing, the hash of nothing."""
        if not self._edge:
            return sha256().digest()
        *higher, (_, hash) = self._edge
        for _, left in reversed(higher):
            hash = node(left, hash)
        return hash


def leaf(
    position: int, stream_id: str, version: int, type: str, recorded_at: str, actor: str, key: str, body: str
) -> bytes:
    """The hash of an event (architecture.md, section 9); `recorded_at` as `YYYY-MM-DDTHH:MM:SS.ffffffZ`."""
    digest = sha256(body.encode()).hexdigest()
    lines = f"v1\n{position}\n{stream_id}\n{version}\n{type}\n{recorded_at}\n{actor}\n{key}\n{digest}\n"
    return sha256(b"\x00" + lines.encode()).digest()


def envelope(
    event_id: str, role: str, correlation_id: str, causation_id: str | None, *about: str | None
) -> bytes:
    """The hash of what an event's row holds beyond its leaf; then come `effective_on` and `participant_id`."""
    fields = (event_id, role, correlation_id, causation_id, *about)
    return sha256(b"\x02" + "".join(f"{field or ''}\n" for field in fields).encode()).digest()


def node(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right).digest()


def root(leaves: Iterable[bytes]) -> bytes:
    """The tree hash of leaf hashes in the order of the log."""
    return Tree(leaves).root()


def runs(begin: int, end: int) -> Iterator[Run]:
    """The kept nodes and the leaves whose hashes make the hash of a range that a proof asks for."""
    for height in (*reversed(HEIGHTS), 0):
        first, count = begin >> height, end - begin >> height
        if count:
            yield Run(height, first, first + count)
            begin += count << height


def inclusion(index: int, size: int) -> list[Range]:
    """The ranges whose hashes prove that a leaf is in the tree of that size, in the order of the proof."""
    begin, end = 0, size
    path: list[Range] = []
    while end - begin > 1:
        middle = begin + _split(end - begin)
        if index < middle:
            path.append((middle, end))
            end = middle
        else:
            path.append((begin, middle))
            begin = middle
    return path[::-1]


def consistency(old: int, new: int) -> list[Range]:
    """The ranges whose hashes prove that the tree of the new size begins with that of the old one."""
    if old == 0:
        return []
    begin, end = 0, new
    path: list[Range] = []
    while end != old:
        middle = begin + _split(end - begin)
        if old <= middle:
            path.append((middle, end))
            end = middle
        else:
            path.append((begin, middle))
            begin = middle
    if begin > 0:  # else it is the old tree itself, whose root the asker has
        path.append((begin, end))
    return path[::-1]


def included(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """Whether the proof shows the leaf in the tree with this root (RFC 9162, section 2.1.3.2)."""
    if not 0 <= index < size:
        return False
    at, last, hash = index, size - 1, leaf
    for other in proof:
        if last == 0:
            return False
        if at & 1 or at == last:
            hash = node(other, hash)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            hash = node(hash, other)
        at, last = at >> 1, last >> 1
    return last == 0 and hash == root


def continued(old: int, new: int, proof: Sequence[bytes], old_root: bytes, new_root: bytes) -> bool:
    """Whether the proof shows that one tree begins with the other (RFC 9162, section 2.1.4.2)."""
    if old == 0 or old == new:
        return not proof and (old == 0 or old_root == new_root)
    if not 0 < old < new or not proof:
        return False
    hashes = [old_root, *proof] if old & old - 1 == 0 else list(proof)
    at, last = old - 1, new - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    of_old = of_new = hashes[0]
    for other in hashes[1:]:
        if last == 0:
            return False
        if at & 1 or at == last:
            of_old, of_new = node(other, of_old), node(other, of_new)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            of_new = node(of_new, other)
        at, last = at >> 1, last >> 1
    return last == 0 and of_old == old_root and of_new == new_root


def _split(size: int) -> int:
    """The largest power of two that is smaller."""
    return 1 << (size - 1).bit_length() - 1
