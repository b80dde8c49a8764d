"""Golden frames: pictures with the outputs expected of them, to prove a device computes right."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from bundle.archive import Archive
from bundle.errors import GoldenError
from bundle.manifest import InputSpec
from bundle.prepare import Pixels, prepare_frame

MAX_FRAMES = 16
EXPECTED = "golden/expected.json"

Infer = Callable[[Pixels], NDArray[np.float32]]


@dataclass(frozen=True, slots=True)
class GoldenReport:
    """How far the outputs of this device are from the expected ones, in logits."""

    frames: int
    worst: float
    tolerance: float

    @property
    def passed(self) -> bool:
        """Tell whether every output lies within the tolerance."""
        return self.frames > 0 and self.worst <= self.tolerance


def make_golden(frames: Sequence[Pixels], infer: Infer, spec: InputSpec) -> dict[str, bytes]:
    """Return the `golden/` entries for 1..16 camera frames.

    `infer` takes a prepared (height, width, channels) picture and returns (labels,) logits.
    Raises GoldenError.
    """
    if not 1 <= len(frames) <= MAX_FRAMES:
        raise GoldenError(f"{len(frames)} golden frames; there must be 1 to {MAX_FRAMES}")
    entries: dict[str, bytes] = {}
    expected: list[list[float]] = []
    for index, frame in enumerate(frames):
        done, png = cv2.imencode(".png", frame)
        if not done:
            raise GoldenError(f"golden frame {index} cannot be written as PNG")
        entries[f"golden/frame-{index:02d}.png"] = png.tobytes()
        expected.append([float(value) for value in infer(prepare_frame(frame, spec))])
    entries[EXPECTED] = (json.dumps(expected, allow_nan=False) + "\n").encode("ascii")
    return entries


def check_golden(archive: Archive, infer: Infer) -> GoldenReport:
    """Run the golden frames of a bundle through `infer` and compare. Raises GoldenError."""
    manifest = archive.manifest
    frames = golden_frames(archive.contents)
    expected = _read_expected(archive.contents, len(frames), len(manifest.labels))
    worst = 0.0
    for frame, wanted in zip(frames, expected, strict=True):
        got = infer(prepare_frame(frame, manifest.input))
        difference = float(np.max(np.abs(np.asarray(got, np.float64) - wanted)))
        # A NaN compares as neither larger nor smaller: it must not be lost in a maximum.
        worst = max(worst, math.inf if math.isnan(difference) else difference)
    return GoldenReport(len(frames), worst, manifest.golden_tolerance)


def golden_frames(contents: Mapping[str, bytes]) -> list[Pixels]:
    """Return the golden camera frames of a bundle. Raises GoldenError."""
    names = sorted(name for name in contents if name.startswith("golden/frame-"))
    if not names:
        raise GoldenError("the bundle has no golden frames, so this device cannot check itself")
    frames = []
    for name in names:
        frame = cv2.imdecode(np.frombuffer(contents[name], np.uint8), cv2.IMREAD_UNCHANGED)
        if frame is None or frame.dtype != np.uint8:
            raise GoldenError(f"{name} is no 8-bit picture")
        frames.append(frame)
    return frames  # type: ignore[return-value]


def _read_expected(contents: Mapping[str, bytes], frames: int, labels: int) -> NDArray[np.float64]:
    try:
        expected = np.asarray(json.loads(contents[EXPECTED]), np.float64)
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise GoldenError("the bundle's golden outputs cannot be read") from error
    if expected.shape != (frames, labels) or not np.isfinite(expected).all():
        raise GoldenError("the bundle's golden outputs do not fit its golden frames")
    return expected
