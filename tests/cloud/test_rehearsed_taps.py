"""A rehearsal over recorded days: which taps that were really made would have ended otherwise."""

from datetime import datetime, timedelta

from aldaba_cloud.access import service
from aldaba_cloud.access.explain import FactsNow
from aldaba_cloud.access.publish import people_of, site_rules
from aldaba_cloud.config import Config
from aldaba_cloud.db import Database, Scope, Work
from aldaba_cloud.fleet import ingest
from aldaba_cloud.keyring import Keyring
from aldaba_cloud.members import service as members
from aldaba_cloud.members.models import IssuedCredential
from aldaba_cloud.occupancy.service import PresenceBooks
from aldaba_shared.decide import DoorNow, PresenceNow, Presented, Side, decide
from aldaba_shared.events import AccessDecided
from aldaba_shared.keys import CredentialKind
from aldaba_shared.reasons import Reason
from tests.cloud.conftest import BARCELONA, MONDAY_NOON, NETWORK
from tests.cloud.small_space import OFFICE_HOURS, SmallSpace
from tests.cloud.toy_controller import ToyController

SHUT = ((),) * 7


def tap(work: Work, space: SmallSpace, card: IssuedCredential, at: datetime) -> AccessDecided:
    """The street door's answer by the rules of now, as its journal keeps it."""
    door = space.door("street")
    facts = FactsNow(site_rules(work, space.site), people_of(work, space.keyring)).of_card(card.id, door)
    shown = Presented(door, Side.IN, CredentialKind.UID, at)
    now = DoorNow(rules_issued_at=at)
    return AccessDecided(shown, facts, PresenceNow(), now, decide(shown, facts, PresenceNow(), now))


def test_only_taps_that_the_change_itself_turns_and_of_the_asked_days_are_named(
    database: Database, config: Config
) -> None:
    space, toy = SmallSpace(BARCELONA, Keyring(config.key_dir)), ToyController("ctl_9")
    with database.write() as db:
        work = Work(db, Scope(NETWORK), MONDAY_NOON)
        space.build(work)
        toy.join(work)
        ana, cleaner = (
            space.give_card(work, who, bytes([4, number]) * 3) for number, who in enumerate((space.ana, space.cleaner))
        )
        lost = space.give_card(work, space.ana, b"lost!!")
        toy.open()
        moments = [MONDAY_NOON - timedelta(days=days) for days in (14, 4, 0)]
        for at in moments:
            for card in (ana, cleaner, lost):
                toy.write(tap(work, space, card, at), at)
        ingest.take_batch(work, toy.record, toy.batch(), PresenceBooks())
        members.revoke(work, lost.id, "lost since")

        found = service.rehearse_taps(work, space.hours, SHUT, space.keyring, days=7)
        assert [(one.holder, one.was, one.would_be) for one in found] == [
            (space.ana, Reason.GRANTED, Reason.OUT_OF_SCHEDULE)
        ] * 2
        assert [one.tap.at for one in found] == moments[1:]
        assert len(service.rehearse_taps(work, space.hours, SHUT, space.keyring, days=30)) == 3
        assert service.rehearse_taps(work, space.hours, OFFICE_HOURS, space.keyring) == []
