"""Starts Keras's backend: without its chatter, and with freed memory kept."""

from __future__ import annotations

import ctypes
import importlib
import importlib.util
import os
from collections.abc import Iterator
from contextlib import contextmanager

from training.errors import ModelError

# The numbers of glibc's malloc.h.
_TRIM_THRESHOLD, _TOP_PAD, _MMAP_MAX, _ARENA_MAX = -1, -2, -4, -8
_KEEP_BYTES = 2**31 - 1
_PAD_BYTES = 2**28


def start_backend(*, first_tensor: bool = True) -> None:
    """Import Keras and make its first tensor; call it before anything else imports Keras.

    Machines that train together must have joined before the `first_tensor`. Raises ModelError
    where Keras is not installed.
    """
    if importlib.util.find_spec("keras") is None:
        raise ModelError("Keras is not installed here: pip install 'linewarden[train]'")
    keep_freed_memory()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    # TensorFlow greets with lines about missing GPUs that no log level holds back.
    with muted_stderr():
        keras = importlib.import_module("keras")
        if first_tensor:
            keras.ops.zeros(1)


def keep_freed_memory() -> bool:
    """Tell glibc not to give freed blocks back; return False where there is no glibc.

    The buffers of one step are 10 to 150 MB each. By default every one is mapped anew, and the
    kernel clears its pages: half of all time, as measured on two cores (10 against 17 pictures/s
    for MobileNetV2 at 224 pixels).
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    settings = (
        (_ARENA_MAX, 1),
        (_MMAP_MAX, 0),
        (_TRIM_THRESHOLD, _KEEP_BYTES),
        (_TOP_PAD, _PAD_BYTES),
    )
    results = [mallopt(key, value) for key, value in settings]
    return all(result == 1 for result in results)


@contextmanager
def muted_stderr() -> Iterator[None]:
    """Keep what native code writes to the error stream from the terminal."""
    kept = os.dup(2)
    nothing = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nothing, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nothing)
