"""The small space after a busy morning: whatever a page can show has happened in it once."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Final

from aldaba_cloud.access import passes, rounds, stickers
from aldaba_cloud.access import store as access
from aldaba_cloud.access.models import SpecialDay
from aldaba_cloud.access.service import set_special_day
from aldaba_cloud.auth.models import Role
from aldaba_cloud.billing import month_run, payments
from aldaba_cloud.billing import store as billing
from aldaba_cloud.billing.models import Payment
from aldaba_cloud.db import Scope, Work
from aldaba_cloud.duty import service as duty
from aldaba_cloud.duty.models import Channel, Contact
from aldaba_cloud.fleet import store as fleet
from aldaba_cloud.fleet.keys import make_keys
from aldaba_cloud.keyring import NUMBERS, Keyring
from aldaba_cloud.letters import service as letters
from aldaba_cloud.letters.models import Letter
from aldaba_shared.decide import Decision, DoorNow, PresenceNow, Presented, Side
from aldaba_shared.events import AccessDecided, DoorForced, DoorHeld, ShadowCompared
from aldaba_shared.ids import DoorId
from aldaba_shared.keys import CredentialKind
from aldaba_shared.reasons import Reason
from aldaba_shared.rules import Facts
from aldaba_shared.schedule import Window
from aldaba_shared.sealed_number import public_half, seal_number
from tests.cloud.billed_space import DEBIT, BilledSpace
from tests.cloud.conftest import BARCELONA, NETWORK
from tests.pages.space import LLOTJA, NAMES, OPEN, Space

STREET: Final = DoorId("street")
PEOPLE: Final = {
    "op": Role.OPERATOR, "admin": Role.ADMIN, "fitter": Role.INSTALLER, "sums": Role.ACCOUNTANT,
}  # fmt: skip


def live_in(space: Space) -> None:
    """Let the morning happen: people and refusals, alarms, strangers' cards, visitors, a round of cards."""
    for who, role in PEOPLE.items():
        space.account(f"{who}@example.org", role, "Marta Puig i Cadafalch")
    space.account("ana@example.org", Role.MEMBER, "Ana Ferrer", space.holders["Ana Ferrer"])
    space.account("nobody@example.org", Role.MEMBER, "Pau Serra", space.holders["Pau Serra"])
    keys = Keyring(space.config.key_dir)
    make_keys(keys, space.config.key_dir / "root.key", space.now)
    _come_in(space)
    space.happen("offices", DoorHeld(DoorId("offices"), 31_000), space.now - timedelta(minutes=4), received=space.now)
    space.happen("terrace", DoorForced(DoorId("terrace")), space.now - timedelta(minutes=2), received=space.now)
    for number, kind in ((b"\x04new card", CredentialKind.UID), (bytes(65), CredentialKind.PKOC)):
        _show_a_stranger(space, number, kind)
    _compare_in_shadow(space)
    with space.database.write() as db:
        work = Work(db, Scope(NETWORK), space.now)
        _arrange(space, work)
        _bill(work)
        _write_letters(work)


def _come_in(space: Space) -> None:
    """Everybody by the street, then on to where they work; one has no hours and is refused."""
    begun = space.now - timedelta(minutes=50)
    for number, name in enumerate(NAMES):
        at = begun + timedelta(minutes=4 * number)
        space.tap(name, "street", at, received=space.now)
        further = ("lane", "offices", "terrace", "llotja")[number % 4]
        space.tap(name, further, at + timedelta(seconds=50), received=space.now)


def _show_a_stranger(space: Space, number: bytes, kind: CredentialKind) -> None:
    """A card nobody has, told sealed by the street door."""
    at = space.now - timedelta(seconds=90)
    public = public_half(Keyring(space.config.key_dir).secret(NUMBERS))
    sealed = seal_number(public, space.controllers["street"].id, kind, number)
    shown = Presented(STREET, Side.IN, kind, at)
    refused = Decision(Reason.UNKNOWN_CREDENTIAL)
    event = AccessDecided(shown, Facts(), PresenceNow(), DoorNow(), refused, number=sealed)
    space.happen("street", event, at, received=space.now)


def _compare_in_shadow(space: Space) -> None:
    """What the system that was there before did, and we would have done."""
    for theirs, ours in ((True, "granted"), (True, "granted"), (False, "granted"), (True, "out_of_schedule")):
        at = space.now - timedelta(hours=2)
        space.happen("street", ShadowCompared(STREET, theirs=theirs, ours=ours), at, received=space.now)


def _arrange(space: Space, work: Work) -> None:
    """What people at desks have set up."""
    keyring = Keyring(space.config.key_dir)
    here = replace(work, scope=Scope(NETWORK, frozenset({BARCELONA})))
    for controller in space.controllers.values():
        fleet.save_hello(work, controller.hello(space.now))
    ana, tom = space.holders["Ana Ferrer"], space.holders["Tom Becker"]
    begins, ends = space.now - timedelta(hours=1), space.now + timedelta(hours=7)
    passes.issue_pass(here, passes.PassWanted(ana, "Clara Iglesias", begins, ends, zone=OPEN), keyring)
    later = passes.PassWanted(tom, "Equip de manteniment de l'ascensor", ends, ends + timedelta(days=2), zone=LLOTJA)
    passes.issue_pass(here, later, keyring)
    rounds.begin(here, STREET, [ana, tom])
    for door in (STREET, DoorId("offices"), DoorId("lane"), DoorId("terrace")):
        stickers.set_door(here, door, keyring, sticker=True)
    stickers.set_plan(work, "plan-hot", keyring, sticker=True)
    duty.add_contact(here, keyring, Contact("", BARCELONA, Channel.MAIL, "guardia@example.org", "ca"))
    duty.add_contact(here, keyring, Contact("", BARCELONA, Channel.WEBHOOK, "https://hooks.example.org/a", "es"))
    set_special_day(here, SpecialDay(BARCELONA, date(2026, 12, 28), "Pont de Nadal", (Window(600, 840),)), keyring)
    for one in access.newest_generations(here)[1:]:
        fleet.save_confirmed(work, one.controller, (one.epoch, one.version), one.set_hash)


def _bill(work: Work) -> None:
    """A month that was invoiced: one debit came back, and money arrived that is for nothing known."""
    billed = BilledSpace(work)
    billed.build()
    for who in ("lola", "pere"):
        billed.join(who, starts_on=date(2026, 11, 1), payment=DEBIT)
    month_run.invoice_month(work, BARCELONA, date(2026, 11, 1), work.now.date() - timedelta(days=12))
    owed = billing.list_invoices(work)[0]
    payments.collecting(work, owed.id)
    payments.returned(work, owed.id, work.now.date() - timedelta(days=9))
    payments.take_payment(work, Payment("pay_1", BARCELONA, "camt", "x", 10_000, date(2026, 11, 6), "A. Puig"))


def _write_letters(work: Work) -> None:
    """One that waits, and one for somebody of whom only a telephone number is known."""
    letters.write(work, BARCELONA, Letter("test", "test:1", "ana@example.org", {}, "ca"))
    letters.write(work, BARCELONA, Letter("test", "test:2", "", {}))
