"""`linewarden train` as real processes on drawn pictures, killed at the end if need be."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import tiny_training

SCRIPT = Path(tiny_training.__file__)
DEADLINE_S = 240.0
# What an uninterrupted training and a resumed one must agree in; times differ.
FIGURES = ("epoch", "phase", "size", "learning_rate", "loss", "accuracy", "val_loss")


class Trainings:
    """Processes of `linewarden train` in one folder with `data` in it: 40 pictures to train on."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._running: list[subprocess.Popen[str]] = []
        tiny_training.draw_classes(folder / "data" / "train", 20, 0)
        tiny_training.draw_classes(folder / "data" / "test", 3, 5000)

    def recipe(self, model: str, epochs: int = 2, batch: int = 7) -> Path:
        """Write a configuration and return its path: one epoch of the head, then all."""
        file = self.folder / f"{model}.toml"
        text = tiny_training.RECIPE.format(model=model, epochs=epochs)
        file.write_text(text.replace("batch = 8", f"batch = {batch}"))
        return file

    def start(self, name: str, *arguments: object, **env: str) -> subprocess.Popen[str]:
        """Start a training into the folder `name`."""
        whole = ("train", self.folder / "data", "--out", self.folder / name, "--weights", "none")
        process = subprocess.Popen(
            [sys.executable, str(SCRIPT), *map(str, (*whole, *arguments))],
            env={**os.environ, "CUDA_VISIBLE_DEVICES": "-1", **env},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._running.append(process)
        return process

    def run(self, name: str, *arguments: object, **env: str) -> None:
        """Run a training to its good end."""
        self.end(self.start(name, *arguments, **env))

    def end(self, process: subprocess.Popen[str], code: int = 0) -> list[str]:
        """Wait for the end of one and return the lines that it wrote to the error stream."""
        out, err = process.communicate(timeout=DEADLINE_S)
        assert process.returncode == code, out + err
        return err.splitlines()

    def history(self, name: str) -> list[list[object]]:
        """Return the figures of every epoch."""
        epochs = json.loads((self.folder / name / "history.json").read_text())
        return [[epoch[figure] for figure in FIGURES] for epoch in epochs]

    def kill_all(self) -> None:
        """Leave no process behind."""
        for process in self._running:
            if process.poll() is None:
                process.kill()
            process.wait()
            process.stdout.close()
            process.stderr.close()
