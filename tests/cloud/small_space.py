"""A small space at one site: a street door, a floor, a room in it, a paying member and a cleaner."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date

from aldaba_cloud.access import store as access
from aldaba_cloud.access.models import ALWAYS, AccessLevel, NamedSchedule, Target
from aldaba_cloud.db import Work
from aldaba_cloud.fleet.store import add_controller
from aldaba_cloud.keyring import Keyring
from aldaba_cloud.members import service as members
from aldaba_cloud.members import store as members_store
from aldaba_cloud.members.models import Contract, Holder, HolderKind, IssuedCredential, Plan, PlanKind
from aldaba_cloud.members.service import NewCredential
from aldaba_cloud.places import store as places
from aldaba_cloud.places.models import Door, Zone
from aldaba_shared.ids import ContractId, ControllerId, DoorId, HolderId, ScheduleId, SiteId, ZoneId
from aldaba_shared.keys import CredentialKind
from aldaba_shared.presence import STREET
from aldaba_shared.schedule import Window, Windows
from tests.cloud.toy_controller import ToyController

OFFICE_HOURS: tuple[Windows, ...] = tuple((Window(9 * 60, 18 * 60),) if day < 5 else () for day in range(7))


@dataclass(frozen=True)
class SmallSpace:
    """The ids of one site's things; each is prefixed with the site, so that two sites can stand side by side."""

    site: SiteId
    keyring: Keyring

    def named(self, name: str) -> str:
        return f"{self.site}-{name}"

    @property
    def ana(self) -> HolderId:
        return HolderId(self.named("ana"))

    @property
    def cleaner(self) -> HolderId:
        return HolderId(self.named("cleaner"))

    @property
    def contract(self) -> ContractId:
        return ContractId(self.named("contract"))

    @property
    def hours(self) -> ScheduleId:
        return ScheduleId(self.named("hours"))

    def door(self, name: str) -> DoorId:
        return DoorId(self.named(name))

    def zone(self, name: str) -> ZoneId:
        return ZoneId(self.named(name))

    def controller(self, door: str) -> ControllerId:
        return ControllerId(self.named(f"ctl-{door}"))

    def build(self, work: Work) -> None:
        """Places, levels, people and one controller a door."""
        for zone in (Zone(self.zone("floor"), self.site, "Floor"), self._room("room"), self._room("office")):
            places.add_zone(work, zone)
        for name, into in (("street", "floor"), ("room", "room"), ("office", "office")):
            self._add_door(work, name, into)
        access.add_schedule(work, NamedSchedule(self.hours, self.site, "Office hours", OFFICE_HOURS))
        members_store.add_plan(work, Plan(self.named("plan"), "Flex", PlanKind.HOT_DESK, self.site))
        access.link_plan(
            work, self.named("plan"), self.add_level(work, "flex", [Target(self.hours, zone=self.zone("room"))])
        )
        everywhere = [Target(ALWAYS, zone=self.zone(name)) for name in ("floor", "room", "office")]
        members.welcome(work, self._people())
        access.link_holder(work, self.cleaner, self.add_level(work, "cleaning", everywhere))
        members_store.add_contracts(work, [self.anas_contract()])

    def add_level(self, work: Work, name: str, targets: Iterable[Target]) -> AccessLevel:
        level = AccessLevel(self.named(name), self.site, name, tuple(targets))
        access.add_level(work, level)
        return level

    def anas_contract(self) -> Contract:
        return Contract(
            id=self.contract,
            plan=self.named("plan"),
            people=(self.ana,),
            starts_on=date(2026, 1, 1),
            paid_until=date(2026, 11, 30),
            site=self.site,
        )

    def give_card(self, work: Work, holder: HolderId, canonical: bytes) -> IssuedCredential:
        return members.issue(
            work, NewCredential(holder, CredentialKind.UID, canonical, "card", site=self.site), self.keyring
        )

    def _room(self, name: str) -> Zone:
        return Zone(self.zone(name), self.site, name.title(), self.zone("floor"))

    def _add_door(self, work: Work, name: str, into: str) -> None:
        controller = self.controller(name)
        out_of = STREET if name == "street" else self.zone("floor")
        places.add_door(work, Door(self.door(name), self.site, name, self.zone(into), out_of, controller))
        sealed = self.keyring.seal(controller.encode().ljust(32, b"."))
        add_controller(work, replace(ToyController(controller, self.site).record, sealed_controller_key=sealed), b"")

    def _people(self) -> list[Holder]:
        return [
            Holder(self.ana, HolderKind.MEMBER, "Ana", "ana@example.org", site=self.site),
            Holder(self.cleaner, HolderKind.CLEANER, "Clean & Co", site=self.site, essential=True),
        ]
