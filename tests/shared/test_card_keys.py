import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.cmac import CMAC
from hypothesis import event, given
from hypothesis import strategies as st

from aldaba_shared.card_keys import (
    DoorSecrets,
    diversified,
    key_set,
    making_keys,
    open_secrets,
    seal_secrets,
)
from aldaba_shared.ids import ControllerId
from aldaba_shared.keys import CLONEABLE, CredentialKind, cloneable
from aldaba_shared.wire import Malformed

GOLDEN = Path(__file__).parents[1] / "golden"
MASTER = bytes(range(16))
DOOR = ControllerId("ctl-1")
SECRETS = DoorSecrets((key_set(b"r" * 32, 1), key_set(b"s" * 32, 2)), b"d" * 32)


@pytest.mark.feature(35)
@pytest.mark.parametrize("case", json.loads((GOLDEN / "nxp_an10922.json").read_text())["cases"])
def test_a_card_s_key_is_the_one_nxp_prints(case: dict[str, str]) -> None:
    seed = bytes.fromhex(case["uid"] + case["aid"] + case["system_id"])
    assert diversified(bytes.fromhex(case["master_key"]), seed).hex() == case["diversified_key"]


def by_the_letter(master: bytes, seed: bytes) -> bytes:
    """AN10922 section 2.2 step by step on single AES blocks, sharing no line with the code under test."""

    def aes(block: bytes) -> bytes:
        encryptor = Cipher(algorithms.AES(master), modes.ECB()).encryptor()  # noqa: S305 - single blocks are meant
        return encryptor.update(block) + encryptor.finalize()

    def subkey(block: bytes) -> bytes:
        bits = f"{int.from_bytes(block):0128b}"
        shifted = int(bits[1:] + "0", 2)
        return (shifted ^ (0x87 if bits[0] == "1" else 0)).to_bytes(16)

    k1 = subkey(aes(bytes(16)))
    k2 = subkey(k1)
    div = b"\x01" + seed
    padded = div if len(div) == 32 else div + b"\x80" + bytes(31 - len(div))
    mask = k1 if len(div) == 32 else k2
    last = bytes(a ^ b for a, b in zip(padded[16:], mask, strict=True))
    return aes(bytes(a ^ b for a, b in zip(aes(padded[:16]), last, strict=True)))


@given(master=st.binary(min_size=16, max_size=16), seed=st.binary(min_size=1, max_size=31))
def test_short_and_long_seeds_are_padded_as_an10922_says(master: bytes, seed: bytes) -> None:
    event("short, where plain CMAC differs" if len(seed) < 16 else "whole" if len(seed) == 31 else "long")
    key = diversified(master, seed)
    assert key == by_the_letter(master, seed)
    plain = CMAC(algorithms.AES(master))
    plain.update(b"\x01" + seed)
    assert (key == plain.finalize()) is (len(seed) >= 16)


@pytest.mark.parametrize("seed", [b"", bytes(32)])
def test_a_seed_of_no_length_an10922_knows_is_refused(seed: bytes) -> None:
    with pytest.raises(ValueError, match="AN10922"):
        diversified(MASTER, seed)


def test_no_key_of_a_set_follows_from_another_card_or_version() -> None:
    one, two = key_set(b"r" * 32, 1), key_set(b"r" * 32, 2)
    making = making_keys(b"r" * 32, 1)
    keys = [one.desfire_read, one.sun_meta, one.sun_file, two.desfire_read, making.desfire_master, making.ntag_master]
    keys += [one.desfire(bytes(7)), one.desfire(b"\x01" * 7), one.sun(bytes(7)), one.sun(b"\x01" * 7)]
    assert len(set(keys)) == len(keys)


def test_secrets_reach_the_controller_they_are_for_and_no_other() -> None:
    body = seal_secrets(SECRETS, DOOR, b"k" * 32)
    assert open_secrets(body, DOOR, b"k" * 32) == SECRETS
    assert body == seal_secrets(SECRETS, DOOR, b"k" * 32), "compiling twice must give the same row"
    for controller, key in ((ControllerId("ctl-2"), b"k" * 32), (DOOR, b"l" * 32)):
        with pytest.raises(Malformed):
            open_secrets(body, controller, key)
    assert SECRETS.key_sets[0].desfire_read not in body


def test_no_secret_is_printed() -> None:
    assert repr(SECRETS) == "DoorSecrets(key_sets=(KeySet(version=1), KeySet(version=2)), digest_key=set)"
    assert repr(making_keys(b"r" * 32, 1)) == "MakingKeys(version=1)"


@pytest.mark.feature(35)
def test_every_kind_says_whether_it_can_be_copied() -> None:
    assert {kind for kind in CredentialKind if cloneable(kind)} == CLONEABLE
    assert not any(cloneable(kind) for kind in (CredentialKind.PKOC, CredentialKind.DESFIRE, CredentialKind.NTAG424))
