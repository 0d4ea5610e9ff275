"""Somebody at a browser who posts forms as browsers do; its space is built once and copied for each test."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import pytest
from fastapi.testclient import TestClient
from httpx2 import Response

from aldaba_cloud.auth.models import Role
from aldaba_cloud.config import Config
from aldaba_cloud.db import Database, Scope, Work
from aldaba_cloud.fleet import store as fleet
from tests.cloud.conftest import BARCELONA, MONDAY_NOON, NETWORK, PASSWORD, HandClock
from tests.pages.space import Space

AS_BROWSER = {"accept": "text/html", "accept-language": "en"}
WHO = {"op": Role.OPERATOR, "admin": Role.ADMIN, "fitter": Role.INSTALLER, "sums": Role.ACCOUNTANT}
T = TypeVar("T")


@dataclass
class Desk:
    """Somebody at a browser, and the space behind it."""

    browser: TestClient
    space: Space
    clock: HandClock

    def sign_in(self, who: str) -> None:
        form = {"email": f"{who}@example.org", "password": PASSWORD}
        self.browser.post("/sign-in", data=form, headers=AS_BROWSER, follow_redirects=False)

    def see(self, address: str) -> str:
        answer = self.browser.get(address, headers=AS_BROWSER)
        assert answer.status_code == 200, answer.text
        return answer.text

    def send(self, address: str, /, **fields: str) -> Response:
        token = self.browser.get("/api/v1/session").json()["csrf_token"]
        form = {"csrf_token": token, **fields}
        return self.browser.post(address, data=form, headers=AS_BROWSER)

    def read(self, ask: Callable[[Work], T]) -> T:
        with self.space.database.read() as db:
            return ask(Work(db, Scope(NETWORK, frozenset({BARCELONA})), self.clock.moment))


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory, template: Path) -> Space:
    """The space as every test here finds it, built once: each then works in a copy of its files."""
    room = tmp_path_factory.mktemp("desk")
    shutil.copy(template, room / "aldaba.db")
    url = f"sqlite:///{room / 'aldaba.db'}"
    config = Config(state_dir=room, database_url=url, argon2_time_cost=1, argon2_memory_kib=8)
    database = Database(url)
    space = Space(database, config, MONDAY_NOON).build()
    for who, role in WHO.items():
        space.account(f"{who}@example.org", role, "Marta Puig", locale="en")
    with database.write() as db:
        work = Work(db, Scope(NETWORK, frozenset({BARCELONA})), MONDAY_NOON)
        for controller in space.controllers.values():
            fleet.save_hello(work, controller.hello(MONDAY_NOON))
    database.close()
    return space


@pytest.fixture
def fresh_url(tmp_path: Path, built: Space) -> str:
    """A copy of the built space's database, with the keys it belongs to."""
    shutil.copytree(built.config.state_dir, tmp_path, dirs_exist_ok=True)
    return f"sqlite:///{tmp_path / 'aldaba.db'}"


@pytest.fixture
def desk(database: Database, config: Config, built: Space, browser: TestClient, clock: HandClock) -> Desk:
    return Desk(browser, built.copied(database, config), clock)
