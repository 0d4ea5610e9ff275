from datetime import datetime
from random import Random
from zoneinfo import ZoneInfo

from aldaba_sim.faults import BY_PEOPLE, Fault, plan

MIDNIGHT = datetime(2026, 11, 23, tzinfo=ZoneInfo("Europe/Madrid"))


def test_every_kind_strikes_on_the_first_day_for_any_seed() -> None:
    for seed in range(50):
        kinds = {strike.kind for strike in plan(MIDNIGHT, 1, ["c-1", "c-2"], Random(seed))}
        assert kinds == set(Fault) - BY_PEOPLE


def test_an_outage_of_the_cloud_lasts_hours() -> None:
    strikes = plan(MIDNIGHT, 30, ["c-1"], Random(1))
    assert min(strike.seconds for strike in strikes if strike.kind is Fault.CLOUD_OUTAGE) >= 2 * 3600


def test_the_same_seed_plans_the_same_faults() -> None:
    assert plan(MIDNIGHT, 5, ["b", "a"], Random(4)) == plan(MIDNIGHT, 5, ["a", "b"], Random(4))
