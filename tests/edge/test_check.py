import copy
import itertools
import json
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from msgspec.structs import replace
from structlog.testing import capture_logs

from aldaba_edge import check_use
from aldaba_edge import config as told
from aldaba_edge.check import Outcome, check, outcome, without_us
from aldaba_edge.cli import main
from aldaba_edge.cli_kit import CANNOT
from aldaba_edge.drivers.gpio import pin_level
from aldaba_edge.drivers.options import RelayContact
from aldaba_edge.drivers.registry import load_registry
from aldaba_edge.in_clear import may_connect
from aldaba_edge.keyfile import read_identity, write_identity
from aldaba_profiles.catalog import load_catalog
from aldaba_shared.decide import Passback
from aldaba_shared.ids import ZoneId
from aldaba_shared.presence import PresenceRules, Zone
from tests.edge.places import Keys

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "edge.toml"
WRITTEN = tomllib.loads(EXAMPLE.read_text("utf-8"))


LETS_GO = replace(load_catalog().board("gpio-direct"), may_hold_after_kill=False)


def spoiled(spoil: Callable[[dict[str, Any]], object]) -> list[str]:
    """The mistakes after one thing in the example was made wrong."""
    written = copy.deepcopy(WRITTEN)
    spoil(written)
    return told.parse(written).mistakes


def door_of(**changes: object) -> told.Door:
    written = copy.deepcopy(WRITTEN)["door"][0]
    for key, value in changes.items():
        written[key] = {**written.get(key, {}), **value} if isinstance(value, dict) else value
    found = told.parse({"door": [written]})
    assert not found.mistakes
    return found.doors[0]


def judged(tmp_path: Path, text: str, rules: PresenceRules | None = None) -> list[str]:
    path = tmp_path / "edge.toml"
    path.write_text(text)
    path.chmod(0o600)
    return check(path, load_registry(), load_catalog(), rules).mistakes


@pytest.mark.parametrize(("table", "key"), [("lock", "fail_safe"), ("relay", "contact"), ("board", "active_low")])
def test_what_is_dangerous_to_assume_has_no_default(table: str, key: str) -> None:
    mistakes = spoiled(lambda written: written["door"][0][table].pop(key))
    assert mistakes == [f"door 'door-street', {table}: {key} is missing; it has no default."]


def test_every_mistake_is_told_at_once() -> None:
    def spoil(written: dict[str, Any]) -> None:
        written["log"] = "paper"
        written["colour"] = "green"
        door = written["door"][0]
        del door["relay"]
        door["release_seconds"] = -1
        door["readers"][0]["side"] = "above"
        door["lock"]["pin"] = 99

    mistakes = spoiled(spoil)
    wanted = ("log: ", "colour is", "release_seconds: ", "side: ", "pin: ", "contact is")
    assert [sum(word in one for one in mistakes) for word in wanted] == [1] * 6, mistakes


@pytest.mark.parametrize("text", ["", "door = 3", "[[door]]", "door = [1]", "not toml", "\x00", "[door]\nid = 1"])
def test_a_file_that_is_no_configuration_says_so_and_nothing_breaks(tmp_path: Path, text: str) -> None:
    assert judged(tmp_path, text)


def test_two_doors_cannot_share_a_pin() -> None:
    mistakes = spoiled(lambda written: written["door"].append({**written["door"][0], "id": "other"}))
    assert mistakes == ["door 'other', lock: pin 17 is taken by door 'door-street'. Give it another one."]


@pytest.mark.parametrize(("mode", "remedy"), [(0o660, "chmod go-w"), (0o602, "chmod go-w"), (0o644, "chmod o=")])
def test_a_file_that_others_may_write_or_read_is_refused(tmp_path: Path, mode: int, remedy: str) -> None:
    path = tmp_path / "edge.toml"
    path.write_text(EXAMPLE.read_text("utf-8"))
    path.chmod(mode)
    with pytest.raises(told.ConfigInvalid, match=remedy):
        told.load(path)


def test_the_group_of_the_daemon_may_read_the_file(tmp_path: Path) -> None:
    path = tmp_path / "edge.toml"
    path.write_text(EXAMPLE.read_text("utf-8"))
    path.chmod(0o640)
    assert told.load(path).door


