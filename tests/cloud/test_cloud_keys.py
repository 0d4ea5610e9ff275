"""The cloud's keys: the root vouches for the working ones, and only the root does."""

from hashlib import sha256
from pathlib import Path

import pytest

from aldaba_cloud.config import Config
from aldaba_cloud.fleet.keys import CloudKeys, KeysMissing, load_keys, make_keys
from aldaba_cloud.keyring import Keyring
from aldaba_shared.envelope import KeyRing, unseal
from aldaba_shared.messages import KeyList, Kind, WorkingKey
from tests.cloud.toy_controller import START


@pytest.fixture
def keyring(config: Config) -> Keyring:
    return Keyring(config.key_dir)


@pytest.fixture
def keys(keyring: Keyring, tmp_path: Path) -> CloudKeys:
    return make_keys(keyring, tmp_path / "offline" / "root.key", START)


def test_the_root_vouches_for_the_working_keys_and_for_the_next_ones(
    keyring: Keyring, keys: CloudKeys, tmp_path: Path
) -> None:
    again = make_keys(keyring, tmp_path / "offline" / "root.key", START)
    assert (keys.serial, again.serial) == (1, 2)
    assert again.root_key == keys.root_key
    assert again.working.kid != keys.working.kid
    ring = KeyRing([WorkingKey(sha256(keys.root_key).digest()[:8], keys.root_key, (Kind.KEYS,))])
    listed = unseal(Kind.KEYS, "*", again.keys, ring, KeyList)
    assert {key.kid for key in listed.keys} == {keys.working.kid, again.working.kid}


def test_a_cloud_without_keys_says_how_to_make_them(keyring: Keyring) -> None:
    with pytest.raises(KeysMissing, match="aldaba-cloud init"):
        load_keys(keyring)


def test_the_roots_private_half_is_for_its_owner_alone(keys: CloudKeys, tmp_path: Path) -> None:
    assert keys.serial == 1
    assert (tmp_path / "offline" / "root.key").stat().st_mode & 0o077 == 0
