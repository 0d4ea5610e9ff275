"""Stripe and GoCardless collect: asked once, believed only when signed, and the same in any order."""

import hmac
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import permutations
from pathlib import Path
from threading import Thread
from urllib.parse import parse_qs

import pytest
from fastapi.testclient import TestClient
from hypothesis import event, given
from hypothesis import strategies as st
from sqlalchemy import func, select

from aldaba_cloud.app import create_app
from aldaba_cloud.billing import collector_store, collectors, ledger_store, payment_store, store
from aldaba_cloud.billing.collection import Collection, Collector, CollectorSilent, Provider, Said, Told, story
from aldaba_cloud.billing.gocardless_collector import GoCardlessCollector
from aldaba_cloud.billing.models import InvoiceState
from aldaba_cloud.billing.month_run import invoice_month
from aldaba_cloud.billing.stripe_collector import StripeCollector
from aldaba_cloud.config import Config
from aldaba_cloud.db import Database, Scope, Work
from aldaba_cloud.members import store as members
from aldaba_cloud.members.models import Standing
from aldaba_cloud.members.terms import PayBy, PaymentTerms
from aldaba_shared.ids import ContractId
from tests.cloud.billed_space import BilledSpace
from tests.cloud.conftest import BARCELONA, MONDAY_NOON, NETWORK, HandClock

NOVEMBER = date(2026, 11, 1)
PUBLISHED = json.loads((Path(__file__).parents[1] / "golden" / "collectors.json").read_text())
SECRET = "whsec_test_secret"
STRIPE_BODY = b'{"id":"evt_test_1","object":"event","type":"invoice.paid","created":1795305600}'
STRIPE_SIGNED = "932bef42163cdeb0323ddbfb5ea5fb586f3be885bcdad5b598acfd31fde3ec82"
SIGNED_AT = datetime.fromtimestamp(1795305600, UTC)


def day(number: int) -> datetime:
    return datetime(2026, 11, number, 9, tzinfo=UTC)


@pytest.fixture
def hearing(config: Config, database: Database) -> Iterator[tuple[TestClient, HandClock]]:
    """A service that was given the secrets, and one November invoice that GoCardless collects as PM1."""
    told = config.model_copy(update={"stripe_webhook_secret": SECRET, "gocardless_webhook_secret": SECRET})
    with database.write() as db:
        space = BilledSpace(Work(db, Scope(NETWORK), MONDAY_NOON))
        space.build()
        asked(space)
    clock = HandClock(SIGNED_AT)
    with TestClient(create_app(told, clock=clock, database=database, link=False)) as client:
        yield client, clock


def asked(space: BilledSpace, provider: Provider = Provider.GOCARDLESS, name: str = "PM1") -> None:
    space.join("ana", starts_on=NOVEMBER, payment=PaymentTerms(PayBy(provider.value), days=4))
    invoice_month(space.work, BARCELONA, NOVEMBER, NOVEMBER)
    collector_store.save_account(space.work, BARCELONA, "h-ana", provider, ("CU1", "MD1"))
    assert collectors.prepare(space.work, BARCELONA, provider, date(2026, 11, 5)) == []
    (wanted,) = collector_store.unasked(space.work, provider)
    collectors.note_asked(space.work, wanted, name)


def payments_kept(database: Database) -> int:
    with database.read() as db:
        return int(db.execute(select(func.count()).select_from(payment_store.payments)).scalar_one())


def events_kept(database: Database) -> int:
    with database.read() as db:
        return int(db.execute(select(func.count()).select_from(collector_store.collector_events)).scalar_one())


def gocardless(action: str, at: datetime, name: str, payment: str = "PM1") -> dict[str, object]:
    """An event in the form of the vendor's published webhook."""
    published: dict[str, object] = PUBLISHED["gocardless_webhook"]["events"][0]
    told = {"resource_type": "payments", "action": action, "links": {"payment": payment}, "id": name}
    return published | told | {"created_at": at.isoformat().replace("+00:00", ".000Z")}


def post(client: TestClient, *events: dict[str, object], secret: str = SECRET) -> int:
    body = json.dumps({"events": events}).encode()
    signature = hmac.new(secret.encode(), body, sha256).hexdigest()
    answer = client.post("/api/v1/collectors/gocardless", content=body, headers={"webhook-signature": signature})
    return answer.status_code


