"""A working day in which doors say no for as many reasons as a building without passes and PINs can give.

The people of the simulated world bring the usual ones; what they do not bring is
added here: strangers' cards, a lockdown, a hard rule against passing a card
back, a floor that is full, cards reported lost, and a door that hears nothing
for longer than it may.
"""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from sqlalchemy import update

from aldaba_cloud.fleet import service as fleet
from aldaba_cloud.places import store as places
from aldaba_shared.decide import DoorMode
from aldaba_shared.ids import DoorId
from aldaba_sim.machine import Machine
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
            work.db.execute(update(places.doors).where(places.doors.c.id == "room-4").values(offline_grace_hours=1))
        self.world.cloud.keep_up()

    def _acts(self) -> None:
        call = self.world.time.call_at
        offices = [one for one in self.world.people if one.desk == "offices"]
        for turn, door in enumerate(self.world.machines):
            self._tap(8 + turn / 10, door, STRANGER)
        for turn, person in enumerate(offices[:ROOM_FOR]):
            self._tap(10 + turn / 60, "offices", person.uid)
            self._tap(10.5 + turn / 60, "offices", person.uid)
        call(at(11), lambda: self._mode(DoorMode.LOCKED_DOWN))
        call(at(11.5), lambda: self._mode(DoorMode.SECURED))
        self._tap(11.2, "workshop", offices[0].uid)
        lost = offices[1]
        call(at(12), lambda: self.world.cloud.revoke(lost.holder))
        self._tap(12.1, "street", lost.uid)
        call(at(13), self._client("c-room-4").cut_off)
        self._tap(13 + DEAF_HOURS + 1.1, "room-4", offices[2].uid)
        call(at(16), self._client("c-room-4").mend)

    def _client(self, controller: str) -> object:
        return self.world.broker.clients[controller]

    def _mode(self, mode: DoorMode) -> None:
        with self.world.cloud.work() as work:
            fleet.set_mode(work, DoorId("workshop"), mode)
        self.world.cloud.pass_on()

    def _tap(self, hour: float, door: str, uid: bytes) -> None:
        machine: Machine = self.world.machines[door]
        self.world.time.call_at(at(hour), lambda: machine.read(door, uid, entering=True))
