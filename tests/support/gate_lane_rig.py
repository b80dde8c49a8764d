"""A gate lane with everything around it in the test's hands."""

from agent.clock import ManualClock
from agent.config import document as config
from agent.lanes.gate import GateLane
from agent.line.mode import LineMode
from agent.mailbox import NeverLose
from agent.records import (
    Committed,
    GateOutcome,
    Judged,
    OutcomeCode,
    Trigger,
    Verdict,
    VerdictKind,
)
from agent.schedule import Timing
from agent.tally import Tally

MS = 1_000_000
TIMING = Timing.from_config(config.Timing())


class ScriptedGate:
    """A gate that reports what a test puts in and keeps what it was told."""

    def __init__(self):
        self.events, self.orders, self.confirmed = [], [], []
        self.takes_orders = True
        self.closed = False

    def open(self):
        """Nothing to do."""

    def poll(self, timeout_s):
        """Return what the test put in."""
        del timeout_s
        events, self.events = self.events, []
        return events

    def wake(self):
        """Nobody waits."""

    def allow(self, order):
        """Keep the order."""
        if self.takes_orders:
            self.orders.append(order)
        return self.takes_orders

    def recorded(self, event):
        """Keep what is confirmed."""
        self.confirmed.append(event)

    def close(self):
        """Note it."""
        self.closed = True


class Line:
    """A gate lane with everything around it in the test's hands."""

    def __init__(self, room=100, parts_room=10, *, latches=False, belt=None):
        self.clock = ManualClock(10**10)
        self.gate = ScriptedGate()
        self.judged, self.committed = NeverLose(100), NeverLose(100)
        self.parts, self.recorder = NeverLose(parts_room), NeverLose(room)
        self.tally = Tally()
        self.ready = True
        self.mode = LineMode()
        self._seq = 0
        self.lane = GateLane(
            self.gate, self.judged, self.committed, self.parts, self.recorder, self._next,
            lambda: self.ready, TIMING, self.tally, self.clock, self.mode, latches=latches,
            belt=belt,
        )  # fmt: skip

    def _next(self):
        self._seq += 1
        return self._seq

    def trigger(self, number=1, boot=1, at_ns=None):
        """Let a part come and return it as inspection gets it."""
        at_ns = self.clock.now_ns() if at_ns is None else at_ns
        self.gate.events.append(Trigger(boot, number, at_ns))
        self.lane.step()
        return self.parts.take(0)

    def verdict(self, part, kind=VerdictKind.PASS):
        """Let inspection answer and return what goes to the ledger."""
        self.judged.put(Judged(Verdict(part, kind, score=0.1, judged_ns=self.clock.now_ns())))
        self.lane.step()
        return self.written()

    def commit(self, *verdicts):
        """Let the recorder give word."""
        self.committed.put(Committed((), tuple(verdicts), ()))
        self.lane.step()

    def outcome(self, number=1, code=OutcomeCode.PASSED):
        """Let the controller report."""
        self.gate.events.append(GateOutcome(1, number, code, self.clock.now_ns()))
        self.lane.step()
        return self.written()

    def written(self):
        """Return what went to the recorder, verdicts bare."""
        items = self.recorder.take_all(0)
        return [item.verdict if isinstance(item, Judged) else item for item in items]
