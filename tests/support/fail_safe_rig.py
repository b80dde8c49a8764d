"""A whole line in virtual time with one fault at a time: for the fail-safe matrix.

What physically happens to a part is read off the output that the hardware has, never off what the
agent says of itself.
"""

from __future__ import annotations

import numpy as np
from relay_rig import HandRelay, HandSource

from agent.active_model import Judgement
from agent.clock import ManualClock
from agent.config import document as config
from agent.config.gate import ControllerGate, LcusGate, LineGate, ModbusGate
from agent.config.quality import Quality
from agent.drill.steps import Fault
from agent.errors import EngineError
from agent.gates.bookings import Pace
from agent.gates.host_timed import HostTimedGate
from agent.gates.terms import Terms
from agent.lanes.gate import GateLane
from agent.lanes.inspection import InspectionLane
from agent.mailbox import NeverLose, NewestWins
from agent.quality.frames import FrameQuality
from agent.records import (
    Committed,
    Frame,
    GateOutcome,
    Judged,
    Part,
    Reason,
)
from agent.schedule import Timing
from agent.sim.belt import Belt
from agent.sim.line_faults import FaultRates, LineFaults
from agent.sim.virtual import VirtualLine
from agent.tally import Tally
from bundle.policy import Decision

MS = 1_000_000
SECOND = 1_000 * MS
PITCH_NS = 250 * MS
PIXELS = np.tile(np.arange(0, 256, 2, dtype=np.uint8), (64, 1))
SECTIONS = {
    "controller-pass": ("controller", {}),
    "controller-reject": ("controller", {"wiring": "energise_to_reject"}),
    "modbus-pass": ("modbus", {}),
    "modbus-reject": ("modbus", {"wiring": "energise_to_reject"}),
    "lcus": ("lcus", {}),
    "lcus-held": ("lcus", {"held": True}),
    "line": ("line", {}),
}
_CLASSES = {
    "controller": ControllerGate,
    "modbus": ModbusGate,
    "lcus": LcusGate,
    "line": LineGate,
}


def section_of(name):
    """Return the section [gate] of one column of the matrix."""
    driver, options = SECTIONS[name]
    return _CLASSES[driver](driver=driver, port="x", **options)


class ScriptedModel:
    """Finds every part good, or fails on it, as the fault wants it."""

    title, quality = "scripted-1", None

    def __init__(self, line):
        self._line = line

    def judge(self, pixels):
        """Judge the part whose turn it is."""
        del pixels
        if self._line.is_on(Fault.MODEL_ERROR):
            raise EngineError("scripted fault")
        return Judgement(Decision.PASS, 0.1, 100_000, 3 * MS)


class ControllerEnd:
    """The controller's model on a cable, as the gate lane's gate and as the hardware."""

    def __init__(self, section, timing, clock):
        belt = Belt(1.0, 0.0, 1, 2**62, 0)  # the test covers the photo-eye by itself
        self._line = VirtualLine(Terms.of(timing, section), belt, clock=clock)
        self._clock = clock
        self._to_reject = section.wiring == "energise_to_reject"
        self.cable = self.powered = self.host = True

    def part(self):
        """Let a part meet the photo-eye."""
        if self.powered:
            tick = self._line.oscillator.tick(self._clock.now_ns())
            self._line.firmware.eye(tick, covered=True)
            self._line.firmware.eye(tick + 1, covered=False)

    def passes(self):
        """Whether a part that is at the gate now goes through."""
        energised = self.powered and self._line.firmware.energised
        return energised is not self._to_reject

    def settle(self):
        """Let the hardware do what is due now, whoever else is dead."""
        line, now_ns = self._line, self._clock.now_ns()
        tick = line.oscillator.tick(now_ns)
        if not self.powered:
            return
        if self.cable:
            line.firmware.receive(line.down.take(now_ns), tick)
            line.up.put(line.firmware.output(tick), now_ns)
        else:
            line.firmware.advance(tick)
            line.down, line.up = (LineFaults(FaultRates(), seed) for seed in (1, 2))

    def poll(self, _timeout_s):
        """Return what the session heard."""
        line, now_ns = self._line, self._clock.now_ns()
        session = line.session
        session.receive(line.up.take(now_ns), now_ns)
        session.advance(now_ns)
        line.down.put(session.output(now_ns), now_ns)
        events = session.take_events()
        if session.lost:
            line.session = line._new_session()
        return events

    def allow(self, order):
        """Send a permission."""
        return self._line.session.allow(order, self._clock.now_ns())

    def recorded(self, event):
        """Confirm a report."""
        self._line.session.record(event)

    def close(self):
        """Nothing to close."""


