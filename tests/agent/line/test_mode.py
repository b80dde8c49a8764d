"""The line's states: a bypass ends by itself, and a latch only by a person."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from agent.line.mode import INSPECTING, LineMode, Mode, ModeKind
from agent.records import Reason

BYPASS = Mode(ModeKind.BYPASSED, "Anna", "camera away", 5, until_ns=1000)
PAUSE = Mode(ModeKind.PAUSED, "Anna", "new chute", 5)


def test_a_line_begins_inspecting():
    """Nothing is assumed: parts are inspected until a person says otherwise."""
    assert LineMode().at(0) is INSPECTING
    assert INSPECTING.reason is Reason.NONE
    assert not INSPECTING.diverts


@given(now_ns=st.integers(0, 2000))
def test_a_bypass_is_over_at_its_end_without_anybodys_help(now_ns):
    """The clock alone ends it, whether or not somebody calls `expire`."""
    mode = LineMode()
    mode.change(BYPASS)
    over = now_ns >= 1000
    assert mode.at(now_ns).kind is (ModeKind.INSPECTING if over else ModeKind.BYPASSED)
    assert (mode.expire(now_ns) is BYPASS) is over
    assert mode.at(0).kind is (ModeKind.INSPECTING if over else ModeKind.BYPASSED)


def test_a_pause_never_ends_by_itself():
    """It diverts every part until a person resumes."""
    mode = LineMode()
    mode.change(PAUSE)
    assert mode.at(2**62).diverts
    assert mode.expire(2**62) is None


def test_a_latch_takes_the_line_out_of_a_bypass():
    """A gate that disagrees is never bypassed, and the first reason stays."""
    mode = LineMode()
    mode.change(BYPASS)
    mode.latch("part 7 went the wrong way", 9)
    mode.latch("part 8 went the wrong way", 10)
    assert (mode.at(0).kind, mode.at(0).why) == (ModeKind.LATCHED, "part 7 went the wrong way")
    assert mode.at(0).diverts
    assert mode.at(0).reason is Reason.GATE


def test_only_a_resumption_ends_a_latch():
    """A bypass is refused, and a pause over it is a latch still."""
    mode = LineMode()
    mode.latch("welded", 9)
    assert not mode.change(BYPASS)
    assert mode.change(PAUSE)
    assert (mode.at(0).kind, mode.at(0).why) == (ModeKind.LATCHED, "welded")
    assert mode.change(Mode(ModeKind.INSPECTING, "Anna", "relay changed"))
    assert mode.at(0).kind is ModeKind.INSPECTING
