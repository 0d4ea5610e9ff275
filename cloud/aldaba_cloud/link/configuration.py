"""What a controller sends and asks over HTTPS about itself: its configuration for the one after it, and its turn."""

from datetime import datetime

from sqlalchemy import Connection

from aldaba_cloud import audit
from aldaba_cloud.fleet import configurations, store, versions
from aldaba_cloud.fleet.configurations import Configuration
from aldaba_cloud.link.requests import opened
from aldaba_cloud.places import store as places
from aldaba_shared.envelope import EnvelopeRefused
from aldaba_shared.messages import LONGEST_CONFIGURATION, ConfigurationSent, Kind, UpdateAnswer, UpdateAsked


def take(db: Connection, envelope: bytes, now: datetime) -> None:
    """Keep a configuration for the doors its sender has now.

    Raises:
        EnvelopeRefused: no controller in use signed it, it is too old, too new or repeated, or no such text.
    """
    work, sender, sent = opened(db, Kind.CONFIGURE, envelope, ConfigurationSent, now)
    if len(sent.text.encode()) > LONGEST_CONFIGURATION or "\x00" in sent.text:
        raise EnvelopeRefused(Kind.CONFIGURE, "it is longer than any configuration, or no text")
    before = configurations.of_controller(work, sender.id)
    doors = tuple(places.doors_of(work, sender.id))
    if before is None or before.text != sent.text:
        audit.note(work, sender.site, "configuration_kept", sender.id, doors=list(doors))
    configurations.keep(work, sender.site, Configuration(sender.id, doors, sent.text, now))


def whose_turn(db: Connection, envelope: bytes, now: datetime) -> UpdateAnswer:
    """Whether it is the turn of the controller that asks to take a version: canaries come first.

    Raises:
        EnvelopeRefused: no controller in use signed it, or it is too old, too new or repeated.
    """
    work, sender, asked = opened(db, Kind.UPDATE, envelope, UpdateAsked, now)
    why = versions.refusal(sender, asked.version, store.list_controllers(work), now)
    audit.note(work, sender.site, "update_asked", sender.id, version=asked.version[:40], allowed=why is None)
    return UpdateAnswer(why is None, why or "")
