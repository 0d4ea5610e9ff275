"""A card in the terminal: what `aldaba-sim card` holds to a reader of a demo that runs, and the door's answer."""

import json
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any, Final

from aldaba_shared.errors import AldabaError

ANSWER_SECONDS: Final = 6.0
LOOK_SECONDS: Final = 0.1


class NoDemo(AldabaError):
    """Nothing answers where a demo would."""

    code = "no_demo"

    def __init__(self, port: int) -> None:
        super().__init__(f"No demo answers on port {port}. Start one with `aldaba-sim demo` or `aldaba-sim door`.")


class NotThere(AldabaError):
    """The demo has no such door, reader or card."""

    code = "not_there"


@dataclass(frozen=True, slots=True)
class Answer:
    """What the door said; `None` when nothing came in time."""

    granted: bool | None
    reason: str
    sentence: str


class DemoPage:
    """The page of a demo on this machine, as a program uses it."""

    def __init__(self, port: int) -> None:
        self._port = port

    def now(self) -> dict[str, Any]:
        """The doors and the cards on the table.

        Raises:
            NoDemo: nothing answers.
        """
        return self._ask("/now", None)

    def present(self, door: str, shown: dict[str, str], *, language: str) -> Answer:
        """Hold something to a reader and wait for the answer.

        Raises:
            NoDemo: nothing answers.
            NotThere: no such door, reader or card.
        """
        before = self._door(door).get("answered_at", "")
        self._ask(f"/doors/{door}/tap", shown)
        ends = time.monotonic() + ANSWER_SECONDS
        while time.monotonic() < ends:
            seen = self._door(door)
            if seen.get("answered_at", "") not in ("", before):
                return Answer(seen["granted"], seen["reason"], seen["sentences"].get(language, ""))
            time.sleep(LOOK_SECONDS)
        return Answer(None, "", "")

    def _door(self, door: str) -> dict[str, Any]:
        doors: list[dict[str, Any]] = self.now()["doors"]
        found = next((one for one in doors if one["id"] == door), None)
        if found is None:
            raise NotThere(f"The demo has no door {door!r}. Its doors: {', '.join(one['id'] for one in doors)}.")
        return found

    def _ask(self, path: str, body: dict[str, str] | None) -> dict[str, Any]:
        data = None if body is None else json.dumps(body).encode()
        asked = urllib.request.Request(
            f"http://127.0.0.1:{self._port}{path}", data=data, headers={"content-type": "application/json"}
        )
        try:
            with urllib.request.urlopen(asked, timeout=ANSWER_SECONDS) as answer:  # noqa: S310 - always http to this machine
                found: dict[str, Any] = json.load(answer)
                return found
        except urllib.error.HTTPError as error:
            raise NotThere(_told(error)) from error
        except (urllib.error.URLError, TimeoutError, ValueError) as error:
            raise NoDemo(self._port) from error


def _told(error: urllib.error.HTTPError) -> str:
    try:
        told = json.load(error)
    except ValueError:
        return f"The demo answered {error.code}."
    return str(told.get("error") or told.get("detail") or error.code)
