"""Questions asked together: each after it came, none harmed by another."""

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any

from psycopg_pool import PoolTimeout

from ckr_es.store import aside
from ckr_es.store.together import Together


class Desk:
    """Answers n by n * 10, once the door is open; 13 can't be asked, and with no server nothing can."""

    def __init__(self, ways: int = 1) -> None:
        self.door = Event()
        self.asked: list[list[int]] = []
        self.away = False
        self.together = Together(self.answers, most=8, ways=ways)

    def answers(self, questions: Sequence[int]) -> list[int]:
        self.asked.append(list(questions))
        assert self.door.wait(10)
        if self.away:
            raise PoolTimeout("no connection")
        if 13 in questions:
            raise ValueError("13")
        return [10 * n for n in questions]

    def in_threads(self, questions: Sequence[int]) -> list[Any]:
        """The first is on its way before the others come; those wait before the door is opened."""
        with ThreadPoolExecutor(32) as threads:
            futures = [threads.submit(self.together, questions[0])]
            _until(lambda: len(self.asked) == 1)
            futures += [threads.submit(self.together, n) for n in questions[1:]]
            _until(lambda: len(self.together._waiting) == len(questions) - 1)
            self.door.set()
            return [future.exception() or future.result() for future in futures]


def _until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.001)


def test_a_lone_question_is_asked_at_once() -> None:
    desk = Desk()
    desk.door.set()
    assert (desk.together(7), desk.asked) == (70, [[7]])


def test_what_comes_meanwhile_goes_together_in_the_next_and_is_bounded() -> None:
    desk = Desk()
    assert desk.in_threads(range(12)) == [10 * n for n in range(12)]
    assert [len(asked) for asked in desk.asked] == [1, 8, 3]
    assert sorted(n for asked in desk.asked for n in asked) == list(range(12))


def test_a_question_that_cannot_be_asked_harms_no_neighbour() -> None:
    desk = Desk()
    one, two, bad, four = desk.in_threads([1, 2, 13, 4])
    assert (one, two, four) == (10, 20, 40)
    assert isinstance(bad, ValueError)


def test_without_a_server_nobody_waits_for_another_turn() -> None:
    desk = Desk()
    desk.away = True
    assert {type(said) for said in desk.in_threads(range(12))} == {PoolTimeout}
    assert len(desk.asked) == 1 or [len(asked) for asked in desk.asked] == [1, 8]


def test_after_an_error_the_next_is_asked_as_before() -> None:
    desk = Desk()
    desk.in_threads([13, 1])
    assert desk.together(5) == 50


def test_a_slow_question_stops_only_one_of_two_ways() -> None:
    asked = Event()
    slow = Event()

    def answers(questions: Sequence[int]) -> Sequence[int]:
        if 0 in questions:
            asked.set()
            assert slow.wait(10)
        return questions

    together = Together(answers, ways=2)
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(together, 0)
        assert asked.wait(10)
        assert together(1) == 1
        slow.set()
        assert waiting.result(10) == 0


def heard_on_a_loop(desk: Desk, questions: Sequence[int]) -> list[Any]:
    """The first is on its way before the others come, as plain code that waits aside."""

    async def main() -> list[Any]:
        tasks = [asyncio.create_task(aside.run(desk.together, questions[0]))]
        await asyncio.to_thread(_until, lambda: len(desk.asked) == 1)
        tasks += [asyncio.create_task(aside.run(desk.together, n)) for n in questions[1:]]
        await asyncio.sleep(0.01)
        desk.door.set()
        return await asyncio.gather(*tasks, return_exceptions=True)

    return asyncio.run(main())


def test_on_an_event_loop_what_comes_meanwhile_goes_together_too() -> None:
    desk = Desk()
    assert heard_on_a_loop(desk, range(12)) == [10 * n for n in range(12)]
    assert [len(asked) for asked in desk.asked] == [1, 8, 3]


def test_on_an_event_loop_a_question_that_cannot_be_asked_harms_no_neighbour() -> None:
    desk = Desk()
    one, two, bad, four = heard_on_a_loop(desk, [1, 2, 13, 4])
    assert (one, two, four) == (10, 20, 40)
    assert isinstance(bad, ValueError)
    assert desk.together(5) == 50


def test_on_an_event_loop_nobody_waits_for_another_turn_without_a_server() -> None:
    desk = Desk()
    desk.away = True
    assert {type(said) for said in heard_on_a_loop(desk, range(12))} == {PoolTimeout}
    assert len(desk.asked) == 1 or [len(asked) for asked in desk.asked] == [1, 8]
