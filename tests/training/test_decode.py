"""Only whole pictures are pictures."""

import cv2
import numpy as np
import pytest

from training.errors import DataError
from training.pictures import decode_picture, load_picture


@pytest.fixture
def jpeg():
    """Return the bytes of a JPEG with something to see."""
    frame = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    return cv2.imencode(".jpg", frame)[1].tobytes()


def test_a_whole_picture_is_decoded_in_colour(jpeg):
    """A JPEG gives three channels, also with a few bytes after its end."""
    assert decode_picture(jpeg).shape == (64, 64, 3)
    assert decode_picture(jpeg + bytes(100)).shape == (64, 64, 3)


@pytest.mark.parametrize("share", [0.3, 0.9])
def test_a_cut_jpeg_is_no_picture(jpeg, share):
    """OpenCV would fill the missing part with gray; we refuse it."""
    assert decode_picture(jpeg[: int(share * len(jpeg))]) is None


def test_a_cut_jpeg_is_refused_whatever_opencv_makes_of_it(jpeg, monkeypatch):
    """OpenCV 4 gives a picture where OpenCV 5 gives none."""
    gray = np.full((64, 64, 3), 128, np.uint8)
    monkeypatch.setattr(cv2, "imdecode", lambda *_: gray)
    assert decode_picture(jpeg) is gray
    assert decode_picture(jpeg[:-200]) is None


@pytest.mark.parametrize("data", [b"", b"\xff\xd8", b"no picture", b"\x89PNG\r\n\x1a\n"])
def test_other_bytes_are_no_picture(data):
    """Nothing, beginnings and text are refused without a fault."""
    assert decode_picture(data) is None


def test_a_picture_that_went_away_is_named(tmp_path, jpeg):
    """A file that vanished or broke after the index was made gives one line."""
    path = tmp_path / "a.jpg"
    with pytest.raises(DataError, match=r"cannot read .*a.jpg"):
        load_picture(path)
    path.write_bytes(jpeg[:100])
    with pytest.raises(DataError, match="readable before"):
        load_picture(path)
