import queue
from datetime import timedelta
from pathlib import Path

import pytest

from aldaba_edge import housekeeping
from aldaba_edge.housekeeping import Housekeeping, by_clock, by_scheduler
from aldaba_edge.writer import InlineWriter
from aldaba_shared.decide import Side
from aldaba_shared.events import DiskBack, DiskShort, Passed
from aldaba_shared.ids import HolderId, ZoneId
from aldaba_shared.messages import Kind
from aldaba_shared.presence import STREET, Order
from tests.edge.places import FRONT, ME, START, some_rows
from tests.edge.sync_place import OPENED, Place, place_in


def started(tmp_path: Path) -> Place:
    place = place_in(tmp_path)
    place.start()
    return place


def walk(place: Place, holder: str, zone: ZoneId) -> None:
    """Somebody passes a turnstile: the line, and the movement the door takes from it."""
    sequence = place.books.journal.record(Passed(FRONT, Side.IN, HolderId(holder), zone))
    order = Order(place.clock.now(), ME, place.books.journal.id, sequence)
    place.core.presences.move(HolderId(holder), zone, order)
    place.clock.advance(1)


def test_old_lines_go_once_the_cloud_has_them_and_the_clock_gets_a_floor(tmp_path: Path) -> None:
    place = started(tmp_path)
    by_clock(Housekeeping(place.books, place.core, place.clock), place.clock)
    place.clock.advance(90)
    place.link.cut()
    for _ in range(3):
        place.books.journal.record(OPENED)
    place.clock.settle()
    acked = place.core.sync.uplink.watermark
    place.clock.jump(31 * 86_400)
    place.clock.advance(120)
    assert place.books.journal.file.lines(1, 1)[0][0] == acked + 1, "what the cloud lacks stays"
    assert place.books.state.time_floor() >= START + timedelta(days=31)
    place.stop()


def test_a_clock_set_back_never_lowers_the_floor(tmp_path: Path) -> None:
    place = started(tmp_path)
    chores = Housekeeping(place.books, place.core, place.clock)
    chores.minutely()
    floor = place.books.state.time_floor()
    place.clock.jump(-86_400)
    chores.minutely()
    assert place.books.state.time_floor() == floor
    place.stop()


@pytest.mark.parametrize("checkpoint", [True, False])
def test_presence_survives_a_power_cut_with_or_without_a_checkpoint(tmp_path: Path, checkpoint: bool) -> None:
    place = started(tmp_path)
    walk(place, "ana", ZoneId("floor"))
    walk(place, "ben", ZoneId("floor"))
    if checkpoint:
        Housekeeping(place.books, place.core, place.clock).hourly()
    walk(place, "ben", STREET)
    place.link.cut()
    before = dict(place.core.presences.stays())
    assert isinstance(place.books.writer, InlineWriter)
    place.books.writer.cut()
    place.core.rules.close()
    place.books.journal.close()
    place.start()
    assert not place.books.clean
    assert dict(place.core.presences.stays()) == before
    assert {str(holder): str(stay.zone) for holder, stay in before.items()} == {"ana": "floor", "ben": "street"}
    place.stop()


def test_the_log_of_deltas_is_brought_home_so_that_it_never_grows_for_ever(tmp_path: Path) -> None:
    place = started(tmp_path)
    place.files.rows = some_rows(1)
    place.down(Kind.HEAD, place.keys.head(some_rows(1)))
    place.clock.advance(3)
    sets = [some_rows(n) for n in range(1, 30)]
    log = tmp_path / "rules" / "1-1" / "rules.db-wal"
    sizes: list[int] = []
    for version in range(1, 29):
        place.follow(sets[version - 1], sets[version], version + 1)
        place.core.rules.tidy()
        place.clock.settle()
        sizes.append(log.stat().st_size)
    assert place.core.rules.generation == (1, 29)
    assert sizes[-1] <= max(sizes[:5]), "each delta begins the log anew"
    place.stop()


def test_apschedulers_threads_only_post(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(housekeeping, "MINUTE", 0.01)
    place = started(tmp_path)
    chores = Housekeeping(place.books, place.core, place.clock)
    posted: queue.SimpleQueue[object] = queue.SimpleQueue()
    stop = by_scheduler(chores, posted.put)
    assert posted.get(timeout=5) == chores.minutely
    stop()
    place.stop()


def test_a_spent_reserve_is_one_alarm_and_its_return_one_line(tmp_path: Path) -> None:
    place = started(tmp_path)
    chores = Housekeeping(place.books, place.core, place.clock)
    chores.minutely()
    assert place.books.reserve.spend()
    for _ in range(3):
        chores.minutely()
    place.clock.settle()
    told = [line.event for line in place.books.journal.file.events() if isinstance(line.event, DiskShort | DiskBack)]
    assert [type(one) for one in told] == [DiskShort, DiskBack]
    assert place.books.reserve.held
    place.stop()


def test_by_an_unsure_clock_nothing_is_pruned_and_no_floor_is_raised(tmp_path: Path) -> None:
    place = started(tmp_path)
    place.books.journal.record(OPENED)
    place.clock.advance(90)
    floor = place.books.state.time_floor()
    place.clock.jump(400 * 86_400)
    Housekeeping(place.books, place.core, place.clock, lambda: False).minutely()
    place.clock.settle()
    assert place.books.journal.file.start.sequence == 0, "lines of today look a year old"
    assert place.books.state.time_floor() == floor
    place.stop()
