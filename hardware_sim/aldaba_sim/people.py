"""How a day goes in a coworking space: who comes, when, where they go, who slips in behind whom.

Everything here is plain data and a seeded `random.Random`; nothing knows a door's
rules. People want things ("be in room 2 at ten") and the world lets them try.
Those who are refused give up and stay where they are.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from random import Random
from typing import Final
from zoneinfo import ZoneInfo

from aldaba_sim.building import STREET

ROOMS: Final = ("room-1", "room-2", "room-3", "room-4")
SATURDAY: Final = 5
TIME_ZONE: Final = "Europe/Madrid"

MEMBERS: Final = 150
GUESTS: Final = 8
TURNS_BACK: Final = 0.01
"""The share of arrivals in which somebody is let through the turnstile and does not go."""


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with a card. `role` is member, staff, cleaner, supplier, emergency_key or guest.

    `desk` is where their day is spent, `plan` what a member has bought, `uid` the
    number of their card.
    """

    holder: str
    name: str
    role: str
    uid: bytes
    desk: str
    plan: str = ""
    card_of: str = ""
    """Whose card it is a copy of, for somebody without one of their own."""

    @property
    def carries(self) -> str:
        """The holder whose card every door takes this person for."""
        return self.card_of or self.holder


@dataclass(frozen=True, slots=True)
class Errand:
    """A person wants to be somewhere at a time; with `behind` they walk after that person and do not tap."""

    at: datetime
    holder: str
    goal: str
    behind: str | None = None
    takes_passage: bool = True
    """False: they are let through the turnstile and turn back before its arm moves."""


FIRST: Final = ("Aina", "Biel", "Carme", "Dolors", "Enric", "Fina", "Gemma", "Hug", "Irina", "Jordi", "Khadija", "Laia")
LAST: Final = ("Abad", "Bosch", "Costa", "Duran", "Esteve", "Ferrer", "Garcia", "Haddad", "Ibarra", "Joshi", "Khan")


def inhabitants(rng: Random) -> tuple[Person, ...]:
    """Everybody of the space: 150 members on three plans, staff, cleaners, a supplier, a key and guests."""
    people = [_member(index, rng) for index in range(MEMBERS)]
    people += [Person(f"staff-{i}", f"Staff {i}", "staff", _uid(rng), "floor") for i in range(4)]
    people += [Person(f"cleaner-{i}", f"Cleaner {i}", "cleaner", _uid(rng), "floor") for i in range(2)]
    people.append(Person("supplier-0", "Coffee supplier", "supplier", _uid(rng), "floor"))
    people.append(Person("key-0", "Emergency key", "emergency_key", _uid(rng), "floor"))
    people += [Person(f"guest-{i}", f"Guest {i}", "guest", _uid(rng), "floor") for i in range(GUESTS)]
    return tuple(people)


def _member(index: int, rng: Random) -> Person:
    plan = "office" if index < 30 else "resident" if index < 60 else "hot_desk"  # noqa: PLR2004 - the mix of the space
    name = f"{FIRST[index % len(FIRST)]} {LAST[index % len(LAST)]}"
    return Person(f"member-{index}", name, "member", _uid(rng), "offices" if plan == "office" else "floor", plan)


def _uid(rng: Random) -> bytes:
    return rng.randbytes(7)


def day_of(people: Sequence[Person], day: date, rng: Random) -> list[Errand]:
    """Everybody's errands of one local day, in the order of their times.

    Working days see about 60 people and 500 taps, Saturdays a handful. Some come
    although they may not: too early, on a holiday, with a card that was revoked.
    """
    errands: list[Errand] = []
    for person in people:
        if rng.random() < _chance(person.role, day.weekday()):
            errands += _visit(person, day, rng)
    for person in rng.sample(people, 4):
        errands += _odd_visit(person, day, rng)
    errands = _with_tailgaters(errands, people, rng)
    return sorted(errands, key=lambda errand: (errand.at, errand.holder))


