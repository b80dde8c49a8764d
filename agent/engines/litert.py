"""int8 models on LiteRT with XNNPACK; falls back to tflite_runtime where LiteRT has no wheel."""

from __future__ import annotations

import importlib
import os
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import metadata
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from agent.errors import EngineError

_LIBRARIES = (
    ("ai_edge_litert.interpreter", "ai-edge-litert", "LiteRT"),
    ("tflite_runtime.interpreter", "tflite-runtime", "tflite_runtime"),
)
_CHATTER = b"Created TensorFlow Lite XNNPACK delegate"


class LitertEngine:
    """One model in one interpreter: uint8 picture in, float32 logits out."""

    # File descriptor 2 is redirected while a model loads: one load at a time.
    _loading: ClassVar[threading.Lock] = threading.Lock()

    def __init__(self, model: bytes, threads: int = 1) -> None:
        """Load the flatbuffer. Raises EngineError with one line."""
        if threads < 1:
            raise EngineError(f"an engine needs at least one thread, not {threads}")
        library, self.name = _find_library()
        with self._loading, _without_chatter():
            self._interpreter: Any = _load(library, model, threads)
        self._input = _input_index(self._interpreter)
        self._output, self._scale, self._zero_point = _output_facts(self._interpreter)

    def input_view(self) -> NDArray[np.uint8]:
        """Return the (height, width, channels) input buffer; let go of it before `infer`."""
        if self._interpreter is None:
            raise EngineError("the engine is closed")
        view: NDArray[np.uint8] = self._interpreter.tensor(self._input)()[0]
        return view

    def infer(self) -> NDArray[np.float32]:
        """Run the model on the input buffer; returns a fresh (labels,) array of logits."""
        if self._interpreter is None:
            raise EngineError("the engine is closed")
        try:
            self._interpreter.invoke()
            raw = self._interpreter.get_tensor(self._output)[0]
        except (RuntimeError, ValueError) as error:
            raise EngineError(f"the model failed on a picture: {_one_line(error)}") from error
        logits: NDArray[np.float32] = (raw.astype(np.float32) - self._zero_point) * self._scale
        return logits

    def close(self) -> None:
        """Free the interpreter; harmless when that was done before."""
        self._interpreter = None


def _find_library() -> tuple[Any, str]:
    """Return the interpreter's module and its name with version."""
    for module, package, title in _LIBRARIES:
        with suppress(ImportError):  # PackageNotFoundError is one, too
            return importlib.import_module(module), f"{title} {metadata.version(package)}"
    raise EngineError(
        "neither ai-edge-litert nor tflite-runtime is installed: "
        "pip install linewarden, or linewarden[tflite-runtime] on 32-bit systems"
    )


def _load(library: Any, model: bytes, threads: int) -> Any:
    try:
        interpreter = library.Interpreter(model_content=model, num_threads=threads)
        interpreter.allocate_tensors()
    except (RuntimeError, ValueError) as error:
        raise EngineError(f"the interpreter refuses the model: {_one_line(error)}") from error
    return interpreter


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()) or "no reason given"


def _shape(detail: Any) -> tuple[int, ...]:
    return tuple(int(side) for side in detail["shape"])


def _input_index(interpreter: Any) -> int:
    inputs = interpreter.get_input_details()
    if len(inputs) != 1:
        raise EngineError(f"the model has {len(inputs)} inputs; it must have one")
    shape, dtype = _shape(inputs[0]), np.dtype(inputs[0]["dtype"])
    if len(shape) != 4 or shape[0] != 1 or dtype != np.uint8:
        raise EngineError(
            f"the model takes {dtype} of shape {shape}; it must take one picture of uint8"
        )
    return int(inputs[0]["index"])


def _output_facts(interpreter: Any) -> tuple[int, np.float32, np.float32]:
    """Return index, scale and zero point of the logits."""
    outputs = interpreter.get_output_details()
    if len(outputs) != 1:
        raise EngineError(f"the model has {len(outputs)} outputs; it must have one")
    shape, dtype = _shape(outputs[0]), np.dtype(outputs[0]["dtype"])
    if len(shape) != 2 or shape[0] != 1:
        raise EngineError(f"the model gives shape {shape}; it must give one row of logits")
    scale, zero_point = outputs[0]["quantization"]
    if dtype == np.float32:
        scale, zero_point = 1.0, 0
    elif dtype not in (np.dtype(np.int8), np.dtype(np.uint8)) or scale <= 0:
        raise EngineError(f"the model gives {dtype} without a scale; logits cannot be read from it")
    return int(outputs[0]["index"]), np.float32(scale), np.float32(zero_point)


@contextmanager
def _without_chatter() -> Iterator[None]:
    """Hold back the runtime's INFO line about its delegate, and pass on all else.

    The line comes from C++ straight to file descriptor 2 and no setting silences it (LiteRT
    2.3), but it would run through the technician's live view. What other threads print
    meanwhile comes out after the load.
    """
    try:
        stderr = os.dup(2)
    except OSError:  # a service without stderr
        yield
        return
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(stderr, 2)
            held.seek(0)
            for line in held:
                if _CHATTER not in line:
                    os.write(stderr, line)
            os.close(stderr)
