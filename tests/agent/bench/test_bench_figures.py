"""The arithmetic on times."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.bench.figures import never_falling, percentiles_ms, ratio_of_medians

TIMES = st.lists(st.integers(1, 10**9), min_size=1, max_size=60)


def test_percentiles_are_those_of_the_times():
    """A thousand times of 1 to 1000 ms have the percentiles that one counts by hand."""
    found = percentiles_ms([ms * 1_000_000 for ms in range(1, 1001)])
    assert (found.p50, found.p90, found.max) == (500.5, 900.1, 1000.0)
    assert found.p99 == pytest.approx(990.01)
    assert found.p99_9 == pytest.approx(999.001)


@pytest.mark.parametrize(
    ("count", "known"), [(9, 0), (10, 1), (99, 1), (100, 2), (999, 2), (1000, 3)]
)
def test_a_percentile_that_nothing_lies_beyond_is_not_given(count, known):
    """p99.9 of a hundred times would be the slowest one under a grander name."""
    found = percentiles_ms([1_000_000] * count)
    assert [found.p90, found.p99, found.p99_9] == [1.0] * known + [None] * (3 - known)


def test_a_ratio_is_this_over_the_first():
    """What takes three times as long has the ratio 3, and no doubt when all turns agree."""
    found = ratio_of_medians([3_000] * 100, [1_000] * 100)
    assert (found.ratio, found.low, found.high) == (3.0, 3.0, 3.0)


def test_noise_widens_the_interval_of_a_ratio():
    """Two bundles alike to the last are not told apart, and more noise makes less certain."""
    random = np.random.default_rng(1)

    def width(noise):
        times = 1e6 * (10 + noise * random.standard_exponential((2, 300)))
        found = ratio_of_medians(*times.astype(int).tolist())
        assert found.low <= 1 <= found.high
        return found.high - found.low

    assert width(0.1) < width(3) / 5


def test_the_interval_covers_the_truth_as_often_as_it_says():
    """With disturbances that last for many turns, the true ratio lies in most intervals."""
    random = np.random.default_rng(2)
    hits = 0
    for _ in range(60):
        slow = np.repeat(random.standard_exponential((2, 20)), 15, axis=1)  # for fifteen turns
        quick = random.standard_exponential((2, 300)) / 4
        first, other = (10 + slow + quick) * [[1], [2]]
        found = ratio_of_medians((other * 1e6).astype(int), (first * 1e6).astype(int))
        hits += found.low <= 2 <= found.high
    assert hits >= 51


def test_few_turns_give_no_interval_and_no_time_no_ratio():
    """What cannot be told is None, never a number."""
    few = ratio_of_medians([2] * 19, [1] * 19)
    assert (few.ratio, few.low, few.high) == (2.0, None, None)
    assert ratio_of_medians([1], [0]) is None


def test_the_same_times_have_the_same_interval():
    """Resampling is seeded: a report can be computed again."""
    times = list(range(1000, 1100))
    assert ratio_of_medians(times, times[::-1]) == ratio_of_medians(times, times[::-1])


@given(TIMES)
def test_a_fit_never_falls_and_keeps_the_sum(times):
    """Least squares under that condition moves time between neighbours and loses none."""
    fitted = never_falling(times)
    assert len(fitted) == len(times)
    assert all(after >= before for before, after in pairwise(fitted))
    assert sum(fitted) == pytest.approx(sum(times))


@given(TIMES)
def test_what_never_falls_is_left_alone(times):
    """There is nothing to mend in sorted times."""
    assert never_falling(sorted(times)) == sorted(times)