@pytest.mark.feature(96)
@pytest.mark.parametrize(
    ("signature", "late", "status"),
    [
        pytest.param(STRIPE_SIGNED, 0, 200, id="the given vector"),
        pytest.param(STRIPE_SIGNED, 300, 200, id="300 seconds later"),
        pytest.param(STRIPE_SIGNED, 301, 400, id="a second more"),
        pytest.param(STRIPE_SIGNED[:-1] + "3", 0, 400, id="another signature"),
        pytest.param("", 0, 400, id="none"),
    ],
)
def test_stripe_is_believed_when_it_signed(
    hearing: tuple[TestClient, HandClock], database: Database, signature: str, late: int, status: int
) -> None:
    client, clock = hearing
    clock.turn(seconds=late)
    headers = {"stripe-signature": f"t=1795305600,v1={signature}"} if signature else {}
    assert client.post("/api/v1/collectors/stripe", content=STRIPE_BODY, headers=headers).status_code == status
    assert events_kept(database) == 0


@pytest.mark.feature(96)
def test_a_signature_that_is_none_of_gocardless_is_told_498_and_leaves_no_row(
    hearing: tuple[TestClient, HandClock], database: Database
) -> None:
    client, _ = hearing
    assert post(client, gocardless("confirmed", day(6), "EV1"), secret="another") == 498
    assert (events_kept(database), payments_kept(database)) == (0, 0)


@pytest.mark.feature(96)
def test_the_vendors_published_webhook_is_taken_and_moves_nothing(
    hearing: tuple[TestClient, HandClock], database: Database
) -> None:
    assert post(hearing[0], *PUBLISHED["gocardless_webhook"]["events"]) == 200
    assert events_kept(database) == 0


