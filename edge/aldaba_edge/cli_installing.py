"""The commands of whoever puts up a door: profiles, keys of readers, and the doctor that walks all of it."""

# ruff: noqa: PLC0415 - a command imports what it needs: --help must not cost a second on a Pi Zero

from pathlib import Path
from typing import Any

import click

from aldaba_edge import config as told
from aldaba_edge.cli_kit import NO, config_option, json_option, mendable, say_json, table


@click.command()
@click.argument("path", type=click.Path(path_type=Path, dir_okay=False), default=told.DEFAULT_PATH)
@json_option
@click.option("--click-test", "clicks", is_flag=True, help="Release each lock for a second and ask what it did.")
@click.option("--commission", is_flag=True, help="Walk every part of every door, and write the commissioning report.")
@click.option(
    "--report", type=click.Path(path_type=Path, dir_okay=False), help="Write it here: Markdown, or JSON for .json."
)
@click.option("--patience", type=float, default=60.0, show_default=True, help="Seconds that each task may take.")
@click.option(
    "--answers",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="Do not ask: a JSON object from the name of a question to true or false.",
)
@mendable
def doctor(path: Path, *, as_json: bool, clicks: bool, commission: bool, **wanted: Any) -> None:  # noqa: ANN401 - click's own: each option keeps its type above
    """Look at identity, clock, disk, daemon, broker and readers; with --commission, work every part of every door.

    The click test and the commissioning drive the devices themselves, so the
    daemon must be stopped. For a lock that power holds, the installer presses
    the fire relay and the emergency release, and both must free the door.

    Exit 0 when all is well, 1 when something is not.

    \b
    Examples:
      aldaba-edge doctor
      aldaba-edge doctor --click-test     (with the daemon stopped)
      aldaba-edge doctor --commission --report door-street.md
    """
    config = told.load(path)
    from aldaba_edge import doctor as examining
    from aldaba_edge import visit

    working = clicks or commission
    findings = list(examining.examine(config, daemon=not working))
    if working:
        person = visit.Prepared(wanted["answers"]) if wanted["answers"] else visit.AtTheDoor()
        findings += visit.walk(config, person, wanted["patience"], locks_only=not commission)
    said = visit.reported(config, path, findings)
    if wanted["report"] is not None:
        visit.write(said, wanted["report"])
    if as_json:
        say_json(said if commission else said["findings"])
    else:
        rows = [("well" if one.well else "NOT WELL", one.what, one.told) for one in findings]
        click.echo(table(rows, ("", "what", "found")))
    raise SystemExit(0 if all(one.well for one in findings) else NO)


@click.command()
@click.argument("kind", type=click.Choice(["reader", "lock", "board", "turnstile", "supply", "clock"]), required=False)
@json_option
@mendable
def profiles(kind: str | None, *, as_json: bool) -> None:
    """List the devices we have profiles of, what they draw, and how far each was tried; --json tells all of each.

    \b
    Examples:
      aldaba-edge profiles
      aldaba-edge profiles reader --json
    """
    import msgspec

    from aldaba_edge.wiring import power_of
    from aldaba_profiles.catalog import load_catalog

    found = {of: named for of, named in load_catalog().profiles.items() if kind in (None, of)}
    if as_json:
        every = ((of, name, profile) for of, named in found.items() for name, profile in named.items())
        say_json([{"kind": of, "name": name, **msgspec.to_builtins(profile)} for of, name, profile in every])
        return
    rows = [
        (of, name, profile.tested.value, power_of(profile.power), profile.title)
        for of, named in found.items()
        for name, profile in named.items()
    ]
    click.echo(table(rows, ("kind", "name", "tested", "power", "title")))


