"""What the link tells open boards."""

from collections.abc import Iterable

from aldaba_cloud.db import Work
from aldaba_cloud.fanout import News
from aldaba_cloud.fleet import store
from aldaba_cloud.fleet.ingest import ALARMING, Taken
from aldaba_cloud.fleet.models import Controller
from aldaba_cloud.members import store as members
from aldaba_cloud.occupancy import service as occupancy
from aldaba_shared.ids import HolderId, SiteId

SHOWN_OF_A_BATCH = 50
"""A door that comes back with ten thousand lines would only scroll the newest into view."""


def of_lines(work: Work, sender: Controller, taken: Taken) -> list[News]:
    """The newest lines of a batch, its alarms, and the confirmation it carried."""
    shown = taken.lines[-SHOWN_OF_A_BATCH:]
    names = {
        known.id: known.name
        for known in members.holders_by_id(work, {HolderId(line.holder) for _, line in shown if line.holder}).values()
    }
    told = [
        News(
            sender.network,
            sender.site,
            "event",
            f"{sender.id}/{line.sequence}",
            {
                "controller": sender.id,
                "sequence": line.sequence,
                "at": at,
                "kind": line.kind,
                "door": line.door,
                "holder": line.holder,
                "name": names.get(HolderId(line.holder or "")),
                "reason": line.reason,
                "zone": line.zone,
                "alarm": line.kind in ALARMING,
            },
        )
        for at, line in shown
    ]
    known = store.find_controller(work, sender.id) if taken.confirmed else None
    return [*told, rules_of(known)] if known else told


def rules_of(controller: Controller) -> News:
    """Which rules a controller has confirmed."""
    body = {
        "controller": controller.id,
        "epoch": controller.epoch,
        "version": controller.version,
        "confirmed_at": controller.confirmed_at,
    }
    return News(controller.network, controller.site, "rules", controller.id, body)


def of_zones(work: Work, site: SiteId) -> Iterable[News]:
    """Every zone of a site as it is now."""
    for zone in occupancy.zones_now(work, site):
        body = {
            "zone": zone.zone,
            "name": zone.name,
            "count": zone.count,
            "counted": zone.counted,
            "safety_limit": zone.safety_limit,
            "commercial_limit": zone.commercial_limit,
            "heard_at": zone.heard_at,
            "stale_since": zone.stale_since,
            "unnamed": zone.unnamed,
        }
        yield News(work.scope.network, site, "zone", zone.zone, body)
