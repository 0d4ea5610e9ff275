"""Live pages: news is drawn once, however many boards are open.

Whoever has news tells the hub from any thread. Renderers draw it once per
audience (a site, in a language), and every open board of that audience gets the
same bytes. A board that is slow loses nothing that still matters: of the frames
with a key only the newest waits for it, of those without only the last few.
"""

import asyncio
from collections import defaultdict, deque
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence
from typing import Final, NamedTuple, TypeAlias

import msgspec

from aldaba_shared.ids import NetworkId, SiteId

BEAT_SECONDS: Final = 10.0
"""So often an idle stream says that it lives."""

WAITING_FRAMES: Final = 200


class News(NamedTuple):
    """What a board may show. `kind` is `zone`, `event`, `rules` or `alarm`; `key` says what it replaces."""

    network: NetworkId
    site: SiteId
    kind: str
    key: str
    body: Mapping[str, object]


class Frame(NamedTuple):
    """What boards of an audience get, in the bytes of a server-sent event; an empty key replaces nothing."""

    audience: str
    kind: str
    key: str
    data: bytes


Renderer: TypeAlias = Callable[[Sequence[News]], Iterable[Frame]]


def server_sent(kind: str, text: str) -> bytes:
    r"""The bytes of one server-sent event (WHATWG HTML, section 9.2).

    >>> server_sent("zone", "one\ntwo")
    b'event: zone\ndata: one\ndata: two\n\n'
    """
    lines = "".join(f"data: {line}\n" for line in text.splitlines() or [""])
    return f"event: {kind}\n{lines}\n".encode()


BEAT: Final = server_sent("beat", "")


def plain_audience(site: SiteId) -> str:
    """The audience of boards that read JSON."""
    return f"{site}/json"


def draw_plainly(news: Sequence[News]) -> Iterable[Frame]:
    """News as JSON, for programs and for our benches."""
    for one in news:
        text = msgspec.json.encode(one.body).decode()
        key = "" if one.kind == "event" else one.key
        yield Frame(plain_audience(one.site), one.kind, key, server_sent(one.kind, text))


class Board:
    """One open stream: frames wait here until its connection takes them."""

    def __init__(self, audience: str) -> None:
        self.audience = audience
        self.loop = asyncio.get_running_loop()
        self._newest: dict[tuple[str, str], bytes] = {}
        self._last: deque[bytes] = deque(maxlen=WAITING_FRAMES)
        self._woken = asyncio.Event()

    def put(self, frame: Frame) -> None:
        """Let a frame wait; call it on the board's own loop."""
        if frame.key:
            self._newest[frame.kind, frame.key] = frame.data
        else:
            self._last.append(frame.data)
        self._woken.set()

    async def take(self) -> bytes:
        """Everything that waits, or a beat when nothing came for a while."""
        try:
            await asyncio.wait_for(self._woken.wait(), BEAT_SECONDS)
        except TimeoutError:
            return BEAT
        self._woken.clear()
        waiting = b"".join((*self._newest.values(), *self._last))
        self._newest.clear()
        self._last.clear()
        return waiting


class Hub:
    """Where news comes in and open boards listen."""

    def __init__(self, *renderers: Renderer) -> None:
        self.renderers: list[Renderer] = list(renderers) or [draw_plainly]
        self._boards: defaultdict[str, set[Board]] = defaultdict(set)

    @property
    def watched(self) -> bool:
        """Whether any board is open."""
        return any(self._boards.values())

    def audiences(self) -> frozenset[str]:
        """The audiences somebody watches, so that a renderer draws for nobody else."""
        return frozenset(audience for audience, boards in list(self._boards.items()) if boards)

    def tell(self, news: Sequence[News]) -> None:
        """Draw news once and hand it to every open board; may be called from any thread."""
        if news and self.watched:
            self.publish([frame for renderer in self.renderers for frame in renderer(news)])

    def publish(self, frames: Sequence[Frame]) -> None:
        """Hand frames to the boards of their audiences."""
        loops = {board.loop for frame in frames for board in tuple(self._boards.get(frame.audience, ()))}
        for loop in loops:
            loop.call_soon_threadsafe(self._deliver, frames, loop)

    def _deliver(self, frames: Sequence[Frame], loop: asyncio.AbstractEventLoop) -> None:
        for frame in frames:
            for board in self._boards.get(frame.audience, ()):
                if board.loop is loop:
                    board.put(frame)

    async def stream(self, audience: str, first: bytes = b"") -> AsyncGenerator[bytes, None]:
        """The frames of one board until its connection goes; `first` is sent at once."""
        board = Board(audience)
        self._boards[audience].add(board)
        try:
            yield first or BEAT
            while True:
                yield await board.take()
        finally:
            self._boards[audience].discard(board)
