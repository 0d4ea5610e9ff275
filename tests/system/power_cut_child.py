"""A controller's whole life with its disk in one thread, telling what it was told is safe; its calls are written down.

It taps, spends, keeps, prunes, checkpoints, installs rules, applies a delta and
writes its identity. What it says on standard output stands in the recording
between the very calls after which it was true.
"""

import os
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_der_private_key

from aldaba_edge.clock import HandClock
from aldaba_edge.keyfile import write_identity
from aldaba_edge.ports import Use
from aldaba_edge.state import Slot
from aldaba_shared.envelope import SigningKey
from aldaba_shared.events import DoorOpened
from tests.edge.places import FRONT, ME, START, Keys, some_rows
from tests.edge.test_rules_store import Place, delta, place_in

TAPS = 12


def say(word: str, number: int) -> None:
    """One word that is true from now on, whatever happens to the power."""
    os.write(1, f"{word} {number}\n".encode())


def told(word: str) -> Callable[[int], None]:
    """The same, as a callback."""
    return lambda number: say(word, number)


def tap(place: Place, times: int) -> None:
    """Taps, one in three with a use."""
    books = place.books
    for _ in range(times):
        use = books.journal.last + 1
        spend = Use("pass", use, START + timedelta(days=900)) if use % 3 == 0 else None
        books.journal.record(DoorOpened(FRONT), then=told("line"), spend=spend)
        place.clock.settle()


def live(folder: Path, keys: Keys) -> None:
    """One run of the controller."""
    place = place_in(folder, keys, HandClock(START), synchronous="FULL")
    tap(place, TAPS)
    for version in (1, 2):
        assert place.install(some_rows(version), version) is None
        say("rules", version)
        tap(place, 2)
    assert place.apply(delta(place, some_rows(2), some_rows(3), version=3)) is None
    say("rules", 3)
    place.books.state.put(Slot.COMMAND_COUNTER, 7, then=lambda: say("counter", 7))
    place.clock.settle()
    place.clock.jump(40 * 86_400)
    assert place.books.journal.prune(6, keys.me, ME)
    place.clock.settle()
    say("pruned", 6)
    tap(place, 3)
    place.rules.tidy()
    place.books.queue.tidy()
    place.clock.settle()
    tap(place, 3)
    assert place.install(some_rows(4), 4) is None
    say("rules", 4)
    place.rules.close()
    place.books.close()
    say("closed", 1)


def write_keys(path: Path, keys: Keys) -> None:
    """Hand the keys of a test to the child."""
    listed = (keys.root, keys.cloud, keys.me, keys.peer)
    path.write_text("".join(f"{key.kid.hex()} {key.private_bytes().hex()}\n" for key in listed), "ascii")


def read_keys(path: Path) -> Keys:
    """The other end of it."""
    return Keys(*(_key(*map(bytes.fromhex, line.split())) for line in path.read_text("ascii").splitlines()))


def _key(kid: bytes, private: bytes) -> SigningKey:
    loaded = load_der_private_key(private, password=None)
    assert isinstance(loaded, ec.EllipticCurvePrivateKey)
    return SigningKey(loaded, kid)


def main() -> None:
    """Live twice; the identity is written before each life, the second time over the first one."""
    folder = Path(sys.argv[1])
    keys = read_keys(Path(sys.argv[2]))
    for number in (1, 2):
        write_identity(folder / "identity", keys.identity())
        say("identity", number)
    live(folder, keys)


if __name__ == "__main__":
    main()
