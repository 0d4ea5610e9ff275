"""A page on which one taps simulated cards and sees what the door does: bolt, leaf, light, and the answer in words.

`aldaba-sim door` shows one door, `aldaba-sim demo` the plan of the whole
building. The page knows nothing of doors: it shows a `Stage` and passes on what
hands do. It listens on loopback and loads nothing from elsewhere.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Literal, Protocol

from fastapi import FastAPI, Request
from fastapi.responses import FileResponse, JSONResponse
from pydantic import BaseModel, Field
from starlette.middleware.trustedhost import TrustedHostMiddleware

from aldaba_shared.errors import AldabaError

FILES: Final = Path(__file__).parent / "page_files"
STATIC: Final = {
    "page.css": "text/css",
    "page.js": "text/javascript",
    "picture.js": "text/javascript",
    "words.js": "text/javascript",
}


@dataclass(frozen=True, slots=True)
class CardOnTable:
    """A card one can pick up: `id` is ours, `note` says whose it is and what to expect of it."""

    id: str
    label: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class SideSeen:
    """One side of a door: what a person can do there, and the light of its reader."""

    side: str
    reader: bool
    light: str = "off"


@dataclass(frozen=True, slots=True)
class DoorSeen:
    """A door as somebody in front of it sees it, and its last answer as its books have it."""

    id: str
    name: str
    outer: str
    inner: str
    released: bool
    leaf_open: bool
    alive: bool
    turnstile: bool
    sides: Sequence[SideSeen]
    reason: str = ""
    sentences: dict[str, str] | None = None
    granted: bool = False
    answered_at: str = ""


class NoSuchThing(AldabaError):
    """The page asked for a door or a card that is not there."""

    code = "not_found"

    def __init__(self, what: str, name: str) -> None:
        super().__init__(f"There is no {what} {name!r} here. Load the page again to see what there is.")


class Stage(Protocol):
    """Doors and cards, and hands to use them with.

    The three verbs raise `NoSuchThing` for what is not there.
    """

    def cards(self) -> Sequence[CardOnTable]:
        """The cards on the table."""

    def doors(self) -> Sequence[DoorSeen]:
        """The doors, in the order of the plan."""

    def tap(self, door: str, side: str, card: str) -> None:
        """Hold a card to the reader of a side."""

    def hold(self, door: str, side: str, uid: bytes) -> None:
        """Hold a card that is not on the table to the reader of a side."""

    def press(self, door: str) -> None:
        """Press the exit button for a moment."""

    def push(self, door: str, *, open_leaf: bool) -> None:
        """Open or shut the leaf, or turn the arm; a held one does not move."""


class TapIn(BaseModel):
    """A card, by its id on the table or by its UID in hexadecimal, and the side where it is held to the reader."""

    card: str | None = None
    uid: str | None = Field(default=None, pattern=r"^([0-9a-fA-F]{8}|[0-9a-fA-F]{14}|[0-9a-fA-F]{20})$")
    side: Literal["in", "out", "egress"] = "in"


class PushIn(BaseModel):
    """Which way the leaf is pushed."""

    open: bool


def page(stage: Stage) -> FastAPI:
    """The application; every change goes through POST with a JSON body, so that no foreign page can make one."""
    app = FastAPI(title="Aldaba simulator", openapi_url=None)
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost", "[::1]"])
    app.add_exception_handler(NoSuchThing, _not_found)
    _add_files(app)
    _add_hands(app, stage)
    return app


def _add_files(app: FastAPI) -> None:
    @app.get("/", include_in_schema=False)
    @app.get("/doors/{_door}", include_in_schema=False)
    def plan(_door: str = "") -> FileResponse:
        return FileResponse(FILES / "page.html", media_type="text/html")

    @app.get("/static/{name}", include_in_schema=False)
    def static(name: str) -> FileResponse:
        if name not in STATIC:
            raise NoSuchThing("file", name)
        return FileResponse(FILES / name, media_type=STATIC[name])


def _add_hands(app: FastAPI, stage: Stage) -> None:
    @app.get("/now")
    def now() -> dict[str, Any]:
        return {
            "doors": [asdict(door) for door in stage.doors()],
            "cards": [asdict(card) for card in stage.cards()],
        }

    @app.post("/doors/{door}/tap", status_code=202)
    def tap(door: str, wanted: TapIn) -> dict[str, str]:
        if wanted.uid is not None:
            stage.hold(door, wanted.side, bytes.fromhex(wanted.uid))
        elif wanted.card is not None:
            stage.tap(door, wanted.side, wanted.card)
        else:
            raise NoSuchThing("card", "without a name")
        return {"door": door}

    @app.post("/doors/{door}/press", status_code=202)
    def press(door: str, request: Request) -> dict[str, str]:
        _same_origin(request)
        stage.press(door)
        return {"door": door}

    @app.post("/doors/{door}/push", status_code=202)
    def push(door: str, wanted: PushIn) -> dict[str, str]:
        stage.push(door, open_leaf=wanted.open)
        return {"door": door}


def _same_origin(request: Request) -> None:
    """A body-less POST could come from a form of any page; ours says where it comes from."""
    if request.headers.get("x-aldaba") != "page":
        raise NoSuchThing("button", "pressed from elsewhere")


def _not_found(_request: Request, error: Exception) -> JSONResponse:
    return JSONResponse({"error": str(error)}, status_code=404)
