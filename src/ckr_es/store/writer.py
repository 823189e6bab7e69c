"""Group commit: one thread gathers the commands of a process into calls of the append door.

A call is one transaction: one lock, one round trip and one flush for all the commands that came while the
call before it was under way. Each is judged for itself, and a lone one waits for nobody.
"""

from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from threading import Condition, Event, Thread
from typing import Self

import psycopg

from ckr_es.store import aside
from ckr_es.store.door import Column, ColumnDumper, Command, Connection, Outcome, append

LOST_AT_MOST = 3  # connections that one call may lose before its commands are tried one by one
LOST = ("08", "57P")  # SQLSTATE classes of a connection or a server that went away
FIRST_PAUSE, LONGEST_PAUSE = 0.05, 1.0  # seconds between attempts to connect


class Overloaded(Exception):
    """The command was certainly not recorded: there was no time or no room for it."""


class OutcomeUnknown(Exception):
    """The command may have been recorded or may be yet. Repeating it under the same key tells."""


Entry = tuple[Command, "Future[Outcome]"]


class Writer:
    """`connect` gives a connection that may call the door; the writer makes it autocommit and keeps it."""

    def __init__(self, connect: Callable[[], Connection], max_batch: int = 256, queue: int = 1024) -> None:
        self._connect = connect
        self._max_batch = max_batch
        self._queue_limit = queue
        self._queue: deque[Entry] = deque()
        self._news = Condition()
        self._closing = Event()
        self._conn: Connection | None = None
        self._thread = Thread(target=self._run, name="ckr-writer", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def submit(self, command: Command, timeout: float | None = None) -> Outcome:
        """Record a command; `timeout` in seconds.

        Raises Overloaded, OutcomeUnknown, or what is wrong with the command itself (psycopg.Error,
        ValueError): then too it was not recorded.
        """
        future: Future[Outcome] = Future()
        with self._news:
            if self._closing.is_set():
                raise Overloaded("the writer is closed")
            if len(self._queue) >= self._queue_limit:
                raise Overloaded(f"{self._queue_limit} commands are waiting already")
            self._queue.append((command, future))
            self._news.notify()
        try:
            return aside.result(future, timeout)
        except TimeoutError:
            if future.cancel():
                raise Overloaded(f"not taken within {timeout} s") from None
            if future.done():
                return future.result()
            raise OutcomeUnknown(f"no answer within {timeout} s") from None

    def close(self, timeout: float = 10.0) -> None:
        """Record what is waiting, then stop. What a dead server keeps waiting is given up."""
        with self._news:
            self._closing.set()
            self._news.notify()
        self._thread.join(timeout)

    def _run(self) -> None:
        try:
            while self._wait_for_work():
                if self._connected():
                    self._record(self._take())
                else:
                    for _, future in self._take():
                        future.set_exception(Overloaded("the writer was closed without a connection"))
        finally:
            if self._conn:
                self._conn.close()

    def _wait_for_work(self) -> bool:
        with self._news:
            while not self._queue:
                if self._closing.is_set():
                    return False
                self._news.wait()
            return True

    def _take(self) -> list[Entry]:
        with self._news:
            count = min(len(self._queue), self._max_batch)
            entries = [self._queue.popleft() for _ in range(count)]
        return [entry for entry in entries if entry[1].set_running_or_notify_cancel()]

    def _record(self, batch: Sequence[Entry]) -> None:
        if not batch:
            return
        try:
            outcomes = self._call([command for command, _ in batch])
        except Exception as e:  # noqa: BLE001 - whatever it is, it is for the caller; this thread serves all of them
            if len(batch) > 1:
                for entry in batch:
                    self._record([entry])
            elif isinstance(e, psycopg.OperationalError):
                batch[0][1].set_exception(Overloaded(f"the database refused: {e}"))
            else:
                batch[0][1].set_exception(e)
        else:
            for (_, future), outcome in zip(batch, outcomes, strict=True):
                future.set_result(outcome)

    def _call(self, commands: Sequence[Command]) -> list[Outcome]:
        """A call whose reply was lost is made again: the door knows by the keys what it has recorded."""
        for _ in range(LOST_AT_MOST):
            conn = self._connected()
            if conn is None:
                break
            try:
                return append(conn, commands)
            except psycopg.Error as e:
                if not conn.closed and not (e.sqlstate or "").startswith(LOST):
                    raise
                conn.close()
        raise OutcomeUnknown("the connection was lost")

    def _connected(self) -> Connection | None:
        """Tries until it succeeds or the writer is closed. Commands not yet taken can time out meanwhile."""
        pause = FIRST_PAUSE
        while self._conn is None or self._conn.closed:
            try:
                conn = self._connect()
                conn.autocommit = True
                conn.adapters.register_dumper(Column, ColumnDumper)
                self._conn = conn
            except Exception:  # noqa: BLE001 - a server that is down or starting fails in many ways; all mean "again"
                if self._closing.wait(pause):
                    return None
                pause = min(2 * pause, LONGEST_PAUSE)
        return self._conn
