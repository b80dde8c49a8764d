"""The face of a sound impeller, drawn over angle and radius: rings are rows, vanes are lines."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from agent.sim.texture import cloud, grain, mottle

Plane = NDArray[np.float32]

ANGLES, RADII = 512, 168
OUTER = 1.05  # the last radius that is drawn, in radii of the part
_STEPS_PER_RADIUS = RADII / OUTER


@dataclass(frozen=True, slots=True)
class Build:
    """The radii of one part's rings, as shares of its outer radius."""

    hole: float
    hub: float
    cavity: float
    collar: float
    groove: float
    vanes: int

    @classmethod
    def random(cls, rng: np.random.Generator) -> Build:
        """Return a part within the tolerances of its casting and turning."""
        hole = float(rng.uniform(0.185, 0.215))
        cavity = float(rng.uniform(0.50, 0.53))
        collar = cavity + float(rng.uniform(0.055, 0.075))
        return cls(
            hole=hole,
            hub=hole + float(rng.uniform(0.055, 0.075)),
            cavity=cavity,
            collar=collar,
            groove=collar + float(rng.uniform(0.045, 0.07)),
            vanes=int(rng.integers(6, 8)),
        )


def draw_surface(rng: np.random.Generator, build: Build, light: float) -> Plane:
    """Return the brightness of the part's face as (ANGLES + 1, RADII), the first row repeated."""
    rho = (np.arange(RADII, dtype=np.float32) + np.float32(0.5)) / np.float32(_STEPS_PER_RADIUS)
    theta = np.linspace(0, 2 * math.pi, ANGLES, endpoint=False, dtype=np.float32)
    toward = np.cos(theta - np.float32(light))[:, None]
    face = _rings(rng, build, rho) * _sheen(rng, build, theta, rho, light)
    face += _skin(rng, build, rho)
    _draw_vanes(rng, face, build, toward)
    _shade_steps(rng, face, build, rho, toward)
    _draw_hole(rng, face, build, rho, toward)
    face = np.asarray(cv2.GaussianBlur(face, (3, 3), 0.6), np.float32)
    return np.concatenate([face, face[:1]])


