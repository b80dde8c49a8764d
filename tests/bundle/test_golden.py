"""Golden frames prove that a device computes what the workstation computed."""

import numpy as np
import pytest

from bundle.archive import Archive
from bundle.errors import GoldenError
from bundle.golden import EXPECTED, check_golden, make_golden
from bundle.manifest import DataFacts, InputSpec, Manifest, Thresholds

SPEC = InputSpec(height=32, width=32, frame_height=60, frame_width=60)


def infer(pixels):
    """Stand in for a model: two numbers that depend on every pixel."""
    return np.array([pixels.mean() / 64, pixels[::2].std() / 64], np.float32)


def archive(contents, tolerance=0.01):
    """Return an archive with these golden entries."""
    manifest = Manifest(
        name="m",
        version="1",
        release=1,
        architecture="a",
        recipe="int8",
        input=SPEC,
        labels=("def", "ok"),
        defective=("def",),
        thresholds=Thresholds(reject_at=0.5, recheck_at=0.3, chosen="x"),
        golden_tolerance=tolerance,
        entries={},
        data=DataFacts(fingerprint="0" * 64, pictures=1),
        tools={},
        metrics={},
    )
    return Archive(manifest, contents, None, 0)


def frames(count=3):
    """Return random camera frames."""
    rng = np.random.default_rng(5)
    return [rng.integers(0, 256, (60, 60), dtype=np.uint8) for _ in range(count)]


def test_the_same_computer_passes():
    """Outputs taken here are met here, exactly."""
    report = check_golden(archive(make_golden(frames(), infer, SPEC)), infer)
    assert report.passed
    assert (report.frames, report.worst) == (3, pytest.approx(0, abs=1e-6))


@pytest.mark.parametrize("shift", [0.02, -5.0, float("nan"), float("inf")])
def test_other_outputs_fail(shift):
    """A device that computes something else, or nothing at all, does not pass."""
    entries = make_golden(frames(), infer, SPEC)
    calls = iter(range(100))
    report = check_golden(
        archive(entries), lambda pixels: infer(pixels) + (shift if next(calls) == 1 else 0)
    )
    assert not report.passed


def test_a_difference_within_the_tolerance_passes():
    """One step of the quantized output may differ."""
    entries = make_golden(frames(), infer, SPEC)
    assert check_golden(archive(entries, 0.05), lambda pixels: infer(pixels) + 0.04).passed


@pytest.mark.parametrize("count", [0, 17])
def test_there_are_one_to_sixteen_frames(count):
    """No frames prove nothing; too many do not fit."""
    with pytest.raises(GoldenError):
        make_golden(frames(count), infer, SPEC)


@pytest.mark.parametrize(
    "expected", [b"[]", b"[[1]]", b"[[1, 2]]", b"x", b"[[1, NaN], [1, 2], [1, 2]]", b"{}"]
)
def test_outputs_that_do_not_fit_are_refused(expected):
    """Golden outputs of another number or shape raise GoldenError."""
    entries = make_golden(frames(), infer, SPEC) | {EXPECTED: expected}
    with pytest.raises(GoldenError):
        check_golden(archive(entries), infer)


def test_a_bundle_without_golden_frames_cannot_be_checked():
    """Missing or unreadable frames raise GoldenError."""
    with pytest.raises(GoldenError, match="no golden frames"):
        check_golden(archive({}), infer)
    entries = make_golden(frames(1), infer, SPEC) | {"golden/frame-00.png": b"no picture"}
    with pytest.raises(GoldenError, match="frame-00"):
        check_golden(archive(entries), infer)


def test_a_frame_that_fits_no_png_is_no_golden_frame():
    """Libpng takes a million columns at most; the exporter learns which frame it was."""
    with pytest.raises(GoldenError, match="golden frame 1 cannot be written"):
        make_golden([*frames(1), np.zeros((8, 1_000_001), np.uint8)], infer, SPEC)
