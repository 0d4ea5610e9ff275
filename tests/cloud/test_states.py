"""Where a contract may go from where it is, and how its standing follows its debts."""

import pytest

from aldaba_cloud.members.models import ContractState, Standing
from aldaba_cloud.members.states import STATES, CannotMove, DebtNews, Move, moved, stands

ALL_MOVES = [(state, move) for state in ContractState for move in Move]


@pytest.mark.parametrize(("state", "move"), [one for one in ALL_MOVES if one in STATES])
def test_a_move_leads_somewhere_else(state: ContractState, move: Move) -> None:
    assert moved(state, move) is not state


@pytest.mark.parametrize(("state", "move"), [one for one in ALL_MOVES if one not in STATES])
def test_what_is_not_in_the_table_cannot_happen(state: ContractState, move: Move) -> None:
    with pytest.raises(CannotMove, match=state.value):
        moved(state, move)


@pytest.mark.parametrize("standing", Standing)
def test_whoever_has_paid_all_stands_well(standing: Standing) -> None:
    assert stands(standing, DebtNews.ALL_PAID) is Standing.GOOD


def test_nobody_is_limited_before_a_debt_is_known() -> None:
    with pytest.raises(CannotMove, match="debt_known"):
        stands(Standing.GOOD, DebtNews.GRACE_OVER)


def test_what_has_ended_stays_ended() -> None:
    with pytest.raises(CannotMove, match="nothing any more"):
        moved(ContractState.ENDED, Move.BEGIN)
