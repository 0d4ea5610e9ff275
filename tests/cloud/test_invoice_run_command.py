"""`aldaba-cloud invoice-run` and `sepa`: a dry run keeps nothing, a run keeps everything, once."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from aldaba_cloud.billing import payment_store
from aldaba_cloud.billing.sepa import control_cents
from aldaba_cloud.cli import main
from aldaba_cloud.config import Config
from aldaba_cloud.db import Database, Scope, Work
from tests.cloud.billed_space import DEBIT, BilledSpace
from tests.cloud.conftest import MONDAY_NOON, NETWORK
from tests.cloud.test_bank_and_gestor import booked, camt
from tests.cloud.test_debits import MANDATE

Run = Callable[..., Result]
SITE = ("--site", "site_bcn")
TODAY = datetime.now(UTC).date()
"""Commands ask the machine for the time."""


@pytest.fixture
def run(config: Config, database: Database, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("ALDABA_STATE_DIR", str(config.state_dir))
    monkeypatch.setenv("ALDABA_DATABASE_URL", config.database)
    with database.write() as db:
        space = BilledSpace(Work(db, Scope(NETWORK), MONDAY_NOON))
        space.build()
        space.join("ana", payment=DEBIT)
        payment_store.add_mandate(space.work, replace(MANDATE, signed_on=TODAY))
    database.close()
    return lambda *words: CliRunner().invoke(main, words, catch_exceptions=False)


@pytest.mark.feature(138)
def test_a_dry_run_shows_what_a_run_then_makes_once(run: Run) -> None:
    words = ("invoice-run", "--month", "2026-12", *SITE)
    looked = run(*words, "--dry-run")
    assert looked.exit_code == 0
    assert "278.30" in looked.stdout
    assert json.loads(run(*words, "--json").stdout)[0]["invoices"] == 1
    assert "Nothing was left to bill" in run(*words).stdout


@pytest.mark.feature(41)
def test_sepa_writes_the_file_of_what_is_due(run: Run, tmp_path: Path) -> None:
    run("invoice-run", "--month", "2026-12", *SITE)
    out = tmp_path / "debits.xml"
    made = run("sepa", "--collect-on", f"{TODAY + timedelta(days=9)}", "--out", str(out), "--json", *SITE)
    assert json.loads(made.stdout)[0]["cents"] == control_cents(out.read_bytes()) == 27830


def test_the_gestor_gets_a_zip_and_a_statement_is_taken(run: Run, tmp_path: Path) -> None:
    run("invoice-run", "--month", "2026-12", *SITE)
    statement, out = tmp_path / "s.xml", tmp_path / "q4.zip"
    statement.write_bytes(camt(booked("A1", "278.30", f"BCN-{TODAY.year}-000001")))
    assert json.loads(run("bank-statement", str(statement), "--json", *SITE).stdout)[0]["matched"] == 1
    assert run("gestor", "--from", "2026-01-01", "--to", "2026-12-31", "--out", str(out), *SITE).exit_code == 0
    assert out.read_bytes().startswith(b"PK")


def test_a_month_that_is_none_is_told_how_to_say_it(run: Run) -> None:
    refused = run("invoice-run", "--month", "December", *SITE)
    assert refused.exit_code == 2
    assert "2026-12" in refused.output


def test_two_sites_want_one_to_be_named(run: Run) -> None:
    refused = run("invoice-run")
    assert refused.exit_code == 2
    assert "site_bcn, site_gro" in refused.stderr
