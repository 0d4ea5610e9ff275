from hypothesis import given
from hypothesis import strategies as st

from aldaba_edge import config as told
from aldaba_edge.boot_lines import BEGIN, END, lines_of, with_block
from aldaba_profiles.catalog import load_catalog
from tests.edge.test_check import door_of

LINES = ["gpio=26,20,21=op,dh"]


def test_a_board_says_which_line_keeps_its_relays_at_rest() -> None:
    board = door_of(board={"profile": "waveshare-3ch", "active_low": True}, lock={"pin": 26})
    on_bus = door_of(board={"profile": "seeed-relay-v1", "address": 0x20}, lock={"pin": 1})
    config = told.Config(door=[board, on_bus, board])
    assert lines_of(config, load_catalog()) == [*LINES, "dtparam=i2c_arm=on"]


def test_a_battery_clock_says_how_the_kernel_reads_it() -> None:
    config = told.Config(door=[], battery_clock="ds3231")
    assert lines_of(config, load_catalog()) == ["dtparam=i2c_arm=on", "dtoverlay=i2c-rtc,ds3231"]
    pi5 = told.Config(door=[], battery_clock="pi5")
    assert lines_of(pi5, load_catalog()) == ["dtparam=rtc_bbat_vchg=3000000"]


@given(st.text("abc=\n[]#", max_size=40))
def test_writing_twice_changes_nothing_and_taking_away_leaves_the_rest(text: str) -> None:
    once = with_block(text, LINES)
    assert with_block(once, LINES) == once
    assert once.count(BEGIN) == once.count(END) == 1
    assert [one for one in with_block(once, []).splitlines() if one] == [one for one in text.splitlines() if one]


def test_what_stands_after_our_block_stays_after_it() -> None:
    once = with_block("a=1\n", LINES) + "[pi4]\nb=2\n"
    assert with_block(once, ["c=3"]).splitlines() == ["a=1", "[pi4]", "b=2", BEGIN, "[all]", "c=3", END]