def test_the_example_of_the_documentation_may_run(tmp_path: Path) -> None:
    assert judged(tmp_path, EXAMPLE.read_text("utf-8")) == []


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        pytest.param("fail_safe = false", "fail_safe = true", "emergency release", id="a magnet without a break-glass"),
        pytest.param("max_on_ms = 30_000", "", "timer relay", id="a board that holds after a kill"),
        pytest.param('profile = "pn532-hsu"', 'profile = "pn533"', "pn533", id="a reader nobody knows"),
        pytest.param("pre_alarm_seconds = 20", "pre_alarm_seconds = 30", "pre_alarm", id="a warning after the alarm"),
        pytest.param("out_zone", 'interlock_with = "x"\nout_zone', "interlock_with", id="a partner that is not there"),
    ],
)
def test_check_refuses_what_must_not_be_built(tmp_path: Path, before: str, after: str, said: str) -> None:
    text = EXAMPLE.read_text("utf-8")
    assert before in text
    mistakes = judged(tmp_path, text.replace(before, after))
    assert len(mistakes) == 1
    assert said in mistakes[0]


def test_check_refuses_a_door_without_a_way_out(tmp_path: Path) -> None:
    text = EXAMPLE.read_text("utf-8").replace("handle = true", "handle = false")
    text = text[: text.index("[door.exit_button]")]
    assert "no way out" in judged(tmp_path, text)[0]


@pytest.mark.parametrize(
    "zone",
    [
        Zone(ZoneId("zone-floor"), counted=True, passback=Passback.HARD),
        Zone(ZoneId("zone-floor"), counted=True, safety_limit=10),
    ],
    ids=["passback", "limit"],
)
def test_check_refuses_hard_rules_where_people_leave_unread(tmp_path: Path, zone: Zone) -> None:
    rules = PresenceRules({zone.id: zone}, "Europe/Madrid")
    assert len(judged(tmp_path, EXAMPLE.read_text("utf-8"), rules)) == 1


@pytest.mark.parametrize(
    ("fail_safe", "contact", "active_low"), list(itertools.product((True, False), ("NO", "NC"), (True, False)))
)
def test_what_check_says_of_a_crash_is_what_the_last_level_does(
    fail_safe: bool, contact: str, active_low: bool
) -> None:
    """An independent road: from the pin's level through board, relay and lock to the leaf."""
    door = door_of(lock={"fail_safe": fail_safe}, relay={"contact": contact}, board={"active_low": active_low})
    level = pin_level(release=False, fail_safe=fail_safe, contact=RelayContact(contact), active_low=active_low)
    energised = level is not active_low
    current_flows = energised if contact == "NO" else not energised
    opens = current_flows is not fail_safe
    said = without_us(door, None)
    assert said.crash is (Outcome.OPENS if opens else Outcome.STAYS_SHUT)
    assert said.crash is Outcome.STAYS_SHUT
    assert said.power_loss is (Outcome.OPENS if fail_safe else Outcome.STAYS_SHUT)


def test_a_strike_wired_to_the_closed_contact_opens_while_the_machine_starts() -> None:
    assert without_us(door_of(relay={"contact": "NC"}), None).boot is Outcome.OPENS
    assert outcome(relay_energised=False, fail_safe=False, contact_no=True) is Outcome.STAYS_SHUT


def run(*arguments: str) -> Any:  # noqa: ANN401 - click's result
    return CliRunner().invoke(main, list(arguments))


def test_check_answers_programs_and_scripts(tmp_path: Path) -> None:
    path = tmp_path / "edge.toml"
    path.write_text(EXAMPLE.read_text("utf-8"))
    path.chmod(0o600)
    good = run("check", str(path), "--json")
    assert good.exit_code == 0
    assert json.loads(good.output)["doors"][0]["crash"] == "stays_shut"
    path.write_text("door = []")
    assert run("check", str(path)).exit_code == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ("run", "/nowhere"),
        ("status",),
        ("events",),
        ("explain", "1"),
        ("release", "x"),
        ("doctor",),
        ("pair", "123456"),
    ],
    ids=lambda arguments: arguments[0],
)
def test_what_a_person_can_mend_is_no_traceback(arguments: tuple[str, ...], tmp_path: Path) -> None:
    config = () if arguments[0] in ("run", "doctor") else ("--config", str(tmp_path / "none.toml"))
    done = run(*arguments, *config)
    assert done.exit_code == 2
    assert "Error: " in done.output
    assert isinstance(done.exception, SystemExit)


@pytest.mark.parametrize("command", sorted(main.commands))
def test_every_command_helps_with_examples(command: str) -> None:
    done = run(command, "--help")
    assert done.exit_code == 0
    assert f"aldaba-edge {command}" in done.output


def test_a_timer_relay_shuts_a_strike_and_no_magnet() -> None:
    """It takes the power from the lock itself, on whichever contact of the relay the lock hangs."""
    for contact in ("NO", "NC"):
        strike = without_us(door_of(relay={"contact": contact}, lock={"max_on_ms": 5000}), None)
        magnet = without_us(door_of(relay={"contact": contact}, lock={"fail_safe": True, "max_on_ms": 5000}), None)
        assert (strike.crash_released, magnet.crash_released) == (Outcome.STAYS_SHUT, Outcome.OPENS)


