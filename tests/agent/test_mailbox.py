"""Bounded hand-over between lanes."""

import threading

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from agent.clock import ManualClock, SystemClock
from agent.mailbox import NeverLose, NewestWins
from agent.records import Frame


def frame(taken_ns):
    """Return a frame taken at this time."""
    return Frame(np.zeros((8, 8), np.uint8), taken_ns, taken_ns)


def test_a_full_box_refuses_and_counts():
    """Nothing is dropped silently: the one who hands over learns of it."""
    box = NeverLose(2)
    assert [box.put(i) for i in range(4)] == [True, True, False, False]
    assert box.refused == 2
    assert box.take_all(0) == [0, 1]
    assert box.take(0) is None


@given(st.lists(st.one_of(st.integers(0, 9), st.none())))
def test_items_come_out_in_the_order_they_went_in(moves):
    """A number puts, None takes: the box behaves as a queue."""
    box, model = NeverLose(100), []
    for move in moves:
        if move is None:
            assert box.take(0) == (model.pop(0) if model else None)
        else:
            box.put(move)
            model.append(move)
    assert len(box) == len(model)
    assert box.take_all(0, 3) == model[:3]


def test_a_waiting_reader_is_woken():
    """An item handed over from another thread ends the wait at once."""
    box = NeverLose(1)
    thread = threading.Timer(0.01, box.put, ["x"])
    thread.start()
    assert box.take(60) == "x"
    thread.join()


def test_whoever_waits_elsewhere_is_told():
    """`on_put` is called for each item that was taken in."""
    told = []
    box = NeverLose(1, on_put=lambda: told.append(len(box)))
    box.put(1)
    box.put(2)
    assert told == [1]


def test_no_frame_from_before_the_trigger_is_ever_used():
    """The first frame taken at or after the trigger counts, none before it."""
    frames = NewestWins(ManualClock())
    for taken in (10, 20, 30, 40):
        frames.put(frame(taken))
    found = frames.first_within(21, 100, 0)
    assert found is not None
    assert found[0].taken_ns == 30


def test_a_frame_after_the_parts_time_is_not_used():
    """A frame that could show the next part is no frame of this one, and ends the wait."""
    frames = NewestWins(SystemClock())
    frames.put(frame(10))
    frames.put(frame(50))
    assert frames.first_within(21, 40, SystemClock().now_ns() + 60_000_000_000) is None


def test_old_frames_make_room():
    """Without a part's time to keep them for, the last four frames are kept."""
    frames = NewestWins(ManualClock())
    for taken in range(10, 70, 10):
        frames.put(frame(taken))
    assert frames.first_within(0, 100, 0)[0].taken_ns == 30


def test_a_frame_is_kept_while_its_part_may_wait_for_its_turn():
    """A lane that was held up finds the frame of a part whose cut-off is not there yet."""
    frames = NewestWins(ManualClock(), keep_ns=300)
    for taken in range(0, 1010, 10):
        frames.put(frame(taken))
    assert frames.first_within(700, 709, 0)[0].taken_ns == 700
    assert frames.first_within(600, 709, 0)[0].taken_ns == 700


@given(st.integers(1, 12), st.integers(1, 30), st.integers(1, 40))
def test_frames_never_take_more_memory_than_allowed(size, most, count):
    """However long they are to be kept: the allowed bytes, or four frames if that is more."""
    frames = NewestWins(ManualClock(), keep_ns=10**12, most_bytes=most)
    for taken in range(count):
        frames.put(Frame(np.zeros(size, np.uint8), taken, taken))
    kept = min(count, max(4, most // size))
    assert frames.first_within(0, count, 0)[0].taken_ns == count - kept


def test_it_waits_for_a_frame_that_is_on_its_way():
    """A frame that arrives after the trigger does is waited for."""
    clock = SystemClock()
    frames = NewestWins(clock)
    thread = threading.Timer(0.01, frames.put, [frame(25)])
    thread.start()
    found = frames.first_within(21, 100, clock.now_ns() + 60_000_000_000)
    thread.join()
    assert found is not None
    assert found[0].taken_ns == 25


def test_it_does_not_wait_beyond_its_time():
    """Without a frame the answer is None once the time is over."""
    clock = SystemClock()
    assert NewestWins(clock).first_within(0, 10, clock.now_ns() + 1_000_000) is None


@given(st.lists(st.integers(0, 50), max_size=8).map(sorted), st.integers(0, 50), st.integers(0, 9))
def test_the_frame_found_is_the_first_of_the_window(taken, start, length):
    """For any frames and window: the earliest inside, or none."""
    frames = NewestWins(ManualClock(), keep_ns=50)
    for moment in taken:
        frames.put(frame(moment))
    found = frames.first_within(start, start + length, 0)
    inside = [moment for moment in taken if start <= moment <= start + length]
    assert (found[0].taken_ns if found else None) == (inside[0] if inside else None)
