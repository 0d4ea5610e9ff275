"""The local socket: whoever stands at the controller with the right account can see and release.

One JSON object a line each way. The kernel says who is at the other end
(SO_PEERCRED), so there is no password: root and the daemon's own account may
ask, nobody else, and a release says in the books that it came from here.
"""

import asyncio
import json
import os
import socket
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, Protocol

import structlog

from aldaba_edge.doors import Doors
from aldaba_shared.errors import AldabaError
from aldaba_shared.ids import DoorId
from aldaba_shared.wire import Malformed

log: Final = structlog.get_logger()

LONGEST_LINE: Final = 64 * 1024
NEWS_WAITING: Final = 1000
NOW: Final = -1
"""In place of a sequence: where the books stand at this moment."""
CREDENTIALS: Final = struct.Struct("3i")
"""`struct ucred` of unix(7): pid, uid, gid."""

Said = dict[str, Any]


class DaemonAway(AldabaError):
    """No daemon listens, or not to us."""

    code = "daemon_away"

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(
            f"The daemon cannot be reached at {path}: {why}. "
            "Start it with `aldaba-edge run`, or use the account it runs as."
        )


class Lines(Protocol):
    """The books as the socket reads them: lines that are durable, as what people are shown."""

    def watch(self, callback: Callable[[], None]) -> None:
        """Call back whenever lines became durable."""

    def since(self, sequence: int) -> tuple[int, list[Said]]:
        """What became durable after a line, and the last line of it."""


class LocalSocket:
    """Listens on a unix socket for as long as the daemon runs."""

    def __init__(
        self,
        path: Path,
        doors: Doors,
        status: Callable[[], Said],
        lines: Lines,
        *,
        switch: Callable[[DoorId, bool, str], None],
    ) -> None:
        self._switch = switch
        self._path = path
        self._doors = doors
        self._status = status
        self._lines = lines
        self._server: asyncio.Server | None = None
        self._talks: set[asyncio.Task[None]] = set()
        self._news = asyncio.Event()
        lines.watch(self._tell)

    async def open(self) -> None:
        """Listen; a socket that a killed daemon left behind is taken over."""
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o750)
        self._path.unlink(missing_ok=True)
        self._server = await asyncio.start_unix_server(self._welcome, self._path, limit=LONGEST_LINE)
        self._path.chmod(0o660)

    async def close(self) -> None:
        """Hang up on everybody and stop listening."""
        if self._server is not None:
            self._server.close()
        for talk in list(self._talks):
            talk.cancel()
        await asyncio.gather(*self._talks, return_exceptions=True)
        self._path.unlink(missing_ok=True)

    def _tell(self) -> None:
        news, self._news = self._news, asyncio.Event()
        news.set()

    async def _welcome(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talk = asyncio.current_task()
        if talk is not None:
            self._talks.add(talk)
            talk.add_done_callback(self._talks.discard)
        try:
            await self._talk(reader, writer, peer_uid(writer.get_extra_info("socket")))
        except (OSError, asyncio.CancelledError, ValueError):
            pass  # it hung up, we are closing, or it sent a line without an end
        finally:
            writer.close()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, uid: int) -> None:
        while line := await reader.readline():
            async for answer in self._answers(line, uid):
                writer.write(json.dumps(answer, ensure_ascii=False).encode() + b"\n")
                await writer.drain()

    async def _answers(self, line: bytes, uid: int) -> AsyncIterator[Said]:
        if uid not in (0, os.getuid()):
            yield {"ok": False, "code": "not_allowed", "error": f"The account {uid} may not ask this controller."}
            return
        try:
            wanted = json.loads(line)
            verb = wanted["do"]
            if verb == "follow":
                async for said in self._follow(int(wanted.get("after", NOW))):
                    yield said
            yield {"ok": True, **self._obey(verb, wanted, uid)}
        except (ValueError, KeyError, TypeError):
            yield {"ok": False, "code": "malformed", "error": "This is no request; send {'do': 'status'}."}
        except AldabaError as error:
            yield {"ok": False, "code": error.code, "error": str(error)}

    def _obey(self, verb: str, wanted: Said, uid: int) -> Said:
        if verb == "release":
            return {"sequence": self._doors.release(DoorId(str(wanted["door"])), f"local:{uid}")}
        if verb == "shadow":
            self._switch(DoorId(str(wanted["door"])), wanted["shadow"] is True, f"local:{uid}")
            return {}
        if verb == "status":
            return self._status()
        raise Malformed("request", f"{verb!r} is not release, shadow, status or follow")

    async def _follow(self, after: int) -> AsyncIterator[Said]:
        """Every line after this one, as it becomes durable, until the other end hangs up."""
        last, _ = self._lines.since(NOW) if after < 0 else (after, [])
        while True:
            news = self._news
            last, said = self._lines.since(last)
            for line in said:
                yield line
            if not said:
                await news.wait()


def peer_uid(connection: socket.socket) -> int:
    """The account at the other end, as the kernel knows it."""
    told = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, CREDENTIALS.size)
    _pid, uid, _gid = CREDENTIALS.unpack(told)
    return int(uid)


class Asking:
    """The other end: a command of this machine that talks to the daemon."""

    def __init__(self, path: Path, *, seconds: float | None = 5.0) -> None:
        self._path = path
        self._connection = socket.socket(socket.AF_UNIX)
        self._connection.settimeout(seconds)
        try:
            self._connection.connect(str(path))
        except OSError as error:
            self._connection.close()
            raise DaemonAway(path, error.strerror or str(error)) from error
        self._lines = self._connection.makefile("rb")

    def ask(self, **wanted: object) -> Said:
        """One answer to one request.

        Raises:
            DaemonAway: it hung up or stayed silent.
        """
        self._say(wanted)
        return self._hear()

    def follow(self, after: int = NOW) -> "Followed":
        """Every line after a sequence, or from now on; it waits for ever."""
        self._connection.settimeout(None)
        self._say({"do": "follow", "after": after})
        return Followed(self)

    def close(self) -> None:
        """Hang up."""
        with suppress(OSError):
            self._lines.close()
        self._connection.close()

    def _say(self, wanted: Said) -> None:
        try:
            self._connection.sendall(json.dumps(wanted).encode() + b"\n")
        except OSError as error:
            raise DaemonAway(self._path, str(error)) from error

    def _hear(self) -> Said:
        try:
            line = self._lines.readline()
        except OSError as error:
            raise DaemonAway(self._path, str(error)) from error
        if not line:
            raise DaemonAway(self._path, "it hung up")
        heard: Said = json.loads(line)
        return heard


class Followed:
    """The daemon's lines as they come."""

    def __init__(self, asking: Asking) -> None:
        self._asking = asking

    def __iter__(self) -> "Followed":
        return self

    def __next__(self) -> Said:
        return self._asking._hear()  # noqa: SLF001 - two halves of one conversation
