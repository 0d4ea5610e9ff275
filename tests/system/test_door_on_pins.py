"""One real controller process whose doors have every input and output on pins: what each wire brings about."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from aldaba_shared.door_rules import DoorRules, door_body, setting
from aldaba_shared.events import AccessDecided, DoorForced, DoorHeld, LockStuck, ShadowCompared, Tampered
from aldaba_shared.ids import DoorId
from aldaba_shared.keys import CredentialKind, credential_key
from aldaba_shared.reasons import Reason
from aldaba_shared.snapshot import ENABLED, GOOD_STANDING, Row
from aldaba_sim.cards import UidCard
from tests.edge.places import FRONT
from tests.system.controller import ANA, CONFIG, CONTACT_PIN, LOCK_PIN, STRANGER, SimulatedController, rules_for

pytestmark = pytest.mark.system

TAMPER, FIRE, FEEDBACK, GREEN, BUZZER, BACK_CONTACT, BACK_LOCK = 6, 13, 19, 20, 21, 22, 27
CLOSED_IS_ACTIVE = "active_when_closed = true, debounce_ms = 5"
BACK = DoorId("back")
SECOND = UidCard(bytes.fromhex("04aabbccddee80"))

INPUTS = f"""
held_seconds = 0.6
pre_alarm_seconds = 0.3
tamper = {{{{ profile = "gpio-contact", options = {{{{ pin = {TAMPER}, {CLOSED_IS_ACTIVE} }}}} }}}}
fire = {{{{ profile = "gpio-contact", options = {{{{ pin = {FIRE}, {CLOSED_IS_ACTIVE} }}}} }}}}
lock_feedback = {{{{ profile = "gpio-contact", options = {{{{ pin = {FEEDBACK}, {CLOSED_IS_ACTIVE} }}}} }}}}

[[door.indicators]]
side = "in"
profile = "gpio-indicator"
options = {{{{ green = {GREEN}, buzzer = {BUZZER}, active_low = false }}}}

