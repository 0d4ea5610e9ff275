"""An update is one rename away from the version before it, whatever happens in between."""

import zipfile
from collections.abc import Callable
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import pytest
from msgspec.structs import replace

from aldaba_edge import bundle as bundles
from aldaba_edge.bundle import BundleRefused, Machine
from aldaba_edge.update import WHOLE, InstallFailed, Running, Slots, UpdateImpossible, guard, install
from aldaba_shared.envelope import SigningKey, seal
from aldaba_shared.messages import Bundle, Kind, Wheel

ROOT = SigningKey.generate(b"root")
STRANGER = SigningKey.generate(b"root")
PI = Machine("linux-aarch64", "3.11")
WHEEL = b"not really a wheel"


class PowerCut(BaseException):
    """The power fails here."""


class FakeInstaller:
    """Installs by writing one file; fails, or loses power, when told to."""

    def __init__(self, ends: BaseException | None = None) -> None:
        self.ends = ends
        self.installed: list[list[str]] = []

    def install(self, folder: Path, wheels: list[Path]) -> None:
        (folder / "program").write_text("half")
        if self.ends is not None:
            raise self.ends
        (folder / "program").write_text("whole")
        self.installed.append([one.name for one in wheels])


class FakeService:
    """Runs what `current` points at; a version in `bad` never feeds the watchdog."""

    def __init__(self, slots: Slots, bad: tuple[str, ...] = ()) -> None:
        self.slots = slots
        self.bad = bad
        self.up = 0.0
        self.runs = slots.named("current")

    def restart(self) -> None:
        self.up, self.runs = 0.0, self.slots.named("current")

    def wait(self, seconds: float) -> None:
        self.up += seconds

    def running(self) -> Running | None:
        if self.runs is None:
            return None
        return Running(self.runs, self.up, 0 if self.runs in self.bad else int(self.up / 2))


@pytest.fixture
def slots(tmp_path: Path) -> Slots:
    found = Slots(tmp_path / "aldaba")
    (found.versions / "1.0").mkdir(parents=True)
    (found.versions / "1.0" / WHOLE).touch()
    found.point("good", "1.0")
    found.point("current", "1.0")
    return found


def manifest(**changed: object) -> Bundle:
    wheel = Wheel("aldaba_edge-2.0-py3-none-any.whl", sha256(WHEEL).hexdigest(), len(WHEEL))
    return replace(Bundle("2.0", "any", "any", datetime(2026, 11, 23, tzinfo=UTC), (wheel,)), **changed)


def bundle_file(folder: Path, said: Bundle, key: SigningKey = ROOT, content: bytes = WHEEL) -> Path:
    path = folder / "a.bundle"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(bundles.MANIFEST, seal(Kind.BUNDLE, "*", said, key))
        for wheel in said.wheels:
            archive.writestr(wheel.name, content)
    return path


def taken(slots: Slots, path: Path, installer: FakeInstaller | None = None, *, downgrade: bool = False) -> str:
    with bundles.opened(path, ROOT.public().public_key) as opened:
        bundles.check_fits(opened, PI, "1.0", downgrade=downgrade)
        return install(slots, opened, installer or FakeInstaller())


def test_a_version_is_installed_beside_the_one_that_runs(slots: Slots, tmp_path: Path) -> None:
    name = taken(slots, bundle_file(tmp_path, manifest()))
    assert (slots.versions / name / "program").read_text() == "whole"
    assert not (slots.versions / name / "wheels").exists()
    assert (slots.named("current"), slots.named("good")) == ("1.0", "1.0")


def test_a_version_that_serves_doors_is_kept(slots: Slots, tmp_path: Path) -> None:
    name = taken(slots, bundle_file(tmp_path, manifest()))
    slots.point("current", name)
    service = FakeService(slots)
    assert guard(slots, service, service.wait) is True
    assert (slots.named("current"), slots.named("good"), service.runs) == (name, name, name)


def test_a_version_in_which_no_door_feeds_the_watchdog_is_left(slots: Slots, tmp_path: Path) -> None:
    name = taken(slots, bundle_file(tmp_path, manifest()))
    slots.point("current", name)
    service = FakeService(slots, bad=(name,))
    assert guard(slots, service, service.wait) is False
    assert (slots.named("current"), slots.named("good"), service.runs) == ("1.0", "1.0", "1.0")
    left = slots.left()
    assert left is not None
    assert left.name == name


def test_the_old_version_that_goes_on_answering_is_no_proof_for_the_new_one(slots: Slots, tmp_path: Path) -> None:
    name = taken(slots, bundle_file(tmp_path, manifest()))
    slots.point("current", name)
    service = FakeService(slots)
    service.runs = "1.0"
    service.restart = lambda: None  # type: ignore[method-assign]  # systemd that does not obey
    assert guard(slots, service, service.wait) is False


def test_without_a_trial_the_guard_restarts_nothing(slots: Slots) -> None:
    service = FakeService(slots)
    service.up = 7.0
    assert guard(slots, service, service.wait) is None
    assert service.up == 7.0


