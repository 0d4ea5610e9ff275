"""A booking is a right: it opens the way to what was booked, to host and guests, for its own time."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from aldaba_cloud.access.explain import Question, explain_question
from aldaba_cloud.access.publish import people_of, publish_changed, site_rules, snapshot_rows
from aldaba_cloud.access.service import publish_everywhere
from aldaba_cloud.bookings import reading, service, store
from aldaba_cloud.bookings.models import Request, Resource, ResourceId, ResourceKind, Span
from aldaba_cloud.bookings.prices import PriceRule
from aldaba_cloud.config import Config
from aldaba_cloud.db import Database, Scope, Work
from aldaba_cloud.keyring import Keyring
from aldaba_cloud.members import service as members
from aldaba_cloud.members.models import Holder, HolderKind
from aldaba_cloud.members.service import NewCredential
from aldaba_shared.ids import HolderId
from aldaba_shared.keys import CredentialKind
from aldaba_shared.reasons import Reason
from tests.cloud.conftest import BARCELONA, MONDAY_NOON, NETWORK
from tests.cloud.small_space import SmallSpace

TEN = datetime(2026, 11, 24, 9, tzinfo=UTC)
BEA, GUEST = HolderId("bea"), HolderId("guest")
HOUR = timedelta(hours=1)


@pytest.fixture
def work(database: Database) -> Iterator[Work]:
    with database.write() as db:
        yield Work(db, Scope(NETWORK), MONDAY_NOON)


@pytest.fixture
def space(config: Config, work: Work) -> SmallSpace:
    space = SmallSpace(BARCELONA, Keyring(config.key_dir))
    space.build(work)
    room = Resource(ResourceId("room"), BARCELONA, ResourceKind.ROOM, "Sala A", 8, space.zone("office"))
    store.add_resource(work, room)
    store.add_price_rule(work, PriceRule("public", "public", 3000, site=BARCELONA))
    for number, (holder, kind) in enumerate(((BEA, HolderKind.MEMBER), (GUEST, HolderKind.GUEST))):
        members.welcome(work, [Holder(holder, kind, holder, site=BARCELONA)])
        card = NewCredential(holder, CredentialKind.UID, bytes((4, 0, 0, 0, 0, 0, number)), holder)
        members.issue(work, card, space.keyring)
    return space


def booked(work: Work) -> Span:
    span = Span(TEN, TEN + HOUR)
    service.book(work, Request(ResourceId("room"), BEA, span, guests=(GUEST,)))
    return span


def reason(work: Work, space: SmallSpace, holder: HolderId, door: str, at: datetime) -> Reason:
    rules, people = site_rules(work, space.site), people_of(work, space.keyring, [holder])
    return explain_question(rules, people, Question(holder, space.door(door), at)).decision.reason


@pytest.mark.parametrize("holder", [BEA, GUEST])
@pytest.mark.parametrize("door", ["street", "office"])
def test_host_and_guest_come_from_the_street_to_the_booked_room(
    work: Work, space: SmallSpace, holder: HolderId, door: str
) -> None:
    span = booked(work)
    opens = span.start - timedelta(minutes=10)
    assert reason(work, space, holder, door, opens) is Reason.GRANTED
    assert reason(work, space, holder, door, opens - timedelta(seconds=1)) is not Reason.GRANTED
    assert reason(work, space, holder, door, span.end) is not Reason.GRANTED


def test_it_opens_no_other_room_and_nobody_else_comes_in(work: Work, space: SmallSpace) -> None:
    span = booked(work)
    assert reason(work, space, BEA, "room", span.start) is Reason.NO_ACCESS_RIGHTS
    assert reason(work, space, space.ana, "office", span.start) is not Reason.GRANTED


def test_a_booking_and_its_end_reach_the_doors_rules_without_anybody_publishing(work: Work, space: SmallSpace) -> None:
    publish_everywhere(work, space.keyring)
    office = space.controller("office")
    before = snapshot_rows(work, office)
    booked(work)
    publish_changed(work.db, space.keyring, work.now)
    fresh = [row.values for row in snapshot_rows(work, office) if row not in before and row.table == "grant_"]
    assert {values[1] for values in fresh} == {BEA, GUEST}
    assert {values[-2:] for values in fresh} == {
        (int((TEN - timedelta(minutes=10)).timestamp()), int((TEN + HOUR).timestamp()))
    }
    (made,) = store.bookings_between(work, Span(TEN, TEN + HOUR))
    service.cancel(work, made.id)
    publish_changed(work.db, space.keyring, work.now)
    assert [row for row in snapshot_rows(work, office) if row.table == "grant_" and row not in before] == []


@pytest.mark.usefixtures("space")
def test_bookings_further_than_a_fortnight_come_to_the_doors_as_they_come_near(work: Work) -> None:
    far = Span(TEN + timedelta(days=20), TEN + timedelta(days=20) + HOUR)
    service.book(work, Request(ResourceId("room"), BEA, far))
    assert reading.rights_ahead(work) == []
    later = replace(work, now=work.now + timedelta(days=7))
    assert [one.holder for one in reading.rights_ahead(later, [BEA])] == [BEA]