[[door.readers]]"""

PARTNER = f"""
[[door]]
id = "{BACK}"
in_zone = "floor"
egress = true
handle = true
lock = {{{{ profile = "strike-fail-secure", pin = {BACK_LOCK}, fail_safe = false, max_on_ms = 30000 }}}}
relay = {{{{ contact = "NO" }}}}
board = {{{{ profile = "gpio-direct", active_low = false }}}}
contact = {{{{ profile = "gpio-contact", options = {{{{ pin = {BACK_CONTACT}, debounce_ms = 5 }}}} }}}}
"""

TEXT = CONFIG.replace("\n[[door.readers]]", INPUTS) + PARTNER


def rows(now: datetime) -> list[Row]:
    """Ana may pass the front door, with either of her cards, while the back door is shut."""
    told = DoorRules(interlock_with=(BACK,))
    second = credential_key(bytes(32), CredentialKind.UID, SECOND.uid)
    return [
        *rules_for(ANA, now),
        Row("credential", (second, "card-second", "ana", "uid", ENABLED, None, None)),
        Row("setting", (setting(FRONT), door_body(told))),
    ]


@pytest.fixture
def door(tmp_path: Path) -> Iterator[SimulatedController]:
    simulated = SimulatedController(tmp_path, release_seconds=20, text=TEXT, rows=rows)
    for pin in (TAMPER, FIRE, FEEDBACK):
        simulated.panel.drive(pin, level=True)
    simulated.panel.drive(BACK_CONTACT, level=False)
    yield simulated
    simulated.close()


@pytest.fixture(name="made")
def _made(tmp_path: Path) -> Iterator[Callable[..., SimulatedController]]:
    with ExitStack() as stack:

        def make(text: str, rules: Callable[[datetime], list[Row]]) -> SimulatedController:
            simulated = SimulatedController(tmp_path, text=text, rows=rules)
            stack.callback(simulated.close)
            return simulated

        yield make


def for_two(now: datetime) -> list[Row]:
    """The front door lets two people in together: Ana and Bea."""
    bea = credential_key(bytes(32), CredentialKind.UID, SECOND.uid)
    since = int((now - timedelta(days=1)).timestamp())
    return [
        *rules_for(ANA, now),
        Row("credential", (bea, "card-bea", "bea", "uid", ENABLED, None, None)),
        Row("grant_", (FRONT, "bea", "right", "always", "m2", GOOD_STANDING, since, None)),
        Row("setting", (setting(FRONT), door_body(DoorRules(persons=2, second_person_seconds=60)))),
    ]


def only_ana(now: datetime) -> list[Row]:
    return rules_for(ANA, now)


def wait(door: SimulatedController, seen: Callable[[], bool]) -> None:
    assert door.panel.wait_for(lambda _: seen(), 10), door.kinds()


def test_a_leaf_relocks_as_it_opens_warns_is_held_and_is_forced(door: SimulatedController) -> None:
    door.start()
    door.tap()
    wait(door, lambda: door.released)
    door.panel.drive(FEEDBACK, level=False)
    door.panel.drive(CONTACT_PIN, level=True)
    wait(door, lambda: not door.released)
    door.panel.drive(FEEDBACK, level=True)
    door.wait_kind("door_held")
    closed = door.kinds().count("door_closed")
    door.panel.drive(CONTACT_PIN, level=False)
    door.wait_kind("door_closed", closed + 1)
    assert (BUZZER, True) in door.changes, "whoever stands in the leaf is warned"
    assert door.events_of(DoorForced) == []
    door.panel.drive(CONTACT_PIN, level=True)
    door.wait_kind("door_forced")
    assert [one.door for one in door.events_of(DoorForced)] == [FRONT]
    assert door.events_of(DoorHeld)[0].after_ms >= 600
    assert door.stop() == 0


def test_an_opened_box_a_fire_and_a_relay_that_does_not_follow_are_told(door: SimulatedController) -> None:
    door.start()
    door.panel.drive(TAMPER, level=False)
    door.wait_kind("tampered")
    door.panel.drive(FIRE, level=False)
    wait(door, lambda: door.released)
    door.wait_kind("lock_stuck")  # nothing moved behind the relay
    door.panel.drive(FIRE, level=True)
    wait(door, lambda: not door.released)
    door.wait_kind("fire_ended")
    assert [one.door for one in door.events_of(LockStuck)] == [FRONT]
    assert [one.door for one in door.events_of(Tampered)] == [FRONT]
    assert door.stop() == 0


def test_while_one_leaf_is_open_the_other_door_lets_nobody_in(door: SimulatedController) -> None:
    door.start()
    door.panel.drive(BACK_CONTACT, level=True)
    door.wait_kind("door_forced")
    door.tap()
    door.wait_kind("access_decided")
    door.panel.drive(BACK_CONTACT, level=False)
    door.wait_kind("door_closed")
    door.tap(SECOND)
    door.wait_kind("access_decided", 2)
    reasons = [one.decision.reason for one in door.events_of(AccessDecided)]
    assert reasons == [Reason.INTERLOCKED, Reason.GRANTED]
    wait(door, lambda: door.changes.count((LOCK_PIN, True)) == 1)
    assert not door.panel.outputs.get(BACK_LOCK, False)
    assert door.stop() == 0


def test_a_door_for_two_stays_shut_for_one(made: Callable[..., SimulatedController]) -> None:
    door = made(CONFIG, for_two)
    door.start()
    door.tap(ANA)
    door.wait_kind("access_decided")
    door.tap(SECOND)
    assert door.wait_releases(1)
    door.wait_kind("entered_together")
    reasons = [one.decision.reason for one in door.events_of(AccessDecided)]
    assert reasons == [Reason.SECOND_PERSON_NEEDED, Reason.GRANTED]
    assert door.stop() == 0


def test_a_door_in_shadow_compares_itself_with_the_relay_beside_it_and_moves_no_pin(
    made: Callable[..., SimulatedController],
) -> None:
    theirs = f'others_relay = {{{{ profile = "gpio-contact", options = {{{{ pin = {FIRE}, {CLOSED_IS_ACTIVE} }}}} }}}}'
    door = made(CONFIG.replace("\n[[door.readers]]", f"shadow = true\n{theirs}\n\n[[door.readers]]"), only_ana)
    door.panel.drive(FIRE, level=True)
    door.start()
    door.tap(ANA)
    door.wait_kind("access_decided")
    door.panel.drive(FIRE, level=False)  # the system beside us lets her in as well
    door.wait_kind("shadow_compared")
    (compared,) = door.events_of(ShadowCompared)
    assert (compared.theirs, compared.ours) == (True, Reason.GRANTED)
    assert (LOCK_PIN, True) not in door.changes
    (told,) = json.loads(door.cli("shadow", "--json").stdout)
    assert (told["door"], told["compared"], told["agreed"], told["we_would_refuse"]) == ("front", 1, 1, 0)
    assert "we would refuse" in door.cli("shadow").stdout
    live = door.cli("shadow", "--live", "front", "--json")
    assert live.returncode == 0, live.stderr
    door.tap(STRANGER)
    door.wait_kind("access_decided", 2)
    door.tap(ANA)
    assert door.wait_releases(1)
    assert "it releases nothing" in door.cli("shadow", "--back", "front").stdout
    door.tap(ANA)
    door.wait_kind("access_decided", 4)
    assert door.changes.count((LOCK_PIN, True)) == 1
    assert door.cli("shadow", "--back", "front", "--live", "front").returncode == 2
    assert door.stop() == 0
