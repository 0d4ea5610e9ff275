"""rules compile, diff, rehearse, publish."""

import json
from collections import Counter
from pathlib import Path

import click
import msgspec

from aldaba_cloud.access import restored, service
from aldaba_cloud.access.compile import people_rows, site_rows
from aldaba_cloud.access.publish import Published, controllers_of, people_of, site_rules
from aldaba_cloud.access.rehearse import OtherEnd, Span
from aldaba_cloud.access.restored import Held
from aldaba_cloud.cli.frame import desk, json_option, network_option, tell
from aldaba_cloud.config import Config
from aldaba_cloud.errors import Unusable
from aldaba_cloud.fleet.card_keys import controller_keys
from aldaba_cloud.places import store as places
from aldaba_shared.ids import ScheduleId
from aldaba_shared.schedule import Windows

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


class WeekUnreadable(Unusable):
    """The file with the week is not one."""

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(f"{path} is no week: {why}. Write seven lists of [start, end] minutes, Monday first.")


@click.group()
def rules() -> None:
    """Look into what doors are told, rehearse a change, publish."""


@rules.command("compile")
@network_option
@json_option
@click.pass_obj
def compile_rules(config: Config, network: str | None, *, as_json: bool) -> None:
    """Compile every site and count the rows of each controller, without publishing.

    \b
    aldaba-cloud rules compile
    """
    rows = []
    with desk(config, network, keep=False) as at:
        keys = controller_keys(at.work, at.keyring)
        people = people_of(at.work, at.keyring)
        for site in places.list_sites(at.work):
            compiled = site_rules(at.work, site.id)
            controllers = controllers_of(compiled, keys)
            by_controller = people_rows(compiled, people, controllers)
            for one in controllers:
                count = Counter(row.table for row in (*site_rows(compiled, one), *by_controller[one.id]))
                rows.append({"site": site.name, "controller": one.id, **_counted(count)})
    tell(rows, as_json=as_json, nothing="No controller is paired yet.")


@rules.command()
@network_option
@json_option
@click.pass_obj
def diff(config: Config, network: str | None, *, as_json: bool) -> None:
    """Say what publishing now would change, and change nothing; ends with 1 if anything would.

    \b
    aldaba-cloud rules diff || echo "doors are behind"
    """
    with desk(config, network, keep=False) as at:
        made = service.publish_everywhere(at.work, at.keyring)
    tell([_published(one) for one in made], as_json=as_json, nothing="Doors have been told everything.")
    raise SystemExit(1 if made else 0)


@rules.command()
@network_option
@click.option("--after-restore", is_flag=True, help="Also to doors that are held since a restore; see `rules held`.")
@json_option
@click.pass_obj
def publish(config: Config, network: str | None, *, after_restore: bool, as_json: bool) -> None:
    """Publish whatever changed to every controller; the running service sends it.

    \b
    aldaba-cloud rules publish
    aldaba-cloud rules publish --after-restore
    """
    with desk(config, network, keep=True) as at:
        make = restored.let_go if after_restore else service.publish_everywhere
        made = make(at.work, at.keyring)
    tell([_published(one) for one in made], as_json=as_json, nothing="Doors have been told everything.")


@rules.command()
@network_option
@json_option
@click.pass_obj
def held(config: Config, network: str | None, *, as_json: bool) -> None:
    """After a restore: the doors that keep newer rules than this copy has, and which taps it would answer otherwise.

    \b
    aldaba-cloud rules held

    Ends with 1 if any door is held. Switch off what was switched off in the lost
    time, then publish with `aldaba-cloud rules publish --after-restore`.
    """
    with desk(config, network, keep=False) as at:
        waiting = restored.list_held(at.work)
        taps = restored.would_end_otherwise(at.work, at.keyring)
    if as_json:
        click.echo(json.dumps({"held": [_held(one) for one in waiting], "taps": [_other_end(one) for one in taps]}))
    else:
        tell([_held(one) for one in waiting], as_json=False, nothing="No door is held.")
    if waiting and not as_json:
        click.echo("\nTaps that doors answered since the backup and that this copy would answer otherwise:")
        tell([_other_end(one) for one in taps], as_json=False, nothing="None that doors know of.")
    raise SystemExit(1 if waiting else 0)


