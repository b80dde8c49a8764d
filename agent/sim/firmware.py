"""The gate controller's program as a state machine: bytes and edges in, bytes and a gate out.

Pure: `now_us` is the controller's own time and only ever grows. It is the model that the firmware
under `deploy/firmware` has to follow, and the simulated controller runs it as it stands. Its
encoder, if it has one, is told by `belt`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from agent.gates import messages
from agent.gates.codes import ConfigStatus, Faults, OutcomeKind, Refusal, ReportKind, Wiring
from agent.gates.link import MAX_OPEN, Link
from agent.sim.dues import earliest
from agent.sim.encoder import BeltWatch
from agent.sim.eye import STUCK_US, Eye
from agent.sim.reports import REPEAT_US, Reports
from agent.sim.run_output import RunOutput
from agent.sim.terms import judge
from agent.sim.tracker import LIMIT, TrackedPart, Tracker

HEARTBEAT_US = 500_000
ANNOUNCE_US = 250_000
FAR_US = 2**62
_ANSWER_US = 500_000
_SEEN_US = 1_000_000
_UNSET = messages.Config(0, 0, 0, 0, 0)
_BELT_FAULTS = Faults.BELT_STOP | Faults.BELT_SPEED | Faults.BELT_BACK


class Firmware:
    """One life of the controller, from power-up: `boot` is another number each time, never 0."""

    def __init__(self, boot: int, now_us: int, channels: int = 2, *, can_stop: bool = True) -> None:
        self.boot = boot
        self._channels = channels  # of the encoder; 0: there is none
        self._can_stop = can_stop  # there is an output for the belt's contactor
        self._run = RunOutput()
        self._link = Link(boot)
        self._tracker = Tracker()
        self._eye, self._second_eye = Eye(), Eye()
        self._watch = BeltWatch()
        self._reports = Reports()
        self._ready = self._stuck = False
        self._faults = self._told_faults = Faults(0)
        self._pinged_us: int | None = None
        self._announce_us = self._now_us = now_us
        self._handlers: dict[type[messages.Message], Callable[[Any, int], None]] = {
            messages.Hello: self._on_hello,
            messages.Config: self._on_config,
            messages.Pass: self._on_pass,
            messages.Recorded: self._on_recorded,
            messages.Ping: self._on_ping,
            messages.Bye: self._on_bye,
            messages.Run: self._on_run,
        }

    @property
    def open_for(self) -> int | None:
        """Return the part that the gate is open for; None while it diverts."""
        return self._tracker.open_for

    @property
    def energised(self) -> bool:
        """Whether the output is powered; without power the gate takes its resting state."""
        config = self._tracker.config
        inverted = config is not None and config.wiring is Wiring.ENERGISE_TO_REJECT
        return (self.open_for is not None) != inverted

    @property
    def may_run(self) -> bool:
        """Whether the output for the belt's contactor is powered."""
        return self._run.powered(alive=self._alive)

    @property
    def refused(self) -> int:
        """Return how many damaged frames have come in."""
        return self._link.refused

    @property
    def deadline_us(self) -> int | None:
        """Return when `advance` must be called: the gate, the heartbeat or the eye needs it.

        With an encoder `belt` must be, whose speed is measured now and then.
        """
        return earliest([self._due_us, self._watch.due_us])

    @property
    def ticks_to_go(self) -> int | None:
        """Return after how many ticks more `belt` must be called; None while none matters."""
        stuck_at = None if self._stuck or not self._tracker.by_place else self._eye.stuck_at
        due = earliest([self._tracker.deadline_place, stuck_at])
        return None if due is None else self._watch.ahead(due)

    @property
    def output_due_us(self) -> int:
        """Return when `output` has something to say at the latest."""
        if self._link.peer is None:
            return self._announce_us
        due_ns = self._link.due_ns
        dues = [None if due_ns is None else due_ns // 1000 + 1]
        if self._alive and self._link.open_frames < MAX_OPEN:
            dues.append(self._reports.due_us)
        due_us = earliest(dues)
        return FAR_US if due_us is None else due_us

    def eye(self, now_us: int, *, covered: bool) -> int | None:
        """Take the photo-eye's level; returns the number of a new part."""
        self.advance(now_us)
        way = self._tracker.way(now_us)
        new = self._eye.change(covered=covered, now_us=now_us, way=way)
        self._note_stuck(now_us)
        if not new:
            return None
        trouble = self._watch.trouble or self._run.trouble(alive=self._alive)
        barred = trouble if self._ready else OutcomeKind.REJECTED
        otherwise = OutcomeKind.REJECTED if self._alive else OutcomeKind.NO_HEARTBEAT
        part = self._tracker.arrive(now_us, barred, otherwise)
        self._set_fault(Faults.QUEUE, on=self._tracker.overflow)
        self._set_fault(Faults.ENCODER, on=self._tracker.same_place)
        self._reports.add(ReportKind.TRIGGER, part)
        if part.done_tick is not None:
            self._reports.add(ReportKind.OUTCOME, part)
        return part.number

    def second_eye(self, now_us: int, *, covered: bool) -> None:
        """Take the level of the photo-eye behind the gate: told to a host that is there."""
        self.advance(now_us)
        if self._second_eye.change(covered=covered, now_us=now_us) and self._alive:
            seen = messages.Seen(self._second_eye.count, now_us)
            self._send(seen, now_us, now_us + _SEEN_US)

    def belt(self, now_us: int, count: int) -> None:
        """Take the encoder's count at this moment, edges backwards subtracted.

        What the time brings about comes before what the belt has reached.
        """
        watch, tracker = self._watch, self._tracker
        watch.move(count)
        tracker.move(tracker.place if tracker.by_place else watch.place, watch.here)
        self.advance(now_us)
        tracker.move(watch.place, watch.here)
        self._report(tracker.advance(now_us))
        self._watch.sample(now_us)
        trouble = self._watch.trouble
        if trouble is not OutcomeKind.NONE:
            self._tracker.bar(trouble, self._tracker.shut_from(now_us))
        self._faults = self._faults & ~_BELT_FAULTS | self._watch.fault
        self._note_stuck(now_us)
        self._set_fault(Faults.QUEUE, on=self._tracker.overflow)

    def advance(self, now_us: int) -> None:
        """Do all that is due by now, each thing as of its own moment and in order."""
        if now_us < self._now_us:  # a clock that goes back has moved all windows
            self._tracker.bar(OutcomeKind.FAULT, self._tracker.shut_from(now_us))
        self._now_us = now_us
        while (due_us := self._due_us) is not None and due_us <= now_us:
            self._report(self._tracker.advance(due_us))
            if self._pinged_us is not None and due_us >= self._pinged_us + HEARTBEAT_US:
                self._pinged_us = None
                self._tracker.drop(OutcomeKind.NO_HEARTBEAT, self._tracker.shut_from(due_us))
                self._run.halt(self._tracker, self._tracker.shut_from(due_us), alive=False)
                self._set_fault(Faults.HEARTBEAT, on=True)
            self._note_stuck(due_us)
        self._set_fault(Faults.QUEUE, on=self._tracker.overflow)

    def receive(self, data: bytes, now_us: int) -> None:
        """Take bytes from the line."""
        self.advance(now_us)
        for message in self._link.receive(data, now_us * 1000):
            handle = self._handlers.get(type(message))
            if handle is not None:
                handle(message, now_us)

    def output(self, now_us: int) -> bytes:
        """Return the bytes to put on the line now."""
        if self._link.peer is not None:
            self._tell_faults(now_us)
            if self._alive:
                self._tell_reports(now_us)
        elif now_us >= self._announce_us:
            self._announce_us = now_us + ANNOUNCE_US
            self._greet(0)
        return self._link.output(now_us * 1000)

    @property
    def _alive(self) -> bool:
        return self._pinged_us is not None

    @property
    def _due_us(self) -> int | None:
        """Return when the time itself brings something about."""
        dues = [self._tracker.deadline_us]
        if self._pinged_us is not None:
            dues.append(self._pinged_us + HEARTBEAT_US)
        if not (self._stuck or self._tracker.by_place):
            dues.append(self._eye.stuck_at)
        return earliest(dues)

    def _send(self, message: messages.Message, now_us: int, expiry_us: int) -> bool:
        return self._link.send(message, now_us * 1000, expiry_us * 1000)

    def _greet(self, peer: int, version: int = messages.VERSION) -> None:
        self._link.post(messages.Hello(version, self.boot, peer, LIMIT))

    def _report(self, done: Sequence[TrackedPart]) -> None:
        for part in done:
            self._reports.add(ReportKind.OUTCOME, part)

    def _note_stuck(self, now_us: int) -> None:
        self._stuck = self._eye.stuck(self._tracker.way(now_us))
        self._set_fault(Faults.PHOTO_EYE, on=self._stuck)
        if self._stuck:
            self._tracker.bar(OutcomeKind.FAULT, self._tracker.shut_from(now_us))

    def _set_fault(self, fault: Faults, *, on: bool) -> None:
        self._faults = self._faults | fault if on else self._faults & ~fault

    def _tell_reports(self, now_us: int) -> None:
        # The link repeats a report until it is acked, and the next round takes over from it.
        expiry_us = now_us + REPEAT_US
        self._reports.send(now_us, lambda message: self._send(message, now_us, expiry_us))

    def _tell_faults(self, now_us: int) -> None:
        if self._faults != self._told_faults:
            told = self._send(messages.Fault(self._faults), now_us, now_us + _ANSWER_US)
            self._told_faults = self._faults if told else self._told_faults

    def _on_hello(self, hello: messages.Hello, now_us: int) -> None:
        spoken = messages.PLAIN_VERSION <= hello.version <= messages.VERSION
        if spoken and hello.boot != self._link.peer:
            self._link.meet(hello.boot)
            self._leave_host(now_us)
            self._reports.resend(now_us)
            self._told_faults = Faults(0)
        self._greet(hello.boot, hello.version if spoken else messages.VERSION)

    def _on_bye(self, _bye: messages.Bye, now_us: int) -> None:
        self._link.meet(None)
        self._leave_host(now_us)

    def _leave_host(self, now_us: int) -> None:
        """Nothing is carried over from one host to the next: no permission and no part."""
        self._tracker.bar(OutcomeKind.REJECTED, self._tracker.shut_from(now_us + 1))
        self._run.leave_host()
        self._ready = False
        self._pinged_us = None
        self._set_fault(Faults.HEARTBEAT, on=False)

    def _on_config(self, config: messages.Config, now_us: int) -> None:
        status = self._configure(config, now_us)
        answer = messages.Configured(status, self._tracker.config or _UNSET)
        self._send(answer, now_us, now_us + _ANSWER_US)

    def _configure(self, config: messages.Config, now_us: int) -> ConfigStatus:
        status = judge(config, self._channels, can_stop=self._can_stop)
        if status is not ConfigStatus.ACCEPTED:
            return status
        if config != self._tracker.config:
            if self._tracker.live:
                return ConfigStatus.BUSY
            self._report(self._tracker.configure(config, now_us))
            self._eye.debounce_us = self._second_eye.debounce_us = config.debounce_us
            self._watch.begin(config.belt, now_us)
            self._faults &= ~(_BELT_FAULTS | Faults.ENCODER)
            self._eye.measure(self._tracker.way(now_us), config.way_of(STUCK_US))
        self._run.serve(stops=config.stops)
        self._ready = True
        return status

    def _on_pass(self, order: messages.Pass, now_us: int) -> None:
        reason = self._refusal(order, now_us)
        if reason is not None:
            refused = messages.Refused(order.part, reason)
            self._send(refused, now_us, now_us + _ANSWER_US)

    def _refusal(self, order: messages.Pass, now_us: int) -> Refusal | None:
        if order.boot != self.boot:
            return Refusal.OTHER_BOOT
        if not self._ready:
            return Refusal.NOT_CONFIGURED
        if not self._alive:
            return Refusal.NO_HEARTBEAT
        return self._tracker.permit(order, now_us)

    def _on_run(self, order: messages.Run, now_us: int) -> None:
        self._send(self._run.take(order), now_us, now_us + _ANSWER_US)
        self._run.halt(self._tracker, self._tracker.shut_from(now_us + 1), alive=self._alive)

    def _on_recorded(self, recorded: messages.Recorded, _now_us: int) -> None:
        for kind, part in recorded.reports:
            self._reports.recorded(kind, part)

    def _on_ping(self, ping: messages.Ping, now_us: int) -> None:
        self._pinged_us = now_us
        self._set_fault(Faults.HEARTBEAT, on=False)
        counts = (self._tracker.in_flight, len(self._reports), self.refused, self._reports.lost)
        self._link.post(messages.Pong(ping.host_ns, now_us, self._faults, *counts))
