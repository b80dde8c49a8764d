"""A split file divides pictures by part, and one that does not is refused."""

import json
from pathlib import Path

import pytest

from training.dataset import Index, Picture
from training.errors import DataError
from training.split_file import SplitFile, SplitPicture, apply_split, read_split, write_split


def listed(number, part, side, label="bad", sha=None):
    """Return a picture of a split file."""
    return SplitPicture(
        name=f"{label}/{number}.png", sha256=sha or f"{number:064x}", label=label, part=part,
        side=side,
    )  # fmt: skip


def indexed(pictures):
    """Return the index of a folder that has these pictures."""
    found = tuple(Picture(each.name, each.label, each.sha256, 8, 8) for each in pictures)
    return Index(Path("data"), ("bad", "good"), found, ())


def four():
    """Return one picture a side."""
    sides = ("train", "validation", "test", "left_out")
    return tuple(listed(number, number, side) for number, side in enumerate(sides))


def test_what_is_written_is_read(tmp_path):
    """A split survives the disk."""
    split = SplitFile(seed=3, fold=2, folds=3, pictures=four())
    write_split(tmp_path / "new" / "split.json", split)
    assert read_split(tmp_path / "new" / "split.json") == split


def test_each_picture_goes_to_its_side():
    """Training, validation, test and what is left out are taken as the file says."""
    split = apply_split(indexed(four()), SplitFile(seed=0, pictures=four()))
    sides = (split.training, split.validation, split.test, split.held_out)
    assert [[each.name for each in side] for side in sides] == [[f"bad/{n}.png"] for n in range(4)]


def test_pictures_the_file_does_not_name_take_no_part():
    """A picture added to the folder later is on no side."""
    more = (*four(), listed(9, 9, "train"))
    split = apply_split(indexed(more), SplitFile(seed=0, pictures=four()))
    assert all(each.name != "bad/9.png" for each in (*split.training, *split.test))


@pytest.mark.parametrize(
    "sides", [("train", "test"), ("validation", "test"), ("train", "validation")]
)
def test_a_part_on_two_sides_is_refused(tmp_path, sides):
    """Copies of one part on both sides are what the split is there to prevent."""
    pictures = tuple(listed(n, 5, side).model_dump() for n, side in enumerate(sides))
    path = tmp_path / "split.json"
    path.write_text(json.dumps({"seed": 0, "pictures": pictures}))
    with pytest.raises(DataError, match="part 5 on two sides"):
        read_split(path)


def test_one_content_on_two_sides_is_refused(tmp_path):
    """Byte-identical pictures are one part, whatever the file says."""
    pictures = (listed(1, 1, "train", sha="a" * 64), listed(2, 2, "test", sha="a" * 64))
    with pytest.raises(DataError, match="SHA-256"):
        write_split(tmp_path / "split.json", SplitFile(seed=0, pictures=pictures))


def test_a_name_twice_is_refused(tmp_path):
    """A picture has one side."""
    with pytest.raises(DataError, match="twice"):
        write_split(tmp_path / "s.json", SplitFile(seed=0, pictures=(four()[0], four()[0])))


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"seed": 0, "pictures": [{}]}', "\xff"])
def test_what_is_no_split_file_is_said(tmp_path, text):
    """Any other file is refused in one sentence."""
    path = tmp_path / "split.json"
    path.write_text(text)
    with pytest.raises(DataError, match="is no split file"):
        read_split(path)


def test_a_missing_file_is_said(tmp_path):
    """No such file: the reason stands in the error."""
    with pytest.raises(DataError, match="No such file"):
        read_split(tmp_path / "none.json")


def test_missing_pictures_are_named():
    """A split of other pictures is refused, with some of the names."""
    with pytest.raises(DataError, match=r"names 1 pictures .* bad/2.png"):
        apply_split(indexed(four()[:2] + four()[3:]), SplitFile(seed=0, pictures=four()))


def test_a_changed_picture_is_named():
    """The side was decided for these contents, not for others of the same name."""
    other = indexed((listed(0, 0, "train", sha="b" * 64), *four()[1:]))
    with pytest.raises(DataError, match=r"bad/0.png has another contents"):
        apply_split(other, SplitFile(seed=0, pictures=four()))
