"""The controller's program as a state machine: bytes and edges in, bytes and a gate out.

`agent/sim/firmware.py` is the model; the tests run both. `now_us` only grows. Of the belt it is
told by `belt`.
"""

import struct

import messages
from aim import aim
from belt import Belt
from dues import earliest
from eye import STUCK_US, Eye
from flight import LIMIT
from link import Link
from micropython import const
from permit import RunOutput
from reports import Reports
from terms import judge
from tracker import Tracker

HEARTBEAT_US = const(500_000)
ANNOUNCE_US = const(250_000)
_ANSWER_US = const(500_000)
_REPORT_US = const(100_000)
_SEEN_US = const(1_000_000)
_UNSET = (0, 0, 0, 0, 0, 0)


class Controller:
    """One life of the controller, from power-up: `boot` is another number each time, never 0."""

    def __init__(self, boot: int, wiring: int, gate, now_us: int, encoder=None, run=None) -> None:
        self.boot = boot
        self._wiring, self._gate = wiring, gate
        self._link = Link(boot)
        self._reports = Reports()
        self._tracker = Tracker(self._reports, gate)
        self._reports.watch(self._tracker)
        self._belt = Belt(encoder)
        self._run = RunOutput(run)
        self._eye, self._second_eye = Eye(), Eye()
        self._ready = self._stuck = False
        self._faults = self._told_faults = 0
        self._pinged_us = None
        self._announce_us = self._now_us = now_us
        self._handlers = {
            messages.HELLO: self._on_hello,
            messages.CONFIG: self._on_config,
            messages.PASS: self._on_pass,
            messages.RECORDED: self._on_recorded,
            messages.PING: self._on_ping,
            messages.BYE: self._on_bye,
            messages.RUN: self._on_run,
        }

    def refused(self) -> int:
        """Return how many damaged frames have come in."""
        return self._link.refused()

    def now_us(self) -> int:
        """Return the latest moment that was dealt with."""
        return self._now_us

    def deadline_us(self) -> "int | None":
        """Return when `advance` must be called: the gate, the heartbeat or the eye needs it.

        With an encoder `belt` must be, whose speed is measured now and then.
        """
        return earliest([self._due_us(), self._belt.due_us()])

    def belt_due(self) -> "int | None":
        """Return at which count of its encoder `belt` must be called; None while none matters."""
        due = self._deadline_place()
        return None if due is None else self._belt.raw(due)

    def ticks_to_go(self) -> "int | None":
        """Return after how many ticks more that is."""
        due = self._deadline_place()
        return None if due is None else self._belt.ahead(due)

    def output_due_us(self) -> "int | None":
        """Return when `output` has something to say at the latest."""
        if self._link.peer is None:
            return self._announce_us
        speaks = self._pinged_us is not None and not self._link.full()
        return earliest([self._link.due_us(), self._reports.due_us() if speaks else None])

    def eye(self, covered: bool, now_us: int) -> int:
        """Take the photo-eye's level; returns the number of a new part, else 0."""
        self.advance(now_us)
        new = self._eye.change(covered, now_us, self._tracker.way(now_us))
        self._note_stuck(now_us)
        if not new:
            return 0
        alive = self._pinged_us is not None
        trouble = self._belt.trouble() or self._run.trouble(alive)
        barred = trouble if self._ready else messages.REJECTED
        otherwise = messages.REJECTED if alive else messages.NO_HEARTBEAT
        number = self._tracker.arrive(now_us, barred, otherwise)
        self._set_fault(messages.QUEUE_FAULT, self._tracker.overflow)
        self._set_fault(messages.ENCODER_FAULT, self._tracker.same_place)
        return number

    def second_eye(self, covered: bool, now_us: int) -> None:
        """Take the level of the photo-eye behind the gate: told to a host that is there."""
        self.advance(now_us)
        if self._second_eye.change(covered, now_us, now_us) and self._pinged_us is not None:
            payload = struct.pack(messages.SEEN_LAYOUT, self._second_eye.count, now_us)
            self._link.send(messages.SEEN, payload, now_us, now_us + _SEEN_US)

    def bar_all(self, now_us: int) -> None:
        """Reject what is in flight: edges were lost, or the clock has gone back."""
        self._tracker.bar(messages.BROKEN, self._tracker.shut_from(now_us))

    def belt(self, raw: int, now_us: int) -> None:
        """Take the furthest that the encoder has counted at this moment.

        What the time brings about comes before what the belt has reached.
        """
        belt, tracker = self._belt, self._tracker
        belt.move(raw)
        tracker.move(tracker.place if tracker.by_place else belt.place, belt.here())
        self.advance(now_us)
        tracker.move(belt.place, belt.here())
        tracker.advance(now_us)
        belt.sample(now_us)
        if belt.has_lost():
            self.bar_all(now_us)
            self._set_fault(messages.ENCODER_FAULT, True)
        trouble = belt.trouble()
        if trouble:
            tracker.bar(trouble, tracker.shut_from(now_us))
        self._faults = self._faults & ~messages.BELT_FAULTS | belt.fault()
        belt.noted()
        self._note_stuck(now_us)
        self._set_fault(messages.QUEUE_FAULT, tracker.overflow)

    def advance(self, now_us: int) -> None:
        """Do all that is due by now, each thing as of its own moment and in order."""
        if now_us < self._now_us:
            self.bar_all(now_us)
        self._now_us = now_us
        due_us = self._due_us()
        while due_us is not None and due_us <= now_us:
            self._tracker.advance(due_us)
            if self._pinged_us is not None and due_us >= self._pinged_us + HEARTBEAT_US:
                self._pinged_us = None
                self._tracker.drop(messages.NO_HEARTBEAT, self._tracker.shut_from(due_us))
                self._run.halt(self._tracker, self._tracker.shut_from(due_us), False)
                self._set_fault(messages.HEARTBEAT_FAULT, True)
            self._note_stuck(due_us)
            due_us = self._due_us()
        self._set_fault(messages.QUEUE_FAULT, self._tracker.overflow)

    def receive(self, data: bytes, now_us: int) -> None:
        """Take bytes from the line."""
        for kind, payload in self._link.receive(data, now_us):
            handle = self._handlers.get(kind)
            if handle is not None:
                handle(payload, now_us)

    def output(self, now_us: int) -> memoryview:
        """Return the bytes to put on the line now; say by `went` how many it has taken."""
        if self._link.peer is not None:
            self._tell_faults(now_us)
            if self._pinged_us is not None:
                self._tell_reports(now_us)
        elif now_us >= self._announce_us:
            self._announce_us = now_us + ANNOUNCE_US
            self._greet(0)
        return self._link.output(now_us)

    def went(self, count: int) -> None:
        """Forget so many bytes of the output."""
        self._link.went(count)

    def drive(self, now_us: int) -> None:
        """Hand the next window to the gate's timer, never beyond the heartbeat; drive the belt."""
        self._run.drive(self._pinged_us is not None)
        until_us = 0 if self._pinged_us is None else self._pinged_us + HEARTBEAT_US
        aim(self._gate, self._tracker, self._belt, now_us, until_us)

    def _deadline_place(self) -> "int | None":
        measured = self._tracker.by_place and not self._stuck
        stuck_at = self._eye.stuck_at() if measured else None
        return earliest([self._tracker.deadline_place(), stuck_at])

    def _due_us(self) -> "int | None":
        """Return when the time itself brings something about."""
        measured = not (self._stuck or self._tracker.by_place)
        dues = [self._tracker.deadline_us(), self._eye.stuck_at() if measured else None]
        if self._pinged_us is not None:
            dues.append(self._pinged_us + HEARTBEAT_US)
        return earliest(dues)

    def _greet(self, peer: int, version: int = messages.VERSION) -> None:
        fields = (version, self.boot, peer, LIMIT)
        self._link.post(messages.HELLO, struct.pack(messages.HELLO_LAYOUT, *fields))

    def _note_stuck(self, now_us: int) -> None:
        self._stuck = self._eye.stuck(self._tracker.way(now_us))
        self._set_fault(messages.EYE_FAULT, self._stuck)
        if self._stuck:
            self.bar_all(now_us)

    def _set_fault(self, fault: int, on: bool) -> None:
        self._faults = self._faults | fault if on else self._faults & ~fault

    def _tell_reports(self, now_us: int) -> None:
        # The link repeats a report until it is acked, and the next round takes over from it.
        send, expiry_us = self._link.send, now_us + _REPORT_US
        self._reports.send(now_us, lambda kind, payload: send(kind, payload, now_us, expiry_us))

    def _tell_faults(self, now_us: int) -> None:
        if self._faults != self._told_faults:
            payload = struct.pack(messages.FAULT_LAYOUT, self._faults)
            if self._link.send(messages.FAULT, payload, now_us, now_us + _ANSWER_US):
                self._told_faults = self._faults

    def _on_hello(self, payload: bytes, now_us: int) -> None:
        version, boot, _peer, _limit = struct.unpack(messages.HELLO_LAYOUT, payload)
        spoken = messages.PLAIN_VERSION <= version <= messages.VERSION
        if spoken and boot != self._link.peer:
            self._link.meet(boot)
            self._leave_host(now_us)
            self._reports.resend()
            self._told_faults = 0
        self._greet(boot, version if spoken else messages.VERSION)

    def _on_bye(self, _payload: bytes, now_us: int) -> None:
        self._link.meet(None)
        self._leave_host(now_us)

    def _leave_host(self, now_us: int) -> None:
        """Nothing is carried over from one host to the next: no permission and no part."""
        self._tracker.bar(messages.REJECTED, self._tracker.shut_from(now_us + 1))
        self._run.leave_host()
        self._ready = False
        self._pinged_us = None
        self._set_fault(messages.HEARTBEAT_FAULT, False)

    def _on_config(self, payload: bytes, now_us: int) -> None:
        status = self._configure(messages.unpack_config(payload), now_us)
        answer = struct.pack("<B", status) + messages.pack_config(self._tracker.config or _UNSET)
        self._link.send(messages.CONFIGURED, answer, now_us, now_us + _ANSWER_US)

    def _configure(self, config: tuple, now_us: int) -> int:
        status = judge(config, self._wiring, self._belt.channels(), self._run.there())
        if status != messages.ACCEPTED:
            return status
        if config != self._tracker.config:
            if self._tracker.live():
                return messages.BUSY
            self._tracker.configure(config, now_us)
            self._eye.debounce_us = self._second_eye.debounce_us = config[3]
            self._watch_belt(messages.belt_of(config), now_us)
        self._run.serve(messages.stops(config))
        self._ready = True
        return messages.ACCEPTED

    def _watch_belt(self, terms: "tuple | None", now_us: int) -> None:
        self._belt.begin(terms, now_us)
        self._faults &= ~(messages.BELT_FAULTS | messages.ENCODER_FAULT)
        stuck_after = STUCK_US * terms[4] // 1_000_000 if self._tracker.by_place else STUCK_US
        self._eye.measure(self._tracker.way(now_us), stuck_after)

    def _on_pass(self, payload: bytes, now_us: int) -> None:
        boot, part, expiry = struct.unpack(messages.PASS_LAYOUT, payload)
        reason = self._refusal(boot, part, expiry, now_us)
        if reason:
            refused = struct.pack(messages.REFUSED_LAYOUT, part, reason)
            self._link.send(messages.REFUSED, refused, now_us, now_us + _ANSWER_US)

    def _refusal(self, boot: int, part: int, expiry: int, now_us: int) -> int:
        if boot != self.boot:
            return messages.OTHER_BOOT
        if not self._ready:
            return messages.NOT_CONFIGURED
        if self._pinged_us is None:
            return messages.NOT_ALIVE
        return self._tracker.permit(part, expiry, now_us)

    def _on_run(self, payload: bytes, now_us: int) -> None:
        self._link.send(messages.RUN, self._run.take(payload), now_us, now_us + _ANSWER_US)
        tracker, alive = self._tracker, self._pinged_us is not None
        self._run.halt(tracker, tracker.shut_from(now_us + 1), alive)

    def _on_recorded(self, payload: bytes, _now_us: int) -> None:
        for kind, part in messages.unpack_all(messages.RECORDED_LAYOUT, payload):
            self._reports.recorded(kind, part)

    def _on_ping(self, payload: bytes, now_us: int) -> None:
        self._pinged_us = now_us
        self._set_fault(messages.HEARTBEAT_FAULT, False)
        host_ns = struct.unpack(messages.PING_LAYOUT, payload[:8])[0]
        reports = self._reports
        counts = (self._tracker.flight.count, reports.unrecorded, self.refused(), reports.lost)
        pong = struct.pack(messages.PONG_LAYOUT, host_ns, now_us, self._faults, *counts)
        self._link.post(messages.PONG, pong)
