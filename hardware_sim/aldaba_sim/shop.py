"""What the Barcelona space sells: rooms and desks by the hour, plans with prices, invoices and this week's bookings.

The doors need none of it, so only the demo opens the shop. Everything goes
through the services that a person's press would call, under clocks of their own:
a booking of this morning was made last week. The space is in test mode, so its
series begin with TEST and no record joins the tax office's chain.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from random import Random
from types import MappingProxyType
from typing import Final
from zoneinfo import ZoneInfo

from stdnum.es import dni

from aldaba_cloud.billing import month_run, payments
from aldaba_cloud.billing import store as billing
from aldaba_cloud.billing.models import Issuer, Payment
from aldaba_cloud.bookings import attendance, inventory, service
from aldaba_cloud.bookings.models import (
    Booking,
    HouseRules,
    Request,
    Resource,
    ResourceId,
    ResourceKind,
    SlotTaken,
    Span,
    State,
)
from aldaba_cloud.bookings.prices import PriceRule
from aldaba_cloud.db import Work
from aldaba_cloud.members import store as members
from aldaba_cloud.members import terms_store as terms
from aldaba_cloud.members.models import Contract
from aldaba_cloud.members.terms import (
    Address,
    BillTo,
    Company,
    CompanyId,
    PaymentTerms,
    PlanVersion,
    QuotaKind,
    Spell,
    TaxIdKind,
)
from aldaba_shared.ids import HolderId, ZoneId
from aldaba_sim.barcelona import FLOOR, ROOM_SEATS, ROOMS, SITE

MADRID: Final = ZoneInfo("Europe/Madrid")
DESKS: Final = 40
EQUIPMENT: Final = MappingProxyType(
    {
        "gaudi": frozenset({"projector", "whiteboard", "video"}),
        "miro": frozenset({"screen", "whiteboard"}),
        "tapies": frozenset({"screen"}),
        "rodoreda": frozenset({"whiteboard"}),
    }
)
HOUR_CENTS: Final = MappingProxyType({"gaudi": 40_00, "miro": 30_00, "tapies": 25_00, "rodoreda": 18_00})
PLAN_CENTS: Final = MappingProxyType(
    {"plan_flex": 180_00, "plan_247": 300_00, "plan_office": 1_250_00, "plan_virtual": 60_00}
)
ROOM_HOURS: Final = MappingProxyType({"plan_flex": 4, "plan_247": 8, "plan_office": 20})
"""Hours of rooms a month that a plan includes."""
COMPANIES: Final = (
    *("Estudi Garbí", "Nova Onada", "Lletra i Forma", "Mar Endins Software", "Cooperativa Rusc"),
    *("Taller Vint-i-u", "Pont Digital", "Arrel Arquitectes", "Somriu Salut", "Vela Dades"),
)
TITLES: Final = ("Weekly", "Client visit", "Interviews", "Design review", "Board", "Workshop", "Demo", "")
DAYS_BACK, DAYS_AHEAD = 2, 7
ANSWERED_AHEAD: Final = timedelta(days=2)
SATURDAY: Final = 5
ATTEMPTS_A_DAY: Final = 14
PAID_OF_TEN: Final = 9
"""Nine of ten invoices of this month are paid; the others are what the page of debts is for."""


def open_shop(work: Work, rng: Random) -> None:
    """Tell the cloud what is sold, to whom, what was invoiced this month and booked this week."""
    rooms = list(_rooms())
    for one in (*rooms, *_desks()):
        inventory.add_resource(work, one)
    for price in _prices():
        inventory.add_price(work, price)
    contracts = sorted(members.contracts_of(work), key=lambda one: one.id)
    _tell_terms(work, contracts, rng)
    _invoice(work, rng)
    hosts = [one.people[0] for one in contracts if one.plan != "plan_virtual"]
    _book(work, [one for one in rooms if not one.parts], hosts, rng)


def _rooms() -> Iterator[Resource]:
    for key, name in ROOMS.items():
        rules = HouseRules(before=0, after=5, approval=key == "gaudi")
        room = ResourceId(f"res_{key}")
        zone = ZoneId(f"room-{key}")
        yield Resource(room, SITE, ResourceKind.ROOM, name, ROOM_SEATS[key], zone, EQUIPMENT[key], (), rules)
    parts = (ResourceId("res_miro"), ResourceId("res_tapies"))
    both = ROOM_SEATS["miro"] + ROOM_SEATS["tapies"]
    yield Resource(ResourceId("res_both"), SITE, ResourceKind.ROOM, "Miró + Tàpies", both, FLOOR, parts=parts)


def _desks() -> Iterator[Resource]:
    rules = HouseRules(shortest=60, step=60, days_ahead=30)
    for number in range(1, DESKS + 1):
        desk = ResourceId(f"res_desk_{number:02}")
        yield Resource(desk, SITE, ResourceKind.DESK, f"D-{number:02}", zone=FLOOR, rules=rules)


def _prices() -> Iterator[PriceRule]:
    for key, cents in HOUR_CENTS.items():
        yield PriceRule(f"price_{key}", ROOMS[key], cents, SITE, resource=ResourceId(f"res_{key}"))
    yield PriceRule("price_both", "Miró + Tàpies", 50_00, SITE, resource=ResourceId("res_both"))
    yield PriceRule("price_desk", "Desk by the hour", 4_00, SITE, kind=ResourceKind.DESK)
    yield PriceRule("price_desk_flex", "Desk, included in Flex", 0, SITE, kind=ResourceKind.DESK, plan="plan_flex")


def _tell_terms(work: Work, contracts: Sequence[Contract], rng: Random) -> None:
    """Versions with prices, who is billed under which name, and that everything before this month is settled."""
    for plan, cents in PLAN_CENTS.items():
        quotas = {QuotaKind.ROOM_MINUTES_MONTH: 60 * ROOM_HOURS[plan]} if plan in ROOM_HOURS else {}
        terms.add_plan_version(work, PlanVersion(f"{plan}_1", plan, 1, cents, quotas=quotas, site=SITE))
    told = [_billed_as_company(work, one, rng) for one in contracts if one.plan == "plan_office"]
    names = members.holders_by_id(work)
    payers = [one for one in contracts if one.plan != "plan_office"]
    told += [_bill_to(one.billed_to, names[HolderId(one.billed_to)].name, rng) for one in payers]
    terms.save_bill_to(work, told)
    terms.add_terms(work, {one.id: PaymentTerms(days=7) for one in contracts}, SITE)
    terms.add_spells(work, [Spell(one.id, f"{one.plan}_1", one.starts_on) for one in contracts], SITE)
    before = work.now.astimezone(MADRID).date().replace(day=1) - timedelta(days=1)
    settled = [(str(one.id), "plan", one.starts_on, before, None) for one in contracts if one.starts_on <= before]
    billing.note_charged(work, SITE, settled)


def _billed_as_company(work: Work, contract: Contract, rng: Random) -> BillTo:
    """An office is a company's; its invoices name the company and not the first of its people."""
    number = int(contract.id.removeprefix("con_"))
    name = f"{COMPANIES[number % len(COMPANIES)]} SL"
    company = Company(CompanyId(f"cmp_{number:03}"), name, "services", SITE)
    terms.add_company(work, company)
    members.save_contract(work, replace(contract, company=company.id))
    return replace(_bill_to(company.id, name, rng), mail=f"factures{number}@example.org")


