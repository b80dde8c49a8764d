"""The gate on a microcontroller with its own clock, over a serial port."""

from __future__ import annotations

import contextlib
import secrets
import select
from collections.abc import Sequence

from agent.clock import Clock
from agent.config import gate as config_gate
from agent.config.document import Timing
from agent.errors import GateError
from agent.gates.belt_run import BeltRun
from agent.gates.codes import RunPermit
from agent.gates.partbook import PartBook
from agent.gates.port import PortLostError, SerialPort
from agent.gates.session import Session, Stage
from agent.gates.terms import LineCounts, Terms
from agent.gates.waker import Waker
from agent.ports import GateEvent
from agent.records import GateNotice, GateOutcome, PassOrder, Trigger

OPEN_WITHIN_NS = 3_000_000_000
# The gate has to be found within 2 s of its return, so the wait for it grows no further than 1 s.
REPLUG_PAUSE_S = 0.05
FIRST_RETRY_NS = 200_000_000
LAST_RETRY_NS = 1_000_000_000
_NO_COUNTS = LineCounts(0, 0, 0, 0, 0, None)


class ControllerGate:
    """Gate driver `controller`.

    `open` is strict: it says what is wrong with port or controller. `poll` is patient: it opens
    the port by itself when `open` has failed, was never called, or the line was lost. Every
    change is told by a notice: `gate_lost` once, `gate_back` whenever parts can be passed again.
    """

    def __init__(self, section: config_gate.ControllerGate, timing: Timing, clock: Clock) -> None:
        self._terms = Terms.of(timing, section)
        self._clock = clock
        self._port = SerialPort(section.port, section.baud)
        self._book = PartBook()
        self._run = BeltRun()
        self._waker = Waker()
        self._session: Session | None = None
        self._past = _NO_COUNTS
        self._events: list[GateEvent] = []
        self._told_lost = self._told_up = False
        self._reason = ""
        self._retry_ns, self._wait_ns = 0, FIRST_RETRY_NS

    def open(self) -> None:
        """Open the port and agree with the controller, within 3 s. Raises GateError.

        A port that is missing or taken is refused at once. After an error `poll` goes on trying.
        A controller that agreed but is not in step yet is no error: `gate_back` will tell.
        """
        deadline_ns = self._clock.now_ns() + OPEN_WITHIN_NS
        while self._session is None:
            self._try_begin(deadline_ns)
        while not self._told_up:
            self._serve()
            if self._clock.now_ns() >= deadline_ns:
                self._check_met()
                return
            self._wait(deadline_ns)

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
        """Put the permission for one part on the wire; False when it can no longer be in time."""
        session, now_ns = self._session, self._clock.now_ns()
        if session is None or not session.allow(order, now_ns):
            return False
        try:
            self._port.write(session.output(now_ns))
        except PortLostError as error:
            self._lose(str(error))
        return self._session is not None

    def recorded(self, event: Trigger | GateOutcome) -> None:
        """Say that the event's row is committed: the controller may stop repeating it."""
        if self._session is None:
            self._book.note(event)
        else:
            self._session.record(event)

    def let_run(self, *, may_run: bool) -> None:
        """Let the belt run, or stop it, from now on; a line that does not stop it is left alone."""
        if self._terms.config.stops:
            self._run.want(self._terms.running if may_run else RunPermit.OFF)

    def counts(self) -> LineCounts:
        """Return how the line has been since the start."""
        return (
            self._past
            if self._session is None
            else self._past + self._session.counts(self._clock.now_ns())
        )

    def close(self) -> None:
        """Tell the controller to forget all permissions and let go of the port."""
        if self._session is not None:
            self._session.leave()
            with contextlib.suppress(PortLostError):
                self._port.write(self._session.output(self._clock.now_ns()))
        self._end_session()
        self._waker.close()
        self._told_lost = self._told_up = False
        self._retry_ns, self._wait_ns = 0, FIRST_RETRY_NS

    def _check_met(self) -> None:
        """Raise GateError unless there is a controller that has agreed with us."""
        session = self._session
        if session is None or session.stage is not Stage.RUNNING:
            reason = self._reason if session is None else session.complaint()
            raise GateError(f"no gate on {self._port.name}: {reason}")

    def _try_begin(self, deadline_ns: int) -> None:
        """Begin, or wait a moment where the port is just being plugged in again."""
        try:
            self._begin()
        except PortLostError:
            if self._clock.now_ns() >= deadline_ns:
                raise
            self._clock.sleep(REPLUG_PAUSE_S)

    def _begin(self) -> None:
        """Open the port and begin a conversation. Raises GateError."""
        self._waker.open()
        self._port.open()
        boot = secrets.randbelow(2**32 - 1) + 1
        now_ns = self._clock.now_ns()
        self._session = Session(self._terms, boot, self._book, now_ns, self._run)

    def _serve(self) -> None:
        """Do once all that can be done without waiting."""
        try:
            if self._session is None:
                if self._clock.now_ns() < self._retry_ns:
                    return
                self._begin()
            self._exchange()
        except GateError as error:
            self._lose(str(error))

    def _exchange(self) -> None:
        session = self._session
        if session is None:
            return
        data = self._port.read()
        now_ns = self._clock.now_ns()
        session.receive(data, now_ns)
        session.advance(now_ns)
        self._port.write(session.output(now_ns))
        self._events += session.take_events()
        if session.lost:
            raise PortLostError(f"{self._port.name}: {session.lost}")
        up = session.up(now_ns)
        if up and not self._told_up:
            text = f"the gate controller on {self._port.name} is in step: parts can be passed"
            self._events.append(GateNotice("gate_back", text))
            self._told_lost = False
            self._wait_ns = FIRST_RETRY_NS
        self._told_up = up

    def _lose(self, reason: str) -> None:
        self._reason = reason
        self._end_session()
        self._told_up = False
        if not self._told_lost:
            self._told_lost = True
            self._events.append(GateNotice("gate_lost", f"{reason}; rejecting until it is back"))
        self._retry_ns = self._clock.now_ns() + self._wait_ns
        self._wait_ns = min(2 * self._wait_ns, LAST_RETRY_NS)

    def _end_session(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            self._events += session.take_events()
            self._past += session.counts(self._clock.now_ns())
        self._port.close()

    def _wait(self, until_ns: int) -> None:
        """Sleep until the port, the waker or the session wants something."""
        due_ns = self._retry_ns if self._session is None else self._session.due_ns
        rest_ns = min(until_ns, due_ns) - self._clock.now_ns()
        poller = select.poll()
        self._waker.watch(poller)
        if self._port.is_open:
            self._port.watch(poller)
        poller.poll(max(0.0, rest_ns / 1e6))
