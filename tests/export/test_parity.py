"""How float and int8 are compared, as tables of scores."""

from __future__ import annotations

import numpy as np
import pytest

from bundle.errors import ScoreError
from bundle.manifest import OutputSpec, Thresholds
from export.errors import ParityError
from export.parity import HeldOut, check_parity, refuse_beyond

THRESHOLDS = Thresholds(reject_at=0.6, recheck_at=0.3, chosen="for the tests")


def logits(scores):
    """Return the logits whose softmax gives these scores to label 0."""
    scores = np.asarray(scores, np.float64)
    margin = np.log(scores / (1 - scores))
    return np.stack([margin, np.zeros_like(margin)], axis=1).astype(np.float32)


def held_out(defective, exact, rounded, name="test"):
    """Return a set with these scores of the two models."""
    names = [f"{place}.png" for place in range(len(defective))]
    truth = np.array(defective, bool)
    return HeldOut(name, "a remark", names, truth, logits(exact), logits(rounded))


def compare(one, bound=0.003, wanted_escapes=0.0):
    """Return the comparison of one set."""
    report = check_parity([one], (0,), THRESHOLDS, OutputSpec(), bound, wanted_escapes)
    return report.sets[0]


def test_equal_models_agree_in_everything():
    """Nothing is lost, shifted or changed."""
    one = compare(held_out([1, 0], [0.9, 0.1], [0.9, 0.1]))
    assert one.passed
    assert (one.disagreements, one.changed, one.new_escapes, one.lost) == (0, 0, 0, 0)
    assert one.worst_shift == 0.0


def test_a_new_escape_is_a_defective_picture_that_only_int8_passes():
    """From RECHECK to PASS is an escape, though both models say "good" at 0.5."""
    one = compare(held_out([1, 1, 0], [0.4, 0.9, 0.4], [0.2, 0.8, 0.2]))
    assert one.new_escapes == 1
    assert one.changed == 2
    assert one.disagreements == 0
    assert one.int8_escapes.count == 1
    assert one.float_escapes.count == 0


def test_a_new_false_reject_is_a_good_picture_that_only_float_passes():
    """From PASS to RECHECK costs a good part a second look."""
    one = compare(held_out([0, 1], [0.2, 0.9], [0.4, 0.9]))
    assert one.new_false_rejects == 1


def test_the_worst_shift_is_named_with_its_picture():
    """The picture whose score moved most can be looked at."""
    one = compare(held_out([0, 1, 0], [0.2, 0.9, 0.1], [0.21, 0.7, 0.1]))
    assert one.worst_picture == "1.png"
    assert one.worst_shift == pytest.approx(0.2, abs=1e-5)


@pytest.mark.parametrize(
    ("pictures", "wrong", "passed"),
    [(100, 1, True), (100, 2, False), (1000, 3, True), (1000, 4, False)],
)
def test_more_than_the_bound_is_refused_and_one_picture_never_is(pictures, wrong, passed):
    """0.3 points of 1000 pictures are three; of 100 it is one, the least there can be."""
    exact = [0.9] * pictures
    rounded = [0.45] * wrong + [0.9] * (pictures - wrong)
    report = check_parity(
        [held_out([1] * pictures, exact, rounded)], (0,), THRESHOLDS, OutputSpec(), 0.003
    )
    assert report.passed is passed
    if passed:
        refuse_beyond(report)
    else:
        with pytest.raises(ParityError, match=f"{wrong} of {pictures} pictures more wrong"):
            refuse_beyond(report)


def test_int8_may_be_better_than_float():
    """A picture that only int8 gets right is no loss."""
    assert compare(held_out([1] * 10, [0.45] + [0.9] * 9, [0.9] * 10)).passed


@pytest.mark.parametrize(("escapes", "passed"), [(0, True), (1, False)])
def test_a_new_escape_is_refused(escapes, passed):
    """One defective picture of a thousand that only int8 passes keeps the bundle back."""
    rounded = [0.2] * escapes + [0.4] * (1000 - escapes)
    one = compare(held_out([1] * 1000, [0.4] * 1000, rounded))
    assert one.passed is passed
    assert ("1 of 1000 defective pictures that float does not" in one.failure) is not passed


def test_a_new_escape_is_not_made_up_for_by_one_that_int8_catches():
    """They are other parts: the plant would get one that nobody had seen pass before."""
    exact = [0.2] * 4 + [0.4] * 996
    rounded = [0.4] * 4 + [0.2] + [0.4] * 995
    one = compare(held_out([1] * 1000, exact, rounded))
    assert one.int8_escapes.count < one.float_escapes.count
    assert not one.passed


@pytest.mark.parametrize(("new", "passed"), [(3, True), (4, False)])
def test_thresholds_that_let_some_pass_allow_a_few_new_escapes(new, passed):
    """Where one in a hundred may pass anyway, the bound counts as for accuracy."""
    exact, rounded = [0.2] * 4 + [0.4] * 996, [0.2] * (4 + new) + [0.4] * (996 - new)
    assert compare(held_out([1] * 1000, exact, rounded), wanted_escapes=0.01).passed is passed
    assert not compare(held_out([1] * 1000, exact, rounded)).passed


def test_no_new_escape_is_allowed_where_float_has_none_though_some_may_pass():
    """The thresholds let none pass on these pictures: the first one is int8's own."""
    exact, rounded = [0.4] * 1000, [0.2] + [0.4] * 999
    assert not compare(held_out([1] * 1000, exact, rounded), wanted_escapes=0.01).passed


@pytest.mark.parametrize(("each", "passed"), [(1, True), (2, False)])
def test_answers_that_differ_are_refused_though_the_accuracy_is_the_same(each, passed):
    """Gains and losses that cancel out are still another model."""
    exact = [0.9] * 500 + [0.4] * each + [0.9] * (500 - each)
    rounded = [0.45] * each + [0.9] * 1000
    one = compare(held_out([1] * 1000, exact, rounded[:1000]))
    assert one.lost == 0
    assert one.passed is passed


def test_one_set_beyond_the_bound_refuses_all():
    """A good set does not make up for a bad one."""
    good = held_out([1] * 500, [0.9] * 500, [0.9] * 500, "validation")
    bad = held_out([1] * 9, [0.9] * 9, [0.2] * 9, "test")
    report = check_parity([good, bad], (0,), THRESHOLDS, OutputSpec())
    assert not report.passed
    assert "on test" in report.failure


def test_nothing_held_out_is_no_parity():
    """Without pictures nothing was shown, so nothing passes."""
    with pytest.raises(ParityError, match="no held-out pictures"):
        refuse_beyond(check_parity([], (0,), THRESHOLDS, OutputSpec()))


def test_an_output_that_is_no_number_is_refused():
    """A NaN never becomes a score."""
    one = held_out([1], [0.9], [0.9])
    one.int8_logits[0, 0] = np.nan
    with pytest.raises(ScoreError):
        compare(one)
