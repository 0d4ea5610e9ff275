"""Jobs run once at a time, survive their own errors, and tidy what a day leaves behind."""

from datetime import timedelta

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import func, select

from aldaba_cloud.access import service
from aldaba_cloud.access import store as access
from aldaba_cloud.access.models import SpecialDay
from aldaba_cloud.auth.models import Role
from aldaba_cloud.auth.store import sessions
from aldaba_cloud.cli.running import housekeeping
from aldaba_cloud.config import Config
from aldaba_cloud.db import Database, Scope, Work
from aldaba_cloud.jobs import LEASE, SHORT_LEASE, Jobs, Lease, take_lease
from aldaba_cloud.keyring import Keyring
from tests.cloud.conftest import BARCELONA, MONDAY_NOON, NETWORK, HandClock, account, sign_in
from tests.cloud.small_space import SmallSpace


def test_a_lease_is_one_process_until_it_runs_out(database: Database) -> None:
    with database.write() as db:
        assert take_lease(db, "job", "one", MONDAY_NOON)
        assert not take_lease(db, "job", "two", MONDAY_NOON)
        assert take_lease(db, "job", "one", MONDAY_NOON)
        assert take_lease(db, "job", "two", MONDAY_NOON + LEASE)


def test_a_kept_lease_goes_on_when_its_holder_ends_or_dies(database: Database, clock: HandClock) -> None:
    one, two, three = (Lease(database, "speaks", clock.now) for _ in range(3))
    assert one.held()
    assert not two.held()
    one.give_back()
    clock.turn(seconds=SHORT_LEASE.total_seconds() / 3)
    assert two.held()
    assert not three.held()
    clock.turn(seconds=SHORT_LEASE.total_seconds())
    assert three.held()
    assert not two.held()


def test_a_job_that_breaks_does_not_stop_the_next_run(
    database: Database, clock: HandClock, capsys: pytest.CaptureFixture[str]
) -> None:
    jobs, runs = Jobs(database, clock.now), []

    def breaks() -> None:
        runs.append(clock.now())
        raise ZeroDivisionError

    assert jobs.run("breaks", breaks)
    assert jobs.run("breaks", breaks)
    assert len(runs) == 2
    assert "job_failed" in capsys.readouterr().out


def test_ended_sessions_are_forgotten(
    app: FastAPI, browser: TestClient, database: Database, config: Config, clock: HandClock
) -> None:
    account(database, config, "ana@example.org", Role.ADMIN)
    sign_in(browser, "ana@example.org")
    clock.turn(hours=config.session_hours)
    jobs = housekeeping(app.state.cloud)
    jobs.run_all()
    with database.read() as db:
        assert db.execute(select(func.count()).select_from(sessions)).scalar() == 0


def test_a_special_day_gone_by_leaves_the_rules(database: Database, config: Config) -> None:
    space = SmallSpace(BARCELONA, Keyring(config.key_dir))
    with database.write() as db:
        work = Work(db, Scope(NETWORK), MONDAY_NOON)
        space.build(work)
        service.set_special_day(work, SpecialDay(BARCELONA, MONDAY_NOON.date(), "Strike", ()), space.keyring)
        assert service.nightly(work, space.keyring) == []
        later = Work(db, Scope(NETWORK), MONDAY_NOON + timedelta(days=40))
        assert [made.changed for made in service.nightly(later, space.keyring)] == [1, 1, 1]
        versions = select(func.count()).select_from(access.rule_generations)
        assert db.execute(versions).scalar() == 6
        assert service.nightly(later, space.keyring) == []
        assert db.execute(versions).scalar() == 3
