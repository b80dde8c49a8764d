"""Copies of a part are found however they are turned, mirrored or lit; other parts are not."""

import cv2
import numpy as np
import pytest

from training.audit.features import find_features, mirrored
from training.audit.parts import LEAST_INLIERS, STEPS, group_parts, match_features

PARTS, SIDE = 24, 220


def draw_textured(seed):
    """Draw a disc with rings that all parts share and marks that only this one has."""
    random = np.random.default_rng(seed)
    frame = np.full((SIDE, SIDE), 90, np.uint8)
    for radius, level in ((100, 190), (62, 60), (30, 200), (12, 40)):
        cv2.circle(frame, (110, 110), radius, level, -1, cv2.LINE_AA)
    for _ in range(70):
        angle, radius = random.uniform(0, 2 * np.pi), random.uniform(5, 95)
        at = (int(110 + radius * np.cos(angle)), int(110 + radius * np.sin(angle)))
        axes = tuple(int(each) for each in random.integers(2, 7, 2))
        level = int(random.integers(0, 255))
        cv2.ellipse(frame, at, axes, random.uniform(0, 180), 0, 360, level, -1, cv2.LINE_AA)
    return frame


def photograph(frame, seed, *, mirror):
    """Return the part turned, slanted, zoomed, otherwise lit, and saved as JPEG."""
    random = np.random.default_rng(seed)
    source = cv2.flip(frame, 1) if mirror else frame
    turn = cv2.getRotationMatrix2D((110, 110), random.uniform(-180, 180), random.uniform(0.85, 1.1))
    turn[:, :2] = turn[:, :2] @ np.array([[1.0, random.uniform(-0.1, 0.1)], [0.0, 1.0]])
    moved = cv2.warpAffine(source, turn, (SIDE, SIDE), borderMode=cv2.BORDER_REFLECT)
    lit = moved * random.uniform(0.8, 1.1) + random.uniform(-10, 10)
    _, packed = cv2.imencode(".jpg", np.clip(lit, 0, 255).astype(np.uint8))
    return cv2.imdecode(packed, cv2.IMREAD_COLOR)


@pytest.fixture(scope="module")
def lot():
    """Return pictures, the part of each and its label: three photographs of each part."""
    frames, parts = [], []
    for part in range(PARTS):
        drawn = draw_textured(part)
        for shot, mirror in enumerate((False, False, True)):
            frames.append(photograph(drawn, 100 * part + shot, mirror=mirror))
            parts.append(part)
    return frames, parts, ["bad" if part % 2 else "good" for part in parts]


@pytest.fixture(scope="module")
def grouped(lot):
    """Return how the lot was grouped, and what was told of the progress."""
    frames, _, labels = lot
    told = []
    return group_parts(frames.__getitem__, labels, told.append), sum(told)


def pairs(parts):
    """Return which pairs of pictures are of one part."""
    numbers = np.array(parts)
    return np.triu(numbers[:, None] == numbers[None], 1)


def test_copies_of_a_part_are_one_group(lot, grouped):
    """Nine in ten pairs of copies at least, mirrored ones among them, end in one group."""
    found, true = pairs(grouped[0].part_of), pairs(lot[1])
    assert (found & true).sum() >= 0.9 * true.sum()
    assert any(link.mirrored for link in grouped[0].links)


def test_two_parts_are_two_groups(lot, grouped):
    """Rings that all parts share do not make them one."""
    found, true = pairs(grouped[0].part_of), pairs(lot[1])
    assert (found & ~true).sum() == 0


def test_the_control_finds_nothing_where_nothing_is(grouped):
    """Pairs with different labels are compared, and none of them is linked."""
    control = grouped[0].control
    assert control.pairs > 100
    assert (control.linked, control.strong) == (0, 0)


def test_progress_adds_up(lot, grouped):
    """The bar reaches its end exactly."""
    assert grouped[1] == STEPS * len(lot[0])


def test_parts_are_numbered_by_first_appearance(grouped):
    """The same pictures in the same order give the same numbers."""
    first = [grouped[0].part_of.index(number) for number in range(max(grouped[0].part_of) + 1)]
    assert first == sorted(first)


def test_a_part_under_two_labels_shows_in_the_control(lot):
    """The same part labelled good and bad is linked across labels, and strongly."""
    frames, parts, _ = lot
    two = [number for number, part in enumerate(parts) if part < 2]
    labels = ["good" if number % 3 else "bad" for number in two]
    groups = group_parts(lambda i: frames[two[i]], labels, lambda _: None)
    assert groups.control.linked >= 2
    assert max(groups.part_of) == 1


def test_the_mirror_is_exact():
    """Reordered descriptors are those of the mirrored picture: the same points agree."""
    frame = draw_textured(3)
    there, back = find_features(frame), find_features(cv2.flip(frame, 1))
    assert match_features(mirrored(there), back) > 3 * LEAST_INLIERS
    assert match_features(there, back) < LEAST_INLIERS


@pytest.mark.parametrize("frame", [np.zeros((60, 60), np.uint8), np.zeros((9, 400, 3), np.uint8)])
def test_a_picture_without_features_is_a_part_of_its_own(frame):
    """Nothing to go by: no link, no failure."""
    groups = group_parts(lambda _: frame, ["bad", "good", "good"], lambda _: None)
    assert groups.part_of == (0, 1, 2)


def test_one_picture_is_one_part():
    """A folder of one picture is no special case."""
    frame = draw_textured(1)
    assert group_parts(lambda _: frame, ["bad"], lambda _: None).part_of == (0,)