@pytest.mark.parametrize("serves", [True, False])
@pytest.mark.parametrize("cut", [*range(4), 12, *range(20, 27), *range(60, 69)])
def test_a_power_cut_at_any_point_of_a_trial_leaves_a_whole_version_and_a_trial_that_ends(
    slots: Slots, tmp_path: Path, serves: bool, cut: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = taken(slots, bundle_file(tmp_path, manifest()))
    steps = 0

    def counted(step: Callable[..., object]) -> Callable[..., object]:
        def wrapped(*said: object) -> object:
            nonlocal steps
            steps += 1
            if steps == cut + 1:
                raise PowerCut
            return step(*said)

        return wrapped

    service = FakeService(slots, bad=() if serves else (name,))
    with monkeypatch.context() as patched:
        for what in ("symlink_to", "rename"):
            patched.setattr(Path, what, counted(getattr(Path, what)))
        patched.setattr(service, "wait", counted(service.wait))
        try:
            slots.point("current", name)
            guard(slots, service, service.wait)
        except PowerCut:
            pass
    for pointer in ("current", "good"):
        assert (slots.versions / str(slots.named(pointer)) / WHOLE).exists()
    was_tried = slots.on_trial is not None or slots.named("good") == name
    again = FakeService(slots, bad=service.bad)  # the computer starts again
    guard(slots, again, again.wait)
    assert slots.on_trial is None
    assert again.runs == slots.named("current") == (name if serves and was_tried else "1.0")


def test_what_a_power_cut_left_half_installed_is_made_anew(slots: Slots, tmp_path: Path) -> None:
    path = bundle_file(tmp_path, manifest())
    with pytest.raises(PowerCut):
        taken(slots, path, FakeInstaller(PowerCut()))
    name = taken(slots, path)
    assert (slots.versions / name / "program").read_text() == "whole"


def test_what_cannot_be_installed_is_pointed_at_by_nothing(slots: Slots, tmp_path: Path) -> None:
    with pytest.raises(InstallFailed):
        taken(slots, bundle_file(tmp_path, manifest()), FakeInstaller(InstallFailed("no room")))
    assert slots.on_trial is None


def test_a_second_update_waits_for_the_trial_of_the_first(slots: Slots, tmp_path: Path) -> None:
    slots.point("current", taken(slots, bundle_file(tmp_path, manifest())))
    with pytest.raises(UpdateImpossible, match="on trial"):
        taken(slots, bundle_file(tmp_path, manifest(version="3.0")))


def test_a_bundle_that_another_root_signed_is_refused(slots: Slots, tmp_path: Path) -> None:
    with pytest.raises(BundleRefused, match="not signed by this network's root"):
        taken(slots, bundle_file(tmp_path, manifest(), STRANGER))


def test_a_signature_for_another_purpose_signs_no_bundle(slots: Slots, tmp_path: Path) -> None:
    path = tmp_path / "a.bundle"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(bundles.MANIFEST, seal(Kind.KEYS, "*", manifest(), ROOT))
    with pytest.raises(BundleRefused, match="not signed"):
        taken(slots, path)


def test_a_wheel_that_was_exchanged_is_refused(slots: Slots, tmp_path: Path) -> None:
    installer = FakeInstaller()
    with pytest.raises(BundleRefused, match="another one than was signed"):
        taken(slots, bundle_file(tmp_path, manifest(), content=WHEEL[::-1]), installer)
    assert installer.installed == []


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"version": "0.9"}, "older than 1.0"),
        ({"version": "1.0"}, "runs already"),
        ({"version": "../../etc"}, "no version"),
        ({"platform": "linux-armv7l"}, "it is for linux-armv7l"),
        ({"python": "3.13"}, "it is for any with Python 3.13"),
        ({"wheels": (Wheel("../evil.whl", sha256(WHEEL).hexdigest(), len(WHEEL)),)}, "no name of a wheel"),
        ({"wheels": (Wheel("big.whl", "00", 1 << 40),)}, "larger than"),
    ],
)
def test_a_bundle_that_does_not_fit_is_refused(
    slots: Slots, tmp_path: Path, changed: dict[str, object], why: str
) -> None:
    with pytest.raises(BundleRefused, match=why):
        taken(slots, bundle_file(tmp_path, manifest(**changed)))
    assert slots.on_trial is None


def test_a_lower_version_is_taken_when_somebody_says_so(slots: Slots, tmp_path: Path) -> None:
    assert taken(slots, bundle_file(tmp_path, manifest(version="0.9")), downgrade=True).startswith("0.9-")


def test_what_is_no_bundle_is_said_in_one_sentence(tmp_path: Path, slots: Slots) -> None:
    (tmp_path / "a.bundle").write_bytes(b"PK nothing")
    with pytest.raises(BundleRefused, match="it is no bundle"):
        taken(slots, tmp_path / "a.bundle")


def test_old_versions_go_except_the_one_before(slots: Slots, tmp_path: Path) -> None:
    for version in ("2.0", "3.0", "4.0"):
        slots.point("current", taken(slots, bundle_file(tmp_path, manifest(version=version))))
        service = FakeService(slots)
        guard(slots, service, service.wait)
    assert len(list(slots.versions.iterdir())) == 2
