"""Runs a TFLite model on batches of prepared pictures; needs no TensorFlow."""

from __future__ import annotations

import importlib.util
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.errors import ModelError

_RUNTIMES = ("ai_edge_litert.interpreter", "tflite_runtime.interpreter")


class TfliteModel:
    """A model of uint8 pictures (1, height, width, channels) to logits, int8 or float."""

    def __init__(self, model: bytes, threads: int = 2) -> None:
        try:
            self._interpreter = _interpreter_class()(model_content=model, num_threads=threads)
            self._interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            raise ModelError(f"the TFLite model cannot be loaded: {error}") from error
        inputs, outputs = (
            self._interpreter.get_input_details(),
            self._interpreter.get_output_details(),
        )
        if len(inputs) != 1 or len(outputs) != 1 or inputs[0]["dtype"] != np.uint8:
            raise ModelError("the TFLite model must take one picture of uint8 and give one output")
        self._input, self._output = inputs[0], outputs[0]

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Return (height, width, channels)."""
        return tuple(int(side) for side in self._input["shape"][1:])

    def infer(self, batch: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return logits of shape (pictures, labels), dequantized. Raises ModelError."""
        if batch.dtype != np.uint8 or batch.shape[1:] != self.input_shape:
            raise ModelError(
                f"the model takes uint8 pictures of {self.input_shape}, "
                f"not {batch.dtype} of {batch.shape[1:]}"
            )
        return np.stack([self._infer_one(picture) for picture in batch])

    def _infer_one(self, picture: NDArray[np.uint8]) -> NDArray[np.float32]:
        self._interpreter.set_tensor(self._input["index"], picture[np.newaxis])
        self._interpreter.invoke()
        raw = self._interpreter.get_tensor(self._output["index"])[0]
        if raw.dtype == np.float32:
            return np.array(raw, np.float32)
        scale, zero = self._output["quantization"]
        return np.asarray((raw.astype(np.float32) - zero) * scale, np.float32)


def _interpreter_class() -> Any:
    for name in _RUNTIMES:
        if importlib.util.find_spec(name.partition(".")[0]) is not None:
            return importlib.import_module(name).Interpreter
    raise ModelError("a TFLite model needs ai-edge-litert or tflite-runtime: install one of them")
