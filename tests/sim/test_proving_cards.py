"""The virtual cards and the codecs, face to face: proof, refusal, a card made ours, a key changed at a tap."""

import itertools
import random
from collections.abc import Callable

import pytest

from aldaba_edge.codecs import desfire, ev2, ntag424
from aldaba_edge.codecs.exchange import Proven, Refused
from aldaba_edge.codecs.malformed import Malformed
from aldaba_edge.drivers.negotiation import CardGone, InField, Met, Negotiation, play
from aldaba_edge.drivers.options import ALL_KINDS, PROVABLE
from aldaba_edge.ports import CardRefused, CardSeen, CardWays
from aldaba_shared.card_keys import DESFIRE_AID, KeySet, key_set, making_keys
from aldaba_shared.keys import CredentialKind
from aldaba_shared.reasons import Reason
from aldaba_sim.cards import Card, UidCard, phone_like
from aldaba_sim.desfire_card import DesfireCard
from aldaba_sim.ntag424_card import Ntag424Card, sun_tag
from aldaba_sim.proving_cards import PkocCard
from tests.edge.readings import plain_digest, seen

UID = bytes.fromhex("04112233445566")
OLD, NEW = key_set(b"o" * 32, 1), key_set(b"n" * 32, 2)
NUMBER = bytes(range(1, 17))


def reader(*sets: KeySet, accepts: tuple[CredentialKind, ...] = ALL_KINDS) -> Negotiation:
    return Negotiation(accepts, plain_digest, CardWays(lambda: sets, b"r" * 32))


def hold(card: Card, at: Negotiation, *, finish: bool = True) -> Met:
    met = at.meet(InField(card.uid, speaks=bool(card.sak & 0x20)), card.transmit)
    if finish:
        at.finish(met, card.transmit)
    return met


def made(root: bytes = b"o" * 32, version: int = 1) -> desfire.CardMade:
    return desfire.CardMade(
        version, making_keys(root, version).desfire_master, key_set(root, version).desfire(UID), NUMBER
    )


def our_card() -> DesfireCard:
    card = DesfireCard(UID)
    assert play(desfire.personalise(made(), random.Random(1).randbytes), card.transmit) is None
    return card


def our_tag() -> Ntag424Card:
    return sun_tag(UID, OLD.sun_meta, OLD.sun(UID))


@pytest.mark.feature(35)
def test_each_card_is_known_by_what_it_proves_and_others_by_their_number() -> None:
    phone, plain = PkocCard(), UidCard(bytes.fromhex("deadbeef"))
    door = reader(OLD)
    assert hold(phone, door).reading == seen(CredentialKind.PKOC, phone.public_key)
    assert hold(our_card(), door).reading == seen(CredentialKind.DESFIRE, NUMBER)
    tag = our_tag()
    for counter in (1, 2):
        digest = plain_digest(CredentialKind.NTAG424, UID)
        assert hold(tag, door).reading == CardSeen(CredentialKind.NTAG424, digest, counter)
    assert hold(plain, door).reading == seen(CredentialKind.UID, plain.uid)
    other = phone_like(bytes.fromhex("08aabbcc"))
    assert hold(other, door).reading == seen(CredentialKind.UID, other.uid)
    assert hold(DesfireCard(UID), door).reading == seen(CredentialKind.UID, UID), "a blank card is a number"


def test_a_door_that_takes_nothing_copyable_refuses_a_number_and_nothing_else() -> None:
    door = reader(OLD, accepts=PROVABLE)
    assert hold(our_card(), door).reading == seen(CredentialKind.DESFIRE, NUMBER)
    refused = hold(UidCard(UID), door).reading
    assert refused == CardSeen(CredentialKind.UID, plain_digest(CredentialKind.UID, UID), refusal=Reason.CARD_COPYABLE)


def test_the_installer_s_order_is_kept() -> None:
    number_first = reader(OLD, accepts=(CredentialKind.UID, CredentialKind.DESFIRE))
    assert hold(our_card(), number_first).reading == seen(CredentialKind.UID, UID)


