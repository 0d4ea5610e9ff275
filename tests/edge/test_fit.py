from pathlib import Path

import pytest

from aldaba_edge import fit
from aldaba_edge.drivers.patterns import USUAL, Blink, Lamp, pattern_of
from aldaba_edge.drivers.registry import Kind, load_registry
from aldaba_edge.ports import Signal
from aldaba_profiles.catalog import load_catalog
from tests.edge.test_check import door_of, judged

CATALOG = load_catalog()
MAGNET = {"profile": "maglock-fail-safe", "fail_safe": True}


def test_a_magnet_without_a_fire_relay_in_hardware_is_refused() -> None:
    door = door_of(lock=MAGNET, emergency_release="hardware")
    assert [one for one in fit.safeguards(door, CATALOG) if "fire_relay" in one]
    both = door_of(lock=MAGNET, emergency_release="hardware", fire_relay="hardware")
    assert fit.safeguards(both, CATALOG) == []
    assert fit.safeguards(door_of(), CATALOG) == [], "a strike that holds without power needs neither"


@pytest.mark.parametrize(
    ("board", "pin", "said"),
    [
        pytest.param({"profile": "seeed-relay-v1", "address": 0x20}, 4, None, id="its last relay"),
        pytest.param({"profile": "seeed-relay-v1", "address": 0x20}, 5, "relays 1 to 4, not 5", id="one too many"),
        pytest.param({"profile": "seeed-relay-v1", "address": 0x10}, 1, "one of 0x20", id="another board's address"),
        pytest.param({"profile": "seeed-relay-v1"}, 1, "one of 0x20", id="no address"),
        pytest.param({"profile": "gpio-direct", "address": 0x20}, 17, "no I2C board", id="a board of pins"),
    ],
)
def test_a_relay_must_be_one_that_its_board_has(board: dict[str, object], pin: int, said: str | None) -> None:
    door = door_of(board=board, lock={"pin": pin})
    wrong = fit.on_bus(door, CATALOG.profiles["board"].get(door.board.profile))  # type: ignore[arg-type]  # a board
    assert (said is None and not wrong) or (said is not None and said in wrong[0])


def test_two_doors_may_share_a_board_but_not_a_relay() -> None:
    from aldaba_edge import config as told  # noqa: PLC0415 - this one test reads a file of its own

    base = {"in_zone": "f", "egress": True, "handle": True, "relay": {"contact": "NO"}}
    lock = {"profile": "strike-fail-secure", "pin": 1, "fail_safe": False, "max_on_ms": 1000}
    boards = [{"profile": "seeed-relay-v1", "active_low": False, "address": address} for address in (0x20, 0x21, 0x20)]
    doors = [{**base, "id": str(at), "lock": lock, "board": board} for at, board in enumerate(boards)]
    assert told.parse({"door": doors[:2]}).mistakes == []
    assert "relay 1 at 0x20" in told.parse({"door": doors}).mistakes[0]


def test_a_key_that_others_can_read_is_told(tmp_path: Path) -> None:
    key = tmp_path / "reader.key"
    key.write_text("00" * 16)
    key.chmod(0o640)
    text = (Path(__file__).parents[2] / "docs" / "examples" / "edge.toml").read_text("utf-8")
    osdp = f'profile = "osdp"\noptions = {{ path = "/dev/ttyUSB0", address = 1, key_file = "{key}" }}'
    plain = 'profile = "pn532-hsu"\noptions = { path = "/dev/serial/by-id/usb-street-in" }'
    assert plain in text
    assert any("others can read" in one for one in judged(tmp_path, text.replace(plain, osdp)))
    key.chmod(0o600)
    assert judged(tmp_path, text.replace(plain, osdp)) == []


def test_a_supply_that_is_too_small_is_worth_a_second_look() -> None:
    magnet = door_of(lock=MAGNET, emergency_release="hardware", fire_relay="hardware", supply="poe-af")
    assert fit.supply(magnet, CATALOG) == []
    ac = door_of(lock={"profile": "strike-12v-ac"}, supply="poe-af")
    assert "more than half" in fit.supply(ac, CATALOG)[0]
    assert "use one of" in fit.supply(door_of(supply="a dynamo"), CATALOG)[0]


def reader(side: str, **options: object) -> dict[str, object]:
    if "address" not in options:
        return {"side": side, "profile": "pn532-hsu", "options": {"path": "/dev/bus", **options}}
    return {"side": side, "profile": "osdp", "options": {"path": "/dev/bus", "key_file": "/nowhere", **options}}


@pytest.mark.parametrize(
    ("one", "other", "said"),
    [
        pytest.param({"address": 0}, {"address": 1, "baud": 9600}, None, id="two OSDP readers"),
        pytest.param({"address": 0}, {"address": 0}, "is the line of", id="one address for both"),
        pytest.param({}, {}, "is the line of", id="two readers of another kind"),
        pytest.param({"address": 0, "baud": 9600}, {"address": 1, "baud": 115200}, "one speed", id="two speeds"),
    ],
)
def test_only_readers_of_a_bus_share_a_line(one: dict[str, object], other: dict[str, object], said: str | None) -> None:
    door = door_of(readers=[reader("in", **one), reader("out", **other)])
    wrong = fit.lines_shared([door], load_registry())
    assert (said is None and not wrong) or (said is not None and said in wrong[0])


def test_a_lamp_may_have_patterns_of_its_own() -> None:
    own = {"granted": {"green": {"on_ms": 1000, "times": 1}}}
    registry, told = load_registry(), {"green": 5, "active_low": False}
    assert registry.check(Kind.INDICATOR, "gpio-indicator", {**told, "patterns": own}) == []
    assert registry.check(Kind.INDICATOR, "gpio-indicator", {**told, "patterns": {"sometimes": {}}})
    options = registry.options(Kind.INDICATOR, "gpio-indicator", {**told, "patterns": own})
    assert pattern_of(Signal.GRANTED, options.patterns) == {Lamp.GREEN: Blink(1000, 0, 1)}  # type: ignore[attr-defined]  # its driver's options
    assert pattern_of(Signal.DENIED, options.patterns) == USUAL[Signal.DENIED]  # type: ignore[attr-defined]  # as above
