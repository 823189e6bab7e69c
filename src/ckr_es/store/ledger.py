"""The root over the log's leaves: the Merkle tree hash of RFC 6962, section 2.1."""

from collections.abc import Iterable
from hashlib import sha256


def root(leaves: Iterable[bytes]) -> bytes:
    """The tree hash of leaf hashes in the order of the log; of none, the hash of nothing.

    Streams: it holds one hash for each set bit of the count, so a log of any length fits.
    """
    stack: list[tuple[int, bytes]] = []  # perfect subtrees, higher ones first: (height, hash)
    for leaf in leaves:
        height, node = 0, leaf
        while stack and stack[-1][0] == height:
            node = _node(stack.pop()[1], node)
            height += 1
        stack.append((height, node))
    if not stack:
        return sha256().digest()
    _, node = stack.pop()
    while stack:
        node = _node(stack.pop()[1], node)
    return node


def _node(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right).digest()
