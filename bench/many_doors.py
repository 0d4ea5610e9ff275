"""A site of 200 doors on 10 controllers, and stand-ins for the controllers that confirm what they are sent."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from threading import Lock

from paho.mqtt.client import Client, MQTTMessage

from aldaba_cloud.access import publish
from aldaba_cloud.db import Scope, Work
from aldaba_cloud.fleet.card_keys import controller_keys
from aldaba_cloud.fleet.store import add_controller
from aldaba_cloud.keyring import Keyring
from aldaba_cloud.places import store as places
from aldaba_cloud.places.models import Door
from aldaba_shared.envelope import KeyRing, unseal
from aldaba_shared.events import RulesApplied
from aldaba_shared.ids import DoorId, ZoneId
from aldaba_shared.messages import Delta, Head, Kind
from aldaba_shared.parcel import pack, unpack
from aldaba_shared.topics import address
from bench.compile_rules import CONTROLLERS, NETWORK, SITE, build
from bench.publisher import publisher
from bench.space import CloudSide
from tests.cloud.toy_controller import ToyController


class ManyDoors:
    """So many controllers with so many doors each, in the site of 15,000 members that `compile_rules` builds."""

    def __init__(self, controllers: int = 10, doors_each: int = 20) -> None:
        self.toys = {
            f"ctl_{number:03}": ToyController(f"ctl_{number:03}", SITE, NETWORK, boot=f"b{number}")
            for number in range(controllers)
        }
        self._doors_each = doors_each

    def build(self, work: Work, keyring: Keyring) -> None:
        """Everybody, and every door bound to its controller; the plan opens the first door of each."""
        build(work, keyring)
        for number, toy in enumerate(self.toys.values()):
            toy.sealed_key = keyring.seal(bytes([number]) * 32)
            add_controller(work, toy.record, b"")
            for door in range(self._doors_each):
                name = DoorId(f"{toy.id}-{door}")
                zone = ZoneId(f"z{CONTROLLERS - 1}" if door else "z0")
                places.add_door(work, Door(name, SITE, name, zone, ZoneId("z0"), toy.id))


SITE_OF_MANY = ManyDoors()


@contextmanager
def stand_ins(side: CloudSide, port: int) -> Iterator[None]:
    """Controllers that have the newest rules, check every delta and confirm it in their journals."""
    turn = Lock()
    with publisher(port) as client:

        def say(toy: ToyController, head: Head) -> None:
            with turn:
                sequence = toy.write(RulesApplied(head.epoch, head.version, head.set_hash), datetime.now(UTC))
                payload = pack({Kind.BATCH: toy.sealed(toy.batch(sequence))})
                client.publish(f"aldaba/1/{SITE}/{toy.id}/up", payload, qos=1)

        ring = KeyRing([side.keys.working.public(Kind.DELTA)])

        def heard(_client: Client, _data: object, message: MQTTMessage) -> None:
            toy = SITE_OF_MANY.toys[address(message.topic).controller]
            envelope = unpack(bytes(message.payload)).get(Kind.DELTA)
            if envelope:
                say(toy, unseal(Kind.DELTA, toy.id, envelope, ring, Delta).head)

        client.on_message = heard
        client.subscribe(f"aldaba/1/{SITE}/+/down", qos=1)
        for toy, head in _first_heads(side):
            say(toy, head)
        yield


def _first_heads(side: CloudSide) -> list[tuple[ToyController, Head]]:
    with side.database.write() as db:
        work = Work(db, Scope(NETWORK), datetime.now(UTC))
        publish.publish(work, SITE, side.keyring, controller_keys(work, side.keyring))
        found = [(toy, publish.head_now(work, toy.id)) for toy in SITE_OF_MANY.toys.values()]
    return [(toy, head) for toy, head in found if head is not None]
