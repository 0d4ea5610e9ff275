"""A working day in which doors say no for as many reasons as a building without passes and PINs can give.

The people of the simulated world bring the usual ones; what they do not bring is
added here: strangers' cards, a lockdown, a hard rule against passing a card
back, a floor that is full, cards reported lost, and a door that hears nothing
for longer than it may.
"""

from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Final

from sqlalchemy import update

from aldaba_cloud.members import service as members
from aldaba_cloud.members.models import Standing
from aldaba_cloud.places import store as places
from aldaba_shared.decide import DoorMode
from aldaba_sim.people import Person
from aldaba_sim.seeding import contract_id
from aldaba_sim.story import FIRST_DAY, tell
from aldaba_sim.world import World

STRANGER: Final = bytes.fromhex("deadbeef")
ROOM_FOR: Final = 8
DEAF_HOURS: Final = 1


def at(hour: float) -> datetime:
    return FIRST_DAY + timedelta(hours=hour)


class DeniedDay:
    """One lived day. Judged by its explanations alone: its rules are stricter than the oracle knows."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.world = World(tell(2, 1, every=2).without_faults(), folder)
        self._rules()
        self._acts()
        self.world.run()

    def _rules(self) -> None:
        with self.world.cloud.work() as work:
            hard = {"passback": "hard", "safety_limit": ROOM_FOR}
            work.db.execute(update(places.zones).where(places.zones.c.id == "offices").values(hard))
        self.world.cloud.keep_up()
        self.world.machines["room-4"].offline_grace_hours = DEAF_HOURS

    def _one(self, plan: str) -> Person:
        return next(one for one in self.world.people if one.plan == plan)

    def _acts(self) -> None:
        call = self.world.time.call_at
        offices = [one for one in self.world.people if one.desk == "offices"]
        for turn, door in enumerate(self.world.machines):
            self._tap(8 + turn / 10, door, STRANGER)
        for turn, person in enumerate(offices[:ROOM_FOR]):
            self._tap(10 + turn / 60, "offices", person.uid)
            self._tap(10.5 + turn / 60, "offices", person.uid)
        call(at(11), lambda: self.world.cloud.set_mode("workshop", DoorMode.LOCKED_DOWN))
        call(at(11.5), lambda: self.world.cloud.set_mode("workshop", DoorMode.LOCKED))
        self._tap(11.2, "workshop", offices[0].uid)
        call(at(11.6), self._block_a_debtor)
        self._tap(11.7, "lane", self._one("hot_desk").uid)
        self._tap(11.8, "workshop", self._one("resident").uid)
        self._tap(11.9, "offices", self._one("resident").uid)
        lost = offices[1]
        call(at(12), lambda: self.world.cloud.revoke(lost.holder))
        self._tap(12.1, "street", lost.uid)
        call(at(13), partial(self._cable, cut=True))
        self._tap(13 + DEAF_HOURS + 1.1, "room-4", offices[2].uid)
        call(at(16), partial(self._cable, cut=False))

    def _block_a_debtor(self) -> None:
        """Late in the morning, because the day's own story may have taken a payment before."""
        with self.world.cloud.work() as work:
            members.change_standing(work, contract_id(self._one("hot_desk").holder), Standing.BLOCKED)
        self.world.cloud.keep_up()

    def _cable(self, *, cut: bool) -> None:
        room = self.world.broker.clients["c-room-4"]
        (room.cut_off if cut else room.mend)()

    def _tap(self, hour: float, door: str, uid: bytes) -> None:
        machine = self.world.machines[door]
        self.world.time.call_at(at(hour), lambda: machine.read(door, uid, entering=True))
