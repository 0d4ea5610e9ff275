"""Editions of a thing (RFC 9110, 8.8.3 and 13): `ETag`, `If-None-Match` answered with 304, `If-Match` with 412.

The tag is a digest of what the API shows of the thing. So whoever changes it with
`If-Match` changes what they have seen, and nothing else; whoever asks again with
`If-None-Match` is told that they have it still.
"""

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import Annotated, TypeVar

from fastapi import Depends, Header, Response
from pydantic import BaseModel
from sqlalchemy import ColumnElement, Table, select

from aldaba_cloud.db import Work
from aldaba_cloud.errors import Outdated

Shown = TypeVar("Shown", bound=BaseModel)
IfMatch = Annotated[str | None, Header(description="Change it only if its ETag is this one.", max_length=400)]
IfNoneMatch = Annotated[str | None, Header(description="Answer 304 if its ETag is still this one.", max_length=400)]


class NotModified(Exception):
    """The caller has this edition already."""

    def __init__(self, tag: str) -> None:
        super().__init__(tag)
        self.tag = tag


def tag_of(shown: BaseModel) -> str:
    """The strong tag of an edition."""
    return f'"{sha256(shown.model_dump_json().encode()).hexdigest()[:32]}"'


@dataclass(frozen=True, slots=True)
class Reading:
    """What a reader has already."""

    known: str | None
    response: Response

    def show(self, thing: Shown) -> Shown:
        """Show a thing with its tag.

        Raises:
            NotModified: the reader has this edition.
        """
        tag = tag_of(thing)
        if self.known is not None and _names(self.known, tag):
            raise NotModified(tag)
        self.response.headers["etag"] = tag
        return thing


@dataclass(frozen=True, slots=True)
class Changing:
    """What somebody who changes a thing has seen of it."""

    seen: str | None
    response: Response

    def check(self, work: Work, row: tuple[Table, ColumnElement[bool]], shown: Callable[[], BaseModel]) -> None:
        """Refuse a change to an edition that the caller has not seen; holds the row until the transaction ends.

        Raises:
            Outdated: the thing is another by now.
        """
        if self.seen is None:
            return
        table, which = row
        work.db.execute(select(table.c.site_id).where(which, work.visible(table)).with_for_update())
        if not _names(self.seen, tag_of(shown())):
            raise Outdated

    def done(self, thing: Shown) -> Shown:
        """Show the thing as it is now, with its new tag."""
        self.response.headers["etag"] = tag_of(thing)
        return thing


def _names(wanted: str, tag: str) -> bool:
    """Whether a list of tags names this one; weak ones compare alike, and `*` is any."""
    tags = {one.strip().removeprefix("W/") for one in wanted.split(",")}
    return "*" in tags or tag in tags


async def _reading(response: Response, if_none_match: IfNoneMatch = None) -> Reading:
    return Reading(if_none_match, response)


async def _changing(response: Response, if_match: IfMatch = None) -> Changing:
    return Changing(if_match, response)


ReadingDep = Annotated[Reading, Depends(_reading)]
ChangingDep = Annotated[Changing, Depends(_changing)]
