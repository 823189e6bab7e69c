"""A client in a process of its own: so many connections, one request at a time on each, over raw sockets.

It measures nothing but the server: a request is bytes made beforehand, an answer is its status and its length.
"""

import asyncio
import time
from collections.abc import Callable
from typing import cast

import uvloop
from msgspec import Struct

WARM_UP = 1.0  # seconds that nobody counts


class Shot(Struct, frozen=True):
    """Seconds each counted request took, and how many were not answered 2xx."""

    taken: list[float]
    refused: int


class _Caller(asyncio.Protocol):
    """One connection: the next request leaves when the last answer is complete."""

    def __init__(self, requests: Callable[[], bytes], warm: float, end: float) -> None:
        self.requests, self.warm, self.end = requests, warm, end
        self.taken: list[float] = []
        self.refused = 0
        self.done = asyncio.get_running_loop().create_future()
        self.answer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's own kind
        self.ask()

    def ask(self) -> None:
        self.began = time.perf_counter()
        self.transport.write(self.requests())

    def data_received(self, data: bytes) -> None:
        self.answer += data
        head, found, body = self.answer.partition(b"\r\n\r\n")
        if not found or len(body) < _length(head):
            return
        now = time.perf_counter()
        if now > self.warm:
            self.taken.append(now - self.began)
            self.refused += head[9:10] != b"2"
        self.answer = b""
        if now < self.end:
            self.ask()
        else:
            self.transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        if not self.done.done():
            self.done.set_result(None)


def shoot(port: int, requests: list[Callable[[], bytes]], seconds: float) -> Shot:
    """A connection for each of `requests`, for `seconds` after the warm-up."""

    async def all_of_them() -> list[_Caller]:
        loop = asyncio.get_running_loop()
        warm = time.perf_counter() + WARM_UP
        callers = []
        for one in requests:
            _, caller = await loop.create_connection(
                lambda one=one: _Caller(one, warm, warm + seconds), "127.0.0.1", port
            )
            callers.append(caller)
        async with asyncio.timeout(WARM_UP + seconds + 30):
            await asyncio.gather(*(caller.done for caller in callers))
        return callers

    callers = uvloop.run(all_of_them())
    return Shot([t for caller in callers for t in caller.taken], sum(caller.refused for caller in callers))


def _length(head: bytes) -> int:
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    raise ValueError(f"no length: {head!r}")
