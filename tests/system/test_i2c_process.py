"""Two doors on one I2C board through the real program: a card to the relay, and what a crash leaves."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from aldaba_sim.i2c_relays import panel_pin
from tests.system.controller import CONFIG, SimulatedController

BOARD = 0x20
STREET, BACK = panel_pin(BOARD, 1), panel_pin(BOARD, 3)
ONE = (
    CONFIG.replace('{folder}/panel" }}', '{folder}/panel", i2c = {{ "0x20" = "sequent-8relay" }} }}')
    .replace("pin = 17", "pin = 1")
    .replace('profile = "gpio-direct"', 'profile = "sequent-8relay", address = 0x20')
)
OTHER = ONE[ONE.index("[[door]]") : ONE.index("contact = {{ profile")]
TEXT = ONE + "\n" + OTHER.replace('"front"', '"back"').replace("pin = 1,", "pin = 3,")

pytestmark = pytest.mark.system


@pytest.fixture
def controller(tmp_path: Path) -> Iterator[SimulatedController]:
    made = SimulatedController(tmp_path, text=TEXT, release_seconds=0.3)
    yield made
    made.close()


def test_a_card_pulls_the_relay_of_its_own_door_alone(controller: SimulatedController) -> None:
    controller.start()
    controller.tap()
    controller.wait_kind("access_decided")
    assert controller.panel.wait_for(lambda _: controller.changes.count((STREET, False)) == 1)
    assert controller.changes.count((STREET, True)) == 1
    assert not [one for one in controller.changes if one[0] == BACK]
    assert controller.stop() == 0
