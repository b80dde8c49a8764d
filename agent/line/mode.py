"""What the line as a whole is set to: inspecting, paused, bypassed, or latched by its gate."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from enum import Enum

from agent.records import Reason


class ModeKind(str, Enum):
    """The states of the line. Only `bypassed` lets a part through that nobody inspected."""

    INSPECTING = "inspecting"
    PAUSED = "paused"  # every part is diverted
    BYPASSED = "bypassed"  # every part is let through, uninspected
    LATCHED = "latched"  # the gate did not do what it was told: every part is diverted


# What a part's row says that came in this state, and was not inspected for it.
REASONS = {
    ModeKind.INSPECTING: Reason.NONE,
    ModeKind.PAUSED: Reason.PAUSED,
    ModeKind.BYPASSED: Reason.BYPASSED,
    ModeKind.LATCHED: Reason.GATE,
}


@dataclass(frozen=True, slots=True)
class Mode:
    """One state of the line: who asked for it, why, since when, and when it ends by itself.

    `since_wall_ns` and `until_wall_ns` are labels for people; 0 is none.
    """

    kind: ModeKind = ModeKind.INSPECTING
    by: str = ""
    why: str = ""
    since_wall_ns: int = 0
    until_ns: int | None = None
    until_wall_ns: int = 0

    @property
    def reason(self) -> Reason:
        """Return why a part of this state is not inspected; `none` where it is."""
        return REASONS[self.kind]

    @property
    def diverts(self) -> bool:
        """Whether no part may pass, whatever its verdict."""
        return self.kind in {ModeKind.PAUSED, ModeKind.LATCHED}

    def over(self, now_ns: int) -> bool:
        """Whether its time has run out."""
        return self.until_ns is not None and now_ns >= self.until_ns


INSPECTING = Mode()


class LineMode:
    """The present state. The gate lane asks for it at each part, and may latch it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._mode = INSPECTING

    @property
    def set(self) -> Mode:
        """Return what was set last, its time run out or not."""
        return self._mode

    def at(self, now_ns: int) -> Mode:
        """Return the state at a moment: a bypass ends by the clock, with nobody's help."""
        mode = self._mode
        return INSPECTING if mode.over(now_ns) else mode

    def change(self, mode: Mode) -> bool:
        """Take on a state; False for a bypass while the gate is latched.

        A pause changes nothing of a latch, which diverts as well: whoever resumes must look at
        the gate, and finds there why.
        """
        with self._lock:
            latched = self._mode.kind is ModeKind.LATCHED
            if latched and mode.kind is ModeKind.BYPASSED:
                return False
            if not (latched and mode.kind is ModeKind.PAUSED):
                self._mode = mode
        return True

    def resume(self, mode: Mode, known: Mode | None) -> bool:
        """Inspect again; False, and nothing changed, for a latch other than the one `known`.

        Nobody ends a latch that they cannot have heard of.
        """
        with self._lock:
            if self._mode.kind is ModeKind.LATCHED and self._mode != known:
                return False
            self._mode = mode
        return True

    def expire(self, now_ns: int) -> Mode | None:
        """Go back to inspecting where the time has run out; returns what has ended."""
        with self._lock:
            ended = self._mode
            if not ended.over(now_ns):
                return None
            self._mode = INSPECTING
        return ended

    def latch(self, why: str, wall_ns: int) -> None:
        """Divert everything until a person resumes; the first reason is kept."""
        with self._lock:
            if self._mode.kind is not ModeKind.LATCHED:
                self._mode = Mode(ModeKind.LATCHED, "linewarden", why, wall_ns)
