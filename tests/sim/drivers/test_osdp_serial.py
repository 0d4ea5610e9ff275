import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from aldaba_edge.codecs.wiegand import FORMATS, CardNumber, build_bits
from aldaba_edge.drivers.options import OsdpOptions
from aldaba_edge.drivers.osdp_bus import OsdpBus
from aldaba_edge.drivers.osdp_serial import OsdpReader
from aldaba_edge.ports import CardSeen, KeyPressed, PinTyped, ReaderBack, ReaderLost, ReaderTampered, Signal
from aldaba_shared.keys import CredentialKind, wiegand_canonical
from aldaba_sim.osdp_pd import OsdpLine, OsdpPd
from tests.edge.readings import PostBox, plain_digest, seen

ENTRY, EXIT = 3, 7
KEYS = {ENTRY: bytes(range(16)), EXIT: bytes(range(16, 32))}
CARD = CardNumber("H10301", 12, 3456)
BITS = build_bits(CARD, FORMATS["H10301"])
PACKED = int(BITS.ljust(32, "0"), 2).to_bytes(4)
SEEN = seen(CredentialKind.WIEGAND, wiegand_canonical("H10301", 12, 3456))


class Bench:
    """A line with two readers of libosdp's own, and our driver of each."""

    def __init__(self, folder: Path) -> None:
        self.line = OsdpLine(folder / "bus", *(OsdpPd(address, key) for address, key in KEYS.items()))
        bus = OsdpBus(str(folder / "bus"), 115_200, 0.02)
        self.posted = {address: PostBox() for address in KEYS}
        self.readers = {address: OsdpReader(self._options(folder, address), plain_digest, bus) for address in KEYS}
        for address, reader in self.readers.items():
            reader.open(self.posted[address])

    def tap_until_read(self, address: int) -> None:
        """Cards held before the channel is secured are forgotten by nobody: the first one is told when it is up."""
        self.line.tap(address, PACKED, 26)
        assert self.posted[address].next() == SEEN

    def close(self) -> None:
        for reader in self.readers.values():
            reader.close()
        self.line.close()

    def _options(self, folder: Path, address: int) -> OsdpOptions:
        key = folder / f"{address}.key"
        key.write_text(KEYS[address].hex())
        key.chmod(0o600)
        return OsdpOptions(
            path=str(folder / "bus"),
            address=address,
            key_file=str(key),
            baud=115_200,
            formats=("H10301",),
            retry_ms=20,
        )


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.close()


@pytest.mark.system
def test_a_dead_reader_is_said_and_never_holds_up_the_other(bench: Bench) -> None:
    bench.tap_until_read(ENTRY)
    bench.tap_until_read(EXIT)
    bench.line.kill(EXIT)
    assert bench.posted[EXIT].next() == ReaderLost("osdp_silent")
    for _ in range(3):
        began = time.monotonic()
        bench.tap_until_read(ENTRY)
        assert time.monotonic() - began < 1.0
    bench.line.replace(OsdpPd(EXIT, KEYS[EXIT]))
    assert bench.posted[EXIT].next() == ReaderBack()
    bench.tap_until_read(EXIT)
    assert list(bench.posted[ENTRY].rest()) == []


@pytest.mark.system
def test_a_reader_with_another_key_opens_nothing_and_is_an_alarm(bench: Bench) -> None:
    bench.tap_until_read(EXIT)
    impostor = OsdpPd(EXIT, None)
    impostor.tap(PACKED, 26)
    bench.line.replace(impostor)
    news = [bench.posted[EXIT].next(), bench.posted[EXIT].next()]
    assert news == [ReaderLost("osdp_channel_lost"), ReaderTampered("osdp_not_secure")]
    assert list(bench.posted[EXIT].rest()) == []
    bench.tap_until_read(ENTRY)


def test_keys_tamper_and_a_lost_supply_come_through(bench: Bench) -> None:
    bench.line.press(ENTRY, b"12\x7f4711\x0d")
    assert [bench.posted[ENTRY].next() for _ in range(8)] == [KeyPressed()] * 8
    assert bench.posted[ENTRY].next() == PinTyped(plain_digest(CredentialKind.PIN, b"4711"))
    bench.line.status(ENTRY, tamper=True)
    assert bench.posted[ENTRY].next() == ReaderTampered("osdp_tamper")
    bench.line.status(ENTRY, tamper=True, power_lost=True)
    assert bench.posted[ENTRY].next() == ReaderTampered("osdp_power")


@pytest.mark.system
def test_a_pulled_adapter_loses_every_reader_and_all_come_back(bench: Bench) -> None:
    bench.tap_until_read(ENTRY)
    bench.tap_until_read(EXIT)
    bench.line.unplug()
    assert {type(box.next()) for box in bench.posted.values()} == {ReaderLost}
    bench.line.plug()
    assert [box.next() for box in bench.posted.values()] == [ReaderBack(), ReaderBack()]
    bench.line.tap(ENTRY, bytes.fromhex("04536b4a2f7080"), 56)
    read = bench.posted[ENTRY].next()
    assert isinstance(read, CardSeen)
    assert read.kind is CredentialKind.UID


def test_a_signal_reaches_the_reader_as_light_and_sound(bench: Bench) -> None:
    reader = OsdpPd(ENTRY, KEYS[ENTRY])
    bench.line.replace(reader)
    bench.tap_until_read(ENTRY)
    bench.readers[ENTRY].show(Signal.LONG_ACCESS)
    bench.tap_until_read(ENTRY)
    led, buzzer = ({key: command[key] for key in ("on_count", "off_count")} for command in reader.shown[-2:])
    assert led == {"on_count": 5, "off_count": 5}
    assert buzzer == {"on_count": 3, "off_count": 12}


def test_a_card_said_in_clear_on_a_secured_line_is_an_alarm_and_no_card(bench: Bench) -> None:
    bench.tap_until_read(ENTRY)
    bench.line.shout(bytes.fromhex("538312000550000132000102030405060000"))
    news = [bench.posted[ENTRY].next(), bench.posted[ENTRY].next()]
    assert news == [ReaderTampered("osdp_in_clear"), ReaderLost("osdp_in_clear")]
    bench.tap_until_read(EXIT)
