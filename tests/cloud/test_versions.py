"""Who may take which version now, and who is behind."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from aldaba_cloud.fleet import versions
from aldaba_cloud.fleet.models import Controller
from aldaba_shared.ids import ControllerId, NetworkId
from tests.cloud.conftest import BARCELONA
from tests.cloud.toy_controller import START

OLD, NEW = "aldaba-edge 0.9.0", "aldaba-edge 0.10.0"
LONG_AGO, JUST_NOW = START - timedelta(days=3), START - timedelta(minutes=14)


def controller(name: str, software: str = OLD) -> Controller:
    return Controller(
        id=ControllerId(name),
        network=NetworkId("net"),
        site=BARCELONA,
        name=name,
        kid=b"",
        public_key=b"",
        sealed_controller_key=b"",
        software=software,
        epoch=0,
        version=0,
        set_hash=b"",
        confirmed_at=None,
        paired_at=LONG_AGO,
        last_contact_at=None,
        retired_at=None,
        hello=None,
        modes_counter=0,
        modes_confirmed=0,
        software_since=LONG_AGO,
    )


STREET = replace(controller("street"), canary=True)
OFFICE = controller("office")


def refusal(asking: Controller, *others: Controller, version: str = "0.10.0") -> str | None:
    return versions.refusal(asking, version, [asking, *others], START)


def test_a_canary_takes_a_version_at_once() -> None:
    assert refusal(STREET, OFFICE) is None


def test_the_others_wait_until_a_canary_has_it() -> None:
    assert refusal(OFFICE, STREET) == "street takes it first"


@pytest.mark.parametrize(("since", "may"), [(JUST_NOW, False), (START - versions.TRIAL, True), (LONG_AGO, True)])
def test_the_others_wait_until_a_canary_has_kept_it_for_a_quarter_of_an_hour(since: datetime, may: bool) -> None:
    tried = replace(STREET, software=NEW, software_since=since)
    assert (refusal(OFFICE, tried) is None) is may


def test_a_version_above_what_the_canary_has_kept_waits_again() -> None:
    assert refusal(OFFICE, replace(STREET, software=NEW), version="0.11.0") == "street takes it first"


def test_where_nobody_is_a_canary_nobody_waits() -> None:
    assert refusal(OFFICE, controller("yard")) is None


def test_a_canary_that_was_taken_out_of_use_holds_nobody_up() -> None:
    assert refusal(OFFICE, replace(STREET, retired_at=START)) is None


def test_what_is_no_version_is_nobodys() -> None:
    assert refusal(STREET, version="../../etc") == "'../../etc' is no version"


def test_behind_is_what_is_older_than_the_newest_in_use() -> None:
    fleet = [OFFICE, replace(STREET, software=NEW), controller("yard", "a toy")]
    assert versions.behind(fleet) == {OLD, "a toy"}
    assert versions.counted(fleet) == [(NEW, 1), (OLD, 1), ("a toy", 1)]


def test_a_canary_with_a_version_of_its_own_is_on_trial_for_a_while() -> None:
    tried = replace(STREET, software=NEW, software_since=JUST_NOW)
    assert versions.trials([tried, OFFICE], START) == [tried]
    assert versions.trials([replace(tried, software_since=LONG_AGO), OFFICE], START) == []
    assert versions.trials([tried, replace(OFFICE, software=NEW)], START) == []
