"""Card keys and digest keys from the cloud's side: what doors get of them, and what a theft asks for."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from sqlalchemy import update

from aldaba_cloud.access import service, theft
from aldaba_cloud.access import store as access
from aldaba_cloud.access.publish import snapshot_rows
from aldaba_cloud.access.rehearse import Tap
from aldaba_cloud.access.theft import AtRisk, Remedy
from aldaba_cloud.config import Config
from aldaba_cloud.db import ALL_SITES, Database, Scope, Work
from aldaba_cloud.errors import Missing, Unusable
from aldaba_cloud.fleet import card_keys
from aldaba_cloud.fleet.store import controllers
from aldaba_cloud.keyring import Keyring
from aldaba_cloud.members import service as members
from aldaba_cloud.members.models import IssuedCredential
from aldaba_cloud.members.service import NewCredential
from aldaba_edge.card_secrets import CardSecrets
from aldaba_shared.card_keys import SETTING, DoorSecrets, making_keys, open_secrets
from aldaba_shared.decide import Decision, DoorNow, PresenceNow, Presented, Side
from aldaba_shared.events import AccessDecided
from aldaba_shared.ids import ControllerId, SiteId
from aldaba_shared.keys import GUESSABLE, CredentialKind, credential_key
from aldaba_shared.reasons import Reason
from aldaba_shared.rules import Credential, Facts
from aldaba_shared.snapshot import Row
from tests.cloud.conftest import BARCELONA, MONDAY_NOON, NETWORK
from tests.cloud.small_space import SmallSpace

CARD = bytes.fromhex("04a1b2c3d4e5f6")


@pytest.fixture
def work(database: Database) -> Iterator[Work]:
    with database.write() as db:
        yield Work(db, Scope(NETWORK), MONDAY_NOON)


@pytest.fixture
def space(config: Config, work: Work) -> SmallSpace:
    space = SmallSpace(BARCELONA, Keyring(config.key_dir))
    space.build(work)
    space.give_card(work, space.ana, CARD)
    return space


def street(space: SmallSpace) -> tuple[ControllerId, bytes]:
    """The controller of the street door, and the key it was paired with."""
    controller = space.controller("street")
    return controller, controller.encode().ljust(32, b".")


def secrets_of(work: Work, space: SmallSpace, door: str = "street") -> DoorSecrets | None:
    controller = space.controller(door)
    bodies = [row.values[1] for row in snapshot_rows(work, controller) if row.values[0] == SETTING]
    return open_secrets(bodies[0], controller, controller.encode().ljust(32, b".")) if bodies else None


def knows(rows: list[Row], key: bytes) -> bool:
    """Whether a door with these rules knows Ana's card under this key."""
    return any(
        row.table == "credential" and row.values[0] == credential_key(key, CredentialKind.UID, CARD) for row in rows
    )


def finds(rows: list[Row], space: SmallSpace) -> bool:
    """Whether a door that follows exactly these rules finds Ana's card, by the key these rules name."""
    controller, paired = street(space)
    known = CardSecrets(controller, paired)
    known.follow(lambda: next((row.values[1] for row in rows if row.values[0] == SETTING), None))
    wanted = known.digest(CredentialKind.UID, CARD)
    return any(row.table == "credential" and row.values[0] == wanted for row in rows)


def confirm(work: Work, space: SmallSpace) -> None:
    """The street's controller says that its newest rules are in force."""
    controller, _ = street(space)
    newest = access.newest_generation(work, controller)
    assert newest is not None
    values = {"epoch": newest.epoch, "version": newest.version}
    work.db.execute(update(controllers).where(controllers.c.id == controller).values(**values))


def test_doors_get_the_reading_keys_of_their_site_and_no_others(work: Work, space: SmallSpace) -> None:
    elsewhere = SiteId("elsewhere")
    ours = card_keys.make_set(work, BARCELONA, space.keyring)
    theirs = card_keys.make_set(work, elsewhere, space.keyring)
    everybodys = card_keys.make_set(work, ALL_SITES, space.keyring)
    service.publish_everywhere(work, space.keyring)
    told = secrets_of(work, space)
    assert told is not None
    assert [one.version for one in told.key_sets] == [ours, everybodys]
    assert theirs not in [one.version for one in told.key_sets]
    assert service.publish_everywhere(work, space.keyring) == [], "sealing again gives the same row"
    card_keys.drop_set(work, ours)
    service.publish_everywhere(work, space.keyring)
    left = secrets_of(work, space)
    assert left is not None
    assert [one.version for one in left.key_sets] == [everybodys]


def test_no_door_gets_the_keys_with_which_cards_are_made(work: Work, space: SmallSpace) -> None:
    card_keys.make_set(work, BARCELONA, space.keyring)
    service.publish_everywhere(work, space.keyring)
    root, version = card_keys.newest_for(work, BARCELONA, space.keyring)
    told, making = secrets_of(work, space), making_keys(root, version)
    assert told is not None
    known = {key for one in told.key_sets for key in (one.desfire_read, one.sun_meta, one.sun_file)}
    assert not known & {root, making.desfire_master, making.ntag_master}


