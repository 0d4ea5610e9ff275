"""DESFire EV2 and EV3: proving that a card is ours and reading its number, and making a blank card ours.

One application, one file, two keys. Key 0 governs the application and is the
cloud's alone; key 1 reads the file, and with it a door can also bring a card to
a newer key set, because on our cards each key is changed under itself. Both are
the card's own (AN10922), so a card that is taken apart is worth itself.

Sources: NXP MF3D(H)x2 and MF3D(H)x3 data sheets (commands), AN12343 and AN12196
(messages), AN10922 (keys).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final

from aldaba_edge.codecs import ev2
from aldaba_edge.codecs.exchange import Exchange, NotSuch, Proven, Refused, Verdict, tell
from aldaba_edge.codecs.malformed import Malformed
from aldaba_shared.card_keys import DESFIRE_AID, UID_BYTES, KeySet

READ_KEY: Final = 1
MASTER_KEY: Final = 0
FILE: Final = 1
RANDOM_BYTES: Final = ev2.BLOCK
NUMBER_BYTES: Final = 16
"""What the file holds: the card's number, random, and no other card's."""

SELECT_APPLICATION: Final = 0x5A
GET_KEY_VERSION: Final = 0x64
READ_DATA: Final = 0xAD
WRITE_DATA: Final = 0x8D
CREATE_APPLICATION: Final = 0xCA
CREATE_FILE: Final = 0xCD
DUPLICATE: Final = 0x91DE

SETTINGS: Final = 0xEB
"""Keys change under themselves, applications and files only with key 0, what there is may be listed by anyone."""
AES_KEYS: Final = 0x80
FILE_RIGHTS: Final = 0x1000
"""Read with key 1; write, read and write, and change with key 0."""


class Mode(IntEnum):
    """How a file's bytes travel (MF3D data sheet, communication modes)."""

    MAC = 0x01
    FULL = 0x03


@dataclass(frozen=True, slots=True)
class CardMade:
    """What a card is to become: the keys are the card's own already, the number is its file's."""

    version: int
    master_key: bytes = field(repr=False)
    read_key: bytes = field(repr=False)
    number: bytes = field(repr=False)


def present(uid: bytes, key_sets: Sequence[KeySet], rnd_a: bytes) -> Exchange[Verdict]:
    """Authenticate our application and read the card's number; afterwards bring the card to the newest key set.

    `uid` is what anticollision said, `rnd_a` 16 fresh random bytes.
    """
    selected = yield from tell(ev2.native(SELECT_APPLICATION, DESFIRE_AID))
    if isinstance(selected, Malformed) or selected.status != ev2.OK:
        return NotSuch()
    if len(uid) != UID_BYTES:
        return Refused("desfire_uid_hidden")
    version = yield from key_version(READ_KEY)
    if isinstance(version, Malformed):
        return Refused(version.why)
    known = next((one for one in key_sets if one.version == version), None)
    if known is None:
        return Refused("desfire_key_set_unknown")
    session = yield from ev2.authenticate(READ_KEY, known.desfire(uid), rnd_a)
    if isinstance(session, Malformed):
        return Refused(session.why)
    number = yield from read(session)
    if isinstance(number, Malformed):
        return Refused(number.why)
    newest = max(key_sets, key=lambda one: one.version)
    afterwards = change_read_key(session, newest, uid) if newest.version > version else None
    return Proven(number, afterwards=afterwards)


def key_version(key_no: int) -> Exchange[int | Malformed]:
    """Which key set a key of the selected application belongs to; a card tells anyone."""
    answer = yield from tell(ev2.native(GET_KEY_VERSION, bytes([key_no])))
    if isinstance(answer, Malformed):
        return answer
    if answer.status != ev2.OK or len(answer.data) != 1:
        return Malformed("desfire_no_key_version")
    return answer.data[0]


def read(session: ev2.Session) -> Exchange[bytes | Malformed]:
    """The number in the file, whole and not all zeros, in the mode that the card's file demands.

    Either way the card's MAC is over it. An encrypted number is padded to a block more, so that its length tells.
    """
    header = bytes([FILE]) + bytes(3) + NUMBER_BYTES.to_bytes(3, "little")
    number = yield from ev2.transmit(session, session.command(READ_DATA, header))
    if not isinstance(number, Malformed) and len(number) > NUMBER_BYTES:
        number = session.deciphered(number)
    if isinstance(number, Malformed):
        return number
    if len(number) != NUMBER_BYTES or not any(number):
        return Malformed("desfire_number_missing")
    return number


