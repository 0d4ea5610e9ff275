"""Many screens of one site: drawn once, each with everything, and shut when the session ends."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack, aclosing

import pytest
from fastapi import FastAPI

from aldaba_cloud.config import Config
from aldaba_cloud.db import Database
from aldaba_cloud.pages import screens as module
from aldaba_cloud.pages.kit import Page, Renderer
from aldaba_cloud.pages.screens import ENDED, Screens
from aldaba_shared.reasons import Language
from tests.cloud.conftest import BARCELONA, MONDAY_NOON, NETWORK
from tests.pages.space import Space

MANY = 200


class Counting(Renderer):
    """Templates that count how often they are drawn."""

    def __init__(self) -> None:
        super().__init__()
        self.drawn: Counter[str] = Counter()

    def draw(self, template: str, language: Language, context: Mapping[str, object]) -> str:
        self.drawn[template] += 1
        return super().draw(template, language, context)


@pytest.fixture
def space(database: Database, config: Config) -> Space:
    return Space(database, config, MONDAY_NOON).build()


@pytest.fixture
def renderer() -> Counting:
    return Counting()


def a_page(renderer: Renderer, language: Language = "en") -> Page:
    return Page(renderer, language, theme="", path="")


async def until(stream: AsyncGenerator[bytes, None], words: bytes) -> bytes:
    """What a screen is sent up to these words."""
    heard = b""
    while words not in heard:
        heard += await asyncio.wait_for(anext(stream), 20)
    return heard


@pytest.mark.feature(165)
def test_two_hundred_screens_get_a_tap_that_was_drawn_once(app: FastAPI, space: Space, renderer: Counting) -> None:
    async def look() -> list[bytes]:
        screens = Screens(app.state.cloud)
        async with AsyncExitStack() as stack:
            boards = [
                await stack.enter_async_context(
                    aclosing(screens.stream(a_page(renderer), NETWORK, BARCELONA, lambda: True))
                )
                for _number in range(MANY)
            ]
            for board in boards:
                await until(board, b"event: doors")
            renderer.drawn.clear()
            space.tap("Yuki Tanaka", "lane", MONDAY_NOON)
            app.state.cloud.live.tell(BARCELONA)
            return [await until(board, b"Yuki Tanaka") for board in boards]

    heard = asyncio.run(look())
    assert len(heard) == MANY
    assert len(set(heard)) == 1
    assert renderer.drawn["_event.html"] == 1
    assert b"event: zone-open" in heard[0]
    assert b"event: zone-llotja" not in heard[0]
    assert b"event: zones" not in heard[0]


def test_a_screen_that_comes_later_gets_what_the_others_have(app: FastAPI, space: Space, renderer: Counting) -> None:
    space.tap("Ana Ferrer", "street", MONDAY_NOON)

    async def look() -> bytes:
        screens = Screens(app.state.cloud)
        async with aclosing(screens.stream(a_page(renderer), NETWORK, BARCELONA, lambda: True)) as early:
            await until(early, b"Ana Ferrer")
            space.tap("Omar Haddad", "lane", MONDAY_NOON)
            app.state.cloud.live.tell(BARCELONA)
            await until(early, b"Omar Haddad")
            async with aclosing(screens.stream(a_page(renderer), NETWORK, BARCELONA, lambda: True)) as late:
                return await anext(late)

    first = asyncio.run(look())
    assert first.index(b"Ana Ferrer") < first.index(b"Omar Haddad")
    assert b"event: zones" in first


def test_each_language_has_its_own_drawing(app: FastAPI, space: Space, renderer: Counting) -> None:
    space.tap("Ana Ferrer", "street", MONDAY_NOON)

    async def look(language: Language) -> bytes:
        screens = Screens(app.state.cloud)
        async with aclosing(screens.stream(a_page(renderer, language), NETWORK, BARCELONA, lambda: True)) as board:
            return await until(board, b"Ana Ferrer")

    assert b"Came in" in asyncio.run(look("en"))
    assert b"Came in" not in asyncio.run(look("ca"))


def test_a_screen_whose_session_ended_is_told_so_and_shut(
    app: FastAPI, renderer: Counting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LOOK_SECONDS", -1)

    async def look() -> list[bytes]:
        screens = Screens(app.state.cloud)
        return [news async for news in screens.stream(a_page(renderer), NETWORK, BARCELONA, lambda: False)]

    assert asyncio.run(look()) == [ENDED]
