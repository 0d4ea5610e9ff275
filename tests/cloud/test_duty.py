"""Alarms reach the people on duty: once a server took them, again when it did not, never those of another site."""

import base64
import hmac
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from hashlib import sha256

import pytest
from sqlalchemy import text

from aldaba_cloud.config import Config
from aldaba_cloud.db import Database, Scope, Work
from aldaba_cloud.duty import service, store
from aldaba_cloud.duty.models import SILENT, TRIES_AFTER, WORDS, Channel, Contact, ContactUnusable, next_try, words_for
from aldaba_cloud.duty.service import Ways
from aldaba_cloud.errors import Missing
from aldaba_cloud.fleet import alarms as alarm_books
from aldaba_cloud.fleet import ingest
from aldaba_cloud.fleet import store as fleet
from aldaba_cloud.keyring import Keyring
from aldaba_cloud.mail import MailNotSent
from aldaba_cloud.webhooks import Message, WebhookNotTaken, allowed
from aldaba_shared.ids import SiteId
from tests.cloud.conftest import BARCELONA, GIRONA, NETWORK, HandClock
from tests.cloud.toy_controller import ToyController


@dataclass
class Post:
    """A mail server and a web server in one: takes everything, or nothing while `away`."""

    away: bool = False
    mails: list[tuple[str, str, str]] = field(default_factory=list)
    hooks: list[Message] = field(default_factory=list)

    def send(self, to: str, subject: str, text: str) -> None:
        """Take a mail."""
        if self.away:
            raise MailNotSent("mail.example.org", "it is away")
        self.mails.append((to, subject, text))

    def post(self, message: Message) -> None:
        """Take a webhook."""
        if self.away:
            raise WebhookNotTaken(message.url, "status 503")
        self.hooks.append(message)


@pytest.fixture
def post() -> Post:
    return Post()


@pytest.fixture
def keyring(config: Config) -> Keyring:
    return Keyring(config.key_dir)


@pytest.fixture
def ways(post: Post, keyring: Keyring, config: Config) -> Ways:
    return Ways(post, post, keyring, config)


@dataclass
class Space:
    """The books, and hands to make things happen in them."""

    database: Database
    keyring: Keyring
    clock: HandClock
    ways: Ways
    toys: dict[SiteId, ToyController] = field(default_factory=dict)

    @contextmanager
    def work(self) -> Iterator[Work]:
        """One transaction of somebody who sees the whole network."""
        with self.database.write() as db:
            yield Work(db, Scope(NETWORK), self.clock.now())

    def put_on_duty(self, channel: Channel, address: str, site: SiteId = BARCELONA, *kinds: str) -> bytes:
        """A contact; answers the webhook's secret."""
        with self.work() as work:
            return service.add_contact(work, self.keyring, Contact("", site, channel, address, "es", kinds))

    def alarm(self, kind: str, site: SiteId = BARCELONA) -> None:
        """An alarm of a controller of the site."""
        with self.work() as work:
            if site not in self.toys:
                self.toys[site] = ToyController(f"ctl_{site}", site=site)
                self.toys[site].join(work)
            ingest.alarm(work, self.toys[site].record, kind, what="test")

    def tell(self) -> int:
        """What the job does every few seconds."""
        return service.tell_alarms(self.database, self.ways, self.clock.now())


@pytest.fixture
def space(database: Database, keyring: Keyring, clock: HandClock, ways: Ways) -> Space:
    return Space(database, keyring, clock, ways)


def test_an_alarm_is_mailed_once_and_says_what_and_where(space: Space, post: Post) -> None:
    space.put_on_duty(Channel.MAIL, "duty@example.org")
    space.alarm("door_forced")
    assert [space.tell(), space.tell()] == [1, 0]
    ((to, subject, text),) = post.mails
    assert (to, subject) == ("duty@example.org", "Puerta forzada: Barcelona")
    assert "/board" in text


