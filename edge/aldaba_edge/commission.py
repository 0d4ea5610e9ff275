"""Walks an installer round a controller, part by part, and writes down what each part really did.

A configuration that `check` likes may still be wired wrong: a relay of the
other polarity, a contact that says open when it is shut, a break-glass that
cuts nothing. So every part is made to act, and either the program sees it or
the installer says what happened. A lock held by power is not commissioned until
its fire relay and its emergency release were pressed and freed the door.

It drives the devices itself, so the daemon must be stopped.
"""

import queue
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, Protocol

from aldaba_edge import config as told
from aldaba_edge.doctor import Finding
from aldaba_edge.drivers.registry import Registry
from aldaba_edge.lock_feedback import SETTLE_SECONDS
from aldaba_edge.ports import CardRefused, CardSeen, Contact, Digest, Lock, PassSeen, ReaderLost, Reading
from aldaba_profiles.catalog import Catalog, LockProfile, Safeguard
from aldaba_shared.errors import AldabaError

RELEASE_SECONDS: Final = 1.0
INPUTS: Final = {
    "contact": ("Open the leaf of {door}.", "Shut the leaf of {door}."),
    "exit_button": ("Press the exit button of {door} and hold it.", "Let the exit button of {door} go."),
    "tamper": ("Open the box of {door}.", "Shut the box of {door}."),
    "fire": ("Have the fire panel say fire to {door}.", "Have the fire panel say to {door} that all is well."),
    "mains_lost": (
        "Switch the mains of the supply of {door} off.",
        "Switch them on again at {door}.",
    ),
    "battery_low": ("Bridge the low battery output at the supply of {door}.", "Take the bridge at {door} away."),
    "others_relay": ("Have the other system release {door}.", "Wait until the other system holds {door} again."),
    "passage_in": ("Turn the arm of {door} inward, and hold it half way.", "Let the arm of {door} turn on."),
    "passage_out": ("Turn the arm of {door} outward, and hold it half way.", "Let the arm of {door} turn on."),
}
"""What makes each input change, and change back; the lock's own feedback is worked by the lock."""
PRESS: Final = {
    Safeguard.EMERGENCY_RELEASE: "Press the emergency release of {door}, with the lock holding. Does the door let go?",
    Safeguard.FIRE_RELAY: "Have the fire panel open its relay at {door}. Does the door let go?",
}


class Installer(Protocol):
    """The person beside the door; `name` is the question's own, the same at every visit."""

    def answers(self, name: str, question: str) -> bool:
        """Yes or no."""

    def does(self, name: str, task: str) -> None:
        """Is told what to do now; the program watches for it."""


