"""Loads of registers that go on in this process, whoever waits for them, until they end or the process does."""

from concurrent.futures import Future
from threading import Event, Lock, Thread, current_thread
from typing import Final
from uuid import UUID

import structlog
from psycopg import Error as PostgresError

from ckr_es.application import ServiceTracking
from ckr_es.registry.loading import Order, Stopped, Watch, load
from ckr_es.registry.snapshots import Snapshot
from ckr_es.rules import Refused

PATIENCE: Final = 5.0  # seconds a load has to come to rest when the process ends
log = structlog.get_logger(__name__)


class Load:
    """`began` is the snapshot's id as soon as it is known, `done` what became of it."""

    def __init__(self) -> None:
        self.began: Future[UUID] = Future()
        self.done: Future[Snapshot] = Future()


class Loads:
    """The loads of one process."""

    def __init__(self, tracking: ServiceTracking) -> None:
        self._tracking = tracking
        self._stopping = Event()
        self._threads: set[Thread] = set()
        self._lock = Lock()

    def start(self, order: Order) -> Load:
        """Loads the file from a thread of its own and deletes it; what goes wrong is for `done`, and for the log."""
        started = Load()
        # A daemon: a process that ends does not wait for a large member.
        thread = Thread(target=self._run, args=(order, started), name="registry-load", daemon=True)
        with self._lock:
            self._threads.add(thread)
        thread.start()
        return started

    def stop(self) -> None:
        """They stop between two batches; the next load of the same file goes on from there."""
        self._stopping.set()
        with self._lock:
            threads = list(self._threads)
        for thread in threads:
            thread.join(PATIENCE)

    def _run(self, order: Order, started: Load) -> None:
        watch = Watch(began=started.began.set_result, stopped=self._stopping.is_set)
        try:
            try:
                done = load(self._tracking, order, watch)
            finally:
                order.path.unlink(missing_ok=True)
                with self._lock:
                    self._threads.discard(current_thread())
        except BaseException as error:
            if not isinstance(error, Refused | Stopped):
                # PostgreSQL's text may show the row it failed on.
                shown = None if isinstance(error, PostgresError) else error
                log.warning("registry load failed", error=type(error).__name__, exc_info=shown)
            started.done.set_exception(error)
        else:
            started.done.set_result(done)
