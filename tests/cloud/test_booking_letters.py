"""What a host is told by mail: confirmed with an invitation, reminded once, told of what ended a booking."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from icalendar import Calendar
from sqlalchemy import update

from aldaba_cloud.bookings import attendance, service
from aldaba_cloud.bookings.models import SlotTaken, Span
from aldaba_cloud.bookings.telling import TOLD
from aldaba_cloud.config import Config
from aldaba_cloud.db import Database, Scope, Work
from aldaba_cloud.i18n import LANGUAGES
from aldaba_cloud.letters import store as letters
from aldaba_cloud.letters.models import Posted
from aldaba_cloud.letters.service import PostOffice, send_due
from aldaba_cloud.letters.wording import words_of
from aldaba_cloud.members.store import holders
from tests.cloud.conftest import BARCELONA, NETWORK
from tests.cloud.test_bookings import BEA, TEN, Desk, desk
from tests.cloud.test_letters import Post

__all__ = ["desk"]
MAIL = "bea@example.org"


@pytest.fixture
def told(desk: Desk) -> Desk:
    """A desk whose host can be written to."""
    with desk.work() as work:
        work.db.execute(update(holders).where(holders.c.id == BEA).values(contact=MAIL, locale="ca"))
    return desk


def written(desk: Desk, kind: str | None = None) -> list[Posted]:
    with desk.work() as work:
        return [one for one in letters.newest(work) if kind in {None, one.letter.kind}]


def reminders(desk: Desk) -> list[datetime | None]:
    return [one.letter.due_at for one in written(desk, "booking_reminder")]


@pytest.mark.feature(65)
def test_a_confirmation_carries_an_invitation_in_the_sites_time_with_a_uid_that_stays(told: Desk) -> None:
    made = told.book(told.asks())
    with told.work() as work:
        service.move(work, made.id, Span(TEN + timedelta(hours=2), TEN + timedelta(hours=3)))
    (first,), (moved,) = written(told, "booking_made"), written(told, "booking_moved")
    events = [Calendar.from_ical(one.letter.enclosed[0].content).walk("VEVENT")[0] for one in (first, moved)]
    assert [str(one["DTSTART"].params["TZID"]) for one in events] == ["Europe/Madrid", "Europe/Madrid"]
    assert [(str(one["UID"]), int(str(one["SEQUENCE"]))) for one in events] == [
        (f"{made.id}@aldaba", 0), (f"{made.id}@aldaba", 1),
    ]  # fmt: skip
    words = words_of(first.letter, "https://space.example")
    assert words.subject == "Reservat: Sala A, dt., 24 de novembre a les 10:00"
    assert "30,00 €" in words.text
    assert first.letter.to == MAIL


@pytest.mark.feature(65)
def test_a_confirmation_leaves_with_its_invitation_attached(told: Desk, database: Database, config: Config) -> None:
    told.book(told.asks())
    post = Post()
    office = PostOffice(post, config.model_copy(update={"smtp_host": "mail.example.org"}))
    assert send_due(database, office, told.now) == 1
    (file,) = post.mails[0].iter_attachments()
    assert (file.get_content_type(), file.get_param("method")) == ("text/calendar", "REQUEST")


@pytest.mark.feature(66)
@pytest.mark.parametrize(("minutes", "count"), [(10, 0), (14, 0), (15, 1), (16, 1)])
def test_who_books_later_than_a_quarter_of_an_hour_before_gets_no_reminder(
    told: Desk, minutes: int, count: int
) -> None:
    told.now = TEN - timedelta(minutes=minutes)
    told.book(told.asks())
    assert len(reminders(told)) == count


@pytest.mark.feature(66)
def test_a_moved_booking_is_reminded_of_only_where_it_is_now(told: Desk) -> None:
    made = told.book(told.asks())
    later = TEN + timedelta(hours=3)
    with told.work() as work:
        service.move(work, made.id, Span(later, later + timedelta(hours=1)))
    assert reminders(told) == [later - timedelta(minutes=15)]


@pytest.mark.feature(66)
def test_a_cancelled_booking_is_not_reminded_of(told: Desk) -> None:
    made = told.book(told.asks())
    with told.work() as work:
        service.cancel(work, made.id)
    assert reminders(told) == []
    (gone,) = written(told, "booking_cancelled")
    assert b"METHOD:CANCEL" in gone.letter.enclosed[0].content


def test_whoever_waited_is_told_that_it_is_theirs(told: Desk) -> None:
    made = told.book(replace(told.asks(), host=told.space.ana))
    with pytest.raises(SlotTaken):
        told.book(told.asks())
    assert written(told, "booking_made")[0].letter.about == told.space.ana
    with told.work() as work:
        service.wait_for(work, told.asks())
        service.cancel(work, made.id)
    assert [one.letter.to for one in written(told, "booking_promoted")] == [MAIL]


@pytest.mark.feature(67)
def test_what_is_given_back_is_told_with_its_fee_and_once(told: Desk) -> None:
    told.room = replace(told.room, zone=None)
    told.change(release_after=15)
    told.book(told.asks())
    told.now = TEN + timedelta(minutes=15)
    for _ in range(2):
        with told.work() as work:
            attendance.attend(work, BARCELONA)
    (gone,) = written(told, "booking_released")
    assert "15,00 €" in words_of(gone.letter, "").text


def test_a_request_is_answered_and_reminded_of_only_once_it_is_granted(told: Desk) -> None:
    told.change(approval=True)
    asked, other = told.book(told.asks()), told.book(told.asks(TEN + timedelta(hours=2)))
    assert reminders(told) == []
    with told.work() as work:
        service.confirm(work, asked.id)
        service.decline(work, other.id)
    kinds = sorted(one.letter.kind for one in written(told))
    assert kinds == [
        "booking_confirmed",
        "booking_declined",
        "booking_reminder",
        "booking_requested",
        "booking_requested",
    ]
    assert reminders(told) == [TEN - timedelta(minutes=15)]


def test_every_letter_of_a_booking_can_be_written_in_every_language(told: Desk) -> None:
    told.book(told.asks())
    (made,) = written(told, "booking_made")
    for kind in TOLD | {"booking_reminder"}:
        subjects = {words_of(replace(made.letter, kind=kind, language=one), "").subject for one in LANGUAGES}
        assert len(subjects) == len(LANGUAGES), kind


def test_a_series_is_confirmed_by_one_letter_and_reminded_of_each_week(told: Desk) -> None:
    request = told.asks()
    wall = (datetime(2026, 11, 24, 10), datetime(2026, 11, 24, 11))  # noqa: DTZ001 -- the clock on the wall
    with told.work() as work:
        service.book_weekly(work, request, wall, (TEN + timedelta(weeks=2)).date())
    assert (len(written(told, "booking_made")), len(reminders(told))) == (1, 3)


def test_another_network_reads_no_letter_of_ours(told: Desk, database: Database) -> None:
    told.book(told.asks())
    with database.read() as db:
        assert letters.newest(Work(db, Scope(NETWORK, frozenset()), told.now)) == []
