"""A small space with everything a page can show: places, people, plans, cards, controllers, and what happened."""

from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta

from msgspec.structs import replace as changed

from aldaba_cloud.access import store as access
from aldaba_cloud.access.models import AccessLevel, NamedSchedule, Target
from aldaba_cloud.access.publish import publish
from aldaba_cloud.access.restored import hold_everything
from aldaba_cloud.auth.models import Grant, Role
from aldaba_cloud.auth.service import NewAccount, Passwords, open_account
from aldaba_cloud.config import Config
from aldaba_cloud.db import ALL_SITES, Database, Scope, Work
from aldaba_cloud.fleet.ingest import take_batch
from aldaba_cloud.fleet.models import ControllerKeys
from aldaba_cloud.fleet.store import add_controller, save_confirmed, save_contact
from aldaba_cloud.keyring import Keyring
from aldaba_cloud.members import service as members
from aldaba_cloud.members import store as members_store
from aldaba_cloud.members.models import Contract, Holder, HolderKind, Plan, PlanKind
from aldaba_cloud.members.service import NewCredential
from aldaba_cloud.occupancy.service import PresenceBooks
from aldaba_cloud.places import store as places
from aldaba_cloud.places.models import Door, Zone
from aldaba_shared.decide import Decision, DoorNow, PresenceNow, Presented, Side, decide
from aldaba_shared.events import AccessDecided, AnyEvent
from aldaba_shared.ids import ContractId, ControllerId, CredentialId, DoorId, HolderId, RightId, ScheduleId, ZoneId
from aldaba_shared.keys import CredentialKind
from aldaba_shared.presence import STREET
from aldaba_shared.reasons import Reason
from aldaba_shared.rules import Credential, Facts, Right
from aldaba_shared.schedule import Window, weekly
from tests.cloud.conftest import BARCELONA, NETWORK, PASSWORD
from tests.cloud.toy_controller import ToyController

ZONE = "Europe/Madrid"
HOUSE, OPEN, OFFICES, LLOTJA, TERRACE = (ZoneId(one) for one in ("house", "open", "offices", "llotja", "terrace"))
OFFICE_HOURS = ScheduleId("office-hours")
WEEK = tuple((Window(9 * 60, 18 * 60),) if day < 5 else () for day in range(7))
ZONES = (
    (HOUSE, "Edifici Aldaba", None, 120, False),
    (OPEN, "Sala oberta", HOUSE, 40, True),
    (OFFICES, "Despatxos", HOUSE, 60, False),
    (LLOTJA, "Sala Llotja", HOUSE, 8, False),
    (TERRACE, "Terrassa", HOUSE, 12, True),
)
DOORS = (
    ("street", "Porta del carrer", HOUSE, STREET),
    ("lane", "Torn d'entrada", OPEN, HOUSE),
    ("offices", "Despatxos", OFFICES, HOUSE),
    ("llotja", "Sala Llotja", LLOTJA, HOUSE),
    ("terrace", "Terrassa", TERRACE, HOUSE),
)
NAMES = (
    "Ana Ferrer", "Jordi Vila", "Lucía Martín", "Omar Haddad", "Sophie Laurent", "Pau Serra",
    "Irene Gómez", "Tom Becker", "Núria Camps", "Marc Ribas", "Elena Ortiz", "Yuki Tanaka",
)  # fmt: skip


