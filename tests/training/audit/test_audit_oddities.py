"""Pictures unlike the others are found, and even sets have none."""

import numpy as np
import pytest
from audit_made import some_picture

from training.audit.oddities import LEAST_PICTURES, find_oddities, robust_z

COUNT = 60


def crowd(**changes):
    """Return usual pictures, and a last one that is changed."""
    pictures = [some_picture(number) for number in range(COUNT)]
    return [*pictures, some_picture(COUNT, **changes)]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"brightness": 20.0}, "darker than the others"),
        ({"brightness": 235.0}, "brighter than the others"),
        ({"contrast": 12.0}, "flatter than the others"),
        ({"sharpness": 2.0}, "more blurred than the others"),
        ({"noise": 25.0}, "noisier than the others"),
        ({"border": 5.0}, "darker at its border than the others"),
        ({"colour": 80.0}, "more colourful than the others"),
    ],
)
def test_one_that_looks_different_is_an_outlier(changes, says):
    """It is found alone, and the words say in what."""
    (odd,) = find_oddities(crowd(**changes))
    assert (odd.place, odd.kind, odd.says) == (COUNT, "outlier", says)


@pytest.mark.parametrize(
    ("changes", "kind", "words"),
    [
        ({"contrast": 0.5}, "near_constant", "one gray almost everywhere"),
        ({"width": 640}, "odd_size", "640x300 pixels, most have 300x300"),
        ({"width": 20, "height": 20}, "tiny", "20x20"),
        ({"mode": "PNG 16-bit gray"}, "odd_mode", "most are JPEG gray"),
        ({"turned": True}, "turned", "EXIF"),
    ],
)
def test_other_kinds_have_their_names(changes, kind, words):
    """Flat, odd-sized, tiny, odd-mode and turned pictures are told apart."""
    (odd,) = find_oddities(crowd(**changes))
    assert (odd.place, odd.kind) == (COUNT, kind)
    assert words in odd.says


def test_a_usual_crowd_has_no_outlier():
    """Scatter is not oddness."""
    assert find_oddities(crowd()) == ()


def test_a_picture_of_something_else_is_found():
    """The thumbnail of an empty belt among parts is unlike all of them."""
    random = np.random.default_rng(0)
    part = random.integers(0, 200, 1024)
    pictures = [
        some_picture(number, thumb=(part + random.integers(0, 40, 1024)).astype(np.uint8).tobytes())
        for number in range(COUNT)
    ]
    belt = some_picture(COUNT, thumb=random.integers(0, 255, 1024, np.uint8).tobytes())
    (odd,) = find_oddities([*pictures, belt])
    assert (odd.place, odd.says) == (COUNT, "unlike all other pictures")


def test_few_pictures_have_no_spread():
    """Below some twenty pictures nothing is called an outlier."""
    pictures = [some_picture(number) for number in range(LEAST_PICTURES - 2)]
    assert find_oddities([*pictures, some_picture(99, brightness=5.0)]) == ()


def test_an_even_set_is_not_full_of_outliers():
    """Where all values are equal, a hair's breadth is no oddness."""
    values = np.array([100.0] * 50 + [100.5])
    assert np.abs(robust_z(values, 2.0)).max() < 1
