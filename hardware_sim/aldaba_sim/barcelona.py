"""The seed's Barcelona space, told to the cloud through its own services.

One floor behind a street door and a turnstile lane, two inner doors, four
meeting rooms; 150 members on plans, staff, a cleaner, a supplier and an
emergency key. The same seed makes the same space; only the passwords of those
who sign in come from the system's randomness, fresh in every run.
"""

import secrets
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from random import Random
from typing import Final

from aldaba_cloud.access import store as access
from aldaba_cloud.access.models import ALWAYS, AccessLevel, NamedSchedule, SpecialDay, Target
from aldaba_cloud.auth.models import Grant, Role
from aldaba_cloud.auth.service import NewAccount, Passwords, open_account
from aldaba_cloud.db import ALL_SITES, Work
from aldaba_cloud.keyring import Keyring
from aldaba_cloud.members import service as members
from aldaba_cloud.members import store as members_store
from aldaba_cloud.members.models import Contract, Holder, HolderKind, Plan, PlanKind
from aldaba_cloud.members.service import NewCredential
from aldaba_cloud.places import store as places
from aldaba_cloud.places.models import Door, Site, Zone
from aldaba_shared.ids import ContractId, CredentialId, DoorId, HolderId, NetworkId, ScheduleId, SiteId, ZoneId
from aldaba_shared.keys import CredentialKind, wiegand_canonical
from aldaba_shared.presence import STREET
from aldaba_shared.schedule import Window, Windows

NETWORK: Final = NetworkId("net_mediterrania")
SITE: Final = SiteId("bcn")
FLEX: Final = ScheduleId("sch_flex")
EVENING: Final = ScheduleId("sch_evening")
MORNING: Final = ScheduleId("sch_morning")

LOBBY, FLOOR, QUIET, OFFICES = ZoneId("lobby"), ZoneId("floor"), ZoneId("quiet"), ZoneId("offices")
ROOMS: Final = {"gaudi": "Sala Gaudí", "miro": "Sala Miró", "tapies": "Sala Tàpies", "rodoreda": "Sala Rodoreda"}
ROOM_SEATS: Final = {"gaudi": 12, "miro": 8, "tapies": 6, "rodoreda": 4}

ZONES: Final = (
    Zone(LOBBY, SITE, "Recepció", safety_limit=40),
    Zone(FLOOR, SITE, "Planta", safety_limit=180, commercial_limit=120, counted=True),
    Zone(QUIET, SITE, "Sala silenciosa", FLOOR, safety_limit=24),
    Zone(OFFICES, SITE, "Despatxos", FLOOR, safety_limit=60),
    *(Zone(ZoneId(f"room-{key}"), SITE, name, FLOOR, safety_limit=ROOM_SEATS[key]) for key, name in ROOMS.items()),
)

DOORS: Final = (
    Door(DoorId("street"), SITE, "Porta del carrer", LOBBY, STREET),
    Door(DoorId("turnstile"), SITE, "Torniquet", FLOOR, LOBBY, way_out_read=True, release_seconds=8),
    Door(DoorId("quiet"), SITE, "Porta sala silenciosa", QUIET, FLOOR),
    Door(DoorId("offices"), SITE, "Porta despatxos", OFFICES, FLOOR),
    *(Door(DoorId(key), SITE, f"Porta {name}", ZoneId(f"room-{key}"), FLOOR) for key, name in ROOMS.items()),
)

PLANS: Final = (
    Plan("plan_flex", "Flex", PlanKind.HOT_DESK, SITE),
    Plan("plan_247", "Resident 24/7", PlanKind.FIXED, SITE),
    Plan("plan_office", "Office", PlanKind.OFFICE, SITE),
    Plan("plan_virtual", "Virtual office", PlanKind.VIRTUAL, SITE),
)
SHARES: Final = {"plan_flex": 80, "plan_247": 24, "plan_office": 40, "plan_virtual": 6}
"""How many of the 150 members are on each plan; four share each of the ten offices."""
OFFICE_SEATS: Final = 4
FACILITY: Final = 17
MEMBERS: Final = sum(SHARES.values())

FIRST_NAMES: Final = (
    *("Ana", "Berta", "Carles", "Dolors", "Eloi", "Fàtima", "Gerard", "Helena", "Iker", "Jana"),
    *("Khadija", "Laia", "Marc", "Núria", "Oriol", "Pau", "Queralt", "Roger", "Sílvia", "Teo"),
)
LAST_NAMES: Final = (
    *("Amat", "Bosch", "Casals", "Duran", "Espinosa", "Ferrer", "Giménez", "Haddad", "Ibáñez", "Jover"),
    *("Kovács", "Llull", "Martí", "Navarro", "Oliva", "Puig", "Quiroga", "Roca", "Serra", "Torres"),
)


