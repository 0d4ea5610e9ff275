"""What answers below us: the same bytes from a bare ASGI application, and from a FastAPI route without a database."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

from fastapi import FastAPI

from aldaba_cloud.members.routes import HolderOut

ROW = HolderOut(id="hld_7", kind="member", name="Holder 7", contact="", essential=False, long_access=False)
BODY = ROW.model_dump_json().encode()
HEADERS = [(b"content-type", b"application/json"), (b"content-length", str(len(BODY)).encode())]

Message: TypeAlias = dict[str, Any]


async def raw(scope: Message, _receive: object, send: Callable[[Message], Awaitable[None]]) -> None:
    """Answer anything with the row."""
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
        await send({"type": "http.response.body", "body": BODY})


as_json = FastAPI()


@as_json.get("/{_path:path}")
async def answer(_path: str) -> HolderOut:
    """Answer anything with the row, checked and written by the framework."""
    return ROW
