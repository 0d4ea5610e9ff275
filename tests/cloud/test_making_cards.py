"""A blank card becomes a member's at the desk: keys for one card, the card made, enrolled, and known to every door."""

import random
from typing import Any

import pytest
from fastapi.testclient import TestClient

from aldaba_cloud.access import service
from aldaba_cloud.access.publish import snapshot_rows
from aldaba_cloud.auth.models import Role
from aldaba_cloud.config import Config
from aldaba_cloud.db import Database, Scope, Work
from aldaba_cloud.fleet import card_keys
from aldaba_cloud.keyring import Keyring
from aldaba_edge.card_secrets import CardSecrets
from aldaba_edge.desk import CardNotMade, DeskCloud, DeskRefused, Order, make_card
from aldaba_edge.drivers.negotiation import InField, Negotiation
from aldaba_edge.drivers.options import PROVABLE
from aldaba_edge.ports import CardSeen, CardWays
from aldaba_shared.card_keys import SETTING
from aldaba_shared.ids import ControllerId
from aldaba_shared.keys import CredentialKind
from aldaba_shared.snapshot import Row
from aldaba_sim.cards import Card, phone_like
from aldaba_sim.desfire_card import DesfireCard
from aldaba_sim.ntag424_card import Ntag424Card
from tests.cloud.conftest import BARCELONA, MONDAY_NOON, NETWORK, account, sign_in
from tests.cloud.small_space import SmallSpace

UID = bytes.fromhex("04112233445566")


class Desk(DeskCloud):
    """The desk, whose requests reach the cloud without a network."""

    def __init__(self, browser: TestClient) -> None:
        super().__init__("https://space.example")
        self._browser = browser

    def _post(self, path: str, body: dict[str, str]) -> dict[str, Any]:
        answer = self._browser.post(path, json=body)
        if answer.is_error:
            raise DeskRefused(f"{answer.status_code}")
        told: dict[str, Any] = answer.json()
        return told


@pytest.fixture
def space(config: Config, database: Database) -> SmallSpace:
    space = SmallSpace(BARCELONA, Keyring(config.key_dir))
    with database.write() as db:
        work = Work(db, Scope(NETWORK), MONDAY_NOON)
        space.build(work)
        card_keys.make_set(work, BARCELONA, space.keyring)
        service.publish_everywhere(work, space.keyring)
    return space


@pytest.fixture
def desk(browser: TestClient, database: Database, config: Config) -> Desk:
    account(database, config, "desk@example.org", Role.OPERATOR, BARCELONA)
    browser.headers.update(sign_in(browser, "desk@example.org"))
    return Desk(browser)


def rules_of(database: Database, controller: ControllerId) -> list[Row]:
    with database.read() as db:
        return snapshot_rows(Work(db, Scope(NETWORK), MONDAY_NOON), controller)


def tap(database: Database, space: SmallSpace, card: Card) -> str | None:
    """What a door with its newest rules finds of a card: the holder, or nobody."""
    controller = space.controller("street")
    rows = rules_of(database, controller)
    (sealed,) = [row.values[1] for row in rows if row.values[0] == SETTING]
    known = CardSecrets(controller, controller.encode().ljust(32, b"."))
    known.follow(lambda: sealed)
    reader = Negotiation(PROVABLE, known.digest, CardWays(known.key_sets))
    reading = reader.meet(InField(card.uid, speaks=True), card.transmit).reading
    assert isinstance(reading, CardSeen)
    assert reading.refusal is None
    holders = [row.values[2] for row in rows if row.table == "credential" and row.values[0] == reading.key]
    return holders[0] if holders else None


@pytest.mark.feature(35)
@pytest.mark.parametrize(
    ("card", "kind"),
    [
        pytest.param(DesfireCard(UID), CredentialKind.DESFIRE, id="desfire"),
        pytest.param(Ntag424Card(UID), CredentialKind.NTAG424, id="ntag424"),
    ],
)
def test_a_blank_card_made_at_the_desk_is_its_holders_at_every_door(
    desk: Desk, database: Database, space: SmallSpace, card: Card, kind: CredentialKind
) -> None:
    order = Order(space.ana, "Card 17", "https://space.example/t")
    made, credential = make_card(desk, card.uid, order, card.transmit, random.Random(1).randbytes)
    assert made.kind is kind
    assert credential
    assert tap(database, space, card) == space.ana
    with pytest.raises(DeskRefused, match="409"):
        make_card(desk, card.uid, Order(space.cleaner, "Card 18", order.address), card.transmit, random.randbytes)


def test_a_card_that_cannot_be_made_costs_nothing(desk: Desk, space: SmallSpace) -> None:
    order = Order(space.ana, "Card 17", "https://space.example/t")
    with pytest.raises(CardNotMade, match="neither"):
        make_card(desk, UID, order, phone_like(UID).transmit, random.randbytes)
    with pytest.raises(DeskRefused, match="404"):
        make_card(desk, UID, Order("nobody", "x", order.address), DesfireCard(UID).transmit, random.randbytes)


def test_only_an_operator_gets_the_keys_of_a_card(
    browser: TestClient, database: Database, config: Config, space: SmallSpace
) -> None:
    account(database, config, "ana@example.org", Role.MEMBER, BARCELONA, holder=space.ana)
    browser.headers.update(sign_in(browser, "ana@example.org"))
    asked = {"holder": space.ana, "kind": "desfire", "uid": UID.hex()}
    assert browser.post("/api/v1/cards/keys", json=asked).status_code == 403
    assert browser.post("/api/v1/cards", json={**asked, "label": "x"}).status_code == 403
