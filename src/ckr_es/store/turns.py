"""Threads that waited for the same answer go on one after the other.

Let go all at once, each would wake only to queue for the interpreter: of 64 each was switched nine times a command, and
half of the processor time went there.
"""

from collections.abc import Sequence
from threading import Lock

ABREAST = 2


class Turn:
    """A thread waits for it once; whoever goes on lets the next one go."""

    __slots__ = ("_gate", "following")

    def __init__(self) -> None:
        self._gate = Lock()
        self._gate.acquire()
        self.following: Turn | None = None

    def wait(self, timeout: float = -1) -> bool:
        """Whether it came within so many seconds (-1: however long it takes)."""
        if not self._gate.acquire(timeout=timeout):
            return False
        self.pass_on()
        return True

    def come(self) -> None:
        self._gate.release()

    def pass_on(self) -> None:
        """For whoever goes on without waiting further."""
        if self.following is not None:
            self.following.come()


def go_on(turns: Sequence[Turn]) -> None:
    """In this order; nobody of them may have left."""
    for turn, following in zip(turns, turns[ABREAST:], strict=False):
        turn.following = following
    for turn in turns[:ABREAST]:
        turn.come()
