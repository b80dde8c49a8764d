"""Training against the plain Keras loop (tf.data and model.fit), and the input pipeline alone.

Both loops take turns in one process on the same pictures and the same network, so that whatever
else the machine does hits both. A ratio above 1 means that ours is the faster one. Then one real
`linewarden train` says how much memory a training takes.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve()
sys.path.insert(0, str(HERE.parents[2]))

from training.backend import start_backend

start_backend()

import cv2
import keras
import numpy as np
import tensorflow as tf
from rich.console import Console

from bundle.manifest import InputSpec
from training.batches import PictureBatches, class_weights
from training.config import Augmentation, Phase, TrainOptions
from training.dataset import Split, read_index
from training.fit import Job, _StepCallback
from training.phase_model import build_phase_model
from training.progress import FitProgress
from training.run_folder import FitState
from training.shares import read_ahead
from training.strategy import OneProcess

SIDE_PX = 300  # as the castings have it
# No more than Keras's own layers can do: turning, mirroring, zoom, contrast, brightness.
ALIKE = Augmentation(
    shear=0.0, shade=0.0, relight=0.0, gamma=0.0, defects=0.0, blur_px=0.0, noise=0.0
)


def draw_pictures(folder: Path, count: int) -> None:
    """Draw discs with and without a hole as JPEG files, rough enough to cost what photos cost."""
    random = np.random.default_rng(0)
    for number in range(count):
        label = ("bad", "ok")[number % 2]
        (folder / label).mkdir(parents=True, exist_ok=True)
        frame = random.normal(110, 9, (SIDE_PX, SIDE_PX)).clip(0, 255).astype(np.uint8)
        frame = cv2.GaussianBlur(frame, (0, 0), 1.0)
        cv2.circle(frame, (150, 150), 120, 180, -1)
        if label == "bad":
            x, y = (int(value) for value in random.integers(90, 210, 2))
            cv2.circle(frame, (x, y), 14, 30, -1)
        cv2.imwrite(str(folder / label / f"{number:04d}.jpeg"), frame)


class Ours:
    """The project's batches, step callback and loop, as `linewarden train` runs them."""

    name = "linewarden"

    def __init__(self, job: Job, phase: Phase, *, varied: Augmentation | None) -> None:
        self._job, self._phase = job, phase
        weights = class_weights(job.split.training, job.labels)
        self.batches = PictureBatches(
            job.root, job.split.training, job.spec, job.labels, batch=job.options.batch,
            weights=weights, augmentation=varied,
            workers=job.options.workers,
        )  # fmt: skip
        self._model = build_phase_model(job.options, phase, job.spec, len(job.labels))
        self._progress = FitProgress(Console(quiet=True), time.perf_counter)

    def fit(self) -> None:
        """Train one epoch."""
        steps = len(self.batches)
        self._progress.begin(1.0, 0.0)
        self._progress.begin_epoch("bench", self._job.epoch_pictures)
        step = _StepCallback(self._job, self._phase, steps, FitState(), self._progress)
        OneProcess().fit_epoch(self._model, self.batches, step)

    def read(self) -> None:
        """Read one epoch and do nothing with it."""
        for _ in read_ahead(self.batches.__getitem__, len(self.batches), self.batches.workers):
            pass


class Plain:
    """What Keras's own guides would have one write."""

    name = "tf.data + model.fit"

    def __init__(self, job: Job, phase: Phase, *, varied: Augmentation | None) -> None:
        pictures = job.split.training
        self._weights = {
            job.labels.index(label): weight
            for label, weight in class_weights(pictures, job.labels).items()
        }
        names = [str(job.root / picture.name) for picture in pictures]
        truths = [job.labels.index(picture.label) for picture in pictures]
        side = job.spec.height

        def read(name, label):
            pixels = tf.io.decode_jpeg(tf.io.read_file(name), channels=1)
            return tf.image.resize(pixels, (side, side)), tf.one_hot(label, len(job.labels))

        found = tf.data.Dataset.from_tensor_slices((names, truths)).shuffle(len(names))
        found = found.map(read, num_parallel_calls=tf.data.AUTOTUNE).batch(job.options.batch)
        if varied:
            vary = _layers()
            found = found.map(
                lambda pixels, label: (vary(pixels, training=True), label),
                num_parallel_calls=tf.data.AUTOTUNE,
            )
        self.batches = found.prefetch(tf.data.AUTOTUNE)
        self._model = build_phase_model(job.options, phase, job.spec, len(job.labels))

    def fit(self) -> None:
        """Train one epoch."""
        self._model.fit(
            self.batches, epochs=1, verbose=0, shuffle=False, class_weight=self._weights
        )

    def read(self) -> None:
        """Read one epoch and do nothing with it."""
        for _ in self.batches:
            pass


