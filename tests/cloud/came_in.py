"""Lines of the books as a controller's upload leaves them, for tests that ask who went where."""

from dataclasses import replace
from datetime import datetime

from sqlalchemy import func, insert, select

from aldaba_cloud.db import Work
from aldaba_cloud.fleet.books import ensure_partition, events
from aldaba_shared.ids import ControllerId, DoorId, HolderId, SiteId, ZoneId


def came_in(
    work: Work, site: SiteId, holder: HolderId, at: datetime, *, zone: ZoneId, door: DoorId | None = None
) -> None:
    """Somebody was let in at a door and went into a zone."""
    sequence = work.db.execute(select(func.count()).select_from(events)).scalar_one() + 1
    row = {
        "controller_id": ControllerId("ctl"),
        "journal": "j",
        "sequence": sequence,
        "at": at,
        "recorded_at": at,
        "received_at": at,
        "kind": "access_decided",
        "door_id": door,
        "holder_id": holder,
        "credential_id": None,
        "reason": "granted",
        "zone_id": zone,
        "boot": "b",
        "segment": 1,
        "body": b"",
        "hash": bytes(32),
    }
    ensure_partition(replace(work, now=at))
    work.db.execute(insert(events), row | work.stamp(site))
