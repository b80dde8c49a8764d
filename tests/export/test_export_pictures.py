"""Which pictures may be compared on: those that the run has not seen."""

from __future__ import annotations

import shutil

import cv2
import numpy as np
import pytest

from export.errors import CalibrationError
from export.pictures import sort_pictures
from training.dataset import read_index, split_validation
from training.errors import DataError
from training.run_folder import list_pictures
from training.split_file import SplitFile, SplitPicture, apply_split


@pytest.fixture
def data(tmp_path):
    """Return a data folder of noise with two classes on both sides."""
    random = np.random.default_rng(7)
    for side, count in (("train", 20), ("test", 5)):
        for label in ("bad", "ok"):
            folder = tmp_path / "data" / side / label
            folder.mkdir(parents=True)
            for number in range(count):
                frame = random.integers(0, 256, (16, 16), np.uint8)
                cv2.imwrite(str(folder / f"{number:02d}.png"), frame)
    return tmp_path / "data"


@pytest.fixture
def lists(data):
    """Return the lists of a run on that data."""
    return list_pictures(split_validation(read_index(data, "train").pictures, 0.2, 0), ())


def test_learned_and_held_out_pictures_never_meet(data, lists):
    """No held-out picture was learned from, and each of the others is somewhere."""
    found = sort_pictures(data, lists, ("bad", "ok"))
    learned = {one.sha256 for one in found.training}
    sets = {one.name: one.pictures for one in found.held_out}
    assert learned == {one.sha256 for one in lists.training}
    assert {one.sha256 for one in sets["validation"]} == {one.sha256 for one in lists.validation}
    assert len(sets["test"]) == 10
    assert not learned & {one.sha256 for pictures in sets.values() for one in pictures}


def test_a_test_picture_that_the_run_has_seen_is_left_out_and_counted(data, lists):
    """A byte-identical copy of a training picture in test/ proves nothing."""
    shutil.copy(data / lists.training[0].name, data / "test" / "ok" / "copy.png")
    tested = sort_pictures(data, lists, ("bad", "ok")).held_out[1]
    assert len(tested.pictures) == 10
    assert "Left out as seen: 1" in tested.remark


def test_both_sets_say_what_is_unknown_of_them(data, lists):
    """No set is called honest whose parts may have been learned."""
    found = sort_pictures(data, lists, ("bad", "ok"))
    assert all("unknown" in one.remark for one in found.held_out)


def test_other_data_than_the_run_has_seen_is_refused(data, lists):
    """Half of the learned pictures are missing: this is not the run's data."""
    for one in lists.training[::2]:
        (data / one.name).unlink()
    with pytest.raises(CalibrationError, match="the data that the run was trained on"):
        sort_pictures(data, lists, ("bad", "ok"))


def test_other_classes_than_the_run_has_are_refused(data, lists):
    """A third class was never learned."""
    shutil.copytree(data / "train" / "ok", data / "train" / "odd")
    with pytest.raises(CalibrationError, match="odd"):
        sort_pictures(data, lists, ("bad", "ok"))


def test_an_unreadable_picture_is_named(data, lists):
    """One in a hundred may be broken; it is skipped and listed."""
    for number in range(60):
        shutil.copy(data / "train/ok/00.png", data / f"train/ok/more{number}.png")
    (data / "train" / "ok" / "broken.png").write_bytes(b"broken")
    assert sort_pictures(data, lists, ("bad", "ok")).unreadable == ("train/ok/broken.png",)


def test_a_missing_data_folder_is_refused(tmp_path, lists):
    """One line, whatever is wrong with the folder."""
    with pytest.raises(DataError, match="nowhere"):
        sort_pictures(tmp_path / "nowhere", lists, ("bad", "ok"))


def test_with_a_split_the_part_of_every_picture_is_known(data):
    """Without one nobody knows which of the learned pictures show one part."""
    index = read_index(data, "all")
    sides = ["train"] * 7 + ["validation", "test", "left_out"]
    rows = [
        SplitPicture(
            name=one.name,
            sha256=one.sha256,
            label=one.label,
            part=at // 2,
            side=sides[at // 2 % 10],
        )
        for at, one in enumerate(index.pictures)
    ]
    split = SplitFile(seed=0, pictures=tuple(rows))
    lists = list_pictures(apply_split(index, split), (), split)
    pictures = sort_pictures(data, lists, ("bad", "ok"))
    part_of = split.part_of
    assert len(pictures.training) == 38
    assert pictures.training_parts == tuple(part_of[one.sha256] for one in pictures.training)
    plain = list_pictures(split_validation(read_index(data, "train").pictures, 0.2, 0), ())
    assert sort_pictures(data, plain, ("bad", "ok")).training_parts is None
