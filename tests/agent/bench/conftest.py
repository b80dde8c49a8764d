"""A bundle of the tiny int8 model, engines that take as long as they are told, trees of /sys."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from agent.engines.litert import LitertEngine
from agent.engines.scripted import ScriptedEngine
from bundle.archive import write_archive
from bundle.golden import make_golden
from bundle.manifest import DataFacts, InputSpec, Manifest, Thresholds

MODEL = (Path(__file__).parents[1] / "engines" / "tiny_int8.tflite").read_bytes()
SPEC = InputSpec(height=32, width=32, frame_height=40, frame_width=40)


@pytest.fixture
def write_bundle(tmp_path):
    """Return a function that writes a bundle of the tiny model with golden frames that hold."""

    def write(file="tiny-1.0.lwb", name="tiny"):
        engine = LitertEngine(MODEL)

        def infer(prepared):
            engine.input_view()[...] = prepared
            return engine.infer()

        random = np.random.default_rng(4)
        frames = [random.integers(0, 256, (40, 40), np.uint8) for _ in range(2)]
        manifest = Manifest(
            name=name,
            version="1.0",
            release=1,
            architecture="tiny",
            recipe="int8",
            input=SPEC,
            labels=("bad", "ok"),
            defective=("bad",),
            thresholds=Thresholds(reject_at=0.5, recheck_at=0.4, chosen="for the tests"),
            golden_tolerance=0.001,
            entries={},
            data=DataFacts(fingerprint="0" * 64, pictures=1),
            tools={},
            metrics={},
        )
        path = tmp_path / file
        write_archive(path, manifest, {"model.tflite": MODEL, **make_golden(frames, infer, SPEC)})
        return path

    return write


@pytest.fixture
def bundle(write_bundle):
    """Return the path of a bundle."""
    return write_bundle()


@pytest.fixture
def scripted():
    """Return a maker of openers: each engine takes its delay for a picture by the clock."""

    def make(clock, delays_ms):
        opened = []

        def open_engine(driver, model, threads):
            delay_ms = delays_ms[len(opened) % len(delays_ms)]
            engine = ScriptedEngine(
                [(1.0, 0.0)], 32, 32, 1, lambda: clock.advance(round(delay_ms * 1e6))
            )
            opened.append((driver, threads, engine))
            return engine

        return open_engine, opened

    return make


@pytest.fixture
def tree(tmp_path):
    """Return a function that writes files into a tree like / and gives its root."""

    def write(files):
        root = tmp_path / "root"
        for name, text in files.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"{text}\n")
        return root

    return write
