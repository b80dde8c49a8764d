"""Where a drawn casting lies in its picture: from pixels to the part's own circle and back."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Pose:
    """Centre and radius in pixels, angles in radians.

    The disc is seen a little from the side: squashed to `squash` across `tilt`, its middle moved
    by `lean` radii, since the hub stands nearer to the lens than the rim.
    """

    x: float
    y: float
    radius: float
    tilt: float
    squash: float
    lean: tuple[float, float]
    light: float  # where the light comes from

    @classmethod
    def random(cls, rng: np.random.Generator, size: int) -> Pose:
        """Return the pose of one part as it happens to lie on the belt."""
        away = rng.uniform(-0.03, 0.03, 2) * size
        lean = rng.uniform(-0.03, 0.03, 2)
        return cls(
            x=float((size - 1) / 2 + away[0]),
            y=float((size - 1) / 2 + away[1]),
            radius=float(size * rng.uniform(0.375, 0.43)),
            tilt=float(rng.uniform(0, math.pi)),
            squash=float(1 - rng.uniform(0.0, 0.09)),
            lean=(float(lean[0]), float(lean[1])),
            light=float(rng.uniform(0, 2 * math.pi)),
        )

    def moved(self, right: float) -> Pose:
        """Return the pose `right` pixels further to the right."""
        return replace(self, x=self.x + right)

    def polar(self, height: int, width: int) -> tuple[Plane, Plane]:
        """Return each pixel's radius (1 at the rim) and angle (0 to 2 pi) on the part."""
        a, b, d = self._stretch()
        dx = (np.arange(width, dtype=np.float32) - np.float32(self.x))[None, :]
        dy = (np.arange(height, dtype=np.float32) - np.float32(self.y))[:, None]
        u = np.float32(a) * dx + np.float32(b) * dy
        v = np.float32(b) * dx + np.float32(d) * dy
        inner = np.maximum(np.float32(1) - u * u - v * v, np.float32(0))
        u -= np.float32(self.lean[0]) * inner
        v -= np.float32(self.lean[1]) * inner
        rho, theta = cv2.cartToPolar(u, v)
        return np.asarray(rho, np.float32), np.asarray(theta, np.float32)

    def place(self, rho: float, theta: float) -> tuple[float, float]:
        """Return the pixel (x, y) of a point on the part."""
        inner = max(0.0, 1 - rho * rho)
        u = rho * math.cos(theta) + self.lean[0] * inner
        v = rho * math.sin(theta) + self.lean[1] * inner
        a, b, d = self._stretch()
        scale = a * d - b * b
        return self.x + (d * u - b * v) / scale, self.y + (a * v - b * u) / scale

    def _stretch(self) -> tuple[float, float, float]:
        """Return the symmetric matrix ((a, b), (b, d)) from pixels to radii."""
        cosine, sine = math.cos(self.tilt), math.sin(self.tilt)
        along, across = 1 / self.radius, 1 / (self.radius * self.squash)
        a = along * cosine * cosine + across * sine * sine
        d = along * sine * sine + across * cosine * cosine
        return a, (along - across) * cosine * sine, d
