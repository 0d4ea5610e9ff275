"""Alarms reach the people on duty: put on their way in the books, sent outside of any transaction, tried again.

A contact hears of each alarm at least once: the number of the last one told is
kept with the deliveries in one transaction, and what a server did not take is
due again later (`models.TRIES_AFTER`).
"""

import json
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from aldaba_cloud import audit
from aldaba_cloud.config import Config
from aldaba_cloud.db import Database, Scope, Work
from aldaba_cloud.duty import store
from aldaba_cloud.duty.models import (
    SILENT,
    SILENT_AFTER,
    Channel,
    Contact,
    ContactUnusable,
    Delivery,
    next_try,
    words_for,
)
from aldaba_cloud.errors import Missing
from aldaba_cloud.fleet import alarms as alarm_books
from aldaba_cloud.fleet import store as fleet
from aldaba_cloud.fleet.ingest import alarm as raise_alarm
from aldaba_cloud.fleet.models import Alarm
from aldaba_cloud.keyring import Keyring
from aldaba_cloud.mail import Mailer
from aldaba_cloud.places import store as places
from aldaba_cloud.webhooks import Message, Poster, allowed
from aldaba_shared.errors import AldabaError
from aldaba_shared.ids import NetworkId

KEPT: Final = timedelta(days=30)
MOST_ADDRESS: Final = 400
TEST_ALARM: Final = 0
"""The number of an alarm that never happened: a test of the way to a contact."""


@dataclass(frozen=True, slots=True)
class Ways:
    """How alarms leave the house, and where their reader can look."""

    mailer: Mailer
    poster: Poster
    keyring: Keyring
    config: Config


@dataclass(frozen=True, slots=True)
class Told:
    """One delivery with everything it says."""

    delivery: Delivery
    contact: Contact
    site: str
    door: str
    alarm: Alarm | None

    @property
    def kind(self) -> str:
        """What happened."""
        return self.alarm.kind if self.alarm else "test"


def add_contact(work: Work, keyring: Keyring, contact: Contact) -> bytes:
    """Put somebody on duty; answers the secret by which a webhook's receiver knows us, shown this once.

    Raises:
        ContactUnusable: no mail address, or a web address we do not send to.
        Missing: no such site within the caller's sight.
    """
    if places.find_site(work, contact.site) is None:
        raise Missing("site", contact.site)
    _check_address(contact)
    secret = secrets.token_bytes(32) if contact.channel is Channel.WEBHOOK else b""
    kept = Contact(
        id=work.new_id("dty"),
        site=contact.site,
        channel=contact.channel,
        address=contact.address,
        language=contact.language,
        kinds=contact.kinds,
        sealed_secret=keyring.seal(secret) if secret else b"",
    )
    store.add_contact(work, kept, alarm_books.newest(work, contact.site))
    audit.note(work, contact.site, "duty_contact_added", kept.id, channel=contact.channel.value)
    return secret


def remove_contact(work: Work, contact: str) -> None:
    """Take somebody off duty.

    Raises:
        Missing: no such contact within the caller's sight.
    """
    found = _known(work, contact)
    store.remove_contact(work, contact)
    audit.note(work, found.site, "duty_contact_removed", contact)


def send_test(work: Work, contact: str) -> None:
    """Put a test on its way.

    Raises:
        Missing: no such contact within the caller's sight.
    """
    store.add_deliveries(work, _known(work, contact), [TEST_ALARM])


def tell_alarms(database: Database, ways: Ways, now: datetime) -> int:
    """Raise what nobody reported, put what is new on its way, send what is due; answers how much arrived."""
    with database.write() as db:
        networks = places.every_network(db)
        for network in networks:
            work = Work(db, Scope(NetworkId(network)), now, "duty")
            notice_silence(work)
            put_on_their_way(work)
        store.forget_before(db, now - KEPT)
    return sum(_send_due(database, NetworkId(network), ways, now) for network in networks)