def sample_surface(face: Plane, rho: Plane, theta: Plane) -> Plane:
    """Return the brightness at each pixel, given its radius and angle on the part."""
    columns = rho * np.float32(_STEPS_PER_RADIUS) - np.float32(0.5)
    rows = theta * np.float32(ANGLES / (2 * math.pi))
    seen = cv2.remap(face, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(seen, np.float32)


def _rings(rng: np.random.Generator, build: Build, rho: Plane) -> Plane:
    """Return the tone of each radius: bright where it is turned, dark where it is hollow."""
    plate = float(rng.uniform(176, 208))
    collar = plate + float(rng.uniform(2, 22))
    deep = float(rng.uniform(12, 26))
    at = [
        (build.hole, 60.0),
        (build.hole + 0.012, plate + 6),
        (build.hub - 0.012, plate + 14),
        (build.hub, deep),
        (build.cavity, deep),
        (build.cavity + 0.012, collar),
        (build.collar - 0.008, collar),
        (build.collar + 0.006, plate - 22),
        (build.groove, plate - 14),
        (build.groove + 0.02, plate - 2),
        (0.80, plate),
        (0.972, plate - 4),
        (0.985, plate * 0.78),
        (1.0, plate * 0.42),
    ]
    radii, tones = zip(*at, strict=True)
    return np.asarray(np.interp(rho, radii, tones), np.float32)[None, :]


def _sheen(rng: np.random.Generator, build: Build, theta: Plane, rho: Plane, light: float) -> Plane:
    """Return the gain of turned metal: it shines across its grooves, in two opposite fans."""
    gain = np.ones(ANGLES, np.float32)
    for _ in range(int(rng.integers(2, 5))):
        toward = np.float32(light + float(rng.normal(0, 0.9)))
        sharp = float(rng.uniform(2, 30))
        strength = float(rng.uniform(-0.22, 0.2))
        near, opposite = np.cos(theta - toward), float(rng.uniform(0.3, 1.0))
        fan = np.maximum(near, 0) ** sharp + opposite * np.maximum(-near, 0) ** sharp
        gain += np.float32(strength) * fan
    gain += np.float32(rng.uniform(0.0, 0.1)) * np.cos(theta - np.float32(light))
    streaks = cv2.GaussianBlur(grain(rng, ANGLES, 8), (0, 0), sigmaX=6, sigmaY=0.7)
    streaks = cv2.resize(streaks, (RADII, ANGLES), interpolation=cv2.INTER_LINEAR)
    ramp = np.interp(rho, [build.groove, build.groove + 0.05], [0.35, 1.0]).astype(np.float32)
    wide = (gain - 1)[:, None] * ramp[None, :]
    return np.asarray(1 + wide + streaks * np.float32(rng.uniform(0.015, 0.07)), np.float32)


def _skin(rng: np.random.Generator, build: Build, rho: Plane) -> Plane:
    """Return the fine unevenness: rings left by the lathe, grain, broad blotches."""
    metal = ((rho > build.cavity) | (rho < build.hub)).astype(np.float32)[None, :]
    lathe = grain(rng, 1, RADII) * np.float32(rng.uniform(1.5, 4.5))
    arcs = cv2.GaussianBlur(grain(rng, ANGLES, RADII), (0, 0), sigmaX=0.5, sigmaY=9)
    skin = lathe + arcs * np.float32(rng.uniform(9, 26))
    skin = skin + mottle(rng, ANGLES, RADII) * np.float32(rng.uniform(1.0, 3.0))
    skin = skin + cloud(rng, ANGLES, RADII, 32) * np.float32(rng.uniform(1.0, 5.0))
    return np.asarray(skin * (metal * np.float32(0.85) + np.float32(0.15)), np.float32)


def _draw_vanes(rng: np.random.Generator, face: Plane, build: Build, toward: Plane) -> None:
    """Draw the curved vanes in the dark between hub and collar."""
    layer = np.zeros((ANGLES, RADII), np.float32)
    first = float(rng.uniform(0, ANGLES))
    sweep = float(rng.uniform(0.42, 0.6)) * ANGLES / build.vanes * 2.2
    begin = int((build.hub + 0.02) * _STEPS_PER_RADIUS)
    end = int(build.cavity * _STEPS_PER_RADIUS)
    radii = np.linspace(begin, end, 12)
    behind = np.array([0, 88], np.int32)  # the vane's lit flank, in sixteenths of a row
    bend = ((radii - begin) / (end - begin)) ** 0.8
    for vane in range(build.vanes):
        row = first + vane * ANGLES / build.vanes
        tone = float(rng.uniform(0.55, 1.0))
        for wrap in (-2 * ANGLES, -ANGLES, 0):
            points = np.stack([radii, row + wrap + sweep * bend], axis=1)
            fixed = np.round(points * 16).astype(np.int32)
            cv2.polylines(layer, [fixed], False, tone, 5, cv2.LINE_8, 4)
            cv2.polylines(layer, [fixed + behind], False, tone * 0.35, 4, cv2.LINE_8, 4)
    layer = np.asarray(cv2.GaussianBlur(layer, (0, 0), sigmaX=1.2, sigmaY=2.0), np.float32)
    depth = np.interp(np.arange(RADII), [begin, end], [0.5, 1.0]).astype(np.float32)
    lit = np.float32(rng.uniform(22, 42)) * (np.float32(1) + np.float32(0.5) * toward)
    face += layer * depth[None, :] * lit


def _shade_steps(
    rng: np.random.Generator, face: Plane, build: Build, rho: Plane, toward: Plane
) -> None:
    """Darken where the collar's and the hub's walls keep the light away, brighten opposite."""
    deep = float(rng.uniform(0.025, 0.06))
    for radius, side in ((build.collar, -1.0), (build.cavity, 1.0), (build.hub, -1.0)):
        reach = np.maximum(np.float32(side) * toward, 0) * np.float32(deep)
        start = np.float32(radius) if side < 0 else np.float32(radius) - reach
        inside = np.clip((rho - start) * np.float32(60) + np.float32(0.5), 0, 1)
        beyond = np.clip((start + reach - rho) * np.float32(60) + np.float32(0.5), 0, 1)
        shade = inside * beyond * np.minimum(reach * np.float32(70), np.float32(1))
        face *= np.float32(1) - np.float32(0.88) * shade
    glint = np.clip(1 - np.abs(rho - np.float32(build.groove)) * 90, 0, 1)
    face += glint * np.maximum(toward, 0) * np.float32(rng.uniform(8, 40))
    rim = np.clip(1 - np.abs(rho - np.float32(0.975)) * 70, 0, 1)
    face += rim * toward * np.float32(rng.uniform(10, 45))


def _draw_hole(
    rng: np.random.Generator, face: Plane, build: Build, rho: Plane, toward: Plane
) -> None:
    """Show the belt, in the hub's shade, through the hole."""
    inner = int(build.hole * _STEPS_PER_RADIUS)
    share = (rho[:inner] / np.float32(build.hole))[None, :]
    base = float(rng.uniform(105, 160))
    tone = base - np.float32(rng.uniform(20, 60)) * share * toward
    edge = np.clip((share - np.float32(0.86)) * 6, 0, 1) * np.clip(toward + np.float32(0.4), 0, 1)
    face[:, :inner] = tone * (1 - np.float32(0.7) * edge)
