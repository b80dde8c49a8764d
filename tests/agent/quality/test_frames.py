"""Frames that cannot be judged are recognised, and those that can are left alone."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from bundles import picture
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from agent.config.quality import Quality
from agent.errors import ConfigError
from agent.quality.frames import SENTENCES, FrameQuality, FrozenWatch, frame_fault
from agent.quality.shift import Reference, read_reference
from agent.sim.castings import draw_belt, draw_casting, part_seed


def scene(seed=3, size=300):
    """Return a smooth random scene with detail: a stand-in for a part under the camera."""
    rough = np.random.default_rng(seed).integers(30, 220, (size // 6, size // 6)).astype(np.uint8)
    return cv2.resize(rough, (size, size), interpolation=cv2.INTER_CUBIC)


def noisy(pixels, seed, sigma=2.0):
    """Return the scene as a sensor sees it: with noise."""
    noise = np.random.default_rng(seed).normal(0, sigma, pixels.shape)
    return np.clip(pixels + noise, 0, 255).astype(np.uint8)


def moved(pixels, right, down):
    """Return the scene after the camera was moved."""
    matrix = np.float32([[1, 0, right], [0, 1, down]])
    size = pixels.shape[1], pixels.shape[0]
    return cv2.warpAffine(pixels, matrix, size, borderMode=cv2.BORDER_REFLECT)


def half_gray(pixels):
    """Return a picture whose lower half never arrived."""
    cut = pixels.copy()
    cut[cut.shape[0] // 2 :] = 128
    return cut


BRIGHT_WALL = np.full((300, 300), 255, np.uint8)
BRIGHT_WALL[:20] = 90


@pytest.mark.parametrize(
    ("pixels", "fault"),
    [
        (np.zeros((300, 300), np.uint8), "black"),
        (np.full((300, 300, 3), 255, np.uint8), "saturated"),
        (BRIGHT_WALL, "saturated"),
        (np.full((300, 300), 128, np.uint8), "blank"),
        (half_gray(scene()), "damaged"),
        (half_gray(cv2.cvtColor(scene(), cv2.COLOR_GRAY2BGR)), "damaged"),
        (picture(size=300), ""),
        (scene(), ""),
        (cv2.cvtColor(scene(), cv2.COLOR_GRAY2BGR), ""),
    ],
)
def test_a_frame_that_shows_nothing_is_named(pixels, fault):
    """Black, saturated, blank and half-gray frames have a name, others none."""
    assert frame_fault(pixels) == fault
    assert FrameQuality(Quality()).fault(pixels) == fault
    assert fault in SENTENCES


def test_a_dark_frame_with_a_part_is_judged():
    """Dark is not black: a low but textured picture has no fault."""
    assert not frame_fault((picture(size=300) // 8).astype(np.uint8))


@pytest.mark.parametrize("seed", range(12))
def test_drawn_castings_and_the_empty_belt_can_be_judged(seed):
    """With the thresholds as they are, no frame of the simulated line is refused."""
    part = draw_casting(part_seed("part", 1, seed)).pixels
    for pixels in (part, draw_belt(part_seed("empty", 1, seed), 300)):
        assert not FrameQuality(Quality()).fault(pixels)


@pytest.mark.parametrize("colour", [False, True])
def test_a_blurred_frame_is_named_once_there_is_a_threshold(colour):
    """Half of what the sharp picture has tells an unfocused lens from noise."""
    sharp = noisy(scene(), 1)
    if colour:
        sharp = cv2.cvtColor(sharp, cv2.COLOR_GRAY2BGR)
    measured = FrameQuality(Quality()).measure(sharp).sharpness
    quality = FrameQuality(Quality(min_sharpness=measured / 2))
    assert not quality.fault(sharp)
    assert quality.fault(cv2.GaussianBlur(sharp, (9, 9), 0)) == "blurred"
    assert not FrameQuality(Quality()).fault(cv2.GaussianBlur(sharp, (9, 9), 0))


def test_sharpness_is_that_of_the_region_of_interest():
    """A sharp frame around a blurred part does not help."""
    pixels = noisy(scene(), 1, 20)
    pixels[100:200, 100:200] = cv2.GaussianBlur(pixels[100:200, 100:200], (15, 15), 0)
    whole = FrameQuality(Quality())
    region = FrameQuality(Quality(), (105, 105, 90, 90))
    assert region.sharpness(pixels) < whole.sharpness(pixels) / 10


MARK = {"reference_x": 20, "reference_y": 20, "reference_width": 120, "reference_height": 120}


@given(right=st.integers(-25, 25), down=st.integers(-25, 25), seed=st.integers(0, 50))
@settings(max_examples=40, deadline=None)
def test_a_moved_camera_is_measured_to_within_two_pixels(right, down, seed):
    """What the mark's new place is, under other noise and other light."""
    still = scene(4)
    reference = Reference(still, Quality(**MARK))
    now = noisy(moved(still, right, down), seed) * 0.9
    shift = reference.shift_of(now.astype(np.uint8))
    assert abs(shift.right - right) <= 2
    assert abs(shift.down - down) <= 2