def test_a_webhook_is_signed_so_that_its_receiver_knows_us(space: Space, post: Post) -> None:
    secret = space.put_on_duty(Channel.WEBHOOK, "https://hooks.example.org/aldaba")
    space.alarm("tampered")
    space.tell()
    (message,) = post.hooks
    headers = message.headers()
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + message.body
    expected = base64.b64encode(hmac.new(secret, signed, sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{expected}"
    assert json.loads(message.body)["type"] == "alarm.tampered"


def test_what_happened_before_somebody_came_on_duty_is_not_told(space: Space, post: Post) -> None:
    space.alarm("door_forced")
    space.put_on_duty(Channel.MAIL, "duty@example.org")
    space.tell()
    assert post.mails == []


def test_another_sites_alarms_and_kinds_nobody_asked_for_are_not_told(space: Space, post: Post) -> None:
    space.put_on_duty(Channel.MAIL, "girona@example.org", GIRONA)
    space.put_on_duty(Channel.MAIL, "forced@example.org", BARCELONA, "door_forced")
    space.alarm("door_held")
    space.alarm("door_forced")
    space.tell()
    assert [to for to, _, _ in post.mails] == ["forced@example.org"]


def test_what_a_server_did_not_take_is_tried_again_later_and_later(space: Space, post: Post) -> None:
    space.put_on_duty(Channel.MAIL, "duty@example.org")
    space.alarm("door_forced")
    post.away = True
    tries = 0
    for wait in TRIES_AFTER:
        assert space.tell() == 0
        tries += 1
        space.clock.turn(seconds=wait.total_seconds() - 1)
        assert space.tell() == 0
        space.clock.turn(seconds=1)
    post.away = False
    assert space.tell() == 1
    with space.work() as work:
        (contact,) = store.list_contacts(work)
        delivery = store.newest_delivery(work, contact.id)
    assert delivery is not None
    assert (delivery.tries, delivery.due_at) == (tries + 1, None)


def test_after_the_last_try_it_is_given_up_and_the_page_can_say_why(space: Space, post: Post) -> None:
    space.put_on_duty(Channel.WEBHOOK, "https://hooks.example.org/")
    space.alarm("door_forced")
    post.away = True
    for _ in range(len(TRIES_AFTER) + 3):
        space.tell()
        space.clock.turn(seconds=TRIES_AFTER[-1].total_seconds())
    with space.work() as work:
        (contact,) = store.list_contacts(work)
        delivery = store.newest_delivery(work, contact.id)
    assert delivery is not None
    assert (delivery.tries, delivery.due_at, delivery.sent_at) == (len(TRIES_AFTER) + 1, None, None)
    assert "status 503" in delivery.why


def test_a_controller_that_is_silent_for_five_minutes_raises_one_alarm(space: Space, post: Post) -> None:
    space.put_on_duty(Channel.MAIL, "duty@example.org")
    space.alarm("door_held")
    with space.work() as work:
        fleet.save_contact(work, space.toys[BARCELONA].id)
    space.clock.turn(minutes=4)
    space.tell()
    assert [subject for _, subject, _ in post.mails] == ["Puerta retenida abierta: Barcelona"]
    space.clock.turn(minutes=1)
    space.tell()
    space.tell()
    assert [subject for _, subject, _ in post.mails][1:] == ["Controlador en silencio: Barcelona"]
    with space.work() as work:
        assert [one.kind for one in alarm_books.recent(work)].count(SILENT) == 1


def test_a_test_reaches_the_contact_although_nothing_happened(space: Space, post: Post) -> None:
    space.put_on_duty(Channel.MAIL, "duty@example.org")
    with space.work() as work:
        (contact,) = store.list_contacts(work)
        service.send_test(work, contact.id)
    space.tell()
    assert [subject for _, subject, _ in post.mails] == ["Prueba de aviso: Barcelona"]


def test_who_goes_off_duty_hears_nothing_more_not_even_what_was_on_its_way(space: Space, post: Post) -> None:
    space.put_on_duty(Channel.MAIL, "duty@example.org")
    space.alarm("door_forced")
    post.away = True
    space.tell()
    with space.work() as work:
        (contact,) = store.list_contacts(work)
        service.remove_contact(work, contact.id)
    post.away = False
    space.clock.turn(days=1)
    assert space.tell() == 0
    with space.work() as work, pytest.raises(Missing):
        service.remove_contact(work, contact.id)


@pytest.mark.parametrize(
    ("channel", "address"),
    [
        (Channel.MAIL, "nobody"),
        (Channel.MAIL, "a b@example.org"),
        (Channel.MAIL, "a@example.org\nBcc: b@example.org"),
        (Channel.WEBHOOK, "http://hooks.example.org/"),
        (Channel.WEBHOOK, "ftp://hooks.example.org/"),
        (Channel.WEBHOOK, "https://" + "a" * 400),
    ],
)
def test_an_address_nobody_could_be_reached_at_is_refused(space: Space, channel: Channel, address: str) -> None:
    with pytest.raises(ContactUnusable):
        space.put_on_duty(channel, address)


@pytest.mark.parametrize("url", ["https://[", "https://", "javascript:alert(1)", "", "https:///path"])
def test_what_is_no_web_address_is_not_sent_to(url: str) -> None:
    assert not allowed(url)


def test_every_kind_of_alarm_has_words_in_three_languages() -> None:
    for kind in ingest.ALARMING - {"unreadable_line"} | {SILENT, "journal_forked"}:
        assert set(WORDS[kind]) == {"es", "ca", "en"}, kind
    assert words_for("of a later release", "ca") == "alguna cosa demana una mirada"


def test_tries_are_given_up_after_the_last(clock: HandClock) -> None:
    assert next_try(1, clock.now()) == clock.now() + timedelta(seconds=15)
    assert next_try(len(TRIES_AFTER) + 1, clock.now()) is None


def test_a_site_whose_name_has_a_line_break_makes_a_subject_of_one_line(space: Space, post: Post) -> None:
    with space.work() as work:
        work.db.execute(
            text("UPDATE sites SET name = :name WHERE id = :site"), {"name": "Bar\ncelona", "site": BARCELONA}
        )
    space.put_on_duty(Channel.MAIL, "duty@example.org")
    space.alarm("door_forced")
    assert space.tell() == 1
    assert [subject for _, subject, _ in post.mails] == ["Puerta forzada: Bar celona"]
