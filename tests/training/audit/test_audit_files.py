"""Every picture of a folder is seen once, and what is no picture is named with its reason."""

import os
import shutil

import cv2
import numpy as np
import pytest
from audit_data import draw_textured, write_picture

from training.audit.cache import AuditCache
from training.audit.files import count_files, scan_folder
from training.errors import DataError

NO_CACHE = AuditCache(None)


def scanned(root):
    """Scan without a cache."""
    return scan_folder(root, NO_CACHE, lambda count: None)


@pytest.fixture
def folder(tmp_path):
    """Return a folder with train/ and test/ of two classes."""
    for number, name in enumerate(["train/bad/a", "train/ok/b", "test/bad/c", "test/ok/d"]):
        write_picture(tmp_path / f"{name}.png", draw_textured(number))
    return tmp_path


def test_pictures_come_by_name_with_their_side(folder):
    """Label and side are those of the folders."""
    found = [(each.name, each.label, each.side) for each in scanned(folder).pictures]
    assert found == [
        ("test/bad/c.png", "bad", "test"),
        ("test/ok/d.png", "ok", "test"),
        ("train/bad/a.png", "bad", "train"),
        ("train/ok/b.png", "ok", "train"),
    ]


def test_without_sides_there_is_none(folder):
    """A plain folder of classes has no train and no test."""
    assert {each.side for each in scanned(folder / "train").pictures} == {""}


def test_subfolders_belong_to_their_class(folder):
    """Pictures lie as deep as they like."""
    write_picture(folder / "train" / "bad" / "monday" / "early" / "x.bmp", draw_textured(9))
    names = {each.name: each.label for each in scanned(folder).pictures}
    assert names["train/bad/monday/early/x.bmp"] == "bad"


def test_the_unreadable_are_named_with_their_reason(folder):
    """Cut, empty, foreign and tiny files are listed; the others are audited all the same."""
    bad = folder / "train" / "bad"
    whole = write_picture(bad / "cut.jpeg", draw_textured(5)).read_bytes()
    (bad / "cut.jpeg").write_bytes(whole[: len(whole) // 2])
    (bad / "empty.png").write_bytes(b"")
    (bad / "text.jpg").write_text("not a picture")
    write_picture(bad / "tiny.png", np.zeros((5, 5), np.uint8))
    scan = scanned(folder)
    why = {each.name.rsplit("/", 1)[-1]: each.why for each in scan.unreadable}
    assert why == {
        "cut.jpeg": "the file is cut short",
        "empty.png": "the file is empty",
        "text.jpg": "the file is no picture",
        "tiny.png": "the picture has only 5x5 pixels",
    }
    assert len(scan.pictures) == 4


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_is_named(folder):
    """The reason is the system's."""
    (folder / "train" / "bad" / "a.png").chmod(0)
    write_picture(folder / "train" / "bad" / "z.png", draw_textured(7))
    assert scanned(folder).unreadable[0].why == "Permission denied"


def test_a_name_that_no_page_can_hold_is_named(folder):
    """A name that is no UTF-8 would break JSON and page: the file is to be renamed."""
    odd = os.fsdecode(b"\xff.png")
    try:
        shutil.copy(folder / "train" / "bad" / "a.png", folder / "train" / "bad" / odd)
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    assert "rename it" in scanned(folder).unreadable[0].why


def test_other_files_are_counted(folder):
    """Notes and hidden files are not pictures, and said to lie there."""
    (folder / "train" / "bad" / "notes.txt").write_text("x")
    (folder / "train" / "ok" / ".hidden.png").write_text("x")
    scan = scanned(folder)
    assert (scan.other_files, len(scan.pictures), len(scan.unreadable)) == (2, 4, 0)


def test_every_file_is_counted_and_told_of(folder):
    """The announced number is what the bar is told."""
    told = []
    scan_folder(folder, NO_CACHE, told.append)
    assert sum(told) == count_files(folder) == 4


def test_a_class_without_pictures_is_refused(folder):
    """A class that holds nothing readable cannot be audited."""
    for path in folder.rglob("ok/*.png"):
        path.write_bytes(b"")
    with pytest.raises(DataError, match=r"'ok' in .* holds no readable picture"):
        scanned(folder)


@pytest.mark.parametrize("classes", [[], ["bad"]])
def test_fewer_than_two_classes_are_refused(tmp_path, classes):
    """One class, or none, leaves nothing to tell apart."""
    for label in classes:
        write_picture(tmp_path / label / "a.png", draw_textured(0))
    with pytest.raises(DataError, match="two classes or more"):
        scanned(tmp_path)


def test_representatives_hang_on_contents_alone(folder, tmp_path_factory):
    """One picture a content, in an order that renaming does not change."""
    shutil.copy(folder / "train" / "bad" / "a.png", folder / "test" / "bad" / "a-again.png")
    before = scanned(folder)
    other = tmp_path_factory.mktemp("other")
    for place, picture in enumerate(reversed(before.pictures)):
        target = other / "train" / picture.label / f"{place}.png"
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(folder / picture.name, target)
    after = scanned(other)
    hashes = [[scan.pictures[place].sha256 for place in scan.representatives()]
              for scan in (before, after)]  # fmt: skip
    assert hashes[0] == hashes[1]
    assert len(hashes[0]) == 4


def test_modes_are_kept(folder):
    """A 16-bit picture among others is seen as one, and decoded like them."""
    deep = draw_textured(8).astype(np.uint16) * 257
    cv2.imwrite(str(folder / "train" / "ok" / "deep.png"), deep)
    modes = {each.name: each.content for each in scanned(folder).pictures}
    content = modes["train/ok/deep.png"]
    assert content.mode == "PNG 16-bit gray"
    assert abs(content.brightness - draw_textured(8).mean()) < 1