def _chance(role: str, weekday: int) -> float:
    if role == "emergency_key":
        return 0.1
    if weekday < SATURDAY:
        return {"member": 0.5, "staff": 0.9, "cleaner": 0.95, "supplier": 0.5, "guest": 0.4}[role]
    return {"member": 0.05, "staff": 0.25, "cleaner": 0.3, "supplier": 0.0, "guest": 0.05}[role]


def _visit(person: Person, day: date, rng: Random) -> list[Errand]:
    """A visit by somebody's habits: come, perhaps lunch outside, perhaps a meeting, leave."""
    if person.role == "cleaner":
        return _round(person, day, rng)
    if person.role in {"supplier", "emergency_key", "guest"}:
        return _short_visit(person, day, rng)
    came, left = rng.gauss(9.2, 0.8), max(13.0, rng.gauss(17.8, 1.3))
    errands = [Errand(_at(day, came), person.holder, person.desk, takes_passage=rng.random() > TURNS_BACK)]
    if rng.random() < 0.45:  # noqa: PLR2004 - the share that eats out
        lunch = rng.gauss(13.7, 0.4)
        errands.append(Errand(_at(day, lunch), person.holder, STREET))
        errands.append(Errand(_at(day, lunch + rng.uniform(0.5, 1.2)), person.holder, person.desk))
    if rng.random() < 0.35:  # noqa: PLR2004 - the share with a meeting
        meeting = rng.choice((10, 11, 12, 15, 16)) + rng.uniform(-0.1, 0.1)
        errands.append(Errand(_at(day, meeting), person.holder, rng.choice((*ROOMS, "workshop"))))
        errands.append(Errand(_at(day, meeting + rng.uniform(0.4, 1.0)), person.holder, person.desk))
    errands.append(Errand(_at(day, left), person.holder, STREET))
    return errands


def _round(person: Person, day: date, rng: Random) -> list[Errand]:
    """A cleaner sees every space after hours."""
    hour = rng.uniform(20.2, 20.7)
    errands = []
    for goal in ("floor", "offices", "workshop", *ROOMS, STREET):
        errands.append(Errand(_at(day, hour), person.holder, goal))
        hour += rng.uniform(0.1, 0.3)
    return errands


def _short_visit(person: Person, day: date, rng: Random) -> list[Errand]:
    came = rng.uniform(9, 16)
    goal = rng.choice(ROOMS) if person.role == "guest" else person.desk
    stays = rng.uniform(0.3, 2.5)
    return [Errand(_at(day, came), person.holder, goal), Errand(_at(day, came + stays), person.holder, STREET)]


def _odd_visit(person: Person, day: date, rng: Random) -> list[Errand]:
    """Somebody tries at an odd hour or a place that is not theirs, and leaves within the hour if it opened."""
    came = rng.uniform(6, 22.5)
    goal = rng.choice(("floor", "offices", *ROOMS))
    leaves = _at(day, came + rng.uniform(0.2, 1.0))
    return [Errand(_at(day, came), person.holder, goal), Errand(leaves, person.holder, STREET)]


def _with_tailgaters(errands: list[Errand], people: Sequence[Person], rng: Random) -> list[Errand]:
    """Some arrivals bring a second person who walks in behind them, at least one a day with any arrival.

    The second person is one who had no errand that day; they leave by themselves.
    """
    busy = {errand.holder for errand in errands}
    idle = [person for person in people if person.role == "member" and person.holder not in busy]
    arrivals = [errand for errand in errands if errand.goal == "floor"]
    led = rng.sample(arrivals, min(len(arrivals), len(idle), max(6, len(arrivals) // 12)))
    for leader, follower in zip(led, idle, strict=False):
        errands.append(Errand(leader.at, follower.holder, leader.goal, behind=leader.holder))
        errands.append(Errand(leader.at + timedelta(hours=rng.uniform(1, 4)), follower.holder, STREET))
    return errands


def _at(day: date, hour: float) -> datetime:
    """An instant of a local day, with its seconds; the hour may be past midnight."""
    seconds = round(max(0.0, min(hour, 23.9)) * 3600)
    return datetime.combine(day, time(), ZoneInfo(TIME_ZONE)) + timedelta(seconds=seconds)
