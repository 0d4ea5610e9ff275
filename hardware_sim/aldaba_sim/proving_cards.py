"""Virtual cards that prove themselves: PKOC, DESFire EV2 and NTAG 424 DNA, whichever reader they are held to.

Each is real enough to be asked, authenticated with, made ours and tapped, and
says no with the status a real one would use. They keep what a card keeps
without power; `pull_after` makes one leave the field in the middle.
"""

import secrets
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from aldaba_edge.codecs import pkoc
from aldaba_edge.codecs.apdu import Command, read_command
from aldaba_edge.codecs.malformed import Malformed
from aldaba_sim.cards import CLASS_UNKNOWN, INSTRUCTION_UNKNOWN, LENGTH_WRONG, OK

NOT_FOUND = b"\x6a\x82"
CONDITIONS = b"\x69\x85"
DESFIRE_ATS = bytes.fromhex("067577810280")
SMART = 0x20


@dataclass
class PkocCard:
    """A PKOC card, or a phone that is one: it signs for whoever asks, and says its public key."""

    uid: bytes = field(default_factory=lambda: b"\x08" + secrets.token_bytes(3))
    private: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    locked: bool = False
    """A phone that wants to be unlocked first."""
    atqa: bytes = b"\x00\x04"
    sak: int = SMART
    ats: bytes = bytes.fromhex("0578807002")
    _selected: bool = False

    @property
    def public_key(self) -> bytes:
        """The uncompressed public key, 65 bytes: what is enrolled."""
        return self.private.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)

    def transmit(self, command: bytes) -> bytes:
        """Answer SELECT and AUTHENTICATE."""
        asked = read_command(command)
        if isinstance(asked, Malformed):
            return LENGTH_WRONG
        if (asked.cla, asked.ins) == (0x00, 0xA4):
            self._selected = asked.data == pkoc.AID
            versions = pkoc.build_tlv({pkoc.TAG_VERSION: pkoc.VERSION})
            return versions + OK if self._selected else NOT_FOUND
        if (asked.cla, asked.ins) == (0x80, 0x80) and self._selected:
            return self._signed(asked)
        return INSTRUCTION_UNKNOWN if asked.cla in (0x00, 0x80) else CLASS_UNKNOWN

    def _signed(self, asked: Command) -> bytes:
        parts = pkoc.read_tlv(asked.data)
        if self.locked or isinstance(parts, Malformed) or pkoc.TAG_TRANSACTION not in parts:
            return CONDITIONS
        r, s = decode_dss_signature(self.private.sign(parts[pkoc.TAG_TRANSACTION], ec.ECDSA(SHA256())))
        signature = r.to_bytes(32) + s.to_bytes(32)
        return pkoc.build_tlv({pkoc.TAG_PUBLIC_KEY: self.public_key, pkoc.TAG_SIGNATURE: signature}) + OK
