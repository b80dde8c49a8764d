"""Camera frame -> model input."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bundle.errors import FrameError
from bundle.manifest import InputSpec, Region
from bundle.prepare import check_frame_size, prepare_frame

SPEC = InputSpec(height=32, width=48, frame_height=60, frame_width=80)


def noise(*shape, seed=0):
    """Return random pixels."""
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


@pytest.mark.parametrize("shape", [(60, 80), (60, 80, 1), (60, 80, 3), (60, 80, 4)])
def test_every_colour_of_frame_becomes_the_input(shape):
    """Gray, BGR and BGRA frames all give the model's shape."""
    prepared = prepare_frame(noise(*shape), SPEC)
    assert prepared.shape == (32, 48, 1)
    assert prepared.dtype == np.uint8


def test_a_gray_picture_saved_in_colour_is_the_same_picture():
    """Three equal channels give the same input as the one they came from."""
    gray = noise(60, 80)
    assert (prepare_frame(gray, SPEC) == prepare_frame(cv2.merge([gray] * 3), SPEC)).all()


def test_colour_models_get_rgb_from_opencvs_bgr():
    """The first channel of the input is red."""
    spec = InputSpec(height=60, width=80, channels=3, colour="rgb", frame_height=60, frame_width=80)
    frame = np.zeros((60, 80, 3), np.uint8)
    frame[..., 2] = 200  # red in OpenCV's order
    assert (prepare_frame(frame, spec)[..., 0] == 200).all()
    assert (prepare_frame(frame, spec)[..., 1:] == 0).all()


@given(st.integers(0, 30), st.integers(0, 40), st.integers(8, 30), st.integers(8, 40))
def test_only_the_region_counts(y, x, height, width):
    """Whatever lies outside of the region changes nothing."""
    spec = SPEC.model_copy(update={"region": Region(x=x, y=y, width=width, height=height)})
    frame = noise(60, 80)
    other = noise(60, 80, seed=1)
    other[y : y + height, x : x + width] = frame[y : y + height, x : x + width]
    assert (prepare_frame(frame, spec) == prepare_frame(other, spec)).all()


def test_it_writes_into_the_buffer_it_is_given():
    """The result is the caller's buffer, in place, with nothing copied twice."""
    out = np.zeros((32, 48, 1), np.uint8)
    assert prepare_frame(noise(60, 80), SPEC, out) is out
    assert (out == prepare_frame(noise(60, 80), SPEC)).all()


def test_the_resize_is_the_bit_exact_one():
    """Known pixels give known bytes: the ones that every board computes (fixed reference)."""
    ramp = (np.arange(60 * 80, dtype=np.uint32).reshape(60, 80) * 37 % 256).astype(np.uint8)
    spec = InputSpec(height=16, width=16, frame_height=60, frame_width=80)
    prepared = prepare_frame(ramp, spec)[..., 0]
    assert prepared[0, :6].tolist() == [176, 105, 130, 59, 148, 77]
    assert int(prepared.astype(np.uint32).sum()) == REFERENCE_SUM


REFERENCE_SUM = 32576


@pytest.mark.parametrize(
    "frame",
    [
        np.zeros((60, 80), np.uint16),
        np.zeros((60, 80, 2), np.uint8),
        np.zeros((4, 80), np.uint8),
        np.zeros((60,), np.uint8),
        np.zeros((60, 80), np.float32),
    ],
)
def test_what_is_no_frame_is_refused(frame):
    """16-bit, two-channel, tiny and one-dimensional arrays raise FrameError."""
    with pytest.raises(FrameError):
        prepare_frame(frame, SPEC)


def test_a_frame_of_another_size_is_named():
    """The error says which size came and which was expected."""
    with pytest.raises(FrameError, match=r"640x480.*80x60"):
        check_frame_size(noise(480, 640), SPEC)


def test_a_region_needs_frames_of_the_trained_size():
    """A region counts pixels, so a frame of another size is refused, not scaled."""
    spec = SPEC.model_copy(update={"region": Region(x=0, y=0, width=20, height=20)})
    with pytest.raises(FrameError, match="set the camera"):
        prepare_frame(noise(120, 160), spec)
