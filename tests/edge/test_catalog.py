from pathlib import Path

import pytest

from aldaba_profiles.catalog import Energise, Maturity, ProfileNotFound, ProfilesInvalid, load_catalog


def test_the_packaged_profiles_are_sound_and_say_that_nobody_has_wired_them() -> None:
    catalog = load_catalog()
    everything = [profile for kind in catalog.profiles.values() for profile in kind.values()]
    assert len(everything) == 16
    assert {profile.tested for profile in everything} == {Maturity.SIMULATED}
    assert all(profile.sources for profile in everything)


def test_a_profile_is_found_by_kind_and_name() -> None:
    catalog = load_catalog()
    assert catalog.reader("pn532-hsu").driver == "pn532-serial"
    assert catalog.lock("maglock-fail-safe").energise is Energise.TO_LOCK
    assert catalog.board("waveshare-3ch").pins == (26, 20, 21)
    assert catalog.turnstile("perco-ttr04").pulse_ms == 100


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
    assert len(told.value.mistakes) == 7
    assert all(mistake.startswith(("readers/bad.toml", "boards/bad.toml")) for mistake in told.value.mistakes)
