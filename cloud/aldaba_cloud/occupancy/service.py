"""Presence as the books say, and the numbers drawn from it."""

from collections.abc import Iterable, Sequence

from aldaba_cloud.db import Work
from aldaba_cloud.fleet import books
from aldaba_cloud.fleet import store as fleet
from aldaba_cloud.fleet.ingest import Move
from aldaba_cloud.occupancy import store
from aldaba_cloud.occupancy.models import STALE_AFTER, UNNAMED_FOR, ZoneNow, counts, mismatches, without_a_card
from aldaba_cloud.places import store as places
from aldaba_cloud.places.models import Place, Site
from aldaba_shared.ids import HolderId, SiteId, ZoneId
from aldaba_shared.presence import Order, PresenceRules, Stay, is_unnamed, merged, unnamed
from aldaba_shared.presence import Zone as PresenceZone


class PresenceBooks:
    """Keeps presence in the transaction that keeps the lines; satisfies `fleet.ingest.Presence`."""

    def fold(self, work: Work, site: SiteId, moves: Sequence[Move]) -> None:
        """Take movements in any order."""
        found = latest(moves)
        store.keep_latest(work, site, found)
        if any(map(is_unnamed, found)):
            store.forget_unnamed(work, site, work.now - UNNAMED_FOR)

    def refold(self, work: Work, site: SiteId, holders: Iterable[HolderId]) -> None:
        """Start again from all their events, because the times of some have changed."""
        wanted = set(holders)
        store.forget(work, site, wanted)
        again = replayed(work, site, wanted)
        if again:
            store.keep_latest(work, site, again)


class GatheredMoves(PresenceBooks):
    """The same for many batches in one transaction: each holder is folded once, by `finish` before the commit."""

    def __init__(self) -> None:
        self._waiting: dict[SiteId, tuple[Work, list[Move]]] = {}

    def fold(self, work: Work, site: SiteId, moves: Sequence[Move]) -> None:
        """Take movements in any order."""
        self._waiting.setdefault(site, (work, []))[1].extend(moves)

    def refold(self, work: Work, site: SiteId, holders: Iterable[HolderId]) -> None:
        """Start again from all their events; what waits was seen before their times changed, and goes first."""
        self.finish()
        super().refold(work, site, holders)

    def finish(self) -> None:
        """Fold what waits, site by site in one order, so that two processes never wait for each other."""
        for site, (work, moves) in sorted(self._waiting.items()):
            super().fold(work, site, moves)
        self._waiting.clear()


def latest(moves: Iterable[Move]) -> dict[HolderId, Stay]:
    """The stay each holder's latest movement leaves them in."""
    return merged({}, ((holder, Stay(zone, order.at, order)) for holder, zone, order in moves))


def replayed(work: Work, site: SiteId, holders: Iterable[HolderId] | None = None) -> dict[HolderId, Stay]:
    """Presence computed again from every event that was kept."""
    return latest(
        (HolderId(row.holder_id), ZoneId(row.zone_id), Order(row.at, row.controller_id, row.journal, row.sequence))
        for row in books.movements(work, site, holders)
    ) | _unnamed(work, site, holders)


def _unnamed(work: Work, site: SiteId, wanted: Iterable[HolderId] | None) -> dict[HolderId, Stay]:
    """The entries of people without a card whom a reset may not have ended yet, all of them or those wanted."""
    named = None if wanted is None else {one for one in wanted if is_unnamed(one)}
    if named == set():
        return {}
    made: dict[HolderId, Stay] = {}
    for one in books.passages_without_a_card(work, site, since=work.now - UNNAMED_FOR):
        made |= unnamed(one.into, one.left, one.order)
    return {holder: stay for holder, stay in made.items() if named is None or holder in named}


def verify(work: Work, site: SiteId) -> list[HolderId]:
    """Holders for whom presence is not what a replay of all events says; empty when the books agree."""
    kept = store.load_presence(work, site)
    since = work.now - UNNAMED_FOR
    kept = {holder: stay for holder, stay in kept.items() if not is_unnamed(holder) or stay.since >= since}
    return mismatches(kept, replayed(work, site))


def zones_now(work: Work, site: SiteId) -> list[ZoneNow]:
    """Every zone of a site with its count, how sure and how old it is; empty if the caller sees no such site."""
    found = places.find_site(work, site)
    if found is None:
        return []
    place = places.load_place(work, found)
    inside, rules = store.load_presence(work, site, inside_only=True), presence_rules(place)
    numbers, strangers = counts(inside, rules, work.now), without_a_card(inside, rules, work.now)
    heard = {one.id: one.last_contact_at for one in fleet.list_controllers(work) if one.retired_at is None}
    answers = []
    for zone in sorted(place.zones.values(), key=lambda one: one.name):
        doors = [place.doors[door] for door in place.doors_of(zone.id)]
        contacts = [heard.get(door.controller) if door.controller else None for door in doors]
        known = [moment for moment in contacts if moment is not None]
        oldest = min(known) if known and len(known) == len(contacts) else None
        stale = oldest if oldest is not None and work.now - oldest > STALE_AFTER else None
        answers.append(
            ZoneNow(
                zone.id,
                zone.name,
                numbers[zone.id],
                zone.counted,
                zone.safety_limit,
                zone.commercial_limit,
                oldest,
                stale,
                strangers[zone.id],
            )
        )
    return answers


def inside_now(work: Work, site: Site, zone: ZoneId | None = None) -> dict[HolderId, Stay]:
    """Who is inside: the muster list of a site or of one zone with everything in it.

    Whoever came without a card has no name to be listed under; `zones_now` has their number.
    """
    place = places.load_place(work, site)
    rules = presence_rules(place)
    wanted = place.inside(zone) if zone is not None else frozenset(place.zones)
    held = store.load_presence(work, site.id, inside_only=True).items()
    named = ((holder, stay) for holder, stay in held if not is_unnamed(holder))
    return {holder: stay for holder, stay in named if rules.place_of(holder, stay, work.now) in wanted}


def presence_rules(place: Place) -> PresenceRules:
    """The site's side of presence, as the doors have it too."""
    zones = {
        zone.id: PresenceZone(
            id=zone.id,
            parent=zone.parent,
            counted=zone.counted,
            safety_limit=zone.safety_limit,
            commercial_limit=zone.commercial_limit,
            passback=zone.passback,
            passback_minutes=zone.passback_minutes,
            presence_hours=zone.presence_hours,
        )
        for zone in place.zones.values()
    }
    return PresenceRules(zones, place.site.time_zone, place.site.night_reset)
