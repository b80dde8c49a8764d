"""Hands the next window to the gate's timer: in time, on the belt, or both."""

from clock import MASK
from micropython import const

# The gate's timer counts in 30 bits, and the encoder in 29, so only a window that is near may be
# handed to it.
_AHEAD_US = const(1_000_000)
_AHEAD_TICKS = const(0x8000000)
# The loop's time may be a little ahead of the counter's.
_SLACK_US = const(1_000)


def aim(gate, tracker, belt, now_us: int, until_us: int) -> None:
    """Arm the gate for the next part that may pass, never beyond `until_us`, or shut it."""
    part = tracker.next_permitted()
    if not (part and _aim_at(part, gate, tracker, belt, now_us, until_us)):
        gate.shut()


def _aim_at(part: int, gate, tracker, belt, now_us: int, until_us: int) -> bool:
    start, centre, end = tracker.window()
    if tracker.by_place:
        if start - tracker.place >= _AHEAD_TICKS or until_us <= now_us:
            return False
        start = centre = now_us - _SLACK_US
    else:
        until_us = min(end, until_us)
        if start - now_us >= _AHEAD_US or until_us <= start:
            return False
    if gate.follows:
        first, span = tracker.belt_window()
        gate.name(part)
        gate.place(belt.raw(first), span // 2, span)
    gate.arm(part, start & MASK, centre - start, until_us - start)
    return True
