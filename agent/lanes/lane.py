"""The loop all lanes share: step, beat, and the one broad handler."""

from __future__ import annotations

import logging
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable

from agent.clock import Clock
from agent.errors import AgentError

logger = logging.getLogger("linewarden.lane")

PAUSE_AFTER_FAULT_S = 0.05
FAULTS_IN_A_ROW = 20


class LaneOverError(AgentError):
    """The lane cannot go on at all; the process must end and start anew."""


class Lane(ABC):
    """One named thread of the agent; its `step` returns at least every `STEP_S` seconds."""

    STEP_S = 0.1

    def __init__(self, name: str, clock: Clock) -> None:
        self.name = name
        self.clock = clock
        self.beat_ns = clock.now_ns()
        self.faults = 0
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._gave_up = False

    @abstractmethod
    def step(self) -> None:
        """Do one piece of work, waiting for it no longer than `STEP_S`."""

    def end(self) -> None:  # noqa: B027 - most lanes have nothing to do here
        """Clean up, in the lane's own thread, after the last step."""

    def on_fault(self) -> None:  # noqa: B027 - most lanes have nothing to do here
        """Answer for the work that a fault interrupted; the lane goes on."""

    def start(self) -> None:
        """Start the lane's thread."""
        self._thread = threading.Thread(target=self._run, name=f"lw-{self.name}", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Ask the lane to end after its present step."""
        self._stop.set()

    def wait(self, timeout_s: float) -> bool:
        """Wait for the thread's end; False when it still runs after `timeout_s`."""
        if self._thread is None:
            return True
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    @property
    def alive(self) -> bool:
        """Whether the lane's thread runs and has not given up."""
        return self._thread is not None and self._thread.is_alive() and not self._gave_up

    @property
    def stopping(self) -> bool:
        """Whether the lane was asked to end."""
        return self._stop.is_set()

    def beat(self) -> None:
        """Note that the lane has come round."""
        self.beat_ns = self.clock.now_ns()

    def _run(self) -> None:
        in_a_row = 0
        while not self._stop.is_set():
            in_a_row = 0 if self._guarded(self.step) else in_a_row + 1
            if in_a_row >= FAULTS_IN_A_ROW:
                logger.critical("lane=%s gives up after %d faults in a row", self.name, in_a_row)
                self._gave_up = True
            if self._gave_up:
                break
            self.beat()
        self._guarded(self.end)

    def _guarded(self, work: Callable[[], None]) -> bool:
        """Run one piece of work; the only broad handler: a lane answers and goes on."""
        try:
            work()
        except LaneOverError as error:
            logger.critical("lane=%s gives up: %s", self.name, error)
            self._gave_up = True
            return False
        except Exception:
            self.faults += 1
            logger.exception("lane=%s fault=%d", self.name, self.faults)
            self.on_fault()
            self._stop.wait(PAUSE_AFTER_FAULT_S)
            return False
        return True
