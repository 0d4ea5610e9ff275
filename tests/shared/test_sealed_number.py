"""What an unknown card said of itself is for the cloud alone, and for the line it was written in."""

import pytest

from aldaba_shared.ids import ControllerId
from aldaba_shared.keys import CredentialKind
from aldaba_shared.sealed_number import LONGEST, open_number, public_half, seal_number
from aldaba_shared.wire import Malformed

SECRET = bytes(range(32))
DOOR, UID = ControllerId("ctl_street"), CredentialKind.UID
NUMBER = bytes.fromhex("04a1b2c3d4e5f6")


def test_the_cloud_reads_what_a_door_sealed() -> None:
    sealed = seal_number(public_half(SECRET), DOOR, UID, NUMBER)
    assert open_number(SECRET, DOOR, UID, sealed) == NUMBER


def test_the_number_stands_nowhere_in_the_sealed_bytes_and_two_taps_of_a_card_look_unalike() -> None:
    one, other = (seal_number(public_half(SECRET), DOOR, UID, NUMBER) for _ in range(2))
    assert NUMBER not in one
    assert one != other


def test_the_longest_number_stays_within_its_bound() -> None:
    assert len(seal_number(public_half(SECRET), DOOR, CredentialKind.PKOC, bytes(65))) <= LONGEST


@pytest.mark.parametrize(
    ("secret", "door", "kind"),
    [
        (bytes(32), DOOR, UID),
        (SECRET, ControllerId("ctl_other"), UID),
        (SECRET, DOOR, CredentialKind.WIEGAND),
    ],
)
def test_it_opens_for_no_other_key_door_or_kind(secret: bytes, door: ControllerId, kind: CredentialKind) -> None:
    sealed = seal_number(public_half(SECRET), DOOR, UID, NUMBER)
    with pytest.raises(Malformed):
        open_number(secret, door, kind, sealed)


@pytest.mark.parametrize("junk", [b"", bytes(10), bytes(80)])
def test_junk_in_a_line_is_refused_and_not_a_crash(junk: bytes) -> None:
    with pytest.raises(Malformed):
        open_number(SECRET, DOOR, UID, junk)
