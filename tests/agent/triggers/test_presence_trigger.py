"""Parts found in the picture: one trigger each, at the first frame that shows them."""

from __future__ import annotations

import select

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.config.document import parse_config
from agent.config.trigger import PresenceTrigger as Section
from agent.errors import ConfigError, GateError
from agent.records import Frame
from agent.triggers.presence import PresenceTrigger

MS = 1_000_000


class Eye:
    """A trigger that is shown frames 10 ms apart; `show` says which share a part covers."""

    def __init__(self, **options):
        plain = {"driver": "presence", "region": (10, 20, 40, 50)}
        self.source = PresenceTrigger(Section(**{**plain, **options}))
        self.woken = 0
        self.source.attach(self._woken)
        self.source.open(0)
        self.at_ns = 0
        self.sequence = 0

    def _woken(self):
        self.woken += 1

    def show(self, *shares, size=(100, 100), colours=0):
        """Show one frame for each share."""
        for share in shares:
            shape = (*size, colours) if colours else size
            pixels = np.zeros(shape, np.uint8)
            pixels[20 : 20 + round(50 * share), 10:50] = 200
            self.sequence += 1
            self.source.see(Frame(pixels, self.at_ns, self.sequence))
            self.at_ns += 10 * MS
        return self

    def told(self):
        """Return the moments told, as numbers of the frames that they are of."""
        return [round(at_ns / (10 * MS)) for at_ns in self.source.poll(self.at_ns)]


def test_a_part_is_told_once_with_the_first_frame_that_shows_it():
    """However long it stays, and the gate is woken for it."""
    eye = Eye().show(0, 0, 0.3, 0.6, 1, 1, 1, 0.4, 0, 0, 0.9, 0)
    assert eye.told() == [3, 10]
    assert eye.woken == 2
    assert eye.told() == []


@given(wobble=st.lists(st.floats(0.25, 1.0), max_size=60))
def test_no_wobble_above_the_lower_share_makes_a_second_part(wobble):
    """Hysteresis: a part is over only when the region is nearly empty."""
    assert Eye().show(0, 0.8, *wobble, 0, 0).told() == [1]


@given(noise=st.lists(st.floats(0.0, 0.45), max_size=60))
def test_no_noise_below_the_upper_share_makes_a_part(noise):
    """Shadows and chips come and go."""
    assert Eye().show(0, *noise).told() == []


def test_with_frames_in_a_row_a_flash_is_no_part_and_the_first_frame_still_counts():
    """Three frames must agree; the moment is that of the first of them."""
    eye = Eye(frames=3).show(0, 0, 0, 1, 1, 0, 1, 1, 1, 1, 0, 1, 0, 0, 0, 1, 1, 1)
    assert eye.told() == [6, 15]


def test_a_part_that_is_there_at_the_start_gives_no_trigger():
    """Nobody knows since when; the next one does."""
    assert Eye().show(1, 1, 0, 1).told() == [3]


def test_a_dark_part_is_found_on_a_bright_belt():
    """The same, the other way round."""
    assert Eye(part_is="darker").show(1, 1, 0.2, 1).told() == [2]


@pytest.mark.parametrize("colours", [1, 3])
def test_colour_frames_are_looked_at_by_their_green(colours):
    """One channel or three."""
    assert Eye().show(0, 1, 0, colours=colours).told() == [1]


def test_two_parts_that_touch_are_told_within_one_pitch():
    """What stays longer than any part is two: the gate will pass neither."""
    eye = Eye(longest_ms=45.0).show(0, 1, 1, 1, 1, 1, 1, 1, 0, 1, 0)
    first, second, third = eye.source.poll(0)
    assert second == first + 1
    assert third == 90 * MS


def test_a_lost_camera_is_a_lost_trigger_and_its_return_is_waited_for():
    """While it is blind no part can be told; after that the region must be seen empty first."""
    eye = Eye().show(0, 1)
    eye.source.blind("the camera is gone")
    for _ in range(2):
        with pytest.raises(GateError, match="the camera is gone"):
            eye.source.open(0)
    assert list(eye.source.poll(0)) == []
    eye.show(1, 0, 1)
    eye.source.open(0)
    assert eye.told() == [4]


def test_a_frame_too_small_for_the_region_is_said():
    """Rather than looking at a part of it."""
    eye = Eye().show(1, size=(60, 100))
    with pytest.raises(GateError, match=r"trigger\.region"):
        eye.source.poll(0)


def test_more_parts_than_anybody_asks_for_are_a_fault_not_a_memory():
    """The mailbox is bounded; what is in it then is told to nobody."""
    eye = Eye().show(*[0, 1] * 257)
    with pytest.raises(GateError, match="more parts"):
        eye.source.poll(0)


def test_it_has_nothing_to_wait_for_and_closes():
    """The gate's waker does that; a closed one tells nothing."""
    eye = Eye().show(0, 1)
    eye.source.watch(select.poll())
    assert eye.source.due_ns is None
    eye.source.close()
    assert list(eye.source.poll(0)) == []


DESK = """[camera]
driver = "sim"
[model]
bundle = "m.lwb"
[ledger]
folder = "l"
[timing]
delay_ms = 1000.0
min_pitch_ms = 200.0
[gate]
driver = "modbus"
port = "x"
[trigger]
driver = "presence"
"""


@pytest.mark.parametrize(
    ("lines", "complaint"),
    [
        ("region = [200, 0, 150, 100]", "reaches beyond the camera's frame of 300x300"),
        ("region = [0, 0, 0, 10]", "no [x, y, width, height]"),
        ("region = [0, 0, 10, 10]\noff_share = 0.5", "one part would count as many"),
        ("region = [0, 0, 10, 10]\nframes = 10\n[belt]", None),
        ("", "region is missing"),
    ],
)
def test_a_region_that_cannot_work_is_refused_before_the_line_starts(lines, complaint):
    """In words for a technician."""
    if complaint is None:
        assert parse_config(DESK + lines).trigger.frames == 10
        return
    with pytest.raises(ConfigError, match=complaint.replace("[", r"\[").replace("]", r"\]")):
        parse_config(DESK + lines)


def test_a_camera_too_slow_to_tell_parts_apart_is_refused():
    """Twice the frames that must agree have to fit into one pitch."""
    slow = DESK.replace('"sim"', '"sim"\nframe_rate = 20.0', 1).replace(
        "[gate]", "frame_within_ms = 60.0\n[gate]"
    )
    parse_config(slow + "region = [0, 0, 10, 10]\nframes = 2")
    with pytest.raises(ConfigError, match=r"trigger\.frames 3 .* needs 300 ms"):
        parse_config(slow + "region = [0, 0, 10, 10]\nframes = 3")
