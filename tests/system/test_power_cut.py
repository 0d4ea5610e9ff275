"""The power goes at every write of a controller's life; what it was told is safe is there, and the door decides.

Every call is cut once, in turn as a kill, as the loss of all that was not synced,
and as a torn disk drawn from a seed; `ALDABA_CUTS=all` (`make soak`) makes
eight disks of every cut.
"""

import os
import shutil
import sys
from collections import Counter
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path
from random import Random

import pytest

from aldaba_edge.clock import HandClock
from aldaba_edge.keyfile import read_identity
from aldaba_edge.state import Slot
from aldaba_shared.envelope import KeyRing
from aldaba_shared.events import DoorOpened, JournalOpened, MessageRefused
from aldaba_shared.messages import Kind
from tests.edge.places import FRONT, ME, START, Keys
from tests.edge.test_rules_store import place_in
from tests.system.disk_model import Call, cuts, record
from tests.system.power_cut_child import write_keys

pytestmark = pytest.mark.system
EVERYTHING = os.environ.get("ALDABA_CUTS") == "all"
SEED = int(os.environ.get("ALDABA_SEED", "1"))


@dataclass
class Told:
    """What the controller was told is safe, up to a cut."""

    said: dict[str, int] = field(default_factory=dict)

    def hear(self, call: Call) -> None:
        if call.name == "write" and call.words[0].startswith(b"pipe:"):
            for line in call.words[1].decode("ascii").splitlines():
                word, number = line.split()
                self.said[word] = int(number)

    def __getitem__(self, word: str) -> int:
        return self.said.get(word, 0)


@dataclass
class Life:
    """A recorded life: its calls, its folder, its keys."""

    calls: list[Call]
    root: Path
    keys: Keys


@pytest.fixture(name="life", scope="module")
def _life(tmp_path_factory: pytest.TempPathFactory) -> Life:
    base = tmp_path_factory.mktemp("life")
    keys = Keys()
    write_keys(base / "keys", keys)
    root = base / "data"
    root.mkdir()
    child = [sys.executable, "-m", "tests.system.power_cut_child", str(root), str(base / "keys")]
    return Life(record(child, base / "trace"), root, keys)


def check(folder: Path, told: Told, keys: Keys) -> Counter[str]:
    """Start on what a cut left, and demand everything that was promised; answers what was seen."""
    seen: Counter[str] = Counter()
    if told["identity"]:
        assert read_identity(folder / "identity").answer.controller == ME
    place = place_in(folder, keys, HandClock(START))
    books = place.books
    assert not list(folder.glob("*.broken-*")), "nothing that a cut can do looks like damage"
    books.journal.record(DoorOpened(FRONT))
    place.clock.settle()
    counts = books.journal.file.verify(KeyRing([keys.me.public(Kind.CHECKPOINT)]), ME)
    assert counts.total() == books.journal.durable.sequence, "no hole, and the chain holds"
    assert books.journal.durable.sequence > told["line"], "every line somebody was told of is there"
    taps = [line.sequence for line in books.journal.file.events() if isinstance(line.event, DoorOpened)]
    spent = max((one for one in taps if one % 3 == 0 and one < books.journal.last), default=0)
    assert books.uses.own("pass") >= min(spent, told["line"] // 3 * 3), "a use is on the disk before its tap"
    assert (books.state.get(Slot.COMMAND_COUNTER, int) or 0) >= told["counter"]
    assert place.rules.generation >= (1, told["rules"]) or not told["rules"]
    if told["rules"]:
        assert place.rules.verified
        assert place.knows(0)
    assert not [one for one in place.told if isinstance(one, MessageRefused)]
    opened = [line.event for line in books.journal.file.events() if isinstance(line.event, JournalOpened)]
    seen["pruned"] += not opened
    seen["rules in force"] += place.rules.verified
    seen["nothing yet"] += books.journal.last <= 2
    place.rules.close()
    books.close()
    return seen


def test_a_cut_at_any_call_loses_nothing_that_was_promised(life: Life, tmp_path: Path) -> None:
    dice, told, seen = Random(SEED), Told(), Counter[str]()
    turns = cycle(("synced", "killed", "torn", "synced", "torn"))
    target = tmp_path / "after"
    for number, disk, call in cuts(life.calls, life.root):
        told.hear(call)
        for way in ("killed", "synced", *["torn"] * 6) if EVERYTHING else (next(turns),):
            target.mkdir()
            if way == "torn":
                disk.torn(target, dice)
            else:
                getattr(disk, way)(target)
            try:
                seen += check(target, told, life.keys)
            except Exception as error:
                error.add_note(f"{way} after call {number}, {call.name} {call.words[0]!r}; told {told.said}")
                raise
            seen[way] += 1
            shutil.rmtree(target)
    assert told.said == {"line": told["line"], "identity": 2, "rules": 4, "counter": 7, "pruned": 6, "closed": 1}
    assert min(seen["killed"], seen["synced"], seen["torn"]) > 80
    assert seen["pruned"] > 10
    assert seen["nothing yet"] > 10
    assert seen["rules in force"] > 100
