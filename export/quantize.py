"""Keras network -> full int8 TFLite, per channel, with uint8 pixels as its input.

Before it is converted its channels are made to use their scales, and its weights are rounded with
what flows through them in mind: the converter itself does neither.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bundle.manifest import InputSpec
from bundle.prepare import Pixels
from export.convert import converter_errors, open_converter
from export.equalise import equalise
from export.errors import CalibrationError
from export.int8_forms import with_int8_forms
from export.quiet import converter_output
from export.rounding import round_by_flow

_ROUNDED_ON = 96


def to_int8(network: Any, frames: Sequence[Pixels], spec: InputSpec, log: Path) -> bytes:
    """Return the network as an int8 TFLite flatbuffer that answers as it does.

    `frames` are prepared pictures of shape (height, width, channels); at least one must reach
    from 0 to 255, so that the input's scale is 1. Raises CalibrationError, ConvertError.
    """
    _check(frames, spec)
    return convert_int8(round_by_flow(equalise(network, frames), _some(frames)), frames, spec, log)


def convert_int8(network: Any, frames: Sequence[Pixels], spec: InputSpec, log: Path) -> bytes:
    """Return the network as the converter makes it, with ranges from `frames`: for its speed.

    Raises CalibrationError, ConvertError.
    """
    _check(frames, spec)

    def representative() -> Iterator[list[NDArray[np.float32]]]:
        for frame in frames:
            yield [frame[np.newaxis].astype(np.float32)]

    with converter_output(log), converter_errors(log):
        import tensorflow as tf

        converter = open_converter(with_int8_forms(network), spec)
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = representative
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = tf.uint8
        converter.inference_output_type = tf.int8
        return bytes(converter.convert())


def _check(frames: Sequence[Pixels], spec: InputSpec) -> None:
    if not frames:
        raise CalibrationError("there are no calibration pictures: an int8 model needs some")
    wanted = (spec.height, spec.width, spec.channels)
    for frame in frames:
        # The calibrator would resize the network to whatever comes, and say nothing.
        if frame.shape != wanted:
            raise CalibrationError(f"a calibration picture has shape {frame.shape}, not {wanted}")


def _some(frames: Sequence[Pixels]) -> Sequence[Pixels]:
    """Return frames from end to end, no more than the rounding needs."""
    return frames[:: max(1, len(frames) // _ROUNDED_ON)]
