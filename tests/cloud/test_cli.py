"""The command line: a space set up, rules looked into, and a backup that comes back under a new epoch."""

import json
import re
import shutil
import stat
import tarfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from aldaba_cloud.access import store as access
from aldaba_cloud.access.models import Generation
from aldaba_cloud.access.publish import publish
from aldaba_cloud.cli import main
from aldaba_cloud.db import Database, Scope, Work
from aldaba_cloud.fleet.ingest import take_batch
from aldaba_cloud.keyring import Keyring
from aldaba_cloud.members import service as members
from aldaba_cloud.occupancy.service import PresenceBooks
from aldaba_cloud.places import store as places
from aldaba_cloud.places.models import Site
from aldaba_shared.events import ShadowCompared
from aldaba_shared.ids import CredentialId
from tests.cloud.conftest import BARCELONA, MONDAY_NOON, NETWORK, migrated_in
from tests.cloud.small_space import SmallSpace
from tests.cloud.toy_controller import ToyController


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with its tables and nothing in them: what these commands begin with."""
    return migrated_in(tmp_path_factory.getbasetemp())


@pytest.fixture(autouse=True)
def _surroundings(tmp_path: Path, migrated: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALDABA_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("ALDABA_ARGON2_TIME_COST", "1")
    monkeypatch.setenv("ALDABA_ARGON2_MEMORY_KIB", "8")
    (tmp_path / "state").mkdir()
    shutil.copy(migrated, tmp_path / "state" / "aldaba.db")


def run(*words: str, ends: int = 0) -> Result:
    done = CliRunner().invoke(main, words)
    assert done.exit_code == ends, (done.output, done.exception)
    return done


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


@pytest.fixture
def card(state: Path) -> CredentialId:
    """A published small space; the card Ana carries."""
    kept = Database(f"sqlite:///{state / 'aldaba.db'}")
    space = SmallSpace(BARCELONA, Keyring(state / "keys"))
    with kept.write() as db:
        work = Work(db, Scope(NETWORK), MONDAY_NOON)
        places.add_network(work, "Test")
        places.add_site(work, Site(BARCELONA, NETWORK, "Barcelona", "Europe/Madrid"))
        space.build(work)
        issued = space.give_card(work, space.ana, b"\x04\x01\x02\x03\x04\x05\x06")
    kept.close()
    run("rules", "publish")
    return issued.id


def every_command(group: click.Group, path: str = "") -> Iterator[tuple[str, click.Command]]:
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from every_command(command, f"{path}{name} ")
        else:
            yield f"{path}{name}", command


@pytest.mark.parametrize("name", [name for name, _ in every_command(main)])
def test_every_command_has_help_with_an_example(name: str) -> None:
    assert f"  aldaba-cloud {name}" in run(*name.split(), "--help").output


def test_a_new_space_can_be_signed_in_to() -> None:
    told = run("init", "--network", "Test", "--site", "Barcelona", "--email", "me@example.org").output
    assert re.search(r"as me@example.org with the password \S{12,}", told)
    again = run("init", "--network", "Test", "--site", "Barcelona", "--email", "me@example.org", ends=2)
    assert "There is an account" in again.output


def test_migrating_twice_changes_nothing() -> None:
    assert run("migrate").output == run("migrate").output


def test_a_mistake_is_told_without_a_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALDABA_PORT", "many")
    monkeypatch.setenv("ALDABA_SESSION_HOURS", "0")
    told = run("migrate", ends=2).output
    assert "ALDABA_PORT" in told
    assert "ALDABA_SESSION_HOURS" in told
    assert "Traceback" not in told


def test_without_a_network_the_way_out_is_told() -> None:
    assert "aldaba-cloud init" in run("rules", "diff", ends=2).output


def test_diff_says_what_doors_do_not_know_yet(state: Path, card: CredentialId) -> None:
    assert "told everything" in run("rules", "diff").output
    kept = Database(f"sqlite:///{state / 'aldaba.db'}")
    with kept.write() as db:
        members.revoke(Work(db, Scope(NETWORK), MONDAY_NOON), card, "lost")
    kept.close()
    behind = json.loads(run("rules", "diff", "--json", ends=1).output)
    assert [one["changed_rows"] for one in behind] == [1, 1, 1]
    assert json.loads(run("rules", "publish", "--json").output) == behind
    assert run("rules", "diff").exit_code == 0


def test_compile_counts_rows_and_a_rehearsal_names_hours(tmp_path: Path, card: CredentialId) -> None:
    assert card
    counted = json.loads(run("rules", "compile", "--json").output)
    assert {row["credential"] for row in counted} == {1}
    (tmp_path / "week.json").write_text(json.dumps([[]] * 5 + [[[600, 720]], []]))
    told = run("rules", "rehearse", f"{BARCELONA}-hours", str(tmp_path / "week.json")).output
    assert "Sat 10:00-12:00" in told
    assert "1 gain, 1 lose." in told
    (tmp_path / "week.json").write_text("[[[1]]]")
    assert "seven lists" in run("rules", "rehearse", "x", str(tmp_path / "week.json"), ends=2).output


def test_verify_finds_a_row_that_was_changed_behind_our_back(state: Path, card: CredentialId) -> None:
    assert card
    assert "equals the replay" in run("verify").output
    kept = Database(f"sqlite:///{state / 'aldaba.db'}")
    with kept.write() as db:
        db.execute(access.rule_rows.delete().where(access.rule_rows.c.kind == "grant_"))
    kept.close()
    assert "not the published ones" in run("verify", ends=1).output


def test_a_restored_copy_cannot_bring_an_old_right_back(state: Path, tmp_path: Path, card: CredentialId) -> None:
    archive = tmp_path / "backup.tar"
    run("backup", str(archive))
    assert stat.S_IMODE(archive.stat().st_mode) == 0o600
    kept = Database(f"sqlite:///{state / 'aldaba.db'}")
    keyring = Keyring(state / "keys")
    with kept.write() as db:
        work = Work(db, Scope(NETWORK), MONDAY_NOON)
        members.revoke(work, card, "lost")
        before = [one.generation for one in publish(work, BARCELONA, keyring, {}, whom=())]
        newest = {one.controller: (one.epoch, one.version) for one in access.newest_generations(work)}
    kept.close()
    assert before == []
    assert "--replace" in run("restore", str(archive), ends=2).output
    run("restore", str(archive), "--replace")
    run("rules", "publish")
    assert {one.epoch for one in generations(state)} == {1}, "nobody has looked at it yet"
    held = json.loads(run("rules", "held", "--json", ends=1).output)["held"]
    assert [one["at_the_door"] for one in held] == ["not heard yet"] * 3
    run("rules", "publish", "--after-restore")
    after = generations(state)
    assert all((one.epoch, one.version) > newest[one.controller] for one in after)
    assert len(after) == 3
    assert "No door is held" in run("rules", "held").output
    assert run("verify").exit_code == 0


def generations(state: Path) -> list[Generation]:
    kept = Database(f"sqlite:///{state / 'aldaba.db'}")
    with kept.read() as db:
        found = access.newest_generations(Work(db, Scope(NETWORK), MONDAY_NOON))
    kept.close()
    return found


def test_a_file_that_is_no_backup_is_refused_and_nothing_is_touched(state: Path, tmp_path: Path) -> None:
    (tmp_path / "no.tar").write_bytes(b"\x00" * 2000)
    before = (state / "aldaba.db").read_bytes()
    run("restore", str(tmp_path / "no.tar"), "--replace", ends=2)
    assert (state / "aldaba.db").read_bytes() == before


def test_a_damaged_backup_is_refused_before_anything_is_put_aside(
    state: Path, tmp_path: Path, card: CredentialId
) -> None:
    assert card
    (tmp_path / "aldaba.db").write_bytes(b"SQLite format 3\x00" + bytes(5000))
    with tarfile.open(tmp_path / "damaged.tar", "w") as tar:
        tar.add(tmp_path / "aldaba.db", "aldaba.db")
    before = (state / "aldaba.db").read_bytes()
    assert "aldaba.db: is" in run("restore", str(tmp_path / "damaged.tar"), "--replace", ends=2).output
    assert (state / "aldaba.db").read_bytes() == before


def test_a_pairing_code_is_for_doors_that_are_there(card: CredentialId) -> None:
    assert card
    told = json.loads(run("pair-code", f"{BARCELONA}-street", "--json").output)
    assert re.fullmatch(r"\d{6}", told[0]["code"])
    assert "There is no door 'nowhere'" in run("pair-code", "nowhere", ends=2).output


@pytest.mark.usefixtures("card")
def test_a_sheet_of_emergency_codes_is_written_for_nobody_elses_eyes(tmp_path: Path) -> None:
    sheet = tmp_path / "codes.html"
    run("emergency-codes", BARCELONA, "--count", "3", "--sheet", str(sheet), "--language", "ca")
    assert stat.S_IMODE(sheet.stat().st_mode) == 0o600
    text = sheet.read_text("utf-8")
    assert len(re.findall(r"<p class=code>\d{4} \d{4}</p>", text)) == 3
    assert "Codis d'emergència" in text
    codes = json.loads(run("emergency-codes", BARCELONA, "--count", "2", "--json").output)
    assert [one["envelope"] for one in codes] == [1, 2]
    run("emergency-codes", "nowhere", ends=2)


@pytest.mark.feature(35)
def test_keys_are_made_listed_and_dropped_and_a_theft_says_whom_to_give_another_card(card: CredentialId) -> None:
    assert card
    assert "card-keys new" in run("card-keys", "list").output
    made = json.loads(run("card-keys", "new", "--site", BARCELONA, "--json").output)
    assert (made[0]["set"], made[0]["site"]) == (1, BARCELONA)
    run("card-keys", "new", "--all-sites")
    run("card-keys", "drop", "1")
    assert [one["accepted"] for one in json.loads(run("card-keys", "list", "--json").output)] == ["no", "yes"]
    assert "--site" in run("card-keys", "new", ends=2).output
    controller = f"{BARCELONA}-ctl-street"
    assert json.loads(run("rekey", controller, "--json").output)[0]["controller"] == controller
    listed = json.loads(run("retire", controller, "--list-only", "--json").output)
    assert [(one["what"], one["whose"]) for one in listed] == [("card keys, set 2", ""), ("uid", "Ana")]
    assert json.loads(run("retire", controller, "--json").output) == listed
    assert "no-such" in run("retire", "no-such", ends=2).output


def test_who_still_uses_a_card_that_can_be_copied_is_listed(card: CredentialId) -> None:
    (listed,) = json.loads(run("copyable", "--json").output)
    assert (listed["credential"], listed["name"], listed["kind"]) == (card, "Ana", "uid")
    assert (listed["last_used"], listed["has_better"]) == (None, False)
    assert "Ana" in run("copyable").output


def test_without_cards_that_can_be_copied_the_list_says_so(tmp_path: Path) -> None:
    with Database(f"sqlite:///{tmp_path / 'state' / 'aldaba.db'}").write() as db:
        places.add_network(Work(db, Scope(NETWORK), MONDAY_NOON), "Test")
    assert "Every card in use proves itself." in run("copyable").output


def test_what_a_door_in_shadow_found_is_reported_and_it_is_switched_live_and_back(
    state: Path, card: CredentialId
) -> None:
    assert card
    assert "No door has compared anything yet." in run("shadow").output
    space = SmallSpace(BARCELONA, Keyring(state / "keys"))
    door = space.door("street")
    kept = Database(f"sqlite:///{state / 'aldaba.db'}")
    with kept.write() as db:
        now = datetime.now(UTC)
        toy = ToyController("toy")
        toy.open()
        toy.write(ShadowCompared(door, theirs=True, ours="granted"), now)
        toy.write(ShadowCompared(door, theirs=True, ours="out_of_schedule"), now)
        work = Work(db, Scope(NETWORK), now)
        toy.join(work)
        take_batch(work, toy.record, toy.batch(), PresenceBooks())
    (told,) = json.loads(run("shadow", "--json").output)
    assert (told["door"], told["compared"], told["agreed"], told["we_would_refuse"]) == (door, 2, 1, 1)
    assert told["reasons"] == {"out_of_schedule": 1}
    assert "out_of_schedule 1" in run("shadow", "--days", "7").output
    for switch, shadow in (("--back", True), ("--live", False)):
        assert json.loads(run("shadow", switch, door, "--json").output) == [{"door": door, "shadow": shadow}]
        with kept.read() as db:
            found = places.find_door(Work(db, Scope(NETWORK), MONDAY_NOON), door)
        assert found is not None
        assert found.shadow is shadow
    kept.close()
    assert "not both" in run("shadow", "--live", door, "--back", door, ends=2).output
    run("shadow", "--live", "nowhere", ends=2)
