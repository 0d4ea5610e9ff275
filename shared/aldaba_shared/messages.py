"""The bodies of the wire. Each travels in a signed envelope (`aldaba_shared.envelope`) under its kind.

Down, from the cloud: `Head` and `Modes` (retained), `Delta`, `Ack`, `Resend`,
`Command`. Up, from a controller: `Hello`, `Batch`, and `PresenceNews` for its
peers. `schema` is the form the sender speaks; the cloud reads every released
form for ever and writes down in the form the controller named in its hello.
"""

from enum import StrEnum
from typing import Annotated, Final, TypeAlias

from msgspec import Meta, Struct

from aldaba_shared.decide import DoorMode
from aldaba_shared.ids import ControllerId, DoorId, HolderId
from aldaba_shared.presence import Stay
from aldaba_shared.snapshot import Change
from aldaba_shared.wire import Moment

SCHEMA: Final = 1
LONGEST_CONFIGURATION: Final = 64 * 1024
"""Bytes of UTF-8: some hundred doors."""


class Kind(StrEnum):
    """What an envelope holds; part of what its signature covers."""

    HEAD = "head"
    DELTA = "delta"
    MODES = "modes"
    COMMAND = "command"
    ACK = "ack"
    RESEND = "resend"
    HELLO = "hello"
    BATCH = "batch"
    PRESENCE = "presence"
    KEYS = "keys"
    SNAPSHOT = "snapshot"
    REQUEST = "request"
    OUTCOME = "outcome"
    PASS = "pass"  # noqa: S105 - a kind, not a secret: visitor passes are CWTs (`aldaba_shared.passes`)
    CHECKPOINT = "checkpoint"
    CERTIFY = "certify"
    CONFIGURE = "configure"
    BUNDLE = "bundle"
    UPDATE = "update"


class Head(Struct, frozen=True):
    """Which rule set is in force; signed again every minute, so its age is the door's distance from the cloud."""

    controller: ControllerId
    epoch: int
    version: int
    set_hash: bytes
    issued_at: Moment

    @property
    def generation(self) -> tuple[int, int]:
        """What may only grow."""
        return (self.epoch, self.version)


class Delta(Struct, frozen=True):
    """The changes from the version before `version`; `head` says what the result must be."""

    head: Head
    from_version: int
    changes: tuple[Change, ...]


class ModeNow(Struct, frozen=True, omit_defaults=True):
    """What one door does by itself, until a moment or until told otherwise."""

    door: DoorId
    mode: DoorMode
    until: Moment | None = None
    shadow: bool | None = None
    """Listen beside another system and release nothing, or go live; None where nobody said so from the cloud."""


class Modes(Struct, frozen=True):
    """The modes of all doors of a controller; `counter` only grows and is kept on disk."""

    controller: ControllerId
    counter: int
    issued_at: Moment
    modes: tuple[ModeNow, ...]


class Command(Struct, frozen=True, omit_defaults=True):
    """What a door is told once; `counter` only grows.

    `hello_nonce` is the nonce the controller published on connecting.

    The verb `release` opens the door. The verb `sticker` says that `holder` stands
    before the door and asks: the door decides, as if a credential had been shown.
    """

    id: str
    controller: ControllerId
    door: DoorId
    verb: str
    hello_nonce: bytes
    counter: int
    expires_at: Moment
    holder: HolderId | None = None


class Ack(Struct, frozen=True):
    """Every line of `journal` up to `watermark` is committed. `nonce` answers one batch; `at` is the cloud's time."""

    controller: ControllerId
    journal: str
    watermark: int
    nonce: bytes
    at: Moment


class Resend(Struct, frozen=True):
    """The batch began beyond what the cloud has: send again from this sequence."""

    controller: ControllerId
    journal: str
    from_sequence: int
    nonce: bytes
    at: Moment


class Hello(Struct, frozen=True):
    """What a controller says on connecting. `nonce` is fresh: commands for this connection must name it.

    `segment` is the clock segment in which `clock` was read: what the cloud
    learns of a clock from its hello holds for the lines of that segment.
    """

    schema: int
    controller: ControllerId
    software: str
    epoch: int
    version: int
    set_hash: bytes
    journal: str
    last_sequence: int
    boot: str
    segment: int
    clock: Moment
    nonce: bytes
    modes_counter: int = 0


class Batch(Struct, frozen=True):
    """Lines of one journal without a hole, as the bytes that are chained.

    `previous` is the hash before the first line, so that the cloud can check the
    chain. `lost_before` is set when the controller no longer has the lines the
    cloud asked for: only then is a gap a hole.
    """

    controller: ControllerId
    journal: str
    first_sequence: int
    previous: bytes
    lines: tuple[bytes, ...]
    nonce: bytes
    lost_before: int | None = None


Seconds: TypeAlias = Annotated[int, Meta(ge=0, le=1 << 62)]
"""Since 1970 (UTC)."""


class Used(Struct, frozen=True, array_like=True):
    """Something its teller accepted that may be used once, or so often, and must not be replayed at a peer.

    `name` is a credential's id, or a pass and the zone it leads into; `value` only
    rises: a card's counter, the moment of a phone's code in milliseconds, uses so far.
    """

    name: str
    value: Annotated[int, Meta(ge=0, le=(1 << 63) - 1)]
    used_at: Seconds
    expires: Seconds


