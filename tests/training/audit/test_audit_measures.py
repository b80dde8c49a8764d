"""The figures of one picture move as their names say."""

import cv2
import numpy as np
from audit_data import draw_textured, relight

from training.audit.measures import Content, difference_hash, measure_bytes


def measured(frame) -> Content:
    """Return the figures of a frame, stored without loss."""
    content = measure_bytes(cv2.imencode(".png", frame)[1].tobytes())
    assert content is not None
    return content


def test_more_light_is_brighter():
    """Brightness is the mean of the gray values, at the border too."""
    plain, lit = measured(draw_textured(1)), measured(relight(draw_textured(1), 1.0, 30))
    assert 20 < lit.brightness - plain.brightness <= 30.5
    assert lit.border > plain.border


def test_blur_takes_sharpness():
    """A picture out of focus is less sharp, and keeps its brightness."""
    frame = draw_textured(2)
    plain, soft = measured(frame), measured(cv2.GaussianBlur(frame, (0, 0), 3))
    assert soft.sharpness < plain.sharpness - 2
    assert abs(soft.brightness - plain.brightness) < 2


def test_noise_is_measured_in_gray_levels():
    """Noise added with a deviation of 8 levels is found to be about 8."""
    random = np.random.default_rng(0)
    frame = np.clip(128 + random.normal(0, 8, (200, 200)), 0, 255).astype(np.uint8)
    assert abs(measured(frame).noise - 8) < 0.5


def test_the_border_is_told_from_the_middle():
    """A dark part before a light wall has a light border."""
    frame = np.full((100, 100), 200, np.uint8)
    frame[10:90, 10:90] = 20
    assert measured(frame).border == 200


def test_gray_has_no_colour():
    """Colour is the spread between the channels."""
    red = np.zeros((40, 40, 3), np.uint8)
    red[..., 2] = 200
    assert measured(np.full((40, 40), 90, np.uint8)).colour == 0
    assert measured(red).colour == 200


def test_light_hardly_changes_the_hash():
    """The hash compares neighbours: gain and offset leave it be, another part does not."""
    frame = draw_textured(3)
    assert _apart(frame, relight(frame, 0.8, 20)) <= 8
    assert _apart(frame, draw_textured(4)) > 80


def _apart(first, second):
    bits = [
        np.unpackbits(np.frombuffer(difference_hash(each), np.uint8)) for each in (first, second)
    ]
    return int((bits[0] != bits[1]).sum())


def test_what_is_no_picture_has_no_figures():
    """Cut, empty, foreign and far too small files are none."""
    whole = cv2.imencode(".jpg", draw_textured(5))[1].tobytes()
    tiny = cv2.imencode(".png", np.zeros((7, 30), np.uint8))[1].tobytes()
    assert measure_bytes(whole) is not None
    for data in (whole[:-200], b"", b"hello", tiny):
        assert measure_bytes(data) is None


def test_large_pictures_are_measured_at_a_working_size():
    """Four times the pixels do not make a picture's sharpness another one's."""
    frame = cv2.resize(draw_textured(6), (1024, 1024), interpolation=cv2.INTER_CUBIC)
    half = cv2.resize(frame, (512, 512), interpolation=cv2.INTER_AREA)
    assert abs(measured(frame).sharpness - measured(half).sharpness) < 0.2