@pytest.mark.feature(96)
def test_the_same_event_many_times_and_in_parallel_is_one_payment(
    hearing: tuple[TestClient, HandClock], database: Database
) -> None:
    client, _ = hearing
    answers: list[int] = []
    told = gocardless("confirmed", day(6), "EV1")
    threads = [Thread(target=lambda: answers.append(post(client, told, told))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [200] * 8
    assert (events_kept(database), payments_kept(database)) == (1, 1)


LIFE = [
    Told("E1", "PM1", Said.ON_ITS_WAY, day(5)),
    Told("E2", "PM1", Said.PAID, day(7)),
    Told("E3", "PM1", Said.CAME_BACK, day(9)),
    Told("E4", "PM1", Said.PAID, day(12)),
]
"""Submitted, confirmed, charged back, and the chargeback cancelled."""


@pytest.mark.feature(96)
@pytest.mark.parametrize("provider", list(Provider))
@pytest.mark.parametrize(
    ("many", "ends"),
    [
        pytest.param(2, (InvoiceState.PAID, 0, Standing.GOOD), id="paid"),
        pytest.param(3, (InvoiceState.RETURNED, 27830, Standing.GRACE), id="charged back after it was paid"),
        pytest.param(4, (InvoiceState.PAID, 0, Standing.GOOD), id="and the chargeback cancelled"),
    ],
)
def test_any_order_and_repetition_ends_in_the_same_state(
    database: Database, provider: Provider, many: int, ends: tuple[InvoiceState, int, Standing]
) -> None:
    with database.write() as db:
        space = BilledSpace(Work(db, Scope(NETWORK), MONDAY_NOON))
        space.build()
        asked(space, provider)
        for order in permutations(LIFE[:many]):
            kept = db.begin_nested()
            for one in (*order, *order):
                collectors.take(space.work, provider, [one])
            head = store.find_by_number(space.work, "BCN-2026-000001")
            contract = members.find_contract(space.work, ContractId("k-ana"))
            assert head
            assert contract
            assert (head.state, head.open_cents, contract.standing) == ends, order
            spells = {(one.received_on.day, one.returned_on) for one in payment_store.payments_of(space.work, head.id)}
            first = (7, date(2026, 11, 9) if many > len(LIFE[:2]) else None)
            assert spells == ({first, (12, None)} if many == len(LIFE) else {first})
            assert ledger_store.balance(space.work, ledger_store.BANK) == head.paid_cents == 27830 - ends[1]
            kept.rollback()


@given(
    told=st.lists(
        st.builds(Told, st.uuids().map(str), st.just("PM1"), st.sampled_from(list(Said)), st.integers(1, 28).map(day)),
        max_size=9,
    ),
    shuffled=st.randoms(use_true_random=False),
)
def test_a_story_is_the_same_however_it_is_told(told: list[Told], shuffled: object) -> None:
    again = [*told, *told[:4]]
    shuffled.shuffle(again)  # type: ignore[attr-defined]  # a Random
    found = story(told)
    event(f"{len(found.spells)} times paid, at last {found.last}")
    assert story(again) == found
    assert all(one.back_at is not None for one in found.spells[:-1])
    assert (found.last is Said.PAID) == bool(found.spells and found.spells[-1].back_at is None)


@pytest.mark.feature(96)
def test_what_was_said_before_we_heard_the_answer_counts(database: Database) -> None:
    with database.write() as db:
        space = BilledSpace(Work(db, Scope(NETWORK), MONDAY_NOON))
        space.build()
        collectors.take(space.work, Provider.GOCARDLESS, LIFE[:2])
        asked(space)
        head = store.find_by_number(space.work, "BCN-2026-000001")
        assert head
        assert head.state is InvoiceState.PAID


@pytest.mark.feature(96)
def test_money_for_an_invoice_that_was_paid_elsewhere_waits_for_a_person(database: Database) -> None:
    with database.write() as db:
        space = BilledSpace(Work(db, Scope(NETWORK), MONDAY_NOON))
        space.build()
        asked(space)
        (attempt,) = collector_store.collections_of(space.work, _only(space.work))
        second = Collection("col_2", Provider.GOCARDLESS, attempt.invoice, "", attempt.cents, "CU1", "MD1", "PM2")
        collector_store.add_collection(space.work, BARCELONA, second)
        for reference in ("PM1", "PM2"):
            collectors.take(space.work, Provider.GOCARDLESS, [Told(reference, reference, Said.PAID, day(6))])
        assert [one.external_id for one in payment_store.unmatched(space.work)] == ["PM2"]


def _only(work: Work) -> str:
    head = store.find_by_number(work, "BCN-2026-000001")
    assert head
    return head.id


class Vendor(BaseHTTPRequestHandler):
    """Either vendor's API as far as its published fixtures go: a payment is made once for each idempotency key."""

    made: dict[str, dict[str, object]]
    asked: list[dict[str, object]]
    silent = False

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"])).decode()
        key = str(self.headers["idempotency-key"])
        if type(self).silent:
            self._say(503, {"error": {"message": "out of order", "type": "internal_error", "code": 503, "errors": []}})
            return
        stripe = self.path.startswith("/v1/")
        told = {name: one[0] for name, one in parse_qs(body).items()} if stripe else json.loads(body)["payments"]
        type(self).asked.append(told)
        number = 1 + len(type(self).made)
        published = PUBLISHED["stripe_payment_intent"] if stripe else PUBLISHED["gocardless_payment"]["payments"]
        payment = type(self).made.setdefault(key, published | {"id": f"{'pi_' if stripe else 'PM'}{number}"})
        self._say(200 if stripe else 201, payment if stripe else {"payments": payment})

    def log_message(self, *_: object) -> None:
        """Say nothing on the terminal."""

    def _say(self, status: int, told: object) -> None:
        body = json.dumps(told).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def vendor(*, silent: bool = False) -> Iterator[tuple[str, type[Vendor]]]:
    kind = type("Speaking", (Vendor,), {"made": {}, "asked": [], "silent": silent})
    server = ThreadingHTTPServer(("127.0.0.1", 0), kind)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", kind
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def collector(provider: Provider, url: str) -> Collector:
    if provider is Provider.STRIPE:
        return StripeCollector("sk_test_x", url)
    return GoCardlessCollector("token", url)


WANTED = Collection("col_1", Provider.STRIPE, "inv_1", "BCN-2026-000001", 27830, "cus_1", "pm_1")


@pytest.mark.feature(96)
@pytest.mark.parametrize("provider", list(Provider))
def test_asking_twice_asks_for_one_payment(provider: Provider) -> None:
    with vendor() as (url, kind):
        references = [collector(provider, url).collect(WANTED) for _ in range(2)]
    assert references[0] == references[1]
    assert len(kind.made) == 1
    sent = kind.asked[0]
    assert str(sent["amount"]) == "27830"
    assert str(sent["currency"]).lower() == "eur"
    assert not any("prorat" in name for name in sent)


@pytest.mark.feature(96)
@pytest.mark.parametrize("provider", list(Provider))
def test_a_collector_that_is_out_of_order_is_told_in_words(provider: Provider) -> None:
    with vendor(silent=True) as (url, _), pytest.raises(CollectorSilent, match="nothing is asked twice"):
        collector(provider, url).collect(WANTED)


def test_who_signed_nothing_is_left_out_and_named(database: Database) -> None:
    with database.write() as db:
        space = BilledSpace(Work(db, Scope(NETWORK), MONDAY_NOON + timedelta(days=1)))
        space.build()
        space.join("ana", starts_on=NOVEMBER, payment=PaymentTerms(PayBy.STRIPE, days=4))
        invoice_month(space.work, BARCELONA, NOVEMBER, NOVEMBER)
        ((number, why),) = collectors.prepare(space.work, BARCELONA, Provider.STRIPE, date(2026, 11, 5))
        assert number == "BCN-2026-000001"
        assert "stripe" in why
        assert collector_store.unasked(space.work, Provider.STRIPE) == []