@dataclass(frozen=True, slots=True)
class SignInAs:
    """How to sign in as one of the demo's people."""

    role: Role
    email: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Carried:
    """One credential: its kind and its canonical number, as a reader would see it."""

    kind: CredentialKind
    canonical: bytes = field(repr=False)
    id: CredentialId


@dataclass(frozen=True, slots=True)
class SeededPerson:
    """Somebody of the space with what they carry: a card with a UID, which Wiegand readers see as a number."""

    holder: HolderId
    name: str
    kind: HolderKind
    plan: str
    carried: tuple[Carried, ...]


@dataclass(frozen=True, slots=True)
class SeededSpace:
    """What the seed made, for whoever brings it to life."""

    network: NetworkId
    site: SiteId
    doors: tuple[DoorId, ...]
    people: tuple[SeededPerson, ...]
    accounts: tuple[SignInAs, ...]


def seed_space(work: Work, keyring: Keyring, passwords: Passwords, rng: Random) -> SeededSpace:
    """Tell the cloud about the whole space; `work` is a writing transaction whose scope is `NETWORK`."""
    work = replace(work, new_id=lambda prefix: f"{prefix}_{rng.getrandbits(64):016x}")
    _build(work)
    levels = _levels(work)
    people = _people(rng)
    members.welcome(work, (replace(holder, site=SITE) for holder, _ in people))
    members_store.add_contracts(work, _contracts(people, work.now.date(), rng))
    for holder, _ in people:
        if holder.kind is not HolderKind.MEMBER:
            access.link_holder(work, holder.id, levels[holder.kind])
    carried = _issue(work, people, keyring, rng)
    seeded = tuple(SeededPerson(one.id, one.name, one.kind, plan, carried[one.id]) for one, plan in people)
    return SeededSpace(NETWORK, SITE, tuple(door.id for door in DOORS), seeded, _accounts(work, passwords, seeded))


def _build(work: Work) -> None:
    places.add_network(work, "Mediterrània Coworking")
    places.add_site(work, Site(SITE, NETWORK, "Barcelona", "Europe/Madrid"))
    for zone in ZONES:
        places.add_zone(work, zone)
    for door in DOORS:
        places.add_door(work, door)
    for plan in PLANS:
        members_store.add_plan(work, plan)


def _levels(work: Work) -> dict[HolderKind, AccessLevel]:
    """Schedules, special days, and levels for plans; returns the levels of those without a contract."""
    access.add_schedule(work, NamedSchedule(FLEX, SITE, "Flex 8-20, Mon-Fri", _week(8, 20, days=5)))
    access.add_schedule(
        work, NamedSchedule(EVENING, SITE, "Cleaning 19-23", _week(19, 23, days=6), keeps_special_days=False)
    )
    access.add_schedule(work, NamedSchedule(MORNING, SITE, "Deliveries 8-13", _week(8, 13, days=5)))
    for day, name in ((date(work.now.year, 12, 25), "Nadal"), (date(work.now.year, 12, 26), "Sant Esteve")):
        access.set_special_day(work, SpecialDay(SITE, day, name, ()))
    rooms = tuple(ZoneId(f"room-{key}") for key in ROOMS)
    everywhere = (LOBBY, FLOOR, QUIET, OFFICES, *rooms)
    flex = _level(work, "lvl_flex", "Flex", FLEX, (FLOOR, QUIET, *rooms))
    resident = _level(work, "lvl_247", "Resident 24/7", ALWAYS, (FLOOR, QUIET, *rooms))
    office = _level(work, "lvl_office", "Office 24/7", ALWAYS, everywhere)
    lobby = _level(work, "lvl_lobby", "Collect post", FLEX, (LOBBY,))
    for plan, level in (("plan_flex", flex), ("plan_247", resident), ("plan_office", office), ("plan_virtual", lobby)):
        access.link_plan(work, plan, level)
    return {
        HolderKind.STAFF: _level(work, "lvl_staff", "Staff", ALWAYS, everywhere),
        HolderKind.CLEANER: _level(work, "lvl_cleaner", "Cleaning", EVENING, everywhere),
        HolderKind.SUPPLIER: _level(work, "lvl_supplier", "Deliveries", MORNING, (LOBBY,)),
        HolderKind.EMERGENCY_KEY: _level(work, "lvl_emergency", "Emergency key", ALWAYS, everywhere),
    }