@pytest.mark.parametrize(
    ("card", "kind", "why"),
    [
        pytest.param(lambda: PkocCard(locked=True), CredentialKind.PKOC, "pkoc_will_not_sign", id="locked phone"),
        pytest.param(lambda: renamed(our_card()), CredentialKind.DESFIRE, "ev2_not_authenticated", id="other UID"),
        pytest.param(lambda: hidden(our_card()), CredentialKind.DESFIRE, "desfire_uid_hidden", id="random UID"),
        pytest.param(lambda: of_version(9), CredentialKind.DESFIRE, "desfire_key_set_unknown", id="unknown set"),
        pytest.param(
            lambda: sun_tag(UID, OLD.sun_meta, UID + UID + b".."), CredentialKind.NTAG424, "sun_not_genuine", id="MAC"
        ),
        pytest.param(
            lambda: renamed(our_tag()), CredentialKind.NTAG424, "sun_not_genuine", id="address of another key"
        ),
    ],
)
def test_a_card_that_cannot_prove_itself_never_falls_back_to_its_number(
    card: Callable[[], Card], kind: CredentialKind, why: str
) -> None:
    assert hold(card(), reader(OLD)).reading == CardRefused(kind, why)


def renamed(card: DesfireCard | Ntag424Card) -> Card:
    card.uid = bytes.fromhex("04998877665544")
    return card


def hidden(card: DesfireCard) -> Card:
    card.uid = bytes.fromhex("08112233")
    return card


def of_version(version: int) -> Card:
    card = our_card()
    card.applications[DESFIRE_AID].access.keys[1].version = version
    return card


class Replaying:
    """A device that answers with the address another tag once showed."""

    def __init__(self, tag: Ntag424Card, uid: bytes) -> None:
        self.uid, self.atqa, self.sak, self.ats = uid, tag.atqa, tag.sak, tag.ats
        tag.transmit(bytes.fromhex("00A4040007D276000085010100"))
        tag.transmit(bytes.fromhex("00A4000C02E104"))
        self._recorded = tag.transmit(bytes.fromhex("00B0000000"))[:-2]

    def transmit(self, command: bytes) -> bytes:
        if command[1] == 0xB0:
            return self._recorded[command[3] : command[3] + command[4]] + b"\x90\x00"
        return b"\x90\x00" if command[1] == 0xA4 and command[5:12] != b"\xa0\x00\x00\x08\x98\x00\x00" else b"\x6a\x82"


def test_a_copied_address_has_an_old_counter_and_on_another_tag_not_even_that() -> None:
    tag = our_tag()
    copy, elsewhere = Replaying(tag, UID), Replaying(tag, bytes.fromhex("04998877665544"))
    hold(tag, reader(OLD))
    reading = hold(copy, reader(OLD)).reading
    assert isinstance(reading, CardSeen)
    assert reading.counter == 1, "the door has seen 3 meanwhile"
    assert tag.counter == 3
    assert hold(elsewhere, reader(OLD)).reading == CardRefused(CredentialKind.NTAG424, "sun_of_another_tag")


@pytest.mark.feature(35)
def test_a_card_moves_to_the_new_keys_at_its_next_tap_and_works_before_and_after() -> None:
    card, number = our_card(), seen(CredentialKind.DESFIRE, NUMBER)
    for sets in ((OLD,), (OLD, NEW), (OLD, NEW), (NEW,)):
        assert hold(card, reader(*sets)).reading == number
    assert card.applications[DESFIRE_AID].access.keys[1].version == NEW.version
    assert hold(card, reader(OLD)).reading == CardRefused(CredentialKind.DESFIRE, "desfire_key_set_unknown")


def test_a_card_pulled_away_while_its_key_changes_works_all_the_same() -> None:
    card, door = our_card(), reader(OLD, NEW)
    met = hold(card, door, finish=False)

    def gone(_command: bytes) -> bytes:
        raise CardGone

    door.finish(met, gone)
    assert hold(card, door).reading == met.reading
    assert card.applications[DESFIRE_AID].access.keys[1].version == NEW.version


