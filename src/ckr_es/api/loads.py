"""Loads of files that go on in this process, whoever waits for them, until they end or the process does."""

import asyncio
import re
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from threading import Event, Lock, Thread, current_thread
from typing import Any, Final, Generic, TypeVar
from uuid import UUID

import structlog
from litestar import Response
from psycopg import Error as PostgresError

from ckr_es.api.problems import problem
from ckr_es.registry.loading import Stopped, Watch
from ckr_es.rules import Refused
from ckr_es.store.writer import Overloaded

PATIENCE: Final = 5.0  # seconds a load has to come to rest when the process ends
AT_ONCE: Final = 8  # loads of a process; each is a thread and a connection
WAIT, LONGEST_WAIT = 10, 30  # seconds an answer waits for the end of a load
PREFERRED: Final = re.compile(r"(?:^|[,;\s])wait\s*=\s*\"?([0-9]{1,6})")
T = TypeVar("T")
log = structlog.get_logger(__name__)


class Load(Generic[T]):
    """`began` is the id of what is loaded as soon as it is known, `done` what became of it."""

    def __init__(self) -> None:
        self.began: Future[UUID] = Future()
        self.done: Future[T] = Future()

    async def ended(self, seconds: float, began: Callable[[UUID], None]) -> T | UUID:
        """What became of it, or only its id where that takes longer; what went wrong is raised.

        `began` hears, in another thread, the id as soon as it is known.
        """
        known: asyncio.Future[UUID] = asyncio.wrap_future(self.began)
        done: asyncio.Future[T] = asyncio.wrap_future(self.done)
        either: set[asyncio.Future[Any]] = {known, done}
        done.add_done_callback(lambda ended: ended.exception())  # heard, even if nobody waits for it any more
        deadline = asyncio.get_running_loop().time() + seconds
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if known.done():
            await asyncio.to_thread(began, known.result())
        await asyncio.wait({done}, timeout=max(0.0, deadline - asyncio.get_running_loop().time()))
        return done.result() if done.done() else known.result()

    async def begun(self) -> UUID:
        """The id as soon as it is known; what went wrong before is raised."""
        known: asyncio.Future[UUID] = asyncio.wrap_future(self.began)
        done: asyncio.Future[T] = asyncio.wrap_future(self.done)
        either: set[asyncio.Future[Any]] = {known, done}
        done.add_done_callback(lambda ended: ended.exception())
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if not known.done():
            done.result()
        return known.result()


class Loads:
    """The loads of one process."""

    def __init__(self) -> None:
        self._stopping = Event()
        self._threads: set[Thread] = set()
        self._lock = Lock()

    def start(self, work: Callable[[Watch], T], path: Path | None = None) -> Load[T]:
        """Works in a thread of its own and then deletes the file; what goes wrong is for `done`, and for the log.

        Overloaded when too many are under way; the file goes then too.
        """
        started: Load[T] = Load()
        # A daemon: a process that ends does not wait for a large member.
        thread = Thread(target=self._run, args=(work, path, started), name="load", daemon=True)
        with self._lock:
            if len(self._threads) >= AT_ONCE:
                if path is not None:
                    path.unlink(missing_ok=True)
                raise Overloaded(f"{AT_ONCE} loads are under way already")
            self._threads.add(thread)
        thread.start()
        return started

    def stop(self) -> None:
        """They stop between two batches; the next one goes on from there."""
        self._stopping.set()
        with self._lock:
            threads = list(self._threads)
        for thread in threads:
            thread.join(PATIENCE)

    def _run(self, work: Callable[[Watch], T], path: Path | None, started: Load[T]) -> None:
        watch = Watch(began=started.began.set_result, stopped=self._stopping.is_set)
        try:
            try:
                done = work(watch)
            finally:
                if path is not None:
                    path.unlink(missing_ok=True)
                with self._lock:
                    self._threads.discard(current_thread())
        except BaseException as error:
            if not isinstance(error, Refused | Stopped):
                # PostgreSQL's text may show the row it failed on.
                shown = None if isinstance(error, PostgresError) else error
                log.warning("load failed", error=type(error).__name__, exc_info=shown)
            started.done.set_exception(error)
        else:
            started.done.set_result(done)


def seconds(prefer: str | None) -> int:
    """RFC 7240, `wait`: seconds."""
    said = PREFERRED.search(prefer or "")
    return min(int(said[1]), LONGEST_WAIT) if said else WAIT


def interrupted() -> Response[Any]:
    detail = "Загрузка прервана: пришлите тот же файл ещё раз, она продолжится"
    return problem(503, "load-interrupted", detail, headers={"Retry-After": "5"})