def test_a_card_cannot_be_made_where_there_are_no_keys(work: Work, space: SmallSpace) -> None:
    with pytest.raises(card_keys.NoKeySet, match="card-keys new --site"):
        card_keys.newest_for(work, BARCELONA, space.keyring)
    with pytest.raises(Missing):
        card_keys.drop_set(work, 7)


@pytest.mark.feature(35)
def test_a_digest_key_is_changed_without_a_moment_in_which_a_card_is_unknown(work: Work, space: SmallSpace) -> None:
    controller, old = street(space)
    service.publish_everywhere(work, space.keyring)
    before = snapshot_rows(work, controller)
    assert knows(before, old)

    theft.rekey(work, controller, space.keyring)
    both = snapshot_rows(work, controller)
    told = secrets_of(work, space)
    assert told is not None
    assert told.digest_key is not None
    assert knows(both, old), "a door that has not heard yet still knows the card"
    assert knows(both, told.digest_key), "a door that has heard knows it under the new key"
    service.publish_everywhere(work, space.keyring)
    assert knows(snapshot_rows(work, controller), old), "nothing is dropped before the door has confirmed"
    with pytest.raises(Unusable, match="not confirmed"):
        theft.rekey(work, controller, space.keyring)

    confirm(work, space)
    service.publish_everywhere(work, space.keyring)
    after = snapshot_rows(work, controller)
    assert knows(after, told.digest_key)
    assert not knows(after, old)
    assert secrets_of(work, space) == told
    assert all(finds(rows, space) for rows in (before, both, after)), "whichever of them the door follows just now"

    theft.rekey(work, controller, space.keyring)
    again = secrets_of(work, space)
    assert again is not None
    assert again.digest_key not in (None, told.digest_key)
    assert knows(snapshot_rows(work, controller), told.digest_key)
    other = space.controller("room")
    assert knows(snapshot_rows(work, other), other.encode().ljust(32, b".")), "no other door is touched"


@pytest.mark.feature(35)
def test_a_stolen_controller_is_retired_with_the_list_of_what_to_issue_anew(work: Work, space: SmallSpace) -> None:
    controller, _ = street(space)
    card_keys.make_set(work, BARCELONA, space.keyring)
    proven = NewCredential(space.ana, CredentialKind.PKOC, b"\x04" + bytes(64), "phone", site=BARCELONA)
    typed = NewCredential(space.cleaner, CredentialKind.PIN, b"4711", "PIN", site=BARCELONA)
    members.issue(work, proven, space.keyring)
    pin = members.issue(work, typed, space.keyring)
    lost = members.issue(work, replace(typed, canonical=b"0815", label="old PIN"), space.keyring)
    members.revoke(work, lost.id, "lost")
    service.publish_everywhere(work, space.keyring)
    known = theft.retire(work, controller, space.keyring)
    assert [(one.what, one.remedy, one.name) for one in known] == [
        ("card keys, set 1", Remedy.MAKE_NEW_KEYS, ""),
        ("uid", Remedy.GIVE_ANOTHER_CARD, "Ana"),
        ("pin", Remedy.CHANGE_PIN, "Clean & Co"),
    ]
    assert AtRisk("pin", Remedy.CHANGE_PIN, space.cleaner, "Clean & Co", pin.id, "PIN") in known
    assert controller not in card_keys.controller_keys(work, space.keyring)
    peers = [row for row in snapshot_rows(work, space.controller("room")) if row.values[0] == "peers"]
    assert controller.encode() not in peers[0].values[1]


def tapped(space: SmallSpace, at: datetime, issued: IssuedCredential) -> Tap:
    shown = Presented(space.door("street"), Side.IN, issued.kind, at)
    facts = Facts(Credential(issued.id, issued.holder, issued.kind))
    told = AccessDecided(shown, facts, PresenceNow(), DoorNow(), Decision(Reason.GRANTED, issued.holder))
    return Tap(space.controller("street"), "journal", 1, at, told)


def test_a_set_can_be_dropped_once_every_card_was_tapped_or_made_anew(
    work: Work, space: SmallSpace, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = card_keys.make_set(work, BARCELONA, space.keyring)
    card, other, tag = (
        members.issue(work, NewCredential(space.ana, kind, canonical, kind, site=BARCELONA), space.keyring)
        for kind, canonical in (
            (CredentialKind.DESFIRE, b"1" * 16),
            (CredentialKind.DESFIRE, b"2" * 16),
            (CredentialKind.NTAG424, b"3" * 7),
        )
    )
    later = replace(work, now=work.now + timedelta(days=1))
    card_keys.make_set(later, BARCELONA, space.keyring)
    fresh = members.issue(
        later, NewCredential(space.ana, CredentialKind.NTAG424, b"4" * 7, "new", site=BARCELONA), space.keyring
    )
    taps = [tapped(space, later.now + timedelta(hours=1), card)]
    monkeypatch.setattr(theft, "taps_of", lambda _work, _site, *, at: [one for one in taps if one.at >= at])
    assert [(one.credential.id, one.remedy) for one in theft.waiting(later, old)] == [
        (other.id, Remedy.TAP_ONCE),
        (tag.id, Remedy.GIVE_ANOTHER_CARD),
    ]
    assert fresh.id not in {one.credential.id for one in theft.waiting(later, old)}


def test_every_number_that_can_be_guessed_has_its_remedy() -> None:
    assert set(theft.REMEDIES) == GUESSABLE
