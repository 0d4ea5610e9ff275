"""The SQL of rounds: cards given by tapping, one after another."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Column, Row, String, insert, select, update

from aldaba_cloud.db import UtcDateTime, Work, scoped_table
from aldaba_shared.ids import CredentialId, DoorId, HolderId, SiteId

card_rounds = scoped_table(
    "card_rounds",
    Column("id", String(40), primary_key=True),
    Column("door_id", String(40), nullable=False),
    Column("holders", JSON, nullable=False),
    Column("given", JSON, nullable=False),
    Column("begun_at", UtcDateTime, nullable=False),
    Column("ended_at", UtcDateTime, nullable=True),
)
"""`begun_at` is since when taps count: it moves on when one is undone."""


@dataclass(frozen=True, slots=True)
class CardRound:
    """Who is to get a card at a door, in order, and the cards given so far, in the same order."""

    id: str
    site: SiteId
    door: DoorId
    holders: tuple[HolderId, ...]
    given: tuple[CredentialId, ...]
    begun_at: datetime
    ended_at: datetime | None = None

    @property
    def next(self) -> HolderId | None:
        """Who gets the next card; None when everybody has one, or the round was ended."""
        over = self.ended_at is not None or len(self.given) >= len(self.holders)
        return None if over else self.holders[len(self.given)]


def add_round(work: Work, one: CardRound) -> None:
    """Keep a new round."""
    row = {"id": one.id, "door_id": one.door, "holders": list(one.holders), "given": [], "begun_at": one.begun_at}
    work.db.execute(insert(card_rounds), row | {"ended_at": None} | work.stamp(one.site))


def find_round(work: Work, name: str, *, to_change: bool = False) -> CardRound | None:
    """One round, if the caller may see it; locked, if it is to be changed."""
    found = select(card_rounds).where(card_rounds.c.id == name, work.visible(card_rounds))
    row = work.db.execute(found.with_for_update() if to_change else found).first()
    return _round(row) if row else None


def open_rounds(work: Work, site: SiteId) -> list[CardRound]:
    """The rounds of a site that nobody has ended, the newest first."""
    mine = (card_rounds.c.site_id == site) & card_rounds.c.ended_at.is_(None) & work.visible(card_rounds)
    return [
        _round(row) for row in work.db.execute(select(card_rounds).where(mine).order_by(card_rounds.c.begun_at.desc()))
    ]


def save_round(work: Work, one: CardRound) -> None:
    """Write how far a round is."""
    mine = (card_rounds.c.id == one.id) & work.writable(card_rounds)
    values = {"given": list(one.given), "begun_at": one.begun_at, "ended_at": one.ended_at}
    work.db.execute(update(card_rounds).where(mine).values(values))


def _round(row: Row[Any]) -> CardRound:
    return CardRound(
        row.id,
        SiteId(row.site_id),
        DoorId(row.door_id),
        tuple(HolderId(one) for one in row.holders),
        tuple(CredentialId(one) for one in row.given),
        row.begun_at,
        row.ended_at,
    )
