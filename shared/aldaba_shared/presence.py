"""Who is in which zone, as pure functions of what doors saw.

A holder is where their latest movement left them. "Latest" is the order
(effective time, controller, journal, sequence), so presence is a map with one
entry a holder in which the greater order wins: any order of arrival, any
duplication and any lateness gives the same books, and a replay is the same fold
again. Rooms lie inside floors: who is in a room is in its floor too, so counting
and passback look down the tree of zones.

An entry ends by itself, `presence_hours` after it was made or at the site's
night reset, because most doors have no reader on the way out; a counted zone
around it, which nobody leaves unread, keeps the holder. Being a function
of time, the end is the same on every controller and in the cloud without a
message.

Whoever passes a turnstile without a card is counted and has no name: each such
passage makes entries of its own, one more person where it led and one less
where it came from, under ids that no holder has. They merge and are replayed
like all others, nobody moves them again, and the night reset ends them
everywhere, in counted zones too.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, time, timedelta
from typing import Final, TypeAlias

from msgspec import Struct

from aldaba_shared.decide import Passback, PresenceNow
from aldaba_shared.door_rules import Apart
from aldaba_shared.ids import ControllerId, HolderId, ZoneId
from aldaba_shared.schedule import zone_of
from aldaba_shared.wire import Count, Hours, Minutes, Moment

STREET = ZoneId("street")
"""Outside: the zone that nobody is counted in."""

CAME: Final = "unnamed+/"
LEFT: Final = "unnamed-/"
"""How the ids of entries begin that stand for a person without a card: one more, one less."""
JOURNAL_CHARS: Final = 16
"""So much of a journal's random id tells it from another of the same controller; ids end at 80 characters."""


class Zone(Struct, frozen=True, omit_defaults=True):
    """A space between doors, with its limits and its passback policy.

    `counted` holds only where every way out has a reader or a turnstile; in any
    other zone the number is an estimate and says so.
    """

    id: ZoneId
    parent: ZoneId | None = None
    counted: bool = False
    safety_limit: Count | None = None
    commercial_limit: Count | None = None
    passback: Passback = Passback.SOFT
    passback_minutes: Minutes = 0
    presence_hours: Hours = 12
    apart: Apart = Apart.SOFTEN
    """What hard and timed passback do while a controller of this zone cannot be heard."""
    controllers: tuple[ControllerId, ...] = ()
    """Whose doors lead into or out of it: who must be heard for its number to be whole."""


class Order(Struct, frozen=True, order=True, array_like=True):
    """The place of a movement among those of all controllers; later is greater."""

    at: Moment
    controller: str
    journal: str
    sequence: int


class Stay(Struct, frozen=True):
    """Where a holder's latest movement left them, and since when."""

    zone: ZoneId
    since: Moment
    order: Order


Presence: TypeAlias = Mapping[HolderId, Stay]
"""One stay a holder; a holder who left is in `STREET`."""

Zones: TypeAlias = Mapping[ZoneId, Zone]


def moved(presence: Presence, holder: HolderId, zone: ZoneId, order: Order) -> Presence:
    """Presence after a movement; an older movement than the one known changes nothing."""
    known = presence.get(holder)
    if known is not None and known.order >= order:
        return presence
    return {**presence, holder: Stay(zone, order.at, order)}


def merged(mine: Presence, theirs: Iterable[tuple[HolderId, Stay]]) -> dict[HolderId, Stay]:
    """Two controllers' views as one: for each holder the latest movement wins."""
    both = dict(mine)
    for holder, stay in theirs:
        known = both.get(holder)
        if known is None or known.order < stay.order:
            both[holder] = stay
    return both


def unnamed(into: ZoneId, left: ZoneId | None, order: Order) -> dict[HolderId, Stay]:
    """The entries of a passage without a card: one person more in the zone it led to, one less where it began."""
    came, gone = unnamed_ids(order.controller, order.journal, order.sequence)
    return {
        name: Stay(zone, order.at, order)
        for name, zone in ((came, into), (gone, left))
        if zone is not None and zone != STREET
    }


def unnamed_ids(controller: str, journal: str, sequence: int) -> tuple[HolderId, HolderId]:
    """Under what ids a passage without a card counts: where it led, and where it began."""
    place = f"{controller}/{journal[:JOURNAL_CHARS]}/{sequence}"
    return HolderId(CAME + place), HolderId(LEFT + place)


def is_unnamed(holder: HolderId) -> bool:
    """Whether an entry stands for a passage without a card rather than for a holder."""
    return holder.startswith((CAME, LEFT))


def people(holder: HolderId) -> int:
    """How many people an entry adds: one, or one less for somebody who left without a card."""
    return -1 if holder.startswith(LEFT) else 1


