"""The sheet of sealed codes: shown once, known at every door of the site, void when the next one is printed."""

from collections.abc import Iterator

import pytest

from aldaba_cloud.access import emergency
from aldaba_cloud.access.publish import snapshot_rows
from aldaba_cloud.config import Config
from aldaba_cloud.db import Database, Scope, Work
from aldaba_cloud.errors import Missing
from aldaba_cloud.keyring import Keyring
from aldaba_cloud.members import store as members_store
from aldaba_shared.ids import HolderId, SiteId
from aldaba_shared.keys import CredentialKind, credential_key
from aldaba_shared.snapshot import ENABLED, ESSENTIAL
from tests.cloud.conftest import BARCELONA, MONDAY_NOON, NETWORK
from tests.cloud.small_space import SmallSpace

HOLDER = HolderId(f"emergency-{BARCELONA}")


@pytest.fixture(name="keyring")
def _keyring(config: Config) -> Keyring:
    return Keyring(config.key_dir)


@pytest.fixture(name="work")
def _work(database: Database, keyring: Keyring) -> Iterator[Work]:
    with database.write() as db:
        work = Work(db, Scope(NETWORK), MONDAY_NOON)
        SmallSpace(BARCELONA, keyring).build(work)
        yield work


@pytest.mark.parametrize("door", ["street", "room", "office"])
def test_every_door_of_the_site_knows_a_code_by_its_own_digest(work: Work, keyring: Keyring, door: str) -> None:
    space = SmallSpace(BARCELONA, keyring)
    (code,) = emergency.seal_codes(work, BARCELONA, 1, 365, keyring)
    rows = snapshot_rows(work, space.controller(door))
    own = space.controller(door).encode().ljust(32, b".")
    typed = credential_key(own, CredentialKind.PIN, code.digits.encode())
    (known,) = [row.values for row in rows if row.table == "credential" and row.values[0] == typed]
    assert known[1:4] == (code.credential, HOLDER, CredentialKind.EMERGENCY.value)
    assert known[4] & (ENABLED | ESSENTIAL) == ENABLED | ESSENTIAL
    assert [row.values[0] for row in rows if row.table == "grant_" and row.values[1] == HOLDER] == [space.door(door)]


def test_a_sheet_has_as_many_codes_of_eight_digits_as_were_asked_for(work: Work, keyring: Keyring) -> None:
    codes = emergency.seal_codes(work, BARCELONA, 5, 365, keyring)
    assert [one.number for one in codes] == [1, 2, 3, 4, 5]
    assert len({one.digits for one in codes}) == 5
    assert all(len(one.digits) == 8 and one.digits.isdecimal() for one in codes)
    kept = members_store.credentials_of(work, [HOLDER])
    assert all(one.digits not in f"{known}{sealed!r}" for one in codes for known, sealed in kept), (
        "kept nowhere in clear"
    )


def test_the_sheet_before_is_void(work: Work, keyring: Keyring) -> None:
    before = emergency.seal_codes(work, BARCELONA, 2, 365, keyring)
    after = emergency.seal_codes(work, BARCELONA, 2, 365, keyring)
    kept = {known.id: known for known, _ in members_store.credentials_of(work, [HOLDER])}
    assert {name for name, known in kept.items() if known.enabled} == {one.credential for one in after}
    assert {name for name, known in kept.items() if not known.enabled} == {one.credential for one in before}


def test_a_site_that_is_not_ours_gets_no_codes(work: Work, keyring: Keyring) -> None:
    with pytest.raises(Missing):
        emergency.seal_codes(work, SiteId("elsewhere"), 1, 1, keyring)
