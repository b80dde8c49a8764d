"""Whether the wall clock is known to be right: the flag, the kernel, and no call too far."""

from pathlib import Path

import pytest

from agent.clock import SystemClock
from agent.timesync import (
    CHECK_EVERY_NS,
    EARLIEST_WALL_NS,
    TimeSync,
    kernel_is_synchronized,
)

LATER_NS = EARLIEST_WALL_NS + 10**15


@pytest.mark.parametrize(
    ("flag", "kernel", "known"),
    [(False, False, False), (True, False, True), (False, True, True), (True, True, True)],
)
def test_one_good_word_is_enough(tmp_path, flag, kernel, known):
    """The service timesyncd leaves a flag; any other time service tells the kernel."""
    path = tmp_path / "synchronized"
    if flag:
        path.touch()
    assert TimeSync(path, lambda: kernel).known_good(0, LATER_NS) is known


def test_a_time_before_this_program_was_written_is_wrong(tmp_path):
    """A board without a battery starts at 1970 or at its last shutdown, whatever the flag says."""
    sync = TimeSync(tmp_path / "none", lambda: True)
    assert not sync.known_good(0, 0)
    assert not sync.known_good(0, EARLIEST_WALL_NS - 1)
    assert sync.known_good(0, EARLIEST_WALL_NS)


def test_it_is_not_asked_for_every_part(tmp_path):
    """The answer stands for ten seconds, and is asked for again after."""
    answers = iter([False, True])
    sync = TimeSync(tmp_path / "none", lambda: next(answers))
    assert not sync.known_good(0, LATER_NS)
    assert not sync.known_good(CHECK_EVERY_NS - 1, LATER_NS)
    assert sync.known_good(CHECK_EVERY_NS, LATER_NS)


@pytest.mark.parametrize(
    "status", ["Name:\tx\nSeccomp:\t2\nSeccomp_filters:\t1\n", "Seccomp:\t1\n", "Name:\tx\n", None]
)
def test_under_a_filter_of_system_calls_the_kernel_is_not_asked(tmp_path, monkeypatch, status):
    """There adjtimex(2) would kill the process: systemd's unit for the agent has such a filter."""
    monkeypatch.setattr("ctypes.CDLL", lambda _: pytest.fail("asked all the same"))
    path = tmp_path / "status"
    if status is not None:
        path.write_text(status)
    assert not kernel_is_synchronized(path)


@pytest.mark.parametrize(("state", "known"), [(0, True), (4, True), (5, False), (-1, False)])
def test_the_kernels_word_is_read(tmp_path, monkeypatch, state, known):
    """TIME_ERROR is the only state of a clock that nobody keeps; -1 is no answer."""

    class Library:
        @staticmethod
        def adjtimex(buffer):
            assert bytes(buffer) == bytes(len(buffer)), "it must only ask, never set"
            return state

    monkeypatch.setattr("ctypes.CDLL", lambda _: Library)
    path = tmp_path / "status"
    path.write_text("Seccomp:\t0\n")
    assert kernel_is_synchronized(path) is known


def test_a_system_without_the_call_is_unsure(tmp_path, monkeypatch):
    """No exception reaches the lane that asks."""
    monkeypatch.setattr("ctypes.CDLL", lambda _: object())
    path = tmp_path / "status"
    path.write_text("Seccomp:\t0\n")
    assert not kernel_is_synchronized(path)


def test_this_machine_can_be_asked():
    """The real call comes back with an answer."""
    assert isinstance(SystemClock().wall_ok(), bool)
    assert Path("/proc/self/status").exists()