def test_making_a_card_ours_may_be_broken_off_anywhere_and_taken_up_again() -> None:
    for lost_at in itertools.count(1):
        card = DesfireCard(UID)
        answers = itertools.count(1)

        def transmit(command: bytes, *, card: DesfireCard = card, answers: "itertools.count[int]" = answers) -> bytes:
            answer = card.transmit(command)
            if next(answers) == lost_at:  # noqa: B023 - called before the loop goes on
                raise CardGone
            return answer

        try:
            done = play(desfire.personalise(made(), random.Random(2).randbytes), transmit)
        except CardGone:
            again = play(desfire.personalise(made(), random.Random(3).randbytes), card.transmit)
            assert again is None, f"broken off at answer {lost_at}: {again}"
            assert hold(card, reader(OLD)).reading == seen(CredentialKind.DESFIRE, NUMBER), lost_at
        else:
            assert done is None
            break
    assert lost_at > 15


def tag_made() -> ntag424.TagMade:
    making = making_keys(b"o" * 32, 1)
    return ntag424.TagMade(1, making.ntag(UID), OLD.sun_meta, OLD.sun(UID), "https://space.example/t")


def test_making_a_tag_ours_may_be_broken_off_anywhere_and_taken_up_again() -> None:
    for lost_at in itertools.count(1):
        tag = Ntag424Card(UID)
        answers = itertools.count(1)

        def transmit(command: bytes, *, tag: Ntag424Card = tag, answers: "itertools.count[int]" = answers) -> bytes:
            answer = tag.transmit(command)
            if next(answers) == lost_at:  # noqa: B023 - called before the loop goes on
                raise CardGone
            return answer

        try:
            done = play(ntag424.personalise(tag_made(), random.Random(2).randbytes), transmit)
        except CardGone:
            again = play(ntag424.personalise(tag_made(), random.Random(3).randbytes), tag.transmit)
            assert again is None, f"broken off at answer {lost_at}: {again}"
            reading = hold(tag, reader(OLD)).reading
            assert isinstance(reading, CardSeen), (lost_at, reading)
            assert reading.kind is CredentialKind.NTAG424
        else:
            assert done is None
            break
    assert lost_at > 10
    assert [key.version for key in tag.access.keys[:3]] == [1, 1, 1]


def test_what_was_made_once_is_not_made_twice() -> None:
    tag, card = Ntag424Card(UID), DesfireCard(UID)
    for _ in range(2):
        assert play(ntag424.personalise(tag_made(), random.Random(2).randbytes), tag.transmit) is None
        assert play(desfire.personalise(made(), random.Random(2).randbytes), card.transmit) is None
    other = desfire.CardMade(1, bytes(15) + b"1", OLD.desfire(UID), NUMBER)
    refused = play(desfire.personalise(other, random.Random(2).randbytes), card.transmit)
    assert refused == Malformed("ev2_not_authenticated"), "another site's card stays another site's"


@pytest.mark.parametrize("mode", list(desfire.Mode), ids=lambda mode: mode.name)
def test_a_file_is_read_in_the_mode_it_demands_and_believed_only_with_its_mac(mode: desfire.Mode) -> None:
    card = our_card()
    card.applications[DESFIRE_AID].files[desfire.FILE].mode = mode
    answers: list[bytes] = []

    def spoilt(command: bytes) -> bytes:
        """One bit of the number changes on its way."""
        answer = card.transmit(command)
        answers.append(answer)
        return bytes([answer[0] ^ 1]) + answer[1:] if command[1] == desfire.READ_DATA else answer

    assert play(desfire.present(UID, [OLD], bytes(16)), card.transmit) == Proven(NUMBER)
    assert play(desfire.present(UID, [OLD], bytes(16)), spoilt) == Refused("ev2_answer_mac_wrong")
    in_the_air = any(NUMBER in answer for answer in answers)
    assert in_the_air is (mode is desfire.Mode.MAC)


def test_a_site_without_keys_asks_for_no_card_of_its_own() -> None:
    assert hold(our_card(), reader()).reading == seen(CredentialKind.UID, UID)


def test_an_answer_of_another_session_is_refused() -> None:
    card = our_card()
    session = play(ev2.authenticate(1, OLD.desfire(UID), bytes(16)), select(card))
    assert isinstance(session, ev2.Session)
    session.ti = bytes(4)
    assert play(desfire.read(session), card.transmit) == Malformed("ev2_status_1e")


def select(card: DesfireCard) -> Callable[[bytes], bytes]:
    card.transmit(bytes.fromhex("905a000003a1daba00"))
    return card.transmit