@click.command("osdp-key")
@click.argument("door")
@click.argument("side", type=click.Choice(["in", "out"]))
@click.option("--install", is_flag=True, help="Make a new key and give it to the reader, which is in its install mode.")
@config_option
@json_option
@mendable
def osdp_key(door: str, side: str, path: Path, *, install: bool, as_json: bool) -> None:
    """Give the OSDP reader of DOOR at SIDE its key, or say whether it answers under the one it has.

    With the daemon stopped: two programs must not speak on one line. A reader
    takes a key only in its own install mode, which its manual explains.

    Exit 0 when the reader answers secured, 1 when it does not.

    \b
    Examples:
      aldaba-edge osdp-key door-street in --install
      aldaba-edge osdp-key door-street in
    """
    from aldaba_edge import osdp_keys

    reader = osdp_keys.reader_of(told.load(path), door, side)
    secured = osdp_keys.install(reader) if install else osdp_keys.answers_secured(reader)
    if as_json:
        say_json({"door": door, "side": side, "address": reader.address, "secured": secured, "installed": install})
    else:
        click.echo(f"Reader {reader.address} of {door}, {side}: {'secured' if secured else 'does NOT answer secured'}.")
    raise SystemExit(0 if secured else NO)


@click.command()
@click.argument("door", required=False)
@config_option
@json_option
@click.option("--svg", type=click.Path(path_type=Path, dir_okay=False), help="Draw the pin header into this file.")
@mendable
def wiring(door: str | None, path: Path, *, as_json: bool, svg: Path | None) -> None:
    """Show how DOOR, or every door, is wired: terminals, cables, supply, and the pin header.

    Drawn from the configuration and the profiles, so it is what the program
    will drive. Nothing is switched.

    \b
    Examples:
      aldaba-edge wiring
      aldaba-edge wiring door-street --svg door-street.svg
      aldaba-edge wiring --json
    """
    from aldaba_edge import header
    from aldaba_edge.drivers.registry import load_registry
    from aldaba_edge.wiring import sheet
    from aldaba_profiles.catalog import load_catalog

    config = told.load(path)
    wanted = [one for one in config.door if door in (None, one.id)]
    if not wanted:
        raise click.UsageError(f"No door is called {door}. Doors: {', '.join(one.id for one in config.door)}.")
    registry, catalog = load_registry(), load_catalog()
    sheets = [sheet(one, catalog, registry) for one in wanted]
    used = {pin: f"{one.door}, {what}" for one in sheets for pin, what in one.pins.items()}
    if svg is not None:
        svg.write_text(header.svg("Wiring of " + ", ".join(one.door for one in sheets), used), "utf-8")
    if as_json:
        say_json([one.as_dict() for one in sheets])
        return
    for one in sheets:
        click.echo(f"{one.door}\n")
        rows = [(line.device, line.terminal, line.to, line.mind) for line in one.connections]
        click.echo(table(rows, ("device", "terminal", "goes to", "mind")))
        click.echo("\n" + "\n".join(f"- {note}" for note in one.notes) + "\n")
    click.echo(header.text(used))


@click.command("boot-lines")
@click.argument("path", type=click.Path(path_type=Path, dir_okay=False), default=told.DEFAULT_PATH)
@click.option("--write", "firmware", type=click.Path(path_type=Path, dir_okay=False), help="Put them into this file.")
@json_option
@mendable
def boot_lines(path: Path, *, firmware: Path | None, as_json: bool) -> None:
    """Say which lines config.txt needs so that no relay clicks while the Pi starts.

    With --write they are kept in a block of their own; doing it again changes nothing.

    \b
    Examples:
      aldaba-edge boot-lines
      aldaba-edge boot-lines --write /boot/firmware/config.txt
    """
    from aldaba_edge.boot_lines import lines_of, with_block
    from aldaba_profiles.catalog import load_catalog

    lines = lines_of(told.load(path), load_catalog())
    changed = False
    if firmware is not None:
        before = firmware.read_text("utf-8") if firmware.exists() else ""
        after = with_block(before, lines)
        changed = before != after
        if changed:
            new = firmware.with_name(firmware.name + ".aldaba-new")
            new.write_text(after, "utf-8")
            new.replace(firmware)
    if as_json:
        say_json({"lines": lines, "changed": changed})
        return
    click.echo("\n".join(lines) or "Nothing: no board of this controller needs a line.")
    if changed:
        click.echo(f"Written to {firmware}; they count from the next start of the Pi.", err=True)


COMMANDS = (doctor, osdp_key, profiles, wiring, boot_lines)
