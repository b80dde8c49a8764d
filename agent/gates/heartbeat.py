"""When to say PING and when the silence of the controller has lasted too long; pure."""

from __future__ import annotations

from agent.gates.messages import Ping, Pong

PING_EVERY_NS = 100_000_000
# While the clocks are not in step there is no time to lose: nothing is passed.
HASTE_EVERY_NS = 20_000_000
SILENCE_NS = 500_000_000


class Heartbeat:
    """The host's PINGs and the PONGs they got."""

    def __init__(self, now_ns: int) -> None:
        self.begin(now_ns)

    def begin(self, now_ns: int) -> None:
        """Start anew: the next PING is due at once."""
        self.due_ns = now_ns
        self._asked: dict[int, None] = {}

    def ping(self, now_ns: int, *, haste: bool) -> Ping:
        """Return the PING to send now; while one is unanswered the next ones follow quickly."""
        self.due_ns = now_ns + (HASTE_EVERY_NS if haste or self._asked else PING_EVERY_NS)
        self._asked[now_ns] = None
        return Ping(now_ns)

    def pong(self, answer: Pong) -> bool:
        """Note an answer; False when it answers nothing that was asked, or was told before."""
        if answer.host_ns not in self._asked:
            return False
        self._asked = {asked: None for asked in self._asked if asked > answer.host_ns}
        return True

    @property
    def silent_at_ns(self) -> int | None:
        """Return when the silence becomes too long; None while every PING is answered.

        It counts from the first unanswered PING, not from the last answer: a host that slept
        has not been left without an answer.
        """
        return next((asked + SILENCE_NS for asked in self._asked), None)
