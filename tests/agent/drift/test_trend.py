"""The reject rate's trend: quiet while it stands still, told when it creeps."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.drift.trend import BLOCKS, Trend, fit_slope, turned
from agent.records import VerdictKind


def feed(trend, rejects, block_parts=1000):
    """Let one block of parts go by for each number of rejects; returns (block, event)s."""
    told = []
    for number, count in enumerate(rejects, 1):
        for part in range(block_parts):
            kind = VerdictKind.REJECT if part < count else VerdictKind.PASS
            told += [(number, event) for event in trend.observe(kind, number)]
    return told


def quick(seed, rates, block_parts=20):
    """Return the events of a line whose blocks have these reject rates."""
    rng, trend = np.random.default_rng(seed), Trend(block_parts=block_parts)
    return feed(trend, [int(rng.binomial(block_parts, rate)) for rate in rates], block_parts), trend


def test_a_rate_that_stands_still_gives_hardly_an_alarm():
    """At most 10 windows in 32,000 of seeded lines; chance alone gives 2."""
    rng = np.random.default_rng(6)
    beyond = 0
    for rate in (0.002, 0.02, 0.2, 0.7):
        for blocks in rng.binomial(1000, rate, (8000, BLOCKS)).tolist():
            beyond += abs(fit_slope(blocks, 1000).z) >= 4
    assert beyond <= 10


@pytest.mark.parametrize(
    ("before", "after", "over_blocks", "within"),
    [(0.02, 0.06, 12, 12), (0.02, 0.04, 24, 30), (0.06, 0.02, 12, 14)],
)
def test_a_creeping_rate_is_found_within_its_number_of_blocks(before, after, over_blocks, within):
    """From 24 quiet blocks of 1000 parts on, over 20 seeds: 19 of them at least."""
    late = 0
    for seed in range(20):
        ramp = [before + (after - before) * min(1, at / over_blocks) for at in range(1, within + 1)]
        rng = np.random.default_rng(seed)
        rejects = [int(rng.binomial(1000, rate)) for rate in [before] * BLOCKS + ramp]
        found = [
            number
            for number in range(BLOCKS + 1, len(rejects) + 1)
            if abs(fit_slope(rejects[number - BLOCKS : number], 1000).z) >= 4
        ]
        late += not found
    assert late <= 1


def test_the_event_says_how_fast_with_its_interval():
    """A sentence with the rate, the slope, the interval and where to look."""
    told, trend = quick(1, [0.05] * 24 + [0.05 + 0.02 * at for at in range(24)])
    kinds = [event.kind for _, event in told]
    assert kinds == ["reject_trend"]
    text = told[0][1].text
    assert "the reject rate is rising" in text
    assert "points per 1000 parts (95 %: +" in text
    status = trend.status()
    assert status.trend == "rising"
    assert status.per_1000_low < status.per_1000 < status.per_1000_high
    assert status.confidence > 0.9999
    assert status.doubles_in_parts > 0
    assert status.rate_now > status.rate


def test_a_falling_rate_is_told_as_well():
    """Fewer rejects may be defects that the model no longer sees."""
    told, trend = quick(2, [0.5] * 24 + [0.5 - 0.02 * at for at in range(24)])
    assert told[0][1].kind == "reject_trend"
    assert "is falling" in told[0][1].text
    assert "missing defects" in told[0][1].text
    assert trend.status().doubles_in_parts is None


def test_it_ends_once_the_rate_stands_still_and_does_not_flap():
    """A step is a trend while it is in the window, and only once."""
    told, trend = quick(3, [0.05] * 24 + [0.4] * 72)
    assert [event.kind for _, event in told] == ["reject_trend", "reject_trend_over"]
    assert "stands still" in told[1][1].text
    assert trend.status().trend == "steady"


@pytest.mark.parametrize(
    ("before", "z", "after"),
    [
        ("steady", 3.9, "steady"),
        ("steady", 4.0, "rising"),
        ("steady", -4.0, "falling"),
        ("rising", 2.0, "rising"),
        ("rising", 1.9, "steady"),
        ("rising", -3.0, "steady"),
        ("rising", -4.0, "falling"),
        ("falling", -2.0, "falling"),
        ("falling", -1.9, "steady"),
    ],
)
def test_a_trend_begins_late_and_ends_later(before, z, after):
    """What has begun at 4 standard errors ends only below 2."""
    assert turned(before, z) == after


def test_nothing_is_said_before_there_are_enough_blocks():
    """Eight blocks at least."""
    trend = Trend(block_parts=10)
    assert feed(trend, [0, 1, 2, 3, 5, 8, 10], 10) == []
    assert trend.status().trend == "learning"
    assert trend.status().rate is None


def test_uninspected_parts_say_nothing_and_rechecks_count():
    """What was not inspected is neither good nor bad."""
    trend = Trend(block_parts=4)
    for _ in range(20):
        for kind in VerdictKind:
            trend.observe(kind, 0)
    assert trend.status().rate == pytest.approx(2 / 3, abs=0.05)


@pytest.mark.parametrize("count", [0, 50])
def test_all_or_nothing_is_no_trend_and_no_division_by_zero(count):
    """A line without rejects stands still."""
    trend = Trend(block_parts=50)
    assert feed(trend, [count] * 30, 50) == []
    status = trend.status()
    assert (status.trend, status.rate, status.per_1000) == ("steady", count / 50, 0.0)


def test_a_few_rejects_prove_nothing():
    """Seven rejects, all in the newest block, are not enough."""
    assert fit_slope([0] * 23 + [7], 1000).z == 0
    assert fit_slope([0] * 23 + [40], 1000).z > 4


def test_the_slope_by_hand():
    """Three blocks of 10 parts with 2, 4 and 6 rejects: 0.2 of the rate per block."""
    slope = fit_slope([2, 4, 6], 10)
    assert slope.rate == pytest.approx(0.4)
    assert slope.per_block == pytest.approx(0.2)
    assert slope.error == pytest.approx(math.sqrt(12.5 / 31 * (1 - 12.5 / 31) / 20))
    assert slope.z == pytest.approx(0.2 / slope.error)


@given(st.lists(st.integers(0, 50), min_size=2, max_size=24))
def test_a_window_read_backwards_has_the_opposite_slope(rejects):
    """Nothing in the fit prefers a direction."""
    there, back = fit_slope(rejects, 50), fit_slope(rejects[::-1], 50)
    assert there.z == pytest.approx(-back.z, abs=1e-9)
    assert there.error == back.error


def test_the_window_forgets_and_memory_stays():
    """24 blocks are kept, in their order, however many went by."""
    trend = Trend(block_parts=1, blocks=9)
    for number in range(1000):
        trend.observe(VerdictKind.REJECT if number % 3 else VerdictKind.PASS, number)
    assert len(trend._blocks) == 9
    assert trend._ordered() == [int(number % 3 > 0) for number in range(991, 1000)]
