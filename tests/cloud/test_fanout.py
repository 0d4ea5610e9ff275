"""News is drawn once, however many boards are open, and a slow board keeps what still matters."""

import asyncio
from collections.abc import Iterable, Sequence

from aldaba_cloud.fanout import WAITING_FRAMES, Board, Frame, Hub, News, draw_plainly, plain_audience
from tests.cloud.conftest import BARCELONA, GIRONA, NETWORK


def zone(count: int, site: str = BARCELONA) -> News:
    return News(NETWORK, BARCELONA if site == BARCELONA else GIRONA, "zone", "zone_open", {"count": count})


def test_a_thousand_boards_get_news_that_was_drawn_once() -> None:
    drawn: list[int] = []

    def drawing(news: Sequence[News]) -> Iterable[Frame]:
        drawn.append(len(news))
        return draw_plainly(news)

    async def opened() -> list[bytes]:
        hub = Hub(drawing)
        boards = [hub.stream(plain_audience(BARCELONA)) for _ in range(1000)]
        for board in boards:
            await anext(board)
        await asyncio.to_thread(hub.tell, [zone(7)])
        got = [await anext(board) for board in boards]
        for board in boards:
            await board.aclose()
        assert not hub.watched
        return got

    got = asyncio.run(opened())
    assert drawn == [1]
    assert set(got) == {b'event: zone\ndata: {"count":7}\n\n'}


def test_a_board_hears_of_its_own_site_only() -> None:
    async def opened() -> bytes:
        hub = Hub()
        board = hub.stream(plain_audience(BARCELONA))
        await anext(board)
        hub.tell([zone(1, GIRONA), zone(2)])
        got = await anext(board)
        await board.aclose()
        return got

    assert asyncio.run(opened()) == b'event: zone\ndata: {"count":2}\n\n'


def test_a_slow_board_gets_the_newest_number_and_the_last_events() -> None:
    async def waited() -> bytes:
        board = Board("a")
        for number in range(WAITING_FRAMES + 50):
            board.put(Frame("a", "zone", "zone_open", b"z%d;" % number))
            board.put(Frame("a", "event", "", b"e%d;" % number))
        return await board.take()

    parts = asyncio.run(waited()).rstrip(b";").split(b";")
    assert parts[0] == b"z249"
    assert parts[1:] == [b"e%d" % number for number in range(50, 250)]
