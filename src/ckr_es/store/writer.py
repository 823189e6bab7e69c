"""Group commit: the commands of a process go through the append door together, and a lone one goes at once.

Whoever finds the writer idle calls the door on his own thread, unless that is an event loop's. What comes during a call
goes in the next, made by the writer's thread: one transaction, one lock, one round trip and one flush for all of it;
each is judged for itself.
"""

from collections import deque
from collections.abc import Callable, Sequence
from queue import SimpleQueue
from threading import Event, Lock, Thread
from time import monotonic
from typing import Self

import psycopg

from ckr_es.store import aside
from ckr_es.store.door import Command, Outcome, append, outcomes
from ckr_es.store.prepared import Connection
from ckr_es.store.turns import Turn, go_on

LOST_AT_MOST = 3  # connections that one call may lose before its commands are tried one by one
LOST = ("08", "57P")  # SQLSTATE classes of a connection or a server that went away
FIRST_PAUSE, LONGEST_PAUSE = 0.05, 1.0  # seconds between attempts to connect


class Overloaded(Exception):
    """The command was certainly not recorded: there was no time or no room for it."""


class OutcomeUnknown(Exception):
    """The command may have been recorded or may be yet. Repeating it under the same key tells."""


class Entry:
    """A command and what became of it: in its `turn` there is an outcome or an error.

    Once it is `taken` to the door it may be recorded, whatever its caller hears; when he has `left`, nobody hears.
    """

    __slots__ = ("command", "error", "left", "outcome", "taken", "turn")

    def __init__(self, command: Command) -> None:
        self.command = command
        self.outcome: Outcome | None = None
        self.error: Exception | None = None
        self.taken = False
        self.left = False
        self.turn = aside.Turn() if aside.is_aside() else Turn()

    def heard(self) -> Outcome:
        if isinstance(self.error, psycopg.OperationalError):
            raise Overloaded(f"the database refused: {self.error}") from self.error
        if self.error is not None:
            raise self.error
        assert self.outcome is not None
        return self.outcome