def within(zones: Zones, inner: ZoneId, outer: ZoneId) -> bool:
    """Whether a zone is another one or lies inside it; a ring in the tree ends the walk."""
    step: ZoneId | None = inner
    for _ in range(len(zones) + 1):
        if step == outer:
            return True
        known = zones.get(step) if step is not None else None
        step = known.parent if known else None
    return False


def ends_at(stay: Stay, zone: Zone, site_zone: str, night_reset: time) -> datetime:
    """When a stay ends by itself: after the zone's hours, or at the first night reset that follows it."""
    by_hours = stay.since + timedelta(hours=zone.presence_hours)
    return min(by_hours, next_reset(stay, site_zone, night_reset))


def next_reset(stay: Stay, site_zone: str, night_reset: time) -> datetime:
    """The first night reset after a stay began."""
    local = stay.since.astimezone(zone_of(site_zone))
    reset = local.replace(hour=night_reset.hour, minute=night_reset.minute, second=0, microsecond=0, fold=0)
    if reset <= local:
        reset = (reset.replace(tzinfo=None) + timedelta(days=1)).replace(tzinfo=zone_of(site_zone))
    return reset.astimezone(UTC)


class PresenceRules(Struct, frozen=True):
    """The site's side of presence: its zones, its wall clock and its night reset."""

    zones: dict[ZoneId, Zone]
    site_zone: str
    night_reset: time = time(4, 0)

    def holds(self, stay: Stay, at: datetime) -> bool:
        """Whether a stay still counts at this instant; nobody stays in the street or in a zone that is gone."""
        zone = self.zones.get(stay.zone)
        if zone is None or stay.zone == STREET:
            return False
        return zone.counted or at < ends_at(stay, zone, self.site_zone, self.night_reset)

    def place_of(self, holder: HolderId, stay: Stay, at: datetime) -> ZoneId | None:
        """Where an entry counts at this instant, or None when nothing keeps it in the books.

        Whoever's stay in a room has ended is still in the counted zone around
        it: nobody leaves that one unread.
        """
        if is_unnamed(holder):
            # Both ends of a passage end together, so that moving on inside never changes the number around.
            ended = at >= next_reset(stay, self.site_zone, self.night_reset)
            return None if ended or stay.zone not in self.zones else stay.zone
        if self.holds(stay, at):
            return stay.zone
        step: ZoneId | None = stay.zone
        for _ in range(len(self.zones) + 1):
            zone = self.zones.get(step) if step is not None and step != STREET else None
            if zone is None:
                return None
            if zone.counted:
                return zone.id
            step = zone.parent
        return None


def occupancy(presence: Presence, zone: ZoneId, rules: PresenceRules, at: datetime) -> int:
    """How many people are in a zone or in one inside it, those without a card included."""
    counted = sum(people(holder) for holder, stay in presence.items() if _is_in(holder, stay, zone, rules, at))
    return max(0, counted)


def _is_in(holder: HolderId, stay: Stay, zone: ZoneId, rules: PresenceRules, at: datetime) -> bool:
    place = rules.place_of(holder, stay, at)
    return place is not None and within(rules.zones, place, zone)


def seen_by(
    presence: Presence,
    holder: HolderId | None,
    zone: ZoneId,
    rules: PresenceRules,
    at: datetime,
    *,
    apart: bool = False,
    lets_back: bool = False,
) -> PresenceNow:
    """What a decision needs to know when this holder asks to enter this zone.

    `apart` says that a controller of the zone cannot be heard: a passback that
    would refuse softens where the zone says so, and the limit goes on with the
    last that was heard. `lets_back` says that it matters when the holder was last
    on the site.
    """
    policy = rules.zones.get(zone)
    on_site = last_on_site(presence, holder, rules, at) if holder is not None and lets_back else None
    if policy is None:
        return PresenceNow(on_site_at=on_site)
    stay = presence.get(holder) if holder is not None else None
    inside = holder is not None and stay is not None and _is_in(holder, stay, zone, rules, at)
    return PresenceNow(
        passback=_while_apart(policy) if apart else policy.passback,
        inside=inside,
        entered_at=stay.since if stay is not None and inside else None,
        passback_minutes=policy.passback_minutes,
        occupancy=occupancy(presence, zone, rules, at) if policy.safety_limit is not None else 0,
        safety_limit=policy.safety_limit,
        apart=apart,
        on_site_at=on_site,
    )


def last_on_site(presence: Presence, holder: HolderId, rules: PresenceRules, at: datetime) -> datetime | None:
    """When a holder was last inside the site: now, or when they were seen leaving; None when nobody can say."""
    stay = presence.get(holder)
    if stay is None:
        return None
    if stay.zone == STREET:
        return stay.since
    return at if rules.place_of(holder, stay, at) is not None else None


def _while_apart(zone: Zone) -> Passback:
    if zone.apart is Apart.SOFTEN and zone.passback is not Passback.OFF:
        return Passback.SOFT
    return zone.passback
