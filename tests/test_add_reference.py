"""A bundle gets its reference later: the same model, and only for the pictures of its card."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from bundles import LABELS, SPEC, write_scripted

from bundle.archive import open_archive, write_archive
from training.dataset import read_index
from training.split_file import SplitFile, SplitPicture, write_split

SCRIPT = Path(__file__).parents[1] / "scripts" / "add_reference.py"
PAGE = (
    "<title>scripted 1.0.0</title><h1>scripted 1.0.0</h1><tr><th>release</th><td>1</td></tr>"
    "<tr><th>note</th><td>none</td></tr>"
)


@pytest.fixture
def script(monkeypatch):
    """Return the script, with a model that calls dark pictures defective."""
    spec = importlib.util.spec_from_file_location("add_reference", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)

    class Eye:
        def __init__(self, *_):
            pass

        def logits(self, prepared):
            light = (float(prepared.mean()) - 100) / 20
            return np.array([-light, light], np.float32)

    monkeypatch.setattr(module, "FlatbufferModel", Eye)
    return module


@pytest.fixture
def data(tmp_path):
    """Draw 30 parts, a third of them defective, and their split."""
    root = tmp_path / "data"
    for number in range(30):
        folder = root / "train" / LABELS[number % 3 > 0]
        folder.mkdir(parents=True, exist_ok=True)
        level = 150 + number if number % 3 else 40
        noise = np.random.default_rng(number).integers(-4, 5, (SPEC.frame_height, SPEC.frame_width))
        cv2.imwrite(str(folder / f"{number:02d}.png"), (noise + level).astype(np.uint8))
    rows = [
        SplitPicture(
            name=one.name, sha256=one.sha256, label=one.label, part=at,
            side=("train", "validation", "test", "test")[at % 4],
        )
        for at, one in enumerate(read_index(root, "all").pictures)
    ]  # fmt: skip
    write_split(tmp_path / "split.json", SplitFile(seed=0, pictures=tuple(rows)))
    return root


def bundle(folder, right=1.0):
    """Write a bundle whose card was made of that data."""
    metrics = {
        "validation_pictures": 8.0, "validation_int8_accuracy": 1.0,
        "test_pictures": 14.0, "test_int8_accuracy": right,
    }  # fmt: skip
    made = open_archive(write_scripted(folder / "old.lwb", metrics=metrics))
    cards = {"card.json": b'{"name": "scripted"}', "card.html": PAGE.encode()}
    write_archive(folder / "old.lwb", made.manifest, {**made.contents, **cards})
    return folder / "old.lwb"


def test_the_model_stays_and_the_card_says_what_is_new(script, data, tmp_path):
    """Version and release are raised; model and golden frames are the same bytes."""
    old, new = bundle(tmp_path), tmp_path / "new.lwb"
    script.main(old, data, str(tmp_path / "split.json"), new, "1.0.1")
    before, after = open_archive(old), open_archive(new)
    assert after.title == "scripted-1.0.1"
    assert after.manifest.release == 2
    assert after.manifest.reference.brightness.parts == 20
    changed = {name for name in before.contents if before.contents[name] != after.contents[name]}
    assert changed == {"card.json", "card.html"}
    assert "brightness of 20" in json.loads(after.contents["card.json"])["reference"]
    page = after.contents["card.html"].decode()
    assert page.count("scripted 1.0.1") == 2
    assert "<td>2</td>" in page
    assert "brightness of 20" in page


def test_other_data_than_the_cards_is_refused(script, data, tmp_path):
    """Else scores of learned pictures might stand in it."""
    with pytest.raises(SystemExit, match="other data"):
        script.main(
            bundle(tmp_path, 0.9), data, str(tmp_path / "split.json"), tmp_path / "n.lwb", "1.0.1"
        )
    assert not (tmp_path / "n.lwb").exists()