class PresenceNews(Struct, frozen=True, omit_defaults=True):
    """Where one controller last saw each holder, and what it saw used; `counter` only grows within its journal."""

    controller: ControllerId
    journal: str
    counter: int
    at: Moment
    stays: tuple[tuple[HolderId, Stay], ...]
    used: tuple[Used, ...] = ()
    doors: tuple[tuple[DoorId, bool], ...] = ()
    """Whether each door of this controller is secured, where a rule of the site asks for it."""


class WorkingKey(Struct, frozen=True):
    """A public key and what it may sign: the cloud's own, or a peer controller's for presence."""

    kid: bytes
    public_key: bytes
    """X.509 SubjectPublicKeyInfo, DER; P-256."""
    signs: tuple[Kind, ...]


class KeyList(Struct, frozen=True):
    """The cloud's working keys, signed by the root whose public half was pinned at pairing; `serial` only grows."""

    serial: int
    issued_at: Moment
    keys: tuple[WorkingKey, ...]


class PairRequest(Struct, frozen=True):
    """`POST /api/v1/pair` (JSON): a new controller shows its code and its public key."""

    code: str
    public_key: bytes
    """X.509 SubjectPublicKeyInfo, DER; P-256. Its private half never leaves the controller."""
    software: str
    schema: int = SCHEMA
    certificate_request: bytes = b""
    """PKCS #10, DER: asks for the certificate by which the broker will know this controller."""


class PairAnswer(Struct, frozen=True):
    """What a controller keeps for life. `words` are the four both sides show where neither TLS nor the QR vouches."""

    network: str
    site: str
    controller: ControllerId
    doors: tuple[DoorId, ...]
    kid: bytes
    """The name of the controller's own key in the envelopes it signs."""
    controller_key: bytes
    """32 bytes under which this controller digests credentials."""
    root_key: bytes
    """X.509 SubjectPublicKeyInfo of the root; pinned."""
    keys: bytes
    """The current `KeyList` in its envelope, signed by the root for the audience `*`."""
    broker_host: str
    broker_port: int
    broker_username: str
    broker_password: str
    broker_tls: bool
    words: str
    certificate: bytes = b""
    """The controller's certificate in PEM; empty where the broker knows its clients by password alone."""
    broker_authority: bytes = b""
    """In PEM, what the broker's own certificate is checked by; empty for a public one."""
    configuration: bytes = b""
    """What the controller before this one had for the same doors: a `ConfigurationKept`, sealed for this controller."""


class CertificateRequest(Struct, frozen=True):
    """`POST /api/v1/certificate`: an envelope of kind `certify` for the audience `cloud`; answered with a PEM file.

    `request` is a PKCS #10 request in DER for a new key. Who signs the envelope is
    who the certificate will name, so an expired one can be renewed like any other.
    """

    controller: ControllerId
    at: Moment
    nonce: bytes
    request: bytes


class ConfigurationSent(Struct, frozen=True):
    """`POST /api/v1/configuration`: an envelope of kind `configure` for the audience `cloud`; answered with nothing.

    `text` is the controller's `edge.toml`, which holds no secret, at most
    `LONGEST_CONFIGURATION` bytes of UTF-8.
    """

    controller: ControllerId
    at: Moment
    nonce: bytes
    text: str


class ConfigurationKept(Struct, frozen=True):
    """What a new controller may write as its `edge.toml`; kind `configure`, for the audience of its own id."""

    controller: ControllerId
    came_from: ControllerId
    kept_at: Moment
    text: str


class UpdateAsked(Struct, frozen=True):
    """`POST /api/v1/update`: an envelope of kind `update` for the audience `cloud`; answered with `UpdateAnswer`."""

    controller: ControllerId
    at: Moment
    nonce: bytes
    version: str


class UpdateAnswer(Struct, frozen=True):
    """In JSON: whether the controller may take that version now, and why not."""

    allowed: bool
    why: str


class Wheel(Struct, frozen=True):
    """One file of a bundle: its name, its SHA-256 in hexadecimal, its bytes."""

    name: str
    sha256: str
    size: int


class Bundle(Struct, frozen=True):
    """What an update is made of: kind `bundle`, audience `*`, signed by the root that the doors pinned.

    `platform` is what `sysconfig.get_platform()` says on the controller, such as
    `linux-aarch64`, or `any`; `python` is such as `3.11`, or `any`.
    """

    version: str
    platform: str
    python: str
    made_at: Moment
    wheels: tuple[Wheel, ...]


class SnapshotRequest(Struct, frozen=True):
    """`POST /api/v1/snapshot`: an envelope of kind `request` for the audience `cloud`; answered with a SQLite file.

    The cloud refuses a request older than five minutes or a nonce it has seen.
    The file's `head_` row holds the head in its envelope; the controller believes
    the file only when the set hash of its rows is the head's.
    """

    controller: ControllerId
    at: Moment
    nonce: bytes
    epoch: int
    version: int
