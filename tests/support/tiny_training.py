"""`python tests/support/tiny_training.py train …`: the command line with tiny networks in it."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

import cv2
import numpy as np

RECIPE = """
model = "{model}"
size = 32
batch = 8
validation_share = 0.2
workers = 1
patience = 100

[[phases]]
name = "head"
epochs = 1
learning_rate = 0.02
trained = "head"

[[phases]]
name = "all"
epochs = {epochs}
learning_rate = 0.02
batch_norm = "trained"
"""


def draw_part(seed: int, *, bad: bool) -> np.ndarray:
    """Draw a light disc of 40 pixels; a bad one has a dark hole."""
    random = np.random.default_rng(seed)
    frame = random.integers(0, 60, (40, 40, 3), np.uint8)
    cv2.circle(frame, (20, 20), 16, (220, 220, 220), thickness=-1)
    if bad:
        x, y = (int(value) for value in random.integers(13, 27, 2))
        cv2.circle(frame, (x, y), 6, (5, 5, 5), thickness=-1)
    return frame


def draw_classes(folder: Path, count: int, first_seed: int) -> None:
    """Draw a folder `bad` and a folder `ok` of that many pictures each."""
    for place, label in enumerate(("bad", "ok")):
        (folder / label).mkdir(parents=True)
        for number in range(count):
            frame = draw_part(first_seed + 1000 * place + number, bad=label == "bad")
            cv2.imwrite(str(folder / label / f"{number:03d}.png"), frame)


def register_networks() -> None:
    """Put three networks into the catalogue: plain, with batch norm, and with dropout as well."""
    import keras

    from training.config import Phase
    from training.networks.catalogue import register

    phases = (Phase(name="all", epochs=2, learning_rate=0.02),)

    def build(spec, labels, *, normed, dropped):
        pictures = keras.Input((spec.height, spec.width, spec.channels))
        flow = keras.layers.Rescaling(1 / 127.5, offset=-1.0)(pictures)
        flow = keras.layers.Conv2D(8, 5, strides=4, activation="relu", name="body")(flow)
        if normed:
            flow = keras.layers.BatchNormalization(name="norm")(flow)
        if dropped:
            flow = keras.layers.Dropout(0.3, name="head_dropout")(flow)
        flow = keras.layers.GlobalMaxPooling2D()(flow)
        return keras.Model(pictures, keras.layers.Dense(labels, name="head_logits")(flow))

    register("calm", phases)(partial(build, normed=False, dropped=False))
    register("normed", phases)(partial(build, normed=True, dropped=False))
    register("restless", phases)(partial(build, normed=True, dropped=True))


def main() -> None:
    """Run the command line; TINY_CPUS splits the CPU into so many devices to train on."""
    from training.backend import muted_stderr

    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    with muted_stderr():
        import tensorflow as tf

    count = int(os.environ.get("TINY_CPUS", "1"))
    if count > 1:
        (cpu,) = tf.config.list_physical_devices("CPU")
        devices = [tf.config.LogicalDeviceConfiguration()] * count
        tf.config.set_logical_device_configuration(cpu, devices)
        import training.distributed

        mirror = training.distributed.mirror_devices
        names = [f"CPU:{number}" for number in range(count)]
        training.distributed.mirror_devices = lambda: mirror(names)
    register_networks()
    from linewarden import main as linewarden

    linewarden()


if __name__ == "__main__":
    main()
