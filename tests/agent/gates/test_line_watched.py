"""RTS and DTR with the circuit that watches them: no open, close or kill ever opens the gate."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from line_watcher import edges_of, open_times
from relay_rig import MS, RecordingPort, section_for

from agent.clock import ManualClock
from agent.gates.line import LineRelay
from agent.gates.relay import Stroke

TOGGLE = 5 * MS
HOLD = 3 * TOGGLE
RESTART = 200 * MS  # systemd begins the service anew no sooner

DEEDS = st.lists(
    st.sampled_from(["begin", "end", "kill", "unplug", "stall", "pulse", "idle"]), max_size=25
)


class Wire(RecordingPort):
    """The line as the kernel moves it: an open raises it, a last close with HUPCL drops it."""

    def __init__(self, clock, *, hupcl=True):
        super().__init__(clock)
        self.hupcl = hupcl

    def open(self):
        """Raise the line, as the kernel does before any program is asked."""
        super().open()
        self.changes.append((self._clock.now_ns(), True))
        self.hupcl = False  # by the driver

    def died(self):
        """Close it as the kernel does for a process that was killed."""
        self.is_open = False
        if self.hupcl:
            self.changes.append((self._clock.now_ns(), False))


class Bench:
    """A computer with its gate line: processes come and go on it."""

    def __init__(self):
        self.clock = ManualClock(1_000 * MS)
        self.wire = Wire(self.clock)
        self.relay = None
        self.pulses = []

    def begin(self):
        """Start the agent, which opens the port."""
        if self.relay is None:
            self.clock.advance(RESTART)
            self.wire.lost = False
            self.relay = LineRelay(section_for("line", "x"), self.wire)
            self.relay.open(self.clock.now_ns())

    def end(self):
        """Stop it in order."""
        if self.relay is not None:
            self.relay.close()
            self.relay = None

    def kill(self):
        """Kill it: nothing of ours runs any more."""
        if self.relay is not None:
            self.wire.died()
            self.relay = None

    def unplug(self):
        """Pull the adapter, whose line falls; the agent lets go of it."""
        if self.relay is not None:
            self.wire.changes.append((self.clock.now_ns(), False))
            self.wire.lost = True
            self.relay.close(lost=True)
            self.relay = None

    def stall(self):
        """Let the process stand still."""
        self.clock.advance(80 * MS)

    def pulse(self):
        """Let a part pass, which takes 60 ms."""
        if self.relay is not None:
            begin_ns = self.clock.now_ns()
            self.relay.pulse(Stroke((1,), 60, 2**62), begin_ns)
            self.pulses.append((begin_ns, begin_ns + 60 * MS))
            self.idle()

    def idle(self):
        """Let some time go by; a pulse may be cut off by what comes next."""
        for _ in range(23):
            self.clock.advance(MS)
            if self.relay is not None:
                self.relay.serve(self.clock.now_ns(), None)

    def opened(self):
        """Return when the circuit let the gate open."""
        return open_times(edges_of(self.wire.changes), HOLD)

    def allowed(self):
        """Return when it may be open: in pulses and what the circuit holds, overlaps as one."""
        spans = []
        for first_ns, last_ns in self.pulses:
            until_ns = last_ns + TOGGLE + HOLD
            if spans and first_ns <= spans[-1][1]:
                spans[-1] = (spans[-1][0], until_ns)
            else:
                spans.append((first_ns, until_ns))
        return spans


@given(DEEDS)
def test_the_gate_opens_for_pulses_only(deeds):
    """Whatever is begun, ended, killed, unplugged or stalled, in any order and at any moment."""
    bench = Bench()
    for deed in deeds:
        getattr(bench, deed)()
    bench.clock.advance(500 * MS)
    for begin_ns, end_ns in bench.opened():
        assert any(first <= begin_ns and end_ns <= last for first, last in bench.allowed())


@given(st.lists(st.sampled_from(["begin", "end", "kill", "unplug", "stall", "idle"]), max_size=40))
def test_without_a_pulse_it_never_opens(deeds):
    """Steady up rejects, steady down rejects, and so does every way from one to the other."""
    bench = Bench()
    for deed in deeds:
        getattr(bench, deed)()
    assert bench.opened() == []


def test_a_pulse_opens_it_and_it_lets_go_in_time():
    """From the third change until three toggles after the last one."""
    bench = Bench()
    bench.begin()
    bench.idle()
    bench.pulse()
    for _ in range(5):
        bench.idle()
    ((opened_ns, closed_ns),) = bench.opened()
    ((begin_ns, end_ns),) = bench.pulses
    assert opened_ns - begin_ns == 2 * TOGGLE
    assert end_ns < closed_ns <= end_ns + HOLD


@pytest.mark.parametrize("deed", ["kill", "stall", "end", "unplug"])
def test_what_ends_a_pulse_closes_the_gate(deed):
    """Killed, stalled, stopped or unplugged in a pulse: it lets go three toggles later."""
    bench = Bench()
    bench.begin()
    bench.pulse()
    at_ns = bench.clock.now_ns()
    getattr(bench, deed)()
    bench.clock.advance(500 * MS)
    ((_, closed_ns),) = bench.opened()
    assert at_ns < closed_ns <= at_ns + HOLD


def test_the_judge_can_tell_a_line_that_is_left_toggling():
    """A driver that dropped the line in every pause would be found: the check can fail."""
    levels = [(at_ms * MS, bool(at_ms % 2)) for at_ms in range(1, 40)]
    assert open_times(edges_of(levels), HOLD) == [(3 * MS, 39 * MS + HOLD)]
    assert open_times([0, HOLD, 2 * HOLD + 1, 3 * HOLD + 1], HOLD) == []
