"""What is wrong with a drawn casting, from plain to hardly visible, and where."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

import cv2
import numpy as np
from numpy.typing import NDArray

from agent.sim.pose import Pose
from agent.sim.surface import Build
from agent.sim.texture import mottle

Plane = NDArray[np.float32]


class DefectKind(str, Enum):
    """What casting and handling do to a part."""

    BLOW_HOLE = "blow_hole"  # gas left a round pit
    SHRINKAGE = "shrinkage"  # the metal drew back: a patch of fine pores
    CRACK = "crack"
    GOUGE = "gouge"  # a scratch so deep that the part is lost
    BURR = "burr"  # metal that ran out between the halves of the mould
    CHIP = "chip"  # a piece of the rim broke off


@dataclass(frozen=True, slots=True)
class Defect:
    """One defect; `x`, `y` and `radius` are in pixels of the picture."""

    kind: DefectKind
    x: float
    y: float
    radius: float


@dataclass(frozen=True, slots=True)
class Scene:
    """A picture in the making: brightness and each pixel's place on the part."""

    image: Plane
    rho: Plane
    theta: Plane
    pose: Pose
    build: Build
    unit: float  # pixels per pixel of a 300-pixel picture

    def patch(self, x: float, y: float, half: float) -> tuple[slice, slice]:
        """Return rows and columns within `half` pixels of a point, cut off at the border."""
        height, width = self.image.shape
        top, left = max(0, int(y - half)), max(0, int(x - half))
        bottom, right = min(height, int(y + half) + 2), min(width, int(x + half) + 2)
        return slice(top, max(top, bottom)), slice(left, max(left, right))


def draw_defect(rng: np.random.Generator, scene: Scene, kind: DefectKind) -> Defect:
    """Draw one defect into the scene and say where it is."""
    # Squared, so that most are plain and a tail is near the limit of what can be seen.
    severity = 1 - float(rng.random()) ** 2
    x, y, radius = _DRAW[kind](rng, scene, severity)
    return Defect(kind, round(x, 1), round(y, 1), round(radius, 1))


def draw_pit(
    rng: np.random.Generator, scene: Scene, at: tuple[float, float], radius: float, depth: float
) -> None:
    """Draw a pit of `radius` pixels which keeps the share `depth` of the light."""
    rows, columns = scene.patch(*at, 2 * radius + 3)
    dy, dx = np.ogrid[rows, columns]
    dx, dy = dx - np.float32(at[0]), dy - np.float32(at[1])
    angle = np.arctan2(dy, dx)
    lobes = 1 + sum(
        float(rng.uniform(-0.16, 0.16)) * np.cos(k * angle + float(rng.uniform(0, 6.3)))
        for k in (2, 3, 5)
    )
    distance = np.hypot(dx, dy)
    inside = np.clip(radius * lobes - distance + 0.5, 0, 1)
    lip = np.exp(-(((distance - radius * lobes - 0.2) / 0.8) ** 2))
    far = np.maximum(-np.cos(angle - scene.pose.light), 0)
    patch = scene.image[rows, columns]
    patch *= (1 - depth * inside).astype(np.float32)
    patch += (lip * far * depth * 55).astype(np.float32)


def _on_metal(rng: np.random.Generator, build: Build) -> tuple[float, float]:
    """Return radius and angle of a place on plate or collar."""
    theta = float(rng.uniform(0, 2 * math.pi))
    if rng.random() < 0.18:
        return float(rng.uniform(build.cavity + 0.02, build.collar - 0.02)), theta
    return float(rng.uniform(build.groove + 0.03, 0.95)), theta


def _blow_hole(
    rng: np.random.Generator, scene: Scene, severity: float
) -> tuple[float, float, float]:
    at = scene.pose.place(*_on_metal(rng, scene.build))
    radius = (1.2 + 2.9 * severity * float(rng.uniform(0.5, 1))) * scene.unit
    draw_pit(rng, scene, at, radius, 0.32 + 0.5 * severity)
    return (*at, radius)


def _shrinkage(
    rng: np.random.Generator, scene: Scene, severity: float
) -> tuple[float, float, float]:
    x, y = scene.pose.place(*_on_metal(rng, scene.build))
    radius = (5 + 8 * severity * float(rng.uniform(0.5, 1))) * scene.unit
    rows, columns = scene.patch(x, y, 2 * radius)
    patch = scene.image[rows, columns]
    dy, dx = np.ogrid[rows, columns]
    envelope = np.exp(-(((dx - x) / radius) ** 2 + ((dy - y) / (radius * 0.7)) ** 2) * 1.2)
    pores = np.clip(mottle(rng, *patch.shape) * 1.3 - 0.7 + envelope, 0, 1.2) * envelope
    patch *= np.maximum(1 - (0.2 + 0.5 * severity) * pores, 0.05).astype(np.float32)
    return x, y, radius


def _crack(rng: np.random.Generator, scene: Scene, severity: float) -> tuple[float, float, float]:
    length = (10 + 26 * severity) * scene.unit
    heading = float(rng.uniform(0, 2 * math.pi))
    x, y = scene.pose.place(*_on_metal(rng, scene.build))
    steps = 9
    turns = heading + np.cumsum(rng.normal(0, 0.42, steps))
    points = np.stack([np.cos(turns), np.sin(turns)], axis=1).cumsum(axis=0) * (length / steps)
    points += np.array([x, y]) - points.mean(axis=0)
    _draw_groove(rng, scene, points, 1, 0.28 + 0.42 * severity, 10)
    return x, y, length / 2


