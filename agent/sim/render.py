"""Draws a folder of castings with a file of their truth: what the demo's model is trained on."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2

from agent.errors import DemoError
from agent.sim.castings import Casting, choose_defects, draw_casting, part_seed

DEFECTIVE, GOOD = "def_front", "ok_front"
TRUTH_NAME = "truth.csv"
_COLUMNS = ("picture", "kind", "x", "y", "radius")


@dataclass(frozen=True, slots=True)
class RenderPlan:
    """How many parts to draw for training and for test, and how."""

    train: int
    test: int
    seed: int
    defect_share: float = 0.5
    size: int = 300


def render_folder(out: Path, plan: RenderPlan, tell: Callable[[int], None] | None = None) -> int:
    """Draw all parts of a plan into `out`, which must be new or empty; returns their number.

    `tell` is called after each picture with the number drawn so far. The folder appears whole or
    not at all. Raises DemoError.
    """
    _check_empty(out)
    partial = out.with_name(f".{out.name}.partial")
    try:
        shutil.rmtree(partial, ignore_errors=True)
        count = _draw_all(partial, plan, tell)
        partial.replace(out)
    except OSError as error:
        raise DemoError(f"cannot write the pictures to {out}: {error}") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return count


def _check_empty(out: Path) -> None:
    try:
        taken = out.exists() and (not out.is_dir() or any(out.iterdir()))
    except OSError as error:
        raise DemoError(f"cannot look into {out}: {error}") from error
    if taken:
        raise DemoError(f"{out} is there already: name a folder that is new or empty")


def _draw_all(folder: Path, plan: RenderPlan, tell: Callable[[int], None] | None) -> int:
    for split in ("train", "test"):
        for label in (DEFECTIVE, GOOD):
            (folder / split / label).mkdir(parents=True)
    count = 0
    with (folder / TRUTH_NAME).open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(_COLUMNS)
        for name, casting in _castings(plan):
            _write_picture(folder / name, casting)
            for flaw in casting.truth:
                rows.writerow((name, flaw.kind.value, flaw.x, flaw.y, flaw.radius))
            count += 1
            if tell is not None:
                tell(count)
    return count


def _castings(plan: RenderPlan) -> Iterator[tuple[str, Casting]]:
    """Yield each picture's name and part; no seed is used twice."""
    for split, total in (("train", plan.train), ("test", plan.test)):
        defective = round(total * plan.defect_share)
        for number in range(total):
            seed = part_seed(split, plan.seed, number)
            kinds = choose_defects(seed) if number < defective else ()
            label = DEFECTIVE if kinds else GOOD
            yield f"{split}/{label}/part-{number:05d}.png", draw_casting(seed, kinds, plan.size)


def _write_picture(path: Path, casting: Casting) -> None:
    # Level 1: noise does not compress, and higher levels take three times as long.
    coded, data = cv2.imencode(".png", casting.pixels, [cv2.IMWRITE_PNG_COMPRESSION, 1])
    if not coded:
        raise DemoError(f"cannot encode the picture {path.name}")
    path.write_bytes(data.tobytes())
