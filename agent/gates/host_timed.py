"""A gate without a clock of its own: this host holds the permissions and times the pulses."""

from __future__ import annotations

import secrets
import select
from collections.abc import Sequence

from agent.clock import Clock
from agent.errors import GateError
from agent.gates.bookings import Bookings, Pace
from agent.gates.port import PortLostError
from agent.gates.relay import Answer, Relay, Stroke
from agent.gates.waker import Waker
from agent.ports import GateEvent
from agent.records import GateNotice, GateOutcome, PassOrder, Trigger
from agent.triggers.source import TriggerSource

OPEN_WITHIN_NS = 3_000_000_000
REPLUG_PAUSE_S = 0.05
FIRST_RETRY_NS = 200_000_000
LAST_RETRY_NS = 1_000_000_000


class HostTimedGate:
    """The drivers `modbus`, `lcus` and `line`: a relay, and whatever tells that a part came.

    `open` is strict, `poll` is patient: it opens port and trigger source again by itself, and
    tells every change by a notice. Where a pulse passes, a lost relay rejects; where a pulse
    diverts, parts go through meanwhile, and `not_diverted` says how many.
    """

    def __init__(self, relay: Relay, source: TriggerSource, pace: Pace, clock: Clock) -> None:
        self._relay = relay
        self._source = source
        self._pace = pace
        self._clock = clock
        self._waker = Waker()
        self._bookings = _new_bookings(pace)
        self._events: list[GateEvent] = []
        self._strokes: list[Stroke] = []
        self._listening = False
        self._told_lost = self._told_up = self._told_full = self._told_deaf = False
        self._told_missed = 0
        self._reason = ""
        self._retry_ns, self._wait_ns = 0, FIRST_RETRY_NS
        self._listen_ns = 0

    def open(self) -> None:
        """Open port and trigger source, and see the relay at rest, within 3 s. Raises GateError."""
        deadline_ns = self._clock.now_ns() + OPEN_WITHIN_NS
        self._reason = ""
        self._waker.open()
        self._source.open(self._clock.now_ns())
        self._listening = True
        while not self._relay.is_open:
            self._try_open(deadline_ns)
        self._serve()
        while not self._told_up:
            if self._reason or self._clock.now_ns() >= deadline_ns:
                raise GateError(f"no gate on {self._relay.name}: {self._reason or 'no answer'}")
            self._wait(deadline_ns)
            self._serve()

    def poll(self, timeout_s: float) -> Sequence[GateEvent]:
        """Serve the line until something happened, `wake` was called or `timeout_s` is over."""
        self._waker.open()
        deadline_ns = self._clock.now_ns() + round(timeout_s * 1e9)
        while True:
            self._serve()
            woken = self._waker.clear()
            if woken or self._events or self._clock.now_ns() >= deadline_ns:
                events, self._events = self._events, []
                return events
            self._wait(deadline_ns)

    def wake(self) -> None:
        """Make a `poll` in progress, or the next one, return at once. May be called anywhere."""
        self._waker.wake()

    def allow(self, order: PassOrder) -> bool:
        """Hold the permission for one part until its window; False when it cannot be in time."""
        return self._relay.ready and self._bookings.allow(order, self._clock.now_ns())

    def recorded(self, event: Trigger | GateOutcome) -> None:
        """Do nothing: what this gate reports, it reports once, to its own process."""

    def close(self) -> None:
        """End a pulse that is on, leave the relay at rest and let go of everything."""
        self._relay.close()
        self._give_up_strokes()
        self._source.close()
        self._waker.close()
        # Nothing is carried over: what comes after this has another boot number.
        self._bookings = _new_bookings(self._pace)
        self._told_missed = 0
        self._listening = self._told_lost = self._told_up = False
        self._told_full = self._told_deaf = False
        self._retry_ns, self._wait_ns = 0, FIRST_RETRY_NS
        self._listen_ns = 0

    def _try_open(self, deadline_ns: int) -> None:
        """Open the port, or wait a moment where it is just being plugged in again."""
        try:
            self._relay.open(self._clock.now_ns())
        except PortLostError:
            if self._clock.now_ns() >= deadline_ns:
                raise
            self._clock.sleep(REPLUG_PAUSE_S)

    def _serve(self) -> None:
        """Do once all that can be done without waiting: first see parts, then give pulses."""
        self._listen()
        try:
            self._exchange()
        except GateError as error:
            self._lose(str(error))
            self._fire()  # decides what can be decided without a relay
        self._events += self._bookings.finished(self._clock.now_ns())
        self._tell_bookings()

    def _listen(self) -> None:
        now_ns = self._clock.now_ns()
        if not self._listening and now_ns < self._listen_ns:
            return
        try:
            if not self._listening:
                self._source.open(now_ns)
                self._listening, self._told_deaf = True, False
            for at_ns in self._source.poll(now_ns):
                self._take_part(at_ns)
        except GateError as error:
            self._listening = self._told_up = False
            self._listen_ns = now_ns + LAST_RETRY_NS
            if not self._told_deaf:
                self._told_deaf = True
                text = f"{error}; no part can be passed until it is back"
                self._events.append(GateNotice("trigger_lost", text))

    def _take_part(self, at_ns: int) -> None:
        trigger, cut = self._bookings.add(at_ns)
        self._events.append(trigger)
        if cut and self._relay.is_open:
            try:
                self._relay.rest(self._clock.now_ns())
            except PortLostError as error:
                self._lose(str(error))

    def _exchange(self) -> None:
        now_ns = self._clock.now_ns()
        if not self._relay.is_open:
            if now_ns >= self._retry_ns:
                self._relay.open(now_ns)
        else:
            for answer in self._relay.serve(now_ns, self._bookings.next_fire_ns):
                self._take_answer(answer)
        self._fire()
        if self._relay.ready and self._listening and not self._told_up:
            self._told_up, self._told_lost = True, False
            self._wait_ns = FIRST_RETRY_NS
            text = f"the relay on {self._relay.name} is at rest: parts can be passed"
            self._events.append(GateNotice("gate_back", text))

    def _fire(self) -> None:
        while True:
            now_ns = self._clock.now_ns()
            # A pulse that diverts is tried as long as there is a port to try it on.
            able = self._relay.ready if self._pace.pulse_passes else self._relay.is_open
            stroke = self._bookings.stroke(now_ns, able=able)
            if stroke is None:
                return
            self._strokes.append(stroke)
            self._relay.pulse(stroke, now_ns)
            now_ns = self._clock.now_ns()
            if self._pace.pulse_passes and now_ns > stroke.until_ns:
                # This process stood still while it sent: the next part may be there already.
                self._relay.rest(now_ns)
                self._settle(stroke, done=None)
                text = "this computer stood still while it sent a pulse, which was cut short"
                self._events.append(GateNotice("gate_late", text))

    def _take_answer(self, answer: Answer) -> None:
        if answer.stroke is not None and answer.stroke in self._strokes:
            self._settle(answer.stroke, done=answer.done)
        if answer.text:
            self._told_up = False  # told again with the next good answer
            self._events.append(GateNotice("gate_fault", f"{self._relay.name}: {answer.text}"))

    def _lose(self, reason: str) -> None:
        self._reason = reason
        self._relay.close(lost=True)
        self._give_up_strokes()
        self._told_up = False
        if not self._told_lost:
            self._told_lost = True
            then = "rejecting" if self._pace.pulse_passes else "nothing is diverted"
            self._events.append(GateNotice("gate_lost", f"{reason}; {then} until it is back"))
        self._retry_ns = self._clock.now_ns() + self._wait_ns
        self._wait_ns = min(2 * self._wait_ns, LAST_RETRY_NS)

    def _give_up_strokes(self) -> None:
        for stroke in list(self._strokes):
            self._settle(stroke, done=None)

    def _settle(self, stroke: Stroke, *, done: bool | None) -> None:
        self._strokes.remove(stroke)
        self._bookings.settle(stroke.parts, done=done)

    def _tell_bookings(self) -> None:
        missed = self._bookings.missed
        if missed > self._told_missed:
            more, self._told_missed = missed - self._told_missed, missed
            text = f"{more} parts could not be diverted and may have gone through"
            self._events.append(GateNotice("not_diverted", text))
        if self._bookings.overfull and not self._told_full:
            text = (
                "more parts between camera and gate than timing.max_in_flight: rejecting "
                "everything; raise it, or let the parts come more slowly"
            )
            self._events.append(GateNotice("gate_queue", text))
        elif self._told_full and not self._bookings.overfull:
            self._told_up = False
        self._told_full = self._bookings.overfull

    def _wait(self, until_ns: int) -> None:
        """Sleep until port, waker, source or clock want something."""
        relay_ns = self._relay.due_ns if self._relay.is_open else self._retry_ns
        listen_ns = self._source.due_ns if self._listening else self._listen_ns
        dues = (until_ns, relay_ns, listen_ns, self._bookings.next_ns)
        rest_ns = min(due for due in dues if due is not None) - self._clock.now_ns()
        poller = select.poll()
        self._waker.watch(poller)
        self._source.watch(poller)
        if self._relay.is_open:
            self._relay.watch(poller)
        poller.poll(max(0.0, rest_ns / 1e6))


def _new_bookings(pace: Pace) -> Bookings:
    return Bookings(pace, secrets.randbelow(2**32 - 1) + 1)
