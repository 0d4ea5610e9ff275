from importlib.resources import files
from pathlib import Path

import pytest

from aldaba_profiles.catalog import Energise, Maturity, ProfileNotFound, ProfilesInvalid, load_catalog


def test_the_packaged_profiles_are_sound_and_say_that_nobody_has_wired_them() -> None:
    catalog = load_catalog()
    everything = [profile for kind in catalog.profiles.values() for profile in kind.values()]
    assert len(everything) >= 26
    assert {profile.tested for profile in everything} == {Maturity.SIMULATED}
    assert all(profile.sources for profile in everything)


def test_a_profile_is_found_by_kind_and_name() -> None:
    catalog = load_catalog()
    assert catalog.reader("pn532-hsu").driver == "pn532-serial"
    assert catalog.lock("maglock-fail-safe").energise is Energise.TO_LOCK
    assert catalog.board("waveshare-3ch").pins == (26, 20, 21)
    assert catalog.turnstile("perco-ttr04").pulse_ms == 100


def test_a_lock_held_by_power_must_require_what_cuts_that_power(tmp_path: Path) -> None:
    (tmp_path / "locks").mkdir()
    magnet = (files("aldaba_profiles") / "locks" / "maglock-fail-safe.toml").read_text("utf-8")
    (tmp_path / "locks" / "mine.toml").write_text(magnet.replace('"emergency_release", "fire_relay"', '"fire_relay"'))
    with pytest.raises(ProfilesInvalid, match="emergency_release and fire_relay"):
        load_catalog(tmp_path)


def test_every_lock_says_how_its_coil_is_suppressed_and_what_it_draws() -> None:
    catalog = load_catalog()
    for name in catalog.names("lock"):
        lock = catalog.lock(name)
        assert lock.suppression
        assert lock.wires
        assert bool(lock.power.volts) is (lock.power.milliamps > 0)


def test_an_unknown_profile_is_answered_with_those_that_exist() -> None:
    with pytest.raises(ProfileNotFound, match="pn532-hsu"):
        load_catalog().reader("acr122")


@pytest.mark.parametrize("fact", ["fail_safe", "contact", "active_low"])
def test_no_profile_can_say_what_only_the_installer_knows(tmp_path: Path, fact: str) -> None:
    (tmp_path / "locks").mkdir()
    strike = 'title="x"\ntested="bench"\ndriver="gpio-lock"\nenergise="to_lock"\nunlock_ms=1\nsources=[]\n'
    (tmp_path / "locks" / "mine.toml").write_text(f"{strike}{fact} = true\n")
    with pytest.raises(ProfilesInvalid, match=fact):
        load_catalog(tmp_path)


def test_every_mistake_of_every_file_is_told_at_once(tmp_path: Path) -> None:
    for kind, text in (("readers", 'title = 5\nbogus = 1\ntested = "maybe"'), ("boards", "= broken")):
        (tmp_path / kind).mkdir()
        (tmp_path / kind / "bad.toml").write_text(text)
    with pytest.raises(ProfilesInvalid) as told:
        load_catalog(tmp_path)
    assert len(told.value.mistakes) == 8
    assert all(mistake.startswith(("readers/bad.toml", "boards/bad.toml")) for mistake in told.value.mistakes)
