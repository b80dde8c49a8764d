"""The bundle's reference: quiet for another lot of good parts, loud for a wrong lamp."""

from __future__ import annotations

import random
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from agent.drift.detector import Drift, Reference
from agent.drift.measures import Bins, allowance_of
from bundle.reference import FigureReference, cut

BETWEEN, WITHIN = 6.0, 1.5  # gray levels, as of the castings


def lot(rng, parts):
    """Return the mean brightness of some parts."""
    return [rng.gauss(150, BETWEEN) for _ in range(parts)]


def reference(rng, parts, pictures=40):
    """Return the bins of some parts with many pictures each."""
    light = [rng.gauss(mean, WITHIN) for mean in lot(rng, parts) for _ in range(pictures)]
    return Bins(*cut(light, [1.0] * len(light)), parts)


def told(bins, rng, parts, shift=0.0, limit=3000):
    """Return at which part of a line with so many different ones drift is told; 0 for never."""
    drift, line = Drift(Reference(brightness=bins)), lot(rng, parts)
    for at in range(1, limit + 1):
        value = rng.gauss(rng.choice(line), WITHIN) + shift
        for event in drift.observe(at, brightness=value):
            if "the training data" in event.text:
                return at
    return 0


def test_another_lot_of_good_parts_is_no_drift():
    """Ten parts say little of the next thousand: 60 pairs of lots, at most one alarm."""
    alarms = Counter()
    for seed in range(60):
        rng = random.Random(seed)
        alarms[told(reference(rng, 10), rng, 1000) > 0] += 1
    assert alarms[True] <= 1


def test_taken_for_as_many_parts_as_pictures_most_lots_would_alarm():
    """Why parts are counted: the pictures of one part look alike."""
    alarms = 0
    for seed in range(20):
        rng = random.Random(seed)
        honest = reference(rng, 10)
        alarms += told(Bins(honest.edges, honest.shares, 400), rng, 1000) > 0
    assert alarms >= 10


def test_a_lamp_that_is_wrong_from_the_first_part_on_is_told():
    """A learned reference would take it for what the line looks like."""
    for seed in range(20):
        rng = random.Random(seed)
        assert 0 < told(reference(rng, 10), rng, 1000, shift=-30) <= 60
    rng = random.Random(1)
    assert 0 < told(reference(rng, 1000, 1), rng, 1000, shift=-10) <= 60


def test_a_figure_is_held_against_both():
    """From the first part on against the bundle, later against the line's own first parts too."""
    rng = random.Random(2)
    drift = Drift(Reference(brightness=reference(rng, 1000, 1)))
    sources = [(one.name, one.source) for one in drift.status().figures]
    assert sources == [
        ("score", "learning"),
        ("brightness", "bundle"),
        ("brightness", "learning"),
        ("sharpness", "learning"),
    ]
    kinds = [drift.observe(at, brightness=rng.gauss(150, 6) - 30) for at in range(1000)]
    (event,) = [event for events in kinds for event in events]
    assert event.kind == "exposure_drift"
    assert "brightness no longer looks like the training data: it is lower" in event.text
    of_bundle, of_line = drift.status().figures[1:3]
    assert (of_bundle.drifting, of_line.drifting) == (True, False)
    assert of_line.source == "first parts"
    assert drift.status().drifting == ("brightness",)
    texts = [
        event.text
        for at in range(100)
        for event in drift.observe(at, brightness=rng.gauss(150, 6) - 45)
    ]
    assert len(texts) == 1
    assert "the first 500 parts" in texts[0]


def test_a_few_defective_parts_do_not_move_the_score():
    """One in twenty; from one in three on the score is not what it was."""
    for share, alarm in ((0.0, False), (0.05, False), (0.35, True)):
        rng = random.Random(3)
        values = [rng.betavariate(1, 60) for _ in range(1000)]
        bins = Bins(*cut(values, [1.0] * 1000, beyond=False), 1000)
        drift = Drift(Reference(score=bins))
        events = []
        for at in range(4000):
            score = 0.97 if rng.random() < share else rng.betavariate(1, 60)
            events += drift.observe(at, score=score)
        found = [event for event in events if "the training data" in event.text]
        assert bool(found) == alarm, (share, found)


def test_the_more_parts_the_finer():
    """Three standard errors on top of half a standard deviation."""
    assert allowance_of(9) == 1.5
    assert 0.5 < allowance_of(10_000_000) < 0.502


shares = st.lists(st.floats(0, 1), min_size=2, max_size=64).filter(lambda all_: sum(all_) > 0.01)


@given(shares, st.integers(1, 10_000_000), st.floats(-9e-7, 9e-7))
def test_whatever_a_bundle_may_say_can_be_watched(found, parts, hair):
    """A fault here would be a fault of the recorder."""
    whole = sum(found)
    given_ = [one / whole for one in found]
    given_[0] = max(0.0, given_[0] + hair)
    edges = tuple(float(at) for at in range(len(given_) - 1))
    figure = FigureReference(edges=edges, shares=tuple(given_), parts=parts)
    drift = Drift(Reference(brightness=Bins.known(figure)), window_parts=20, learn_parts=20)
    for at in range(60):
        drift.observe(at, brightness=float(at % 7))
    assert drift.status().figures[1].source == "bundle"
