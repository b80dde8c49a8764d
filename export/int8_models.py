"""The int8 models of one export, each made once: what the ladder judged is what is packed."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bundle.manifest import InputSpec
from bundle.prepare import Pixels
from export.convert import load_network
from export.quantize import to_int8


class Int8Models:
    """Makes int8 models of networks in files, and remembers them as long as it lives."""

    def __init__(self) -> None:
        """Begin with none."""
        self._made: dict[str, bytes] = {}

    def make(
        self,
        path: Path,
        frames: Sequence[Pixels],
        spec: InputSpec,
        log: Path,
        network: Any = None,
    ) -> bytes:
        """Return what `to_int8` makes of the network in `path`, and raise as it does.

        It is one and the same for the same file, calibration frames and input. `network` is what
        the file holds; it is loaded unless it is at hand.
        """
        key = _key(path, frames, spec)
        if key not in self._made:
            loaded = load_network(path, log) if network is None else network
            self._made[key] = to_int8(loaded, frames, spec, log)
        return self._made[key]


def _key(path: Path, frames: Sequence[Pixels], spec: InputSpec) -> str:
    digest = hashlib.sha256(spec.model_dump_json().encode())
    digest.update(hashlib.sha256(path.read_bytes()).digest())
    for frame in frames:
        digest.update(f"{frame.shape} {frame.dtype}".encode() + frame.tobytes())
    return digest.hexdigest()
