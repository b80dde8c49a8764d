"""Run a TFLite flatbuffer on the workstation, as the device will."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bundle.prepare import Pixels
from export.errors import ExportError


class FlatbufferModel:
    """One model, float or int8: prepared pixels in, float32 logits out."""

    def __init__(self, model: bytes, threads: int = 1) -> None:
        """Load the model with XNNPACK. Raises ExportError."""
        self._interpreter = open_interpreter(model, threads)
        self._input = self._interpreter.get_input_details()[0]
        self._output = self._interpreter.get_output_details()[0]

    def logits(self, prepared: Pixels) -> NDArray[np.float32]:
        """Return the (labels,) logits of one prepared (height, width, channels) picture."""
        picture = prepared[np.newaxis].astype(self._input["dtype"])
        self._interpreter.set_tensor(self._input["index"], picture)
        self.invoke()
        raw = self._interpreter.get_tensor(self._output["index"])[0]
        scale, zero_point = self._output["quantization"]
        if raw.dtype == np.float32:
            return np.asarray(raw, np.float32)
        steps = np.asarray(raw, np.float32) - np.float32(zero_point)
        return np.asarray(steps * np.float32(scale), np.float32)

    def invoke(self) -> None:
        """Run the model on what its input holds. Raises ExportError."""
        try:
            self._interpreter.invoke()
        except (RuntimeError, ValueError) as error:
            raise ExportError(f"the model failed on a picture: {error}") from error


def open_interpreter(model: bytes, threads: int = 1, *, delegates: bool = True) -> Any:
    """Return a LiteRT interpreter with its tensors allocated. Raises ExportError.

    Without `delegates` its operators can be listed; with them XNNPACK hides those it runs.
    """
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    kind = OpResolverType.AUTO if delegates else OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    try:
        interpreter = Interpreter(
            model_content=model, num_threads=threads, experimental_op_resolver_type=kind
        )
        interpreter.allocate_tensors()
    except (RuntimeError, ValueError) as error:
        raise ExportError(f"the model cannot be loaded: {error}") from error
    return interpreter
