"""OSDP through the real program: keys installed, a card to the pin, a dead reader, a reader that was exchanged."""

from collections.abc import Iterator
from pathlib import Path

import osdp
import pytest

from aldaba_sim.osdp_pd import OsdpLine, OsdpPd
from tests.system.controller import ANA, CONFIG, SimulatedController, as_json

ENTRY, EXIT = 3, 7
READERS = """
[[door.readers]]
side = "in"
profile = "osdp"
options = {{ path = "{folder}/bus", address = 3, key_file = "{folder}/data/osdp-in.key" }}

[[door.readers]]
side = "out"
profile = "osdp"
options = {{ path = "{folder}/bus", address = 7, key_file = "{folder}/data/osdp-out.key" }}
"""
TEXT = CONFIG[: CONFIG.index("[[door.readers]]")] + READERS

pytestmark = pytest.mark.system


@pytest.fixture
def controller(tmp_path: Path) -> Iterator[SimulatedController]:
    made = SimulatedController(tmp_path, text=TEXT)
    yield made
    made.close()


@pytest.fixture
def line(tmp_path: Path, controller: SimulatedController) -> Iterator[OsdpLine]:
    """Two readers in their install mode, and then under keys of their own."""
    made = OsdpLine(tmp_path / "bus", OsdpPd(ENTRY, None, install=True), OsdpPd(EXIT, None, install=True))
    for side in ("in", "out"):
        done = controller.cli("osdp-key", "front", side, "--install", "--json")
        assert as_json(done)["secured"] is True, done.stderr
    yield made
    made.close()


def test_a_card_at_one_reader_opens_while_the_other_is_dead(line: OsdpLine, controller: SimulatedController) -> None:
    keys = [(controller.data / name).read_text() for name in ("osdp-in.key", "osdp-out.key")]
    assert len(set(keys)) == 2
    assert (controller.data / "osdp-in.key").stat().st_mode & 0o777 == 0o600
    controller.start()
    line.tap(ENTRY, ANA.uid, 56)
    assert controller.wait_releases(1)
    line.kill(EXIT)
    controller.wait_kind("reader_lost")
    line.tap(ENTRY, ANA.uid, 56)
    assert controller.wait_releases(2)
    assert osdp.Command.LED in {one["command"] for one in line.shown(ENTRY)}


def test_a_reader_that_was_exchanged_is_an_alarm_and_opens_nothing(
    line: OsdpLine, controller: SimulatedController
) -> None:
    controller.start()
    line.tap(ENTRY, ANA.uid, 56)
    assert controller.wait_releases(1)
    impostor = OsdpPd(ENTRY, None)
    line.replace(impostor)
    line.tap(ENTRY, ANA.uid, 56)
    controller.wait_kind("tampered")
    assert controller.wait_releases(1)
    assert controller.kinds().count("access_decided") == 1


def test_a_reader_that_is_not_in_its_install_mode_takes_no_key(tmp_path: Path, controller: SimulatedController) -> None:
    line = OsdpLine(tmp_path / "bus", OsdpPd(ENTRY, bytes(range(16))))
    done = controller.cli("osdp-key", "front", "in", "--install")
    assert (done.returncode, "install mode" in done.stderr) == (2, True)
    assert not list(controller.data.glob("osdp-in.key*")), "a key that nobody took is kept by nobody"
    line.close()
