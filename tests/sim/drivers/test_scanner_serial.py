import contextlib
import queue
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from aldaba_edge.drivers.options import ScannerFamily, ScannerOptions
from aldaba_edge.drivers.scanner_serial import ScannerReader
from aldaba_edge.ports import PassSeen, ReaderBack, ReaderLost, Unreadable
from aldaba_sim.scanner import Scanner
from tests.edge.readings import PostBox

Start = Callable[[ScannerFamily, Scanner], PostBox]


@pytest.fixture
def scanner(tmp_path: Path) -> Iterator[Scanner]:
    simulated = Scanner(tmp_path / "scanner")
    yield simulated
    simulated.close()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    opened: list[ScannerReader] = []

    def open_one(family: ScannerFamily, scanner: Scanner) -> PostBox:
        path = str(tmp_path / "scanner")
        reader = ScannerReader(ScannerOptions(path=path, family=family, quiet_ms=20, probe_ms=50, retry_ms=10))
        opened.append(reader)
        box = PostBox()
        reader.open(box)
        for _ in range(50):  # what is shown before the line is open is lost, as in life
            scanner.show(b"FIRST")
            with contextlib.suppress(queue.Empty):
                assert box.next(0.1) == PassSeen(b"FIRST")
                break
        return box

    yield open_one
    for reader in opened:
        reader.close()


def test_a_code_is_seen_once_however_often_it_is_read(scanner: Scanner, start: Start) -> None:
    posted = start(ScannerFamily.GM65, scanner)
    for code in (b"ANA", b"ANA", b"ANA", b"BEA"):
        scanner.show(code)
    assert [posted.next(), posted.next()] == [PassSeen(b"ANA"), PassSeen(b"BEA")]


def test_a_plain_scanner_without_terminator_is_read_by_silence(tmp_path: Path, start: Start) -> None:
    plain = Scanner(tmp_path / "scanner", answers=False, terminator=b"")
    posted = start(ScannerFamily.PLAIN, plain)
    plain.show(b"ANA")
    assert posted.next() == PassSeen(b"ANA")
    plain.close()


def test_a_pulled_cable_is_said_once_and_reading_goes_on(scanner: Scanner, start: Start) -> None:
    posted = start(ScannerFamily.GM65, scanner)
    scanner.unplug()
    assert posted.next() == ReaderLost("device_gone")
    scanner.plug()
    assert posted.next() == ReaderBack()
    scanner.show(b"ANA")
    assert posted.next() == PassSeen(b"ANA")


def test_a_module_that_acknowledges_no_more_is_lost(
    scanner: Scanner, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aldaba_edge.drivers.scanner_serial.ACK_SECONDS", 0.05)
    posted = start(ScannerFamily.GM65, scanner)
    scanner.silent = True
    assert posted.next() == ReaderLost("scanner_no_ack")
    scanner.silent = False
    assert posted.next() == ReaderBack()


def test_an_endless_code_is_unreadable(scanner: Scanner, start: Start) -> None:
    posted = start(ScannerFamily.GM65, scanner)
    scanner.garble(b"A" * 5000)
    assert posted.next() == Unreadable("scan_too_long")


@pytest.mark.parametrize(
    ("keeps", "ends_at"),
    [
        pytest.param(False, 115_200, id="a new module is brought to speed"),
        pytest.param(True, 9_600, id="one that cannot goes on as it left the factory"),
    ],
)
def test_a_module_from_the_factory_reads_at_the_best_speed_it_can(tmp_path: Path, keeps: bool, ends_at: int) -> None:
    scanner = Scanner(tmp_path / "scanner", baud=9_600, keeps=keeps)
    told = ScannerOptions(path=str(tmp_path / "scanner"), family=ScannerFamily.GM65, baud=115_200, quiet_ms=20)
    reader, box = ScannerReader(told), PostBox()
    reader.open(box)
    for _ in range(60):
        scanner.show(b"PASS")
        with contextlib.suppress(queue.Empty):
            assert box.next(0.1) == PassSeen(b"PASS")
            break
    assert scanner.baud == ends_at
    scanner.garble(b"OTHER\r")
    assert box.next() == PassSeen(b"OTHER")
    reader.close()
    scanner.close()