def test_a_moved_camera_is_named_beyond_the_threshold_and_not_before():
    """Eight pixels are allowed, twelve are not, and a mark that is not there neither."""
    section = Quality(max_shift_px=8.0, **MARK)
    still = scene(4)
    quality = FrameQuality(section, None, Reference(still, section))
    assert not quality.fault(noisy(still, 1))
    assert not quality.fault(noisy(moved(still, 4, 3), 1))
    assert quality.fault(noisy(moved(still, 12, 0), 1)) == "shifted"
    assert quality.fault(noisy(moved(still, 0, -12), 1)) == "shifted"
    assert quality.fault(scene(99)) == "shifted"
    assert quality.fault(scene(4, 240)) == "shifted"


def test_looking_at_frames_changes_neither_them_nor_the_reference():
    """The thousandth answer is the first one, and the pixels stay as they were."""
    section = Quality(min_sharpness=1.0, **MARK)
    quality = FrameQuality(section, None, Reference(scene(4), section))
    pixels = noisy(moved(scene(4), 5, 2), 1)
    before, first = pixels.copy(), quality.measure(pixels)
    for seed in range(20):
        quality.fault(noisy(scene(4), seed))
    assert quality.measure(pixels) == first
    assert np.array_equal(pixels, before)


def test_the_reference_is_a_picture_that_holds_the_mark(tmp_path):
    """Missing, no picture, or a mark outside: each is one sentence."""
    path = tmp_path / "still.png"
    section = Quality(reference=str(path), **MARK)
    assert read_reference(Quality()) is None
    with pytest.raises(ConfigError, match=r"quality\.reference: cannot read .*camera show"):
        read_reference(section)
    path.write_bytes(b"no picture")
    with pytest.raises(ConfigError, match="is no picture"):
        read_reference(section)
    cv2.imwrite(str(path), scene(4, 120))
    with pytest.raises(ConfigError, match="does not lie within the reference of 120x120"):
        read_reference(section)
    cv2.imwrite(str(path), scene(4))
    assert read_reference(section).shift_of(scene(4)).match > 0.9


def test_a_frozen_camera_is_noticed_at_its_first_repeat_and_named_at_its_third():
    """Each repeat counts; what a sensor sees of a resting scene never repeats."""
    watch = FrozenWatch(3, 0.02)
    for seed in range(30):
        assert watch.repeats(noisy(scene(), seed, 1.0)) == 0
    stuck = noisy(scene(), 29, 1.0)
    assert [watch.repeats(stuck) for _ in range(3)] == [1, 2, 3]
    assert watch.frozen
    assert watch.repeats(noisy(scene(), 31)) == 0
    assert not watch.frozen


def test_nearly_the_same_picture_is_the_same():
    """A stuck picture that was sent anew through a lossy link differs by next to nothing."""
    watch = FrozenWatch(2, 0.02)
    pixels = noisy(scene(), 1)
    assert watch.repeats(pixels) == 0
    pixels = pixels.copy()
    pixels[0, 0] ^= 1
    assert watch.repeats(pixels) == 1


def test_the_watch_begins_anew_with_another_size():
    """The first picture of that size repeats nothing."""
    watch = FrozenWatch(1, 0.02)
    pixels = noisy(scene(), 1)
    watch.repeats(pixels)
    assert watch.repeats(pixels[:200]) == 0
    assert watch.repeats(pixels[:200]) == 1


def test_the_watch_can_be_switched_off():
    """Drawn and replayed pictures repeat for good reason."""
    watch = FrozenWatch(0, 0.02)
    assert [watch.repeats(scene()) for _ in range(5)] == [0] * 5
    assert not watch.frozen


@pytest.mark.parametrize(
    "fields", [{"black_mean": 250.0}, {"reference_width": 20}, {"saturated_share": 0.0}]
)
def test_thresholds_that_cannot_be_are_refused(fields):
    """Black above saturated, half a mark, or every frame saturated."""
    with pytest.raises(ValidationError):
        Quality(**fields)
