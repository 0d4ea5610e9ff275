"""What a contract is about is kept and read back as it was told."""

from datetime import date

from aldaba_cloud.config import Config
from aldaba_cloud.db import Database, Scope, Work
from aldaba_cloud.keyring import Keyring
from aldaba_cloud.members import terms_store as store
from aldaba_cloud.members.terms import (
    Address,
    BillTo,
    Company,
    CompanyId,
    Deposit,
    DepositState,
    Extra,
    ExtraKind,
    Pause,
    PayBy,
    PaymentTerms,
    PlanVersion,
    QuotaKind,
    Spell,
    TaxIdKind,
)
from tests.cloud.conftest import BARCELONA, MONDAY_NOON, NETWORK
from tests.cloud.small_space import SmallSpace


def test_terms_are_read_back_as_they_were_told(database: Database, config: Config) -> None:
    space = SmallSpace(BARCELONA, Keyring(config.key_dir))
    company = Company(CompanyId("com_1"), "Forn SL", "food", BARCELONA)
    invoice = BillTo(company.id, "Forn SL", TaxIdKind.CIF, "B12345674", Address("Gran Via 1", "08010", "Barcelona"))
    version = PlanVersion("ver_1", space.named("plan"), 1, 22999, quotas={QuotaKind.ROOM_MINUTES_MONTH: 600})
    terms = PaymentTerms(PayBy.DIRECT_DEBIT, days=5, commitment_until=date(2027, 6, 30), anchor_day=31)
    spell = Spell(space.contract, version.id, date(2026, 11, 1))
    pause = Pause(space.contract, date(2027, 1, 1), date(2027, 1, 31))
    extra = Extra("ext_1", space.contract, ExtraKind.LOCKER, "locker 12", 1500, date(2026, 11, 1), site=BARCELONA)
    deposit = Deposit("dep_1", space.contract, 30000, DepositState.HELD, date(2026, 11, 1), site=BARCELONA)
    with database.write() as db:
        work = Work(db, Scope(NETWORK), MONDAY_NOON)
        space.build(work)
        store.add_company(work, company)
        store.save_bill_to(work, [invoice])
        store.add_plan_version(work, version)
        store.save_terms(work, space.contract, terms, BARCELONA)
        store.add_spells(work, [spell], BARCELONA)
        store.save_pause(work, pause, BARCELONA)
        store.add_extra(work, extra)
        store.add_deposit(work, deposit)
        assert store.list_companies(work) == [company]
        assert store.bill_to_by_party(work, [company.id]) == {company.id: invoice}
        assert store.plan_versions_by_id(work) == {version.id: version}
        assert store.terms_of(work, space.contract) == terms
        assert store.spells_of(work, space.contract) == [spell]
        assert store.pauses_of(work, space.contract) == [pause]
        assert store.extras_of(work, space.contract) == [extra]
        assert store.list_deposits(work) == [deposit]
