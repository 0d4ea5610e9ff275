"""The page of the reference about what holds a door shut: drawn from the tables that run it."""

from collections import defaultdict
from collections.abc import Mapping
from enum import StrEnum
from typing import TypeVar

from aldaba_shared import door, intrusion, turnstile
from aldaba_shared.tables import Next, Table
from tools.markdown import page, table
from tools.notes import notes

State = TypeVar("State", bound=StrEnum)
Input = TypeVar("Input", bound=StrEnum)
Effect = TypeVar("Effect", bound=StrEnum)


def _moves(moves: Mapping[tuple[State, Input], Next[State, Effect]]) -> str:
    """Moves with their effects; inputs that lead to the same share a row."""
    rows: dict[tuple[str, str, tuple[StrEnum, ...]], list[str]] = defaultdict(list)
    for (state, given), (then, effects) in moves.items():
        rows[state, then, tuple(effects)].append(given)
    cells = ([s, ", ".join(given), then, ", ".join(effects) or "nothing"] for (s, then, effects), given in rows.items())
    return table(["in", "given", "goes to", "and does, in this order"], cells)


def _members(kind: str, members: type[StrEnum]) -> str:
    said = dict(notes(members))
    return table([kind, "what it is"], ([f"`{one}`", said.get(one.name, "")] for one in members))


def _machine(machine: Table[State, Input, Effect], drawn: str) -> str:
    return "\n".join(["```mermaid", drawn.rstrip(), "```\n", _moves(machine.moves)])


def doors() -> str:
    """The states of doors and turnstiles."""
    return page(
        "The states of a door",
        "Drawn from the tables that run on the controller. What is not drawn changes nothing.\n",
        "## A door\n",
        _machine(door.DOOR, door.mermaid()),
        _members("state", door.DoorState),
        _members("input", door.DoorInput),
        _members("effect", door.DoorEffect),
        "## A lane of a turnstile\n",
        _machine(turnstile.LANE, turnstile.mermaid()),
        _members("state", turnstile.LaneState),
        _members("input", turnstile.LaneInput),
        _members("effect", turnstile.LaneEffect),
        _members("passage", turnstile.Passage),
        "## An intrusion alarm\n",
        _machine(intrusion.GUARD, intrusion.mermaid()),
        _members("state", intrusion.Guard),
        _members("input", intrusion.GuardInput),
        _members("effect", intrusion.GuardEffect),
    )