def _layers() -> keras.Sequential:
    """Return Keras's layers for what ours does: turn, shrink, flip, light.

    Shear, shading, blur and noise have no layer that would do the same: Keras has less to do here.
    """
    return keras.Sequential(
        [
            keras.layers.RandomFlip("horizontal"),
            keras.layers.RandomRotation(0.5, fill_mode="nearest"),
            keras.layers.RandomZoom((0.0, 0.12), fill_mode="nearest"),
            keras.layers.RandomContrast(0.2, value_range=(0, 255)),
            keras.layers.RandomBrightness(0.08, value_range=(0, 255)),
        ]
    )


def time_s(act) -> tuple[float, float]:
    """Return how long a call takes by the wall's clock, and how long processors worked on it."""
    begun_s, worked_s = time.perf_counter(), time.process_time()
    act()
    return time.perf_counter() - begun_s, time.process_time() - worked_s


def compare_loops(
    job: Job, phase: Phase, rounds: int, *, varied: Augmentation | None, title: str
) -> None:
    """Run both loops in turn and print how fast each is, and the ratio: above 1 ours is faster."""
    loops = [kind(job, phase, varied=varied) for kind in (Ours, Plain)]
    for loop in loops:
        loop.fit()  # traced, files in the cache
    taken: dict[str, list[tuple[float, float]]] = {loop.name: [] for loop in loops}
    for number in range(rounds):
        for loop in loops if number % 2 == 0 else loops[::-1]:
            taken[loop.name].append(time_s(loop.fit))
    pictures = job.epoch_pictures
    print(f"\nepochs of {pictures} pictures, augmentation {title}")
    for name, times in taken.items():
        wall_s, worked_s = (
            statistics.median(column) / pictures for column in zip(*times, strict=True)
        )
        print(
            f"  {name:20} {1 / wall_s:7.1f} pictures/s  {worked_s * 1000:7.1f} ms of processor each"
        )
    ours, plain = taken[Ours.name], taken[Plain.name]
    for place, what in enumerate(
        ("pictures/s", "processor time, which other programs disturb less")
    ):
        ratios = [their[place] / our[place] for our, their in zip(ours, plain, strict=True)]
        spread = f"{min(ratios):.3f} .. {max(ratios):.3f}"
        print(f"  ratio {statistics.median(ratios):.3f}  (rounds {spread}) by {what}")
    _compare_reading(loops, pictures, statistics.median(our[0] for our in ours) / pictures)


def _compare_reading(loops: list, pictures: int, step_s: float) -> None:
    """Print how long a picture takes to read, beside the step that it is read for."""
    for loop in loops:
        read_s = min(time_s(loop.read)[0] for _ in range(2)) / pictures
        print(
            f"  input of {loop.name:20} {read_s * 1000:6.2f} ms per picture, alone; "
            f"a step takes {step_s * 1000:6.1f}: {step_s / read_s:.0f} times as long"
        )


def measure_memory(root: Path, options: TrainOptions) -> None:
    """Print the peak of resident memory of a whole `linewarden train` on these pictures."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(
            [
                *(sys.executable, "-m", "linewarden", "train", str(root)),
                *("--out", f"{folder}/run", "--weights", "none", "--epochs", "1"),
                *("--model", options.model, "--size", str(options.size)),
                *("--batch", str(options.batch)),
            ],
            cwd=HERE.parents[2],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=True,
        )
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
    print(f"\npeak memory of a whole training: {peak / 2**30:.2f} GiB (bound: 4 GB)")


def main() -> None:
    """Compare, then measure the memory."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="mobilenet_v2")
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--steps", type=int, default=4, help="steps of an epoch")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--batch-norm", choices=("frozen", "trained"), default="frozen")
    parser.add_argument("--data", type=Path, help="folder of classes of JPEG files; else drawn")
    chosen = parser.parse_args()
    options = TrainOptions(model=chosen.model, size=chosen.size, batch=chosen.batch)
    phase = Phase(name="bench", epochs=1, learning_rate=1e-4, batch_norm=chosen.batch_norm)
    with tempfile.TemporaryDirectory() as folder:
        root = chosen.data or Path(folder)
        if chosen.data is None:
            draw_pictures(root, chosen.steps * chosen.batch)
        index = read_index(root, "train" if (root / "train").is_dir() else "all")
        # Every class in its share, whatever their order on the disk.
        order = np.random.default_rng(0).permutation(len(index.pictures))
        pictures = tuple(index.pictures[place] for place in order[: chosen.steps * chosen.batch])
        height, width = index.frame_size
        spec = InputSpec(
            height=chosen.size, width=chosen.size, frame_height=height, frame_width=width
        )
        job = Job(options, (phase,), root, Split(pictures, (), ()), spec, index.labels, None)
        print(
            f"{chosen.model}, {chosen.size} px, batches of {chosen.batch}, {phase.batch_norm} norm"
        )
        kinds = {"on": Augmentation(), "no more than Keras has": ALIKE, "off": None}
        for title, varied in kinds.items():
            compare_loops(job, phase, chosen.rounds, varied=varied, title=title)
        if chosen.data is None:
            measure_memory(root, options)


if __name__ == "__main__":
    main()
