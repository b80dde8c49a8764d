"""A label that light, file or focus gives away is caught; an honest one is not."""

import numpy as np
import pytest
from audit_made import some_picture
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from training.audit.findings import trivial_findings
from training.audit.trivial import measure_trivial, rank_auc

COUNT = 80


def report(parts=None, **bad_changes):
    """Measure pictures whose defective half is changed."""
    random = np.random.default_rng(1)
    pictures, truth = [], []
    for number in range(COUNT):
        bad = number % 2 == 0
        drawn = {name: change(random) for name, change in bad_changes.items()} if bad else {}
        pictures.append(some_picture(number, "bad" if bad else "ok", **drawn))
        truth.append(bad)
    return measure_trivial(pictures, np.array(truth), range(COUNT) if parts is None else parts)


def test_brighter_defective_pictures_are_caught():
    """Another lamp for the defective ones is a grave finding, in a sentence on both counts."""
    trivial = report(brightness=lambda random: random.normal(150, 3))
    findings = list(trivial_findings(trivial))
    assert trivial.features[0].name == "mean brightness"
    assert trivial.features[0].auc > 0.95
    assert trivial.features[0].correlation > 0.8
    assert [each.gravity for each in findings] == ["grave", "grave"]
    assert "It is higher for defective ones" in findings[0].text
    assert "has not seen the part" in findings[1].text


def test_lower_values_count_as_much():
    """An AUC near 0 gives a label away as one near 1 does."""
    trivial = report(sharpness=lambda random: random.normal(5, 0.1))
    first = trivial.features[0]
    assert (first.name, first.auc < 0.05, first.separation > 0.95) == ("sharpness", True, True)
    assert "It is lower" in next(trivial_findings(trivial)).text


def test_honest_pictures_raise_no_alarm():
    """Where both classes were taken alike a model without the part is near a guess."""
    trivial = report()
    assert trivial.together is not None
    assert trivial.together < 0.7
    assert list(trivial_findings(trivial)) == []


def test_several_weak_hints_together_are_caught():
    """No figure tells alone, all together do: contrast that follows brightness otherwise."""
    random = np.random.default_rng(3)
    pictures, truth = [], []
    for number in range(300):
        bad = number % 2 == 0
        light = random.normal(120, 20)
        contrast = light / 2 + random.normal(0, 1) + (4 if bad else 0)
        label = "bad" if bad else "ok"
        pictures.append(some_picture(number, label, brightness=light, contrast=contrast))
        truth.append(bad)
    trivial = measure_trivial(pictures, np.array(truth), range(300))
    assert trivial.features[0].separation < 0.75
    assert trivial.together is not None
    assert trivial.together > 0.9


def test_parts_are_held_back_whole():
    """Many pictures of few parts: each part's own light must not help to recognise its label."""
    random = np.random.default_rng(5)
    lights = random.normal(120, 20, 12)
    pictures, truth, parts = [], [], []
    for number in range(240):
        part = number % 12
        bad = part % 2 == 0
        light = lights[part] + random.normal(0, 0.5)
        pictures.append(some_picture(number, "bad" if bad else "ok", brightness=light))
        truth.append(bad)
        parts.append(part)
    whole = measure_trivial(pictures, np.array(truth), parts)
    assert whole.by_part
    assert whole.features[0].auc_by_part is not None
    assert not measure_trivial(pictures, np.array(truth), None).by_part


def test_two_parts_a_class_are_tried_and_one_is_not():
    """With one part of a class there is nothing to hold back."""
    two = report(parts=[number % 4 for number in range(COUNT)])
    one = report(parts=[number % 2 for number in range(COUNT)])
    assert two.together is not None
    assert (one.together, one.folds, one.worst_fold) == (None, 0, None)


@given(st.lists(st.tuples(st.integers(0, 6), st.booleans()), min_size=2, max_size=60))
def test_auc_is_that_of_scikit_learn(drawn):
    """Also with ties; with one class only it is a half."""
    values = np.array([value for value, _ in drawn], np.float64)
    truth = np.array([bad for _, bad in drawn])
    if truth.all() or not truth.any():
        assert rank_auc(values, truth) == 0.5
    else:
        assert rank_auc(values, truth) == pytest.approx(roc_auc_score(truth, values))


def test_values_that_never_change_say_nothing():
    """A column of one value is no division by zero and no hint, whatever its digits."""
    pictures = [
        some_picture(number, ("bad", "ok")[number % 2], colour=0.0, coarseness=29.0313)
        for number in range(COUNT)
    ]
    truth = np.array([each.label == "bad" for each in pictures])
    parts = [number % 2 + 2 * int(number**0.5) for number in range(COUNT)]  # of all sizes
    trivial = measure_trivial(pictures, truth, parts)
    same = {each.name: each for each in trivial.features}
    for name in ("colour", "JPEG coarseness"):
        each = same[name]
        assert (each.auc, each.auc_by_part, each.correlation) == (0.5, 0.5, 0.0)
