"""What kind of card is this, and which one: asked in the order that the installer chose.

A card that proves itself is asked before one that only says its number, and a
card that claims to be of a kind and fails is refused there and then: it never
falls back to its number, or a copy would only have to fail. What does not speak
ISO 14443-4 has nothing to prove with and is taken by its number at once.
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, TypeAlias

import structlog

from aldaba_edge.codecs import desfire, ntag424, pkoc
from aldaba_edge.codecs.exchange import Exchange, NotSuch, Proven, Refused, T, Verdict
from aldaba_edge.ports import CardRefused, CardSeen, CardWays, Digest, Reading
from aldaba_shared.keys import CredentialKind
from aldaba_shared.reasons import Reason

log: Final = structlog.get_logger()

Transmit: TypeAlias = Callable[[bytes], bytes]
"""Sends a command APDU to the card and gives its answer; raises `CardGone`."""


class CardGone(Exception):
    """The card left in the middle of a conversation."""


@dataclass(frozen=True, slots=True)
class InField:
    """A card as the reader found it; `speaks` when it understands APDUs (ISO 14443-4)."""

    uid: bytes = field(repr=False)
    speaks: bool


@dataclass(frozen=True, slots=True)
class Met:
    """What to tell the door, and what to say to the card once the door has been told."""

    reading: Reading
    afterwards: Exchange[object] | None = None


class Negotiation:
    """Asks one card after another what it is."""

    def __init__(
        self,
        accepts: tuple[CredentialKind, ...],
        digest: Digest,
        ways: CardWays,
        random: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        self._accepts = accepts
        self._digest = digest
        self._ways = ways
        self._random = random

    def meet(self, card: InField, transmit: Transmit) -> Met:
        """Find out what a card is.

        Raises:
            CardGone: it left before it had said so; nothing happened.
        """
        for kind in self._accepts:
            if kind is CredentialKind.UID:
                return Met(CardSeen(kind, self._digest(kind, card.uid)))
            if not card.speaks:
                continue
            verdict = play(self._ask(kind, card.uid), transmit)
            if isinstance(verdict, Refused):
                return Met(CardRefused(kind, verdict.why))
            if isinstance(verdict, Proven):
                seen = CardSeen(kind, self._digest(kind, verdict.canonical), verdict.counter)
                return Met(seen, verdict.afterwards)
        uid = self._digest(CredentialKind.UID, card.uid)
        return Met(CardSeen(CredentialKind.UID, uid, refusal=Reason.CARD_COPYABLE))

    def finish(self, met: Met, transmit: Transmit) -> None:
        """Say to the card what is left to say; a card that has left meanwhile loses nothing."""
        if met.afterwards is None:
            return
        try:
            done = play(met.afterwards, transmit)
        except CardGone:
            done = False
        log.info("card_rekeyed" if done else "card_not_rekeyed")

    def _ask(self, kind: CredentialKind, uid: bytes) -> Exchange[Verdict]:
        key_sets = self._ways.key_sets()
        if kind is CredentialKind.PKOC:
            return pkoc.authenticate(self._random(pkoc.TRANSACTION_BYTES), self._ways.reader_id)
        if kind is CredentialKind.DESFIRE and key_sets:
            return desfire.present(uid, key_sets, self._random(desfire.RANDOM_BYTES))
        if kind is CredentialKind.NTAG424 and key_sets:
            return ntag424.present(uid, key_sets)
        return _of_no_kind()


def _of_no_kind() -> Exchange[Verdict]:
    """A site without keys has no cards of its own."""
    yield from ()
    return NotSuch()


def play(exchange: Exchange[T], transmit: Transmit) -> T:
    """Lead a conversation to its end; one that is broken off is closed."""
    try:
        sent = next(exchange)
        while True:
            sent = exchange.send(transmit(sent))
    except StopIteration as ended:
        found: T = ended.value
        return found
    finally:
        exchange.close()
