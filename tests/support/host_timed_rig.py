"""The gate that this host times, in virtual time, with a relay and triggers in the test's hands."""

from __future__ import annotations

from relay_rig import MS, RELAY_TIMING, HandRelay, HandSource, section_for

from agent.clock import ManualClock
from agent.gates.bookings import Pace
from agent.gates.host_timed import HostTimedGate
from agent.records import GateNotice, GateOutcome, PassOrder, Trigger

PASSING = Pace.of(RELAY_TIMING, section_for("modbus", "x"))
DIVERTING = Pace.of(RELAY_TIMING, section_for("modbus", "x", wiring="energise_to_reject"))
BEGIN = 1_000 * MS


class Rig:
    """A gate in virtual time, with what it has said so far."""

    def __init__(self, pace=PASSING):
        self.clock = ManualClock(BEGIN)
        self.relay = HandRelay(self.clock)
        self.source = HandSource()
        self.gate = HostTimedGate(self.relay, self.source, pace, self.clock)
        self.events = []

    def run(self, for_ms=0, step_ms=1):
        """Serve for so long."""
        for _ in range(for_ms // step_ms):
            self.clock.advance(step_ms * MS)
            self.events += self.gate.poll(0.0)
        self.events += self.gate.poll(0.0)
        return self

    def part(self):
        """Let a part come now; returns its trigger."""
        self.source.moments.append(self.clock.now_ns())
        self.run()
        return self.triggers[-1]

    def allow(self, trigger):
        """Give the permission for a part."""
        window_ns = trigger.at_ns + PASSING.delay_ns - PASSING.guard_ns
        return self.gate.allow(PassOrder(trigger.boot, trigger.part, window_ns))

    @property
    def triggers(self):
        """Return the triggers so far."""
        return [event for event in self.events if isinstance(event, Trigger)]

    @property
    def outcomes(self):
        """Return the outcomes so far, by part."""
        return {e.part: e.code for e in self.events if isinstance(e, GateOutcome)}

    @property
    def notices(self):
        """Return the kinds of the notices so far."""
        return [event.kind for event in self.events if isinstance(event, GateNotice)]
