"""The interpreter itself, without the engine port: its nodes, its delegate, models in parts."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from agent.errors import ModelError

_LIBRARIES = ("ai_edge_litert.interpreter", "tflite_runtime.interpreter")


@dataclass(frozen=True, slots=True)
class Node:
    """One operator of the graph, in the order in which it runs."""

    index: int
    type: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    shape: tuple[int, ...]
    in_delegate: bool


@dataclass(frozen=True, slots=True)
class Tensor:
    """What the model takes or gives; `type` is NumPy's name of it."""

    index: int
    type: str
    shape: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Graph:
    """The operators of a model, the tensors it takes and gives, and the delegate's partitions."""

    nodes: tuple[Node, ...]
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    partitions: int


def find_library() -> Any:
    """Import LiteRT or tflite_runtime and return its module. Raises ModelError."""
    for module in _LIBRARIES:
        with suppress(ImportError):
            return importlib.import_module(module)
    raise ModelError("neither ai-edge-litert nor tflite-runtime is installed")


def read_graph(model: bytes) -> Graph:
    """Return the operators of a model and which of them the delegate runs. Raises ModelError."""
    plain = _open(model, 1, delegates=False)
    delegated = _open(model, 1)
    listed = plain._get_ops_details()  # noqa: SLF001 (no public list of operators)
    # The interpreter keeps the replaced nodes and lists one node for each partition after them.
    partitions = delegated._get_ops_details()[len(listed) :]  # noqa: SLF001
    inside = nodes_inside(listed, partitions)
    shapes = {int(one["index"]): _shape(one) for one in plain.get_tensor_details()}
    nodes = tuple(
        Node(
            index=index,
            type=str(one["op_name"]),
            inputs=_tensors(one["inputs"]),
            outputs=_tensors(one["outputs"]),
            shape=shapes.get(int(one["outputs"][0]), ()),
            in_delegate=index in inside,
        )
        for index, one in enumerate(listed)
    )
    return Graph(
        nodes=nodes,
        inputs=tuple(_tensor(one) for one in plain.get_input_details()),
        outputs=tuple(_tensor(one) for one in plain.get_output_details()),
        partitions=len(partitions),
    )


def nodes_inside(nodes: Sequence[Any], partitions: Sequence[Any]) -> set[int]:
    """Return which nodes the partitions replace.

    No list of them can be asked for. But a partition names all tensors that it reads from
    outside, so what is met on the way back from its outputs to these is inside.
    """
    producer = {tensor: index for index, one in enumerate(nodes) for tensor in one["outputs"]}
    inside: set[int] = set()
    for partition in partitions:
        known = set(_tensors(partition["inputs"]))
        ways = list(_tensors(partition["outputs"]))
        while ways:
            tensor = ways.pop()
            if tensor in known or tensor not in producer:
                continue
            known.add(tensor)
            inside.add(producer[tensor])
            ways.extend(_tensors(nodes[producer[tensor]]["inputs"]))
    return inside


def open_part(model: bytes, threads: int) -> Callable[[], None]:
    """Load a part of a model with the delegate and return what runs it once."""
    interpreter = _open(model, threads)

    def invoke() -> None:
        try:
            interpreter.invoke()
        except (RuntimeError, ValueError) as error:
            raise ModelError(f"a part of the model does not run: {_one_line(error)}") from error

    return invoke


def _open(model: bytes, threads: int, *, delegates: bool = True) -> Any:
    library = find_library()
    kinds = library.OpResolverType
    kind = kinds.AUTO if delegates else kinds.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    try:
        interpreter = library.Interpreter(
            model_content=model, num_threads=threads, experimental_op_resolver_type=kind
        )
        interpreter.allocate_tensors()
    except (RuntimeError, ValueError) as error:
        raise ModelError(f"the interpreter refuses the model: {_one_line(error)}") from error
    return interpreter


def _tensor(detail: Any) -> Tensor:
    return Tensor(int(detail["index"]), detail["dtype"].__name__, _shape(detail))


def _shape(detail: Any) -> tuple[int, ...]:
    return tuple(int(side) for side in detail["shape"])


def _tensors(indices: Any) -> tuple[int, ...]:
    return tuple(int(index) for index in indices if int(index) >= 0)  # -1: an input left out


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()) or "no reason given"
