"""Shorten a TFLite flatbuffer to its first operators, by changing a few numbers in it."""

from __future__ import annotations

import struct
from collections.abc import Sequence

from agent.errors import ModelError

# Field numbers in the schema of TensorFlow Lite, version 3: tables only ever grow at their end.
_MODEL_SUBGRAPHS, _MODEL_SIGNATURES = 2, 7
_GRAPH_OUTPUTS, _GRAPH_OPERATORS = 2, 3


def cut_after(model: bytes, operators: int, outputs: Sequence[int]) -> bytes:
    """Return the model with only its first `operators`, giving the tensors `outputs`.

    Nothing is written anew: the vector of operators is declared shorter, and the vector of
    outputs is replaced by one at the end. So no library is needed that knows the format, which
    a board with tflite_runtime lacks. Raises ModelError.
    """
    data = bytearray(model)
    try:
        _shorten(data, operators, outputs)
    except (struct.error, IndexError) as error:
        raise ModelError("the model's flatbuffer cannot be read, so not profiled either") from error
    return bytes(data)


def _shorten(data: bytearray, operators: int, outputs: Sequence[int]) -> None:
    root = _u32(data, 0)
    graphs = _vector(data, root, _MODEL_SUBGRAPHS)
    signatures = _field(data, root, _MODEL_SIGNATURES)
    if graphs is None or _u32(data, graphs) != 1:
        raise ModelError("only a model of one subgraph can be profiled")
    if signatures is not None:  # they name outputs which are no longer computed
        struct.pack_into("<I", data, signatures + _u32(data, signatures), 0)
    graph = graphs + 4 + _u32(data, graphs + 4)
    nodes = _vector(data, graph, _GRAPH_OPERATORS)
    place = _field(data, graph, _GRAPH_OUTPUTS)
    if nodes is None or place is None or operators > _u32(data, nodes):
        raise ModelError(f"the model has no {operators} operators to keep")
    struct.pack_into("<I", data, nodes, operators)
    data.extend(bytes(-len(data) % 4))
    struct.pack_into("<I", data, place, len(data) - place)
    data.extend(struct.pack(f"<I{len(outputs)}i", len(outputs), *outputs))


def _field(data: bytearray, table: int, number: int) -> int | None:
    """Return where a field of a table lies, or None when it is left out."""
    vtable = table - int(struct.unpack_from("<i", data, table)[0])
    entry = 4 + 2 * number
    if entry >= struct.unpack_from("<H", data, vtable)[0]:
        return None
    offset = int(struct.unpack_from("<H", data, vtable + entry)[0])
    return table + offset if offset else None


def _vector(data: bytearray, table: int, number: int) -> int | None:
    """Return where the vector lies to which a field points."""
    place = _field(data, table, number)
    return None if place is None else place + _u32(data, place)


def _u32(data: bytearray, place: int) -> int:
    return int(struct.unpack_from("<I", data, place)[0])
