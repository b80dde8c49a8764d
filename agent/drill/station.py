"""Stands at the gate in the agent's place: serves it, gives permissions, keeps what it reports."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from agent.clock import Clock
from agent.config.document import Config
from agent.drill.hand import HandTrigger
from agent.drivers import belt_stop, open_gate
from agent.line.files import is_latched
from agent.ports import Gate
from agent.records import GateNotice, GateOutcome, OutcomeCode, PassOrder, Trigger

_POLL_S = 0.02
_Key = tuple[int, int]


@dataclass(slots=True)
class Seen:
    """What the gate has reported."""

    triggers: dict[_Key, int] = field(default_factory=dict)
    outcomes: dict[_Key, OutcomeCode] = field(default_factory=dict)
    notices: list[str] = field(default_factory=list)

    def passed_since(self, from_ns: int) -> list[_Key]:
        """Return the parts from this moment on that the gate says it has let through."""
        return [
            key
            for key, at_ns in self.triggers.items()
            if at_ns >= from_ns and self.outcomes.get(key) is OutcomeCode.PASSED
        ]

    def done_since(self, from_ns: int) -> int:
        """Return how many parts from this moment on have an outcome."""
        return sum(
            at_ns >= from_ns and key in self.outcomes for key, at_ns in self.triggers.items()
        )


class Station:
    """One opening of the configured gate, between `open` and `close`. One thread calls.

    Whoever lets it pass parts has written that into the audit chain before.
    """

    def __init__(
        self,
        config: Config,
        clock: Clock,
        *,
        passes: bool,
        late: bool = False,
        most: int | None = None,
    ) -> None:
        """Pass the parts or none; `late` gives permissions too late, `most` is how many at all."""
        self._most = most
        self._timing = config.timing
        self._clock = clock
        self._passes = passes
        self._late = late
        self.hand = HandTrigger()
        self.gate: Gate = open_gate(config.gate, config.timing, config.belt, clock, self.hand)
        self._stop = belt_stop(config.gate, self.gate)
        self._folder = Path(config.ledger.folder)
        self.seen = Seen()
        self.taken: list[_Key] = []  # the permissions that the gate has taken
        self._held: list[tuple[int, PassOrder]] = []

    def open(self) -> None:
        """Open the gate; the belt may run unless the line is latched. Raises GateError."""
        self.let_belt_run(may_run=True)
        self.gate.open()

    @property
    def latched(self) -> bool:
        """Whether the line was left latched: its belt stands whatever the drill does."""
        return is_latched(self._folder)

    def let_belt_run(self, *, may_run: bool) -> None:
        """Let the belt run, or stop it; a gate that stops no belt is left alone."""
        if self._stop is not None:
            self._stop.let_run(may_run=may_run and not self.latched)

    def close(self) -> None:
        """Leave the gate rejecting."""
        self.gate.close()

    def serve(self) -> None:
        """Serve the gate for a moment."""
        for event in self.gate.poll(_POLL_S):
            if isinstance(event, GateNotice):
                self.seen.notices.append(event.kind)
                continue
            self.gate.recorded(event)
            key = (event.boot, event.part)
            if isinstance(event, GateOutcome):
                self.seen.outcomes[key] = event.code
            else:
                self.seen.triggers[key] = event.at_ns
                self._hold(event)
        self._give()

    def serve_until(self, condition: Callable[[], bool], patience_s: float) -> bool:
        """Serve until the condition holds; False when it has not within `patience_s`."""
        deadline_ns = self._clock.now_ns() + round(patience_s * 1e9)
        while not condition():
            if self._clock.now_ns() >= deadline_ns:
                return False
            self.serve()
        return True

    def stop_passing(self) -> None:
        """Give no permission any more."""
        self._passes = False
        self._held.clear()

    def _hold(self, trigger: Trigger) -> None:
        if not self._passes:
            return
        start_ns = trigger.at_ns + round((self._timing.delay_ms - self._timing.guard_ms) * 1e6)
        due_ns = start_ns if self._late else trigger.at_ns
        self._held.append((due_ns, PassOrder(trigger.boot, trigger.part, start_ns)))

    def _give(self) -> None:
        """Give the permissions whose time has come: at once, or when it is too late."""
        now_ns = self._clock.now_ns()
        due = [order for due_ns, order in self._held if due_ns <= now_ns]
        self._held = [one for one in self._held if one[0] > now_ns]
        for order in due:
            enough = self._most is not None and len(self.taken) >= self._most
            if not enough and self.gate.allow(order):
                self.taken.append((order.boot, order.part))
