"""The two clocks kept in step: drift followed, noise borne, steps noticed, doubt told."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.gates.clocksync import GOOD_SAMPLES, ClockSync

MS = 1_000_000
SECOND = 1_000_000_000
LIMIT = 2 * MS


class Pair:
    """A host clock, a controller clock, and a line with jitter between them."""

    def __init__(self, seed=1, ppm=0.0, offset_us=0, trip_ns=MS // 2, jitter_ns=MS // 4):
        self.random = Random(seed)
        self.now_ns = 10**15
        self.ppm, self.offset_us = ppm, offset_us
        self.base_ns = self.now_ns
        self.trip_ns, self.jitter_ns = trip_ns, jitter_ns

    def tick(self, at_ns):
        """Return the controller's tick at a host time."""
        return self.offset_us + int((at_ns - self.base_ns) * (1 + self.ppm * 1e-6)) // 1000

    def sample(self, sync):
        """Let 100 ms pass and exchange PING and PONG."""
        self.now_ns += 100 * MS
        there = self.trip_ns // 2 + self.random.randrange(self.jitter_ns + 1)
        back = self.trip_ns // 2 + self.random.randrange(self.jitter_ns + 1)
        sync.add(self.now_ns, self.now_ns + there + back, self.tick(self.now_ns + there))
        self.now_ns += there + back


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 2**32),
    st.floats(-300, 300),
    st.integers(0, 2**50),
    st.integers(0, MS * 3 // 2),
    st.integers(0, MS),
)
def test_in_step_means_that_the_error_is_within_what_it_says(seed, ppm, offset, trip, jitter):
    """For any drift up to 300 ppm and any such line: never farther off than it says, and back."""
    pair, sync = Pair(seed, ppm, offset, trip, jitter), ClockSync(LIMIT)
    for _ in range(100):
        pair.sample(sync)
        at_ns = pair.now_ns + 400 * MS
        if sync.in_step(pair.now_ns):
            # 400 ms ahead, which is how far orders reach, drift adds its share.
            bound_us = (sync.error_ns(at_ns) + 1e5) / 1000 + 2
            assert abs(sync.to_tick(at_ns) - pair.tick(at_ns)) <= bound_us
            assert abs(sync.to_host_ns(sync.to_tick(at_ns)) - at_ns) <= 2000
    assert sync.in_step(pair.now_ns)


def test_200_ppm_are_followed_within_a_tenth_of_a_millisecond():
    """On a quiet line the drift of a poor quartz leaves no error that matters."""
    pair, sync = Pair(ppm=200.0, jitter_ns=100_000), ClockSync(LIMIT)
    for _ in range(600):
        pair.sample(sync)
    assert abs(sync.to_tick(pair.now_ns) - pair.tick(pair.now_ns)) < 100


def test_it_takes_ten_good_samples():
    """Nothing is passed on the word of a few samples."""
    pair, sync = Pair(), ClockSync(LIMIT)
    states = []
    for _ in range(GOOD_SAMPLES + 1):
        pair.sample(sync)
        states.append(sync.in_step(pair.now_ns))
    assert states == [False] * (GOOD_SAMPLES - 1) + [True, True]


@pytest.mark.parametrize("step_us", [-50_000, 5_000, 3_600_000_000])
def test_a_step_ends_it_until_ten_good_samples_are_there_again(step_us):
    """A clock that jumps is out of step at once, and in step on its new time later."""
    pair, sync = Pair(), ClockSync(LIMIT)
    for _ in range(50):
        pair.sample(sync)
    pair.offset_us += step_us
    pair.sample(sync)
    assert (sync.steps, sync.in_step(pair.now_ns)) == (1, False)
    for _ in range(GOOD_SAMPLES):
        pair.sample(sync)
    assert sync.in_step(pair.now_ns)
    assert abs(sync.to_tick(pair.now_ns) - pair.tick(pair.now_ns)) < 600


def test_samples_with_a_long_round_trip_are_left_out():
    """A few slow answers, all late on the way back, do not move the estimate."""
    pair, sync = Pair(jitter_ns=0), ClockSync(LIMIT)
    for n in range(200):
        pair.sample(sync)
        if n % 5 == 4:
            sent_ns = pair.now_ns + MS
            sync.add(sent_ns, sent_ns + 60 * MS, pair.tick(sent_ns + MS // 4))
            pair.now_ns = sent_ns + 60 * MS
    assert abs(sync.to_tick(pair.now_ns) - pair.tick(pair.now_ns)) < 100
    assert sync.steps == 0


def test_a_line_that_is_always_slow_is_out_of_step():
    """Where every round trip is longer than the bound allows, the clocks are in doubt."""
    pair, sync = Pair(trip_ns=30 * MS), ClockSync(LIMIT)
    for _ in range(100):
        pair.sample(sync)
    assert not sync.in_step(pair.now_ns)


def test_the_known_time_on_a_slow_line_is_no_doubt():
    """At 9600 baud PING and PONG need 80 ms; that is known and equal both ways."""
    pair, sync = Pair(trip_ns=80 * MS), ClockSync(LIMIT, line_ns=79 * MS)
    for _ in range(30):
        pair.sample(sync)
    assert sync.in_step(pair.now_ns)


def test_silence_makes_the_doubt_grow():
    """Without new samples the error grows until the clocks are out of step."""
    pair, sync = Pair(), ClockSync(LIMIT)
    for _ in range(30):
        pair.sample(sync)
    assert sync.in_step(pair.now_ns + SECOND)
    assert not sync.in_step(pair.now_ns + 60 * SECOND)


def test_impossible_samples_are_ignored():
    """An answer before its question, or older than the newest one, teaches nothing."""
    pair, sync = Pair(), ClockSync(LIMIT)
    for _ in range(20):
        pair.sample(sync)
    before = sync.to_tick(pair.now_ns)
    sync.add(pair.now_ns, pair.now_ns - 1, 0)
    sync.add(pair.now_ns - SECOND, pair.now_ns - SECOND + MS, 0)
    assert sync.to_tick(pair.now_ns) == before
    sync.reset()
    assert not sync.known
    assert sync.error_ns(pair.now_ns) == float("inf")