def _level(work: Work, name: str, title: str, when: ScheduleId, zones: tuple[ZoneId, ...]) -> AccessLevel:
    level = AccessLevel(name, SITE, title, tuple(Target(when, zone=zone) for zone in zones))
    access.add_level(work, level)
    return level


def _week(opens: int, closes: int, *, days: int) -> tuple[Windows, ...]:
    return tuple((Window(opens * 60, closes * 60),) if day < days else () for day in range(7))


def _people(rng: Random) -> list[tuple[Holder, str]]:
    """Everybody with the name of their plan; who has no contract has no plan."""
    plans = [plan for plan, share in SHARES.items() for _ in range(share)]
    found = [
        (Holder(HolderId(f"mbr_{number:03}"), HolderKind.MEMBER, _name(rng), f"m{number:03}@example.org"), plan)
        for number, plan in enumerate(plans, start=1)
    ]
    staff = [
        (Holder(HolderId(f"stf_{n}"), HolderKind.STAFF, _name(rng), f"s{n}@example.org", essential=True), "")
        for n in (1, 2, 3)
    ]
    others = [
        (Holder(HolderId("cln_1"), HolderKind.CLEANER, _name(rng), essential=True), ""),
        (Holder(HolderId("sup_1"), HolderKind.SUPPLIER, "Missatgeria Ràpida"), ""),
        (Holder(HolderId("key_1"), HolderKind.EMERGENCY_KEY, "Emergency key, red box", essential=True), ""),
    ]
    return [*found, *staff, *others]


def _name(rng: Random) -> str:
    return f"{rng.choice(FIRST_NAMES)} {rng.choice(LAST_NAMES)}"


def _contracts(people: list[tuple[Holder, str]], today: date, rng: Random) -> list[Contract]:
    """One contract a member, and one for the four of each office."""
    offices = [holder.id for holder, plan in people if plan == "plan_office"]
    groups = [tuple(offices[start : start + OFFICE_SEATS]) for start in range(0, len(offices), OFFICE_SEATS)]
    singles = [((holder.id,), plan) for holder, plan in people if plan and plan != "plan_office"]
    return [
        Contract(
            id=ContractId(f"con_{number:03}"),
            plan=plan,
            people=persons,
            payer=persons[0],
            site=SITE,
            starts_on=today - timedelta(days=rng.randrange(30, 900)),
            paid_until=today + timedelta(days=rng.randrange(3, 31)),
        )
        for number, (persons, plan) in enumerate([*singles, *((group, "plan_office") for group in groups)], start=1)
    ]


def _issue(
    work: Work, people: list[tuple[Holder, str]], keyring: Keyring, rng: Random
) -> dict[HolderId, tuple[Carried, ...]]:
    """Two credentials a person, for readers of either kind; numbers are drawn without repetition."""
    numbers = rng.sample(range(1, 65_536), len(people))
    uids = rng.sample(range(1 << 20, 1 << 31), len(people))
    wanted = []
    for place, (holder, _) in enumerate(people):
        # NXP's seven-byte UIDs begin with 04; every third card is an old one of four bytes.
        long = b"\x04" + uids[place].to_bytes(6, "big")
        uid = uids[place].to_bytes(4, "big") if place % 3 == 0 else long
        wiegand = wiegand_canonical("H10301", FACILITY, numbers[place])
        wanted.append(NewCredential(holder.id, CredentialKind.UID, uid, f"Card {place + 1:03}", site=SITE))
        wanted.append(
            NewCredential(holder.id, CredentialKind.WIEGAND, wiegand, f"Card {place + 1:03} (Wiegand)", site=SITE)
        )
    carried: dict[HolderId, tuple[Carried, ...]] = {}
    for made, how in zip(members.issue_many(work, wanted, keyring), wanted, strict=True):
        carried[made.holder] = (*carried.get(made.holder, ()), Carried(made.kind, how.canonical, made.id))
    return carried


def _accounts(work: Work, passwords: Passwords, people: tuple[SeededPerson, ...]) -> tuple[SignInAs, ...]:
    """An operator, an admin, and the first member; passwords are random and shown once."""
    wanted = (
        (Role.OPERATOR, "operator@example.org", "Operator", Grant(Role.OPERATOR, SITE), None),
        (Role.ADMIN, "admin@example.org", "Admin", Grant(Role.ADMIN, ALL_SITES), None),
        (Role.MEMBER, "member@example.org", people[0].name, Grant(Role.MEMBER, SITE), people[0].holder),
    )
    made = []
    for role, email, name, grant, holder in wanted:
        password = secrets.token_urlsafe(12)
        open_account(work, NewAccount(email, name, password, (grant,), holder), passwords)
        made.append(SignInAs(role, email, password))
    return tuple(made)
