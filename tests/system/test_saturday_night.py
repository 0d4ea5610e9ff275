"""Saturday night, everything down: a real daemon without network, cloud, NTP or battery clock, and rules a month old.

A member's card is refused, the cleaner's opens, a sealed code from an envelope
opens once, and whoever has the right account on the machine releases the door.
Everything is in the books, with who.
"""

import json
import multiprocessing
import os
import socket
import tempfile
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from aldaba_edge.codecs.wiegand import FORMATS, CardNumber
from aldaba_shared.events import AccessDecided, DoorReleased, EmergencyCodeUsed
from aldaba_shared.keys import CredentialKind, credential_key, wiegand_canonical
from aldaba_shared.reasons import Reason
from aldaba_shared.schedule import always
from aldaba_shared.snapshot import ENABLED, ESSENTIAL, GOOD_STANDING, Row
from aldaba_shared.wire import encode
from aldaba_sim.wiegand_pins import WiegandSender
from tests.edge.places import FRONT
from tests.system.controller import CONFIG, SimulatedController

pytestmark = pytest.mark.system
D0, D1 = 20, 21
NOBODY = 65534
CODE = "48151623"
MEMBER, CLEANER = CardNumber("H10301", 1, 1001), CardNumber("H10301", 1, 2002)
TEXT = CONFIG.replace(
    'profile = "pn532-hsu"\noptions = {{ path = "{folder}/reader", poll_ms = 5, absent_ms = 60, probe_ms = 60 }}',
    f'profile = "wiegand-26"\noptions = {{{{ d0 = {D0}, d1 = {D1} }}}}',
)
KEY = bytes(32)


def rows(now: datetime) -> list[Row]:
    """A member, a cleaner who is essential, and one sealed code."""
    since = int((now - timedelta(days=400)).timestamp())

    def holder(name: str, kind: CredentialKind, canonical: bytes, flags: int) -> list[Row]:
        key = credential_key(KEY, kind, canonical)
        return [
            Row("credential", (key, f"card-{name}", name, kind.value, flags, None, None)),
            Row("grant_", (FRONT, name, f"right-{name}", "always", None, GOOD_STANDING, since, None)),
        ]

    def card(number: CardNumber) -> bytes:
        return wiegand_canonical(number.format, number.facility, number.number)

    return [
        Row("schedule", ("always", encode(always("Europe/Madrid")))),
        Row("setting", ("site_zone", encode("Europe/Madrid"))),
        *holder("member", CredentialKind.WIEGAND, card(MEMBER), ENABLED),
        *holder("cleaner", CredentialKind.WIEGAND, card(CLEANER), ENABLED | ESSENTIAL),
        *holder("envelope-1", CredentialKind.EMERGENCY, CODE.encode(), ENABLED | ESSENTIAL),
    ]


@pytest.fixture(name="night")
def _night(tmp_path: Path) -> Iterator[SimulatedController]:
    simulated = SimulatedController(tmp_path, text=TEXT, rows=rows, rules_age=timedelta(days=30))
    yield simulated
    simulated.close()


def decided(night: SimulatedController, times: int) -> AccessDecided:
    night.wait_kind("access_decided", times)
    return night.events_of(AccessDecided)[-1]


def type_code(wiegand: WiegandSender) -> None:
    for digit in CODE:
        wiegand.press(int(digit))
        time.sleep(0.07)  # a finger; bursts nearer than 50 ms are one frame
    wiegand.press(11)


def test_a_saturday_night_with_everything_down(night: SimulatedController) -> None:
    wiegand = WiegandSender(night.panel, D0, D1)
    night.start()
    status = night.ask_until_up()
    assert status["connected"] is False
    clock = status["clock"]
    assert isinstance(clock, dict)

    wiegand.hold(MEMBER, FORMATS["H10301"])
    assert decided(night, 1).decision.reason is Reason.RULES_TOO_OLD
    wiegand.hold(CLEANER, FORMATS["H10301"])
    assert decided(night, 2).decision.granted
    assert night.wait_releases(1)

    type_code(wiegand)
    opened = decided(night, 3)
    assert opened.decision.granted
    assert opened.shown.kind is CredentialKind.EMERGENCY
    night.wait_kind("emergency_code_used")
    assert [one.credential for one in night.events_of(EmergencyCodeUsed)] == ["card-envelope-1"]
    assert night.wait_releases(2)

    night.kill()
    night.start()
    type_code(wiegand)
    assert decided(night, 4).decision.reason is Reason.PASS_USED_UP, "pulling the plug gives no code back"

    done = night.cli("release", "front", "--json")
    assert done.returncode == 0, done.stderr
    assert night.wait_releases(3)
    assert [one.by for one in night.events_of(DoorReleased)] == [f"local:{os.getuid()}"]


def ask_as_nobody(path: Path) -> None:
    """Another account of the machine asks for a release; ends with 0 when it was told that it may not."""
    os.setgid(NOBODY)
    os.setuid(NOBODY)
    with socket.socket(socket.AF_UNIX) as asking:
        asking.connect(str(path))
        asking.sendall(b'{"do": "release", "door": "front"}\n')
        answer = json.loads(asking.makefile().readline())
    raise SystemExit(0 if answer["code"] == "not_allowed" else 1)


def test_another_account_of_the_machine_releases_nothing(night: SimulatedController) -> None:
    night.start()
    path = night.folder / "run" / "edge.sock"
    path.chmod(0o666)
    for folder in path.parents:  # pytest's own folders are for their owner alone
        if folder == Path(tempfile.gettempdir()):
            break
        folder.chmod(folder.stat().st_mode | 0o011)
    child = multiprocessing.get_context("forkserver").Process(target=ask_as_nobody, args=(path,))
    child.start()
    child.join(20)
    assert child.exitcode == 0
    assert night.events_of(DoorReleased) == []
    assert not night.released
