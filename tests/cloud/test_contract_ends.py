"""A right ends by itself on the right minute of the site's wall clock."""

from dataclasses import replace
from datetime import date, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from aldaba_cloud.members.models import Contract, ContractState
from aldaba_shared.ids import ContractId, HolderId

MADRID = ZoneInfo("Europe/Madrid")
RENEWING = Contract(
    ContractId("k"), "plan", (HolderId("ana"),), date(2026, 1, 1), paid_until=date(2026, 3, 26), grace_days=3
)


def local(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=MADRID)


@pytest.mark.parametrize(
    ("contract", "ends"),
    [
        pytest.param(RENEWING, "2026-03-30T00:00", id="renewing: due date, grace, over the change of clocks"),
        pytest.param(replace(RENEWING, renews=False), "2026-03-27T00:00", id="manual: no grace"),
        pytest.param(replace(RENEWING, ends_on=date(2026, 3, 27)), "2026-03-28T00:00", id="the contract ends first"),
        pytest.param(replace(RENEWING, returns_on=date(2026, 5, 1)), "2026-05-05T00:00", id="back later than due"),
        pytest.param(replace(RENEWING, returns_on=date(2026, 2, 1)), "2026-03-30T00:00", id="back before due"),
    ],
)
def test_rights_end_at_midnight_of_the_site(contract: Contract, ends: str) -> None:
    assert contract.rights_end_at(MADRID) == local(ends)


def test_a_contract_that_nobody_has_to_pay_or_end_goes_on() -> None:
    assert replace(RENEWING, paid_until=None).rights_end_at(MADRID) is None


@pytest.mark.parametrize(
    ("state", "gives"),
    [(state, state not in {"draft", "ended", "paused"}) for state in ContractState],
)
def test_only_a_living_contract_gives_rights(state: ContractState, gives: bool) -> None:
    assert replace(RENEWING, state=state).gives_rights is gives


def test_a_pause_with_a_return_gives_rights_from_that_day() -> None:
    paused = replace(RENEWING, state=ContractState.PAUSED, returns_on=date(2026, 5, 1))
    assert paused.gives_rights
    assert paused.begins_at(MADRID) == local("2026-05-01T00:00")


@given(
    paid=st.dates(date(2026, 1, 1), date(2027, 12, 31)),
    grace=st.integers(0, 30),
    ends=st.none() | st.dates(date(2026, 1, 1), date(2027, 12, 31)),
    renews=st.booleans(),
)
def test_no_right_outlives_its_contract_or_its_grace(paid: date, grace: int, ends: date | None, renews: bool) -> None:
    until = replace(RENEWING, paid_until=paid, grace_days=grace, ends_on=ends, renews=renews).rights_end_at(MADRID)
    assert until is not None
    last_day = until.astimezone(MADRID).date().toordinal() - 1
    event("ended by the contract" if ends and last_day == ends.toordinal() else "ended by what was paid")
    assert until.astimezone(MADRID).time() == datetime.min.time()
    assert ends is None or last_day <= ends.toordinal()
    assert 0 <= last_day - paid.toordinal() <= (grace if renews else 0) or (ends is not None and ends < paid)
