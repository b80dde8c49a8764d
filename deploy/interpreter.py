"""The new model in an interpreter: only ever used in a child process.

The agent's engine is not used here: deploy knows no agent. Both are held to the same golden
frames, so they cannot differ unseen.
"""

from __future__ import annotations

import importlib
import re
from contextlib import suppress
from dataclasses import dataclass
from importlib import metadata
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deploy.errors import ProbeError

_LIBRARIES = (
    ("ai_edge_litert.interpreter", "ai-edge-litert", "LiteRT"),
    ("tflite_runtime.interpreter", "tflite-runtime", "tflite_runtime"),
)
# What compilers for other processors put into a model.
_FOREIGN = re.compile(r"unresolved custom op: ([\w.-]*\w)")
# What the runtimes say of an operator, or a version of one, that came after them.
_TOO_NEW = ("Didn't find op for builtin opcode", "Op builtin_code out of range", "schema version")


@dataclass(frozen=True, slots=True)
class Library:
    """The interpreter's module, and its name with its version."""

    module: Any
    name: str


class Interpreter:
    """One model: a uint8 picture in, float32 logits out."""

    def __init__(self, model: bytes, library: Library, threads: int) -> None:
        """Load the flatbuffer. Raises ProbeError."""
        try:
            self._runtime: Any = library.module.Interpreter(
                model_content=model, num_threads=threads
            )
            self._runtime.allocate_tensors()
        except (RuntimeError, ValueError) as error:
            raise ProbeError(_refusal(error, library.name)) from error
        self._input = _only(self._runtime.get_input_details(), "inputs")
        self._output = _only(self._runtime.get_output_details(), "outputs")
        self._check_output()

    @property
    def shape(self) -> tuple[int, ...]:
        """Return the shape of the picture it takes: (height, width, channels)."""
        shape = tuple(int(side) for side in self._input["shape"])
        if len(shape) != 4 or shape[0] != 1 or np.dtype(self._input["dtype"]) != np.uint8:
            raise ProbeError(
                f"the model takes {np.dtype(self._input['dtype'])} of shape {shape}; it must take "
                "one picture of uint8: export it with `linewarden export`"
            )
        return shape[1:]

    def infer(self, picture: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Judge one prepared picture; returns (labels,) logits. Raises ProbeError."""
        try:
            self._runtime.set_tensor(self._input["index"], picture[np.newaxis])
            self._runtime.invoke()
            raw = self._runtime.get_tensor(self._output["index"])[0]
        except (RuntimeError, ValueError) as error:
            raise ProbeError(f"the model fails on a picture: {_one_line(error)}") from error
        scale, zero_point = self._scaling
        logits: NDArray[np.float32] = (raw.astype(np.float32) - zero_point) * scale
        return logits

    @property
    def _scaling(self) -> tuple[np.float32, np.float32]:
        if np.dtype(self._output["dtype"]) == np.float32:
            return np.float32(1.0), np.float32(0.0)
        scale, zero_point = self._output["quantization"]
        return np.float32(scale), np.float32(zero_point)

    def _check_output(self) -> None:
        shape, dtype = tuple(self._output["shape"]), np.dtype(self._output["dtype"])
        known = dtype in (np.dtype(np.int8), np.dtype(np.uint8), np.dtype(np.float32))
        if len(shape) != 2 or shape[0] != 1 or not known or self._scaling[0] <= 0:
            raise ProbeError(
                f"the model gives {dtype} of shape {shape}; it must give one row of logits: "
                "export it with `linewarden export`"
            )


def find_library() -> Library:
    """Return the interpreter that is installed here. Raises ProbeError."""
    for module, package, title in _LIBRARIES:
        with suppress(ImportError):  # PackageNotFoundError is one, too
            return Library(importlib.import_module(module), f"{title} {metadata.version(package)}")
    raise ProbeError(
        "neither ai-edge-litert nor tflite-runtime is installed: "
        "pip install linewarden, or linewarden[tflite-runtime] on 32-bit systems"
    )


def _refusal(error: Exception, name: str) -> str:
    text = _one_line(error)
    if any(sign in text for sign in _TOO_NEW):
        return (
            f"the model needs a newer interpreter than {name} ({text}): "
            "update linewarden, or export the model for this version"
        )
    if foreign := _FOREIGN.search(text):
        return (
            f"the model was made for another processor than this board's ({foreign[1]}): "
            "ask for the bundle as `linewarden export` makes it"
        )
    return f"{name} refuses the model: {text}: is it made for linewarden? Export it again"


def _only(details: Any, what: str) -> Any:
    if len(details) != 1:
        raise ProbeError(f"the model has {len(details)} {what}; it must have one")
    return details[0]


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:300] or "no reason given"
