"""A written split never divides a part, holds every label on every side, and repeats itself."""

import random
from collections import defaultdict

import pytest
from audit_made import some_picture
from hypothesis import given, settings
from hypothesis import strategies as st

from training.audit.split import SplitPlan, make_splits, write_splits
from training.errors import DataError, OptionError
from training.split_file import read_split


def listed(sizes_by_label):
    """Return pictures and their parts, from the sizes of the parts of each label."""
    pictures, part_of = [], []
    part = 0
    for label, sizes in sizes_by_label.items():
        for size in sizes:
            for _ in range(size):
                pictures.append(some_picture(len(pictures), label))
                part_of.append(part)
            part += 1
    return pictures, part_of


SIZES = st.lists(st.integers(1, 12), min_size=6, max_size=25)
PLANS = st.builds(
    SplitPlan,
    folds=st.integers(1, 5),
    validation_share=st.floats(0.05, 0.3),
    test_share=st.floats(0.05, 0.4),
    seed=st.integers(0, 99),
)


def sides_by_part(split):
    """Return the sides on which each part stands."""
    sides = defaultdict(set)
    for picture in split.pictures:
        sides[picture.part].add(picture.side)
    return sides


@settings(max_examples=60, deadline=None)
@given(bad=SIZES, good=SIZES, plan=PLANS)
def test_no_part_is_divided(bad, good, plan):
    """Whatever the sizes of the parts: one side each, every label on every side, all test once."""
    pictures, part_of = listed({"bad": bad, "ok": good})
    splits = make_splits(pictures, part_of, plan)
    assert len(splits) == plan.folds
    tested = []
    for split in splits:
        assert len(split.pictures) == len(pictures)
        sides = sides_by_part(split)
        assert all(len(found) == 1 for found in sides.values())
        for side in ("train", "validation", "test"):
            assert {each.label for each in split.side(side)} == {"bad", "ok"}
        tested += [part for part, found in sides.items() if found == {"test"}]
    assert len(tested) == len(set(tested))
    if plan.folds > 1:
        assert set(tested) == set(part_of)


@settings(max_examples=30, deadline=None)
@given(bad=SIZES, good=SIZES, seed=st.integers(0, 9), order=st.randoms(use_true_random=False))
def test_order_and_names_do_not_decide(bad, good, seed, order):
    """The same contents and seed give the same sides, in whatever order the files were listed."""
    pictures, part_of = listed({"bad": bad, "ok": good})
    plan = SplitPlan(seed=seed)
    both = list(zip(pictures, part_of, strict=True))
    order.shuffle(both)
    before = make_splits(pictures, part_of, plan)[0]
    after = make_splits([each for each, _ in both], [500 - part for _, part in both], plan)[0]
    assert {p.sha256: p.side for p in before.pictures} == {p.sha256: p.side for p in after.pictures}


def test_another_seed_gives_another_split():
    """The seed matters."""
    pictures, part_of = listed({"bad": [3] * 20, "ok": [2] * 20})
    sides = [
        tuple(
            each.side for each in make_splits(pictures, part_of, SplitPlan(seed=seed))[0].pictures
        )
        for seed in range(5)
    ]
    assert len(set(sides)) == 5


def test_shares_are_kept_by_pictures_and_by_parts():
    """Parts of very different sizes still give 70, 10 and 20 per cent of both."""
    draw = random.Random(1)
    pictures, part_of = listed({label: [draw.choice([1, 2, 4, 9, 30]) for _ in range(80)]
                                for label in ("bad", "ok")})  # fmt: skip
    (split,) = make_splits(pictures, part_of, SplitPlan())
    for label in ("bad", "ok"):
        own = [each for each in split.pictures if each.label == label]
        for side, share in (("train", 0.7), ("validation", 0.1), ("test", 0.2)):
            here = [each for each in own if each.side == side]
            assert len(here) / len(own) == pytest.approx(share, abs=0.03)
            assert len({each.part for each in here}) / 80 == pytest.approx(share, abs=0.04)


def test_parts_under_two_labels_are_left_out():
    """No side gets what contradicts itself."""
    pictures, part_of = listed({"bad": [2] * 6, "ok": [2] * 6})
    pictures.append(some_picture(900, "ok"))
    part_of.append(0)
    (split,) = make_splits(pictures, part_of, SplitPlan())
    assert sides_by_part(split)[0] == {"left_out"}
    assert sum(each.side == "left_out" for each in split.pictures) == 3


def test_a_clear_majority_keeps_its_part():
    """Of nine good pictures and one defective of a part, the one is left out, the nine stay."""
    pictures, part_of = listed({"bad": [2] * 6, "ok": [9, *[2] * 6]})
    pictures.append(some_picture(900, "bad"))
    part_of.append(6)
    (split,) = make_splits(pictures, part_of, SplitPlan())
    sides = [(each.label, each.side == "left_out") for each in split.pictures if each.part == 6]
    assert sides == [("ok", False)] * 9 + [("bad", True)]


@pytest.mark.parametrize(
    ("good", "plan", "said"),
    [
        ([5, 5], SplitPlan(), "2 parts of ok .* 3 sides"),
        ([5, 5, 5], SplitPlan(folds=4), "3 parts of ok .* 4 sides"),
        ([5, 5], SplitPlan(folds=2), "1 parts of ok .* 2 sides"),
    ],
)
def test_too_few_parts_are_an_error_that_counts_them(good, plan, said):
    """The message says how many parts there are and how many sides want one."""
    pictures, part_of = listed({"bad": [1] * 9, "ok": good})
    with pytest.raises(DataError, match=said):
        make_splits(pictures, part_of, plan)


@pytest.mark.parametrize(
    "plan",
    [
        SplitPlan(validation_share=0.0),
        SplitPlan(test_share=0.0),
        SplitPlan(validation_share=0.6, test_share=0.4),
        SplitPlan(folds=2, validation_share=0.5),
        SplitPlan(folds=0),
    ],
)
def test_impossible_shares_are_refused(plan):
    """Nothing to train on, or nothing to test with, is a wrong option."""
    with pytest.raises(OptionError, match=r"above 0|too little to train"):
        plan.check()


def test_each_fold_has_its_file(tmp_path):
    """Files carry the number of the fold and are read as they were; one split has no number."""
    pictures, part_of = listed({"bad": [2] * 6, "ok": [2] * 6})
    splits = make_splits(pictures, part_of, SplitPlan(folds=3))
    paths = write_splits(tmp_path / "s.json", splits)
    assert [path.name for path in paths] == ["s-fold1.json", "s-fold2.json", "s-fold3.json"]
    assert tuple(read_split(path) for path in paths) == splits
    assert [each.fold for each in splits] == [1, 2, 3]
    single = make_splits(pictures, part_of, SplitPlan())
    assert write_splits(tmp_path / "one.json", single) == (tmp_path / "one.json",)
