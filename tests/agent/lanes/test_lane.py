"""The loop all lanes share."""

import logging
import threading

from agent.clock import SystemClock
from agent.lanes.lane import FAULTS_IN_A_ROW, Lane, LaneOverError


class Scripted(Lane):
    """A lane whose steps raise where the script says so."""

    def __init__(self, script):
        super().__init__("scripted", SystemClock())
        self.script = list(script)
        self.done = threading.Event()
        self.answered = 0
        self.ended = False

    def step(self):
        """Do as the script says."""
        if not self.script:
            self.done.set()
            self._stop.wait(0.001)
            return
        fault = self.script.pop(0)
        if fault:
            raise fault if isinstance(fault, Exception) else ValueError("scripted")

    def on_fault(self):
        """Count the answers."""
        self.answered += 1

    def end(self):
        """Note the end."""
        self.ended = True


def test_a_fault_is_answered_for_and_the_lane_goes_on(caplog):
    """One bad step costs its own part, logs once, and the next step runs."""
    lane = Scripted([False, True, False])
    lane.start()
    assert lane.done.wait(30)
    lane.stop()
    assert lane.wait(30)
    assert (lane.faults, lane.answered, lane.ended) == (1, 1, True)
    assert "lane=scripted" in caplog.text


def test_a_lane_that_only_fails_gives_up_and_is_seen_dead(caplog):
    """After many faults in a row the lane ends, so that the process can be started again."""
    caplog.set_level(logging.CRITICAL)
    lane = Scripted([True] * 1000)
    lane.start()
    assert lane.wait(60)
    assert not lane.alive
    assert lane.faults == FAULTS_IN_A_ROW
    assert lane.ended


def test_a_lane_that_says_that_it_cannot_go_on_is_not_asked_again(caplog):
    """Its end still runs, and it answers for nothing: what it knows it has said."""
    lane = Scripted([LaneOverError("the recorder takes nothing any more"), False])
    lane.start()
    assert lane.wait(30)
    assert not lane.alive
    assert (lane.ended, lane.answered, len(lane.script)) == (True, 0, 1)
    assert "gives up: the recorder takes nothing" in caplog.text


def test_a_stopped_lane_ends_its_thread():
    """Stop asks, wait confirms."""
    lane = Scripted([])
    assert lane.wait(0)
    lane.start()
    assert lane.alive
    assert not lane.stopping
    lane.stop()
    assert lane.stopping
    assert lane.wait(30)
    assert not lane.alive


def test_each_step_is_a_beat():
    """The supervisor can see that a lane comes round."""
    lane = Scripted([False] * 3)
    before = lane.beat_ns
    lane.start()
    assert lane.done.wait(30)
    assert lane.beat_ns > before
    lane.stop()
    lane.wait(30)
