"""Lanes are started, watched and stopped."""

import threading

import pytest

from agent.clock import ManualClock
from agent.lanes.lane import Lane
from agent.supervisor import STALE_AFTER_NS, Supervisor


class Quiet(Lane):
    """A lane that does nothing and writes down when it ends."""

    def __init__(self, name, clock, diary, release=None):
        super().__init__(name, clock)
        self.diary = diary
        self.release = release

    def step(self):
        """Wait a moment, or hang until released."""
        if self.release is not None:
            self.release.wait()
        self._stop.wait(0.001)

    def end(self):
        """Write the end down."""
        self.diary.append(self.name)


@pytest.fixture
def clock():
    """Return a clock that stands still."""
    return ManualClock(10**12)


def test_who_hands_over_is_stopped_before_who_receives(clock):
    """Nothing is handed to a lane that has ended."""
    diary = []
    lanes = [Quiet(name, clock, diary) for name in ("capture", "inspect", "gate", "recorder")]
    supervisor = Supervisor(lanes, clock)
    supervisor.start()
    assert supervisor.dead() == []
    assert supervisor.stop(30)
    assert diary == ["capture", "inspect", "gate", "recorder"]


def test_a_hanging_lane_is_stale_and_does_not_hold_up_the_stop(clock):
    """A lane that never comes round is named, and stopping goes on without it."""
    release = threading.Event()
    hanging = Quiet("inspect", clock, [], release)
    supervisor = Supervisor([hanging], clock)
    supervisor.start()
    assert supervisor.stale() == []
    clock.advance(STALE_AFTER_NS + 1)
    assert supervisor.stale() == ["inspect"]
    assert not supervisor.stop(0.05)
    release.set()
    assert hanging.wait(30)


def test_a_dead_lane_is_named(clock):
    """A lane that was never started counts as dead."""
    assert Supervisor([Quiet("gate", clock, [])], clock).dead() == ["gate"]
