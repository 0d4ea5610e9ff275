import pytest

from aldaba_edge.drivers.registry import load_registry
from aldaba_edge.ports import ReaderBack, ReaderLost, Signal
from aldaba_shared.keys import CredentialKind
from aldaba_sim.cards import UidCard
from aldaba_sim.pcsc import VpcdSlot
from tests.edge.readings import PostBox, plain_digest, seen
from tests.system.pcscd import READER_NAME, private_pcscd

ANA = UidCard(bytes.fromhex("04536b4a2f7080"))


@pytest.mark.system
def test_a_reader_outlives_the_restart_of_pcscd() -> None:
    options = {"reader": f"{READER_NAME} 00 00", "retry_ms": 50}
    with private_pcscd() as pcscd:
        posted, reader = PostBox(), load_registry().reader("acr122u", options, plain_digest)
        reader.open(posted)
        slot = VpcdSlot(pcscd.port)
        slot.hold(ANA)
        assert posted.next() == seen(CredentialKind.UID, ANA.uid)
        reader.show(Signal.LONG_ACCESS)
        assert slot.wait_shown() == bytes.fromhex("FF0040D00405050F01")
        slot.take()
        pcscd.stop()
        assert isinstance(posted.next(), ReaderLost)
        pcscd.start()
        assert posted.next(30) == ReaderBack()
        slot = VpcdSlot(pcscd.port)
        slot.hold(ANA)
        assert posted.next() == seen(CredentialKind.UID, ANA.uid)
        slot.take()
        reader.close()