@rules.command()
@click.argument("schedule")
@click.argument("week", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option(
    "--days",
    type=click.IntRange(1, 400),
    help="Instead say which taps of so many last days would have ended otherwise.",
)
@network_option
@json_option
@click.pass_obj
def rehearse(
    config: Config, schedule: str, week: Path, days: int | None, network: str | None, *, as_json: bool
) -> None:
    """Say who would gain and who would lose if SCHEDULE had the week in the file WEEK.

    \b
    echo '[[[540,1080]],[[540,1080]],[[540,1080]],[[540,1080]],[[540,1080]],[],[]]' > week.json
    aldaba-cloud rules rehearse sch_flex week.json
    aldaba-cloud rules rehearse sch_flex week.json --days 7
    """
    if days is not None:
        with desk(config, network, keep=False) as at:
            ends = service.rehearse_taps(at.work, ScheduleId(schedule), _read_week(week), at.keyring, days=days)
        tell([_other_end(one) for one in ends], as_json=as_json, nothing="Every tap would have ended as it did.")
        return
    with desk(config, network, keep=False) as at:
        found = service.rehearse_schedule(at.work, ScheduleId(schedule), _read_week(week), at.keyring)
    rows = [
        {"holder": one.holder, "door": one.door, "gains": _hours(one.gains), "loses": _hours(one.loses)}
        for one in found.effects
    ]
    rows += [
        {"holder": "anybody", "door": one.door, "gains": _hours(one.opens), "loses": _hours(one.shuts)}
        for one in found.doors
    ]
    tell(rows, as_json=as_json, nothing="Nobody gains and nobody loses.")
    if not as_json and rows:
        click.echo(f"{len(found.gainers)} gain, {len(found.losers)} lose.")


def _read_week(path: Path) -> tuple[Windows, ...]:
    try:
        week = msgspec.convert(json.loads(path.read_text("utf-8")), tuple[Windows, ...])
    except (json.JSONDecodeError, msgspec.ValidationError, UnicodeDecodeError) as error:
        raise WeekUnreadable(path, str(error)) from error
    if len(week) != len(DAYS):
        raise WeekUnreadable(path, f"it has {len(week)} days")
    return week


def _counted(count: Counter[str]) -> dict[str, object]:
    names = ("schedule", "zone", "credential", "grant_", "setting")
    return {name.rstrip("_"): count[name] for name in names}


def _published(one: Published) -> dict[str, object]:
    made = one.generation
    return {"controller": made.controller, "epoch": made.epoch, "version": made.version, "changed_rows": one.changed}


def _held(one: Held) -> dict[str, object]:
    there = f"{one.there[0]}-{one.there[1]}" if one.heard else "not heard yet"
    return {
        "controller": one.controller,
        "name": one.name,
        "held_since": one.since.isoformat(timespec="seconds"),
        "here": f"{one.here[0]}-{one.here[1]}",
        "at_the_door": there,
        "changes_lost": one.lost_versions if one.heard else "?",
    }


def _other_end(one: OtherEnd) -> dict[str, object]:
    known = one.tap.event.facts.credential
    return {
        "at": one.tap.at.isoformat(timespec="seconds"),
        "door": one.door,
        "holder": one.holder,
        "credential": known.id if known else None,
        "was": one.was.value,
        "would_be": one.would_be.value,
    }


def _hours(spans: tuple[Span, ...]) -> str:
    return ", ".join(f"{DAYS[one.weekday]} {_clock(one.window.start)}-{_clock(one.window.end)}" for one in spans) or "-"


def _clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"
