"""Ledger -> broker -> mark: results in the order of the belt, events, and the retained state."""

from __future__ import annotations

import logging
from collections.abc import Callable

from agent.clock import Clock
from agent.errors import LedgerError
from agent.lanes.lane import Lane
from agent.ledger.rows import EventRow, ResultRow
from agent.ledger.store import Ledger
from agent.plant.messages import Topics
from agent.ports import Publisher

logger = logging.getLogger("linewarden.telemetry")

ROWS_AT_ONCE = 64
BUSY_PAUSE_S, IDLE_PAUSE_S = 0.001, 0.01
DRAIN_NS = 1_000_000_000


class TelemetryLane(Lane):
    """Drains the outbox. A row stays in it until the broker has acknowledged it with success.

    Tokens of results are their sequence numbers, those of events the negative of their numbers.
    """

    def __init__(
        self,
        publisher: Publisher | None,
        ledger: Ledger,
        topics: Topics,
        result_body: Callable[[ResultRow], bytes],
        event_body: Callable[[EventRow], bytes],
        state_body: Callable[[], bytes],
        state_every_ns: int,
        clock: Clock,
    ) -> None:
        super().__init__("telemetry", clock)
        self._publisher = publisher
        self._ledger = ledger
        self._topics = topics
        self._result_body = result_body
        self._event_body = event_body
        self._state_body = state_body
        self._state_every_ns = state_every_ns
        self._state_due_ns = clock.now_ns()
        self._waiting: set[int] = set()
        self._again: set[int] = set()
        self._fault = ""
        self._started = False

    def step(self) -> None:
        """Mark what was acknowledged, hand over what fits, say how the line is."""
        if self._publisher is not None and not self._started:
            self._started = True
            self._publisher.start()
        self._ledger.tidy()
        if self._publisher is None:
            self.clock.sleep(self.STEP_S)
            return
        self._watch(self._publisher)
        moved, more = self._mark(self._publisher), False
        if self._publisher.connected:
            more = self._send(self._publisher)
            self._send_state(self._publisher)
        # A loaded line is no backlog: to look after each part would take the other lanes' time. Nor
        # is a broker asked all the time that acknowledges nothing.
        self.clock.sleep(BUSY_PAUSE_S if moved and more else IDLE_PAUSE_S)

    def end(self) -> None:
        """Drain as far as the broker lets us in short time, then say good-bye."""
        if self._publisher is None:
            return
        deadline_ns = self.clock.now_ns() + DRAIN_NS
        while self._publisher.connected and self.clock.now_ns() < deadline_ns:
            self._mark(self._publisher)
            self._send(self._publisher)
            if not self._waiting:
                break
            self.clock.sleep(BUSY_PAUSE_S)
        self._mark(self._publisher)
        self._publisher.stop()

    def _watch(self, publisher: Publisher) -> None:
        """Take note of what must be handed over again."""
        lost = set(publisher.lost())
        self._waiting -= lost
        self._again |= lost

    def _mark(self, publisher: Publisher) -> bool:
        tokens = publisher.confirmed()
        if not tokens:
            return False
        self._waiting.difference_update(tokens)
        self._ledger.mark_published([token for token in tokens if token > 0])
        self._ledger.mark_events_published([-token for token in tokens if token < 0])
        return True

    def _send(self, publisher: Publisher) -> bool:
        """Hand over results, then events, as far as they fit; True when more wait."""
        try:
            results = self._ledger.unpublished(ROWS_AT_ONCE, self._sent_up_to(1))
            events = self._ledger.unpublished_events(ROWS_AT_ONCE, self._sent_up_to(-1))
        except LedgerError as error:
            self._note_fault(error)
            return False
        self._fault = ""
        topics = self._topics
        fits = all(
            self._hand_over(publisher, topics.result, self._result_body(row), row.seq)
            for row in results
        )
        if fits:
            fits = all(
                self._hand_over(publisher, topics.event, self._event_body(event), -event.number)
                for event in events
            )
        return not fits or ROWS_AT_ONCE in {len(results), len(events)}

    def _note_fault(self, error: LedgerError) -> None:
        """Say once that the outbox cannot be read; state goes out all the same."""
        if not self._fault:
            logger.error("lane=telemetry: %s; results wait", error)
        self._fault = str(error)

    def _sent_up_to(self, sign: int) -> int:
        """Return the last number on its way; 0 while an earlier one must go again."""
        if any(token * sign > 0 for token in self._again):
            return 0
        return max((token * sign for token in self._waiting if token * sign > 0), default=0)

    def _hand_over(self, publisher: Publisher, topic: str, body: bytes, token: int) -> bool:
        if token in self._waiting:
            return True
        if not publisher.publish(topic, body, token=token):
            return False
        self._waiting.add(token)
        self._again.discard(token)
        return True

    def _send_state(self, publisher: Publisher) -> None:
        now_ns = self.clock.now_ns()
        if now_ns >= self._state_due_ns:
            self._state_due_ns = now_ns + self._state_every_ns
            publisher.publish(self._topics.state, self._state_body(), token=None, retain=True)
