from collections import Counter
from datetime import date
from random import Random

from aldaba_sim.building import BARCELONA, STREET
from aldaba_sim.people import Errand, Person, day_of, inhabitants

MONDAY = date(2026, 11, 23)


def a_day(seed: int = 1, day: date = MONDAY) -> tuple[tuple[Person, ...], list[Errand]]:
    rng = Random(seed)
    people = inhabitants(rng)
    return people, day_of(people, day, rng)


def test_the_same_seed_gives_the_same_day() -> None:
    assert a_day(7) == a_day(7)
    assert a_day(7) != a_day(8)


def test_a_working_day_makes_about_five_hundred_taps() -> None:
    counts = []
    for seed in range(8):
        _, errands = a_day(seed)
        where: dict[str, str] = {}
        taps = 0
        for errand in errands:
            way = BARCELONA.way(where.get(errand.holder, STREET), errand.goal)
            where[errand.holder] = errand.goal
            taps += sum(1 for opening, entering in way if (entering or opening.reader_out) and not errand.behind)
        counts.append(taps)
    assert 400 < sum(counts) / len(counts) < 600


def test_every_day_has_somebody_who_walks_in_behind_another() -> None:
    for seed in range(20):
        people, errands = a_day(seed, date(2026, 11, 29))
        followers = [errand for errand in errands if errand.behind]
        assert followers
        assert all(errand.behind in {person.holder for person in people} for errand in followers)


def test_everybody_has_a_card_of_their_own() -> None:
    people, _ = a_day()
    assert max(Counter(person.uid for person in people).values()) == 1
    assert sum(person.role == "member" for person in people) == 150


def test_the_way_to_a_room_leads_through_every_door_before_it() -> None:
    way = BARCELONA.way(STREET, "room-2")
    assert [(opening.door, entering) for opening, entering in way] == [
        ("street", True),
        ("lane", True),
        ("room-2", True),
    ]


def test_from_room_to_room_nobody_goes_out_to_the_street() -> None:
    way = BARCELONA.way("room-2", "offices")
    assert [(opening.door, entering) for opening, entering in way] == [("room-2", False), ("offices", True)]
