"""Lists in pages: `?limit=` and `?cursor=`, and the address of the next page in the header `Link` (RFC 8288).

A cursor is the sort key of the last row that was shown, in Base64. So a page
begins after that row whatever was added or removed meanwhile: nothing that was
there all the time is shown twice or left out. It holds nothing that the page did
not show, and callers still see only what is theirs; so it needs no signature.
"""

import binascii
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated, Final, TypeVar

from fastapi import Depends, Query, Request, Response

from aldaba_cloud.errors import Unusable

DEFAULT: Final = 100
MOST: Final = 500
LONGEST_CURSOR: Final = 1000

Row = TypeVar("Row")
Key = tuple[str | int, ...]


class CursorUnusable(Unusable):
    """A cursor that no list of ours gave out."""

    code = "cursor_unusable"

    def __init__(self) -> None:
        super().__init__("This cursor is of another list, or was cut off. Begin without one, and follow the links.")


def cursor_of(key: Key) -> str:
    """The cursor that begins after a row."""
    return urlsafe_b64encode(json.dumps(key, separators=(",", ":")).encode()).decode().rstrip("=")


def key_of(cursor: str) -> Key:
    """The sort key in a cursor.

    Raises:
        CursorUnusable: it is none of ours.
    """
    try:
        key = json.loads(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, binascii.Error, RecursionError) as error:
        raise CursorUnusable from error
    if not isinstance(key, list) or not all(isinstance(cell, str | int) for cell in key):
        raise CursorUnusable
    return tuple(key)


@dataclass(frozen=True, slots=True)
class Paging:
    """Which page of a list is asked for."""

    after: Key | None
    limit: int
    request: Request
    response: Response

    def begin(self, *default: str | int) -> Key:
        """The key to begin after, of the same form as the default.

        Raises:
            CursorUnusable: the cursor is of another list.
        """
        if self.after is None:
            return default
        if [type(cell) for cell in self.after] != [type(cell) for cell in default]:
            raise CursorUnusable
        return self.after

    def cut(self, rows: Iterable[Row], key: Callable[[Row], Key]) -> list[Row]:
        """The page, of a list that is short enough to be read whole; `key` is different for every row.

        Raises:
            CursorUnusable: the cursor is of another list.
        """
        ordered = sorted(rows, key=key)
        if self.after is not None and ordered:
            first = self.begin(*key(ordered[0]))
            ordered = [row for row in ordered if key(row) > first]
        return self.page(ordered, key)

    def page(self, rows: Sequence[Row], key: Callable[[Row], Key]) -> list[Row]:
        """The page, of rows that begin where it does; one more than `limit` says that there is another page."""
        shown = list(rows[: self.limit])
        if len(rows) > self.limit:
            there = self.request.url.include_query_params(limit=self.limit, cursor=cursor_of(key(shown[-1])))
            self.response.headers["link"] = f'<{there.path}?{there.query}>; rel="next"'
        return shown


async def _asked(
    request: Request,
    response: Response,
    cursor: Annotated[
        str | None, Query(max_length=LONGEST_CURSOR, description="Where the page begins, from the link to it.")
    ] = None,
    limit: Annotated[int, Query(ge=1, le=MOST, description="How many rows at most.")] = DEFAULT,
) -> Paging:
    return Paging(key_of(cursor) if cursor is not None else None, limit, request, response)


PageAsked = Annotated[Paging, Depends(_asked)]
