"""A stage of two doors without wires: what hands did to it is written down."""

from collections.abc import Sequence
from dataclasses import replace

from aldaba_shared.reasons import SENTENCES, Reason
from aldaba_sim.page import CardOnTable, DoorSeen, NoSuchThing, SideSeen

STREET_DOOR = DoorSeen(
    id="street",
    name="Porta del carrer",
    outer="street",
    inner="Edifici Aldaba",
    released=False,
    leaf_open=False,
    alive=True,
    turnstile=False,
    sides=(SideSeen("in", reader=True, light="ready"), SideSeen("egress", reader=False)),
)
LANE = replace(
    STREET_DOOR,
    id="lane",
    name="Torn d'entrada",
    outer="Edifici Aldaba",
    inner="Sala oberta",
    turnstile=True,
    sides=(SideSeen("in", reader=True, light="ready"), SideSeen("out", reader=True, light="ready")),
)
CARDS = (CardOnTable("ana", "Ana Ferrer", "Hot desk"), CardOnTable("stranger", "Unknown card", "in nobody's books"))


class PaperStage:
    """Satisfies `page.Stage`; Ana is let in at every door, anybody else is unknown."""

    def __init__(self) -> None:
        self._doors = {door.id: door for door in (STREET_DOOR, LANE)}
        self.deeds: list[str] = []

    def cards(self) -> Sequence[CardOnTable]:
        """The cards on the table."""
        return CARDS

    def doors(self) -> Sequence[DoorSeen]:
        """Both doors."""
        return tuple(self._doors.values())

    def tap(self, door: str, side: str, card: str) -> None:
        """Answer at once."""
        reason = Reason.GRANTED if card == "ana" else Reason.UNKNOWN_CREDENTIAL
        self._change(
            door,
            released=reason is Reason.GRANTED,
            reason=reason.value,
            sentences=dict(SENTENCES[reason]),
            granted=reason is Reason.GRANTED,
            answered_at=f"answer {len(self.deeds)}",
        )
        self.deeds.append(f"{card} taps {side} of {door}")

    def hold(self, door: str, side: str, uid: bytes) -> None:
        """A card that is not on the table: nobody knows it."""
        self.tap(door, side, uid.hex())

    def press(self, door: str) -> None:
        """Press the exit button."""
        self._change(door, released=True)
        self.deeds.append(f"somebody presses at {door}")

    def push(self, door: str, *, open_leaf: bool) -> None:
        """Move the leaf."""
        self._change(door, leaf_open=open_leaf)
        self.deeds.append(f"somebody {'opens' if open_leaf else 'shuts'} {door}")

    def _change(self, door: str, **changes: object) -> None:
        if door not in self._doors:
            raise NoSuchThing("door", door)
        self._doors[door] = replace(self._doors[door], **changes)  # type: ignore[arg-type]  # fields by name