def notice_silence(work: Work) -> None:
    """Raise an alarm for every controller in use that went silent, once until somebody saw to it."""
    raised = {one.controller for one in alarm_books.recent(work) if one.kind == SILENT}
    for controller in fleet.list_controllers(work):
        heard = controller.last_contact_at
        silent = controller.retired_at is None and heard is not None and work.now - heard >= SILENT_AFTER
        if silent and controller.id not in raised:
            raise_alarm(work, controller, SILENT, since=str(heard))


def put_on_their_way(work: Work) -> None:
    """A delivery for every new alarm that a contact wants to hear of."""
    for contact in store.list_contacts(work):
        new = alarm_books.after(work, contact.site, store.told(work, contact.id))
        if new:
            store.add_deliveries(work, contact, (one.id for one in new if contact.wants(one.kind)))
            store.set_told(work, contact.id, new[-1].id)


def _send_due(database: Database, network: NetworkId, ways: Ways, now: datetime) -> int:
    """Servers are slow, and a database that waits for them would hold up doors: so they are asked in between."""
    with database.read() as db:
        waiting = [_told(Work(db, Scope(network), now), one) for one in store.due(Work(db, Scope(network), now))]
    arrived = 0
    for one in waiting:
        why = _sent(one, ways, now)
        arrived += not why
        again = next_try(one.delivery.tries + 1, now) if why else None
        with database.write() as db:
            work = Work(db, Scope(network), now, "duty")
            store.save_outcome(work, one.delivery.id, sent=not why, due_at=again, why=why)
    return arrived


def _told(work: Work, delivery: Delivery) -> Told:
    contact = _known(work, delivery.contact)
    site = places.find_site(work, contact.site)
    alarm = alarm_books.find(work, delivery.alarm)
    door = places.find_door(work, alarm.door) if alarm and alarm.door else None
    return Told(delivery, contact, site.name if site else contact.site, door.name if door else "", alarm)


def _sent(told: Told, ways: Ways, now: datetime) -> str:
    """Try once; empty when it arrived, else why not."""
    try:
        if told.contact.channel is Channel.MAIL:
            ways.mailer.send(told.contact.address, _subject(told), _text(told, ways.config.base_url))
        else:
            ways.poster.post(_message(told, ways, now))
    except AldabaError as error:
        return str(error)
    return ""


def _subject(told: Told) -> str:
    where = f"{told.door}, {told.site}" if told.door else told.site
    # A line break in a name would make no subject, and one door would keep every other alarm from leaving.
    return f"{words_for(told.kind, told.contact.language).capitalize()}: {' '.join(where.split())}"


def _text(told: Told, base_url: str) -> str:
    lines = [_subject(told)]
    if told.alarm is not None:
        lines += [told.alarm.at.isoformat(timespec="seconds"), *(f"{k}: {v}" for k, v in told.alarm.facts.items())]
    return "\n".join([*lines, "", f"{base_url}/board", ""])


def _message(told: Told, ways: Ways, now: datetime) -> Message:
    body: dict[str, object] = {
        "type": f"alarm.{told.kind}",
        "timestamp": (told.alarm.at if told.alarm else now).isoformat(),
        "data": {
            "alarm": told.delivery.alarm,
            "site": told.contact.site,
            "controller": told.alarm.controller if told.alarm else None,
            "door": told.alarm.door if told.alarm else None,
            "facts": told.alarm.facts if told.alarm else {},
        },
    }
    secret = ways.keyring.unseal(told.contact.sealed_secret)
    return Message(f"msg_{told.delivery.id}", told.contact.address, secret, json.dumps(body).encode(), now)


def _known(work: Work, contact: str) -> Contact:
    found = store.find_contact(work, contact)
    if found is None:
        raise Missing("contact on duty", contact)
    return found


def _check_address(contact: Contact) -> None:
    address = contact.address
    if len(address) > MOST_ADDRESS or any(ord(character) < ord(" ") for character in address):
        raise ContactUnusable("The address is too long, or has a control character in it. Write it again.")
    if contact.channel is Channel.MAIL and not ("@" in address[1:-1] and " " not in address):
        raise ContactUnusable(f"{address!r} is no mail address. Write one such as duty@example.org.")
    if contact.channel is Channel.WEBHOOK and not allowed(address):
        raise ContactUnusable(f"{address!r} is no address we send to. Write one that begins with https://.")
