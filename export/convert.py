"""Keras network -> TFLite with a fixed batch of one picture; in floating point for comparison."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bundle.manifest import InputSpec
from export.errors import ConvertError
from export.quiet import converter_output


def load_network(path: Path, log: Path) -> Any:
    """Return the Keras model that a run saved. Raises ConvertError."""
    try:
        with converter_output(log):
            import keras

            return keras.saving.load_model(path, compile=False)
    except (OSError, ValueError, TypeError, KeyError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ConvertError(f"cannot load the run's model {path}: {reason[:200]}") from error


def to_float_tflite(network: Any, spec: InputSpec, log: Path) -> bytes:
    """Return the network as a float32 TFLite flatbuffer. Raises ConvertError.

    `network` is a Keras model from raw 0..255 pixels (batch, height, width, channels) to logits;
    what the converter prints goes to `log`.
    """
    with converter_output(log), converter_errors(log):
        return bytes(open_converter(network, spec).convert())


def open_converter(network: Any, spec: InputSpec) -> Any:
    """Return a TFLiteConverter for the network with all variables frozen to constants."""
    import tensorflow as tf
    from tensorflow.python.framework.convert_to_constants import (
        convert_variables_to_constants_v2,
    )

    _check_shape(network, spec)
    shape = (1, spec.height, spec.width, spec.channels)

    def predict(picture: Any) -> Any:
        return network(picture, training=False)

    signature = tf.TensorSpec(shape, tf.float32, name="picture")
    concrete = tf.function(predict).get_concrete_function(signature)
    # Frozen here: with Keras 3 the converter leaves variables in the graph, and its calibrator
    # fails on them ("READ_VARIABLE failed to invoke", TensorFlow 2.21).
    frozen = convert_variables_to_constants_v2(concrete)
    return tf.lite.TFLiteConverter.from_concrete_functions([frozen])


@contextmanager
def converter_errors(log: Path) -> Iterator[None]:
    """Turn what TensorFlow raises inside the block into a ConvertError of one line.

    The traceback goes to the log.
    """
    try:
        yield
    # ConverterError derives straight from Exception; freezing and calibrating raise the others.
    except (RuntimeError, ValueError, TypeError, _converter_error()) as error:
        with log.open("a", encoding="utf-8") as file:
            file.write(traceback.format_exc())
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ConvertError(
            f"the network cannot be converted: {reason[:200]} (the converter's log is {log})"
        ) from error


def _converter_error() -> type[Exception]:
    from tensorflow.lite.python.convert_phase import ConverterError

    error: type[Exception] = ConverterError
    return error


def _check_shape(network: Any, spec: InputSpec) -> None:
    wanted = (spec.height, spec.width, spec.channels)
    shape = tuple(network.input_shape[1:])
    if shape != wanted:
        raise ConvertError(f"the network takes pictures of {shape}, the run says {wanted}")
