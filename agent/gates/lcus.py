"""Relay `lcus`: a cheap USB relay without acknowledgement, timed by this host."""

from __future__ import annotations

import select
from collections.abc import Sequence

from agent.config.gate import LcusGate
from agent.gates.port import PortLostError
from agent.gates.relay import Answer, Stroke
from agent.gates.relay_port import RelayPort

BAUD = 9600
# The level is told again now and then: it changes nothing, and finds a pulled cable.
REPEAT_EVERY_NS = 1_000_000_000


def frame(channel: int, *, on: bool) -> bytes:
    """Return the command for a channel, which counts from 1: A0, channel, level, sum of them."""
    body = bytes((0xA0, channel, int(on)))
    return body + bytes((sum(body) & 0xFF,))


class LcusRelay:
    """Nobody but this host ends a pulse: a kill leaves the relay as it is, and no board answers.

    So no pulse may pass a part, unless the output is `held`: then a kill outside of a pulse leaves
    the gate diverting.
    """

    def __init__(self, section: LcusGate) -> None:
        self._port = RelayPort(section.port, BAUD)
        self._channel = section.channel
        self._rest_on = section.held
        self._answers: list[Answer] = []
        self._off_ns: int | None = None
        self._repeat_ns = 0

    @property
    def name(self) -> str:
        """The port, for a technician."""
        return self._port.name

    @property
    def is_open(self) -> bool:
        """Whether the port is open."""
        return self._port.is_open

    @property
    def ready(self) -> bool:
        """Whether the port is open: more is not to be known."""
        return self._port.is_open

    @property
    def due_ns(self) -> int | None:
        """When the pulse ends, or the level is told again."""
        return 0 if self._answers else self._level_ns

    def open(self, now_ns: int) -> None:
        """Open the port and tell the relay to rest. Raises GateError."""
        self._port.open()
        self._port.forget()
        self.rest(now_ns)

    def pulse(self, stroke: Stroke, now_ns: int) -> None:
        """Begin a pulse; `serve` ends it. Raises PortLostError."""
        end_ns = now_ns + stroke.length_ms * 1_000_000
        self._off_ns = max(end_ns, self._off_ns or 0)
        self._port.send(frame(self._channel, on=not self._rest_on))
        self._answers.append(Answer(stroke, done=True))

    def rest(self, now_ns: int) -> None:
        """Tell the relay to rest. Raises PortLostError."""
        self._off_ns = None
        self._repeat_ns = now_ns + REPEAT_EVERY_NS
        self._port.send(frame(self._channel, on=self._rest_on))

    def serve(self, now_ns: int, quiet_from_ns: int | None) -> Sequence[Answer]:
        """End a pulse whose time is over. Raises PortLostError."""
        del quiet_from_ns  # four bytes are out before they could be in the way
        self._port.read()  # what some boards answer says no more than that they are there
        if self._level_ns <= now_ns:
            self.rest(now_ns)
        answers, self._answers = self._answers, []
        return answers

    def watch(self, poller: select.poll) -> None:
        """Let a poller wake up when the port is lost."""
        self._port.watch(poller)

    def close(self, *, lost: bool = False) -> None:
        """Tell the relay to rest and let go of the port."""
        if lost:
            self._port.forget()
        elif self._port.is_open:
            try:
                self._port.send(frame(self._channel, on=self._rest_on))
            except PortLostError:
                self._port.forget()
        self._port.close()
        self._answers, self._off_ns = [], None

    @property
    def _level_ns(self) -> int:
        return self._repeat_ns if self._off_ns is None else self._off_ns
