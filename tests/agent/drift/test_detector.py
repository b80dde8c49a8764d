"""Drift: quiet while the line stays what it was, and soon told when it does not."""

from __future__ import annotations

import math
import random
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.drift.detector import Drift, Reference
from agent.drift.measures import Bins, Cusum, bin_scores, index_noise, make_bins, stability_index
from agent.errors import ModelError

MEAN, SPREAD = 120.0, 4.0


def light(rng, shift=0.0, spread=1.0):
    """Return the brightness of one part; `shift` counts standard deviations."""
    return rng.gauss(MEAN + SPREAD * shift, SPREAD * spread)


def calm(seed, parts=1500, **more):
    """Return a watch that has learned a line and seen it stay as it was."""
    rng, drift = random.Random(seed), Drift(**more)
    for at in range(parts):
        assert drift.observe(at, brightness=light(rng)) == ()
    return drift, rng


def parts_until(drift, rng, kind, limit=6000, **more):
    """Return how many parts it takes until an event comes."""
    for at in range(1, limit + 1):
        if any(event.kind == kind for event in drift.observe(at, brightness=light(rng, **more))):
            return at
    return limit + 1


def test_a_line_that_stays_the_same_gives_no_alarm():
    """0 alarms in 120,000 checks of figures: by the rule of three below 1 in 40,000."""
    alarms = 0
    for seed in range(4):
        rng, drift = random.Random(seed), Drift()
        for at in range(10_000):
            events = drift.observe(
                at,
                score=rng.betavariate(0.3, 8),
                brightness=light(rng),
                sharpness=rng.lognormvariate(5, 0.2),
            )
            alarms += len(events)
    assert alarms == 0


@pytest.mark.parametrize(
    ("change", "within"),
    [
        ({"shift": 1.0}, 150),
        ({"shift": -1.0}, 150),
        ({"shift": 0.75}, 300),
        ({"shift": 3.0}, 30),
        ({"spread": 2.0}, 500),
    ],
)
def test_a_change_is_found_within_its_number_of_parts(change, within):
    """Shifts in standard deviations up and down, and a wider spread, over ten seeds."""
    found = [parts_until(*calm(seed), "exposure_drift", **change) for seed in range(10)]
    assert max(found) <= within, found


def test_the_event_and_the_status_name_the_figure_and_the_direction():
    """In a sentence; only the figure that drifts."""
    drift, rng = calm(1)
    events = []
    for at in range(200):
        events += drift.observe(at, brightness=light(rng, shift=-2), score=0.1)
    (event,) = events
    assert event.kind == "exposure_drift"
    assert "brightness no longer looks like the first 500 parts" in event.text
    assert "it is lower" in event.text
    assert drift.status().drifting == ("brightness",)
    score, brightness, sharpness = drift.status().figures
    assert (score.source, brightness.source, sharpness.source) == (
        "learning", "first parts", "learning",
    )  # fmt: skip
    assert brightness.cusum < -20
    assert score.index is None


def test_it_ends_only_when_the_line_is_back_and_does_not_flap():
    """One beginning and one end, however long it lasts."""
    drift, rng = calm(2)
    assert parts_until(drift, rng, "exposure_drift", shift=1.5) <= 100
    for at in range(3000):
        assert drift.observe(at, brightness=light(rng, shift=1.5)) == ()
    assert drift.status().drifting == ("brightness",)
    back = parts_until(drift, rng, "exposure_drift_over")
    assert 100 < back <= 700
    assert drift.status().drifting == ()
    for at in range(1000):
        assert drift.observe(at, brightness=light(rng)) == ()


def test_a_bundles_reference_counts_from_the_first_part_on():
    """Nothing is learned from a line that is wrong already."""
    rng = random.Random(3)
    bins = make_bins([light(rng) for _ in range(2000)])
    drift = Drift(Reference(brightness=bins))
    assert drift.status().figures[1].source == "bundle"
    assert parts_until(drift, rng, "exposure_drift", shift=2.0) <= 60


def test_what_the_drift_is_from_is_said():
    """With a bundle's reference it is the training data."""
    bins = make_bins([float(value) for value in range(500)])
    drift = Drift(Reference(score=bins))
    events = [event for at in range(60) for event in drift.observe(at, score=1e6)]
    assert "score no longer looks like the training data: it is higher" in events[0].text


def test_a_constant_figure_drifts_when_it_changes_either_way():
    """A simulated line may have no noise at all."""
    for changed in (99.0, 101.0):
        drift = Drift()
        for at in range(1200):
            assert drift.observe(at, sharpness=100.0) == ()
        told = [event for at in range(50) for event in drift.observe(at, sharpness=changed)]
        assert [event.kind for event in told] == ["drift"]


