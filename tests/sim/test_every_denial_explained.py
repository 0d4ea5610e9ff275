"""Every "no" of a day, explained at the door and on the operator's page: both give the reason the door gave."""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from click.testing import CliRunner
from fastapi.testclient import TestClient

from aldaba_cloud.access.explain import explain_kept
from aldaba_cloud.app import create_app
from aldaba_cloud.auth.models import Grant, Role
from aldaba_cloud.auth.service import NewAccount, Passwords, open_account
from aldaba_cloud.config import Config
from aldaba_cloud.db import ALL_SITES, Database
from aldaba_edge import cli as edge
from aldaba_edge import config as told
from aldaba_edge.explain import event as explain_at_the_door
from aldaba_shared.events import AccessDecided
from aldaba_shared.ids import ControllerId
from aldaba_shared.reasons import Reason, sentence
from aldaba_sim.machine import Machine
from tests.cloud.conftest import PASSWORD, sign_in
from tests.sim.denied_day import DeniedDay
from tests.system.controller import CONFIG

pytestmark = [
    pytest.mark.world,
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]
EMAIL = "operator@example.org"
REASONS = {
    Reason.DOOR_LOCKED_DOWN,
    Reason.UNKNOWN_CREDENTIAL,
    Reason.CREDENTIAL_DISABLED,
    Reason.CREDENTIAL_NOT_IN_FORCE,
    Reason.RULES_TOO_OLD,
    Reason.CONTRACT_NOT_IN_GOOD_STANDING,
    Reason.NO_ACCESS_RIGHTS,
    Reason.OUT_OF_SCHEDULE,
    Reason.PASSBACK,
    Reason.ZONE_FULL,
}
"""Every reason there is in a building without passes, PINs, interlocks and rules for two persons."""


class Denial(NamedTuple):
    machine: Machine
    journal: str
    sequence: int
    reason: Reason


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DeniedDay]:
    lived = DeniedDay(tmp_path_factory.mktemp("day"))
    yield lived
    lived.world.close()


@pytest.fixture(scope="module")
def denials(day: DeniedDay) -> list[Denial]:
    return [denial for machine in day.world.machines.values() for denial in denials_of(machine)]


def denials_of(machine: Machine) -> Iterator[Denial]:
    journal = machine.running.books.journal
    for line in journal.file.events(1):
        if isinstance(line.event, AccessDecided) and not line.event.decision.granted:
            yield Denial(machine, journal.id, line.sequence, line.event.decision.reason)


def config_of(day: DeniedDay, machine: Machine) -> Path:
    """The settings file of that controller, beside what it kept."""
    folder = day.folder / "settings" / machine.name
    if not folder.exists():
        folder.mkdir(parents=True)
        (folder / "data").symlink_to(machine.folder)
        (folder / "edge.toml").write_text(CONFIG.format(folder=folder, release_seconds=4))
        (folder / "edge.toml").chmod(0o600)
    return folder / "edge.toml"


@pytest.fixture(scope="module")
def page(day: DeniedDay) -> Iterator[TestClient]:
    """The cloud's pages over the books of that day, with the operator signed in."""
    folder = day.folder / "cloud"
    config = Config(state_dir=folder, argon2_time_cost=1, argon2_memory_kib=8)
    with day.world.cloud.work() as work:
        open_account(
            work, NewAccount(EMAIL, "Operator", PASSWORD, (Grant(Role.OPERATOR, ALL_SITES),)), Passwords(config)
        )
    database = Database(f"sqlite:///{folder / 'aldaba.db'}")
    with TestClient(create_app(config, clock=day.world.time, database=database), base_url="http://localhost") as client:
        sign_in(client, EMAIL)
        yield client
    database.close()


def test_a_day_has_denials_for_every_reason_that_can_come_up_there(denials: list[Denial]) -> None:
    seen = Counter(denial.reason for denial in denials)
    assert set(seen) == REASONS, seen
    assert seen.total() > 30, seen


def test_explain_at_the_door_gives_every_denial_its_own_reason(day: DeniedDay, denials: list[Denial]) -> None:
    for denial in denials:
        explained = explain_at_the_door(told.load(config_of(day, denial.machine)), denial.sequence)
        assert explained.same
        assert explained.again.reason is denial.reason


def test_the_command_says_so_too_for_one_denial_of_each_reason(day: DeniedDay, denials: list[Denial]) -> None:
    for denial in {denial.reason: denial for denial in denials}.values():
        command = ["explain", str(denial.sequence), "--config", str(config_of(day, denial.machine)), "--json"]
        said = CliRunner().invoke(edge.main, command)
        assert said.exit_code == 1, said.output
        answer = json.loads(said.output)
        assert (answer["reason"], answer["same"], answer["granted"]) == (denial.reason.value, True, False)
        assert answer["sentence"] == sentence(denial.reason, "en")


def test_the_page_gives_every_denial_the_reason_of_the_door(
    day: DeniedDay, denials: list[Denial], page: TestClient
) -> None:
    with day.world.cloud.work() as work:
        for denial in denials:
            kept = explain_kept(work, ControllerId(denial.machine.name), denial.journal, denial.sequence)
            assert kept.same
            assert kept.decision.reason is denial.reason
    for denial in denials:
        shown = page.get(f"/events/{denial.machine.name}/{denial.journal}/{denial.sequence}")
        assert shown.status_code == 200, shown.text
        assert "La misma respuesta que en la puerta." in shown.text
        assert sentence(denial.reason, "es") in shown.text
