"""Who is named on a contract goes where its plan, and the version it is under, opens doors; nobody else does."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date

import pytest

from aldaba_cloud.access.models import ALWAYS, Target
from aldaba_cloud.access.publish import publish_changed, snapshot_rows
from aldaba_cloud.access.service import publish_everywhere, rehearse_plan
from aldaba_cloud.config import Config
from aldaba_cloud.db import Database, Scope, Work
from aldaba_cloud.errors import Missing, Unusable
from aldaba_cloud.keyring import Keyring
from aldaba_cloud.members import service, store
from aldaba_cloud.members import terms_store as terms
from aldaba_cloud.members.models import ContractState, Holder, HolderKind
from aldaba_cloud.members.terms import PlanVersion, Spell
from aldaba_shared.ids import ContractId, HolderId
from tests.cloud.conftest import BARCELONA, MONDAY_NOON, NETWORK
from tests.cloud.small_space import SmallSpace

TEAM = tuple(HolderId(name) for name in ("bea", "biel", "berta"))


@pytest.fixture
def work(database: Database) -> Iterator[Work]:
    with database.write() as db:
        yield Work(db, Scope(NETWORK), MONDAY_NOON)


@pytest.fixture
def space(config: Config, work: Work) -> SmallSpace:
    space = SmallSpace(BARCELONA, Keyring(config.key_dir))
    space.build(work)
    service.welcome(work, [Holder(one, HolderKind.MEMBER, one.title(), site=BARCELONA) for one in TEAM])
    return space


def admitted(work: Work, space: SmallSpace, door: str) -> set[str]:
    rows = snapshot_rows(work, space.controller(door))
    return {str(row.values[1]) for row in rows if row.table == "grant_"} - {space.cleaner}


@pytest.mark.feature(3)
@pytest.mark.feature(110)
def test_exactly_the_named_people_get_doors_and_one_payer_the_bill(work: Work, space: SmallSpace) -> None:
    store.save_contract(work, replace(space.anas_contract(), payer=space.ana))
    publish_everywhere(work, space.keyring)
    for one in TEAM:
        contract = service.name_person(work, space.contract, one)
    publish_changed(work.db, space.keyring, work.now)
    assert admitted(work, space, "room") == {space.ana, *TEAM}
    assert contract.people == tuple(sorted((space.ana, *TEAM)))
    assert store.find_contract(work, space.contract) == contract
    assert contract.billed_to == replace(space.anas_contract(), payer=space.ana).billed_to


@pytest.mark.feature(3)
@pytest.mark.feature(111)
def test_a_name_taken_off_loses_the_doors_with_the_next_rules(work: Work, space: SmallSpace) -> None:
    service.name_person(work, space.contract, TEAM[0])
    publish_everywhere(work, space.keyring)
    service.unname_person(work, space.contract, TEAM[0])
    publish_changed(work.db, space.keyring, work.now)
    assert admitted(work, space, "room") == {space.ana}


def test_naming_twice_is_naming_once(work: Work, space: SmallSpace) -> None:
    first = service.name_person(work, space.contract, TEAM[0])
    assert service.name_person(work, space.contract, TEAM[0]) == first


def test_nobody_unknown_is_named_and_nobody_is_named_on_what_has_ended(work: Work, space: SmallSpace) -> None:
    with pytest.raises(Missing, match="holder 'nobody'"):
        service.name_person(work, space.contract, HolderId("nobody"))
    with pytest.raises(Missing, match="holder 'bea'"):
        service.unname_person(work, space.contract, TEAM[0])
    store.save_contract(work, replace(space.anas_contract(), state=ContractState.ENDED))
    with pytest.raises(Unusable, match="has ended"):
        service.name_person(work, space.contract, TEAM[0])


def version(space: SmallSpace, number: int, *levels: str) -> PlanVersion:
    named = tuple(space.named(level) for level in levels)
    return PlanVersion(f"ver-{number}", space.named("plan"), number, 20000, levels=named, site=BARCELONA)


@pytest.mark.feature(132)
def test_a_contract_opens_what_its_own_version_of_the_plan_brings(work: Work, space: SmallSpace) -> None:
    space.add_level(work, "quiet", [Target(ALWAYS, zone=space.zone("office"))])
    other = replace(space.anas_contract(), id=ContractId("other"), people=(TEAM[0],))
    store.add_contracts(work, [other])
    for one in (version(space, 1), version(space, 2, "quiet")):
        terms.add_plan_version(work, one)
    terms.add_spells(work, [Spell(one, "ver-1", date(2026, 1, 1)) for one in (space.contract, other.id)], BARCELONA)
    terms.add_spells(work, [Spell(other.id, "ver-2", date(2026, 11, 23))], BARCELONA)
    publish_everywhere(work, space.keyring)
    assert admitted(work, space, "office") == {TEAM[0]}
    assert admitted(work, space, "room") == {space.ana, TEAM[0]}


def test_a_version_opens_nothing_before_its_day(work: Work, space: SmallSpace) -> None:
    space.add_level(work, "quiet", [Target(ALWAYS, zone=space.zone("office"))])
    terms.add_plan_version(work, version(space, 2, "quiet"))
    terms.add_spells(work, [Spell(space.contract, "ver-2", date(2026, 11, 24))], BARCELONA)
    publish_everywhere(work, space.keyring)
    assert admitted(work, space, "office") == set()


@pytest.mark.feature(19)
def test_another_version_of_a_plan_is_rehearsed_before_anybody_is_moved(work: Work, space: SmallSpace) -> None:
    space.add_level(work, "quiet", [Target(ALWAYS, zone=space.zone("office"))])
    found = rehearse_plan(work, BARCELONA, space.named("plan"), (space.named("quiet"),), space.keyring)
    gained = {(one.holder, one.door) for one in found.effects if one.gains}
    assert (space.ana, space.door("office")) in gained
    assert not any(one.loses for one in found.effects)
    assert {holder for holder, _ in gained} == {space.ana}
