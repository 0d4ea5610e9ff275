"""Cards that prove themselves, from the air to the lock's pin: real pcscd or a real serial line, a real daemon."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from aldaba_shared.card_keys import DESFIRE_AID, SETTING, DoorSecrets, seal_secrets
from aldaba_shared.events import AccessDecided
from aldaba_shared.keys import CredentialKind, credential_key
from aldaba_shared.reasons import Reason
from aldaba_shared.schedule import always
from aldaba_shared.snapshot import ENABLED, GOOD_STANDING, Row
from aldaba_shared.wire import encode
from aldaba_sim.cards import Card, UidCard
from aldaba_sim.desfire_card import DesfireCard
from aldaba_sim.ntag424_card import sun_tag
from aldaba_sim.pcsc import VpcdSlot
from aldaba_sim.proving_cards import PkocCard
from tests.edge.places import FRONT, ME
from tests.sim.test_proving_cards import NEW, NUMBER, OLD, UID, Replaying, our_card
from tests.system.controller import CONFIG, SimulatedController
from tests.system.pcscd import READER_NAME, virtual_reader, wait_empty

pytestmark = [pytest.mark.system]

PHONE, COPYABLE = PkocCard(), UidCard(bytes.fromhex("04536b4a2f7080"))
PCSC = CONFIG.replace('profile = "pn532-hsu"', 'profile = "acr122u"').replace(
    'options = {{ path = "{folder}/reader", poll_ms = 5, absent_ms = 60, probe_ms = 60 }}',
    f'options = {{{{ reader = "{READER_NAME} 00 00", accepts = ["pkoc", "desfire", "ntag424"] }}}}',
)


def rows(now: datetime) -> list[Row]:
    """Four people, each with a card of another kind, who may all come in."""
    since = int((now - timedelta(days=1)).timestamp())
    cards = {
        CredentialKind.PKOC: PHONE.public_key,
        CredentialKind.DESFIRE: NUMBER,
        CredentialKind.NTAG424: UID,
        CredentialKind.UID: COPYABLE.uid,
    }
    return [
        Row("schedule", ("always", encode(always("Europe/Madrid")))),
        Row("setting", ("site_zone", encode("Europe/Madrid"))),
        Row("setting", (SETTING, seal_secrets(DoorSecrets((OLD, NEW)), ME, bytes(32)))),
        *(
            Row(
                "credential", (credential_key(bytes(32), kind, number), f"card-{kind}", kind, kind, ENABLED, None, None)
            )
            for kind, number in cards.items()
        ),
        *(Row("grant_", (FRONT, kind, "right", "always", "m1", GOOD_STANDING, since, None)) for kind in cards),
    ]


def decided(controller: SimulatedController) -> list[tuple[CredentialKind, Reason]]:
    return [(one.shown.kind, one.decision.reason) for one in controller.events_of(AccessDecided)]


@pytest.fixture
def usb(tmp_path: Path) -> Iterator[tuple[SimulatedController, VpcdSlot]]:
    with virtual_reader() as port:
        controller = SimulatedController(tmp_path, text=PCSC, rows=rows)
        slot = VpcdSlot(port)
        controller.start()
        yield controller, slot
        slot.take()
        controller.close()


@pytest.mark.feature(35)
def test_behind_pcscd_every_card_opens_that_proves_itself_and_no_other(
    usb: tuple[SimulatedController, VpcdSlot],
) -> None:
    controller, slot = usb
    tag, card = sun_tag(UID, OLD.sun_meta, OLD.sun(UID)), our_card()
    copy = Replaying(tag, UID)
    opening: list[Card] = [PHONE, card, tag, card]
    for times, one in enumerate(opening, 1):
        slot.hold(one)
        assert controller.wait_releases(times), (controller.kinds(), (controller.folder / "log").read_text()[-1500:])
        slot.take()
        wait_empty()
    assert card.applications[DESFIRE_AID].access.keys[1].version == NEW.version, (
        "brought to the new keys at the first tap"
    )
    controller.kill()
    controller.start()
    worthless: list[Card] = [copy, COPYABLE]
    for times, other in enumerate(worthless, 5):
        slot.hold(other)
        controller.wait_kind("access_decided", times)
        slot.take()
        wait_empty()
    assert [reason for _, reason in decided(controller)] == [Reason.GRANTED] * 4 + [
        Reason.PASS_REPLAYED,
        Reason.CARD_COPYABLE,
    ]


@pytest.mark.feature(35)
def test_behind_a_pn532_a_card_proves_itself_and_one_pulled_away_makes_no_storm(tmp_path: Path) -> None:
    controller = SimulatedController(tmp_path, rows=rows)
    controller.start()
    card = our_card()
    controller.board.hold(Leaving(card, 4, controller.board.take))
    controller.board.hold(card)
    assert controller.wait_releases(1), controller.kinds()
    controller.tap(COPYABLE)
    assert controller.wait_releases(2), "this door takes numbers too"
    assert decided(controller) == [(CredentialKind.DESFIRE, Reason.GRANTED), (CredentialKind.UID, Reason.GRANTED)]
    controller.close()


class Leaving:
    """A card that is pulled away after so many answers."""

    def __init__(self, card: DesfireCard, answers: int, take: Callable[[], None]) -> None:
        self.uid, self.atqa, self.sak, self.ats = card.uid, card.atqa, card.sak, card.ats
        self._card, self._left, self._take = card, answers, take

    def transmit(self, command: bytes) -> bytes:
        self._left -= 1
        if not self._left:
            self._take()
        return self._card.transmit(command)