class RelayEnd:
    """A relay that this host times, and the output that it moves."""

    def __init__(self, section, timing, clock):
        self._clock, self._section = clock, section
        self._relay, self._source = HandRelay(clock), HandSource()
        self._pace = Pace.of(timing, section)
        self._gate = HostTimedGate(self._relay, self._source, self._pace, clock)
        self.powered = self.host = True

    @property
    def cable(self):
        """Whether the relay is plugged in."""
        return self._relay.plugged

    @cable.setter
    def cable(self, plugged):
        self._relay.plugged = plugged
        if self._section.driver == "lcus":
            self.powered = plugged  # its power is in the cable

    def part(self):
        """Let a part be told."""
        self._source.moments.append(self._clock.now_ns())

    def passes(self):
        """Whether a part that is at the gate now goes through."""
        now_ns = self._clock.now_ns()
        pulsing = any(begin <= now_ns < end for begin, end, _parts in self._relay.pulses)
        held = getattr(self._section, "held", False)
        energised = self.powered and pulsing is not held
        return energised is (self._section.wiring == "energise_to_pass")

    def settle(self):
        """Nothing to do: a pulse that is on has its end already."""

    def poll(self, timeout_s):
        """Serve the gate."""
        del timeout_s
        return self._gate.poll(0.0)

    def allow(self, order):
        """Hold a permission."""
        return self._gate.allow(order)

    def recorded(self, event):
        """Confirm a report."""
        self._gate.recorded(event)

    def close(self):
        """Nothing to close."""


class FaultyLine:
    """Parts every 250 ms, all of them good; `run` begins the fault after two seconds."""

    def __init__(self, column, fault):
        section = section_of(column)
        self.clock = ManualClock(10**10)
        self._fault, self._on = fault, False
        crowded = fault is Fault.QUEUE_FULL
        timing = config.Timing(
            delay_ms=400.0, guard_ms=20.0, min_pitch_ms=200.0, max_in_flight=1 if crowded else 16
        )
        end = ControllerEnd if section.driver == "controller" else RelayEnd
        self.gate = end(section, timing, self.clock)
        self._timing = Timing.from_config(timing)
        self._recorder, self._committed = NeverLose(10_000), NeverLose(10_000)
        self._parts, self._judged, self._answers = NeverLose(64), NeverLose(64), NeverLose(64)
        self._late: list[tuple[int, Judged]] = []
        self._frames = NewestWins(self.clock)
        self._seq = 0
        model = ScriptedModel(self)
        self._inspection = InspectionLane(
            self._parts, self._frames, self._answers, lambda: model, lambda: Reason.NONE,
            FrameQuality(Quality()), self._timing, 0, self.clock,
        )  # fmt: skip
        self._inspection.STEP_S = 0
        self._lane = GateLane(
            self.gate, self._judged, self._committed, self._parts, self._recorder, self._next,
            lambda: True, self._timing, Tally(), self.clock,
        )  # fmt: skip
        self.met: list[tuple[int, bool]] = []  # (when a part was at the gate, whether it passed)

    def is_on(self, fault):
        """Whether this is the fault, and it has begun."""
        return self._on and fault is self._fault

    def run(self, healthy_s=2.0, faulty_s=3.0):
        """Run the line; returns when the fault began."""
        begin_ns = self.clock.now_ns()
        fault_ns = begin_ns + round(healthy_s * SECOND)
        next_ns, way = begin_ns + SECOND // 2, []
        while self.clock.now_ns() < fault_ns + round(faulty_s * SECOND):
            now_ns = self.clock.now_ns()
            if not self._on and now_ns >= fault_ns:
                self._begin()
            self.gate.settle()
            if now_ns >= next_ns:
                next_ns += PITCH_NS
                way.append(now_ns + self._timing.delay_ns)
                self._arrive()
            if way and now_ns >= way[0]:
                self.met.append((way.pop(0), self.gate.passes()))
            if self.gate.host:
                self._step_host()
            self.clock.advance(MS)
        return fault_ns

    def _begin(self):
        self._on = True
        if self._fault in (Fault.PROCESS_DEAD, Fault.HOST_DEAD):
            self.gate.host = False
        if self._fault is Fault.HOST_DEAD and isinstance(self.gate, RelayEnd):
            self.gate.cable = False  # USB has its power from the host
        if self._fault is Fault.CABLE_OUT:
            self.gate.cable = False
        if self._fault is Fault.CONTROLLER_DEAD:
            self.gate.powered = False

    def _arrive(self):
        self.gate.part()
        if not self.is_on(Fault.NO_FRAME):
            self._frames.put(Frame(PIXELS, self.clock.now_ns() + MS, self._seq))

    def _step_host(self):
        self._lane.step()
        if len(self._parts):
            self._inspection.step()
        self._hand_over()
        self._lane.step()
        items = [] if self.is_on(Fault.DISK_FULL) else self._recorder.take_all(0)
        if items:
            self._committed.put(
                Committed(
                    tuple(item for item in items if isinstance(item, Part)),
                    tuple(item.verdict for item in items if isinstance(item, Judged)),
                    tuple(item for item in items if isinstance(item, GateOutcome)),
                )
            )
            self._lane.step()

    def _hand_over(self):
        """Let verdicts reach the gate lane, 380 ms late where that is the fault."""
        now_ns = self.clock.now_ns()
        wait_ns = 380 * MS if self.is_on(Fault.LATE_VERDICT) else 0
        self._late += [(now_ns + wait_ns, judged) for judged in self._answers.take_all(0)]
        while self._late and self._late[0][0] <= now_ns:
            self._judged.put(self._late.pop(0)[1])

    def _next(self):
        self._seq += 1
        return self._seq