def change_read_key(session: ev2.Session, newest: KeySet, uid: bytes) -> Exchange[bool]:
    """Bring the card to a newer key set. The card changes its key as a whole or not at all; both are accepted."""
    command = session.key_change(READ_KEY, newest.desfire(uid), newest.version)
    answer = yield from tell(command)
    return not isinstance(answer, Malformed) and answer.status == ev2.OK


def personalise(made: CardMade, random: Callable[[int], bytes]) -> Exchange[Malformed | None]:
    """Make a blank card ours, from the application to its last key; None when it is done.

    A card that was pulled away in the middle is taken up where it was left: what
    is there already is not made twice, and key 0 is changed last.
    """
    there = yield from tell(ev2.native(SELECT_APPLICATION, DESFIRE_AID))
    if isinstance(there, Malformed):
        return there
    if there.status != ev2.OK:
        broken = yield from _create_application()
        if broken is not None:
            return broken
    broken = yield from _with_master(made, random, _create_file)
    if broken is not None:
        return broken
    broken = yield from _with_master(made, random, lambda session: _write_number(session, made.number))
    if broken is not None:
        return broken
    broken = yield from _install(READ_KEY, made.read_key, made.version, random)
    if broken is not None:
        return broken
    return (yield from _install(MASTER_KEY, made.master_key, made.version, random))


def _create_application() -> Exchange[Malformed | None]:
    """On a blank card anyone may create one (the card's own settings as delivered)."""
    created = yield from tell(ev2.native(CREATE_APPLICATION, DESFIRE_AID + bytes([SETTINGS, AES_KEYS | 2])))
    if isinstance(created, Malformed):
        return created
    if created.status not in (ev2.OK, DUPLICATE):
        return Malformed("desfire_will_not_create")
    selected = yield from tell(ev2.native(SELECT_APPLICATION, DESFIRE_AID))
    if isinstance(selected, Malformed):
        return selected
    return None if selected.status == ev2.OK else Malformed("desfire_not_created")


def _with_master(
    made: CardMade, random: Callable[[int], bytes], step: Callable[[ev2.Session], Exchange[Malformed | None]]
) -> Exchange[Malformed | None]:
    """One step under key 0, in a session of its own: a card ends a session with every refusal."""
    version = yield from key_version(MASTER_KEY)
    if isinstance(version, Malformed):
        return version
    key = made.master_key if version else ev2.ZERO_KEY
    session = yield from ev2.authenticate(MASTER_KEY, key, random(ev2.BLOCK))
    if isinstance(session, Malformed):
        return session
    return (yield from step(session))


def _create_file(session: ev2.Session) -> Exchange[Malformed | None]:
    shape = bytes([FILE, Mode.FULL]) + FILE_RIGHTS.to_bytes(2, "little") + NUMBER_BYTES.to_bytes(3, "little")
    created = yield from tell(session.command(CREATE_FILE, shape))
    if isinstance(created, Malformed):
        return created
    if created.status == DUPLICATE:
        return None
    if created.status != ev2.OK:
        return Malformed("desfire_will_not_create_file")
    opened = session.opened(created)
    return opened if isinstance(opened, Malformed) else None


def _write_number(session: ev2.Session, number: bytes) -> Exchange[Malformed | None]:
    header = bytes([FILE]) + bytes(3) + len(number).to_bytes(3, "little")
    written = yield from ev2.transmit(session, session.command(WRITE_DATA, header, number, full=True))
    return written if isinstance(written, Malformed) else None


def _install(key_no: int, key: bytes, version: int, random: Callable[[int], bytes]) -> Exchange[Malformed | None]:
    """Change a key under itself, unless it was changed before."""
    known = yield from key_version(key_no)
    if isinstance(known, Malformed):
        return known
    if known == version:
        return None
    session = yield from ev2.authenticate(key_no, ev2.ZERO_KEY, random(ev2.BLOCK))
    if isinstance(session, Malformed):
        return session
    changed = yield from tell(session.key_change(key_no, key, version))
    if isinstance(changed, Malformed):
        return changed
    return None if changed.status == ev2.OK else Malformed("desfire_key_not_changed")
