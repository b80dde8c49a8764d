"""Copies are found by their bytes, and near ones by what they look like."""

import shutil

import cv2
import numpy as np
import pytest
from audit_data import draw_textured, relight, turn, write_picture

from training.audit.cache import AuditCache
from training.audit.copies import find_copies
from training.audit.files import scan_folder


@pytest.fixture
def folder(tmp_path):
    """Return two classes of four different parts each."""
    for number in range(8):
        label = ("bad", "ok")[number % 2]
        write_picture(tmp_path / label / f"{number}.jpeg", draw_textured(number))
    return tmp_path


def found_in(root):
    """Return the copies of a folder with pictures by name."""
    scan = scan_folder(root, AuditCache(None), lambda count: None)
    copies, names = find_copies(scan), [each.name for each in scan.pictures]
    near = {(names[pair.first], names[pair.second]): pair for pair in copies.near}
    return [[names[place] for place in places] for places in copies.exact], near


def test_different_parts_are_no_copies(folder):
    """Nothing is found where nothing is copied."""
    assert found_in(folder) == ([], {})


def test_identical_bytes_are_found_across_labels(folder):
    """Three names of one content are one set, whatever their class."""
    shutil.copy(folder / "bad" / "0.jpeg", folder / "bad" / "again.jpeg")
    shutil.copy(folder / "bad" / "0.jpeg", folder / "ok" / "wrong.jpeg")
    exact, near = found_in(folder)
    assert exact == [["bad/0.jpeg", "bad/again.jpeg", "ok/wrong.jpeg"]]
    assert near == {}


@pytest.mark.parametrize(
    ("change", "mirrored"),
    [
        (lambda frame: relight(frame, 0.75, 30), False),
        (lambda frame: cv2.resize(frame, (150, 150), interpolation=cv2.INTER_AREA), False),
        (lambda frame: cv2.GaussianBlur(frame, (0, 0), 1), False),
        (lambda frame: np.ascontiguousarray(frame[:, ::-1]), True),
        (lambda frame: relight(frame[:, ::-1], 0.9, 10), True),
    ],
)
def test_changed_files_of_one_picture_are_near(folder, change, mirrored):
    """Light, size, focus, compression and a mirror do not hide a copy."""
    write_picture(folder / "ok" / "near.jpeg", change(draw_textured(2)), quality=60)
    _, near = found_in(folder)
    assert list(near) == [("bad/2.jpeg", "ok/near.jpeg")]
    assert near["bad/2.jpeg", "ok/near.jpeg"].mirrored is mirrored


def test_the_same_part_turned_is_not_near(folder):
    """Turned copies are for the part groups: the hash knows one pose."""
    write_picture(folder / "ok" / "turned.jpeg", turn(draw_textured(2), 40))
    assert found_in(folder)[1] == {}


def test_a_crowd_of_copies_names_the_likest(tmp_path):
    """Of thousands of copies of one picture each names few, so the list stays short."""
    for number in range(30):
        frame = relight(draw_textured(0), 1.0, number)
        write_picture(tmp_path / ("bad", "ok")[number % 2] / f"{number}.png", frame)
    _, near = found_in(tmp_path)
    assert 30 <= len(near) <= 300
