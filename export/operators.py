"""What a flatbuffer computes with: its operators, tensors, scales; nothing may be float."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from bundle.manifest import InputSpec
from export.errors import FloatLeftoverError, QuantizeError
from export.runtime import open_interpreter

_FLOATS = (np.float16, np.float32, np.float64)


@dataclass(frozen=True, slots=True)
class QuantizedFacts:
    """What is known of an int8 model after it was checked.

    `operators` counts them by name, `outside` those that XNNPACK leaves to the interpreter's own
    kernels; `output_scale` is the value of one quantization step of the logits.
    """

    operators: Mapping[str, int]
    output_dtype: str
    output_scale: float
    outside: Mapping[str, int] = field(default_factory=dict)


def check_quantized(model: bytes, spec: InputSpec, labels: int) -> QuantizedFacts:
    """Refuse a model with float leftovers or whose input is not the plain pixels.

    Raises FloatLeftoverError, QuantizeError.
    """
    interpreter = open_interpreter(model, delegates=False)
    operators = interpreter._get_ops_details()  # noqa: SLF001 (no public list of operators)
    tensors = {int(one["index"]): one for one in interpreter.get_tensor_details()}
    _check_leftovers(operators, tensors)
    _check_input(interpreter.get_input_details(), spec)
    dtype, scale = _check_output(interpreter.get_output_details(), labels)
    return QuantizedFacts(_count(operators), dtype, scale, _count(_outside(model, operators)))


def _count(operators: Sequence[Any]) -> dict[str, int]:
    counts = Counter(str(operator["op_name"]) for operator in operators)
    return dict(sorted(counts.items()))


def _outside(model: bytes, operators: Sequence[Any]) -> list[Any]:
    """Return the operators that the delegate does not run.

    It lists one operator more for each of its partitions, with all tensors that this reads from
    outside: what is met on the way back from its outputs to these is inside.
    """
    delegated = open_interpreter(model)
    partitions = delegated._get_ops_details()[len(operators) :]  # noqa: SLF001 (as above)
    makers = {
        int(tensor): place for place, one in enumerate(operators) for tensor in one["outputs"]
    }
    inside: set[int] = set()
    for partition in partitions:
        known = {int(tensor) for tensor in partition["inputs"]}
        ways = [int(tensor) for tensor in partition["outputs"]]
        while ways:
            tensor = ways.pop()
            if tensor in makers and tensor not in known:
                known.add(tensor)
                inside.add(makers[tensor])
                ways.extend(int(source) for source in operators[makers[tensor]]["inputs"])
    return [one for place, one in enumerate(operators) if place not in inside]


def _check_leftovers(operators: list[Any], tensors: Mapping[int, Any]) -> None:
    floats = {index for index, one in tensors.items() if np.dtype(one["dtype"]) in _FLOATS}
    names = set()
    for operator in operators:
        touched = {int(i) for i in (*operator["inputs"], *operator["outputs"])}
        if touched & floats or str(operator["op_name"]).startswith("Flex"):
            names.add(str(operator["op_name"]))
    if names:
        raise FloatLeftoverError(sorted(names))


def _check_input(inputs: list[Any], spec: InputSpec) -> None:
    wanted = (1, spec.height, spec.width, spec.channels)
    if len(inputs) != 1:
        raise QuantizeError(f"the int8 model has {len(inputs)} inputs; it must have one")
    shape, dtype = tuple(int(side) for side in inputs[0]["shape"]), np.dtype(inputs[0]["dtype"])
    if shape != wanted or dtype != np.uint8:
        raise QuantizeError(f"the int8 model takes {dtype} of {shape}, not uint8 of {wanted}")
    scale, zero_point = inputs[0]["quantization"]
    if not np.isclose(scale, 1.0, rtol=1e-5, atol=0.0) or zero_point != 0:
        raise QuantizeError(
            f"the int8 model's input has scale {scale:.6g} and zero point {zero_point}, not 1 and "
            "0, so the device would have to do more than copy pixels: the calibration pictures "
            "must reach from 0 to 255 and the scaling must be a layer of the network"
        )


def _check_output(outputs: list[Any], labels: int) -> tuple[str, float]:
    if len(outputs) != 1:
        raise QuantizeError(f"the int8 model has {len(outputs)} outputs; it must have one")
    shape, dtype = tuple(int(side) for side in outputs[0]["shape"]), np.dtype(outputs[0]["dtype"])
    scale = float(outputs[0]["quantization"][0])
    if shape != (1, labels) or dtype not in (np.int8, np.uint8) or not scale > 0:
        raise QuantizeError(
            f"the int8 model gives {dtype} of {shape} with scale {scale:.6g}, not {labels} "
            "quantized logits"
        )
    return str(dtype), scale
