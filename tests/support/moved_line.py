"""A host that decides at once, on a line in memory under a clock moved by hand."""

from __future__ import annotations

from agent.gates import messages
from agent.gates.terms import Terms
from agent.gates.wire import DELIMITER, decode_frame
from agent.records import GateNotice, PassOrder, Trigger
from agent.sim.belt import Belt
from agent.sim.line_faults import FaultRates, LineFaults

MS = 1_000_000
SECOND = 1_000_000_000
CONFIG = messages.Config(400_000, 8_000, 17_000, 3_000, 64)
TERMS = Terms(CONFIG)
BELT = Belt(20.0, jitter=0.2, seed=3, start_ns=3 * SECOND)
EMPTY = Belt(1.0, start_ns=2**62)


class Deaf(LineFaults):
    """A line that lets all messages through but those of one class."""

    def __init__(self, *deaf):
        super().__init__(FaultRates(), 1)
        self.deaf = deaf

    def put(self, data, now_ns):
        """Send on what is not of that class."""
        for piece in data.split(DELIMITER):
            if piece and not isinstance(decode_frame(piece).message, self.deaf):
                super().put(piece + DELIMITER, now_ns)


def expiry(trigger):
    """Return the start of a part's window."""
    return trigger.at_ns + (CONFIG.delay_us - CONFIG.guard_us) * 1000


def order(trigger):
    """Return the permission for a part."""
    return PassOrder(trigger.boot, trigger.part, expiry(trigger))


def run(line, seconds, *, allow=lambda _trigger: True, record=True):
    """Let a line run with a host that decides at once; returns which parts it allowed."""
    allowed = set()
    until_ns = line.clock.now_ns() + round(seconds * SECOND)
    while line.clock.now_ns() < until_ns:
        for event in line.step():
            if isinstance(event, GateNotice):
                continue
            if record:
                line.session.record(event)
            if (
                isinstance(event, Trigger)
                and allow(event)
                and line.session.allow(order(event), line.clock.now_ns())
            ):
                allowed.add((event.boot, event.part))
    return allowed


def passed(line):
    """Return (boot, part) of all parts that went through the gate."""
    return {(met.boot, met.part) for met in line.met if met.opened_for is not None}


def notices(line):
    """Return the kinds of notices so far."""
    return [event.kind for event in line.events if isinstance(event, GateNotice)]


def assert_safe(line, allowed):
    """No part went through but by its own permission."""
    for met in line.met:
        if met.opened_for is not None:
            assert met.opened_for == met.part
            assert (met.boot, met.part) in allowed
