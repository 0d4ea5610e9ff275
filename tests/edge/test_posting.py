"""What threads post to the loop is called there in order, and one that fails takes nobody with it."""

import asyncio
import threading
from functools import partial
from typing import Any

from aldaba_edge.clock import AsyncioClock


def test_what_a_thread_posts_is_called_on_the_loop_in_order() -> None:
    called: list[tuple[int, str]] = []

    def note(number: int) -> None:
        called.append((number, threading.current_thread().name))

    async def life() -> None:
        clock, through = AsyncioClock(asyncio.get_running_loop()), asyncio.Event()

        def post() -> None:
            for number in range(100):
                clock.post(partial(note, number))
            clock.post(through.set)

        thread = threading.Thread(target=post)
        thread.start()
        await asyncio.wait_for(through.wait(), 5)
        thread.join()

    asyncio.run(life())
    assert called == [(number, threading.current_thread().name) for number in range(100)]


def test_what_fails_is_told_and_the_next_is_called_all_the_same() -> None:
    told: list[dict[str, Any]] = []

    async def life() -> None:
        loop, through = asyncio.get_running_loop(), asyncio.Event()
        loop.set_exception_handler(lambda _loop, context: told.append(context))
        clock = AsyncioClock(loop)

        def again() -> None:
            clock.post(through.set)

        clock.post(lambda: 1 // 0)  # type: ignore[arg-type]  # it never answers
        clock.post(again)
        await asyncio.wait_for(through.wait(), 5)

    asyncio.run(life())
    assert [type(context["exception"]) for context in told] == [ZeroDivisionError]


def test_a_loop_that_has_ended_wants_nothing_any_more() -> None:
    called: list[int] = []

    async def life() -> AsyncioClock:
        return AsyncioClock(asyncio.get_running_loop())

    asyncio.run(life()).post(lambda: called.append(1))
    assert called == []
