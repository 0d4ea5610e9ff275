"""QR codes at several doors of a site that hear each other and nobody else: used here is used there."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from aldaba_edge.ports import PassSeen
from aldaba_shared import passes
from aldaba_shared.decide import Passback, Side
from aldaba_shared.ids import CredentialId, HolderId, SiteId
from aldaba_shared.keys import CredentialKind, credential_key
from aldaba_shared.presence import Zone
from aldaba_shared.reasons import Reason
from aldaba_shared.rules import Credential
from aldaba_sim.phone import SimulatedPhone
from tests.edge.door_fakes import ANA, FLOOR, PASS_KEY, STREET_DOOR
from tests.edge.places import START
from tests.edge.test_apart import Corner, Site, three_corners

PHONE = SimulatedPhone.fresh()
VISIT = passes.Pass(
    issuer="site:site",
    holder=HolderId("visitor"),
    site=SiteId("site"),
    doors=(STREET_DOOR,),
    valid_from=START - timedelta(hours=1),
    valid_until=START + timedelta(hours=9),
    id=b"visit-0123456789",
    uses=2,
)


@pytest.fixture(name="site")
def _site(tmp_path: Path) -> Iterator[Site]:
    with three_corners(tmp_path, Zone(FLOOR, passback=Passback.OFF)) as site:
        key = credential_key(bytes(32), CredentialKind.PHONE, PHONE.key_id)
        for corner in site.corners:
            corner.bench.rules.learn(key, Credential(CredentialId("phone"), ANA, CredentialKind.PHONE))
            corner.bench.rules.public_keys[key] = PHONE.public
        yield site


def shown(corner: Corner, text: bytes) -> Reason:
    corner.bench.loop.read(Side.IN, PassSeen(text))
    corner.bench.clock.advance(0.05)
    return corner.decided().reason


@pytest.mark.feature(35)
def test_a_picture_of_a_phones_code_opens_no_other_door_of_the_site(site: Site) -> None:
    one, two, three = site.corners
    text = PHONE.code("site", site.clock.now())
    assert shown(one, text) is Reason.GRANTED
    site.soon()
    assert [shown(two, text), shown(three, text)] == [Reason.PASS_REPLAYED] * 2
    site.clock.advance(5)
    assert shown(two, PHONE.code("site", site.clock.now())) is Reason.GRANTED


def test_doors_that_cannot_talk_hold_what_they_know_for_the_seconds_a_code_lives(site: Site) -> None:
    one, two, _ = site.corners
    two.link.cut()
    text = PHONE.code("site", site.clock.now())
    assert shown(one, text) is Reason.GRANTED
    site.soon()
    assert shown(two, text) is Reason.GRANTED, "declared: within 15 seconds, where the doors cannot talk"
    site.clock.advance(15)
    assert shown(two, text) is Reason.PASS_REPLAYED


@pytest.mark.feature(38)
def test_the_uses_of_a_pass_are_those_of_the_site_while_its_doors_talk_and_of_the_door_while_not(site: Site) -> None:
    one, two, three = site.corners
    text = passes.issue(VISIT, PASS_KEY).encode()
    assert shown(one, text) is Reason.GRANTED
    site.soon()
    assert shown(two, text) is Reason.GRANTED
    site.soon()
    assert [shown(corner, text) for corner in site.corners] == [Reason.PASS_USED_UP] * 3
    three.link.cut()
    other = passes.issue(replace(VISIT, id=b"other-0123456789"), PASS_KEY).encode()
    assert [shown(one, other), shown(one, other), shown(one, other)] == [
        Reason.GRANTED,
        Reason.GRANTED,
        Reason.PASS_USED_UP,
    ]
    assert [shown(three, other), shown(three, other), shown(three, other)] == [
        Reason.GRANTED,
        Reason.GRANTED,
        Reason.PASS_USED_UP,
    ]
    three.link.join()
    site.soon()
    assert shown(two, other) is Reason.PASS_USED_UP, "it had two uses, and four were made while the doors were apart"