def _gouge(rng: np.random.Generator, scene: Scene, severity: float) -> tuple[float, float, float]:
    length = (14 + 34 * severity * float(rng.uniform(0.4, 1))) * scene.unit
    heading = float(rng.uniform(0, 2 * math.pi))
    x, y = scene.pose.place(*_on_metal(rng, scene.build))
    along = np.linspace(-0.5, 0.5, 7)
    bow = float(rng.normal(0, 0.06)) * (along * along)
    points = np.stack(
        [
            x + length * (along * math.cos(heading) - bow * math.sin(heading)),
            y + length * (along * math.sin(heading) + bow * math.cos(heading)),
        ],
        axis=1,
    )
    _draw_groove(rng, scene, points, 1 if severity < 0.6 else 2, 0.25 + 0.35 * severity, 40)
    return x, y, length / 2


def _draw_groove(
    rng: np.random.Generator,
    scene: Scene,
    points: NDArray[np.float64],
    width: int,
    depth: float,
    shine: float,
) -> None:
    """Darken along a line and brighten its wall that faces the light."""
    x, y = points.mean(axis=0)
    half = float(np.abs(points - (x, y)).max()) + 5
    rows, columns = scene.patch(x, y, half)
    patch = scene.image[rows, columns]
    line = np.zeros(patch.shape, np.uint8)
    fixed = np.round((points - (columns.start, rows.start)) * 16).astype(np.int32)
    cv2.polylines(line, [fixed], False, 255, width, cv2.LINE_AA, 4)
    uneven = np.clip(mottle(rng, *patch.shape) * np.float32(0.45) + 1, 0.3, 1.5)
    dark = line.astype(np.float32) / 255 * uneven
    shift = np.round(np.array([math.cos(scene.pose.light), math.sin(scene.pose.light)]) * 20)
    wall = np.zeros(patch.shape, np.uint8)
    cv2.polylines(wall, [fixed - shift.astype(np.int32)], False, 255, 1, cv2.LINE_AA, 4)
    patch += wall.astype(np.float32) * np.float32(shine * depth / 255)
    patch *= 1 - np.float32(depth) * dark


def _burr(rng: np.random.Generator, scene: Scene, severity: float) -> tuple[float, float, float]:
    middle = float(rng.uniform(0, 2 * math.pi))
    reach = 0.07 + 0.5 * severity * float(rng.uniform(0.2, 1))
    height = (2.2 + 5.5 * severity * float(rng.uniform(0.5, 1))) * scene.unit
    x, y = scene.pose.place(1.0, middle)
    half = reach * scene.pose.radius + height + 4
    rows, columns = scene.patch(x, y, half)
    patch = scene.image[rows, columns]
    outline = _ragged(rng, scene.theta[rows, columns], middle, reach)
    out = (scene.rho[rows, columns] - 1) * np.float32(scene.pose.radius)
    fin = np.clip(outline * np.float32(height) - out + 0.5, 0, 1) * np.clip(out + 1.0, 0, 1)
    fin = fin * np.float32(0.5 + 0.5 * severity)
    metal = np.float32(62) + mottle(rng, *patch.shape) * np.float32(38)
    glint = np.clip(mottle(rng, *patch.shape) - np.float32(1.1), 0, 1) * np.float32(170 * severity)
    patch += fin * (np.clip(metal, 14, 235) + glint - patch)
    return x, y, max(reach * scene.pose.radius, height)


def _chip(rng: np.random.Generator, scene: Scene, severity: float) -> tuple[float, float, float]:
    middle = float(rng.uniform(0, 2 * math.pi))
    reach = 0.035 + 0.15 * severity * float(rng.uniform(0.4, 1))
    depth = (2.4 + 9.0 * severity * float(rng.uniform(0.4, 1))) * scene.unit
    x, y = scene.pose.place(1.0, middle)
    half = reach * scene.pose.radius + depth + 4
    rows, columns = scene.patch(x, y, half)
    patch = scene.image[rows, columns]
    outline = _ragged(rng, scene.theta[rows, columns], middle, reach)
    into = (1 - scene.rho[rows, columns]) * np.float32(scene.pose.radius)
    bite = np.clip(outline * np.float32(depth) - into + 0.5, 0, 1) * np.clip(into + 1.0, 0, 1)
    bite = bite * np.float32(0.55 + 0.45 * severity)
    broken = np.float32(74) + mottle(rng, *patch.shape) * np.float32(26)
    patch += bite * (np.clip(broken, 12, 220) - patch)
    edge = np.clip(1 - np.abs(into - outline * np.float32(depth) - 0.8), 0, 1) * (outline > 0.1)
    patch += edge * np.float32(45 * severity)
    return x, y, max(reach * scene.pose.radius, depth)


def _ragged(rng: np.random.Generator, theta: Plane, middle: float, reach: float) -> Plane:
    """Return a ragged hump over the angles, 0 outside of `middle` +- `reach`, about 1 inside."""
    away = np.abs((theta - np.float32(middle) + np.float32(math.pi)) % (2 * math.pi) - math.pi)
    hump = np.clip((reach - away) / (0.35 * reach), 0, 1)
    knots = np.linspace(-reach, reach, max(6, int(reach * 36)))
    rough = np.interp(
        (theta - middle + math.pi) % (2 * math.pi) - math.pi,
        knots,
        rng.uniform(0.25, 1.15, len(knots)),
    )
    return np.asarray(hump * rough, np.float32)


_Draw = Callable[[np.random.Generator, Scene, float], tuple[float, float, float]]
_DRAW: dict[DefectKind, _Draw] = {
    DefectKind.BLOW_HOLE: _blow_hole,
    DefectKind.SHRINKAGE: _shrinkage,
    DefectKind.CRACK: _crack,
    DefectKind.GOUGE: _gouge,
    DefectKind.BURR: _burr,
    DefectKind.CHIP: _chip,
}
