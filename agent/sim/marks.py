"""Marks that good parts carry as well: dust, stains, fine scratches, chatter of the lathe."""

from __future__ import annotations

import math

import cv2
import numpy as np

from agent.sim.defects import Scene


def draw_marks(rng: np.random.Generator, scene: Scene) -> None:
    """Draw what handling leaves on any part; none of it is a defect."""
    for _ in range(int(rng.poisson(1.0))):
        _stain(rng, scene)
    for _ in range(int(rng.poisson(1.6))):
        _scratch(rng, scene)
    for _ in range(int(rng.poisson(4.0))):
        _speck(rng, scene)
    for _ in range(int(rng.poisson(1.2))):
        _nick(rng, scene)
    if rng.random() < 0.25:
        _chatter(rng, scene)


def _anywhere(rng: np.random.Generator, scene: Scene) -> tuple[float, float]:
    rho = math.sqrt(float(rng.uniform(0.3, 1.6)))
    return scene.pose.place(rho, float(rng.uniform(0, 2 * math.pi)))


def _stain(rng: np.random.Generator, scene: Scene) -> None:
    x, y = _anywhere(rng, scene)
    radius = float(rng.uniform(6, 22)) * scene.unit
    rows, columns = scene.patch(x, y, 2 * radius)
    dy, dx = np.ogrid[rows, columns]
    blot = np.exp(-(((dx - x) ** 2 + (dy - y) ** 2) / (radius * radius)) * 1.5)
    scene.image[rows, columns] *= (1 - blot * float(rng.uniform(-0.03, 0.09))).astype(np.float32)


def _scratch(rng: np.random.Generator, scene: Scene) -> None:
    x, y = _anywhere(rng, scene)
    length = float(rng.uniform(8, 45)) * scene.unit
    heading = float(rng.uniform(0, 2 * math.pi))
    step = (length / 2 * math.cos(heading), length / 2 * math.sin(heading))
    rows, columns = scene.patch(x, y, length / 2 + 3)
    patch = scene.image[rows, columns]
    if not patch.size:
        return  # it lies beyond the picture
    line = np.zeros(patch.shape, np.uint8)
    ends = [
        (
            round((x + way * step[0] - columns.start) * 16),
            round((y + way * step[1] - rows.start) * 16),
        )
        for way in (-1, 1)
    ]
    cv2.line(line, ends[0], ends[1], 255, 1, cv2.LINE_AA, 4)
    strength = float(rng.uniform(6, 24)) * (1 if rng.random() < 0.75 else -0.7)
    patch += line.astype(np.float32) * np.float32(strength / 255)


def _speck(rng: np.random.Generator, scene: Scene) -> None:
    x, y = _anywhere(rng, scene)
    radius = float(rng.uniform(0.5, 1.0)) * scene.unit
    rows, columns = scene.patch(x, y, 4)
    dy, dx = np.ogrid[rows, columns]
    spot = np.exp(-(((dx - x) ** 2 + (dy - y) ** 2) / (2 * radius * radius)))
    strength = float(rng.uniform(10, 42)) * (1 if rng.random() < 0.4 else -1)
    scene.image[rows, columns] += (spot * strength).astype(np.float32)


def _nick(rng: np.random.Generator, scene: Scene) -> None:
    """Let an edge shine or stay dark for a short way, as turned edges do."""
    edge = (scene.build.groove, scene.build.collar, 0.99)[int(rng.integers(0, 3))]
    middle = float(rng.uniform(0, 2 * math.pi))
    reach = float(rng.uniform(0.02, 0.12))
    x, y = scene.pose.place(edge, middle)
    rows, columns = scene.patch(x, y, reach * scene.pose.radius + 4)
    away = np.abs((scene.theta[rows, columns] - middle + math.pi) % (2 * math.pi) - math.pi)
    off = (scene.rho[rows, columns] - edge) * scene.pose.radius
    spot = np.exp(-((away / reach) ** 2) - off * off)
    strength = float(rng.uniform(15, 60)) * (1 if rng.random() < 0.7 else -0.6)
    scene.image[rows, columns] += (spot * strength).astype(np.float32)


def _chatter(rng: np.random.Generator, scene: Scene) -> None:
    """Draw the ripple of a trembling lathe tool over a sector of the plate."""
    middle = float(rng.uniform(0, 2 * math.pi))
    x, y = scene.pose.place(0.8, middle)
    rows, columns = scene.patch(x, y, 0.3 * scene.pose.radius)
    rho, theta = scene.rho[rows, columns], scene.theta[rows, columns]
    away = np.abs((theta - middle + math.pi) % (2 * math.pi) - math.pi)
    window = np.exp(-((away / 0.22) ** 2) - ((rho - 0.8) / 0.1) ** 2)
    wave = np.sin(rho * float(rng.uniform(120, 220)) + theta * float(rng.uniform(-40, 40)))
    scene.image[rows, columns] += (window * wave * float(rng.uniform(4, 14))).astype(np.float32)
