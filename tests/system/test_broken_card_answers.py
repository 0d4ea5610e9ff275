"""Ten thousand broken answers for each kind of card: nothing raises, and nothing opens but the card itself.

Here and not among the unit tests because of the cryptography: half a minute of it would slow every other run.
"""

import random
from collections.abc import Callable

import pytest

from aldaba_edge.drivers.negotiation import InField, Negotiation
from aldaba_edge.drivers.options import PROVABLE
from aldaba_edge.ports import CardRefused, CardSeen, CardWays
from aldaba_sim.cards import Card
from aldaba_sim.proving_cards import PkocCard
from tests.edge.readings import plain_digest
from tests.sim.test_proving_cards import OLD, our_card, our_tag
from tests.wounds import TIMES, mutated, tally

pytestmark = pytest.mark.system


def recorded(card: Card, at: Negotiation) -> tuple[list[bytes], CardSeen]:
    """The answers of an honest tap, and what it proves."""
    answers: list[bytes] = []

    def transmit(command: bytes) -> bytes:
        answers.append(card.transmit(command))
        return answers[-1]

    reading = at.meet(InField(card.uid, speaks=True), transmit).reading
    assert isinstance(reading, CardSeen)
    assert reading.refusal is None
    return answers, reading


@pytest.mark.feature(35)
@pytest.mark.parametrize(
    "make", [pytest.param(PkocCard, id="pkoc"), pytest.param(our_card, id="desfire"), pytest.param(our_tag, id="sun")]
)
def test_ten_thousand_broken_answers_prove_nothing(make: Callable[[], Card]) -> None:
    rng, outcomes, card = random.Random(5), [], make()
    door = Negotiation(
        PROVABLE, plain_digest, CardWays(lambda: (OLD,), b"r" * 32), bytes
    )  # the same challenge each time
    # `bytes` for chance: every tap has the same challenge, so one recorded card can answer them all.
    honest, itself = recorded(card, door)
    for kind, junk in mutated(honest, rng):
        answers = list(honest)
        at = rng.randrange(len(honest))
        answers[at] = junk
        waiting = iter(answers)
        reading = door.meet(InField(card.uid, speaks=True), lambda _: next(waiting, b"\x6d\x00")).reading  # noqa: B023 - called at once
        assert isinstance(reading, CardRefused | CardSeen)
        if isinstance(reading, CardSeen) and reading.refusal is None:
            assert reading == itself
            told = "the very answer" if answers == honest else "another way to say the same"
        else:
            told = getattr(reading, "why", "another kind")[:11]
        outcomes.append((kind, told))
    counted = tally(type(card).__name__, outcomes)
    assert sum(counted.values()) == TIMES
    assert len({one.split(": ")[1] for one in counted}) >= 5, "the wounds must reach every branch"
