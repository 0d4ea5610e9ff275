from hypothesis import event, given
from hypothesis import strategies as st

from aldaba_sim.shrink import smallest, visits_of
from aldaba_sim.story import tell

STORY = tell(1, 1, every=10)


@given(
    size=st.integers(1, 60),
    culprits=st.sets(st.integers(0, 59), max_size=4),
)
def test_the_smallest_failing_part_is_the_culprits_and_nothing_else(size: int, culprits: set[int]) -> None:
    wanted = {one for one in culprits if one < size}
    event(f"{len(wanted)} culprits")
    left = smallest(range(size), lambda items: wanted <= set(items))
    assert set(left) == wanted or (not wanted and len(left) <= 1)


def test_a_visit_is_all_errands_of_a_person_and_day() -> None:
    visits = visits_of(STORY)
    assert sorted(errand.at for visit in visits for errand in visit) == sorted(one.at for one in STORY.errands)
    assert len({(visit[0].holder, visit[0].at.date()) for visit in visits}) == len(visits)


def test_leaving_a_person_out_throws_no_other_dice() -> None:
    assert STORY.luck("town", "member-7").random() == tell(1, 1).luck("town", "member-7").random()
    assert STORY.luck("town", "member-7").random() != tell(2, 1).luck("town", "member-7").random()
