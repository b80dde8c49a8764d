"""What flows through a network for calibration pictures, a batch at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from bundle.prepare import Pixels

_BATCH = 8
_FEW = 32  # to build a graph takes longer than so few pictures take without one


def listen(
    network: Any, tensors: Sequence[Any], frames: Sequence[Pixels]
) -> Iterator[list[NDArray[np.float32]]]:
    """Yield the values of the tensors for each batch of prepared pictures, in their order."""
    probe = keras.Model(network.input, list(tensors))
    few = len(frames) <= _FEW
    size = len(frames) if few else _BATCH
    for first in range(0, len(frames), size):
        pictures = np.stack(frames[first : first + size]).astype(np.float32)
        heard = probe(pictures, training=False) if few else probe.predict_on_batch(pictures)
        heard = heard if isinstance(heard, list) else [heard]  # Keras unwraps a list of one
        values = [np.asarray(one) for one in heard]
        for start in range(0, len(pictures), _BATCH):
            yield [one[start : start + _BATCH] for one in values]
