from hypothesis import event, given
from hypothesis import strategies as st

from aldaba_edge.backoff import Backoff
from aldaba_edge.drivers.osdp_station import SECURE_SECONDS, SILENT_SECONDS, Station
from aldaba_edge.ports import ReaderBack, ReaderLost, ReaderTampered, Reading


def station() -> Station:
    return Station(Backoff(first=1.0), tried_at=0.0)


def secured() -> Station:
    made = station()
    made.heard(0.1, in_clear=False)
    assert made.look(0.2, secured=True) == []
    assert made.trusted
    return made


def test_a_reader_counts_only_once_its_channel_is_secured() -> None:
    new = station()
    new.heard(0.1, in_clear=True)
    assert new.look(0.2, secured=False) == []
    assert not new.trusted


def test_a_silent_reader_is_lost_once_and_left_alone_between_tries() -> None:
    silent = secured()
    assert silent.look(0.2 + SILENT_SECONDS, secured=True) == []
    assert silent.look(0.3 + SILENT_SECONDS, secured=True) == [ReaderLost("osdp_silent")]
    assert not silent.wanted(0.4 + SILENT_SECONDS, off=True)
    assert not silent.wanted(1.3 + SILENT_SECONDS, off=False), "the library still believes in the old channel"
    assert silent.wanted(1.3 + SILENT_SECONDS, off=True), "a second later it is tried again"
    assert silent.look(3.0 + 2 * SILENT_SECONDS, secured=False) == [], "it was said already"
    assert not silent.wanted(4.9 + 2 * SILENT_SECONDS, off=True), "the next pause is twice as long"


def test_a_reader_that_answers_and_does_not_come_up_secured_is_an_alarm_once() -> None:
    other = station()
    other.heard(0.1, in_clear=False)
    said = other.look(0.1 + SECURE_SECONDS, secured=False)
    assert said == [ReaderTampered("osdp_not_secure"), ReaderLost("osdp_not_secure")]
    assert other.wanted(5.0, off=True)
    other.heard(5.1, in_clear=False)
    assert other.look(5.2 + SECURE_SECONDS, secured=False) == []


def test_a_secured_reader_that_answers_in_clear_is_believed_no_more() -> None:
    downgraded = secured()
    downgraded.heard(1.0, in_clear=True)
    assert downgraded.look(1.0, secured=True) == [ReaderTampered("osdp_in_clear"), ReaderLost("osdp_in_clear")]
    assert not downgraded.trusted


def test_a_reader_that_was_switched_off_and_on_is_no_alarm() -> None:
    rebooted = secured()
    assert rebooted.look(1.0, secured=False) == [ReaderLost("osdp_channel_lost")]
    assert rebooted.wanted(2.1, off=True)
    rebooted.heard(2.2, in_clear=False)
    assert rebooted.look(2.5, secured=True) == [ReaderBack()]


STEPS = st.tuples(st.floats(0.01, 3.0), st.booleans(), st.booleans(), st.booleans())


@given(st.lists(STEPS, min_size=1, max_size=40))
def test_nothing_is_believed_that_is_not_secured_and_news_come_in_turns(
    steps: list[tuple[float, bool, bool, bool]],
) -> None:
    made, now = station(), 0.0
    said: list[Reading] = []
    for pause, hears, in_clear, is_secured in steps:
        now += pause
        if made.wanted(now, off=True) and hears:
            made.heard(now, in_clear=in_clear)
        said += made.look(now, secured=is_secured)
        assert not made.trusted or is_secured
    turns = [type(one) for one in said if not isinstance(one, ReaderTampered)]
    event(f"{min(len(turns), 3)} turns")
    assert turns == [ReaderLost if at % 2 == 0 else ReaderBack for at in range(len(turns))]