def _bill_to(party: str, name: str, rng: Random) -> BillTo:
    number = str(rng.randrange(10_000_000, 99_999_999))
    nif = number + dni.calc_check_digit(number)
    where = Address(f"Carrer de Pujades {rng.randrange(1, 200)}", "08005", "Barcelona")
    return BillTo(party, name, TaxIdKind.NIF, nif, where, locale="ca", site=SITE)


def _invoice(work: Work, rng: Random) -> None:
    """This month's invoices, made on its first day; most of them are paid by now."""
    first = work.now.astimezone(MADRID).date().replace(day=1)
    address = Address("Carrer de Pujades 77", "08005", "Barcelona")
    issuer = Issuer("iss_bcn", SITE, "Mediterrània Coworking SL", "B12345674", address, "BCN")
    billing.add_issuer(work, replace(issuer, iban="ES9121000418450200051332", creditor_id="ES11000B12345674"))
    then = replace(work, now=datetime.combine(first, time(6), MADRID))
    run = month_run.invoice_month(then, SITE, first, first)
    paid_on = min(first + timedelta(days=3), work.now.astimezone(MADRID).date())
    for number in run.numbers:
        made = billing.find_by_number(work, number)
        if made is not None and rng.randrange(10) < PAID_OF_TEN:
            payment = Payment(work.new_id("pay"), SITE, "transfer", f"seed-{number}", made.total_cents, paid_on)
            payments.take_payment(work, replace(payment, invoice=made.id, text=number))
    payments.follow_run(work, SITE)


def _book(work: Work, rooms: Sequence[Resource], hosts: Sequence[HolderId], rng: Random) -> None:
    """Rooms from the day before yesterday to a week ahead, denser at eleven than at five, and who came to them."""
    today = work.now.astimezone(MADRID).date()
    days = (today + timedelta(days=ahead) for ahead in range(-DAYS_BACK, DAYS_AHEAD + 1))
    for day in (day for day in days if day.weekday() < SATURDAY):
        made = replace(work, now=datetime.combine(day, time(), MADRID) - timedelta(days=3))
        for request in _wishes(day, rooms, hosts, rng):
            with suppress(SlotTaken), work.db.begin_nested():  # somebody else was first, as in life
                _use(work, _answered(made, service.book(made, request), before=work.now + ANSWERED_AHEAD))


def _wishes(day: date, rooms: Sequence[Resource], hosts: Sequence[HolderId], rng: Random) -> Iterable[Request]:
    for _ in range(ATTEMPTS_A_DAY):
        room = rng.choice(rooms)
        start = datetime.combine(day, time(8), MADRID) + timedelta(minutes=30 * int(rng.triangular(0, 20, 6)))
        span = Span(start, start + timedelta(minutes=rng.choice((30, 60, 60, 90, 120))))
        people = rng.randrange(2, room.seats + 1)
        yield Request(room.id, rng.choice(hosts), span, people=people, title=rng.choice(TITLES))


def _answered(made: Work, booking: Booking, before: datetime) -> Booking:
    """The house says yes to what is soon; what is later waits for whoever tries the demo."""
    if booking.state is not State.REQUESTED or booking.span.start >= before:
        return booking
    return service.confirm(made, booking.id)


def _use(work: Work, booking: Booking) -> None:
    """Whoever's booking has begun came three minutes late, and left at its end."""
    came = booking.span.start + timedelta(minutes=3)
    if booking.state is not State.CONFIRMED or came > work.now:
        return
    attendance.check_in(replace(work, now=came), booking.id, booking.host)
    if booking.span.end <= work.now:
        attendance.check_out(replace(work, now=booking.span.end), booking.id)
