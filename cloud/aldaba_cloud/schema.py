"""Every table in one metadata, and bringing a database up to it."""

from importlib.resources import files

from alembic import command
from alembic.config import Config as AlembicConfig
from sqlalchemy import text

from aldaba_cloud import audit, jobs, outbox
from aldaba_cloud.access import round_store as access_round_store
from aldaba_cloud.access import store as access_store
from aldaba_cloud.api import idempotency as api_idempotency
from aldaba_cloud.auth import store as auth_store
from aldaba_cloud.billing import chain_store as billing_chain_store
from aldaba_cloud.billing import collector_store as billing_collector_store
from aldaba_cloud.billing import ledger_store as billing_ledger_store
from aldaba_cloud.billing import numbering as billing_numbering
from aldaba_cloud.billing import payment_store as billing_payment_store
from aldaba_cloud.billing import run_store as billing_run_store
from aldaba_cloud.billing import store as billing_store
from aldaba_cloud.bookings import store as bookings_store
from aldaba_cloud.db import Database, metadata
from aldaba_cloud.duty import store as duty_store
from aldaba_cloud.fleet import alarms as fleet_alarms
from aldaba_cloud.fleet import books as fleet_books
from aldaba_cloud.fleet import certificates as fleet_certificates
from aldaba_cloud.fleet import configurations as fleet_configurations
from aldaba_cloud.fleet import key_sets as fleet_key_sets
from aldaba_cloud.fleet import store as fleet_store
from aldaba_cloud.letters import store as letters_store
from aldaba_cloud.members import store as members_store
from aldaba_cloud.members import terms_store as members_terms_store
from aldaba_cloud.occupancy import store as occupancy_store
from aldaba_cloud.places import store as places_store
from aldaba_cloud.tasks import store as tasks_store

STORES = (
    audit,
    jobs,
    outbox,
    api_idempotency,
    auth_store,
    letters_store,
    places_store,
    tasks_store,
    members_store,
    members_terms_store,
    billing_store,
    billing_payment_store,
    billing_numbering,
    billing_run_store,
    billing_ledger_store,
    billing_chain_store,
    billing_collector_store,
    fleet_store,
    fleet_key_sets,
    fleet_alarms,
    fleet_books,
    fleet_certificates,
    fleet_configurations,
    bookings_store,
    duty_store,
    occupancy_store,
    access_store,
    access_round_store,
)
"""Modules that declare tables; naming them here is what makes `metadata` whole."""

tables = metadata.tables


def migrate(database: Database, revision: str = "head") -> None:
    """Bring a database to a revision; each migration is one transaction."""
    config = AlembicConfig()
    config.set_main_option("script_location", str(files("aldaba_cloud") / "migrations"))
    config.set_main_option("path_separator", "os")
    with database.write() as connection:
        if connection.dialect.name == "postgresql":
            # Several processes of one service may start at once; the later ones find nothing left to do.
            connection.execute(text("SELECT pg_advisory_xact_lock(74174202)"))
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