def test_one_odd_part_is_no_drift():
    """Nor are three in a row, however far off."""
    drift, rng = calm(4)
    for value in (1e9, 0.0, 1e9, -1e9):
        for at in range(100):
            odd = value if at < 3 else light(rng)
            assert drift.observe(at, brightness=odd) == ()


def test_odd_parts_of_a_constant_figure_are_no_drift():
    """Where there was no noise at all, any other value is rare, but not worth many."""
    drift = Drift()
    for at in range(1200):
        odd = 101.0 if at in {700, 701, 800, 801} else 100.0
        assert drift.observe(at, sharpness=odd) == ()


def test_a_change_at_the_very_limit_does_not_flap():
    """A spread that keeps the index about the limit: few events in 40,000 parts."""
    events = []
    for seed in range(8):
        drift, rng = calm(seed)
        for at in range(5000):
            events += drift.observe(at, brightness=light(rng, spread=1.4))
    assert any(event.kind == "exposure_drift" for event in events)
    assert len(events) <= 16


def test_what_is_no_number_is_left_out():
    """A part without a figure, or with NaN, changes nothing."""
    drift, _ = calm(5)
    before = drift.status()
    for value in (None, math.nan, math.inf, -math.inf):
        assert drift.observe(0, brightness=value) == ()
    assert drift.status() == before


def test_memory_does_not_grow_with_the_parts():
    """What a watch holds after 20,000 parts is what it held after 2,000."""
    drift, rng = calm(6, parts=2000)

    def size():
        watch = drift._watches[1]
        held = (watch._window, watch._counts, watch._learned, watch._scores)
        return sum(map(sys.getsizeof, held))

    before = size()
    for at in range(18_000):
        drift.observe(at, brightness=light(rng))
    assert size() == before


@given(
    st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=300), st.floats(-1e7, 1e7)
)  # fmt: skip
def test_bins_hold_every_value_once_and_have_a_place_for_any(values, other):
    """Ties, constants and single values make sound bins."""
    bins = make_bins(values)
    assert sum(bins.shares) == pytest.approx(1)
    assert (bins.shares[0], bins.shares[-1]) == (0, 0)
    assert 0 <= bins.place(other) < len(bins.shares)
    assert bins.place(min(values) - 1) == 0
    assert bins.place(max(values) + 1) == len(bins.shares) - 1
    scores = bin_scores(bins.expected())
    assert list(scores) == sorted(scores)
    assert max(map(abs, scores)) <= 3


@given(st.lists(st.integers(0, 200), min_size=2, max_size=12))
def test_the_index_is_zero_for_the_reference_itself_and_never_below(counts):
    """It is a distance."""
    parts = sum(counts) + 1
    bins = Bins(
        tuple(map(float, range(len(counts)))),
        tuple(count / parts for count in (*counts, 1)),
        parts,
    )
    assert stability_index(bins.expected(), [*counts, 1]) == pytest.approx(0, abs=1e-9)
    assert stability_index(bins.expected(), [1] * (len(counts) + 1)) >= 0


def test_the_index_by_hand():
    """Shares of a half against 3 to 1: 0.25 * ln 1.5 - 0.25 * ln 0.5, but for the half parts."""
    by_hand = 0.25 * math.log(1.5) - 0.25 * math.log(0.5)
    assert stability_index((0.5, 0.5), (75_000, 25_000)) == pytest.approx(by_hand, abs=1e-4)


def test_chance_alone_stays_below_the_limit():
    """With 500 parts on either side the noise is below 0.25; with 50 the limit is raised."""
    assert index_noise(12, 500, 500) < 0.25
    drift, _ = calm(7, window_parts=50, learn_parts=50)
    assert drift._watches[1]._begin_index > 0.25


def test_a_cusum_is_bounded_and_forgets():
    """However long a shift lasts, the sum is back after some 60 parts."""
    cusum = Cusum()
    for _ in range(10_000):
        cusum.add(-2.0)
    assert cusum.value == -Cusum.MOST
    for _ in range(60):
        cusum.add(0.0)
    assert cusum.value == 0


@pytest.mark.parametrize(
    ("edges", "shares", "parts"),
    [
        ((), (1.0,), 10),
        ((1.0, 1.0), (0.2, 0.3, 0.5), 10),
        ((2.0, 1.0), (0.2, 0.3, 0.5), 10),
        ((1.0,), (0.5, 0.6), 10),
        ((1.0,), (-0.5, 1.5), 10),
        ((1.0,), (1.0,), 10),
        ((math.nan,), (0.5, 0.5), 10),
        ((1.0,), (math.nan, 0.5), 10),
        ((1.0,), (0.5, 0.5), 0),
        (tuple(map(float, range(64))), (1 / 65,) * 65, 10),
    ],
)
def test_a_reference_that_is_no_distribution_is_refused(edges, shares, parts):
    """A damaged card must not silence the watch."""
    with pytest.raises(ModelError, match="reference for drift"):
        Bins(edges, shares, parts)
