"""Synchronous code on an event loop: what it waits for is handed to the loop, and it goes on when that is there.

Commands are plain functions, run by a thread each wherever there are few at a time. A server has hundreds that wait
for the database; there each is a greenlet of the loop's thread, so that waiting costs neither a thread nor a lock, and
those who wait at the same time are asked for together.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
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


def result(future: "Future[T]", timeout: float | None = None) -> T:
    """The future's result, in a thread and aside alike. Raises TimeoutError after so many seconds."""
    if not is_aside():
        return future.result(timeout)
    wait(_done(future, timeout))
    return future.result(0)


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


def _done(future: "Future[Any]", timeout: float | None) -> "asyncio.Future[None]":
    loop = asyncio.get_running_loop()
    done = loop.create_future()

    def tell() -> None:
        if not done.done():
            done.set_result(None)

    future.add_done_callback(lambda _: loop.call_soon_threadsafe(tell))
    if timeout is not None:
        timer = loop.call_later(timeout, tell)
        done.add_done_callback(lambda _: timer.cancel())
    return done
