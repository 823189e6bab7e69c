"""Questions that come while one is on its way go together in the next: one round trip and one snapshot for all.

Each is asked after it came, so nobody hears an older answer than he would have got alone, and a lone one is asked at
once: by the very thread that has it, or for an event loop by a thread kept for that.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Lock
from typing import Generic, TypeVar, cast

from psycopg import OperationalError
from psycopg_pool import PoolTimeout

from ckr_es.store import aside
from ckr_es.store.turns import Turn, go_on

Q = TypeVar("Q")
A = TypeVar("A")


class _Question(Generic[Q, A]):
    """In its `turn` there is an answer or an error; with neither, this thread asks for all who wait."""

    __slots__ = ("answer", "answered", "error", "question", "turn")

    def __init__(self, question: Q) -> None:
        self.question = question
        self.answer: A | None = None
        self.answered = False
        self.error: BaseException | None = None
        self.turn = Turn()


class Together(Generic[Q, A]):
    """`ask` answers any number of questions, at most `most`; at most `ways` threads are asking at a time.

    One event loop at most may ask too, in as many ways of its own.
    """

    def __init__(self, ask: Callable[[Sequence[Q]], Sequence[A]], most: int = 64, ways: int = 2) -> None:
        self._ask = ask
        self._most = most
        self._free = ways
        self._waiting: deque[_Question[Q, A]] = deque()
        self._lock = Lock()
        self._loop_free = ways
        self._loop_waiting: deque[tuple[_Question[Q, A], asyncio.Future[A]]] = deque()
        self._loop_threads = ThreadPoolExecutor(ways, "together")
        self._asking: set[asyncio.Task[None]] = set()

    async def on_loop(self, question: Q) -> A:
        """The answer, for a coroutine."""
        there: asyncio.Future[A] = asyncio.get_running_loop().create_future()
        self._loop_waiting.append((_Question(question), there))
        if self._loop_free > 0:
            self._loop_free -= 1
            asking = asyncio.create_task(self._ask_for_loop())
            self._asking.add(asking)
            asking.add_done_callback(self._asking.discard)
        return await there

    def __call__(self, question: Q) -> A:
        """The answer, for a thread; aside, the loop hears it."""
        if aside.is_aside():
            return aside.wait(self.on_loop(question))
        mine: _Question[Q, A] = _Question(question)
        with self._lock:
            if asks := self._free > 0:
                self._free -= 1
            else:
                self._waiting.append(mine)
        if not asks:
            mine.turn.wait()
        if not mine.answered:
            self._ask_for_all(mine)
        if mine.error is not None:
            raise mine.error
        return cast(A, mine.answer)

    async def _ask_for_loop(self) -> None:
        """For those who wait on the loop, until nobody does."""
        try:
            while self._loop_waiting:
                most = min(len(self._loop_waiting), self._most)
                taken = [self._loop_waiting.popleft() for _ in range(most)]
                asked = [one for one, _ in taken]
                try:
                    await asyncio.get_running_loop().run_in_executor(self._loop_threads, self._answer, asked)
                except Exception as e:  # noqa: BLE001 - it is raised again wherever it was asked
                    if isinstance(e, PoolTimeout):  # the others would wait as long, and in vain
                        taken += self._loop_waiting
                        self._loop_waiting.clear()
                    for one, _ in taken:
                        if not one.answered:
                            one.error = e
                for one, there in taken:
                    if there.done():  # whoever asked has left
                        continue
                    if one.error is not None:
                        there.set_exception(one.error)
                    else:
                        there.set_result(cast(A, one.answer))
        finally:
            self._loop_free += 1

    def _ask_for_all(self, mine: _Question[Q, A]) -> None:
        """For this thread and those who wait already. It does so once: then the first of those who came since does."""
        asked = [mine, *self._taken(self._most - 1)]
        try:
            self._answer(asked)
        except BaseException as e:  # noqa: BLE001 - it is raised again in every thread that asked
            if isinstance(e, PoolTimeout):  # the others would wait as long, and in vain
                asked += self._taken(len(self._waiting))
            for one in asked:
                if not one.answered:
                    one.error, one.answered = e, True
        finally:
            go_on([one.turn for one in asked[1:]])
            with self._lock:
                if self._waiting:
                    self._waiting.popleft().turn.come()
                else:
                    self._free += 1

    def _taken(self, most: int) -> list[_Question[Q, A]]:
        with self._lock:
            return [self._waiting.popleft() for _ in range(min(len(self._waiting), most))]

    def _answer(self, asked: Sequence[_Question[Q, A]]) -> None:
        """A question that can't be asked harms nobody else; a server that is away answers nobody."""
        try:
            answers = self._ask([one.question for one in asked])
        except Exception as e:
            if len(asked) == 1 or isinstance(e, OperationalError):
                raise
            for one in asked:
                try:
                    [one.answer] = self._ask([one.question])
                except Exception as error:  # noqa: BLE001 - whatever it is, it is for whoever asked
                    one.error = error
                one.answered = True
        else:
            for one, answer in zip(asked, answers, strict=True):
                one.answer, one.answered = answer, True
