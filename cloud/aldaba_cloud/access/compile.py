"""Compiling: from contracts, levels and places to the rows that doors follow. Pure and incremental.

The same functions make the rules of a whole site and those of one holder whose
card was just revoked; publishing compares what they give with what a controller
has, and rehearsing compares two of them with each other.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from msgspec import structs

from aldaba_cloud.access.models import ALWAYS, Levels, NamedSchedule, Target
from aldaba_cloud.bookings.models import EntryRight
from aldaba_cloud.fleet.models import ControllerKeys
from aldaba_cloud.members.models import Contract, ContractState, Holder, IssuedCredential, Standing
from aldaba_cloud.places.models import Door, Place, routes
from aldaba_shared import door_rules, presence
from aldaba_shared.card_keys import SETTING as SECRETS
from aldaba_shared.door_rules import DoorRules
from aldaba_shared.ids import (
    ContractId,
    ControllerId,
    CredentialId,
    DoorId,
    HolderId,
    RightId,
    ScheduleId,
    ZoneId,
)
from aldaba_shared.keys import CredentialKind, credential_key, looked_up_by
from aldaba_shared.messages import WorkingKey
from aldaba_shared.passes import cancelled_body
from aldaba_shared.peers import SETTING as PEERS
from aldaba_shared.peers import peers_body
from aldaba_shared.schedule import Schedule, Windows, always, weekly
from aldaba_shared.sealed_number import SETTING as NUMBER_KEY
from aldaba_shared.snapshot import DURESS, ENABLED, ESSENTIAL, GOOD_STANDING, LONG_ACCESS, RENEWS, Row
from aldaba_shared.wire import encode

NOT_RENEWING: Final = 0
EVER: Final = datetime.fromtimestamp(0, UTC)
SPECIAL_DAYS_AHEAD: Final = timedelta(days=400)
ID_LENGTH: Final = 40

GOOD: Final = frozenset({Standing.GOOD, Standing.GRACE, Standing.LIMITED})
"""A limited contract buys and books nothing more; the door it is paid for still opens."""


@dataclass(frozen=True, slots=True)
class Card:
    """A credential with the canonical bytes of its number, in memory only while rules are compiled."""

    credential: IssuedCredential
    canonical: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class People:
    """Holders with what they carry and what they are entitled by: everybody, or only those who changed."""

    holders: Mapping[HolderId, Holder]
    contracts: tuple[Contract, ...]
    cards: tuple[Card, ...] = ()
    booked: tuple[EntryRight, ...] = ()


@dataclass(frozen=True, slots=True)
class ControllerRules:
    """A controller as compiling sees it: its doors, and the keys under which it knows cards."""

    id: ControllerId
    keys: ControllerKeys
    doors: frozenset[DoorId]


@dataclass(frozen=True, slots=True)
class Entitlement:
    """Why a holder may pass a door: the schedule, and the contract or the booking if there is one."""

    door: DoorId
    holder: HolderId
    schedule: ScheduleId
    contract: Contract | None = None
    booked: EntryRight | None = None

    @property
    def right_id(self) -> RightId:
        """The right's name: what it comes from, and its schedule."""
        return RightId(f"{self.booked.booking if self.booked else self.contract_id or 'own'}:{self.schedule}")

    @property
    def renews(self) -> bool:
        """Whether it goes on by itself; what was booked ends with the booking."""
        return self.booked is None and self.contract is not None and self.contract.renews

    def begins_at(self, zone: ZoneInfo) -> datetime:
        """The instant from which it holds; rights of nobody's contract hold from ever."""
        if self.booked is not None:
            return self.booked.span.start
        return self.contract.begins_at(zone) if self.contract else EVER

    def ends_at(self, zone: ZoneInfo) -> datetime | None:
        """The instant it ends by itself; None if nothing ends it."""
        if self.booked is not None:
            return self.booked.span.end
        return self.contract.rights_end_at(zone) if self.contract else None

    @property
    def contract_id(self) -> ContractId | None:
        """The contract this right belongs to; None for holders without one."""
        return self.contract.id if self.contract else None


