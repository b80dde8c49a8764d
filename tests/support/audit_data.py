"""Drawn parts with marks of their own, changed copies of them, and folders of such pictures."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

SIDE_PX = 200


def draw_textured(seed: int, side: int = SIDE_PX) -> np.ndarray:
    """Draw a part whose surface nobody else's has: grain, scratches and pits."""
    random = np.random.default_rng(seed)
    grain = random.normal(0, 1, (side, side)).astype(np.float32)
    frame = 130 + 60 * cv2.GaussianBlur(grain, (0, 0), 2) + 90 * cv2.GaussianBlur(grain, (0, 0), 6)
    for _ in range(40):
        x, y, radius = (int(value) for value in random.integers((0, 0, 2), (side, side, 7)))
        cv2.circle(frame, (x, y), radius, float(random.integers(30, 220)), thickness=-1)
    for _ in range(12):
        start, end = random.integers(0, side, (2, 2)).tolist()
        cv2.line(frame, start, end, float(random.integers(30, 220)), thickness=1)
    return np.clip(frame, 0, 255).astype(np.uint8)


def turn(frame: np.ndarray, degrees: float, zoom: float = 1.0) -> np.ndarray:
    """Return a picture turned about its middle."""
    side = frame.shape[0]
    spin = cv2.getRotationMatrix2D((side / 2, side / 2), degrees, zoom)
    return cv2.warpAffine(frame, spin, (side, side), borderMode=cv2.BORDER_REFLECT)


def relight(frame: np.ndarray, gain: float, offset: float) -> np.ndarray:
    """Return a picture under another lamp."""
    return np.clip(frame * gain + offset, 0, 255).astype(np.uint8)


def copies_of(frame: np.ndarray) -> list[np.ndarray]:
    """Return the picture and five ways in which the same part may be seen again."""
    return [
        frame,
        turn(frame, 37),
        turn(frame, 200, zoom=1.1),
        np.ascontiguousarray(frame[:, ::-1]),
        turn(np.ascontiguousarray(frame[:, ::-1]), 75),
        relight(frame, 0.7, 40),
    ]


def write_picture(path: Path, frame: np.ndarray, quality: int = 92) -> Path:
    """Write a picture in the format of its suffix."""
    path.parent.mkdir(parents=True, exist_ok=True)
    options = [cv2.IMWRITE_JPEG_QUALITY, quality] if path.suffix == ".jpeg" else []
    cv2.imwrite(str(path), frame, options)
    return path


def write_known_parts(root: Path, parts: int, *, first_seed: int = 0) -> dict[str, int]:
    """Write `parts` parts of each of two labels, six pictures each, some in test/; name -> part."""
    truth = {}
    for number in range(2 * parts):
        label = ("bad", "ok")[number % 2]
        for view, frame in enumerate(copies_of(draw_textured(first_seed + number))):
            side = "test" if (number + view) % 3 == 0 else "train"
            name = f"{side}/{label}/p{number:02d}-{view}.jpeg"
            write_picture(root / name, frame)
            truth[name] = number
    return truth


class QuietProgress:
    """Counts what it is told, shows nothing."""

    def __init__(self) -> None:
        self.total, self.done, self.steps = 0, 0, []

    def begin(self, total: int) -> None:
        """Keep the total."""
        self.total = total

    def step(self, name: str) -> None:
        """Keep the name."""
        self.steps.append(name)

    def advance(self, units: int) -> None:
        """Count."""
        self.done += units
