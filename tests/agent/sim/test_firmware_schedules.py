"""Random schedules against the firmware: a part passes only by a permission that came in time."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from agent.gates import messages
from agent.gates.codes import OutcomeKind, RunPermit
from agent.gates.link import Link
from agent.sim.firmware import HEARTBEAT_US, Firmware
from agent.sim.tracker import Tracker

MS = 1_000
DELAY, GUARD, PITCH = 200 * MS, 8 * MS, 17 * MS
CONFIG = messages.Config(DELAY, GUARD, PITCH, 3 * MS, 8)
BOOT = 0xB007_0001
FOREVER = 2**62


@dataclass
class Known:
    """What the model knows of one part; `allowed` from a PASS in time until something voids it.

    A part that finds the belt full is not `placed`: it is rejected at once and fills no place.
    """

    tick: int
    allowed: bool = False
    barred: bool = False
    placed: bool = True
    passed_us: list[int] = field(default_factory=list)

    @property
    def window(self):
        """Return when the gate may be open for it: the first and the first excluded tick."""
        return self.tick + DELAY - GUARD, self.tick + DELAY + GUARD


class Schedules(RuleBasedStateMachine):
    """A model of the promises, told the same story as the firmware, in small steps of time."""

    TERMS = CONFIG

    @initialize()
    def power_up(self):
        """Begin with a controller that has been greeted and configured."""
        self.now_us = 0
        self.firmware = Firmware(BOOT, 0)
        self.parts: dict[int, Known] = {}
        self.hosts = 0
        self.pinged_us = None
        self.outcomes: dict[int, OutcomeKind] = {}
        self.edge_us = -FOREVER
        self.permit = RunPermit.OFF
        self.greet()

    @rule()
    def greet(self):
        """Another host says HELLO: everything in flight is void."""
        self.hosts += 1
        self.link = Link(self.hosts)
        self._say(messages.Hello(messages.VERSION, self.hosts, 0))
        self.link.meet(BOOT)
        self._bar_all()
        self._say(self.TERMS)
        self.pinged_us, self.orders = None, 0
        if self.permit is RunPermit.WHILE_HEARD:
            self.permit = RunPermit.OFF
        self.ping()

    @rule()
    def ping(self):
        """The host lives."""
        self._say(messages.Ping(self.now_us))
        self.pinged_us = self.now_us

    @rule(after_ms=st.sampled_from([0, 1, 2, 4, 10, 16, 17, 18, 30, 80]))
    def part(self, after_ms):
        """A part meets the photo-eye, some time later."""
        self._move(after_ms * MS)
        flying = sum(
            known.placed and known.window[1] > self.now_us for known in self.parts.values()
        )
        number = self.firmware.eye(self.now_us, covered=True)
        self.firmware.eye(self.now_us, covered=False)
        bounce = self.now_us - self.edge_us < CONFIG.debounce_us
        self.edge_us = self.now_us
        assert (number is None) == bounce
        if number is None:
            return
        before = self.parts.get(number - 1)
        placed = flying < CONFIG.max_in_flight
        self.parts[number] = Known(self.now_us, barred=self._stands, placed=placed)
        if before is not None and self.now_us - before.tick < PITCH:
            for known in (before, self.parts[number]):
                known.allowed, known.barred = False, True
        if flying >= CONFIG.max_in_flight or self.firmware._tracker.overflow:
            self._bar_all()

    @precondition(lambda self: self.parts)
    @rule(back=st.integers(0, 9), expiry_ms=st.integers(-5, 250))
    def allow(self, back, expiry_ms):
        """The host allows a part, perhaps an old one, perhaps too late."""
        number = max(1, len(self.parts) - back)
        known = self.parts[number]
        expiry_us = max(0, self.now_us + expiry_ms * MS)
        self._say(messages.Pass(BOOT, number, expiry_us))
        in_time = self.now_us < min(expiry_us, known.window[0])
        if in_time and self._alive and not known.barred:
            known.allowed = True

    @rule(step_ms=st.sampled_from([1, 5, 20, 100, 190, 600]))
    def wait(self, step_ms):
        """Time passes."""
        self._move(step_ms * MS)

    @invariant()
    def every_outcome_says_what_happened(self):
        """A part is reported as passed exactly if the gate was open for it at its centre."""
        for number, kind in getattr(self, "outcomes", {}).items():
            centre_us = self.parts[number].tick + DELAY
            assert (kind is OutcomeKind.PASSED) == (centre_us in self.parts[number].passed_us)

    @property
    def _alive(self):
        return self.pinged_us is not None and self.now_us < self.pinged_us + HEARTBEAT_US

    @property
    def _stands(self):
        heard = self._alive and self.permit is RunPermit.WHILE_HEARD
        return self.TERMS.stops and not (heard or self.permit is RunPermit.ON)

    def _bar_all(self):
        for known in self.parts.values():
            known.allowed, known.barred = False, True

    def _move(self, step_us):
        """Go on to each moment that matters and look at the gate there."""
        end_us = self.now_us + step_us
        moments = {end_us}
        for known in self.parts.values():
            start, end = known.window
            moments |= {start - 1, start, known.tick + DELAY, end - 1, end}
        if self.pinged_us is not None:
            moments |= {self.pinged_us + HEARTBEAT_US + shift for shift in (-1, 0)}
        for moment in sorted(m for m in moments if self.now_us < m <= end_us):
            self.now_us = moment
            self.firmware.advance(moment)
            self._look()
        self._hear()

    def _look(self):
        if not self._alive:
            for known in self.parts.values():
                known.allowed = known.allowed and known.window[1] <= self.now_us
                known.barred = known.barred or self._stands
        expected = None
        for number, known in self.parts.items():
            if known.allowed and known.window[0] <= self.now_us < known.window[1]:
                expected = number
        assert self.firmware.open_for == expected
        if expected is not None:
            self.parts[expected].passed_us.append(self.now_us)

    def _say(self, message):
        if message.ACKED:
            self.link.send(message, self.now_us * 1000, FOREVER)
        else:
            self.link.post(message)
        self.firmware.receive(self.link.output(self.now_us * 1000), self.now_us)
        self._hear()

    def _hear(self):
        data = self.firmware.output(self.now_us)
        for message in self.link.receive(data, self.now_us * 1000):
            if isinstance(message, messages.Outcome):
                self.outcomes[message.part] = message.kind
        self.firmware.receive(self.link.output(self.now_us * 1000), self.now_us)


class StoppingSchedules(Schedules):
    """The same on a line that stops its belt: no part passes on whose way it stood."""

    TERMS = replace(CONFIG, stops=True)

    @rule(permit=st.sampled_from(RunPermit))
    def order(self, permit):
        """The host lets the belt run, or stops it."""
        self.orders += 1
        self._say(messages.Run(self.orders, permit))
        self.permit = permit
        if self._stands:
            self._bar_all()

    @invariant()
    def the_belt_runs_exactly_by_the_last_order(self):
        """And by the heartbeat, where that was ordered."""
        if hasattr(self, "permit"):
            assert self.firmware.may_run is not self._stands


for machine in (Schedules, StoppingSchedules):
    machine.TestCase.settings = settings(max_examples=100, stateful_step_count=50, deadline=None)
TestSchedules, TestStoppingSchedules = Schedules.TestCase, StoppingSchedules.TestCase


def test_a_coarse_clock_changes_no_outcome():
    """Called every microsecond or once a second, the tracker decides the same."""
    ends = []
    for step_us in (500, 1_000_000):
        tracker, done = Tracker(), []
        tracker.configure(CONFIG, 0)
        for number in range(1, 6):
            at_us = number * 30 * MS
            done += tracker.advance(at_us)
            tracker.arrive(at_us, OutcomeKind.NONE, OutcomeKind.REJECTED)
            if number % 2:
                assert tracker.permit(messages.Pass(BOOT, number, FOREVER), at_us) is None
        now_us = 150 * MS
        while now_us < 2_000 * MS:
            now_us += step_us
            done += tracker.advance(now_us)
        ends.append([(part.number, part.outcome, part.done_tick) for part in done])
    assert ends[0] == ends[1]
    assert [outcome for _number, outcome, _tick in ends[0]].count(OutcomeKind.PASSED) == 3
