"""A process that records as fast as it can and says which lines it was told are durable; it is there to be killed."""

import asyncio
from multiprocessing.connection import Connection
from pathlib import Path

from aldaba_edge.books import open_books, threaded
from aldaba_edge.clock import AsyncioClock
from aldaba_edge.ports import Use
from aldaba_shared.events import DoorOpened
from aldaba_shared.ids import DoorId
from tests.edge.places import START, no_break


def record(folder: Path, tell: Connection) -> None:
    """Record in bursts for ever, a use of one pass with every third line; tell each sequence that is durable."""
    asyncio.run(_record(folder, tell))


async def _record(folder: Path, tell: Connection) -> None:
    clock = AsyncioClock(asyncio.get_running_loop())
    books = open_books(folder, clock, threaded(clock.post), boot="b", on_broken=no_break, reserve_bytes=4096)

    def told(sequence: int) -> None:
        tell.send_bytes(b"%d" % sequence)

    tell.send_bytes(b"0")
    while True:
        for _ in range(3):
            use = Use("pass", books.uses.own("pass") + 1, START)
            spend = use if (books.journal.last + 1) % 3 == 0 else None
            books.journal.record(DoorOpened(DoorId("front")), then=told, spend=spend)
        await asyncio.sleep(0.0005)
