"""Says when the wall clock was set, and whether its times can be believed."""

from __future__ import annotations

from datetime import datetime, timezone

from agent.records import Event

STEP_NS = 500_000_000  # a time service that slews never moves the clock by this much at once


class WallWatch:
    """Holds the wall clock against the monotonic one; one lane calls `observe` every second.

    Nothing is decided by it: rows keep the label that they got, and the event says by how much
    labels before it differ from those after.
    """

    def __init__(self) -> None:
        self._offset_ns: int | None = None
        self._known: bool | None = None

    def observe(self, now_ns: int, wall_ns: int, *, known: bool) -> tuple[Event, ...]:
        """Take in both clocks; returns what has changed since the last time."""
        events = []
        offset_ns = wall_ns - now_ns
        if self._offset_ns is None:
            self._offset_ns = offset_ns
        elif abs(offset_ns - self._offset_ns) >= STEP_NS:
            events.append(Event("clock_step", _step(self._offset_ns, offset_ns, now_ns), now_ns))
            self._offset_ns = offset_ns
        if known is not self._known and not (known and self._known is None):
            events.append(_belief(now_ns, known=known))
        self._known = known
        return tuple(events)


def _step(before_ns: int, after_ns: int, now_ns: int) -> str:
    way = "forward" if after_ns > before_ns else "back"
    seconds = abs(after_ns - before_ns) / 1e9
    old, new = _text(now_ns + before_ns), _text(now_ns + after_ns)
    return f"the wall clock was set {way} by {seconds:.1f} s, from {old} to {new}"


def _belief(now_ns: int, *, known: bool) -> Event:
    if known:
        return Event("clock_known", "a time service has set the wall clock", now_ns)
    text = "the wall clock is not known to be right: times are marked unsure, the order is not"
    return Event("clock_unsure", text, now_ns)


def _text(wall_ns: int) -> str:
    return f"{datetime.fromtimestamp(wall_ns // 10**9, timezone.utc):%Y-%m-%d %H:%M:%S} UTC"
