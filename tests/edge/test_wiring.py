import json
from pathlib import Path
from typing import get_type_hints
from xml.etree import ElementTree as ET

import pytest
from click.testing import CliRunner

from aldaba_edge import config as told
from aldaba_edge.cli import main
from aldaba_edge.drivers.registry import load_registry
from aldaba_edge.header import BCM_AT, POSITION_OF, SUPPLY_AT, text
from aldaba_edge.wiring import claimed_twice, hours_on_battery, longest_metres, sheet
from aldaba_profiles.catalog import load_catalog
from tests.edge.test_check import EXAMPLE, door_of

CATALOG, REGISTRY = load_catalog(), load_registry()
WIEGAND = {"side": "in", "profile": "wiegand-26", "options": {"d0": 14, "d1": 15}}
MAGNET = {"profile": "maglock-fail-safe", "fail_safe": True, "pin": 17}


def goes_to(device: str, terminal: str, **changes: object) -> str:
    found = sheet(door_of(**changes), CATALOG, REGISTRY).connections
    return next(one.to for one in found if (one.device, one.terminal) == (device, terminal))


def test_the_header_has_every_pin_once() -> None:
    assert sorted(BCM_AT.values()) == list(range(28))
    assert len(BCM_AT) + len(SUPPLY_AT) + 8 == 40, "eight positions are ground"
    assert (POSITION_OF[17], POSITION_OF[21], POSITION_OF[4]) == (11, 40, 7)
    assert "GPIO17: strike  11 o o 12  GPIO18" in text({17: "strike"})


def test_every_terminal_says_where_it_goes() -> None:
    assert goes_to("lock", "coil +") == "contact NO of relay 17; its common goes to supply plus"
    assert goes_to("board gpio-direct", "IN") == "GPIO17 (pin 11)"
    assert goes_to("contact", "one end") == "GPIO4 (pin 7); the other end to ground"
    assert goes_to("reader in", "D0", readers=[WIEGAND]) == "GPIO14 (pin 8) through a level shifter"


def test_a_magnet_hangs_behind_its_break_glass_and_its_fire_relay() -> None:
    told = goes_to("lock", "+", lock=MAGNET, relay={"contact": "NC"})
    assert told == "contact NC of relay 17, then the break-glass and the fire relay in series, then supply plus"


def test_no_profile_leaves_a_terminal_unsaid() -> None:
    board = {"profile": "sequent-8relay", "address": 0x20}
    shown = sheet(door_of(board=board, lock={"pin": 3}), CATALOG, REGISTRY)
    assert not [one for one in shown.connections if "?" in one.to or "{" in one.to]
    assert 2 in shown.pins, "the board's own bus is on the header too"
    assert 17 not in shown.pins


def test_every_input_of_the_configuration_is_on_the_sheet() -> None:
    inputs = [name for name, one in get_type_hints(told.Door).items() if one == told.Device | None]
    assert len(inputs) >= 8
    wired = {name: {"profile": "gpio-contact", "options": {"pin": pin}} for pin, name in enumerate(inputs, start=18)}
    shown = sheet(door_of(**wired), CATALOG, REGISTRY)
    assert set(inputs) <= {one.device for one in shown.connections}
    assert set(inputs) <= set(shown.pins.values())


def test_two_devices_on_one_pin_are_a_mistake() -> None:
    clash = door_of(exit_button={"profile": "gpio-contact", "options": {"pin": 17}})
    assert claimed_twice([clash], CATALOG, REGISTRY) == [
        "door 'door-street', exit_button: GPIO17 is taken by door 'door-street', lock."
    ]
    assert claimed_twice([door_of()], CATALOG, REGISTRY) == []


@pytest.mark.parametrize(
    ("volts", "milliamps", "square_mm", "metres"),
    [
        pytest.param(12, 500, 0.75, 51, id="a strike on 12 V"),
        pytest.param(24, 250, 0.75, 205, id="the same power on 24 V goes four times as far"),
    ],
)
def test_a_cable_is_long_enough_to_lose_a_tenth(volts: float, milliamps: float, square_mm: float, metres: int) -> None:
    assert longest_metres(volts, milliamps, square_mm) == metres


def test_a_magnet_outlasts_the_mains_by_half_a_day() -> None:
    assert round(hours_on_battery(500)) == 11


def test_the_command_draws_what_the_configuration_says(tmp_path: Path) -> None:
    config = tmp_path / "edge.toml"
    config.write_text(EXAMPLE.read_text("utf-8"))
    config.chmod(0o600)
    drawing = tmp_path / "door.svg"
    done = CliRunner().invoke(main, ["wiring", "--config", str(config), "--json", "--svg", str(drawing)])
    assert json.loads(done.output)[0]["pins"] == {"17": "lock, relay", "4": "contact", "5": "exit_button"}
    labels = [one.text for one in ET.fromstring(drawing.read_text("utf-8")).iter() if one.text]  # noqa: S314 - our own drawing
    assert "GPIO17: door-street, lock, relay" in labels
    assert CliRunner().invoke(main, ["wiring", "nowhere", "--config", str(config)]).exit_code == 2