@dataclass
class Space:
    """The space and the hands that move it."""

    database: Database
    config: Config
    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    controllers: dict[str, ToyController] = field(default_factory=dict)
    holders: dict[str, HolderId] = field(default_factory=dict)
    cards: dict[str, CredentialId] = field(default_factory=dict)

    def build(self) -> "Space":
        """Fill the database: places, controllers, people, rules."""
        with self.database.write() as db:
            work = Work(db, Scope(NETWORK), self.now)
            self._places(work)
            self._levels(work)
            self._people(work)
            self._publish(work)
        return self

    def copied(self, database: Database, config: Config) -> "Space":
        """The same space, in a copy of its database and its keys."""
        controllers = {door: one.twin() for door, one in self.controllers.items()}
        return replace(self, database=database, config=config, controllers=controllers)

    def _places(self, work: Work) -> None:
        for zone, name, parent, limit, counted in ZONES:
            places.add_zone(work, Zone(zone, BARCELONA, name, parent, limit, counted=counted))
        for door, name, into, out_of in DOORS:
            controller = ToyController(f"ctl-{door}")
            self.controllers[door] = controller
            record = controller.record
            sealed = Keyring(self.config.key_dir).seal(bytes(32))
            values = {name: getattr(record, name) for name in record.__slots__} | {"sealed_controller_key": sealed}
            add_controller(work, type(record)(**values), b"")
            save_contact(work, controller.id)
            way_out = door in {"lane", "terrace"}
            places.add_door(
                work, Door(DoorId(door), BARCELONA, name, into, out_of, controller.id, way_out_read=way_out)
            )

    def _levels(self, work: Work) -> None:
        access.add_schedule(work, NamedSchedule(OFFICE_HOURS, BARCELONA, "Horari d'oficina", WEEK))
        level = AccessLevel("lvl-desk", BARCELONA, "Taules flexibles", (Target(OFFICE_HOURS, zone=OPEN),))
        room = AccessLevel("lvl-room", BARCELONA, "Sales", (Target(OFFICE_HOURS, door=DoorId("llotja")),))
        for one in (level, room):
            access.add_level(work, one)
        members_store.add_plan(work, Plan("plan-hot", "Hot desk", PlanKind.HOT_DESK))
        access.link_plan(work, "plan-hot", level)
        access.link_plan(work, "plan-hot", room)

    def _people(self, work: Work) -> None:
        people = []
        for number, name in enumerate(NAMES):
            holder = HolderId(f"hol_{number:02}")
            self.holders[name] = holder
            mail = f"{name.split()[0].lower()}@example.org"
            people.append(Holder(holder, HolderKind.MEMBER, name, mail))
        members.welcome(work, people)
        today = self.now.date()
        members_store.add_contracts(
            work,
            [
                Contract(
                    ContractId(f"con_{one.id}"), "plan-hot", (one.id,), date(2026, 1, 1),
                    paid_until=today + timedelta(days=20), payer=one.id,
                )
                for one in people
            ],
        )  # fmt: skip
        keyring = Keyring(self.config.key_dir)
        wanted = [
            NewCredential(one.id, CredentialKind.UID, number.to_bytes(7, "big"), f"Targeta {number + 101}")
            for number, one in enumerate(people)
        ]
        for one in members.issue_many(work, wanted, keyring):
            self.cards[one.holder] = one.id

    def _publish(self, work: Work) -> None:
        keys = {one.id: ControllerKeys(one.id, bytes(32), (bytes(32),)) for one in self.controllers.values()}
        for made in publish(work, BARCELONA, Keyring(self.config.key_dir), keys):
            one = made.generation
            save_confirmed(work, one.controller, (one.epoch, one.version), one.set_hash)

    def account(self, email: str, role: Role, name: str, holder: HolderId | None = None, locale: str = "es") -> None:
        """Let somebody sign in."""
        with self.database.write() as db:
            work = Work(db, Scope(NETWORK), self.now)
            wanted = NewAccount(email, name, PASSWORD, (Grant(role, ALL_SITES),), holder, locale)
            open_account(work, wanted, Passwords(self.config))

    def happen(
        self, door: str, event: AnyEvent, at: datetime | None = None, *, received: datetime | None = None
    ) -> None:
        """Something happens at a door and its controller says so to the cloud."""
        controller = self.controllers[door]
        moment = at or datetime.now(UTC)
        sequence = controller.write(event, moment)
        with self.database.write() as db:
            work = Work(db, Scope(NETWORK), received or datetime.now(UTC))
            take_batch(work, controller.record, controller.batch(sequence), PresenceBooks())

    def confirm(self, controller: ControllerId, epoch: int, version: int) -> None:
        """A controller says that it follows a rule set."""
        with self.database.write() as db:
            work = Work(db, Scope(NETWORK), datetime.now(UTC))
            save_contact(work, controller)
            save_confirmed(work, controller, (epoch, version), b"")

    def tap(
        self,
        name: str,
        door: str,
        at: datetime | None = None,
        *,
        side: Side = Side.IN,
        received: datetime | None = None,
    ) -> AccessDecided:
        """A card is shown, and the door's own decision goes into the books."""
        moment = at or datetime.now(UTC)
        shown = Presented(DoorId(door), side, CredentialKind.UID, moment)
        facts = self._facts(name, moment)
        here = DoorNow(rules_issued_at=moment)
        decision: Decision = decide(shown, facts, PresenceNow(), here)
        into = next(one[2] for one in DOORS if one[0] == door) if side is Side.IN else HOUSE
        event = AccessDecided(
            shown, facts, PresenceNow(), here, decision, into if decision.granted else None, released=decision.granted
        )
        self.happen(door, event, moment, received=received)
        return event

    def refuse(self, name: str, door: str) -> None:
        """A card that is switched off is shown; this copy of the books knows nothing of that."""
        event = self.tap(name, door)
        card = event.facts.credential
        assert card is not None
        off = changed(event.facts, credential=changed(card, enabled=False))
        said = Decision(Reason.CREDENTIAL_DISABLED, card.holder)
        self.happen(door, changed(event, facts=off, decision=said, into=None, released=False))

    def restore(self) -> None:
        """The books are from a copy that was just put back."""
        with self.database.write() as db:
            hold_everything(Work(db, Scope(NETWORK), self.now))

    def published(self) -> list[tuple[ControllerId, tuple[int, int]]]:
        """Every controller and the newest rules made for it."""
        with self.database.read() as db:
            made = access.newest_generations(Work(db, Scope(NETWORK), self.now))
            return [(one.controller, (one.epoch, one.version)) for one in made]

    def _facts(self, name: str, at: datetime) -> Facts:
        holder = self.holders.get(name)
        if holder is None:
            return Facts()
        hours = weekly(ZONE, {day: [Window(0, 1440)] for day in range(7)})
        if name == "Tom Becker":
            hours = weekly(ZONE, {})
        right = Right(RightId("r"), hours, at - timedelta(days=90), contract=ContractId("c"))
        return Facts(Credential(self.cards[holder], holder, CredentialKind.UID), (right,))
