"""Plain functions on an event loop: left while they wait, taken up again, and none the wiser."""

import asyncio
import threading

import pytest

from ckr_es.store import aside


def test_code_goes_on_with_what_it_waited_for() -> None:
    def code(n: int) -> int:
        return n + aside.wait(asyncio.sleep(0, 10)) + aside.wait(asyncio.sleep(0, 100))

    assert asyncio.run(aside.run(code, 1)) == 111


def test_what_goes_wrong_is_raised_where_it_is_waited_for() -> None:
    async def broken() -> None:
        raise KeyError("x")

    def code() -> str:
        try:
            aside.wait(broken())
        except KeyError as error:
            return f"had {error}"
        return "nothing"

    def careless() -> None:
        aside.wait(broken())

    assert asyncio.run(aside.run(code)) == "had 'x'"
    with pytest.raises(KeyError):
        asyncio.run(aside.run(careless))


def test_who_is_cancelled_leaves_its_code_properly() -> None:
    left = []

    def code() -> None:
        try:
            aside.sleep(60)
        finally:
            left.append(True)

    async def main() -> None:
        task = asyncio.create_task(aside.run(code))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert left == [True]


def test_many_wait_on_one_thread_and_one_wakes_them_all() -> None:
    turns: list[aside.Turn] = []

    def code(n: int) -> tuple[int, bool, int]:
        turns.append(aside.Turn())
        return n, turns[n].wait(10), threading.get_ident()

    async def main() -> list[tuple[int, bool, int]]:
        waiting = asyncio.gather(*(aside.run(code, n) for n in range(200)))
        await asyncio.sleep(0)
        answering = threading.Thread(target=aside.go_on, args=(turns,))
        answering.start()
        heard = await waiting
        answering.join()
        return heard

    here = threading.get_ident()
    assert asyncio.run(main()) == [(n, True, here) for n in range(200)]


def test_patience_ends_and_what_comes_after_it_harms_nobody() -> None:
    def code() -> bool:
        turn = aside.Turn()
        came = turn.wait(0.01)
        aside.go_on([turn])
        aside.sleep(0.01)
        return came

    assert asyncio.run(aside.run(code)) is False
