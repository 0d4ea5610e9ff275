"""Recorded taps that would have ended otherwise: what a rehearsal shows of the days that really were."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from aldaba_cloud.access.rehearse import OtherEnd
from aldaba_cloud.db import Work
from aldaba_cloud.members import store as members
from aldaba_cloud.pages import words
from aldaba_cloud.pages.i18n import mark
from aldaba_cloud.pages.kit import Page
from aldaba_cloud.places import store as places
from aldaba_shared.reasons import Reason, sentence

SHOWN: Final = 40
OPENED: Final = mark("opened")


@dataclass(frozen=True, slots=True)
class TapLine:
    """One tap: who, where, when, what the door said and what it would say; `why` is the address of its explanation."""

    who: str
    door: str
    at: datetime
    was: str
    would_be: str
    opens: bool
    why: str


@dataclass(frozen=True, slots=True)
class Recorded:
    """The newest of those taps, and how many there are in all."""

    lines: tuple[TapLine, ...]
    opening: int
    refused: int

    @property
    def more(self) -> int:
        """How many are not shown."""
        return self.opening + self.refused - len(self.lines)


def recorded(work: Work, ends: Sequence[OtherEnd], page: Page) -> Recorded:
    """Those taps in words, newest first."""
    opening = sum(one.would_be is Reason.GRANTED for one in ends)
    newest = sorted(ends, key=lambda one: one.tap.at, reverse=True)[:SHOWN]
    people = members.holders_by_id(work, {one.holder for one in newest if one.holder})
    doors = {door: places.find_door(work, door) for door in {one.door for one in newest}}
    lines = []
    for one in newest:
        known, door = people.get(one.holder) if one.holder else None, doors[one.door]
        lines.append(
            TapLine(
                who=known.name if known else page.text(words.SOMEBODY),
                door=door.name if door else one.door,
                at=one.tap.at,
                was=_said(one.was, page),
                would_be=_said(one.would_be, page),
                opens=one.would_be is Reason.GRANTED,
                why=f"/events/{one.tap.controller}/{one.tap.journal}/{one.tap.sequence}",
            )
        )
    return Recorded(tuple(lines), opening, len(ends) - opening)


def _said(reason: Reason, page: Page) -> str:
    return page.text(OPENED) if reason is Reason.GRANTED else sentence(reason, page.language)
