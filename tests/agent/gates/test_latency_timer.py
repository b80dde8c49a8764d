"""An adapter that holds bytes back for 16 ms makes no gate fire at another time.

Virtual time throughout: session, link, the controller's model and a belt, to the microsecond.
"""

from __future__ import annotations

import pytest
from latency_line import FACTORY_NS, MS, SET_NS, measure, p99

from agent.sim.held_line import PACKET_BYTES, HeldLine

JITTER_US = 1_000


@pytest.mark.parametrize(
    ("parts", "line"),
    [
        (2_000, {"hold_ns": FACTORY_NS, "ppm": 100}),
        (1_000, {"hold_ns": FACTORY_NS, "ppm": -100, "from_first": True}),
        (1_000, {"hold_ns": SET_NS, "ppm": -100, "guard_ms": 8.0, "rate_per_s": 20.0}),
    ],
)
def test_fires_keep_to_a_millisecond_and_every_verdict_in_time_passes(parts, line):
    """By the controller's clock and by the part's true place, 100 ppm fast and slow."""
    run = measure(parts, **line)
    assert (run.parts, run.ordered, run.passed, run.wrong) == (parts, parts, parts, 0)
    assert p99(run.by_tick) <= JITTER_US
    assert p99(run.by_place) <= JITTER_US
    assert min(run.by_tick) >= 0  # never before its window


@pytest.mark.parametrize("from_first", [False, True])
def test_a_guard_too_small_for_the_adapter_costs_parts_and_moves_no_fire(from_first):
    """The host knows that it does not know the time: it passes fewer, says so, and none wrongly."""
    run = measure(300, guard_ms=8.0, rate_per_s=20.0, from_first=from_first)
    assert run.passed == run.ordered < run.parts
    assert run.wrong == 0
    assert "gate_clock" in run.notices
    assert p99(run.by_tick) <= JITTER_US
    assert p99(run.by_place) <= JITTER_US


def test_bytes_wait_for_the_timer_or_for_a_full_packet():
    """The sixty-second byte sends them off at once, and the timer begins anew."""
    line = HeldLine(10_000_000, 16 * MS)  # a byte a microsecond
    assert line.take(0) == b""
    line.put(b"abc", 1 * MS)
    assert line.take(16 * MS - 1) == b""
    assert line.take(16 * MS) == b"abc"
    line.put(bytes(PACKET_BYTES + 1), 17 * MS)
    full_ns = 17 * MS + PACKET_BYTES * 1_000
    assert line.take(full_ns - 1) == b""
    assert line.take(full_ns) == bytes(PACKET_BYTES)
    assert line.take(full_ns + 16 * MS - 1) == b""
    assert line.take(full_ns + 16 * MS) == bytes(1)


def test_the_worst_timer_holds_every_answer_for_as_long():
    """It begins with the first byte that waits."""
    line = HeldLine(10_000_000, 16 * MS, from_first=True)
    line.put(b"ab", 100 * MS)
    assert line.take(116 * MS) == b""
    assert line.take(116 * MS + 1_000) == b"ab"
    line.put(b"lost", 200 * MS)
    line.clear()
    assert line.take(300 * MS) == b""
