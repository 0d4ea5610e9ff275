import itertools

import pytest

from aldaba_edge.drivers.i2c_relays import I2cLock, RelayBoard
from aldaba_edge.drivers.options import I2cLockOptions, RelayContact
from aldaba_profiles.catalog import load_catalog
from aldaba_sim.i2c_relays import CHIPS, NoAnswer, SimulatedI2c, panel_pin

CATALOG = load_catalog()
WIRINGS = list(itertools.product((False, True), RelayContact, (False, True)))
# fail_safe, contact, active_low -> whether the relay is pulled while the door is shut. By hand, from the wiring.
PULLED_WHILE_SHUT = {
    (False, "NO", False): False,
    (False, "NO", True): True,
    (False, "NC", False): True,
    (False, "NC", True): False,
    (True, "NO", False): True,
    (True, "NO", True): False,
    (True, "NC", False): False,
    (True, "NC", True): True,
}


class Bench:
    """One board of a make on a bus, every change of its relays written down."""

    def __init__(self, make: str) -> None:
        profile = CATALOG.board(make).i2c
        assert profile is not None
        self.make, self.address, self.relays = make, profile.addresses[0], profile.relays
        self.changes: list[tuple[int, bool]] = []
        self.bus = SimulatedI2c({self.address: make}, lambda pin, level: self.changes.append((pin, level)))
        self.board = RelayBoard(self.bus, self.address, profile)

    def lock(self, relay: int, *, fail_safe: bool, contact: RelayContact, active_low: bool) -> I2cLock:
        told = I2cLockOptions(
            board=self.make,
            address=self.address,
            relay=relay,
            fail_safe=fail_safe,
            contact=contact,
            active_low=active_low,
        )
        return I2cLock(told, self.board)

    def pulled(self, relay: int) -> bool:
        return relay in self.bus.pulled(self.address)


@pytest.mark.parametrize("make", CHIPS)
@pytest.mark.parametrize(("fail_safe", "contact", "active_low"), WIRINGS)
def test_every_wiring_holds_first_releases_and_holds_when_closed(
    make: str, fail_safe: bool, contact: RelayContact, active_low: bool
) -> None:
    bench, shut = Bench(make), PULLED_WHILE_SHUT[fail_safe, contact.value, active_low]
    for relay in range(1, bench.relays + 1):
        before = bench.bus.pulled(bench.address) - {relay}
        bench.changes.clear()
        lock = bench.lock(relay, fail_safe=fail_safe, contact=contact, active_low=active_low)
        assert bench.pulled(relay) is shut
        assert bench.changes in ([], [(panel_pin(bench.address, relay), shut)]), "straight to its level"
        lock.release()
        assert bench.pulled(relay) is not shut
        lock.close()
        lock.close()
        assert bench.pulled(relay) is shut
        assert bench.bus.pulled(bench.address) - {relay} == before, "no other door's relay moved"


@pytest.mark.parametrize("make", CHIPS)
def test_a_release_is_never_resumed_after_a_crash(make: str) -> None:
    bench = Bench(make)
    strike = {"fail_safe": False, "contact": RelayContact.NO, "active_low": False}
    bench.lock(1, **strike).release()  # type: ignore[arg-type]  # three facts by name
    bench.lock(2, **strike).release()  # type: ignore[arg-type]  # three facts by name
    bench.board = RelayBoard(bench.bus, bench.address, CATALOG.board(make).i2c)  # type: ignore[arg-type]  # it has one
    bench.lock(1, **strike)  # type: ignore[arg-type]  # three facts by name
    assert (bench.pulled(1), bench.pulled(2)) == (False, True), "each lock's own driver secures it, and no other's"


def test_a_board_that_is_not_there_is_an_error_of_its_own_lock() -> None:
    bench = Bench("seeed-relay-v1")
    absent = RelayBoard(bench.bus, 0x27, CATALOG.board("seeed-relay-v1").i2c)  # type: ignore[arg-type]  # it has one
    with pytest.raises(NoAnswer):
        absent.drive(1, energised=True)
