"""Owns the gate: triggers in, permissions out, outcomes back.

A PASS is released once its row is committed and only before the part's cut-off. Everything else
needs no order: the gate at rest rejects.
"""

from __future__ import annotations

from collections.abc import Callable

from agent.clock import Clock
from agent.lanes.lane import Lane, LaneOverError
from agent.ledger.rules import TAKEN_BACK
from agent.line.mode import LineMode, ModeKind
from agent.mailbox import NeverLose
from agent.ports import BeltStop, Gate
from agent.records import (
    DISAGREES,
    Committed,
    Event,
    GateNotice,
    GateOutcome,
    Judged,
    OutcomeCode,
    Part,
    PassOrder,
    Reason,
    ToRecorder,
    Trigger,
    Verdict,
    VerdictKind,
)
from agent.schedule import Flight, InFlight, Timing, settle, uninspected
from agent.tally import Tally

# Notices after which no part can be passed until `gate_back`.
LOST = {"gate_lost", "trigger_lost"}


class GateLane(Lane):
    """The only one that talks to the gate. `next_seq` numbers the parts and does no I/O."""

    STEP_S = 0.05

    def __init__(
        self,
        gate: Gate,
        judged: NeverLose[Judged],
        committed: NeverLose[Committed],
        parts: NeverLose[Part],
        recorder: NeverLose[ToRecorder],
        next_seq: Callable[[], int],
        ready: Callable[[], bool],
        timing: Timing,
        tally: Tally,
        clock: Clock,
        mode: LineMode | None = None,
        *,
        latches: bool = False,
        belt: BeltStop | None = None,
    ) -> None:
        """Take everything; `latches` says that a gate which disagrees stops all passing.

        `belt` is then stopped too, where there is something to stop it by.
        """
        super().__init__("gate", clock)
        self._gate = gate
        self._judged = judged
        self._committed = committed
        self._parts = parts
        self._recorder = recorder
        self._next_seq = next_seq
        self._ready = ready
        self._timing = timing
        self._tally = tally
        self._mode = mode or LineMode()
        self._latches = latches
        self._belt = belt
        self._flights = InFlight(timing)
        self._started_ns = clock.now_ns()
        self.draining = False
        self.state = "opening"
        self.lost = ""  # why there is no gate, while there is none

    @property
    def unfinished(self) -> int:
        """Return how many parts in flight came before the agent was asked to stop."""
        flights = list(self._flights)
        return sum(
            flight.verdict is None or flight.verdict.reason is not Reason.STOPPING
            for flight in flights
        )

    @property
    def in_flight(self) -> int:
        """Return how many parts are between camera and gate."""
        return len(self._flights)

    def step(self) -> None:
        """Serve the gate, the verdicts and what was committed, once."""
        for event in self._gate.poll(self.STEP_S):
            if isinstance(event, Trigger):
                self._take_trigger(event)
            elif isinstance(event, GateOutcome):
                self._take_outcome(event)
            else:
                self._take_notice(event)
        for judged in self._judged.take_all(0.0):
            self._take_verdict(judged)
        for committed in self._committed.take_all(0.0):
            self._take_committed(committed)
        self._settle_overdue()
        if self._belt is not None:
            # Only a latch stops it, and only a person takes that back; a pause diverts.
            self._belt.let_run(may_run=self._mode.set.kind is not ModeKind.LATCHED)

    def end(self) -> None:
        """Leave the gate rejecting; parts still on the way have no outcome any more."""
        self._gate.close()
        for flight in self._flights:
            self._close_flight(flight, OutcomeCode.UNKNOWN, Reason.STOPPING)

    def _take_trigger(self, trigger: Trigger) -> None:
        now_ns = self.clock.now_ns()
        part = Part(self._next_seq(), trigger, now_ns)
        self._record(part)
        self._tally.trigger(trigger.at_ns)
        flight, before = self._flights.add(part)
        if trigger.barred is not None and flight.spoiled is Reason.NONE:
            flight.spoiled = TAKEN_BACK[trigger.barred]
        if before is not None:
            self._spoil(before)
        reason = self._refusal(flight, now_ns)
        if reason is Reason.NONE and not self._parts.put(part):
            reason = Reason.OVERLOAD
        if reason is not Reason.NONE:
            verdict = Verdict(part, VerdictKind.UNINSPECTED, reason, judged_ns=now_ns)
            self._take_verdict(Judged(verdict))

    def _refusal(self, flight: Flight, now_ns: int) -> Reason:
        """Return why a part need not even be looked at."""
        at_ns, mode = flight.part.trigger.at_ns, self._mode.at(now_ns)
        # A latch says more than the belt that it has stopped.
        stopped = flight.spoiled is Reason.BELT_STOP and mode.kind is ModeKind.LATCHED
        if flight.spoiled is not Reason.NONE and not stopped:
            return flight.spoiled
        if at_ns < self._started_ns:
            return Reason.RESTART
        if self.draining:
            return Reason.STOPPING
        late = now_ns >= self._timing.cutoff_ns(at_ns)
        if mode.diverts or (mode.reason is not Reason.NONE and not late):
            return mode.reason
        if not self._ready():
            return Reason.NOT_READY
        return Reason.LATE if late else Reason.NONE

    def _spoil(self, flight: Flight) -> None:
        """Take back what was decided about a part that turned out too close to the next.

        A permission that is out stays the controller's business: it saw both edges by its own
        clock, and says what came of it.
        """
        verdict = flight.verdict
        if flight.allowed or verdict is None:
            return  # the order is out: the controller decides, and its outcome is taken over
        if verdict.kind is not VerdictKind.UNINSPECTED:
            self._amend(flight, verdict, flight.spoiled)

    def _take_verdict(self, judged: Judged) -> None:
        trigger = judged.verdict.part.trigger
        flight = self._flights.find(trigger.boot, trigger.part)
        if flight is None or flight.verdict is not None:
            return  # settled already as late: it touches no other part
        now_ns = self.clock.now_ns()
        verdict = settle(judged.verdict, flight, self._timing, now_ns)
        mode = self._mode.at(now_ns)
        if verdict.kind is VerdictKind.PASS and mode.diverts:
            verdict = uninspected(verdict, mode.reason)
        flight.verdict = verdict
        self._tally.verdict(verdict, now_ns)
        self._record(Judged(verdict, judged.pixels))

    def _take_committed(self, committed: Committed) -> None:
        for verdict in committed.verdicts:
            if verdict.kind is VerdictKind.PASS:
                self._release(verdict)
            elif verdict.reason is Reason.BYPASSED:
                self._let_by(verdict)
        for part in committed.parts:
            self._gate.recorded(part.trigger)
        for outcome in committed.outcomes:
            # What nobody has reported must not be confirmed: its report may still come.
            if outcome.code is not OutcomeCode.UNKNOWN:
                self._gate.recorded(outcome)

    def _release(self, verdict: Verdict) -> None:
        trigger = verdict.part.trigger
        flight = self._flights.find(trigger.boot, trigger.part)
        if flight is None or flight.allowed or flight.verdict != verdict:
            return
        now_ns = self.clock.now_ns()
        mode = self._mode.at(now_ns)
        if mode.diverts:
            self._amend(flight, verdict, mode.reason)
        elif now_ns >= self._timing.cutoff_ns(trigger.at_ns):
            self._amend(flight, verdict, Reason.LATE)
        elif not self._order(flight):
            self._amend(flight, verdict, Reason.GATE)

    def _let_by(self, verdict: Verdict) -> None:
        """Let a part through that nobody inspected, while the bypass still lasts.

        Its row, which is committed, says `bypassed`, and stays so: the outcome tells what came
        of it.
        """
        trigger = verdict.part.trigger
        flight = self._flights.find(trigger.boot, trigger.part)
        if flight is None or flight.allowed or flight.verdict != verdict:
            return
        now_ns = self.clock.now_ns()
        bypassed = self._mode.at(now_ns).kind is ModeKind.BYPASSED
        in_time = now_ns < self._timing.cutoff_ns(trigger.at_ns)
        if bypassed and in_time and flight.spoiled is Reason.NONE and not self.draining:
            self._order(flight)

    def _order(self, flight: Flight) -> bool:
        """Give the permission for a part whose row is committed; False when it is not taken."""
        trigger = flight.part.trigger
        expiry_ns = self._timing.window(trigger.at_ns)[0]
        flight.allowed = self._gate.allow(PassOrder(trigger.boot, trigger.part, expiry_ns))
        return flight.allowed

    def _take_outcome(self, outcome: GateOutcome) -> None:
        self._tally.outcome(outcome.code)
        flight = self._flights.remove(outcome.boot, outcome.part)
        if flight is not None:
            self._settle_verdict(flight, outcome.code)
        self._record(outcome)

    def _settle_verdict(self, flight: Flight, code: OutcomeCode) -> None:
        """Give a part that has passed the gate its last word, if it still has none."""
        verdict = flight.verdict
        if verdict is None:
            now_ns = self.clock.now_ns()
            late = Verdict(flight.part, VerdictKind.UNINSPECTED, Reason.LATE, judged_ns=now_ns)
            flight.verdict = late
            self._tally.verdict(late, now_ns)
            self._record(Judged(late))
        elif verdict.kind is VerdictKind.PASS and code in TAKEN_BACK:
            # A PASS that was never released, its row not being durable, is late; the gate did well.
            held = code is OutcomeCode.REJECTED and not flight.allowed
            self._amend(flight, verdict, Reason.LATE if held else TAKEN_BACK[code])

    def _amend(self, flight: Flight, verdict: Verdict, reason: Reason) -> None:
        amended = uninspected(verdict, reason)
        flight.verdict = amended
        self._tally.amend(verdict.kind, amended)
        self._record(Judged(amended))

    def _settle_overdue(self) -> None:
        for flight in self._flights.overdue(self.clock.now_ns()):
            self._close_flight(flight, OutcomeCode.UNKNOWN, Reason.GATE)

    def _close_flight(self, flight: Flight, code: OutcomeCode, reason: Reason) -> None:
        """Complete a part whose outcome nobody reported."""
        trigger = flight.part.trigger
        self._flights.remove(trigger.boot, trigger.part)
        verdict = flight.verdict
        if verdict is None:
            now_ns = self.clock.now_ns()
            verdict = Verdict(flight.part, VerdictKind.UNINSPECTED, reason, judged_ns=now_ns)
            self._tally.verdict(verdict, now_ns)
            self._record(Judged(verdict))
        elif verdict.kind is VerdictKind.PASS and not flight.allowed:
            self._amend(flight, verdict, reason)
        self._tally.outcome(code)
        self._record(GateOutcome(trigger.boot, trigger.part, code, self.clock.now_ns()))

    def _take_notice(self, notice: GateNotice) -> None:
        if notice.kind == DISAGREES:
            self._tally.disagreement()
            if self._latches:
                self._mode.latch(notice.text, self.clock.wall_ns())
        back = notice.kind == "gate_back"
        self.state = "in step" if back else notice.text
        if back or notice.kind in LOST:
            self.lost = "" if back else notice.text
            self._flights.in_touch = back
        self._record(Event(notice.kind, notice.text, self.clock.now_ns()))

    def _record(self, item: ToRecorder) -> None:
        if not self._recorder.put(item):
            # Triggers are handed up once in a process's life: only a new one gets them again.
            raise LaneOverError("the recorder takes nothing any more")
