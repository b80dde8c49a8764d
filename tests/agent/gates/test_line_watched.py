"""RTS and DTR with the circuit that watches them: no open, close or kill ever opens the gate."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from line_watcher import edges_of, open_times
from pydantic import ValidationError
from relay_rig import MS, RecordingPort, section_for

from agent.clock import ManualClock
from agent.config.gate import LineGate
from agent.gates.line import LineRelay
from agent.gates.relay import Stroke

TOGGLE_MS = 5
REOPENED_MS = 50  # a port that came back is opened again no sooner, by the same process
RESTARTED_MS = 1000  # nor by the next one: the unit's RestartSec

QUIET = ["begin", "end", "kill", "kill_in_open", "unplug", "stall", "idle"]
TOGGLES = st.integers(1, 15)  # what the configuration allows


class Wire(RecordingPort):
    """The line as the kernel moves it: an open raises it, a last close with HUPCL drops it."""

    def __init__(self, clock):
        super().__init__(clock)
        self.hupcl = True

    def open(self):
        """Raise the line, as the kernel does before any program is asked."""
        super().open()
        self.changes.append((self._clock.now_ns(), True))

    def died(self):
        """Close it as the kernel does for a process that was killed."""
        self.is_open = False
        if self.hupcl:
            self.changes.append((self._clock.now_ns(), False))


class Bench:
    """A computer with its gate line: processes come and go on it."""

    def __init__(self, toggle_ms=TOGGLE_MS):
        self.toggle_ns, self.hold_ns = toggle_ms * MS, 3 * toggle_ms * MS
        self.clock = ManualClock(1_000 * MS)
        self.wire = Wire(self.clock)
        self.relay = None
        self.pulses = []
        self._section = section_for("line", "x").model_copy(update={"toggle_ms": toggle_ms})
        self._pause_ms = REOPENED_MS

    def begin(self):
        """Start the agent, or let it try again; it opens the port, and its driver clears HUPCL."""
        if self.relay is None:
            self._wait()
            self.relay = LineRelay(self._section, self.wire)
            self.relay.open(self.clock.now_ns())
            self.wire.hupcl = False  # `test_line_relay.py` holds the driver to it

    def kill_in_open(self):
        """Kill it between the kernel's open and the driver's first word."""
        if self.relay is None:
            self._wait()
            self.wire.open()
            self.wire.died()
            self._pause_ms = RESTARTED_MS

    def _wait(self):
        self.clock.advance(self._pause_ms * MS)
        self.wire.lost = False

    def end(self):
        """Stop it in order."""
        if self.relay is not None:
            self.relay.close()
            self.relay, self._pause_ms = None, RESTARTED_MS

    def kill(self):
        """Kill it: nothing of ours runs any more."""
        if self.relay is not None:
            self.wire.died()
            self.relay, self._pause_ms = None, RESTARTED_MS

    def unplug(self):
        """Pull the adapter, whose line falls; the agent lets go of it."""
        if self.relay is not None:
            self.wire.changes.append((self.clock.now_ns(), False))
            self.wire.lost = self.wire.hupcl = True
            self.relay.close(lost=True)
            self.relay, self._pause_ms = None, REOPENED_MS

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
        return open_times(edges_of(self.wire.changes), self.hold_ns)

    def allowed(self):
        """Return when it may be open: in pulses and what the circuit holds, overlaps as one."""
        spans = []
        for first_ns, last_ns in self.pulses:
            until_ns = last_ns + self.toggle_ns + self.hold_ns
            if spans and first_ns <= spans[-1][1]:
                spans[-1] = (spans[-1][0], until_ns)
            else:
                spans.append((first_ns, until_ns))
        return spans


@given(TOGGLES, st.lists(st.sampled_from([*QUIET, "pulse"]), max_size=25))
def test_the_gate_opens_for_pulses_only(toggle_ms, deeds):
    """Whatever is begun, ended, killed, unplugged or stalled, in any order and at any moment."""
    bench = Bench(toggle_ms)
    for deed in deeds:
        getattr(bench, deed)()
    bench.clock.advance(500 * MS)
    for begin_ns, end_ns in bench.opened():
        assert any(first <= begin_ns and end_ns <= last for first, last in bench.allowed())


@given(TOGGLES, st.lists(st.sampled_from(QUIET), max_size=40))
def test_without_a_pulse_it_never_opens(toggle_ms, deeds):
    """Steady up rejects, steady down rejects, and so does every way from one to the other."""
    bench = Bench(toggle_ms)
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
    assert opened_ns - begin_ns == 2 * bench.toggle_ns
    assert end_ns < closed_ns <= end_ns + bench.hold_ns


@pytest.mark.parametrize("deed", ["kill", "stall", "end", "unplug"])
def test_what_ends_a_pulse_closes_the_gate(deed):
    """Killed, stalled, stopped or unplugged in a pulse: it lets go three toggles later."""
    bench = Bench()
    bench.begin()
    bench.pulse()
    at_ns = bench.clock.now_ns()
    getattr(bench, deed)()
    bench.idle()  # a process that stood still goes on, and makes up for nothing
    ((_, closed_ns),) = bench.opened()
    assert at_ns < closed_ns <= at_ns + bench.hold_ns


def test_the_judge_can_tell_a_line_that_is_left_toggling():
    """A driver that dropped the line in every pause would be found: the check can fail."""
    hold_ns = 15 * MS
    levels = [(at_ms * MS, bool(at_ms % 2)) for at_ms in range(1, 40)]
    assert open_times(edges_of(levels), hold_ns) == [(3 * MS, 39 * MS + hold_ns)]
    assert open_times([0, hold_ns, 2 * hold_ns + 1, 3 * hold_ns + 1], hold_ns) == []


def test_a_slower_line_could_be_opened_by_a_loose_plug():
    """Why `toggle_ms` is bounded: beyond it an adapter that comes and goes looks like a pulse."""
    bench = Bench(toggle_ms=20)
    for _ in range(2):
        bench.begin()
        bench.unplug()
    assert bench.opened() != []
    with pytest.raises(ValidationError, match="toggle_ms"):
        LineGate(driver="line", port="x", toggle_ms=16)
