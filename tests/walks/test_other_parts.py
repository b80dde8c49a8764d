"""Generality: plates with three kinds of defects go from pictures to the gate, no code changed."""

import json

import cv2
import numpy as np
import pytest
from run_command import linewarden

from bundle.archive import open_archive

pytestmark = [pytest.mark.slow, pytest.mark.train]

SIDE_PX, PARTS, SHOTS = 96, 10, 3
KINDS = ("hole", "scratch", "stain", "good")


def draw_plate(seed, kind):
    """Draw a bright plate with four bores and marks of its own, and the defect of its kind."""
    random = np.random.default_rng(seed)
    frame = np.full((SIDE_PX, SIDE_PX), 50, np.uint8)
    cv2.rectangle(frame, (14, 22), (82, 74), 190, -1)
    for x in (24, 72):
        for y in (32, 64):
            cv2.circle(frame, (x, y), 4, 40, -1, cv2.LINE_AA)
    for _ in range(90):
        at = tuple(int(each) for each in random.integers((16, 24), (80, 72)))
        cv2.circle(frame, at, int(random.integers(1, 3)), int(random.integers(150, 225)), -1)
    x, y = (int(each) for each in random.integers((34, 40), (62, 56)))
    if kind == "hole":
        cv2.circle(frame, (x, y), 6, 15, -1, cv2.LINE_AA)
    elif kind == "scratch":
        cv2.line(frame, (x - 14, y - 6), (x + 14, y + 6), 20, 2, cv2.LINE_AA)
    elif kind == "stain":
        frame[y - 9 : y + 9, x - 12 : x + 12] //= 2
    return frame


def photograph(frame, seed):
    """Return the plate shifted, turned a little and otherwise lit."""
    random = np.random.default_rng(seed)
    turn = cv2.getRotationMatrix2D((48, 48), random.uniform(-12, 12), random.uniform(0.95, 1.05))
    moved = cv2.warpAffine(frame, turn, (SIDE_PX, SIDE_PX), borderMode=cv2.BORDER_REPLICATE)
    return np.clip(moved * random.uniform(0.9, 1.1), 0, 255).astype(np.uint8)


@pytest.fixture
def plates(tmp_path):
    """Return a folder with a folder a kind: three photographs of each plate."""
    for place, kind in enumerate(KINDS):
        (tmp_path / "plates" / kind).mkdir(parents=True)
        for part in range(PARTS):
            plate = draw_plate(100 * place + part, kind)
            for shot in range(SHOTS):
                name = tmp_path / "plates" / kind / f"{part}-{shot}.png"
                cv2.imwrite(str(name), photograph(plate, 1000 * place + 10 * part + shot))
    return tmp_path / "plates"


@pytest.mark.timeout(900)
def test_plates_with_three_kinds_of_defects_reach_the_gate(plates, tmp_path):
    """Audit, train, evaluate, export, and a line: four classes, three of them bad."""
    pytest.importorskip("tensorflow")
    split, run, bundle = tmp_path / "split.json", tmp_path / "run", tmp_path / "plates.lwb"
    linewarden(
        "audit", plates, "--out", tmp_path / "audit", "--write-split", split,
        "--cache", tmp_path / "cache",
    )  # fmt: skip
    found = json.loads((tmp_path / "audit" / "audit.json").read_text())
    assert found["defective"] == ["hole", "scratch", "stain"]
    linewarden(
        "train", plates, "--out", run, "--split", split, "--model", "cnn", "--weights", "none",
        "--size", 64, "--epochs", 2, "--batch", 16,
    )  # fmt: skip
    figures = json.loads(linewarden("evaluate", "--run", run, "--data", plates, "--json"))
    assert figures["part_safe"] is True
    assert figures["by_part"] is not None
    linewarden(
        "export", "--run", run, "--data", plates, "--out", bundle, "--name", "plates", "--force"
    )
    manifest = open_archive(bundle).manifest
    assert manifest.labels == ("good", "hole", "scratch", "stain")
    assert manifest.defective == ("hole", "scratch", "stain")
    summary = json.loads(
        linewarden("demo", "--bundle", bundle, "--data", plates, "--parts", 24, "--json")
    )
    assert summary["kept_promises"]
    assert summary["parts"] == 24
