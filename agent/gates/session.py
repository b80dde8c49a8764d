"""The host's side of the controller protocol: bytes in, bytes out, time passed in; pure."""

from __future__ import annotations

import math
from collections.abc import Callable
from enum import Enum
from typing import Any

from agent.gates import messages
from agent.gates.belt_run import BeltRun
from agent.gates.clocksync import ClockSync
from agent.gates.codes import ConfigStatus, OutcomeKind, ReportKind
from agent.gates.complaints import FaultWatch, RefusalWatch, refusal, silence
from agent.gates.heartbeat import Heartbeat
from agent.gates.link import Link
from agent.gates.outcomes import CODES, bound
from agent.gates.partbook import PartBook
from agent.gates.second_eye import SecondEye
from agent.gates.terms import LineCounts, Terms
from agent.ports import GateEvent
from agent.records import GateNotice, GateOutcome, PassOrder, Trigger

HELLO_EVERY_NS = 100_000_000
GREETING_NS = 3_000_000_000
CONFIG_EVERY_NS = 300_000_000


class Stage(Enum):
    """How far host and controller have come."""

    GREETING = "greeting"
    CONFIGURING = "configuring"
    RUNNING = "running"


class Session:
    """One conversation with the controller, from HELLO until the line is lost.

    Call `receive` with what the port gave, `advance` when `due_ns` has come, and write what
    `output` returns. `lost` says why the conversation is over; a new one needs a new `boot`, but
    keeps the `book`, so that no report is handed up twice in one run, and the belt's `run`.
    """

    def __init__(
        self, terms: Terms, boot: int, book: PartBook, now_ns: int, run: BeltRun | None = None
    ) -> None:
        self.stage = Stage.GREETING
        self.lost = ""
        self._terms = terms
        self._book = book
        self._link = Link(boot)
        self._sync = ClockSync(terms.config.guard_us * 1000 // 4, terms.line_ns)
        self._heartbeat = Heartbeat(now_ns)
        self._faults, self._refusals = FaultWatch(), RefusalWatch()
        self._eye = SecondEye(terms.eye)
        self._run = run or BeltRun()
        self._events: list[GateEvent] = []
        self._confirmed: list[tuple[ReportKind, int]] = []
        self._since_ns = self._due_ns = now_ns
        # A line that needs nothing new of its controller asks for nothing new.
        self._spoken = terms.config.version
        self._echo, self._version = False, self._spoken
        self._in_step, self._refusal = False, ""
        self._steps = self._refused_there = 0
        self._handlers: dict[type[messages.Message], Callable[[Any, int], None]] = {
            messages.Hello: self._on_hello,
            messages.Configured: self._on_configured,
            messages.Trigger: self._on_trigger,
            messages.Outcome: self._on_outcome,
            messages.Refused: self._on_refused,
            messages.Pong: self._on_pong,
            messages.Fault: self._on_fault,
            messages.Seen: self._on_seen,
            messages.Run: self._on_run,
        }
        book.void()

    def up(self, now_ns: int) -> bool:
        """Whether parts can be passed: configured, alive and in step."""
        return not self.lost and self.stage is Stage.RUNNING and self._sync.in_step(now_ns)

    @property
    def due_ns(self) -> int:
        """Return when `advance` must be called at the latest."""
        dues = [self._link.due_ns, 0 if self._confirmed else None]
        if self.stage is not Stage.RUNNING:
            dues.append(self._due_ns)
        if self.stage is not Stage.GREETING:
            dues += [self._heartbeat.due_ns, self._heartbeat.silent_at_ns]
        if self.stage is Stage.RUNNING:
            dues.append(self._run.due_ns)
        return min(due for due in dues if due is not None)

    def counts(self, now_ns: int) -> LineCounts:
        """Return how the line is."""
        return LineCounts(
            refused_here=self._link.refused,
            refused_there=self._refused_there,
            repeats=self._link.repeats,
            pass_refused=self._refusals.total,
            round_trip_ns=self._link.round_trip_ns,
            clock_error_ns=round(self._sync.error_ns(now_ns)) if self._sync.known else None,
        )

    def complaint(self) -> str:
        """Say what keeps host and controller from agreeing."""
        if self.stage is Stage.GREETING:
            refused = self._link.refused
            return silence(self._version, self._spoken, echo=self._echo, refused=refused)
        return self._refusal or "the controller does not take its configuration"

    def take_events(self) -> list[GateEvent]:
        """Return what happened since the last call."""
        events, self._events = self._events, []
        return events

    def receive(self, data: bytes, now_ns: int) -> None:
        """Take bytes from the line."""
        for message in self._link.receive(data, now_ns):
            handle = self._handlers.get(type(message))
            if handle is not None:
                handle(message, now_ns)

    def advance(self, now_ns: int) -> None:
        """Do what is due: greet, configure, ping, notice silence."""
        if self.stage is Stage.GREETING:
            self._greet(now_ns)
            return
        if self.stage is Stage.CONFIGURING and now_ns >= self._due_ns:
            self._due_ns = now_ns + CONFIG_EVERY_NS
            self._link.send(self._terms.config, now_ns, self._due_ns)
        self._tell_belt(now_ns)
        if now_ns >= self._heartbeat.due_ns:
            haste = not self._sync.in_step(now_ns)
            self._link.post(self._heartbeat.ping(now_ns, haste=haste))
        silent_at_ns = self._heartbeat.silent_at_ns
        if silent_at_ns is not None and now_ns >= silent_at_ns:
            self.lost = "the controller has not answered for 500 ms"
        self._watch_clock(now_ns)
        if self._sync.known:
            self._events += self._eye.advance(self._sync.to_tick(now_ns))

    def output(self, now_ns: int) -> bytes:
        """Return the bytes to put on the line now."""
        while self._confirmed:
            self._link.post(messages.Recorded(tuple(self._confirmed[: messages.MAX_RECORDED])))
            del self._confirmed[: messages.MAX_RECORDED]
        return self._link.output(now_ns)

    def allow(self, order: PassOrder, now_ns: int) -> bool:
        """Send the permission for one part; False, and nothing sent, when it cannot be in time."""
        book = self._book
        known = order.boot == book.boot and book.live(order.part)
        if not known or now_ns >= order.expiry_ns or not self.up(now_ns):
            return False
        # Where the clocks are unsure the order expires early rather than late.
        expiry_ns = order.expiry_ns - math.ceil(self._sync.error_ns(now_ns))
        permission = messages.Pass(order.boot, order.part, self._sync.to_tick(expiry_ns))
        return self._link.send(permission, now_ns, order.expiry_ns)

    def record(self, event: Trigger | GateOutcome) -> None:
        """Tell the controller that a report's row is committed."""
        report = self._book.note(event)
        if report is not None:
            self._confirmed.append(report)

    def leave(self) -> None:
        """Say good-bye; the controller then forgets all permissions at once."""
        self._link.post(messages.Bye())

    def _greet(self, now_ns: int) -> None:
        if now_ns - self._since_ns >= GREETING_NS:
            self.lost = self.complaint()
        elif now_ns >= self._due_ns:
            self._due_ns = now_ns + HELLO_EVERY_NS
            peer = self._link.peer or 0
            self._link.post(messages.Hello(self._spoken, self._link.boot, peer))

    def _tell_belt(self, now_ns: int) -> None:
        order = self._run.order(now_ns) if self.stage is Stage.RUNNING else None
        if order is not None:
            self._link.send(order, now_ns, self._run.due_ns or now_ns)

    def _watch_clock(self, now_ns: int) -> None:
        if self._steps != self._sync.steps:
            self._steps = self._sync.steps
            self._forsake()
        in_step = self._sync.in_step(now_ns)
        if self._in_step and not in_step and self.stage is Stage.RUNNING:
            text = "the gate controller's clock is out of step: rejecting until it is back"
            self._events.append(GateNotice("gate_clock", text))
        self._in_step = in_step

    def _forsake(self) -> None:
        """End a conversation with a controller whose windows have moved with its clock.

        Good-bye takes the permissions back which it already has.
        """
        self._book.void()
        self._sync.reset()
        self.lost = "the controller's clock has jumped"
        self.leave()

    def _on_hello(self, hello: messages.Hello, now_ns: int) -> None:
        if hello.boot == self._link.boot:
            self._echo = True
            return
        other = hello.boot != self._link.peer
        answers = hello.peer == self._link.boot
        # It offers the newest that it knows, and answers in ours.
        offers = self._spoken <= hello.version <= messages.VERSION
        if not (hello.version == self._spoken if answers else offers):
            self._version = hello.version
            return
        self._version = self._spoken
        if not answers:
            if other and self.stage is not Stage.GREETING:
                self.stage = Stage.GREETING
                self._since_ns = self._due_ns = now_ns
        elif other or self.stage is Stage.GREETING:
            self._meet(hello.boot, now_ns)

    def _meet(self, boot: int, now_ns: int) -> None:
        self._link.meet(boot)
        self._sync.reset()
        self._heartbeat.begin(now_ns)
        self._confirmed.clear()
        self._book.void()
        self._eye.void()
        self._run.meet()
        self._in_step = False
        if self._book.begin(boot):
            text = "the gate controller has restarted: parts in flight are rejected"
            self._events.append(GateNotice("gate_restart", text))
        self.stage = Stage.CONFIGURING
        self._due_ns = now_ns

    def _on_configured(self, answer: messages.Configured, now_ns: int) -> None:
        if self.stage is not Stage.CONFIGURING:
            return
        if answer.status is ConfigStatus.ACCEPTED and answer.config == self._terms.config:
            self.stage = Stage.RUNNING
            self._watch_clock(now_ns)
            return
        why = refusal(answer.status)
        if why and not self._refusal:
            self._refusal = why
            self._events.append(GateNotice("gate_config", f"{why}: rejecting until it does"))

    def _on_trigger(self, trigger: messages.Trigger, now_ns: int) -> None:
        if not self._is_new(ReportKind.TRIGGER, trigger.part):
            return
        at_ns = self._sync.to_host_ns(trigger.tick)
        if at_ns > now_ns + self._terms.config.guard_us * 250 and self.up(now_ns):
            self._forsake()  # a part cannot come from the future
        if trigger.barred is OutcomeKind.NONE and self.up(now_ns):
            self._book.enliven(trigger.part)
        self._eye.trigger(trigger.part, trigger.tick)
        peer = self._link.peer or 0
        self._events.append(Trigger(peer, trigger.part, at_ns, bound(trigger.barred)))

    def _on_outcome(self, outcome: messages.Outcome, _now_ns: int) -> None:
        part = outcome.part
        # The part's TRIGGER is still on its way: it has to be told first.
        if not (outcome.row or self._book.handed(ReportKind.TRIGGER, part)):
            return
        if self._is_new(ReportKind.OUTCOME, part):
            self._book.deaden(part)
            self._eye.outcome(part, outcome.kind)
            at_ns = self._sync.to_host_ns(outcome.tick)
            code = CODES[outcome.kind]
            self._events.append(GateOutcome(self._link.peer or 0, part, code, at_ns))

    def _is_new(self, kind: ReportKind, part: int) -> bool:
        """Whether to hand a report up; the repeat of a recorded one is answered here."""
        if self._book.recorded(kind, part):
            self._confirmed.append((kind, part))
        return self._sync.known and self._book.hand(kind, part)

    def _on_refused(self, refused: messages.Refused, now_ns: int) -> None:
        self._events += self._refusals.note(refused, now_ns)

    def _on_pong(self, pong: messages.Pong, now_ns: int) -> None:
        if self._heartbeat.pong(pong):
            self._sync.add(pong.host_ns, now_ns, pong.tick)
            self._refused_there = pong.refused
            self._events += self._faults.note(pong.faults)
            self._events += self._faults.note_lost(pong.lost)
            self._watch_clock(now_ns)

    def _on_fault(self, fault: messages.Fault, _now_ns: int) -> None:
        self._events += self._faults.note(fault.faults)

    def _on_seen(self, seen: messages.Seen, _now_ns: int) -> None:
        self._eye.seen(seen.count, seen.tick)

    def _on_run(self, answer: messages.Run, _now_ns: int) -> None:
        self._events += self._run.note(answer)
