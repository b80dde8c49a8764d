"""A whole line with an encoder under a clock moved by hand, and a belt that runs as it likes."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import strategies as st
from moved_line import MS, SECOND, notices

from agent.gates import messages
from agent.gates.codes import BeltMode
from agent.gates.terms import Terms
from agent.records import GateNotice, GateOutcome, OutcomeCode, PassOrder, Trigger
from agent.sim.belt import Belt
from agent.sim.motion import TICK, Motion
from agent.sim.virtual import VirtualLine

TICKS_PER_S = 5_000
START_NS = 3 * SECOND
# 400 ms from photo-eye to gate at the belt's own speed; it may run 1.4 times as fast.
_TICKS = messages.Belt(BeltMode.TICKS, 2_000, 40, 100, 7_000)
TICKS = messages.Config(285_714, 5_714, 14_285, 3_000, 64, belt=_TICKS)
_WATCHED = messages.Belt(BeltMode.WATCHED, 2_000, 60, 100, TICKS_PER_S, 10)
WATCHED = messages.Config(400_000, 8_000, 20_000, 3_000, 64, belt=_WATCHED)
PLAIN = replace(WATCHED, belt=None)
SPEEDS = st.sampled_from([0, 500, 2_000, 3_500, 4_600, 4_950, 5_000, 5_100, 5_400, 6_500, 6_900])
STEPS = st.lists(st.tuples(st.integers(5, 900), SPEEDS), max_size=10)


class BeltLine:
    """A virtual line, with a host that allows two of three parts as soon as it hears of them."""

    def __init__(self, config, steps=(), *, rate=20.0, jitter=0.3, seed=3, parts=None, allow=None):
        """Take `steps` of (milliseconds after the one before, ticks a second)."""
        at_ns, moments = START_NS, []
        for after_ms, speed in steps:
            at_ns += after_ms * MS
            moments.append((at_ns, speed))
        belt = Belt(rate, jitter, seed, START_NS, parts)
        motion = Motion(TICKS_PER_S, START_NS, moments)
        self.config = config
        self.line = VirtualLine(Terms(config), belt, motion=motion)
        self.allowed = set()
        self._allow = allow or (lambda trigger: trigger.part % 3)

    def run(self, until_ns):
        """Let the line run until that moment."""
        line = self.line
        while line.clock.now_ns() < until_ns:
            for event in line.step():
                if isinstance(event, GateNotice):
                    continue
                line.session.record(event)
                if isinstance(event, Trigger) and self._allow(event):
                    self._give(event)
        return self

    def _give(self, trigger):
        expiry_ns = trigger.at_ns + (self.config.delay_us - self.config.guard_us) * 1000
        order = PassOrder(trigger.boot, trigger.part, expiry_ns)
        if self.line.session.allow(order, self.line.clock.now_ns()):
            self.allowed.add((trigger.boot, trigger.part))

    @property
    def passed(self):
        """Return what the controller called the parts that went through, of those on the belt."""
        return {met.part for met in self.line.met if met.opened_for is not None}

    @property
    def outcomes(self):
        """Return what the controller reported of each part."""
        return {e.part: e.code for e in self.line.events if isinstance(e, GateOutcome)}

    @property
    def notices(self):
        """Return the kinds of notices so far."""
        return notices(self.line)

    def _by_a_tick(self, met):
        """Whether a part missed its window in time by less than a tick, which nobody can see."""
        witness = self.line.witness
        due = witness._place_of(met.belt_part) + witness._way
        centre_ns = met.arrival_ns + self.config.delay_us * 1000
        guard_ns = self.config.guard_us * 1000
        edges = [witness._motion.place(centre_ns + way) for way in (-guard_ns, guard_ns)]
        return any(abs(place - due) <= 2 * TICK for place in edges)

    def assert_safe(self):
        """No part passed but by its own permission, and each was reported as it went."""
        for met in self.line.met:
            own = self.line.witness.numbers[met.belt_part]
            if met.opened_for is None:
                told = [self.outcomes.get(part) for _boot, part in own]
                assert OutcomeCode.PASSED not in told or self._by_a_tick(met), (met, own)
                continue
            assert (met.boot, met.opened_for) in own, met
            assert (met.boot, met.opened_for) in self.allowed, met
            assert self.outcomes.get(met.opened_for, OutcomeCode.PASSED) is OutcomeCode.PASSED, met
