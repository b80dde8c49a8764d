"""An index names every readable picture once, and splits never divide equal pictures."""

import shutil
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.dataset import (
    Picture,
    fingerprint,
    guess_defective,
    label_slug,
    read_index,
    split_validation,
)
from training.errors import DataError


def test_sides_are_read_apart(data):
    """train, test and all hold what lies in their folders."""
    counts = [len(read_index(data, side).pictures) for side in ("train", "test", "all")]
    assert counts == [40, 12, 52]
    assert read_index(data, "train").labels == ("bad", "ok")
    assert read_index(data, "train").frame_size == (40, 40)


def test_a_plain_folder_has_only_the_whole(plain):
    """A folder without train/ and test/ is read as one, and says so when a side is asked."""
    assert len(read_index(plain).pictures) == 20
    with pytest.raises(DataError, match="no test/ folder"):
        read_index(plain, "test")


def test_a_missing_folder_is_one_line(tmp_path):
    """A folder that is not there is named."""
    with pytest.raises(DataError, match="there is no data folder"):
        read_index(tmp_path / "nowhere")


def test_an_empty_folder_is_refused(tmp_path):
    """An empty folder has no classes."""
    with pytest.raises(DataError, match="two classes or more; found: none"):
        read_index(tmp_path)


def test_one_class_is_refused(plain):
    """With one class nothing can be told apart."""
    shutil.rmtree(plain / "bad")
    with pytest.raises(DataError, match="two classes or more; found: ok"):
        read_index(plain)


def test_a_class_without_pictures_is_named(plain):
    """An empty class folder is said to be empty."""
    for path in (plain / "bad").iterdir():
        path.unlink()
    with pytest.raises(DataError, match=r"'bad'.* no readable picture"):
        read_index(plain)


def test_unreadable_pictures_are_named_and_skipped(plain):
    """One in a hundred and one may be broken: it is named, the rest is read."""
    for number in range(90):
        shutil.copy(plain / "ok" / "000.png", plain / "ok" / f"copy{number}.png")
    (plain / "ok" / "broken.png").write_bytes(b"no picture")
    index = read_index(plain)
    assert index.unreadable == ("ok/broken.png",)
    assert len(index.pictures) == 110


def test_too_many_unreadable_pictures_are_refused(plain):
    """Above one per cent the folder is refused with the names."""
    (plain / "ok" / "broken.png").write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"1 of 21 pictures .*ok/broken.png"):
        read_index(plain)


def test_other_files_are_no_pictures(plain):
    """Notes and hidden files in a class folder are left alone."""
    (plain / "ok" / "notes.txt").write_text("made on Monday")
    (plain / "ok" / ".hidden.png").write_bytes(b"thumbnail")
    assert len(read_index(plain).pictures) == 20
    assert read_index(plain).unreadable == ()


def test_the_fingerprint_is_of_names_and_contents(plain):
    """Order and place do not matter; a renamed or changed picture does."""
    index = read_index(plain)
    moved = shutil.copytree(plain, plain.parent / "elsewhere")
    assert read_index(moved).fingerprint == index.fingerprint
    assert fingerprint(reversed(index.pictures)) == index.fingerprint
    (moved / "ok" / "000.png").rename(moved / "ok" / "zzz.png")
    assert read_index(moved).fingerprint != index.fingerprint


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (("def_front", "ok_front"), ("def_front",)),
        (("bad", "good"), ("bad",)),
        (("ng", "ok"), ("ng",)),
        (("defective", "ok"), ("defective",)),
        (("a-reject", "ok"), ("a-reject",)),
    ],
)
def test_the_defective_class_is_guessed(labels, expected):
    """Common names of bad parts are known."""
    assert guess_defective(labels) == expected


@pytest.mark.parametrize("labels", [("left", "right"), ("bad", "ng")])
def test_a_guess_that_fails_asks_for_the_name(labels):
    """Where no class or every class would be defective, the user is asked."""
    with pytest.raises(DataError, match="--defective NAME"):
        guess_defective(labels)


def test_a_named_class_wins_and_must_exist():
    """--defective overrides the guess; a wrong name lists the classes."""
    assert guess_defective(("bad", "ok"), "OK") == ("ok",)
    with pytest.raises(DataError, match=r"no class worse; there are bad, ok"):
        guess_defective(("bad", "ok"), "worse")


def test_class_names_fit_a_manifest():
    """Capitals, spaces and leading dots go."""
    assert label_slug(" OK Front!") == "ok-front-"
    assert label_slug("_bad") == "bad"


def _pictures(contents):
    return [
        Picture(f"{label}/{place}.png", label, f"{content:064x}", 40, 40)
        for place, (label, content) in enumerate(contents)
    ]


@given(
    st.lists(st.tuples(st.sampled_from(["bad", "ok"]), st.integers(0, 30)), min_size=1),
    st.floats(0.02, 0.5),
    st.integers(0, 9),
)
def test_a_split_loses_nothing_and_divides_no_twins(contents, share, seed):
    """Every picture has one use, and equal contents have the same one."""
    pictures = _pictures(contents)
    split = split_validation(pictures, share, seed, frozenset({f"{7:064x}"}))
    sides = (split.training, split.validation, split.held_out)
    assert sorted(p.name for side in sides for p in side) == sorted(p.name for p in pictures)
    hashes = [{p.sha256 for p in side} for side in sides]
    for first, second in combinations(hashes, 2):
        assert not first & second
    twins = {p.name for p in pictures if p.sha256 == f"{7:064x}"}
    assert {p.name for p in split.held_out} == twins


def test_a_split_is_stratified_and_repeatable():
    """Each label gives its share; the seed alone decides, not the order."""
    pictures = _pictures([("bad", n) for n in range(300)] + [("ok", 1000 + n) for n in range(100)])
    split = split_validation(pictures, 0.1, 3)
    labels = [picture.label for picture in split.validation]
    assert (labels.count("bad"), labels.count("ok")) == (30, 10)
    assert split_validation(reversed(pictures), 0.1, 3) == split
    assert split_validation(pictures, 0.1, 4) != split


def test_every_picture_is_as_likely_to_validate():
    """Over many seeds any group of pictures has its fair share in the validation."""
    pictures = _pictures([("bad", n) for n in range(200)] + [("ok", 1000 + n) for n in range(50)])
    watched = {f"bad/{n}.png" for n in range(16)}
    counts = [
        sum(p.name in watched for p in split_validation(pictures, 0.1, seed).validation)
        for seed in range(200)
    ]
    # 1.6 expected; the mean of 200 draws is off by more than 0.4 once in 10 million seeds.
    assert abs(float(np.mean(counts)) - 1.6) < 0.4


@pytest.mark.parametrize("good", ["ok", "ok_front", "good", "OK-side".lower()])
def test_kinds_of_defects_are_known_by_the_good_ones(good):
    """Where the other class says that it is good, the rest is not."""
    labels = tuple(sorted(("dent", "hole", good)))
    assert guess_defective(labels) == tuple(label for label in labels if label != good)


def test_several_defective_classes_are_named_with_commas():
    """Any spelling that the folders have, in the order of the labels."""
    assert guess_defective(("a", "b", "c"), "C,a") == ("a", "c")
    with pytest.raises(DataError, match="no class would be left"):
        guess_defective(("a", "b"), "a,b")
    with pytest.raises(DataError, match="no class d, e"):
        guess_defective(("a", "b"), "a,d,e")
