"""A bus of OSDP readers: one serial line, one thread, one libosdp panel for all of them.

The library is driven from our own thread and from nothing else. Its own
refresh thread dies of the first error of a channel, and its event queues grow
without an end when nobody reads them; so the channel here keeps errors for
itself, the thread looks at them, and events come by the callback alone.
"""

import queue
import select
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import osdp
from serial import Serial, SerialException

from aldaba_edge.backoff import Backoff
from aldaba_edge.codecs.osdp import AnswerReader
from aldaba_edge.drivers.osdp_station import Station
from aldaba_edge.drivers.serial_line import open_line
from aldaba_edge.drivers.supervised import DeviceLost, Session, Supervised
from aldaba_edge.ports import ReaderLost, Reading

TURN_SECONDS: Final = 0.01
"""The longest pause between two turns of the panel; an answer on the line ends it sooner."""
Event = dict[str, Any]
Command = Mapping[str, object]


@dataclass(slots=True)
class Member:
    """One reader on the bus: its key, what is done with its events, and what it still has to show."""

    address: int
    key: bytes
    station: Station
    post: Callable[[Reading], None]
    on_event: Callable[[Event, float], None]
    commands: "queue.SimpleQueue[Command]" = field(default_factory=queue.SimpleQueue)


class OsdpBus:
    """The readers of one line. The last one to leave ends the thread; the next one to join starts it anew."""

    def __init__(self, path: str, baud: int, retry_seconds: float) -> None:
        self._path = path
        self._baud = baud
        self._backoff = Backoff(first=retry_seconds)
        self._lock = threading.Lock()
        self._members: list[Member] = []
        self._changed = threading.Event()
        self._thread: Supervised | None = None

    def join(self, member: Member) -> None:
        """Serve one more reader; the panel is built anew with all of them."""
        with self._lock:
            self._members.append(member)
            self._changed.set()
            if self._thread is None:
                self._thread = Supervised(self._path, self._serve, self._backoff)
                self._thread.start(self._line_news)

    def leave(self, member: Member) -> None:
        """Serve one less; joins the thread when it was the last."""
        with self._lock:
            self._members = [one for one in self._members if one is not member]
            self._changed.set()
            thread = None
            if not self._members:
                thread, self._thread = self._thread, None
        if thread is not None:
            thread.stop()

    def _line_news(self, reading: Reading) -> None:
        """A line that is gone takes every reader with it; each says by itself when it is back."""
        if isinstance(reading, ReaderLost):
            for member in self._now():
                for news in member.station.line_lost(reading.why):
                    member.post(news)

    def _now(self) -> list[Member]:
        with self._lock:
            return list(self._members)

    def _serve(self, session: Session) -> None:
        with open_line(self._path, self._baud) as line:
            session.ready()
            while not session.stopping.is_set():
                self._changed.clear()
                members = self._now()
                if members:
                    _Panel(line, members).run(lambda: session.stopping.is_set() or self._changed.is_set())
                else:  # the last one has left, and we are about to be told to end
                    session.stopping.wait(TURN_SECONDS)


class _Panel:
    """libosdp's control panel over a fixed set of readers."""

    def __init__(self, line: Serial, members: list[Member]) -> None:
        self._line = line
        self._members = members
        self._answers = AnswerReader()
        self._events: list[tuple[int, Event]] = []
        self._channel = LineChannel(line, self._heard)
        told = [
            osdp.PDInfo(one.address, self._channel, scbk=one.key, flags=[osdp.LibFlag.EnforceSecure]) for one in members
        ]
        self._panel = osdp.ControlPanel(told, log_level=osdp.LogLevel.Emergency).ctx
        self._panel.set_event_callback(self._on_event)

    def run(self, ended: Callable[[], bool]) -> None:
        """Turn the panel until the set of readers changes.

        Raises:
            DeviceLost: the line is gone.
        """
        now = time.monotonic()
        for member in self._members:
            member.station.line_back(now)
        while not ended():
            self._send()
            self._panel.refresh()
            if self._channel.broken is not None:
                raise DeviceLost(str(self._line.port), "device_gone") from self._channel.broken
            self._judge(time.monotonic())
            select.select([self._line.fileno()], [], [], TURN_SECONDS)

    def _send(self) -> None:
        for number, member in enumerate(self._members):
            while not member.commands.empty():
                command = member.commands.get()
                if member.station.trusted:
                    self._panel.submit_command(number, dict(command))

    def _heard(self, received: bytes) -> None:
        now = time.monotonic()
        for answer in self._answers.feed(received):
            for member in self._members:
                if member.address == answer.address:
                    member.station.heard(now, in_clear=answer.in_clear)

    def _on_event(self, number: int, event: Event) -> int:
        self._events.append((number, event))
        return 0

    def _judge(self, now: float) -> None:
        """First who can be believed, then what they said: an event of a reader that is not secured is dropped."""
        secured = self._panel.sc_status()
        for number, member in enumerate(self._members):
            for news in member.station.look(now, secured=bool(secured & 1 << number)):
                member.post(news)
            self._switch(number, member.station, now)
        events, self._events = self._events, []
        for number, event in events:
            if self._members[number].station.trusted:
                self._members[number].on_event(event, now)

    def _switch(self, number: int, station: Station, now: float) -> None:
        """Have the library ask this reader or leave it alone; it obeys in its own time, so this is said again."""
        on = bool(self._panel.is_pd_enabled(number))
        if station.wanted(now, off=not on) is not on:
            (self._panel.disable_pd if on else self._panel.enable_pd)(number)


class LineChannel(osdp.Channel):  # type: ignore[misc]  # libosdp ships no types
    """The line as libosdp wants it: never blocks, and never raises into the library, which would not survive it."""

    def __init__(self, line: Serial, heard: Callable[[bytes], None]) -> None:
        super().__init__()
        self.broken: Exception | None = None
        self._line = line
        self._heard = heard

    def read(self, max_bytes: int) -> bytes:
        """What has arrived, perhaps nothing."""
        try:
            received: bytes = self._line.read(min(self._waiting(), max_bytes))
        except (OSError, SerialException) as error:
            self.broken = error
            return b""
        self._heard(received)
        return received

    def write(self, buf: bytes) -> int:
        """Send all of it; what a lost line does not take is lost with it."""
        try:
            self._line.write(buf)
        except (OSError, SerialException) as error:
            self.broken = error
        return len(buf)

    def flush(self) -> None:
        """The library wants none of what is waiting; who answered in clear is looked for in it all the same."""
        self.read(self._waiting())

    def _waiting(self) -> int:
        try:
            waiting: int = self._line.in_waiting
        except (OSError, SerialException) as error:
            self.broken = error
            return 0
        return waiting