class SiteRules:
    """One site's places and levels, worked out once, from which anybody's rows follow."""

    def __init__(self, place: Place, levels: Levels, today: date) -> None:
        self.place = place
        self.levels = levels
        self.today = today
        self.zone = ZoneInfo(place.site.time_zone)
        self._routes = routes(place)
        self._by_level = {name: self._level_doors(level.targets) for name, level in levels.levels.items()}
        self._by_plan = {plan: self._union(names) for plan, names in levels.by_plan.items()}

    def entitlements(self, people: People) -> Iterator[Entitlement]:
        """Every door each holder may pass, by each contract and by levels of their own."""
        for contract in people.contracts:
            for holder in contract.people if contract.gives_rights else ():
                for door, schedule in self._sold_with(contract):
                    yield Entitlement(door, holder, schedule, contract)
        for holder in people.holders:
            for door, schedule in self._union(self.levels.by_holder.get(holder, ())):
                yield Entitlement(door, holder, schedule)
        yield from self._booked(people)

    def _sold_with(self, contract: Contract) -> Iterable[tuple[DoorId, ScheduleId]]:
        """What the plan opens, and what the version brings under which the contract is."""
        by_plan = self._by_plan.get(contract.plan, ())
        brought = self.levels.by_contract.get(contract.id)
        return sorted({*by_plan, *self._union(brought)}) if brought else by_plan

    def _is_sold_here(self, contract: Contract) -> bool:
        brought = self.levels.by_contract.get(contract.id, ())
        return contract.plan in self._by_plan or any(level in self._by_level for level in brought)

    def _booked(self, people: People) -> Iterator[Entitlement]:
        """A booking opens the whole way to what was booked, by its own time and no schedule."""
        contracts = {one.id: one for one in people.contracts}
        for one in people.booked:
            contract = contracts.get(one.contract) if one.contract else None
            for door in sorted(self.doors_to(Target(ALWAYS, zone=one.zone))):
                yield Entitlement(door, one.holder, ALWAYS, contract, one)

    def known_here(self, people: People) -> frozenset[HolderId]:
        """Holders whose cards this site's doors know by name, so that a refusal can say why."""
        by_contract = {
            holder
            for contract in people.contracts
            if contract.state is not ContractState.DRAFT and self._is_sold_here(contract)
            for holder in contract.people
        }
        by_booking = {one.holder for one in people.booked if one.zone in self.place.zones}
        own = {holder for holder in people.holders if holder in self.levels.by_holder}
        return frozenset(by_contract | by_booking | own)

    def may_ask(self, people: People) -> frozenset[HolderId]:
        """Who may open by a door's sticker: whose plan comes with it, and who is here without any plan."""
        by_plan = {
            holder
            for contract in people.contracts
            if contract.plan in self.levels.sticker_plans
            for holder in contract.people
        }
        with_plan = {holder for contract in people.contracts for holder in contract.people}
        return frozenset(by_plan | {one for one in people.holders if one not in with_plan}) & frozenset(people.holders)

    def has_sticker(self, doors: Iterable[DoorId]) -> bool:
        """Whether any of these doors may be asked by its sticker."""
        return any(self.place.doors[door].use.sticker for door in doors)

    def schedule(self, name: ScheduleId) -> Schedule:
        """A schedule with the site's wall clock and its special days."""
        zone = self.place.site.time_zone
        named = self.levels.schedules.get(name)
        if name == ALWAYS or named is None:
            return always(zone) if name == ALWAYS else weekly(zone, {})
        week = weekly(zone, dict(enumerate(named.week)), self._special_days(named))
        return structs.replace(week, reentry_minutes=named.reentry_minutes)

    def _special_days(self, named: NamedSchedule) -> dict[date, Windows]:
        """Days gone by are left out, so that rules do not grow for ever."""
        if not named.keeps_special_days:
            return {}
        first, last = self.today - timedelta(days=1), self.today + SPECIAL_DAYS_AHEAD
        return {special.day: special.windows for special in self.levels.special_days if first <= special.day <= last}

    def _level_doors(self, targets: Iterable[Target]) -> frozenset[tuple[DoorId, ScheduleId]]:
        """A target's own doors, and every door on the way to them, under the target's schedule."""
        return frozenset((door, target.schedule) for target in targets for door in self.doors_to(target))

    def doors_to(self, target: Target) -> frozenset[DoorId]:
        """Each door of the target with the way to it; a way through the target itself is no way to it."""
        if target.door is not None:
            wanted = frozenset({target.door}) & self.place.doors.keys()
        else:
            wanted = self.place.doors_of(target.zone) if target.zone else frozenset()
        found: set[DoorId] = set()
        for door in wanted:
            way = self._routes.get(self.place.doors[door].out_of, ())
            if not wanted.intersection(way):
                found.update((door, *way))
        return frozenset(found)

    def _union(self, names: Iterable[str]) -> tuple[tuple[DoorId, ScheduleId], ...]:
        none: frozenset[tuple[DoorId, ScheduleId]] = frozenset()
        return tuple(sorted(none.union(*(self._by_level.get(name, none) for name in names))))


