"""Draws cast pump impellers as a camera over the belt sees them, with their truth."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from agent.sim.defects import Defect, DefectKind, Scene, draw_defect
from agent.sim.marks import draw_marks
from agent.sim.pose import Pose
from agent.sim.surface import Build, draw_surface, sample_surface
from agent.sim.texture import cloud, grain, mottle

Plane = NDArray[np.float32]

# How often each kind is met; a part has one defect or, seldom, two.
_SHARES = {
    DefectKind.BLOW_HOLE: 0.34,
    DefectKind.BURR: 0.22,
    DefectKind.CHIP: 0.14,
    DefectKind.SHRINKAGE: 0.12,
    DefectKind.CRACK: 0.10,
    DefectKind.GOUGE: 0.08,
}
_PART, _DEFECTS, _SENSOR, _CHOICE = range(4)  # streams of random numbers of one part


@dataclass(frozen=True, slots=True)
class Casting:
    """A drawn part and what is wrong with it; nothing, on a good part.

    Places in `truth` are those of the picture without its margin.
    """

    pixels: NDArray[np.uint8]
    truth: tuple[Defect, ...]


def part_seed(purpose: str, seed: int, number: int) -> int:
    """Return the seed of one part, so that training, test and demo never share a part."""
    text = f"{purpose}:{seed}:{number}".encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "big")


def choose_defects(seed: int) -> tuple[DefectKind, ...]:
    """Return what is wrong with the defective part of this seed."""
    rng = np.random.default_rng([seed, _CHOICE])
    count = 2 if rng.random() < 0.2 else 1
    kinds = list(_SHARES)
    chosen = rng.choice(len(kinds), size=count, replace=False, p=list(_SHARES.values()))
    return tuple(kinds[index] for index in chosen)


def draw_casting(
    seed: int, defects: Sequence[DefectKind] = (), size: int = 300, margin: int = 0
) -> Casting:
    """Draw one part, `size` pixels high and wide, `margin` more of the empty belt on its left.

    The same seed gives the same part; `defects` are added to it and change nothing else.
    """
    rng = np.random.default_rng([seed, _PART])
    pose = Pose.random(rng, size).moved(margin)
    build = Build.random(rng)
    rho, theta = pose.polar(size, size + margin)
    image = _belt(rng, size, size + margin)
    _cast_shadow(rng, image, pose)
    face = sample_surface(draw_surface(rng, build, pose.light), rho, theta)
    cover = np.clip((1 - rho) * np.float32(pose.radius) + np.float32(0.5), 0, 1)
    image += cover * (face - image)
    scene = Scene(image, rho, theta, pose, build, size / 300)
    draw_marks(rng, scene)
    flaws = np.random.default_rng([seed, _DEFECTS])
    found = [draw_defect(flaws, scene, kind) for kind in defects]
    truth = tuple(replace(defect, x=defect.x - margin) for defect in found)
    return Casting(_expose(np.random.default_rng([seed, _SENSOR]), image), truth)


def draw_belt(seed: int, size: int = 300) -> NDArray[np.uint8]:
    """Draw the belt without a part."""
    image = _belt(np.random.default_rng([seed, _PART]), size, size)
    return _expose(np.random.default_rng([seed, _SENSOR]), image)


def _belt(rng: np.random.Generator, height: int, width: int) -> Plane:
    """Return the belt: gray rubber, unevenly lit."""
    across, down = rng.uniform(-22, 22, 2)
    image = np.full((height, width), float(rng.uniform(146, 192)), np.float32)
    image += np.linspace(-across, across, width, dtype=np.float32)[None, :]
    image += np.linspace(-down, down, height, dtype=np.float32)[:, None]
    image += cloud(rng, height, width, 48) * np.float32(rng.uniform(1.0, 4.0))
    image += mottle(rng, height, width) * np.float32(rng.uniform(0.6, 1.8))
    return image


def _cast_shadow(rng: np.random.Generator, image: Plane, pose: Pose) -> None:
    """Darken the belt around the part, most on the side away from the light."""
    height, width = image.shape
    reach = float(rng.uniform(0.02, 0.075))
    fallen = replace(
        pose,
        x=pose.x - reach * pose.radius * math.cos(pose.light),
        y=pose.y - reach * pose.radius * math.sin(pose.light),
        lean=(0.0, 0.0),
    )
    half = cv2.resize(fallen.polar(height, width)[0][::2, ::2], (width, height))
    shade = np.clip((np.float32(1.09) - half) * np.float32(8), 0, 1)
    image *= np.float32(1) - shade * shade * np.float32(rng.uniform(0.35, 0.75))


def _expose(rng: np.random.Generator, image: Plane) -> NDArray[np.uint8]:
    """Return what the sensor makes of the scene: lens blur, exposure, noise."""
    seen = np.asarray(cv2.GaussianBlur(image, (5, 5), float(rng.uniform(0.45, 0.85))), np.float32)
    seen *= np.float32(rng.uniform(0.88, 1.1))
    seen += np.float32(rng.uniform(-6, 6))
    seen += grain(rng, *image.shape) * np.float32(rng.uniform(0.8, 2.6))
    return np.asarray(cv2.convertScaleAbs(np.maximum(seen, 0)), np.uint8)
