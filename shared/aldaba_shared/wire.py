"""Bodies on the wire and on disk: msgspec structs as deterministic CBOR (RFC 8949, section 4.2).

Encoding is canonical, so that a hash or a signature over a body means the same
on every machine. Decoding is bounded and strict: a body that is too large, no
CBOR, or not of the wanted shape is `Malformed`, whatever its bytes were. Times
travel as RFC 3339 strings with microseconds, which every reader gets back
exactly; bytes travel as bytes.
"""

from datetime import datetime
from io import BytesIO
from threading import local
from typing import Annotated, Any, Final, TypeAlias, TypeVar

import cbor2
import msgspec

from aldaba_shared.errors import AldabaError

T = TypeVar("T")
Moment: TypeAlias = Annotated[datetime, msgspec.Meta(tz=True)]
"""A time on the wire says its distance from UTC: one that does not is malformed, and could not be compared."""

Hours: TypeAlias = Annotated[int, msgspec.Meta(ge=1, le=8_760)]
"""A span in hours, a year at most: more is a mistake, and the end of such a span is on no clock."""
Minutes: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=525_600)]
"""A span in minutes, a year at most."""
Count: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=1_000_000)]
"""How many people; a million is more than any building holds."""

MAX_BODY_BYTES: Final = 4 * 1024 * 1024
"""No body on any wire is larger; whole rule sets go as files, not as bodies."""


class Malformed(AldabaError):
    """Bytes from outside that are not what they claim to be."""

    code = "malformed"

    def __init__(self, what: str, why: str) -> None:
        super().__init__(f"This is not a well-formed {what}: {why}. It was dropped; check who sent it.")
        self.what = what
        self.why = why


class _Kept(local):
    """An encoder a thread: to make one costs seven times what a small body costs to encode."""

    encoder: cbor2.CBOREncoder | None = None


_KEPT: Final = _Kept()


def encode(body: object) -> bytes:
    """Encode a struct (or builtins) as deterministic CBOR."""
    plain = msgspec.to_builtins(body, builtin_types=(bytes,))
    # Taken away while it works: one that failed half-way remembers what it was in, and is not used again.
    encoder, _KEPT.encoder = _KEPT.encoder or cbor2.CBOREncoder(BytesIO(), canonical=True), None
    encoded: bytes = encoder.encode_to_bytes(plain)
    _KEPT.encoder = encoder
    return encoded


def decode(data: bytes, shape: type[T], *, limit: int = MAX_BODY_BYTES) -> T:
    """Decode CBOR into a struct.

    Raises:
        Malformed: too large, no CBOR, trailing bytes, or another shape.
    """
    name = getattr(shape, "__name__", str(shape))
    return convert(loads(data, name, limit=limit), shape)


def loads(data: bytes, name: str, *, limit: int = MAX_BODY_BYTES) -> Any:  # noqa: ANN401 - CBOR holds anything; `convert` gives it a shape
    """Decode CBOR into builtins; the caller gives them a shape.

    Raises:
        Malformed: too large, no CBOR, or trailing bytes.
    """
    if len(data) > limit:
        raise Malformed(name, f"{len(data)} bytes are more than the {limit} allowed")
    try:
        # Foreign bytes reach deep into the decoder: it may answer with any of these.
        return cbor2.loads(data)
    except (cbor2.CBORError, ValueError, TypeError, OverflowError, MemoryError, RecursionError) as error:
        raise Malformed(name, f"no CBOR ({type(error).__name__})") from error


def convert(value: object, shape: type[T]) -> T:
    """Give builtins a shape.

    Raises:
        Malformed: they have another one.
    """
    try:
        return msgspec.convert(value, shape)
    except (msgspec.ValidationError, RecursionError) as error:
        raise Malformed(getattr(shape, "__name__", str(shape)), str(error)) from error
