"""What a controller keeps secret follows the rules in force, forwards and back."""

import pytest

from aldaba_edge.card_secrets import CardSecrets
from aldaba_edge.drivers.registry import Kind, load_registry
from aldaba_shared.card_keys import NO_SECRETS, DoorSecrets, key_set, seal_secrets
from aldaba_shared.ids import ControllerId
from aldaba_shared.keys import CredentialKind, credential_key

DOOR, PAIRED = ControllerId("door"), b"p" * 32
OLD = seal_secrets(DoorSecrets((key_set(b"o" * 32, 1),)), DOOR, PAIRED)
NEW = seal_secrets(DoorSecrets((key_set(b"n" * 32, 2),), b"n" * 32), DOOR, PAIRED)


def test_secrets_change_with_the_rules_and_change_back_with_them() -> None:
    rules: dict[str, bytes | None] = {"now": None}
    known = CardSecrets(DOOR, PAIRED)
    assert known.now == NO_SECRETS
    known.follow(lambda: rules["now"])
    for body, versions, key in ((OLD, [1], PAIRED), (NEW, [2], b"n" * 32), (OLD, [1], PAIRED), (None, [], PAIRED)):
        rules["now"] = body
        assert [one.version for one in known.key_sets()] == versions
        assert known.digest(CredentialKind.UID, b"card") == credential_key(key, CredentialKind.UID, b"card")


@pytest.mark.parametrize(
    "body", [seal_secrets(DoorSecrets((), b"x" * 32), ControllerId("other"), PAIRED), b"", b"junk" * 9, OLD[:-1]]
)
def test_a_row_for_somebody_else_is_no_secret_and_stops_no_reader(body: bytes) -> None:
    known = CardSecrets(DOOR, PAIRED)
    known.follow(lambda: body)
    assert known.now == NO_SECRETS
    assert known.digest(CredentialKind.UID, b"card") == credential_key(PAIRED, CredentialKind.UID, b"card")


@pytest.mark.parametrize("accepts", [[], ["uid", "uid"], ["wiegand"], ["pkoc", "pass"]])
def test_an_order_that_no_card_fits_is_a_mistake_of_the_configuration(accepts: list[str]) -> None:
    told = load_registry().check(Kind.READER, "pn532-hsu", {"path": "/dev/ttyS0", "accepts": accepts})
    assert any("accepts must name each kind once" in one for one in told)
