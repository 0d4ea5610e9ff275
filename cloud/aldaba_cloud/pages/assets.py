"""Style sheet, scripts and icons: read once, served compressed under a name that changes with their bytes."""

import gzip
from base64 import b64encode
from dataclasses import dataclass
from hashlib import sha256, sha384
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Final

from fastapi import APIRouter, Request, Response

from aldaba_cloud.errors import Missing

KINDS: Final = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
FOR_EVER: Final = "public, max-age=31536000, immutable"
"""The address holds a digest of the bytes, so what lies under it never changes."""


@dataclass(frozen=True, slots=True)
class Asset:
    """One file and what a browser is told about it."""

    body: bytes
    zipped: bytes
    kind: str
    tag: str
    integrity: str


def load_assets() -> dict[str, Asset]:
    """Every file of ours and every vendored one, by its path below `static`."""
    return dict(_walk(files(__package__).joinpath("static"), ""))


def _walk(folder: Traversable, prefix: str) -> list[tuple[str, Asset]]:
    found: list[tuple[str, Asset]] = []
    for entry in sorted(folder.iterdir(), key=lambda one: one.name):
        if entry.is_dir():
            found += _walk(entry, f"{prefix}{entry.name}/")
        elif (kind := KINDS.get(entry.name.rpartition(".")[2])) is not None:
            found.append((prefix + entry.name, _asset(entry.read_bytes(), kind)))
    return found


def _asset(body: bytes, kind: str) -> Asset:
    return Asset(
        body=body,
        zipped=gzip.compress(body, mtime=0),
        kind=f"{kind}; charset=utf-8",
        tag=sha256(body).hexdigest()[:12],
        integrity=f"sha384-{b64encode(sha384(body).digest()).decode()}",
    )


router = APIRouter(include_in_schema=False)


@router.get("/static/{path:path}")
def static(path: str, request: Request) -> Response:
    """One asset, compressed where the browser can read that."""
    assets: dict[str, Asset] = request.app.state.renderer.assets
    asset = assets.get(path)
    if asset is None:
        raise Missing("file", path)
    zipped = "gzip" in request.headers.get("accept-encoding", "")
    headers = {"cache-control": FOR_EVER if request.query_params.get("v") == asset.tag else "no-cache"}
    headers["vary"] = "accept-encoding"
    if zipped:
        headers["content-encoding"] = "gzip"
    return Response(asset.zipped if zipped else asset.body, media_type=asset.kind, headers=headers)
