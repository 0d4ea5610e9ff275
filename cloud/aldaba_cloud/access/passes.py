"""Visitor passes: signed once, shown as a QR code, taken back by a signed list.

A pass opens the whole way to a place and nothing else, for a short time and so
often at each door, also at doors that hear nothing. Its text is made when
somebody looks at it and kept nowhere: what is kept says what it may do, and its
`cti`, by which it is counted and cancelled.
"""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from io import BytesIO
from typing import Final

import qrcode
from qrcode.constants import ERROR_CORRECT_M
from qrcode.image.svg import SvgPathImage
from qrcode.util import QRData
from sqlalchemy import Connection

from aldaba_cloud import audit
from aldaba_cloud.access import store
from aldaba_cloud.access.models import Target, VisitorPass
from aldaba_cloud.access.publish import publish, site_rules
from aldaba_cloud.db import Work
from aldaba_cloud.errors import Missing, Unusable
from aldaba_cloud.fleet.card_keys import controller_keys
from aldaba_cloud.fleet.keys import load_keys
from aldaba_cloud.keyring import Keyring
from aldaba_cloud.members import store as members
from aldaba_cloud.places import store as places
from aldaba_shared import passes
from aldaba_shared.ids import DoorId, HolderId, ScheduleId, SiteId, ZoneId

LONGEST: Final = timedelta(days=31)
MOST_USES: Final = 100
NO_SCHEDULE: Final = ScheduleId("")


class PassUnusable(Unusable):
    """The pass that was asked for could not be shown or would open nothing."""

    code = "pass_unusable"


@dataclass(frozen=True, slots=True)
class PassWanted:
    """A pass to issue: to a zone or to a door, and the way there."""

    host: HolderId
    visitor: str
    valid_from: datetime
    valid_until: datetime
    uses: int = 2
    zone: ZoneId | None = None
    door: DoorId | None = None


@dataclass(frozen=True, slots=True)
class PassIssued:
    """A new pass, and the end of the link it is fetched by: told once and kept as a digest."""

    issued: VisitorPass
    link: str


def issue_pass(work: Work, wanted: PassWanted, keyring: Keyring) -> PassIssued:
    """Issue a pass; the caller owns the transaction.

    Raises:
        Missing: no such host, zone or door within the caller's sight.
        PassUnusable: no time, no use, nowhere to go, or more doors than a QR code holds.
    """
    _check_span(work, wanted)
    if members.find_holder(work, wanted.host) is None:
        raise Missing("holder", wanted.host)
    site = _site_of(work, wanted)
    doors = site_rules(work, site).doors_to(Target(NO_SCHEDULE, wanted.door, wanted.zone))
    if not doors:
        raise PassUnusable("No door leads there, so a pass would open nothing. Name a zone that has a door.")
    issued = VisitorPass(
        id=work.new_id("pas"),
        site=site,
        cti=secrets.token_bytes(passes.PASS_ID_BYTES),
        visitor=wanted.visitor,
        host=wanted.host,
        doors=tuple(sorted(doors)),
        uses=wanted.uses,
        valid_from=wanted.valid_from,
        valid_until=wanted.valid_until,
    )
    text_of(issued, keyring)
    link = secrets.token_urlsafe(24)
    store.add_pass(work, issued, _digest(keyring, link))
    audit.note(work, site, "pass_issued", issued.id, host=issued.host, doors=list(issued.doors), uses=issued.uses)
    return PassIssued(issued, link)


def find_pass(work: Work, name: str) -> VisitorPass:
    """One pass.

    Raises:
        Missing: the caller sees no such pass.
    """
    found = store.find_pass(work, name)
    if found is None:
        raise Missing("pass", name)
    return found


def pass_behind(db: Connection, link: str, keyring: Keyring, now: datetime) -> VisitorPass:
    """The pass a link leads to; cancelled and ended ones are gone.

    Raises:
        Missing: the link leads nowhere, or no longer.
    """
    found = store.pass_by_link(db, _digest(keyring, link), now)
    if found is None:
        raise Missing("pass", "behind this link")
    return found


def cancel_pass(work: Work, name: str, keyring: Keyring) -> VisitorPass:
    """Take a pass back and tell the site's doors, which refuse it from then on.

    Raises:
        Missing: the caller sees no such pass.
    """
    found = find_pass(work, name)
    if found.cancelled_at is None:
        store.cancel_pass(work, name)
        audit.note(work, found.site, "pass_cancelled", name)
        publish(work, found.site, keyring, controller_keys(work, keyring), whom=())
    return find_pass(work, name)


def text_of(issued: VisitorPass, keyring: Keyring) -> str:
    """The text of the QR code, signed now; every signing of one pass is the same pass.

    Raises:
        PassUnusable: it would be longer than doors read.
        KeysMissing: the cloud has no signing key yet.
    """
    said = passes.Pass(
        issuer=f"site:{issued.site}",
        holder=HolderId(issued.id),
        site=issued.site,
        doors=issued.doors,
        valid_from=issued.valid_from,
        valid_until=issued.valid_until,
        id=issued.cti,
        uses=issued.uses,
    )
    text = passes.issue(said, load_keys(keyring).working)
    if len(text) > passes.MAX_TEXT_BYTES:
        raise PassUnusable(f"The way has {len(issued.doors)} doors, too many for one code. Name a place nearer by.")
    return text


def drawn(text: str) -> bytes:
    """A QR code as SVG: error correction M, a border of four modules, and alphanumeric mode, since Base45 fits it."""
    return drawn_bytes(text)


def drawn_bytes(text: str) -> bytes:
    """The same of any ASCII text, in whatever mode holds it."""
    code = qrcode.QRCode(error_correction=ERROR_CORRECT_M, border=4, image_factory=SvgPathImage)
    code.add_data(QRData(text.encode("ascii")), optimize=0)
    code.make(fit=True)
    out = BytesIO()
    code.make_image().save(out)
    return out.getvalue()


def _check_span(work: Work, wanted: PassWanted) -> None:
    if not wanted.valid_from < wanted.valid_until or wanted.valid_until <= work.now:
        raise PassUnusable("The pass would end before it begins, or has ended already. Give a later end.")
    if wanted.valid_until - wanted.valid_from > LONGEST:
        raise PassUnusable(f"A pass is good for {LONGEST.days} days at most. For longer give the person a card.")
    if not 1 <= wanted.uses <= MOST_USES:
        raise PassUnusable(f"A pass opens each door 1 to {MOST_USES} times.")


def _site_of(work: Work, wanted: PassWanted) -> SiteId:
    if (wanted.zone is None) is (wanted.door is None):
        raise PassUnusable("Say where the pass leads: one zone, or one door.")
    found = places.find_zone(work, wanted.zone) if wanted.zone else places.find_door(work, DoorId(str(wanted.door)))
    if found is None:
        raise Missing("zone" if wanted.zone else "door", str(wanted.zone or wanted.door))
    return found.site


def _digest(keyring: Keyring, link: str) -> str:
    return keyring.fingerprint(b"pass link " + link.encode())
