"""Where a contract may go from where it is, and how its standing follows its debts: two tables.

What is not in a table cannot happen: a caller gets `CannotMove`, which names
the state and the moves there are.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from aldaba_cloud.errors import Unusable
from aldaba_cloud.members.models import ContractState, Standing


class Move(StrEnum):
    """What can happen to a contract."""

    SIGN = "sign"
    BEGIN = "begin"
    PAUSE = "pause"
    RESUME = "resume"
    GIVE_NOTICE = "give_notice"
    WITHDRAW_NOTICE = "withdraw_notice"
    END = "end"
    CANCEL = "cancel"


class DebtNews(StrEnum):
    """What can become known of a contract's debts."""

    DEBT_KNOWN = "debt_known"
    GRACE_OVER = "grace_over"
    BLOCK = "block"
    PROMISED = "promised"
    ALL_PAID = "all_paid"


STATES: Final[Mapping[tuple[ContractState, Move], ContractState]] = MappingProxyType(
    {
        (ContractState.DRAFT, Move.SIGN): ContractState.SCHEDULED,
        (ContractState.DRAFT, Move.CANCEL): ContractState.ENDED,
        (ContractState.SCHEDULED, Move.BEGIN): ContractState.ACTIVE,
        (ContractState.SCHEDULED, Move.CANCEL): ContractState.ENDED,
        (ContractState.ACTIVE, Move.PAUSE): ContractState.PAUSED,
        (ContractState.ACTIVE, Move.GIVE_NOTICE): ContractState.ENDING,
        (ContractState.ACTIVE, Move.END): ContractState.ENDED,
        (ContractState.PAUSED, Move.RESUME): ContractState.ACTIVE,
        (ContractState.PAUSED, Move.GIVE_NOTICE): ContractState.ENDING,
        (ContractState.PAUSED, Move.END): ContractState.ENDED,
        (ContractState.ENDING, Move.WITHDRAW_NOTICE): ContractState.ACTIVE,
        (ContractState.ENDING, Move.END): ContractState.ENDED,
    }
)

STANDINGS: Final[Mapping[tuple[Standing, DebtNews], Standing]] = MappingProxyType(
    {
        (Standing.GOOD, DebtNews.DEBT_KNOWN): Standing.GRACE,
        (Standing.GOOD, DebtNews.ALL_PAID): Standing.GOOD,
        (Standing.GRACE, DebtNews.DEBT_KNOWN): Standing.GRACE,
        (Standing.GRACE, DebtNews.GRACE_OVER): Standing.LIMITED,
        (Standing.GRACE, DebtNews.PROMISED): Standing.GRACE,
        (Standing.GRACE, DebtNews.ALL_PAID): Standing.GOOD,
        (Standing.LIMITED, DebtNews.DEBT_KNOWN): Standing.LIMITED,
        (Standing.LIMITED, DebtNews.BLOCK): Standing.BLOCKED,
        (Standing.LIMITED, DebtNews.PROMISED): Standing.GRACE,
        (Standing.LIMITED, DebtNews.ALL_PAID): Standing.GOOD,
        (Standing.BLOCKED, DebtNews.DEBT_KNOWN): Standing.BLOCKED,
        (Standing.BLOCKED, DebtNews.PROMISED): Standing.GRACE,
        (Standing.BLOCKED, DebtNews.ALL_PAID): Standing.GOOD,
    }
)


class CannotMove(Unusable):
    """A contract is not where this could happen to it."""

    def __init__(self, now: str, wanted: str, known: list[str]) -> None:
        listed = ", ".join(known) or "nothing any more"
        super().__init__(f"A contract that is {now!r} cannot {wanted!r}. From there it can: {listed}.")


def moved(state: ContractState, move: Move) -> ContractState:
    """Where a move leads, or `CannotMove`."""
    if (state, move) not in STATES:
        raise CannotMove(state, move, [known for at, known in STATES if at is state])
    return STATES[state, move]


def stands(standing: Standing, news: DebtNews) -> Standing:
    """How a contract stands once this is known, or `CannotMove`."""
    if (standing, news) not in STANDINGS:
        raise CannotMove(standing, news, [known for at, known in STANDINGS if at is standing])
    return STANDINGS[standing, news]
