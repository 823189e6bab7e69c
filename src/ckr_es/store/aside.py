"""Synchronous code on an event loop: what it waits for is handed to the loop, and it goes on when that is there.

Commands are plain functions, run by a thread each wherever there are few at a time. A server has hundreds that wait
for the database; there each is a greenlet of the loop's thread, so that waiting costs neither a thread nor a lock, and
those who wait at the same time are asked for together.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, ParamSpec, TypeVar, cast

from greenlet import getcurrent, greenlet

P = ParamSpec("P")
T = TypeVar("T")


class _Aside(greenlet):  # type: ignore[misc]  # it has no types
    """Code that `run` has begun."""


async def run(code: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """What `code` returns or raises. It may `wait`; other waiting of its own would stop the loop."""
    running = _Aside(code)
    said: Any = running.switch(*args, **kwargs)
    while not running.dead:
        try:
            there = await said
        except BaseException as e:  # noqa: BLE001 - it is raised where it is waited for
            said = running.throw(e)
        else:
            said = running.switch(there)
    return cast(T, said)


def is_aside() -> bool:
    """Whether this code runs on an event loop and so has to `wait`."""
    return isinstance(getcurrent(), _Aside)


def wait(there: Awaitable[T]) -> T:
    """Leaves this code until that is there."""
    loop = getcurrent().parent
    assert loop is not None
    return cast(T, loop.switch(there))


def in_thread(code: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """What `code` returns, which asks by itself and so would stop a loop: there a thread does it."""
    if is_aside():
        return wait(asyncio.to_thread(code, *args, **kwargs))
    return code(*args, **kwargs)


def sleep(seconds: float) -> None:
    """As time.sleep, in a thread and aside alike."""
    if is_aside():
        wait(asyncio.sleep(seconds))
    else:
        time.sleep(seconds)


class Turn:
    """Code on a loop waits for it once, as a thread does for its `turns.Turn`; any thread may let it come."""

    __slots__ = ("_came", "loop")

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self._came: asyncio.Future[bool] = self.loop.create_future()

    def wait(self, timeout: float = -1) -> bool:
        """Whether it came within so many seconds (-1: however long it takes)."""
        timer = None if timeout < 0 else self.loop.call_later(timeout, self.tell, False)
        try:
            return wait(self._came)
        finally:
            if timer is not None:
                timer.cancel()

    def tell(self, came: bool) -> None:
        """On the loop's own thread."""
        if not self._came.done():
            self._came.set_result(came)

    def pass_on(self) -> None:
        """Nobody waits behind it: on a loop one goes on after the other anyway."""


def go_on(turns: Sequence[Turn]) -> None:
    """All of them come, the loop being woken once."""
    for loop in {turn.loop for turn in turns}:
        mine = [turn for turn in turns if turn.loop is loop]
        loop.call_soon_threadsafe(_tell, mine)


def _tell(turns: Sequence[Turn]) -> None:
    for turn in turns:
        turn.tell(True)