def people_rows(
    rules: SiteRules, people: People, controllers: Iterable[ControllerRules]
) -> dict[ControllerId, list[Row]]:
    """The credential and grant rows of these holders, for each controller."""
    grants: dict[DoorId, list[Row]] = defaultdict(list)
    ends = _ContractEnds(rules.zone)
    for one in rules.entitlements(people):
        grants[one.door].append(_grant(one, ends))
    known = rules.known_here(people)
    cards = [
        (card.credential.kind, card.canonical, _card_values(card.credential, people.holders[card.credential.holder]))
        for card in people.cards
        if card.credential.holder in known
    ]
    askers = [_asker(people.holders[holder]) for holder in sorted(rules.may_ask(people) & known)]
    return {
        controller.id: [
            *(row for key in controller.keys.digests for card in cards for row in _credential(key, *card)),
            *(
                row
                for key in controller.keys.digests
                for one in (askers if rules.has_sticker(controller.doors) else ())
                for row in _credential(key, *one)
            ),
            *(row for door in sorted(controller.doors) for row in grants.get(door, ())),
        ]
        for controller in controllers
    }


def site_rows(rules: SiteRules, controller: ControllerRules, peers: Iterable[WorkingKey] = ()) -> list[Row]:
    """The rows that are nobody's: schedules, zones, the site's clock, the controller's doors and peers."""
    names = {ALWAYS, *rules.levels.schedules}
    return [
        *(Row("schedule", (name, encode(rules.schedule(ScheduleId(name))))) for name in sorted(names)),
        *(Row("zone", (zone, encode(body))) for zone, body in sorted(presence_zones(rules.place).items())),
        Row("setting", ("night_reset", encode(rules.place.site.night_reset.isoformat()))),
        Row("setting", ("site_zone", encode(rules.place.site.time_zone))),
        Row("setting", (PEERS, peers_body(key for key in peers if key.kid != controller.id.encode()))),
        *_cancelled(rules.levels),
        *_secrets(controller.keys),
        *_number_key(controller.keys),
        *(
            Row("setting", (door_rules.setting(door), door_rules.door_body(_door_rules(rules.place, door))))
            for door in sorted(controller.doors)
        ),
    ]


def _secrets(keys: ControllerKeys) -> Iterator[Row]:
    sealed = keys.sealed_secrets
    if sealed is not None:
        yield Row("setting", (SECRETS, sealed))


def _number_key(keys: ControllerKeys) -> Iterator[Row]:
    if keys.number_key:
        yield Row("setting", (NUMBER_KEY, keys.number_key))


def _cancelled(levels: Levels) -> Iterator[Row]:
    if levels.cancelled_passes:
        yield Row("setting", ("cancelled_passes", cancelled_body(levels.cancelled_passes)))


def presence_zones(place: Place) -> dict[ZoneId, presence.Zone]:
    """The site's zones as presence knows them, on the doors and in the cloud alike."""
    return {
        zone.id: presence.Zone(
            id=zone.id,
            parent=zone.parent,
            counted=zone.counted,
            safety_limit=zone.safety_limit,
            commercial_limit=zone.commercial_limit,
            passback=zone.passback,
            passback_minutes=zone.passback_minutes,
            presence_hours=zone.presence_hours,
            apart=zone.apart,
            controllers=_controllers_of(place, zone.id),
        )
        for zone in place.zones.values()
    }


def _controllers_of(place: Place, zone: ZoneId) -> tuple[ControllerId, ...]:
    """Whose doors lead into or out of a zone, or lie in it."""
    inside = place.inside(zone)
    return tuple(
        sorted(
            {door.controller for door in place.doors.values() if door.controller and {door.into, door.out_of} & inside}
        )
    )