@dataclass(frozen=True, slots=True)
class Walk:
    """What a visit needs: the devices, the person, and how long the person may take for each task."""

    registry: Registry
    catalog: Catalog
    digest: Digest
    installer: Installer
    patience_seconds: float
    locks: Callable[[told.Door], list[tuple[str, Lock]]]
    """Opens the locks of a door, by name, each already secured."""

    def door(self, door: told.Door) -> Iterator[Finding]:
        """Every part of one door, in the order in which a mistake does least harm."""
        yield from self.locks_of(door)
        for one in door.readers:
            yield self._reader(door, one)
        for name, act in INPUTS.items():
            device = getattr(door, name)
            if device is not None:
                yield self._input(door, name, act, device)

    # Locks --------------------------------------------------------------------------------------------------------

    def locks_of(self, door: told.Door) -> Iterator[Finding]:
        """The relays' polarity, and for a lock held by power what frees it without us."""
        try:
            opened = self.locks(door)
        except Exception as error:  # noqa: BLE001 - a board that is not there is a finding, whatever it raises
            yield Finding(f"door {door.id}, lock", well=False, told=_why(error))
            return
        try:
            for name, lock in opened:
                yield self._polarity(door, name, lock)
            if door.lock_feedback is not None:
                yield self._feedback(door, door.lock_feedback, opened[0][1])
            yield from self._safeguards(door)
        finally:
            for _, lock in opened:
                lock.close()

    def _polarity(self, door: told.Door, name: str, lock: Lock) -> Finding:
        """Release for a second and let a person say what it did: the polarity, proved by ear and hand."""
        what, where = f"door {door.id}, {name}", f"{door.id} {name}"
        holds = self.installer.answers(f"{where} holds", f"Is {door.id} shut and held now ({name})?")
        lock.release()
        time.sleep(RELEASE_SECONDS)
        clicked = self.installer.answers(f"{where} clicks", f"Did the relay of {door.id} click just now ({name})?")
        frees = self.installer.answers(f"{where} frees", f"Does {door.id} let through now ({name})?")
        lock.secure()
        if holds and clicked and frees:
            return Finding(what, well=True, told="it holds at rest, clicks, and lets through when told")
        if not clicked:
            return Finding(what, well=False, told="nothing clicked: look at pin, board and its supply")
        remedy = "turn relay.contact (NO or NC) or board.active_low round, and test again"
        return Finding(what, well=False, told=f"it clicks and does not do what it should: {remedy}")

    def _feedback(self, door: told.Door, device: told.Device, lock: Lock) -> Finding:
        """What the lock says of itself must follow what it is told, both ways, in the time the door will give it."""
        what = f"door {door.id}, lock feedback"

        def follows(contact: Contact, changes: "queue.SimpleQueue[bool]") -> Finding:
            if contact.active and not _changed(changes, wanted=False, seconds=SETTLE_SECONDS):
                remedy = "wire it the other way, or turn active_when_closed round"
                return Finding(what, well=False, told=f"it says released while the lock holds: {remedy}")
            for drive, wanted in ((lock.release, True), (lock.secure, False)):
                drive()
                if not _changed(changes, wanted=wanted, seconds=SETTLE_SECONDS):
                    never = f"it never said {'released' if wanted else 'secured'}: look at its cable and the relay"
                    return Finding(what, well=False, told=never)
            return Finding(what, well=True, told="it follows the lock, both ways")

        try:
            return self._watched(what, device, follows)
        finally:
            lock.secure()

    def _safeguards(self, door: told.Door) -> Iterator[Finding]:
        lock = self.catalog.profiles["lock"].get(door.lock.profile)
        required = set(lock.requires) if isinstance(lock, LockProfile) else set()
        required |= {Safeguard.EMERGENCY_RELEASE} if door.lock.fail_safe else set()
        for one in sorted(required):
            frees = self.installer.answers(f"{door.id} {one}", PRESS[one].format(door=door.id))
            holds = frees and self.installer.answers(
                f"{door.id} {one} reset", f"Put it back. Does {door.id} hold again?"
            )
            what = f"door {door.id}, {one.replace('_', ' ')}"
            if frees and holds:
                yield Finding(what, well=True, told="it frees the door without us, and the door holds again after it")
            else:
                failed = "the door does not hold again after it" if frees else "it does not free the door"
                yield Finding(what, well=False, told=f"{failed}: the door must not be used until it does")

    # Readers and inputs -------------------------------------------------------------------------------------------

    def _reader(self, door: told.Door, one: told.SidedDevice) -> Finding:
        what = f"door {door.id}, reader {one.side}"
        readings: queue.SimpleQueue[Reading] = queue.SimpleQueue()
        try:
            reader = self.registry.reader(one.profile, one.options, self.digest)
            reader.open(readings.put)
        except Exception as error:  # noqa: BLE001 - as above
            return Finding(what, well=False, told=_why(error))
        try:
            task = f"Hold a card or a code to the reader {one.side} of {door.id}."
            self.installer.does(f"{door.id} reader {one.side}", task)
            return self._read(what, readings)
        finally:
            reader.close()

    def _read(self, what: str, readings: "queue.SimpleQueue[Reading]") -> Finding:
        """Wait for a credential; whose it is matters to nobody here."""
        until, trouble = time.monotonic() + self.patience_seconds, "nothing was read: look at its cable and supply"
        while (left := until - time.monotonic()) > 0:
            try:
                reading = readings.get(timeout=left)
            except queue.Empty:
                break
            if isinstance(reading, CardSeen):
                return Finding(what, well=True, told=f"it read a credential of kind {reading.kind}")
            if isinstance(reading, PassSeen | CardRefused):
                return Finding(what, well=True, told="it read something, whose worth is not asked here")
            trouble = f"it does not answer ({reading.why})" if isinstance(reading, ReaderLost) else trouble
        return Finding(what, well=False, told=trouble)

    def _input(self, door: told.Door, name: str, act: tuple[str, str], device: told.Device) -> Finding:
        """An input must change when it is worked, and change back."""
        what = f"door {door.id}, {name.replace('_', ' ')}"

        def worked(contact: Contact, changes: "queue.SimpleQueue[bool]") -> Finding:
            if contact.active:
                remedy = "wire it the other way, or turn active_when_closed round"
                return Finding(what, well=False, told=f"it says at rest what it should say when worked: {remedy}")
            for task, wanted in zip(act, (True, False), strict=True):
                self.installer.does(f"{door.id} {name} {'on' if wanted else 'off'}", task.format(door=door.id))
                if not _changed(changes, wanted=wanted, seconds=self.patience_seconds):
                    return Finding(what, well=False, told=f"nothing changed after: {task.format(door=door.id)}")
            return Finding(what, well=True, told="it changes when worked, and back")

        return self._watched(what, device, worked)

    def _watched(
        self, what: str, device: told.Device, look: Callable[[Contact, "queue.SimpleQueue[bool]"], Finding]
    ) -> Finding:
        """What `look` finds of an input and its changes, while it is open."""
        changes: queue.SimpleQueue[bool] = queue.SimpleQueue()
        try:
            contact = self.registry.contact(device.profile, device.options)
            contact.open(changes.put)
        except Exception as error:  # noqa: BLE001 - as above
            return Finding(what, well=False, told=_why(error))
        try:
            return look(contact, changes)
        finally:
            contact.close()


def _changed(changes: "queue.SimpleQueue[bool]", *, wanted: bool, seconds: float) -> bool:
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        try:
            if changes.get(timeout=left) is wanted:
                return True
        except queue.Empty:
            break
    return False


def _why(error: Exception) -> str:
    return str(error) if isinstance(error, AldabaError) else f"it cannot be opened ({type(error).__name__}: {error})"
