"""Whole rule sets over HTTPS."""

import tempfile
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection

from aldaba_cloud.access import publish
from aldaba_cloud.access.restored import StillHeld
from aldaba_cloud.db import Work
from aldaba_cloud.errors import Missing
from aldaba_cloud.fleet import store
from aldaba_cloud.link.requests import opened
from aldaba_shared.envelope import SigningKey, seal
from aldaba_shared.ids import ControllerId
from aldaba_shared.messages import Kind, SnapshotRequest


def answer_request(db: Connection, key: SigningKey, envelope: bytes, now: datetime) -> bytes:
    """The newest rule set of whoever signed the request, as the bytes of a SQLite file.

    Raises:
        EnvelopeRefused: no controller in use signed it, or it is too old, too new or repeated.
        Missing: there are no rules for this controller yet.
    """
    work, sender, _request = opened(db, Kind.REQUEST, envelope, SnapshotRequest, now)
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
