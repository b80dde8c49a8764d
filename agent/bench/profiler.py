"""Run a model under LiteRT's own profiler, over its C interface: a child process of `bench`."""

from __future__ import annotations

import ctypes
import json
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

WARM_UPS = 10

# tflite::Profiler::EventType: a node which the interpreter ran, and one inside of a delegate.
NODE_EVENT, DELEGATE_EVENT = 1 << 1, 1 << 3
_CPU = 1  # kLiteRtHwAcceleratorCpu


class _Layout(ctypes.Structure):
    _fields_ = (
        ("rank", ctypes.c_uint, 7),
        ("has_strides", ctypes.c_uint, 1),
        ("dimensions", ctypes.c_int32 * 8),
        ("strides", ctypes.c_uint32 * 8),
    )


class _TensorType(ctypes.Structure):
    _fields_ = (("element_type", ctypes.c_int), ("layout", _Layout))


class _Event(ctypes.Structure):
    _fields_ = (
        ("tag", ctypes.c_char_p),
        ("type", ctypes.c_int),
        ("start_us", ctypes.c_uint64),
        ("elapsed_us", ctypes.c_uint64),
        ("memory", ctypes.c_size_t * 6),  # before and after
        ("node", ctypes.c_uint64),
        ("graph", ctypes.c_uint64),
        ("source", ctypes.c_int),
    )


class Runtime:
    """One compiled model with its profiler. What it takes from the library lives until exit."""

    def __init__(self, library: Path, model: bytes, threads: int) -> None:
        """Load and compile the model for the processor. Raises RuntimeError."""
        self._library = ctypes.CDLL(str(library))
        self._kept: list[Any] = [ctypes.create_string_buffer(model, len(model))]
        self._environment = self._made("LiteRtCreateEnvironment", 0, None)
        size = ctypes.c_size_t(len(model))
        loaded = self._made("LiteRtCreateModelFromBuffer", self._environment, self._kept[0], size)
        options = self._made("LiteRtCreateOptions")
        self._call("LiteRtSetOptionsHardwareAccelerators", options, _CPU)
        self._add(options, b"runtime_options_string", b"enable_profiling = true\n")
        self._add(options, b"xnnpack", b"num_threads = %d\n" % threads)
        self._model = self._made("LiteRtCreateCompiledModel", self._environment, loaded, options)
        self._profiler = self._made("LiteRtCompiledModelGetProfiler", self._model)

    def make_buffer(self, side: str, element_type: int, shape: list[int]) -> ctypes.c_void_p:
        """Return a buffer for the model's only Input or Output."""
        kind = _TensorType(element_type)
        kind.layout.rank = len(shape)
        kind.layout.dimensions[: len(shape)] = shape
        first = ctypes.c_size_t(0)
        needs = self._made(
            f"LiteRtGetCompiledModel{side}BufferRequirements", self._model, first, first
        )
        maker = "LiteRtCreateManagedTensorBufferFromRequirements"
        return self._made(maker, self._environment, ctypes.byref(kind), needs)

    def profile(
        self, taken: ctypes.c_void_p, given: ctypes.c_void_p, runs: int
    ) -> list[dict[str, Any]]:
        """Run the model and return the events of its nodes, in the order in which they came."""
        one = ctypes.c_size_t(1)
        sides = (one, ctypes.byref(taken), one, ctypes.byref(given))
        for turn in range(WARM_UPS + runs):
            if turn == WARM_UPS:
                self._call("LiteRtStartProfiler", self._profiler)
            self._call("LiteRtRunCompiledModel", self._model, ctypes.c_size_t(0), *sides)
        self._call("LiteRtStopProfiler", self._profiler)
        count = ctypes.c_int()
        self._call("LiteRtGetNumProfilerEvents", self._profiler, ctypes.byref(count))
        events = (_Event * count.value)()
        self._call("LiteRtGetProfilerEvents", self._profiler, count, events)
        return [
            {
                "name": event.tag.decode("utf-8", "replace"),
                "node": event.node if event.type == NODE_EVENT else None,
                "us": event.elapsed_us,
            }
            for event in events
            if event.type in (NODE_EVENT, DELEGATE_EVENT)
        ]

    def _add(self, options: ctypes.c_void_p, name: bytes, text: bytes) -> None:
        payload = ctypes.create_string_buffer(text)
        release = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(lambda _payload: None)
        self._kept += [payload, release]
        opaque = self._made("LiteRtCreateOpaqueOptions", name, payload, release)
        self._call("LiteRtAddOpaqueOptions", options, opaque)

    def _made(self, name: str, *arguments: Any) -> ctypes.c_void_p:
        """Call a function whose last argument is where it puts a pointer."""
        made = ctypes.c_void_p()
        self._call(name, *arguments, ctypes.byref(made))
        return made

    def _call(self, name: str, *arguments: Any) -> None:
        try:
            function = getattr(self._library, name)
        except AttributeError as error:
            raise RuntimeError(f"this LiteRT has no {name}") from error
        status = function(*arguments)
        if status:
            raise RuntimeError(f"{name} answers {status}")


def find_runtime() -> Path | None:
    """Return LiteRT's shared library, or None where there is none."""
    spec = find_spec("ai_edge_litert")
    if spec is None or spec.origin is None:
        return None
    library = Path(spec.origin).with_name("libLiteRt.so")
    return library if library.exists() else None


def main() -> None:
    """Read the model from stdin, print its nodes' events as JSON; the argument is the order."""
    order = json.loads(sys.argv[1])
    runtime = Runtime(Path(order["library"]), sys.stdin.buffer.read(), order["threads"])
    taken = runtime.make_buffer("Input", *order["input"])
    given = runtime.make_buffer("Output", *order["output"])
    sys.stdout.write(json.dumps(runtime.profile(taken, given, order["runs"])))


if __name__ == "__main__":
    main()
