"""A controller that writes and signs like the real one, and forgets nothing: the other end of the fleet's tests."""

from copy import copy
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from aldaba_cloud.db import Scope, Work
from aldaba_cloud.fleet.models import Controller
from aldaba_cloud.fleet.store import add_controller
from aldaba_shared.decide import Decision, DoorNow, PresenceNow, Presented, Side
from aldaba_shared.envelope import SigningKey, seal
from aldaba_shared.events import GENESIS, AccessDecided, AnyEvent, JournalOpened, Line, chained, write_line
from aldaba_shared.ids import ControllerId, CredentialId, DoorId, HolderId, NetworkId, SiteId, ZoneId
from aldaba_shared.keys import CredentialKind
from aldaba_shared.messages import Batch, Hello, Kind
from aldaba_shared.reasons import Reason
from aldaba_shared.rules import Credential, Facts

NETWORK = NetworkId("net_1")
BARCELONA = SiteId("site_bcn")
START = datetime(2026, 11, 23, 11, tzinfo=UTC)


@dataclass
class ToyController:
    """Keeps its whole journal as bytes and hashes; every batch and hello has a nonce of its own."""

    name: str
    site: SiteId = BARCELONA
    network: NetworkId = NETWORK
    journal: str = "j1"
    boot: str = "boot-1"
    segment: int = 0
    behind: timedelta = timedelta()
    lines: list[bytes] = field(default_factory=list)
    hashes: list[bytes] = field(default_factory=lambda: [GENESIS])
    sent: int = 0
    epoch: int = 0
    version: int = 0
    set_hash: bytes = bytes(32)
    sealed_key: bytes = b""

    def __post_init__(self) -> None:
        self.id = ControllerId(self.name)
        self.key = SigningKey.generate(self.name.encode().ljust(8, b"-"))

    @property
    def record(self) -> Controller:
        """The row the cloud has of it after pairing."""
        return Controller(
            id=self.id,
            network=self.network,
            site=self.site,
            name=self.name,
            kid=self.key.kid,
            public_key=self.key.public().public_key,
            sealed_controller_key=self.sealed_key,
            software="toy",
            epoch=0,
            version=0,
            set_hash=b"",
            confirmed_at=None,
            paired_at=START,
            last_contact_at=None,
            retired_at=None,
            hello=None,
            modes_counter=0,
            modes_confirmed=0,
        )

    def twin(self) -> "ToyController":
        """The same controller with the same key, whose books go on by themselves."""
        other = copy(self)
        other.lines, other.hashes = [*self.lines], [*self.hashes]
        return other

    def join(self, work: Work) -> None:
        """Be paired."""
        add_controller(Work(work.db, Scope(self.network), work.now), self.record, b"")

    def write(self, event: AnyEvent, at: datetime = START) -> int:
        """Append a line; returns its sequence."""
        sequence = len(self.lines) + 1
        line = write_line(Line(sequence, at - self.behind, self.boot, self.segment, sequence * 1000, event))
        self.lines.append(line)
        self.hashes.append(chained(self.hashes[-1], line))
        return sequence

    def open(self) -> int:
        """Write the first line."""
        return self.write(JournalOpened(self.journal))

    def tap(self, holder: str, into: str, at: datetime = START, door: str = "door_1") -> int:
        """Write a granted tap that moves a holder."""
        return self.write(tapped(holder, into, at, door), at)

    def batch(self, first: int = 1, last: int | None = None, lost_before: int | None = None) -> Batch:
        """Lines from `first` to `last`, both included."""
        self.sent += 1
        nonce = f"{self.name}-{self.sent}".encode()
        lines = tuple(self.lines[first - 1 : last])
        return Batch(self.id, self.journal, first, self.hashes[first - 1], lines, nonce, lost_before)

    def hello(self, at: datetime = START) -> Hello:
        """What it says on connecting."""
        self.sent += 1
        return Hello(
            schema=1,
            controller=self.id,
            software="toy 1",
            epoch=self.epoch,
            version=self.version,
            set_hash=self.set_hash,
            journal=self.journal,
            last_sequence=len(self.lines),
            boot=self.boot,
            segment=self.segment,
            clock=at - self.behind,
            nonce=f"{self.name}-{self.sent}".encode(),
        )

    def sealed(self, body: Batch | Hello) -> bytes:
        """A message in its envelope."""
        return seal(Kind.BATCH if isinstance(body, Batch) else Kind.HELLO, "cloud", body, self.key)


def tapped(holder: str, into: str, at: datetime, door: str = "door_1") -> AccessDecided:
    """A granted tap."""
    card = Credential(CredentialId(f"crd_{holder}"), HolderId(holder), CredentialKind.UID)
    return AccessDecided(
        Presented(DoorId(door), Side.IN, CredentialKind.UID, at),
        Facts(card),
        PresenceNow(),
        DoorNow(rules_issued_at=at),
        Decision(Reason.GRANTED, HolderId(holder)),
        ZoneId(into),
        released=True,
    )
