"""With how many bits a training computes; weights and logits stay float32 always."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras

from training.config import Precision

_FULL = "float32"
_LOGITS = "head_logits"


def choose_precision(wanted: Precision, gpus: int | None = None) -> Precision:
    """Return what "auto" means here: 16 bits where there is a GPU, which is faster with them.

    A CPU only emulates them, so it gains nothing. Anything but "auto" comes back as it is.
    """
    if wanted != "auto":
        return wanted
    found = len(keras.distribution.list_devices("gpu")) if gpus is None else gpus
    return "mixed_float16" if found else "float32"


@contextmanager
def use_precision(precision: Precision) -> Iterator[None]:
    """Let layers that are made inside compute with this precision."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(precision)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def keep_logits(model: Any) -> Any:
    """Return the model with logits in float32: a loss of 16-bit logits is a rough one."""
    layer = model.get_layer(_LOGITS)
    if layer.compute_dtype == _FULL:
        return model
    layer.dtype_policy = _FULL
    return model