def narrowed(rules: SiteRules, levels: Levels) -> SiteRules:
    """The same site under other levels or schedules: what a rehearsal asks about."""
    return SiteRules(rules.place, levels, rules.today)


def with_schedule(levels: Levels, schedule: NamedSchedule) -> Levels:
    """Levels in which one schedule is another."""
    return replace(levels, schedules={**levels.schedules, schedule.id: schedule})


def _door_row(place: Place, door: DoorId) -> Row:
    return Row("setting", (door_rules.setting(door), door_rules.door_body(_door_rules(place, door))))


def _door_rules(place: Place, door: DoorId) -> DoorRules:
    known = place.doors[door]
    return DoorRules(
        into=known.into,
        out_of=known.out_of,
        release_seconds=known.release_seconds,
        offline_grace_hours=known.offline_grace_hours,
        unlock=known.use.unlock,
        first_card=known.use.first_card,
        interlock_with=_partners(place, known),
        interlock_apart=known.use.interlock_apart,
        second_factor=known.use.second_factor,
        pin_alone=known.use.pin_alone,
        persons=known.use.persons,
        sticker=known.use.sticker,
    )


def _partners(place: Place, door: Door) -> tuple[DoorId, ...]:
    """An interlock holds both ways, whichever of the doors it was said of."""
    named = {one for one in door.use.interlock_with if one in place.doors}
    by_others = {one.id for one in place.doors.values() if door.id in one.use.interlock_with}
    return tuple(sorted((named | by_others) - {door.id}))


class _ContractEnds:
    """Begin and end of each contract's rights in seconds, worked out once a contract."""

    def __init__(self, zone: ZoneInfo) -> None:
        self._zone = zone
        self._known: dict[ContractId, tuple[int, int | None]] = {}

    def of(self, one: Entitlement) -> tuple[int, int | None]:
        """Seconds since 1970; holders without a contract have had their rights for ever."""
        if one.booked is not None or one.contract is None:
            return _seconds(one.begins_at(self._zone)) or 0, _seconds(one.ends_at(self._zone))
        if one.contract.id not in self._known:
            begins = _seconds(one.begins_at(self._zone)) or 0
            self._known[one.contract.id] = (begins, _seconds(one.ends_at(self._zone)))
        return self._known[one.contract.id]


def _grant(one: Entitlement, ends: _ContractEnds) -> Row:
    begins, until = ends.of(one)
    flags = GOOD_STANDING if one.contract is None or one.contract.standing in GOOD else 0
    flags |= RENEWS if one.renews else NOT_RENEWING
    return Row("grant_", (one.door, one.holder, one.right_id, one.schedule, one.contract_id, flags, begins, until))


def _asker(holder: Holder) -> tuple[CredentialKind, bytes, tuple[str | int | None, ...]]:
    """What a door knows somebody by who asks on the page of its sticker; nobody carries it."""
    flags = ENABLED | (ESSENTIAL if holder.essential else 0) | (LONG_ACCESS if holder.long_access else 0)
    kind = CredentialKind.STICKER
    return kind, holder.id.encode(), (asked_by(holder.id), holder.id, kind.value, flags, None, None)


def asked_by(holder: HolderId) -> CredentialId:
    """The name of the credential in the books when somebody asked by a sticker."""
    return CredentialId(f"ask_{holder}"[:ID_LENGTH])


def _card_values(credential: IssuedCredential, holder: Holder) -> tuple[str | int | None, ...]:
    flags = (
        (ENABLED if credential.enabled else 0)
        | (ESSENTIAL if holder.essential else 0)
        | (LONG_ACCESS if holder.long_access else 0)
        | (DURESS if credential.duress else 0)
    )
    begins, until = _seconds(credential.valid_from), _seconds(credential.valid_until)
    return (credential.id, holder.id, credential.kind.value, flags, begins, until)


def _credential(
    key: bytes, kind: CredentialKind, canonical: bytes, values: tuple[str | int | None, ...]
) -> Iterator[Row]:
    """The row a door looks up, and beside it the public key of what proves possession."""
    digest = credential_key(key, kind, looked_up_by(kind, canonical))
    yield Row("credential", (digest, *values))
    if kind is CredentialKind.PHONE:
        yield Row("public_key", (digest, values[1], canonical))


def _seconds(moment: datetime | None) -> int | None:
    return int(moment.timestamp()) if moment is not None else None
