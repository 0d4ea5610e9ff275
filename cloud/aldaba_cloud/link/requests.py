"""What controllers ask over HTTPS.

Each request is signed, because a server shows its application no client certificate.
"""

from datetime import datetime, timedelta
from typing import Final, TypeVar

from sqlalchemy import Connection

from aldaba_cloud.db import Scope, Work
from aldaba_cloud.fleet import store
from aldaba_cloud.fleet.models import Controller
from aldaba_shared.envelope import EnvelopeRefused, KeyRing, kid_of, unseal
from aldaba_shared.ids import ControllerId
from aldaba_shared.messages import (
    CertificateRequest,
    ConfigurationSent,
    Kind,
    SnapshotRequest,
    UpdateAsked,
    WorkingKey,
)

REQUEST_LIVES: Final = timedelta(minutes=5)

Asked = TypeVar("Asked", SnapshotRequest, CertificateRequest, ConfigurationSent, UpdateAsked)


def opened(
    db: Connection, kind: Kind, envelope: bytes, form: type[Asked], now: datetime
) -> tuple[Work, Controller, Asked]:
    """The request in an envelope, who signed it, and a transaction in their name; each request is taken once.

    Raises:
        EnvelopeRefused: no controller in use signed it, or it is too old, too new or repeated.
    """
    sender, request = _signed(db, kind, envelope, form)
    if not abs(now - request.at) <= REQUEST_LIVES:
        raise EnvelopeRefused(kind, "it is more than five minutes old, or from the future")
    work = Work(db, Scope(sender.network, frozenset({sender.site})), now, actor=sender.id)
    if not store.spend_nonce(work, sender, request.nonce):
        raise EnvelopeRefused(kind, "it was answered before")
    return work, sender, request


def _signed(db: Connection, kind: Kind, envelope: bytes, form: type[Asked]) -> tuple[Controller, Asked]:
    """Who signed the request, found by the key it names; and what it says."""
    name = kid_of(kind, envelope).split(b"/", 1)[0].decode(errors="replace")
    sender = store.find_sender(db, ControllerId(name))
    if sender is None:
        raise EnvelopeRefused(kind, "it comes from a controller that is not paired here")
    ring = KeyRing([WorkingKey(sender.kid, sender.public_key, (kind,))])
    request = unseal(kind, "cloud", envelope, ring, form)
    if request.controller != sender.id or request.at.tzinfo is None:
        raise EnvelopeRefused(kind, "it names another controller, or no time zone")
    return sender, request
