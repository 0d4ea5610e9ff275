"""Reading what the board shows: rows of the books, places and controllers, made into views."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Row

from aldaba_cloud.access import store as access
from aldaba_cloud.db import Work
from aldaba_cloud.errors import Missing
from aldaba_cloud.fleet import alarms as alarm_books
from aldaba_cloud.fleet import books
from aldaba_cloud.fleet import store as fleet
from aldaba_cloud.fleet.models import Alarm, Controller
from aldaba_cloud.members import store as members
from aldaba_cloud.occupancy import service as occupancy
from aldaba_cloud.occupancy.models import STALE_AFTER
from aldaba_cloud.pages import words
from aldaba_cloud.pages.kit import Page
from aldaba_cloud.pages.views import Board, DoorCard, EventCard, Tone, ZoneCard
from aldaba_cloud.places import store as places
from aldaba_cloud.places.models import Place, Site
from aldaba_shared.decide import Side
from aldaba_shared.errors import AldabaError
from aldaba_shared.events import AccessDecided, read_line
from aldaba_shared.ids import ControllerId, DoorId, HolderId, SiteId
from aldaba_shared.reasons import sentence

SHOWN_EVENTS: Final = 40
READ_EVENTS: Final = 240
"""How many of the newest rows are looked at: most opening and closing of leaves is not shown as a line."""


def site_wanted(work: Work, wanted: str | None) -> Site:
    """The site that was asked for, else the first one the caller sees."""
    sites = places.list_sites(work)
    found = next((site for site in sites if wanted in {None, "", site.id}), None)
    if found is None:
        raise Missing("site", wanted or "")
    return found


def read_board(work: Work, site: Site, page: Page) -> Board:
    """Everything on the live board, in one transaction."""
    place = places.load_place(work, site)
    rows = books.recent_events(work, site.id, limit=READ_EVENTS)
    return Board(
        site=site.id,
        site_name=site.name,
        at=work.now,
        zones=_zones(work, place),
        doors=tuple(_doors(work, place, rows)),
        events=tuple(event_cards(work, place, rows, page))[:SHOWN_EVENTS],
    )


def _zones(work: Work, place: Place) -> tuple[ZoneCard, ...]:
    """Outer zones first, then what lies in them."""
    cards = []
    for one in occupancy.zones_now(work, place.site.id):
        limits = [limit for limit in (one.safety_limit, one.commercial_limit) if limit is not None]
        parent = place.zones[one.zone].parent
        outer = place.zones.get(parent) if parent else None
        cards.append(
            ZoneCard(
                id=one.zone,
                name=one.name,
                count=one.count,
                limit=min(limits, default=None),
                counted=one.counted,
                known_at=one.heard_at,
                stale_since=one.stale_since,
                unnamed=one.unnamed,
                inside_of=outer.name if outer else "",
            )
        )
    return tuple(sorted(cards, key=lambda card: (bool(card.inside_of), -(card.limit or 0), card.name)))


def _doors(work: Work, place: Place, rows: Sequence[Row[Any]]) -> Iterable[DoorCard]:
    controllers = {one.id: one for one in fleet.list_controllers(work) if one.retired_at is None}
    modes = {one.door: str(one.mode) for one in fleet.list_modes(work)}
    leaves = _leaves(rows)
    alarms = alarms_by_door(alarm_books.recent(work), place)
    for door in sorted(place.doors.values(), key=lambda one: one.name):
        controller = controllers.get(door.controller) if door.controller else None
        newest = access.newest_generation(work, controller.id) if controller else None
        yield DoorCard(
            id=door.id,
            name=door.name,
            leaf=leaves.get(door.id, "unknown"),
            mode=modes.get(door.id, "locked"),
            connected=controller is not None and connected(work, controller),
            last_contact=controller.last_contact_at if controller else None,
            rules_version=controller.version if controller else None,
            rules_wanted=newest.version if newest else None,
            alarms=tuple(
                dict.fromkeys(words.ALARMS.get(one.kind, words.OTHER_ALARM) for one in alarms.get(door.id, ()))
            ),
        )


def connected(work: Work, controller: Controller) -> bool:
    """Whether a controller was heard lately enough to be believed."""
    heard = controller.last_contact_at
    return heard is not None and work.now - heard <= STALE_AFTER


def _alarm_words(alarms: Iterable[Alarm]) -> tuple[str, ...]:
    """What is wrong, once each; translated where it is shown."""
    return tuple(dict.fromkeys(words.ALARMS.get(one.kind, words.OTHER_ALARM) for one in alarms))


def alarms_by_door(alarms: Iterable[Alarm], place: Place) -> Mapping[DoorId, list[Alarm]]:
    """Open alarms at their doors; one of a whole controller stands at each of its doors."""
    found: dict[DoorId, list[Alarm]] = {}
    for alarm in alarms:
        doors = [alarm.door] if alarm.door else _doors_of(place, alarm.controller)
        for door in doors:
            found.setdefault(door, []).append(alarm)
    return found


def _doors_of(place: Place, controller: ControllerId) -> list[DoorId]:
    return [door.id for door in place.doors.values() if door.controller == controller]


def _leaves(rows: Sequence[Row[Any]]) -> dict[str, str]:
    """The newest thing that each leaf did."""
    found: dict[str, str] = {}
    for row in rows:
        if row.door_id and row.kind in words.LEAVES:
            found.setdefault(row.door_id, words.LEAVES[row.kind])
    return found


def event_cards(work: Work, place: Place, rows: Iterable[Row[Any]], page: Page) -> Iterable[EventCard]:
    """The lines that people want to see, newest first."""
    shown = [row for row in rows if row.kind == "access_decided" or row.kind in words.EVENTS]
    names = _names(work, shown)
    for row in shown:
        door = place.doors.get(DoorId(row.door_id)) if row.door_id else None
        where = door.name if door else row.controller_id
        identity = f"{row.controller_id}/{row.journal}/{row.sequence}"
        plain_id = identity.replace("/", "-")
        if row.kind == "access_decided":
            tone, icon, what = _decided(row, page)
            who = names.get(row.holder_id, "") or page.text(words.SOMEBODY)
            yield EventCard(plain_id, row.at, tone, icon, who, where, what, why=f"/events/{identity}")
        else:
            worded = words.EVENTS[row.kind]
            who = names.get(row.holder_id, "")
            yield EventCard(plain_id, row.at, worded.tone, worded.icon, who, where, page.text(worded.text))


def _names(work: Work, rows: Iterable[Row[Any]]) -> dict[str | None, str]:
    wanted = {HolderId(row.holder_id) for row in rows if row.holder_id}
    return {one.id: one.name for one in members.holders_by_id(work, wanted).values()} if wanted else {}


def _decided(row: Row[Any], page: Page) -> tuple[Tone, str, str]:
    """An answer at a door in words; what the door said stands in the reader's language."""
    event = decided(row)
    if event is None:
        return Tone.WARN, "info", page.text(words.EVENTS["unreadable_line"].text)
    if not event.decision.granted:
        said = sentence(event.decision.reason, page.language)
        return Tone.BAD, "cross", page.text(words.REFUSED) % {"sentence": said}
    out = event.shown.side is not Side.IN
    text = page.text(words.LEFT if out else words.ENTERED)
    notes = [page.text(words.NOTICES[note]) for note in event.decision.notices if note in words.NOTICES]
    tone = Tone.WARN if "passback_soft" in event.decision.notices else Tone.GOOD
    return (Tone.PLAIN if out else tone), ("out" if out else "check"), " · ".join([text, *notes])


def decided(row: Row[Any]) -> AccessDecided | None:
    """The answer a row tells of; None if its bytes are of a form this release does not read."""
    try:
        event = read_line(row.body).event
    except AldabaError:
        return None
    return event if isinstance(event, AccessDecided) else None


def find_row(work: Work, controller: str, journal: str, sequence: int) -> Row[Any]:
    """One line of the books."""
    row = books.find_event(work, ControllerId(controller), journal, sequence)
    if row is None:
        raise Missing("event", f"{controller}/{journal}/{sequence}")
    return row


def site_of(work: Work, site: SiteId) -> Site:
    """A site by its id."""
    found = places.find_site(work, site)
    if found is None:
        raise Missing("site", site)
    return found