class Writer:
    """`connect` gives a connection that may call the door; the writer makes it autocommit and keeps it.

    While it is `_busy` somebody owns the connection: a caller who found it idle, or the writer's thread, to which
    whoever else owns it hands it over by waking it.
    """

    def __init__(self, connect: Callable[[], Connection], max_batch: int = 256, queue: int = 1024) -> None:
        self._connect = connect
        self._max_batch = max_batch
        self._queue_limit = queue
        self._queue: deque[Entry] = deque()
        self._lock = Lock()
        self._busy = True
        self._wake: SimpleQueue[None] = SimpleQueue()
        self._late = False  # the connection has a call under way whose caller went away
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
        entry = Entry(command)
        until = None if timeout is None else monotonic() + timeout
        with self._lock:
            if self._closing.is_set():
                raise Overloaded("the writer is closed")
            if len(self._queue) >= self._queue_limit:
                raise Overloaded(f"{self._queue_limit} commands are waiting already")
            conn = self._conn
            if self._busy or conn is None or conn.closed or aside.is_aside():
                conn = None
                self._queue.append(entry)
                if not self._busy:
                    self._wake.put(None)
            self._busy = True
        if conn is not None and self._alone(conn, entry, timeout):
            return entry.heard()
        if not entry.turn.wait(-1 if until is None else max(0.0, until - monotonic())):
            with self._lock:
                if not entry.taken:
                    self._queue.remove(entry)
                    raise Overloaded(f"not taken within {timeout} s")
                if entry.outcome is None and entry.error is None:
                    entry.left = True
                    raise OutcomeUnknown(f"no answer within {timeout} s")
            entry.turn.pass_on()
        return entry.heard()

    def close(self, timeout: float = 10.0) -> None:
        """Record what is waiting, then stop. What a dead server keeps waiting is given up."""
        with self._lock:
            self._closing.set()
            if not self._busy:
                self._busy = True
                self._wake.put(None)
        self._thread.join(timeout)

    def _alone(self, conn: Connection, entry: Entry, timeout: float | None) -> bool:
        """On the caller's thread. What takes longer than he has, or another connection, is left to the writer's."""
        entry.taken = True
        try:
            [entry.outcome] = append(conn, [entry.command], timeout)
        except TimeoutError:
            self._late = True
        except Exception as e:  # noqa: BLE001 - whatever it is, it is raised to the caller
            if self._lost(conn, e):
                self._queue.appendleft(entry)
            else:
                entry.error = e
        except BaseException:
            conn.close()
            raise
        finally:
            with self._lock:
                if self._queue or self._late or self._closing.is_set():
                    self._wake.put(None)
                else:
                    self._busy = False
        return entry.outcome is not None or entry.error is not None

    def _run(self) -> None:
        try:
            while self._wait_for_work():
                if self._connected():
                    self._record(self._taken())
                else:
                    self._give_up()
        finally:
            if self._conn:
                self._conn.close()

    def _wait_for_work(self) -> bool:
        """False when the writer is closed and nobody waits."""
        while True:
            with self._lock:
                if self._queue:
                    return True
                if self._closing.is_set():
                    return False
                self._busy = False
            self._wake.get()
            if self._late:
                self._late = False
                self._forget()

    def _forget(self) -> None:
        """The answer to a caller who went away is waited for, by nobody else than the connection."""
        assert self._conn is not None
        try:
            outcomes(self._conn)
        except psycopg.Error as e:
            self._lost(self._conn, e)

    def _taken(self) -> list[Entry]:
        with self._lock:
            taken = [self._queue.popleft() for _ in range(min(len(self._queue), self._max_batch))]
            for entry in taken:
                entry.taken = True
        return taken

    def _give_up(self) -> None:
        why = "the writer was closed without a connection"
        with self._lock:
            given_up = [(e, OutcomeUnknown(why) if e.taken else Overloaded(why)) for e in self._queue]
            for entry, _ in given_up:
                entry.taken = True
            self._queue.clear()
        self._tell([entry for entry, _ in given_up], [error for _, error in given_up])

    def _record(self, batch: Sequence[Entry]) -> None:
        if not batch:
            return
        try:
            self._tell(batch, self._call([entry.command for entry in batch]))
        except Exception as e:  # noqa: BLE001 - whatever it is, it is for the caller; this thread serves all of them
            if len(batch) > 1:
                for entry in batch:
                    self._record([entry])
            else:
                self._tell(batch, [e])

    def _tell(self, batch: Sequence[Entry], said: Sequence[Outcome | Exception]) -> None:
        with self._lock:
            for entry, one in zip(batch, said, strict=True):
                if isinstance(one, Outcome):
                    entry.outcome = one
                else:
                    entry.error = one
            turns = [entry.turn for entry in batch if not entry.left]
        go_on([turn for turn in turns if isinstance(turn, Turn)])
        aside.go_on([turn for turn in turns if isinstance(turn, aside.Turn)])

    def _call(self, commands: Sequence[Command]) -> list[Outcome]:
        """A call whose reply was lost is made again: the door knows by the keys what it has recorded."""
        for _ in range(LOST_AT_MOST):
            conn = self._connected()
            if conn is None:
                break
            try:
                return append(conn, commands)
            except psycopg.Error as e:
                if not self._lost(conn, e):
                    raise
        raise OutcomeUnknown("the connection was lost")

    def _lost(self, conn: Connection, error: Exception) -> bool:
        lost = isinstance(error, psycopg.Error) and (conn.closed or (error.sqlstate or "").startswith(LOST))
        if lost:
            conn.close()
        return lost

    def _connected(self) -> Connection | None:
        """Tries until it succeeds or the writer is closed. Commands not yet taken can time out meanwhile."""
        pause = FIRST_PAUSE
        while self._conn is None or self._conn.closed:
            try:
                conn = self._connect()
                conn.autocommit = True
                self._conn = conn
            except Exception:  # noqa: BLE001 - a server that is down or starting fails in many ways; all mean "again"
                if self._closing.wait(pause):
                    return None
                pause = min(2 * pause, LONGEST_PAUSE)
        return self._conn
