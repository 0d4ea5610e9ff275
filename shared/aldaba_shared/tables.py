"""State machines as data: a table from (state, input) to (state, effects), checked for holes, drawn from itself."""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from itertools import product
from typing import Generic, NamedTuple, TypeVar

State = TypeVar("State", bound=StrEnum)
Input = TypeVar("Input", bound=StrEnum)
Effect = TypeVar("Effect", bound=StrEnum)


class Next(NamedTuple, Generic[State, Effect]):
    """Where an input leads, and what has to happen on the way, in this order."""

    state: State
    effects: tuple[Effect, ...] = ()


class Table(Generic[State, Input, Effect]):
    """A total state machine: every pair leads somewhere or is said to mean nothing.

    Raises:
        ValueError: a pair is missing, or both leads somewhere and means nothing.
    """

    def __init__(
        self,
        states: type[State],
        inputs: type[Input],
        moves: Mapping[tuple[State, Input], Next[State, Effect]],
        nothing: Iterable[tuple[State, Input]],
    ) -> None:
        ignored = list(nothing)
        every = set(product(states, inputs))
        missing, twice = every - set(moves) - set(ignored), set(moves) & set(ignored)
        if missing or twice:
            message = f"The table has holes {sorted(missing)} or pairs told twice {sorted(twice)}."
            raise ValueError(message)
        self.moves = dict(moves)
        self._all = {**{pair: Next[State, Effect](pair[0]) for pair in ignored}, **self.moves}

    def after(self, state: State, given: Input) -> Next[State, Effect]:
        """What an input means in a state."""
        return self._all[state, given]

    def mermaid(self, first: State) -> str:
        """The diagram of the table, for the documentation."""
        lines = ["stateDiagram-v2", f"    [*] --> {first}"]
        for (state, given), (then, effects) in self.moves.items():
            told = f" / {', '.join(effects)}" if effects else ""
            lines.append(f"    {state} --> {then}: {given}{told}")
        return "\n".join(lines) + "\n"