@pytest.mark.parametrize(("fail_safe", "contact"), list(itertools.product((True, False), ("NO", "NC"))))
def test_a_board_that_lets_go_leaves_its_relay_at_rest(fail_safe: bool, contact: str) -> None:
    said = without_us(door_of(lock={"fail_safe": fail_safe}, relay={"contact": contact}), LETS_GO)
    current_flows = contact == "NC"
    assert said.crash is (Outcome.OPENS if current_flows is not fail_safe else Outcome.STAYS_SHUT)


def test_a_strike_on_the_closed_contact_is_worth_a_second_look(tmp_path: Path) -> None:
    path = tmp_path / "edge.toml"
    path.write_text(EXAMPLE.read_text("utf-8").replace('contact = "NO"', 'contact = "NC"'))
    path.chmod(0o600)
    assert any("wire NO" in one for one in check(path, load_registry(), load_catalog(), None).warnings)


def test_a_door_in_shadow_needs_something_that_tells_what_the_other_system_does() -> None:
    blind = replace(door_of(), shadow=True, contact=None, others_relay=None)
    assert "others_relay" in " ".join(check_use.of_door(blind, load_catalog()))
    seeing = replace(blind, others_relay=told.Device(profile="gpio-contact", options={"pin": 6}))
    assert check_use.of_door(seeing, load_catalog()) == []
    assert "way out" in " ".join(check_use.doubts_of_door(seeing))


def test_a_turnstile_is_driven_as_a_profile_that_exists_says() -> None:
    assert "perco-ttr04" in " ".join(check_use.of_door(replace(door_of(), turnstile="perko"), load_catalog()))
    assert check_use.of_door(replace(door_of(), turnstile="perco-ttr04"), load_catalog()) == []


def paired_with(folder: Path, host: str, *, tls: bool) -> None:
    identity = Keys().identity()
    write_identity(
        folder / "identity", replace(identity, answer=replace(identity.answer, broker_host=host, broker_tls=tls))
    )


IN_CLEAR = [
    pytest.param('cloud_url = "http://cloud.example"', "localhost", "https://", id="a cloud on the network"),
    pytest.param('broker = { host = "broker.lan", tls = false }', "localhost", "tls = true", id="a broker of the site"),
    pytest.param("", "broker.example", "tls = true", id="the broker of pairing"),
]


@pytest.mark.parametrize(("line", "paired", "said"), IN_CLEAR)
def test_a_broker_or_a_cloud_that_would_be_spoken_to_in_clear_is_refused_but_on_a_bench(
    tmp_path: Path, line: str, paired: str, said: str
) -> None:
    paired_with(tmp_path, paired, tls=False)
    text = f'{line}\ndata_dir = "{tmp_path}"\n' + without_line(EXAMPLE.read_text("utf-8"), "data_dir", "cloud_url")
    (mistake,) = judged(tmp_path, text)
    assert said in mistake
    path = tmp_path / "edge.toml"
    assert not may_connect(told.load(path), read_identity(tmp_path / "identity").answer)
    path.write_text(f'without_tls = "bench"\n{text}')
    verdict = check(path, load_registry(), load_catalog(), None)
    assert verdict.good
    assert any(said in one for one in verdict.warnings)
    with capture_logs() as lines:
        assert may_connect(told.load(path), read_identity(tmp_path / "identity").answer)
    assert [(one["event"], one["log_level"]) for one in lines] == [("spoken_in_clear", "error")]


@pytest.mark.parametrize(("host", "tls"), [("127.0.0.1", False), ("::1", False), ("localhost", False), ("b.lan", True)])
def test_this_machine_and_whoever_has_a_certificate_are_spoken_to(tmp_path: Path, host: str, *, tls: bool) -> None:
    paired_with(tmp_path, host, tls=tls)
    text = f'data_dir = "{tmp_path}"\n' + without_line(EXAMPLE.read_text("utf-8"), "data_dir")
    assert judged(tmp_path, text) == []
    assert may_connect(told.load(tmp_path / "edge.toml"), read_identity(tmp_path / "identity").answer)


def without_line(text: str, *starts: str) -> str:
    return "\n".join(line for line in text.splitlines() if not line.startswith(starts))


def test_a_controller_is_not_paired_over_a_network_in_clear(tmp_path: Path) -> None:
    said = CliRunner().invoke(
        main, ["pair", "123456", "--cloud", "http://cloud.example", "--config", f"{tmp_path}/none"]
    )
    assert said.exit_code == CANNOT
    assert "https://" in said.output
