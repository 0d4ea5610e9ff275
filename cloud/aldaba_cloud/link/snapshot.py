"""Whole rule sets over HTTPS: a controller signs its request, because a server shows us no client certificate."""

import tempfile
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from sqlalchemy import Connection

from aldaba_cloud.access import publish
from aldaba_cloud.access.restored import StillHeld
from aldaba_cloud.db import Scope, Work
from aldaba_cloud.errors import Missing
from aldaba_cloud.fleet import store
from aldaba_cloud.fleet.models import Controller
from aldaba_shared.envelope import EnvelopeRefused, KeyRing, SigningKey, kid_of, seal, unseal
from aldaba_shared.ids import ControllerId
from aldaba_shared.messages import Kind, SnapshotRequest, WorkingKey

REQUEST_LIVES: Final = timedelta(minutes=5)


def answer_request(db: Connection, key: SigningKey, envelope: bytes, now: datetime) -> bytes:
    """The newest rule set of whoever signed the request, as the bytes of a SQLite file.

    Raises:
        EnvelopeRefused: no controller in use signed it, or it is too old, too new or repeated.
        Missing: there are no rules for this controller yet.
    """
    sender, request = _opened(db, envelope)
    if not abs(now - request.at) <= REQUEST_LIVES:
        raise EnvelopeRefused(Kind.REQUEST, "it is more than five minutes old, or from the future")
    work = Work(db, Scope(sender.network, frozenset({sender.site})), now, actor=sender.id)
    if not store.spend_nonce(work, sender, request.nonce):
        raise EnvelopeRefused(Kind.REQUEST, "it was answered before")
    return snapshot_file(work, key, sender.id)


def snapshot_file(work: Work, key: SigningKey, controller: ControllerId) -> bytes:
    """The newest rule set of a controller, with its head signed now.

    Raises:
        Missing: there is none yet.
        StillHeld: they were restored, and nobody has looked at them yet.
    """
    if controller in store.held_since(work):
        raise StillHeld(controller)
    head = publish.head_now(work, controller)
    if head is None:
        raise Missing("rule set for the controller", controller)
    rows = publish.snapshot_rows(work, controller)
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "rules.db"
        publish.write_snapshot(path, rows, seal(Kind.HEAD, controller, head, key), head.set_hash)
        return path.read_bytes()


def _opened(db: Connection, envelope: bytes) -> tuple[Controller, SnapshotRequest]:
    """Who signed the request, found by the key it names; and what it says."""
    name = kid_of(Kind.REQUEST, envelope).split(b"/", 1)[0].decode(errors="replace")
    sender = store.find_sender(db, ControllerId(name))
    if sender is None:
        raise EnvelopeRefused(Kind.REQUEST, "it comes from a controller that is not paired here")
    ring = KeyRing([WorkingKey(sender.kid, sender.public_key, (Kind.REQUEST,))])
    request = unseal(Kind.REQUEST, "cloud", envelope, ring, SnapshotRequest)
    if request.controller != sender.id or request.at.tzinfo is None:
        raise EnvelopeRefused(Kind.REQUEST, "it names another controller, or no time zone")
    return sender, request
