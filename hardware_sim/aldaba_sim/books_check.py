"""The books after the last day: every line once and in order, every tap in them, presence what a replay says."""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from aldaba_cloud.fleet import books
from aldaba_cloud.occupancy import service as occupancy
from aldaba_cloud.occupancy import store as occupancy_store
from aldaba_cloud.places import store as places
from aldaba_shared.events import AccessDecided, read_line
from aldaba_shared.ids import ControllerId, ZoneId
from aldaba_sim import seeding
from aldaba_sim.building import BARCELONA, STREET
from aldaba_sim.cloud_side import CloudSide
from aldaba_sim.ledger import Broken, Ledger, Tap
from aldaba_sim.machine import Death, Machine
from aldaba_sim.walk import Streets

if TYPE_CHECKING:
    from datetime import datetime


@dataclass(frozen=True, slots=True)
class Findings:
    """How many lines each side holds."""

    events_edge: int
    events_cloud: int


def check_books(cloud: CloudSide, machines: Iterable[Machine], ledger: Ledger) -> Findings:
    """Compare the journals on the controllers' disks with the cloud's, line by line, and both with what happened."""
    edge = kept = 0
    for machine in machines:
        journal = machine.running.books.journal
        with cloud.work() as work:
            rows = list(books.journal_lines(work, ControllerId(machine.name), journal.id))
        edge += journal.last
        kept += len(rows)
        _check_lines(machine, rows, ledger)
        _check_taps(machine, rows, ledger)
    _check_replay(cloud, ledger)
    _check_unnamed(cloud, ledger)
    return Findings(edge, kept)


def check_counts(cloud: CloudSide, streets: Streets, ledger: Ledger) -> None:
    """Counted zones against who is really there; a person whom no door could have seen last explains themselves."""
    with cloud.work() as work:
        site = places.find_site(work, seeding.SITE)
        if site is None:
            raise RuntimeError(seeding.SITE)
        for space in BARCELONA.spaces.values():
            if not space.counted:
                continue
            counted = {str(holder) for holder in occupancy.inside_now(work, site, ZoneId(space.zone))}
            differ = counted ^ streets.inside(space.zone)
            for name in sorted(differ):
                walker = streets.walkers[name]
                if walker.seen and not walker.walking:
                    where = "counted but gone" if name in counted else "there but not counted"
                    ledger.breach(Broken.OCCUPANCY_MISMATCH, f"{name} is {where} in {space.zone}, {cloud.time.now()}")


def _check_lines(machine: Machine, rows: Sequence[Any], ledger: Ledger) -> None:
    sequences = [row.sequence for row in rows]
    for sequence, times in Counter(sequences).items():
        if times > 1:
            ledger.breach(Broken.DUPLICATED, f"line {sequence} of {machine.name} is in the cloud {times} times")
    if sequences != sorted(sequences):
        ledger.breach(Broken.DUPLICATED, f"the lines of {machine.name} are out of order")
    known = {row.sequence: row.hash for row in rows}
    journal = machine.running.books.journal
    for sequence, digest, _body in journal.file.lines(1, journal.last):
        if known.get(sequence) != digest:
            ledger.breach(Broken.LOST, f"line {sequence} of {machine.name} is not in the cloud")
    for sequence in range(1, journal.last + 1):
        if sequence not in known:
            ledger.breach(Broken.LOST, f"the cloud has a hole at line {sequence} of {machine.name}")


def _check_taps(machine: Machine, rows: Sequence[Any], ledger: Ledger) -> None:
    """Every tap has its one line, or a death of its controller that explains why not."""
    written: Counter[tuple[datetime, str]] = Counter()
    for row in rows:
        event = read_line(row.body).event
        if isinstance(event, AccessDecided) and event.facts.credential is not None:
            written[event.shown.at, str(event.facts.credential.holder)] += 1
    died_with = Counter({death: death.lost_lines for death in machine.deaths})
    for tap in ledger.taps:
        if tap.controller != machine.name:
            continue
        times = written.pop((tap.machine_at, tap.holder), 0)
        tap.recorded = times > 0
        if times > 1:
            ledger.breach(Broken.DUPLICATED, f"the tap of {tap.holder} at {tap.door}, {tap.at} has {times} lines")
        if times == 0:
            _explain(died_with, tap, ledger)
    for (at, holder), times in written.items():
        ledger.breach(Broken.DUPLICATED, f"{times} lines of {machine.name} tell of a tap of {holder} nobody made, {at}")


def _explain(died_with: "Counter[Death]", tap: Tap, ledger: Ledger) -> None:
    """The first death after a tap may explain it, and no death more taps than lines died with it."""
    death = next((one for one in died_with if one.at >= tap.at), None)
    if death is not None:
        died_with[death] -= 1
    if death is None or died_with[death] < 0:
        ledger.breach(Broken.LOST, f"the tap of {tap.holder} at {tap.door}, {tap.at} is in no book")
    elif tap.released:
        ledger.unrecorded.append(f"{tap.holder} at {tap.door}, {tap.at}: the controller died at {death.at}")


def _check_unnamed(cloud: CloudSide, ledger: Ledger) -> None:
    """Everybody who passed a turnstile without a card since the last night reset: one more there, one less here."""
    with cloud.work() as work:
        site = places.find_site(work, seeding.SITE)
        if site is None:
            return
        local = work.now.astimezone(ZoneInfo(site.time_zone))
        reset = local.replace(hour=site.night_reset.hour, minute=site.night_reset.minute, second=0, microsecond=0)
        reset -= timedelta(days=local < reset)
        plain: Counter[str] = Counter()
        for row in books.lines_of_kind(work, seeding.SITE, "passed", since=reset):
            said = json.loads(row.body)["event"]
            if "holder" in said:
                continue
            for zone, more in ((said["into"], 1), (said.get("left", STREET), -1)):
                for space in BARCELONA.spaces.values():
                    if zone != STREET and BARCELONA.contains(space.zone, zone):
                        plain[space.zone] += more
        told = {str(zone.zone): zone.unnamed for zone in occupancy.zones_now(work, seeding.SITE)}
    for name in sorted(told):
        if told[name] != plain[name]:
            why = f"{told[name]} without a card are counted in {name}, a plain replay says {plain[name]}"
            ledger.breach(Broken.OCCUPANCY_MISMATCH, why)


def _check_replay(cloud: CloudSide, ledger: Ledger) -> None:
    """Presence as kept against two replays: the cloud's own, and a plain one that shares nothing with it."""
    with cloud.work() as work:
        for wrong in occupancy.verify(work, seeding.SITE):
            ledger.breach(Broken.OCCUPANCY_MISMATCH, f"{wrong} is not where the cloud's replay says")
        rows = sorted(
            books.movements(work, seeding.SITE), key=lambda row: (row.at, row.controller_id, row.journal, row.sequence)
        )
        last = {str(row.holder_id): str(row.zone_id) for row in rows}
        kept = {
            str(holder): str(stay.zone)
            for holder, stay in occupancy_store.load_presence(work, seeding.SITE).items()
            if not holder.startswith("unnamed")
        }
    for name in sorted(last.keys() | kept.keys()):
        if last.get(name, STREET) != kept.get(name, STREET):
            ledger.breach(Broken.OCCUPANCY_MISMATCH, f"{name} is not where a plain replay says")
