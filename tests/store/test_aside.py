"""Plain functions on an event loop: left while they wait, taken up again, and none the wiser."""

import asyncio
import threading
from concurrent.futures import Future

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


def test_many_wait_on_one_thread_and_hear_each_their_own() -> None:
    futures: list[Future[int]] = [Future() for _ in range(200)]

    def code(n: int) -> tuple[int, int]:
        return aside.result(futures[n], 10), threading.get_ident()

    async def main() -> list[tuple[int, int]]:
        waiting = asyncio.gather(*(aside.run(code, n) for n in range(len(futures))))
        await asyncio.sleep(0)
        answering = threading.Thread(target=lambda: [f.set_result(n) for n, f in enumerate(futures)])
        answering.start()
        heard = await waiting
        answering.join()
        return heard

    here = threading.get_ident()
    assert asyncio.run(main()) == [(n, here) for n in range(len(futures))]


def test_patience_ends_alike_in_a_thread_and_aside() -> None:
    never: Future[int] = Future()
    with pytest.raises(TimeoutError):
        aside.result(never, 0.01)
    with pytest.raises(TimeoutError):
        asyncio.run(aside.run(aside.result, never, 0.01))
    assert not never.done()
